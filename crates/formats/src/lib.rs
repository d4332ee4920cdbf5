//! CSV, NDJSON, JSON, Parquet and Arrow IPC to and from record batches, streaming.
//!
//! Files without types are read as they are written: CSV cells as text, JSON values that somebody wants with a
//! type as JSON text. Whoever knows the wanted type converts them, row by row, and nothing is lost on the way.

mod copy;
mod csv;
mod error;
mod files;
mod json;
mod lines;
mod pool;
#[cfg(test)]
mod tests;
#[cfg(feature = "parquet")]
mod typed;
mod write;

pub use error::{FormatError, FormatErrorKind, Place};
pub use files::{FILE_BYTES, FileRows};
pub use lines::Lines;
pub use write::{BatchWriter, cell_text, open_writer};

use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, SchemaRef};
use std::fs::File;
use std::io::Read;

/// A data format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values with a header line (RFC 4180)
    Csv,
    /// One JSON object on each line
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Apache Parquet
    Parquet,
    /// Arrow IPC, file or stream
    Arrow,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Csv,
        Self::Ndjson,
        Self::Json,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The name that options use: `csv`, `ndjson`, `json`, `parquet`, `arrow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format that a file's extension says.
    pub fn from_path(path: &str) -> Option<Self> {
        let file = path.rsplit(['/', '\\']).next()?;
        match file.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// Are columns of this format read without types?
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Ndjson | Self::Json)
    }

    /// Does this output format write cells that came from `input` just as they were, without types?
    pub fn keeps_text_of(self, input: Self) -> bool {
        let is_json = |format| matches!(format, Self::Ndjson | Self::Json);
        (self == Self::Csv && input == Self::Csv) || (is_json(self) && is_json(input))
    }
}

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// What messages call the input
    pub name: String,
    /// Rows of every batch but the last
    pub batch_rows: usize,
    /// The columns that somebody reads, as they want them. Empty CSV cells are null in columns that are wanted
    /// nullable or as something other than text; JSON values of wanted columns stay JSON text
    pub wanted: Vec<FieldRef>,
    /// Only these columns, where the format can leave others unread (Parquet); `None`: all
    pub columns: Option<Vec<String>>,
    /// Keep all JSON values as JSON text, instead of giving columns that nobody wants the type of their values
    pub raw_json: bool,
    /// Report bad lines in [`Chunk::bad_lines`] and go on, instead of failing
    pub skip_bad_lines: bool,
    /// Keep the rows of CSV as lines, too: for outputs in CSV that begin with all columns of the input
    pub keep_lines: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            name: "input".to_owned(),
            batch_rows: 8192,
            wanted: Vec::new(),
            columns: None,
            raw_json: false,
            skip_bad_lines: false,
            keep_lines: false,
        }
    }
}

/// Where bytes come from.
pub enum Input {
    /// A pipe, or anything that can only be read once
    Stream(Box<dyn Read + Send>),
    /// A file
    File(File),
    /// Everything in memory
    Bytes(Vec<u8>),
}

impl Input {
    fn into_stream(self) -> Box<dyn Read + Send> {
        match self {
            Self::Stream(stream) => stream,
            Self::File(file) => Box::new(file),
            Self::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes)),
        }
    }
}

/// The next rows of an input.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The rows
    pub batch: RecordBatch,
    /// Lines that are no rows, in order; they stood between the rows of this batch and the one before
    pub bad_lines: Vec<BadLine>,
    /// The rows as CSV has them, where [`ReadOptions::keep_lines`] asked for them
    pub lines: Option<Lines>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// From 1
    pub line: u64,
    /// The line, shortened if it is very long
    pub text: String,
    /// What is wrong with it
    pub message: String,
}

/// The batches of an input. Ends after the first error.
pub struct Reader {
    schema: SchemaRef,
    chunks: Box<dyn Iterator<Item = Result<Chunk, FormatError>> + Send>,
    is_over: bool,
}

impl Reader {
    fn new(
        schema: SchemaRef,
        chunks: impl Iterator<Item = Result<Chunk, FormatError>> + Send + 'static,
    ) -> Self {
        Self {
            schema,
            chunks: Box::new(chunks),
            is_over: false,
        }
    }

    /// The columns of all batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for Reader {
    type Item = Result<Chunk, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.chunks.next();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Opens an input and reads as much of it as its columns need.
pub fn open_reader(
    format: Format,
    input: Input,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    match format {
        Format::Csv => csv::open(input.into_stream(), options),
        Format::Ndjson => json::open(input.into_stream(), options, json::Layout::Lines),
        Format::Json => json::open(input.into_stream(), options, json::Layout::Array),
        #[cfg(feature = "parquet")]
        Format::Parquet => typed::open_parquet(input, options),
        #[cfg(feature = "parquet")]
        Format::Arrow => typed::open_arrow(input, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet | Format::Arrow => Err(FormatError::not_built_in(format, &options.name)),
    }
}
