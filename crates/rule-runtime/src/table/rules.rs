//! Groups of rules: the rules whose tests pass.
//!
//! A group is words: the number of its indexes, then their roots. Nodes are those of tables, but for leaves: these have
//! two words for each candidate, its number and the offset of the tests that the nodes above have not decided, or 0. The
//! tests are the number of their words, then three words each, as in a table.
//!
//! Most tests are of a few rules that an index led to, so that a value is compared with the constants of the test; its
//! rank is found out where an index needs it.

use super::rank_numbers::{
    ABSENT, FIRST, HASHED, INTS, MORE, NAN, NULL, PRESENT, RANKED, TEXTS, TIMES, hash_int,
    hash_text, n_slots,
};
use super::{
    NO_ROW, Words, candidates, prefix, table_rank_bytes, table_rank_int, table_rank_timestamp,
};
use crate::bytes;
use core::cmp::Ordering;

/// Not found out for this row.
const UNKNOWN: u32 = u32::MAX;

/// A column: what it is compared with, and its value in this row.
#[repr(C)]
pub struct Column {
    kind: u32,
    bounds: u32,
    n_bounds: u32,
    rank: u32,
    /// As many of 12 bytes as the kind says
    value: [u32; 3],
    /// [`ABSENT`], [`PRESENT`] or [`NOT_A_NUMBER`]
    presence: u32,
}

impl Column {
    /// What its constants are.
    fn sort(&self) -> u32 {
        self.kind & !HASHED
    }

    fn wide(&self) -> u64 {
        u64::from(self.value[0]) | u64::from(self.value[1]) << 32
    }

    fn text(&self) -> &[u8] {
        // SAFETY: the value of a column of texts is where one is.
        unsafe {
            bytes(
                core::ptr::with_exposed_provenance(self.value[0] as usize),
                self.value[1] as usize,
            )
        }
    }

    /// The rank of what is in no order.
    #[inline(always)]
    fn special(&self) -> Option<u32> {
        match self.presence {
            PRESENT => None,
            ABSENT => Some(NULL),
            _ => Some(NAN),
        }
    }

    #[inline(always)]
    fn rank(&mut self) -> u32 {
        if self.rank == UNKNOWN {
            self.rank = self.special().unwrap_or_else(|| self.find_rank());
        }
        self.rank
    }

    /// The rank of a value that is only compared for equality.
    #[inline(always)]
    fn look_up(&self) -> u32 {
        let (hash, size) = match self.sort() {
            INTS => (hash_int(self.wide() as i64), 8),
            _ => (hash_text(self.text()), 16),
        };
        let slots = self.bounds as usize + self.n_bounds as usize * size;
        let slots = Words(core::ptr::with_exposed_provenance(slots));
        let last = n_slots(self.n_bounds) - 1;
        let mut slot = hash & last;
        loop {
            match slots.get(slot) {
                0 => return FIRST,
                place if self.is_constant(place - 1) => {
                    return FIRST + 2 * place - 1;
                }
                _ => slot = (slot + 1) & last,
            }
        }
    }

    fn find_rank(&self) -> u32 {
        if self.kind & HASHED != 0 {
            return self.look_up();
        }
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        let n = self.n_bounds as usize;
        // SAFETY: the compiler laid out the constants of this kind.
        unsafe {
            match self.sort() {
                RANKED => self.value[0],
                INTS => table_rank_int(bounds.cast(), n, self.wide() as i64),
                TIMES => table_rank_timestamp(bounds, n, self.wide() as i64, self.value[2]),
                _ => {
                    let text = self.text();
                    table_rank_bytes(bounds, n, text.as_ptr(), text.len())
                }
            }
        }
    }

    /// Whether the value, an integer or a text, is a constant.
    #[inline(always)]
    fn is_constant(&self, constant: u32) -> bool {
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        // SAFETY: the compiler laid out the constants of this kind.
        unsafe {
            if self.sort() == INTS {
                return self.wide()
                    == bounds
                        .add(constant as usize * 8)
                        .cast::<u64>()
                        .read_unaligned();
            }
            // What a short text is, its first bytes and its length say.
            let (text, bound) = (self.text(), bounds.add(constant as usize * 16));
            let length = bound.add(12).cast::<u32>().read_unaligned() as usize;
            text.len() == length
                && prefix(text) == bound.cast::<u64>().read_unaligned()
                && (length <= 8 || self.compare(constant) == Ordering::Equal)
        }
    }

    /// How the value, which is in an order, compares with a constant.
    #[inline(always)]
    fn order(&self, constant: u32) -> Ordering {
        if self.sort() != INTS {
            return self.compare(constant);
        }
        let bounds = core::ptr::with_exposed_provenance::<i64>(self.bounds as usize);
        // SAFETY: tests name constants that there are.
        let bound = unsafe { bounds.add(constant as usize).read_unaligned() };
        (self.wide() as i64).cmp(&bound)
    }

