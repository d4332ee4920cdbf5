//! Decision tables: the rows of a table that match.
//!
//! A column's value is turned into a *rank* among the constants that the column is compared with, so that tests of
//! all types are ranges of ranks: `NULL`, `NAN`, then `FIRST + 2 * i + 1` for the `i`th constant and
//! `FIRST + 2 * i` for what lies before it. A column that could not be evaluated has `FAILED` and its status.
//!
//! A table is words: the number of its rows, then the offsets of
//! - the rows: for each the number of its first test, and one more at the end,
//! - the tests, three words each: the column, with `MORE` where the next test is another way to pass; the lowest and
//!   the highest rank that passes,
//! - the root of the index, or 0. A node is `LEAF`, a number of rows and these rows; `DENSE`, a column and the
//!   children by rank; or `SPARSE`, a column, a number of children, the lowest rank of each, and the children.

pub mod decimals;
#[allow(dead_code, reason = "some are for the compiler alone")]
mod rank_numbers;
pub mod rules;

use crate::{bytes, first_bytes};
use core::cmp::Ordering;
use rank_numbers::{DENSE, FAILED, FIRST, LEAF, MORE, NAN};

/// No row is left.
pub const NO_ROW: i32 = -1;

/// The rank of a value, given how constant number `i` compares with it.
#[inline(always)]
fn rank(n: usize, mut compare: impl FnMut(usize) -> Ordering) -> u32 {
    if n == 0 {
        return FIRST;
    }
    let mut base = 0;
    let mut size = n;
    while size > 1 {
        let half = size / 2;
        if compare(base + half) != Ordering::Greater {
            base += half;
        }
        size -= half;
    }
    let place = match compare(base) {
        Ordering::Greater => 0,
        Ordering::Equal => 2 * base + 1,
        Ordering::Less => 2 * base + 2,
    };
    FIRST + place as u32
}

/// The rank of an integer among constants in ascending order.
///
/// # Safety
/// `bounds` must point to `n` integers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_rank_int(bounds: *const i64, n: usize, value: i64) -> u32 {
    // SAFETY: `rank` asks for constants below `n`.
    rank(n, |index| {
        unsafe { bounds.add(index).read_unaligned() }.cmp(&value)
    })
}

/// The rank of a number among constants in ascending order.
///
/// # Safety
/// `bounds` must point to `n` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_rank_double(bounds: *const f64, n: usize, value: f64) -> u32 {
    if value.is_nan() {
        return NAN;
    }
    rank(n, |index| {
        // SAFETY: `rank` asks for constants below `n`.
        let bound = unsafe { bounds.add(index).read_unaligned() };
        if bound < value {
            Ordering::Less
        } else if bound > value {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    })
}

/// The rank of a point in time among constants in ascending order: seconds (8 bytes) and nanoseconds (4 of 8 bytes).
///
/// # Safety
/// `bounds` must point to `n` constants.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_rank_timestamp(
    bounds: *const u8,
    n: usize,
    seconds: i64,
    nanos: u32,
) -> u32 {
    rank(n, |index| {
        // SAFETY: `rank` asks for constants below `n`.
        let bound = unsafe {
            let bound = bounds.add(index * 16);
            (
                bound.cast::<i64>().read_unaligned(),
                bound.add(8).cast::<u32>().read_unaligned(),
            )
        };
        bound.cmp(&(seconds, nanos))
    })
}

/// The first 8 bytes, in an order that is that of the bytes.
fn prefix(bytes: &[u8]) -> u64 {
    first_bytes(bytes).swap_bytes()
}

