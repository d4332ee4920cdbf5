//! Comparisons across types and of bytes.

use crate::bytes;
use core::cmp::Ordering;

fn code(ordering: Ordering) -> i32 {
    ordering as i32
}

/// -1, 0 or 1 by byte order, which for UTF-8 is code-point order.
///
/// # Safety
/// Both ranges must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bytes_compare(
    a: *const u8,
    a_length: usize,
    b: *const u8,
    b_length: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    code(unsafe { bytes(a, a_length).cmp(bytes(b, b_length)) })
}

/// 1 when the two ranges of equal length hold the same bytes.
///
/// # Safety
/// Both ranges must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bytes_equal(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: as the caller promises.
    i32::from(unsafe { bytes(a, length) == bytes(b, length) })
}

/// 1 when the product does not fit.
#[unsafe(no_mangle)]
pub extern "C" fn int_multiply_overflows(a: i64, b: i64) -> i32 {
    const HALF: i64 = 1 << 31;
    if (-HALF..HALF).contains(&a) && (-HALF..HALF).contains(&b) {
        return 0;
    }
    if a == 0 || b == 0 {
        return 0;
    }
    if (a == -1 && b == i64::MIN) || (b == -1 && a == i64::MIN) {
        return 1;
    }
    i32::from(a.wrapping_mul(b).wrapping_div(b) != a)
}

/// 1 when the product does not fit.
#[unsafe(no_mangle)]
pub extern "C" fn uint_multiply_overflows(a: u64, b: u64) -> i32 {
    i32::from(b != 0 && a.wrapping_mul(b) / b != a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_checked_like_the_standard_library_does() {
        let samples = [
            0,
            1,
            -1,
            2,
            3,
            i64::MAX,
            i64::MIN,
            i64::MAX / 2,
            1 << 31,
            -(1 << 31),
            (1 << 32) + 7,
            3_037_000_500,
        ];
        for a in samples {
            for b in samples {
                assert_eq!(
                    int_multiply_overflows(a, b) == 1,
                    a.checked_mul(b).is_none(),
                    "{a} * {b}"
                );
                let (a, b) = (a as u64, b as u64);
                assert_eq!(
                    uint_multiply_overflows(a, b) == 1,
                    a.checked_mul(b).is_none(),
                    "{a} * {b}"
                );
            }
        }
    }
}
