//! Short pieces of text, one after another: what reading and writing CSV consists of.

/// Pieces of up to so many bytes are copied as if they had as many: an instruction or two instead of a call, and no branch
/// on their length.
const SHORT: usize = 32;

/// Adds `source[start..end]`, which must be there.
#[inline]
pub(crate) fn push_piece(buffer: &mut Vec<u8>, source: &[u8], start: usize, end: usize) {
    match source[start..].first_chunk::<SHORT>() {
        Some(more) if end - start <= SHORT => {
            buffer.extend_from_slice(more);
            buffer.truncate(buffer.len() - (SHORT - (end - start)));
        }
        _ => buffer.extend_from_slice(&source[start..end]),
    }
}
