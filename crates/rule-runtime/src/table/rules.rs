//! Groups of rules: the rules whose tests pass.
//!
//! A group is words: the number of its indexes, then their roots. Nodes are those of tables, but for leaves: these have
//! two words for each candidate, its number and the offset of the tests that the nodes above have not decided, or 0. A
//! test has five words: the column with flags; then, of integers, the lowest and the highest value that passes, and of
//! anything else the lowest and the highest rank.

use super::rank_numbers::{
    ABSENT, COLUMN, FIRST, IF_NAN, IF_NULL, INTS, LAST, MORE, NAN, NULL, PRESENT, RANKED,
    TEST_WORDS, TEXTS, TIMES, hash_int, hash_text,
};
use super::{
    NO_ROW, Words, candidates, prefix, table_rank_bytes, table_rank_int, table_rank_timestamp,
};
use crate::{bytes, first_bytes};
use core::cmp::Ordering;

/// A column: what it is compared with, and its value in this row.
#[repr(C)]
pub struct Column {
    kind: u32,
    bounds: u32,
    n_bounds: u32,
    /// Where values are only compared for equality: the number of the last slot of the hash table; otherwise 0
    last_slot: u32,
    /// As many of 12 bytes as the kind says
    value: [u32; 3],
    /// [`ABSENT`], [`PRESENT`] or `NOT_A_NUMBER`
    presence: u32,
}

impl Column {
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

    #[inline(always)]
    fn rank(&self) -> u32 {
        match self.presence {
            PRESENT if self.last_slot != 0 => self.look_up(),
            PRESENT => self.find_rank(),
            ABSENT => NULL,
            _ => NAN,
        }
    }

    /// The rank of a value that is only compared for equality.
    #[inline(always)]
    fn look_up(&self) -> u32 {
        let (hash, size) = match self.kind {
            INTS => (hash_int(self.wide() as i64), 8),
            _ => (hash_text(first_bytes(self.text()), self.text()), 16),
        };
        let slots = self.bounds as usize + self.n_bounds as usize * size;
        let slots = Words(core::ptr::with_exposed_provenance(slots));
        let mut slot = hash & self.last_slot;
        loop {
            match slots.get(slot) {
                0 => return FIRST,
                place if self.is_constant(place - 1) => {
                    return FIRST + 2 * place - 1;
                }
                _ => slot = (slot + 1) & self.last_slot,
            }
        }
    }

