//! Sets of characters under construction: ranges in a part of the program's buffer.

use crate::folds::fold_range;

/// The last character.
pub(crate) const MAX: u32 = 0x10_FFFF;

/// Ranges (first, last) in the order in which they came, or sorted and apart from each other.
pub(crate) struct Class<'a> {
    room: &'a mut [u32],
    n_ranges: usize,
    /// The ranges before this one are done with
    base: usize,
    is_too_large: bool,
}

impl<'a> Class<'a> {
    pub(crate) fn new(room: &'a mut [u32]) -> Self {
        Self {
            room,
            n_ranges: 0,
            base: 0,
            is_too_large: false,
        }
    }

    pub(crate) fn add(&mut self, first: u32, last: u32) {
        // Adjacent to the one before, as tables are
        if self.n_ranges > self.base {
            let (previous_first, previous_last) = self.get(self.n_ranges - 1);
            if first >= previous_first && first <= previous_last.saturating_add(1) {
                self.set(self.n_ranges - 1, previous_first, last.max(previous_last));
                return;
            }
        }
        if 2 * self.n_ranges + 1 < self.room.len() {
            self.set(self.n_ranges, first, last);
            self.n_ranges += 1;
        } else {
            self.is_too_large = true;
        }
    }

    fn get(&self, index: usize) -> (u32, u32) {
        let word = |index: usize| self.room.get(index).copied().unwrap_or(0);
        (word(2 * index), word(2 * index + 1))
    }

    fn set(&mut self, index: usize, first: u32, last: u32) {
        if let Some([slot_first, slot_last]) = self.room.get_mut(2 * index..2 * index + 2) {
            *slot_first = first;
            *slot_last = last;
        }
    }

    /// Sorts and merges.
    pub(crate) fn normalize(&mut self) {
        let mut gap = (self.n_ranges - self.base) / 2;
        while gap > 0 {
            for index in self.base + gap..self.n_ranges {
                let range = self.get(index);
                let mut at = index;
                while at >= self.base + gap && self.get(at - gap) > range {
                    let (first, last) = self.get(at - gap);
                    self.set(at, first, last);
                    at -= gap;
                }
                self.set(at, range.0, range.1);
            }
            gap /= 2;
        }
        let n_unmerged = core::mem::replace(&mut self.n_ranges, self.base);
        for index in self.base..n_unmerged {
            let (first, last) = self.get(index);
            self.add(first, last);
        }
    }

    /// Adds all that equals one of the characters but for case.
    pub(crate) fn fold(&mut self) {
        // Three steps lead around the longest cycle of characters that differ in case.
        for _ in 0..3 {
            self.normalize();
            let n_before = self.n_ranges;
            for index in self.base..n_before {
                let (first, last) = self.get(index);
                fold_range(first, last, |first, last| self.add(first, last));
            }
        }
        self.normalize();
    }

    /// Everything else; the class must be normal.
    pub(crate) fn negate(&mut self) {
        let n_ranges = core::mem::replace(&mut self.n_ranges, self.base);
        let mut next = 0;
        for index in self.base..n_ranges {
            let (first, last) = self.get(index);
            // The range written has the index of one already read, or of the one at hand.
            if first > next {
                self.set(self.n_ranges, next, first - 1);
                self.n_ranges += 1;
            }
            next = last + 1;
        }
        if next <= MAX {
            if 2 * self.n_ranges + 1 < self.room.len() {
                self.set(self.n_ranges, next, MAX);
                self.n_ranges += 1;
            } else {
                self.is_too_large = true;
            }
        }
    }

    /// Adds all that `fill` doesn't add; but for case, where that is ignored.
    pub(crate) fn add_others(&mut self, ignore_case: bool, fill: impl FnOnce(&mut Self)) {
        let base = core::mem::replace(&mut self.base, self.n_ranges);
        fill(self);
        if ignore_case {
            self.fold();
        } else {
            self.normalize();
        }
        self.negate();
        self.base = base;
    }

    /// The words of the ranges; nothing where they found no room.
    pub(crate) fn finish(self) -> Option<usize> {
        (!self.is_too_large).then_some(2 * self.n_ranges)
    }
}