    /// The same of values that are no integers.
    #[inline(never)]
    fn compare(&self, constant: u32) -> Ordering {
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        let bound = bounds.wrapping_add(constant as usize * 16);
        // SAFETY: the compiler laid out the constants of this kind, and tests name those there are.
        unsafe {
            match self.sort() {
                RANKED => self.value[0].cmp(&(FIRST + 1 + 2 * constant)),
                TIMES => (self.wide() as i64, self.value[2]).cmp(&(
                    bound.cast::<i64>().read_unaligned(),
                    bound.add(8).cast::<u32>().read_unaligned(),
                )),
                _ => {
                    let text = self.text();
                    let first = bound.cast::<u64>().read_unaligned();
                    prefix(text).cmp(&first).then_with(|| {
                        let address = bound.add(8).cast::<u32>().read_unaligned() as usize;
                        let length = bound.add(12).cast::<u32>().read_unaligned() as usize;
                        text.cmp(bytes(core::ptr::with_exposed_provenance(address), length))
                    })
                }
            }
        }
    }

    /// The same of an integer, without a branch.
    #[inline(always)]
    fn is_between(&self, low: u32, high: u32) -> bool {
        let bounds = core::ptr::with_exposed_provenance::<i64>(self.bounds as usize);
        // Where there is no such constant, what lies there is read and not used.
        // SAFETY: memory goes on behind the constants.
        let bound = |index: u32| unsafe { bounds.add(index as usize).read_unaligned() };
        let value = self.wide() as i64;
        let least = bound((low.max(1) - 1) >> 1);
        let most = bound(high >> 1);
        let reaches = (value > least) | (low & 1 == 1) & (value == least) | (low == 0);
        let ends = (value < most) | (high & 1 == 1) & (value == most) | (high == 2 * self.n_bounds);
        reaches & ends
    }

    /// Whether the value's rank is in a range.
    #[inline(always)]
    fn is_in(&self, low: u32, high: u32) -> bool {
        if self.rank != UNKNOWN {
            return (low..=high).contains(&self.rank);
        }
        if let Some(rank) = self.special() {
            return (low..=high).contains(&rank);
        }
        let last = FIRST + 2 * self.n_bounds;
        if low > last || high < FIRST {
            return false;
        }
        // Odd ones are constants, even ones what lies before the next constant.
        let (low, high) = (low.max(FIRST) - FIRST, high.min(last) - FIRST);
        if self.sort() == INTS {
            return self.is_between(low, high);
        }
        if low == high && low & 1 == 1 {
            return self.order(low / 2) == Ordering::Equal;
        }
        let reaches = match low {
            0 => true,
            low if low & 1 == 1 => self.order(low / 2) != Ordering::Less,
            low => self.order(low / 2 - 1) == Ordering::Greater,
        };
        reaches
            && match high {
                high if high & 1 == 1 => self.order(high / 2) != Ordering::Greater,
                high if high / 2 == self.n_bounds => true,
                high => self.order(high / 2) == Ordering::Less,
            }
    }
}

const _: () = assert!(
    TEXTS == 3 && size_of::<Column>() == 32,
    "laid out by the compiler"
);

/// Finds out which rules may match: `state` has two words for each index, the place of the next candidate and the end
/// of the list. Gives how many candidates there are.
///
/// # Safety
/// `group` must be a group, `columns` its `n_columns` columns with the row's values, `state` two words for each index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rules_start(
    group: *const u32,
    columns: *mut Column,
    n_columns: usize,
    state: *mut u32,
) -> u32 {
    let group = Words(group);
    for index in 0..n_columns {
        // SAFETY: as the caller promises.
        unsafe { (*columns.add(index)).rank = UNKNOWN };
    }
    let mut total = 0;
    for index in 0..group.get(0) {
        // SAFETY: as the caller promises.
        let rank_of = |column: u32| unsafe { (*columns.add(column as usize)).rank() };
        let (list, n) = candidates(group, group.get(1 + index), rank_of).unwrap_or((0, 0));
        total += n;
        // SAFETY: as the caller promises.
        unsafe {
            state.add(2 * index as usize).write(list);
            state.add(2 * index as usize + 1).write(list + 2 * n);
        }
    }
    total
}

/// The next rule in their order whose tests pass, or [`NO_ROW`].
///
/// # Safety
/// As for [`rules_start`], which must have been called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rules_next(
    group: *const u32,
    columns: *const Column,
    state: *mut u32,
) -> i32 {
    let group = Words(group);
    let n_indexes = group.get(0);
    loop {
        let mut first = u32::MAX;
        let mut source = 0;
        // Most groups have one index.
        let mut index = 0;
        while index < n_indexes {
            let place = Words(state).get(2 * index);
            if place < Words(state).get(2 * index + 1) && group.get(place) < first {
                first = group.get(place);
                source = index;
            }
            index += 1;
        }
        if first == u32::MAX {
            return NO_ROW;
        }
        // SAFETY: as the caller promises.
        let passes = unsafe {
            let place = state.add(2 * source as usize);
            let candidate = place.read();
            place.write(candidate + 2);
            passes(group, columns, group.get(candidate + 1))
        };
        if passes {
            return first as i32;
        }
    }
}

/// Whether all of some tests pass.
///
/// # Safety
/// As for [`rules_start`].
#[inline(always)]
unsafe fn passes(group: Words, columns: *const Column, tests: u32) -> bool {
    if tests == 0 {
        return true;
    }
    let mut test = tests + 1;
    let last = test + group.get(tests);
    while test < last {
        let mut passes = false;
        loop {
            let column = group.get(test);
            // SAFETY: tests name columns that there are.
            passes = passes
                || unsafe {
                    (*columns.add((column & !MORE) as usize))
                        .is_in(group.get(test + 1), group.get(test + 2))
                };
            test += 3;
            if column & MORE == 0 {
                break;
            }
        }
        if !passes {
            return false;
        }
    }
    true
}
