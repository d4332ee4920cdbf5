//! Rows that failed, with the reason: one JSON object on each line.

use crate::failure::{Failure, Result, Status};
use crate::output::{Output, Sink};
use rulestage_formats::BadLine;
use serde_json::Value;
use std::fmt;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A row that has no result, or a line or file that is no row.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(super) place: Place,
    /// Empty for what is no row
    pub(super) stage: String,
    pub(super) code: &'static str,
    /// Rule, let or output; may be empty
    pub(super) origin: String,
    pub(super) message: String,
    /// What was read, as JSON: the row's object without whole files, the line's text, or the file's path and size
    pub(super) input: String,
}

/// Where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Counted from 0 over all inputs
    Row(u64),
    /// Counted from 1 in its file
    Line { file: String, line: u64 },
    /// A file of a folder, which is no row as a whole
    File { file: String },
}

impl DeadLetter {
    /// The letter of a line that is no row.
    pub(super) fn bad_line(file: &str, bad_line: &BadLine) -> Self {
        Self {
            place: Place::Line {
                file: file.into(),
                line: bad_line.line,
            },
            stage: String::new(),
            code: "malformed-line",
            origin: String::new(),
            message: bad_line.message.clone(),
            input: Value::from(bad_line.text.as_str()).to_string(),
        }
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, message) = (&self.stage, &self.message);
        match &self.place {
            Place::Row(row) => write!(f, "row {row} failed in stage `{stage}`: {message}"),
            Place::Line { file, line } => write!(f, "{file}:{line}: {message}"),
            Place::File { file } => write!(f, "{file}: {message}"),
        }
    }
}

/// The file of dead letters.
#[derive(Debug)]
pub(super) struct DeadLetters {
    output: Output,
    writer: BufWriter<Sink>,
}

impl DeadLetters {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let output = Output::create(path)?;
        let writer = BufWriter::new(output.sink()?);
        Ok(Self { output, writer })
    }

    pub(super) fn write(&mut self, letter: &DeadLetter) -> Result<()> {
        let written = self
            .writer
            .write_all(format!("{}\n", to_json(letter)).as_bytes());
        written.map_err(|error| self.failure(&error))
    }

    /// Writes what is left; the file still lies beside its place.
    pub(super) fn finish(mut self) -> Result<Output> {
        match self.writer.flush() {
            Ok(()) => Ok(self.output),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        let failure = || Failure::new(Status::File, format!("can't write dead letters: {error}"));
        self.output.failure().unwrap_or_else(failure)
    }
}

/// In an order for people: where it was and what went wrong first, the data last.
fn to_json(letter: &DeadLetter) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let place = match &letter.place {
        Place::Row(row) => format!(r#""row":{row}"#),
        Place::Line { file, line } => format!(r#""file":{},"line":{line}"#, text(file)),
        Place::File { file } => format!(r#""file":{}"#, text(file)),
    };
    format!(
        r#"{{{place},"stage":{},"code":"{}","origin":{},"message":{},"input":{}}}"#,
        text(&letter.stage),
        letter.code,
        text(&letter.origin),
        text(&letter.message),
        letter.input,
    )
}
