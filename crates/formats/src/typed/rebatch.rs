//! Batches of any size to batches of one size.

use crate::FormatError;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;

pub(super) struct Rebatch<I> {
    batches: I,
    schema: SchemaRef,
    batch_rows: usize,
    name: String,
    pending: Vec<RecordBatch>,
    n_pending: usize,
}

impl<I> Rebatch<I> {
    pub(super) fn new(batches: I, schema: SchemaRef, batch_rows: usize, name: String) -> Self {
        Self {
            batches,
            schema,
            batch_rows,
            name,
            pending: Vec::new(),
            n_pending: 0,
        }
    }
}

impl<I: Iterator<Item = Result<RecordBatch, FormatError>>> Iterator for Rebatch<I> {
    type Item = Result<RecordBatch, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.n_pending < self.batch_rows {
            match self.batches.next() {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    self.n_pending += batch.num_rows();
                    self.pending.push(batch);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        if self.n_pending == 0 {
            return None;
        }
        let mut parts = Vec::new();
        let mut missing = self.batch_rows.min(self.n_pending);
        self.n_pending -= missing;
        while missing > 0 {
            let first = self.pending.remove(0);
            if first.num_rows() > missing {
                self.pending
                    .insert(0, first.slice(missing, first.num_rows() - missing));
            }
            let part = first.slice(0, missing.min(first.num_rows()));
            missing -= part.num_rows();
            parts.push(part);
        }
        Some(match parts.as_slice() {
            [one] => Ok(one.clone()),
            parts => concat_batches(&self.schema, parts)
                .map_err(|error| FormatError::arrow(&self.name, error)),
        })
    }
}