    #[inline(never)]
    fn find_rank(&self) -> u32 {
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        let n = self.n_bounds as usize;
        // SAFETY: the compiler laid out the constants of this kind.
        unsafe {
            match self.kind {
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

    /// Whether the value, an integer or a text that is looked up by its hash, is a constant.
    #[inline(always)]
    fn is_constant(&self, constant: u32) -> bool {
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        // SAFETY: the compiler laid out the constants of this kind.
        unsafe {
            if self.kind == INTS {
                return self.wide()
                    == bounds
                        .add(constant as usize * 8)
                        .cast::<u64>()
                        .read_unaligned();
            }
            // What a short text is, its first bytes and its length say.
            let (text, bound) = (self.text(), bounds.add(constant as usize * 16));
            let length = bound.add(12).cast::<u32>().read_unaligned() as usize;
            (text.len() == length) & (first_bytes(text) == bound.cast::<u64>().read_unaligned())
                && (length <= 8 || self.has_text(bound))
        }
    }

    /// # Safety
    /// A constant text must be at the address.
    unsafe fn constant_text<'a>(bound: *const u8) -> &'a [u8] {
        // SAFETY: as the caller promises.
        unsafe {
            let address = bound.add(8).cast::<u32>().read_unaligned() as usize;
            let length = bound.add(12).cast::<u32>().read_unaligned() as usize;
            bytes(core::ptr::with_exposed_provenance(address), length)
        }
    }

    /// # Safety
    /// A constant text must be at the address.
    #[inline(never)]
    unsafe fn has_text(&self, bound: *const u8) -> bool {
        // SAFETY: as the caller promises.
        self.text() == unsafe { Self::constant_text(bound) }
    }

    /// How the value, a text or a point in time, compares with a constant.
    #[inline(never)]
    fn order(&self, constant: u32) -> Ordering {
        let bounds = core::ptr::with_exposed_provenance::<u8>(self.bounds as usize);
        let bound = bounds.wrapping_add(constant as usize * 16);
        // SAFETY: the compiler laid out the constants of this kind, and tests name those there are.
        unsafe {
            let first = bound.cast::<u64>().read_unaligned();
            if self.kind == TIMES {
                let bound = (first as i64, bound.add(8).cast::<u32>().read_unaligned());
                return (self.wide() as i64, self.value[2]).cmp(&bound);
            }
            let text = self.text();
            let order = prefix(text).cmp(&first);
            order.then_with(|| text.cmp(Self::constant_text(bound)))
        }
    }

    /// Whether the rank of a text, a point in time or a decimal is in a range.
    #[inline(never)]
    fn has_rank_in(&self, low: u32, high: u32) -> bool {
        if self.kind == RANKED {
            return (low..=high).contains(&self.value[0]);
        }
        let last = FIRST + 2 * self.n_bounds;
        if low > last || high < FIRST {
            return false;
        }
        // Odd ones are constants, even ones what lies before the next constant.
        let (low, high) = (low.max(FIRST) - FIRST, high.min(last) - FIRST);
        let is_one = low == high && low & 1 == 1;
        if self.last_slot != 0 {
            return match is_one {
                true => self.is_constant(low / 2),
                false => (low..=high).contains(&(self.look_up() - FIRST)),
            };
        }
        if is_one {
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

    /// Whether the value passes a test, whose first word is this.
    #[inline(always)]
    fn passes(&self, word: u32, test: *const u32) -> bool {
        match self.presence {
            // SAFETY: a test has these words.
            PRESENT if self.kind == INTS => unsafe {
                let value = self.wide() as i64;
                let low = test.add(1).cast::<i64>().read_unaligned();
                let high = test.add(3).cast::<i64>().read_unaligned();
                (low <= value) & (value <= high)
            },
            // SAFETY: likewise.
            PRESENT => unsafe { self.has_rank_in(test.add(1).read(), test.add(2).read()) },
            ABSENT => word & IF_NULL != 0,
            _ => word & IF_NAN != 0,
        }
    }
}

const _: () = assert!(
    TEXTS == 2 && size_of::<Column>() == 32,
    "laid out by the compiler"
);

/// Finds out which rules may match: `state` has two words for each index, the place of the next candidate and the end
/// of the list.
///
/// # Safety
/// `group` must be a group, `columns` its columns with the row's values, `state` two words for each index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rules_start(group: *const u32, columns: *const Column, state: *mut u32) {
    let group = Words(group);
    for index in 0..group.get(0) {
        // SAFETY: as the caller promises.
        let rank_of = |column: u32| unsafe { (*columns.add(column as usize)).rank() };
        let (list, n) = candidates(group, group.get(1 + index), rank_of).unwrap_or((0, 0));
        // SAFETY: as the caller promises.
        unsafe {
            state.add(2 * index as usize).write(list);
            state.add(2 * index as usize + 1).write(list + 2 * n);
        }
    }
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
    let mut source = state;
    loop {
        if n_indexes > 1 {
            source = first_source(group, n_indexes, state);
        }
        // SAFETY: as the caller promises.
        let place = unsafe { source.read() };
        if place >= Words(source).get(1) {
            return NO_ROW;
        }
        // SAFETY: as the caller promises.
        let passes = unsafe {
            source.write(place + 2);
            passes(group, columns, group.get(place + 1))
        };
        if passes {
            return group.get(place) as i32;
        }
    }
}

/// The index with the next candidate, if one has one.
fn first_source(group: Words, n_indexes: u32, state: *mut u32) -> *mut u32 {
    let mut first = u32::MAX;
    let mut source = state;
    for index in 0..n_indexes {
        let this = state.wrapping_add(2 * index as usize);
        let place = Words(this).get(0);
        if place < Words(this).get(1) && group.get(place) < first {
            first = group.get(place);
            source = this;
        }
    }
    source
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
    let mut test = group.0.wrapping_add(tests as usize);
    loop {
        let mut passes = false;
        let mut word;
        loop {
            // SAFETY: a test goes on where it says so, and names a column that there is.
            unsafe {
                word = test.read();
                passes |= (*columns.add((word & COLUMN) as usize)).passes(word, test);
            }
            test = test.wrapping_add(TEST_WORDS);
            if word & MORE == 0 {
                break;
            }
        }
        if !passes || word & LAST != 0 {
            return passes;
        }
    }
}
