//! What the network sees of a file, as Magika's reference implementation prepares it.

/// Elements for the beginning and as many for the end.
const HALF: usize = 1024;
/// The elements of one file.
pub(crate) const WIDTH: usize = 2 * HALF;
/// How much of a file is looked at from either end, before white space is stripped.
const BLOCK: usize = 4096;
/// Stands where a file has no more bytes.
const PADDING: i32 = 256;
/// With fewer bytes than this at its beginning a file is not for the network.
const LEAST: usize = 8;

/// A file on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The network has to say
    Features(Vec<i32>),
    /// Too short for the network; this is its label
    Ruled(&'static str),
}

/// The beginning, from the left, and the end, from the right, of a file without the white space around it.
pub(crate) fn extract(file: &[u8]) -> Seen {
    if file.is_empty() {
        return Seen::Ruled("empty");
    }
    let block = file.len().min(BLOCK);
    let first = &file[..block];
    let start = first
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(block);
    let beginning = &first[start..];
    let last = &file[file.len() - block..];
    let stop = last
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(0, |at| at + 1);
    let end = &last[..stop];

    let mut features = vec![PADDING; WIDTH];
    let (left, right) = features.split_at_mut(HALF);
    for (feature, byte) in left.iter_mut().zip(beginning) {
        *feature = i32::from(*byte);
    }
    for (feature, byte) in right.iter_mut().rev().zip(end.iter().rev()) {
        *feature = i32::from(*byte);
    }
    if features[LEAST - 1] != PADDING {
        return Seen::Features(features);
    }
    match std::str::from_utf8(first) {
        Ok(_) => Seen::Ruled("txt"),
        Err(_) => Seen::Ruled("unknown"),
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