/// The rank of a text among constants in ascending order: the first 8 bytes as a big-endian number (8 bytes), address
/// and length (4 bytes each).
///
/// # Safety
/// `bounds` must point to `n` constants, and the text must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_rank_bytes(
    bounds: *const u8,
    n: usize,
    text: *const u8,
    length: usize,
) -> u32 {
    // SAFETY: as the caller promises.
    let value = unsafe { bytes(text, length) };
    let value_prefix = prefix(value);
    rank(n, |index| {
        // SAFETY: `rank` asks for constants below `n`.
        let (bound, bound_prefix) = unsafe {
            let bound = bounds.add(index * 16);
            (bound, bound.cast::<u64>().read_unaligned())
        };
        bound_prefix.cmp(&value_prefix).then_with(|| {
            // SAFETY: the constant says where its text is.
            let bound = unsafe {
                let address = bound.add(8).cast::<u32>().read_unaligned() as usize;
                let length = bound.add(12).cast::<u32>().read_unaligned() as usize;
                bytes(core::ptr::with_exposed_provenance(address), length)
            };
            bound.cmp(value)
        })
    })
}

/// Words at an address.
#[derive(Clone, Copy)]
struct Words(*const u32);

impl Words {
    fn get(self, index: u32) -> u32 {
        // SAFETY: tables are laid out by the compiler, which keeps offsets inside of them.
        unsafe { self.0.add(index as usize).read() }
    }
}

/// Goes down an index: where the list of the rows that may match is and how many they are, or `None` where a column
/// failed that other tests may make up for.
#[inline(always)]
fn candidates(table: Words, root: u32, mut rank_of: impl FnMut(u32) -> u32) -> Option<(u32, u32)> {
    let mut node = root;
    loop {
        let kind = table.get(node);
        if kind == LEAF {
            return Some((node + 2, table.get(node + 1)));
        }
        let rank = rank_of(table.get(node + 1));
        if rank & FAILED != 0 {
            return None;
        }
        node = if kind == DENSE {
            table.get(node + 2 + rank)
        } else {
            let n = table.get(node + 2);
            let mut base = 0;
            let mut size = n;
            while size > 1 {
                let half = size / 2;
                if table.get(node + 3 + base + half) <= rank {
                    base += half;
                }
                size -= half;
            }
            table.get(node + 3 + n + base)
        };
    }
}

/// Whether all tests of a row pass; the status of the first failed column that leaves it open, or 0.
fn passes(table: Words, ranks: Words, row: u32) -> Option<u32> {
    let (rows, tests) = (table.get(1), table.get(2));
    let mut test = tests + 3 * table.get(rows + row);
    let last = tests + 3 * table.get(rows + row + 1);
    let mut failed = 0;
    while test < last {
        let mut column = table.get(test);
        let rank = ranks.get(column & !MORE);
        let mut is_in = rank.wrapping_sub(table.get(test + 1))
            <= table.get(test + 2).wrapping_sub(table.get(test + 1));
        while column & MORE != 0 {
            test += 3;
            column = table.get(test);
            is_in |= rank.wrapping_sub(table.get(test + 1))
                <= table.get(test + 2).wrapping_sub(table.get(test + 1));
        }
        test += 3;
        if is_in {
            continue;
        }
        if rank & FAILED == 0 {
            return None;
        }
        if failed == 0 {
            failed = rank & !FAILED;
        }
    }
    Some(failed)
}

/// Finds out which rows may match: goes down the index, and puts into `state` where their list is (0 where all rows
/// are candidates), the place in it and its end.
///
/// # Safety
/// `table` and `ranks` must be a table and the ranks of its columns, `state` three words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_start(table: *const u32, ranks: *const u32, state: *mut u32) {
    let (table, ranks) = (Words(table), Words(ranks));
    let all = (0, table.get(0));
    let (list, n) = match table.get(3) {
        0 => all,
        root => candidates(table, root, |column| ranks.get(column)).unwrap_or(all),
    };
    // SAFETY: as the caller promises.
    unsafe {
        state.write(list);
        state.add(1).write(0);
        state.add(2).write(n);
    }
}

