//! Functions on strings.

use crate::{bytes, first_bytes};

/// The number of code points.
///
/// # Safety
/// The range must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn string_size(text: *const u8, length: usize) -> i64 {
    // SAFETY: as the caller promises.
    unsafe { bytes(text, length) }
        .iter()
        .filter(|byte| **byte & 0xC0 != 0x80)
        .count() as i64
}

/// 1 when the needle stands somewhere in the text; an empty needle does.
///
/// # Safety
/// Both ranges must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn string_contains(
    text: *const u8,
    text_length: usize,
    needle: *const u8,
    needle_length: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    let (text, needle) = unsafe { (bytes(text, text_length), bytes(needle, needle_length)) };
    i32::from(find(text, needle).is_some())
}

/// Where the needle first stands, in bytes.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let Some(first) = needle.first() else {
        return Some(0);
    };
    // Only where its first byte stands is it compared; eight bytes are tried for that at once.
    let starts = text.get(..text.len().checked_sub(needle.len())? + 1)?;
    let (words, rest) = starts.as_chunks();
    let find_in = |word: &[u8; 8], at: usize| {
        let mut candidates = zero_bytes(u64::from_le_bytes(*word) ^ (u64::from(*first) * ONES));
        while candidates != 0 {
            let start = at + candidates.trailing_zeros() as usize / 8;
            if text
                .get(start..)
                .is_some_and(|rest| rest.starts_with(needle))
            {
                return Some(start);
            }
            candidates &= candidates - 1;
        }
        None
    };
    for (index, word) in words.iter().enumerate() {
        if let Some(start) = find_in(word, index * 8) {
            return Some(start);
        }
    }
    match starts.last_chunk() {
        // Some are tried again, which is less than to go byte by byte.
        Some(last) if !rest.is_empty() => find_in(last, starts.len() - 8),
        Some(_) => None,
        None => find_in(&first_bytes(rest).to_le_bytes(), 0),
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH_BITS: u64 = ONES << 7;

/// The high bit of each byte that is zero.
const fn zero_bytes(word: u64) -> u64 {
    !((word & !HIGH_BITS).wrapping_add(!HIGH_BITS) | word) & HIGH_BITS
}

/// Eight bytes with the case of those changed that are ASCII letters from `first`, `A` or `a`, on.
pub(crate) const fn with_other_case(bytes: [u8; 8], first: u8) -> [u8; 8] {
    let word = u64::from_le_bytes(bytes);
    let seven_bits = word & !HIGH_BITS;
    // A sum has its high bit where the byte is the first letter or more, or is behind the last.
    let from_first = seven_bits + (0x80 - first) as u64 * ONES;
    let behind_last = seven_bits + (0x80 - first - 26) as u64 * ONES;
    let letters = from_first & !behind_last & !word & HIGH_BITS;
    (word ^ (letters >> 2)).to_le_bytes()
}

/// 1 when the bytes are UTF-8.
///
/// # Safety
/// The range must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utf8_valid(text: *const u8, length: usize) -> i32 {
    // SAFETY: as the caller promises.
    i32::from(core::str::from_utf8(unsafe { bytes(text, length) }).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(text: &str, needle: &str) -> bool {
        // SAFETY: the ranges are those of live strings.
        unsafe { string_contains(text.as_ptr(), text.len(), needle.as_ptr(), needle.len()) == 1 }
    }

    #[test]
    fn contains_agrees_with_the_standard_library() {
        let texts = [
            "",
            "a",
            "aab",
            "aaab",
            "žluťoučký",
            "abcabd",
            "abcabcabcabcabdx",
            "a\0b\0\0",
            "0123456",
            "01234567",
            "012345670",
            "aaaaaaaaaaaaaaaab",
        ];
        for text in texts {
            let needles = [
                "", "a", "ab", "aab", "ť", "abd", "abdx", "\0", "\0\0", "7", "70", "67", "8",
            ];
            for needle in needles {
                assert_eq!(
                    find(text.as_bytes(), needle.as_bytes()),
                    text.find(needle),
                    "{text} {needle}"
                );
                assert_eq!(
                    contains(text, needle),
                    text.contains(needle),
                    "{text} {needle}"
                );
            }
        }
    }

    #[test]
    fn case_is_changed_of_ascii_letters_alone() {
        for byte in 0..=u8::MAX {
            let bytes = [byte, b'A', b'z', byte, 0xff, b'@', b'[', byte];
            assert_eq!(
                with_other_case(bytes, b'A'),
                bytes.map(|byte| byte.to_ascii_lowercase())
            );
            assert_eq!(
                with_other_case(bytes, b'a'),
                bytes.map(|byte| byte.to_ascii_uppercase())
            );
        }
    }

    #[test]
    fn size_counts_code_points() {
        for text in ["", "abc", "žluť", "🦀🦀"] {
            // SAFETY: the range is that of a live string.
            assert_eq!(
                unsafe { string_size(text.as_ptr(), text.len()) },
                text.chars().count() as i64
            );
        }
    }
}
