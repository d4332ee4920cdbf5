//! Memory of batches that nobody has any more, for the next ones: fresh pages have to be cleared by the system.

use arrow_buffer::{ArrowNativeType, Buffer};

/// As many batches as are on their way, as a rule
const MOST_BUFFERS: usize = 8;

/// The buffers of the last batches.
#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Buffer>);

impl Pool {
    /// Nothing in it, but as much memory as an earlier batch had, if one is done with.
    pub(crate) fn take<T: ArrowNativeType>(&mut self) -> Vec<T> {
        for place in 0..self.0.len() {
            let buffer = self.0.swap_remove(place);
            match buffer.into_vec() {
                Ok(mut values) => {
                    values.clear();
                    return values;
                }
                Err(buffer) => {
                    self.0.push(buffer);
                    let last = self.0.len() - 1;
                    self.0.swap(place, last);
                }
            }
        }
        Vec::new()
    }

    /// Remembers a buffer that a batch has got.
    pub(crate) fn keep(&mut self, buffer: &Buffer) {
        if self.0.len() == MOST_BUFFERS {
            self.0.remove(0);
        }
        self.0.push(buffer.clone());
    }
}
