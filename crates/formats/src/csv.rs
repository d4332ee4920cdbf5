//! CSV: every cell as it stands, without its quotes.

use crate::{BadLine, Chunk, FormatError, Place, ReadOptions, Reader};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv_core::ReadRecordResult;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

const READ_BYTES: usize = 256 << 10;

/// No record is that long; a quote that is never closed makes one.
const MOST_RECORD_BYTES: usize = 64 << 20;

pub(crate) fn open(
    stream: Box<dyn Read + Send>,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let mut records = Records::new(stream, &options.name);
    if !records.next()? {
        return Err(FormatError::malformed(
            &options.name,
            "it is empty: there is no header line",
        ));
    }
    let header = records
        .check(None)
        .map_err(|message| records.error(message))?;
    let names: Vec<&str> = records.cells(header).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(records.error(format!("the header has two columns called `{name}`")));
        }
    }
    let columns: Vec<Column> = names
        .iter()
        .map(|name| {
            let wanted = options.wanted.iter().find(|wanted| wanted.name() == name);
            let empty_is_null = wanted.is_some_and(|wanted| {
                wanted.is_nullable() || *wanted.data_type() != DataType::Utf8
            });
            Column::new(empty_is_null)
        })
        .collect();
    let fields = names
        .iter()
        .zip(&columns)
        .map(|(name, column)| Field::new(*name, DataType::Utf8, column.empty_is_null));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batches = Batches {
        records,
        columns,
        schema: schema.clone(),
        options: options.clone(),
        is_over: false,
    };
    Ok(Reader::new(schema, batches))
}

/// One column of the batch that is being read.
struct Column {
    empty_is_null: bool,
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Column {
    fn new(empty_is_null: bool) -> Self {
        Self {
            empty_is_null,
            bytes: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, arrow_schema::ArrowError> {
        let bytes = std::mem::take(&mut self.bytes);
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        self.bytes.reserve(bytes.len());
        let nulls = if self.empty_is_null {
            self.nulls.finish()
        } else {
            None
        };
        self.nulls = NullBufferBuilder::new(0);
        let text = StringArray::try_new(
            OffsetBuffer::new(offsets.into()),
            Buffer::from_vec(bytes),
            nulls,
        )?;
        Ok(Arc::new(text))
    }
}

struct Batches {
    records: Records,
    columns: Vec<Column>,
    schema: SchemaRef,
    options: ReadOptions,
    is_over: bool,
}

impl Iterator for Batches {
    type Item = Result<Chunk, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            None
        } else {
            self.chunk().transpose()
        }
    }
}

impl Batches {
    fn chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let (mut n_rows, mut bad_lines) = (0, Vec::new());
        while n_rows < self.options.batch_rows.max(1) {
            if !self.records.next()? {
                self.is_over = true;
                break;
            }
            match self.records.check(Some(self.columns.len())) {
                Ok(n_cells) => {
                    for (column, cell) in self.columns.iter_mut().zip(self.records.cells(n_cells)) {
                        column.bytes.extend_from_slice(cell.as_bytes());
                        let Ok(end) = i32::try_from(column.bytes.len()) else {
                            let message = "one batch holds more than 2 GiB of text in a column; read fewer rows at a time";
                            return Err(self.records.error(message.to_owned()));
                        };
                        column.offsets.push(end);
                        if column.empty_is_null {
                            column.nulls.append(!cell.is_empty());
                        }
                    }
                    n_rows += 1;
                }
                Err(message) if self.options.skip_bad_lines => {
                    bad_lines.push(BadLine {
                        line: self.records.line,
                        text: self.records.text(),
                        message,
                    });
                }
                Err(message) => return Err(self.records.error(message)),
            }
        }
        if n_rows == 0 && bad_lines.is_empty() {
            return Ok(None);
        }
        let arrow = |error| FormatError::arrow(&self.options.name, error);
        let arrays = self
            .columns
            .iter_mut()
            .map(Column::finish)
            .collect::<Result<_, _>>()
            .map_err(arrow)?;
        let rows = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch =
            RecordBatch::try_new_with_options(self.schema.clone(), arrays, &rows).map_err(arrow)?;
        Ok(Some(Chunk { batch, bad_lines }))
    }
}

/// The records of a stream, one at a time.
struct Records {
    name: String,
    stream: Box<dyn Read + Send>,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    /// The unread part of `buffer`
    unread: std::ops::Range<usize>,
    /// The cells of the record without quotes, one after another
    cells: Vec<u8>,
    n_bytes: usize,
    ends: Vec<usize>,
    n_cells: usize,
    /// The record as it stands in the file, with what was left of the line before
    raw: Vec<u8>,
    /// The line on which the record starts
    line: u64,
    next_line: u64,
}

impl Records {
    fn new(stream: Box<dyn Read + Send>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stream,
            parser: csv_core::Reader::new(),
            buffer: vec![0; READ_BYTES],
            unread: 0..0,
            cells: vec![0; 4096],
            n_bytes: 0,
            ends: vec![0; 64],
            n_cells: 0,
            raw: Vec::new(),
            line: 1,
            next_line: 1,
        }
    }

    /// Reads the next record; false at the end of the stream.
    fn next(&mut self) -> Result<bool, FormatError> {
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
    fn check(&self, expected: Option<usize>) -> Result<usize, String> {
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
    fn cells(&self, n_cells: usize) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.cells[..self.n_bytes]).unwrap_or_default();
        let mut start = 0;
        self.ends[..n_cells].iter().map(move |end| {
            let cell = text.get(start..*end).unwrap_or_default();
            start = *end;
            cell
        })
    }

    fn text(&self) -> String {
        let raw = &self.raw[..self.raw.len().min(4096)];
        String::from_utf8_lossy(raw)
            .trim_end_matches(['\r', '\n'])
            .to_owned()
    }

    fn error(&self, message: String) -> FormatError {
        FormatError::malformed(&self.name, message).at(Place::Line(self.line))
    }
}
