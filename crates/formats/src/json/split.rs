//! A stream of JSON to the text of its rows, one at a time.

use crate::{FormatError, Place};
use std::io::{ErrorKind, Read};

const READ_BYTES: usize = 256 << 10;

/// No row is that long; a bracket that is never closed makes one.
const MOST_ROW_BYTES: usize = 64 << 20;

/// How rows stand in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Each on a line of its own
    Lines,
    /// In one array; objects without an array around them are rows too
    Array,
}

/// The text of one row.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) bytes: Vec<u8>,
    /// The line on which it starts, from 1
    pub(super) line: u64,
}

pub(super) struct Splitter {
    name: String,
    stream: Box<dyn Read + Send>,
    layout: Layout,
    buffer: Vec<u8>,
    unread: std::ops::Range<usize>,
    line: u64,
    place: PlaceInArray,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceInArray {
    Start,
    /// After `[`
    First,
    /// After an element: a comma or the end
    After,
    /// After a comma
    Next,
    /// Objects without an array
    Bare,
    End,
}

impl Splitter {
    pub(super) fn new(stream: Box<dyn Read + Send>, name: &str, layout: Layout) -> Self {
        let buffer = vec![0; READ_BYTES];
        Self {
            name: name.to_owned(),
            stream,
            layout,
            buffer,
            unread: 0..0,
            line: 1,
            place: PlaceInArray::Start,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Record>, FormatError> {
        match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Array => self.next_element(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Record>, FormatError> {
        loop {
            let mut record = Record {
                bytes: Vec::new(),
                line: self.line,
            };
            let mut is_end = false;
            loop {
                if !self.fill()? {
                    is_end = true;
                    break;
                }
                let unread = &self.buffer[self.unread.clone()];
                let end = unread.iter().position(|byte| *byte == b'\n');
                record
                    .bytes
                    .extend_from_slice(&unread[..end.unwrap_or(unread.len())]);
                self.unread.start += end.map_or(unread.len(), |end| end + 1);
                self.check_length(&record)?;
                if end.is_some() {
                    self.line += 1;
                    break;
                }
            }
            if record.line == 1 && record.bytes.starts_with(b"\xef\xbb\xbf") {
                record.bytes.drain(..3);
            }
            if record.bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(record));
            }
            if is_end {
                return Ok(None);
            }
        }
    }

    fn next_element(&mut self) -> Result<Option<Record>, FormatError> {
        use PlaceInArray::*;
        loop {
            let Some(byte) = self.peek()? else {
                return match self.place {
                    Start | Bare | End => Ok(None),
                    First | After | Next => {
                        Err(self.error("the array is not closed: the file is cut off".to_owned()))
                    }
                };
            };
            match (self.place, byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => self.skip(),
                (Start, 0xef) if self.buffer[self.unread.clone()].starts_with(b"\xef\xbb\xbf") => {
                    self.unread.start += 3
                }
                (Start, b'[') => {
                    self.skip();
                    self.place = First;
                }
                (Start, b'{') => self.place = Bare,
                (Start, _) => {
                    return Err(
                        self.error("it does not start with an array or an object".to_owned())
                    );
                }
                (First | After, b']') => {
                    self.skip();
                    self.place = End;
                }
                (After, b',') => {
                    self.skip();
                    self.place = Next;
                }
                (After, _) => {
                    return Err(self.error("there is no comma between two rows".to_owned()));
                }
                (End, _) => {
                    return Err(
                        self.error("there is something after the end of the array".to_owned())
                    );
                }
                (First | Next | Bare, _) => {
                    let record = self.element()?;
                    if self.place != Bare {
                        self.place = After;
                    }
                    return Ok(Some(record));
                }
            }
        }
    }

    /// One value: up to its last bracket, or to what can't belong to it.
    fn element(&mut self) -> Result<Record, FormatError> {
        let mut record = Record {
            bytes: Vec::new(),
            line: self.line,
        };
        let (mut depth, mut in_text, mut escaped) = (0u32, false, false);
        while let Some(byte) = self.peek()? {
            if !in_text
                && depth == 0
                && !record.bytes.is_empty()
                && matches!(byte, b',' | b']' | b'\n')
            {
                break;
            }
            self.skip();
            record.bytes.push(byte);
            if in_text {
                in_text = byte != b'"' || escaped;
                escaped = byte == b'\\' && !escaped;
            } else {
                match byte {
                    b'"' => in_text = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth == 0 && matches!(byte, b'}' | b']') {
                    break;
                }
            }
            self.check_length(&record)?;
        }
        Ok(record)
    }

    fn check_length(&self, record: &Record) -> Result<(), FormatError> {
        if record.bytes.len() <= MOST_ROW_BYTES {
            return Ok(());
        }
        let message = format!("a row has more than {} MiB", MOST_ROW_BYTES >> 20);
        Err(FormatError::malformed(&self.name, message).at(Place::Line(record.line)))
    }

    fn peek(&mut self) -> Result<Option<u8>, FormatError> {
        Ok(if self.fill()? {
            Some(self.buffer[self.unread.start])
        } else {
            None
        })
    }

    fn skip(&mut self) {
        self.line += u64::from(self.buffer[self.unread.start] == b'\n');
        self.unread.start += 1;
    }

    /// Is there anything unread? Reads more where nothing is.
    fn fill(&mut self) -> Result<bool, FormatError> {
        while self.unread.is_empty() {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(n_bytes) => self.unread = 0..n_bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FormatError::io(&self.name, error)),
            }
        }
        Ok(true)
    }

    fn error(&self, message: String) -> FormatError {
        FormatError::malformed(&self.name, message).at(Place::Line(self.line))
    }
}
