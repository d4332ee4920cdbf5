//! Functions on strings.

use crate::bytes;

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
    let Some((first, rest)) = needle.split_first() else {
        return 1;
    };
    let Some(last_start) = text.len().checked_sub(needle.len()) else {
        return 0;
    };
    let found =
        (0..=last_start).any(|start| text[start] == *first && text[start + 1..].starts_with(rest));
    i32::from(found)
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
        for text in ["", "a", "aab", "aaab", "žluťoučký", "abcabd"] {
            for needle in ["", "a", "ab", "aab", "ť", "abd", "abdx"] {
                assert_eq!(
                    contains(text, needle),
                    text.contains(needle),
                    "{text} {needle}"
                );
            }
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