/// The next row that matches, [`NO_ROW`], or `NO_ROW - status` where a failed column leaves it open whether a row does.
///
/// # Safety
/// As for [`table_start`], which must have been called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_next(table: *const u32, ranks: *const u32, state: *mut u32) -> i32 {
    let (table, ranks) = (Words(table), Words(ranks));
    let state_words = Words(state);
    let (list, mut position, end) = (state_words.get(0), state_words.get(1), state_words.get(2));
    let mut found = NO_ROW;
    while position < end && found == NO_ROW {
        let row = if list == 0 {
            position
        } else {
            table.get(list + position)
        };
        position += 1;
        found = match passes(table, ranks, row) {
            None => NO_ROW,
            Some(0) => row as i32,
            Some(status) => NO_ROW - status as i32,
        };
    }
    // SAFETY: as the caller promises.
    unsafe { state.add(1).write(position) };
    found
}

#[cfg(test)]
mod tests {
    use super::rank_numbers::SPARSE;
    use super::*;

    #[test]
    fn ranks_tell_constants_from_what_lies_between() {
        let ints = [10, 20, 30];
        let doubles = [-1.0, 0.0, 2.5];
        // SAFETY: three constants each.
        unsafe {
            let int = |value| table_rank_int(ints.as_ptr(), 3, value) - FIRST;
            assert_eq!([5, 10, 15, 20, 25, 30, 35].map(int), [0, 1, 2, 3, 4, 5, 6]);
            let double = |value| table_rank_double(doubles.as_ptr(), 3, value);
            assert_eq!(double(f64::NAN), NAN);
            assert_eq!(double(-0.0) - FIRST, 3);
            assert_eq!(double(f64::INFINITY) - FIRST, 6);
            assert_eq!(table_rank_int(ints.as_ptr(), 0, 1), FIRST);
        }
    }

    #[test]
    fn short_texts_come_before_longer_ones() {
        let texts: [&[u8]; 6] = [b"", b"a", b"a\0", b"ab", b"abcdefgh", b"abcdefghi"];
        let prefixes = texts.map(prefix);
        assert!(prefixes.is_sorted());
        assert_eq!(prefixes[1], prefixes[2]);
    }

    /// Rows: column 0 in 3..=5; column 0 is 7 or column 0 is 9, and column 1 is 2; anything.
    fn table(root: u32) -> Vec<u32> {
        let mut words = vec![3, 4, 8, root, 0, 1, 4, 4];
        words.extend([0, 3, 5]);
        words.extend([MORE, 7, 7, 0, 9, 9, 1, 2, 2]);
        words
    }

    fn matches(table: &[u32], ranks: [u32; 2]) -> Vec<i32> {
        let mut state = [0; 3];
        let mut found = Vec::new();
        // SAFETY: a table of two columns.
        unsafe {
            table_start(table.as_ptr(), ranks.as_ptr(), state.as_mut_ptr());
            loop {
                let row = table_next(table.as_ptr(), ranks.as_ptr(), state.as_mut_ptr());
                if row == NO_ROW {
                    return found;
                }
                found.push(row);
            }
        }
    }

    #[test]
    fn all_tests_of_a_row_must_pass() {
        assert_eq!(matches(&table(0), [3, 2]), [0, 2]);
        assert_eq!(matches(&table(0), [9, 2]), [1, 2]);
        assert_eq!(matches(&table(0), [7, 3]), [2]);
        assert_eq!(matches(&table(0), [1, 2]), [2]);
    }

    #[test]
    fn a_failed_column_matters_only_where_nothing_else_decides() {
        let failed = FAILED | 2;
        assert_eq!(matches(&table(0), [failed, 3]), [-3, 2]);
        assert_eq!(matches(&table(0), [failed, 2]), [-3, -3, 2]);
        assert_eq!(matches(&table(0), [1, failed]), [2]);
    }

    #[test]
    fn an_index_leads_to_the_candidates() {
        // Ranks up to 6 on the left
        let mut words = table(20);
        assert_eq!(words.len(), 20);
        words.extend([SPARSE, 0, 2, 0, 7, 27, 31]);
        words.extend([LEAF, 2, 0, 2]);
        words.extend([LEAF, 2, 1, 2]);
        assert_eq!(matches(&words, [4, 2]), [0, 2]);
        assert_eq!(matches(&words, [7, 2]), [1, 2]);
        assert_eq!(matches(&words, [FAILED | 1, 5]), [-2, 2]);
    }
}
