//! The records of a stream, one at a time.

use super::column::Column;
use super::plain::Plain;
use crate::lines::LinesBuilder;
use crate::{FormatError, Place};
use csv_core::ReadRecordResult;
use std::io::{ErrorKind, Read};

const READ_BYTES: usize = 256 << 10;

/// No record is that long; a quote that is never closed makes one.
const MOST_RECORD_BYTES: usize = 64 << 20;

/// A stream, its parser, and the record that was read last.
pub(super) struct Records {
    name: String,
    stream: Box<dyn Read + Send>,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    /// The unread part of `buffer`
    unread: std::ops::Range<usize>,
    plain: Plain,
    /// The cells of the record without quotes, one after another
    cells: Vec<u8>,
    n_bytes: usize,
    ends: Vec<usize>,
    n_cells: usize,
    /// The record as it stands in the file, with what was left of the line before
    raw: Vec<u8>,
    /// The line on which the record starts
    pub(super) line: u64,
    next_line: u64,
}

impl Records {
    pub(super) fn new(stream: Box<dyn Read + Send>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stream,
            parser: csv_core::Reader::new(),
            buffer: vec![0; READ_BYTES],
            unread: 0..0,
            plain: Plain::default(),
            cells: vec![0; 4096],
            n_bytes: 0,
            ends: vec![0; 64],
            n_cells: 0,
            raw: Vec::new(),
            line: 1,
            next_line: 1,
        }
    }

    /// Adds to the columns and lines what can be read without the parser, at most so many rows, and says how many these
    /// are.
    pub(super) fn take_plain(
        &mut self,
        columns: &mut [Column],
        lines: Option<&mut LinesBuilder>,
        most_rows: usize,
    ) -> usize {
        let std::ops::Range { start, end } = self.unread;
        let taken = self
            .plain
            .take(&self.buffer, start, end, columns, lines, most_rows);
        self.unread.start = taken.end;
        self.next_line += taken.n_breaks;
        taken.n_rows
    }

    /// Reads the next record; false at the end of the stream.
    pub(super) fn next(&mut self) -> Result<bool, FormatError> {
        (self.n_bytes, self.n_cells) = (0, 0);
        self.raw.clear();
        let mut is_end = false;
        loop {
            if self.unread.is_empty() && !is_end {
                is_end = self.fill()? == 0;
            }
            let input = &self.buffer[self.unread.clone()];
            let (result, n_read, n_bytes, n_ends) = self.parser.read_record(
                input,
                &mut self.cells[self.n_bytes..],
                &mut self.ends[self.n_cells..],
            );
            self.raw.extend_from_slice(&input[..n_read]);
            self.unread.start += n_read;
            self.n_bytes += n_bytes;
            self.n_cells += n_ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
            if self.raw.len() > MOST_RECORD_BYTES {
                self.count_lines();
                let message = format!(
                    "this record has more than {} MiB; a quote is not closed",
                    MOST_RECORD_BYTES >> 20
                );
                return Err(self.error(message));
            }
        }
        self.count_lines();
        if is_end && self.unread.is_empty() && self.has_open_quote() {
            return Err(self.error("a quote opens here and is never closed".to_owned()));
        }
        Ok(true)
    }

    /// Does the record end inside of quotes? The parser takes the end of the file for their end.
    fn has_open_quote(&self) -> bool {
        let opens = |(at, byte): (usize, &u8)| {
            *byte == b'"' && (at == 0 || matches!(self.raw[at - 1], b',' | b'\n'))
        };
        let n_quotes = self.raw.iter().filter(|byte| **byte == b'"').count();
        n_quotes % 2 == 1 && self.raw.iter().enumerate().any(opens)
    }

    fn fill(&mut self) -> Result<usize, FormatError> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(n_bytes) => {
                    self.unread = 0..n_bytes;
                    self.plain.start(&self.buffer[..n_bytes]);
                    return Ok(n_bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FormatError::io(&self.name, error)),
            }
        }
    }

    /// Sets `line`. The raw record may begin with the end of the line before, and empty lines.
    fn count_lines(&mut self) {
        let start = self
            .raw
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b'\n'))
            .unwrap_or(0);
        let breaks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.line = self.next_line + breaks(&self.raw[..start]);
        self.next_line = self.line + breaks(&self.raw[start..]);
        self.raw.drain(..start);
    }

    /// The number of cells, if there are as many as expected and all are UTF-8.
    pub(super) fn check(&self, expected: Option<usize>) -> Result<usize, String> {
        let found = self.n_cells;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            let fields = if expected == 1 { "field" } else { "fields" };
            return Err(format!("expected {expected} {fields}, found {found}"));
        }
        let text = std::str::from_utf8(&self.cells[..self.n_bytes]);
        match text {
            Ok(text)
                if self.ends[..found]
                    .iter()
                    .all(|end| text.is_char_boundary(*end)) =>
            {
                Ok(found)
            }
            _ => {
                let bad = (0..found).find(|index| {
                    let start = if *index == 0 { 0 } else { self.ends[index - 1] };
                    std::str::from_utf8(&self.cells[start..self.ends[*index]]).is_err()
                });
                Err(format!("field {} is not valid UTF-8", bad.unwrap_or(0) + 1))
            }
        }
    }

    /// The cells, after `check`.
    pub(super) fn cells(&self, n_cells: usize) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.cells[..self.n_bytes]).unwrap_or_default();
        let mut start = 0;
        self.ends[..n_cells].iter().map(move |end| {
            let cell = text.get(start..*end).unwrap_or_default();
            start = *end;
            cell
        })
    }

    pub(super) fn text(&self) -> String {
        let raw = &self.raw[..self.raw.len().min(4096)];
        String::from_utf8_lossy(raw)
            .trim_end_matches(['\r', '\n'])
            .to_owned()
    }

    pub(super) fn error(&self, message: String) -> FormatError {
        FormatError::malformed(&self.name, message).at(Place::Line(self.line))
    }
}
