//! The numbers that the compiler and `table` agree on.

/// Of a null.
pub(crate) const NULL: u32 = 0;
/// Of a NaN.
pub(crate) const NAN: u32 = 1;
/// Of what lies before the first constant.
pub(crate) const FIRST: u32 = 2;
/// Set in the rank of a column that failed.
pub(crate) const FAILED: u32 = 1 << 31;
/// Set in the column of a test that has an alternative.
pub(crate) const MORE: u32 = 1 << 31;

/// A node that lists rows.
pub(crate) const LEAF: u32 = 0;
/// A node with a child for each rank.
pub(crate) const DENSE: u32 = 1;
/// A node with a child for each range of ranks.
pub(crate) const SPARSE: u32 = 2;

/// Words of a test of a rule: the first is the column with flags.
pub(crate) const TEST_WORDS: usize = 5;
/// The column among the flags; [`MORE`] is another one.
pub(crate) const COLUMN: u32 = LAST - 1;
/// The last test of a rule.
pub(crate) const LAST: u32 = 1 << 28;
/// NaN passes.
pub(crate) const IF_NAN: u32 = 1 << 29;
/// Null passes.
pub(crate) const IF_NULL: u32 = 1 << 30;

/// Kinds of columns, by what their constants are.
///
/// 64 bits in the order of signed integers; so are doubles, see [`order_double`], and booleans.
pub(crate) const INTS: u32 = 0;
/// Seconds and nanoseconds.
pub(crate) const TIMES: u32 = 1;
/// Texts and bytes.
pub(crate) const TEXTS: u32 = 2;
/// The value is its rank: decimals, whose constants only the code that finds their ranks needs.
pub(crate) const RANKED: u32 = 3;

/// Whether a column has a value in a row: none, or what failed.
pub(crate) const ABSENT: u32 = 0;
/// One that is in an order.
pub(crate) const PRESENT: u32 = 1;
/// NaN.
#[allow(dead_code, reason = "for the compiler")]
pub(crate) const NOT_A_NUMBER: u32 = 2;

/// Doubles that are no NaN in the order of signed integers, both zeros the same.
#[allow(dead_code, reason = "for the compiler")]
pub(crate) fn order_double(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (bits >> 63 & i64::MAX)
}

/// How many slots the hash table of a column has whose values are only compared for equality: a power of two, and more
/// than half of them are free. They are behind the constants, 4 bytes each: a constant's place from 1 on, or 0. A value
/// that is no constant has the rank [`FIRST`].
#[allow(dead_code, reason = "for the compiler")]
pub(crate) const fn n_slots(n_constants: u32) -> u32 {
    (2 * n_constants + 1).next_power_of_two()
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which slot to try first is in the low bits; the next ones follow.
pub(crate) const fn hash_int(value: i64) -> u32 {
    ((value as u64).wrapping_mul(MULTIPLIER) >> 32) as u32
}

/// Likewise of the coefficient of a decimal.
#[allow(dead_code, reason = "what only one of them needs")]
pub(crate) const fn hash_decimal(coefficient: i128) -> u32 {
    let high = hash_int((coefficient >> 64) as i64);
    hash_int(coefficient as i64 ^ high as i64)
}

/// Likewise of a text, whose first 8 bytes, zeros behind them, are a little-endian number.
#[inline(always)]
pub(crate) fn hash_text(first: u64, text: &[u8]) -> u32 {
    let fold = |hash: u64| (hash ^ hash >> 32).wrapping_mul(MULTIPLIER);
    let mut hash = fold(first ^ text.len() as u64);
    // What is left is cut into eights, the last of which may repeat a part of the one before.
    if let (Some(last), Some(rest)) = (text.last_chunk(), text.get(8..)) {
        for chunk in rest.as_chunks().0 {
            hash = fold(hash ^ u64::from_le_bytes(*chunk));
        }
        hash = fold(hash ^ u64::from_le_bytes(*last));
    }
    (hash >> 32) as u32
}
