//! Whole files as rows.

use arrow_array::builder::{BinaryBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// The column of [`FileRows`] that holds the files themselves: too large to be written or told without being asked for.
pub const FILE_BYTES: &str = "bytes";

/// A batch in the making, whose rows are files.
#[derive(Debug, Default)]
pub struct FileRows {
    paths: StringBuilder,
    sizes: Int64Builder,
    contents: BinaryBuilder,
    n_rows: usize,
    n_bytes: u64,
}

impl FileRows {
    /// The columns: `path` with `/`, `size` in bytes, `bytes`; none is nullable.
    pub fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("path", DataType::Utf8, false),
            Field::new("size", DataType::Int64, false),
            Field::new(FILE_BYTES, DataType::Binary, false),
        ]))
    }

    /// Adds a file. All files of a batch together must stay below 2 GiB.
    pub fn push(&mut self, path: &str, bytes: &[u8]) {
        self.paths.append_value(path);
        self.sizes
            .append_value(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.contents.append_value(bytes);
        self.n_rows += 1;
        self.n_bytes += bytes.len() as u64;
    }

    /// How many files there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The size of all of them.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The batch.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.paths.finish()),
            Arc::new(self.sizes.finish()),
            Arc::new(self.contents.finish()),
        ];
        RecordBatch::try_new(Self::schema(), columns)
    }
}
