//! Rows as CSV has them, for outputs that begin with the columns of their input.

use crate::pool::Pool;
use crate::write::push_csv;
use arrow_array::UInt32Array;
use arrow_buffer::Buffer;

/// The rows of a batch as [`open_writer`](crate::open_writer) writes them in CSV, without the ends of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    bytes: Buffer,
    /// Start and end of each row
    spans: Vec<[usize; 2]>,
    n_columns: usize,
}

impl Lines {
    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.spans.len()
    }

    /// The columns that each row has.
    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Where the row lies in [`Self::bytes`].
    pub(crate) fn span(&self, row: usize) -> [usize; 2] {
        self.spans[row]
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// So many rows from one on; they must be there.
    pub fn slice(&self, first: usize, n_rows: usize) -> Self {
        Self {
            bytes: self.bytes.clone(),
            spans: self.spans[first..first + n_rows].to_vec(),
            n_columns: self.n_columns,
        }
    }

    /// These rows; they must be there.
    pub fn take(&self, rows: &UInt32Array) -> Self {
        let spans = rows.values().iter().map(|row| self.spans[*row as usize]);
        Self {
            bytes: self.bytes.clone(),
            spans: spans.collect(),
            n_columns: self.n_columns,
        }
    }
}

/// The rows of a batch that is being read.
#[derive(Debug, Default)]
pub(crate) struct LinesBuilder {
    bytes: Vec<u8>,
    spans: Vec<[usize; 2]>,
    bytes_before: Pool,
}

impl LinesBuilder {
    /// Adds rows that are `source` from one place to another, each behind the one before, and stand there as they are
    /// written.
    pub(crate) fn append(&mut self, source: &[u8], rows: impl Iterator<Item = [usize; 2]>) {
        let (mut copied, moved_to) = (None, self.bytes.len());
        self.spans.extend(rows.map(|[start, end]| {
            let [from, to] = copied.get_or_insert([start, end]);
            *to = end;
            [start, end].map(|place| place - *from + moved_to)
        }));
        if let Some([from, to]) = copied {
            self.bytes.extend_from_slice(&source[from..to]);
        }
    }

    /// Adds a row of its cells.
    pub(crate) fn append_cells<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]>) {
        let start = self.bytes.len();
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                self.bytes.push(b',');
            }
            push_csv(&mut self.bytes, cell);
        }
        self.spans.push([start, self.bytes.len()]);
    }

    /// The rows of the batch; the next one is empty.
    pub(crate) fn finish(&mut self, n_columns: usize) -> Lines {
        let bytes = Buffer::from_vec(std::mem::take(&mut self.bytes));
        self.bytes_before.keep(&bytes);
        self.bytes = self.bytes_before.take();
        let next = Vec::with_capacity(self.spans.len());
        Lines {
            bytes,
            spans: std::mem::replace(&mut self.spans, next),
            n_columns,
        }
    }
}
