//! One column of the batch that is being read.

use crate::copy::push_piece;
use crate::pool::Pool;
use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::ArrowError;
use std::sync::Arc;

/// Texts one after another.
pub(super) struct Column {
    pub(super) empty_is_null: bool,
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    texts_before: Pool,
    offsets_before: Pool,
}

impl Column {
    pub(super) fn new(empty_is_null: bool) -> Self {
        Self {
            empty_is_null,
            bytes: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
            texts_before: Pool::default(),
            offsets_before: Pool::default(),
        }
    }

    /// Whether so many more bytes can be part of the batch.
    pub(super) fn has_room_for(&self, n_bytes: usize) -> bool {
        i32::try_from(self.bytes.len() + n_bytes).is_ok()
    }

    /// Adds cells, which are places in `source` and for which there is room.
    pub(super) fn append(&mut self, source: &[u8], cells: impl Iterator<Item = (usize, usize)>) {
        for (start, end) in cells {
            push_piece(&mut self.bytes, source, start, end);
            self.offsets.push(self.bytes.len() as i32);
            if self.empty_is_null {
                self.nulls.append(end > start);
            }
        }
    }

    /// The column of the batch; the next one is empty.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let text = StringArray::try_new(
            OffsetBuffer::new(std::mem::take(&mut self.offsets).into()),
            Buffer::from_vec(std::mem::take(&mut self.bytes)),
            self.nulls.finish(),
        )?;
        self.texts_before.keep(text.values());
        self.offsets_before.keep(text.offsets().inner().inner());
        self.bytes = self.texts_before.take();
        self.offsets = self.offsets_before.take();
        self.offsets.push(0);
        Ok(Arc::new(text))
    }
}
