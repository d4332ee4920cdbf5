//! Tests of a column as ranges of ranks: see `rule-runtime/src/table.rs`, which says what a rank is.

#[path = "../../../../rule-runtime/src/table/rank_numbers.rs"]
#[allow(dead_code, reason = "some are for the helpers alone")]
mod rank_numbers;

pub(in super::super) use rank_numbers::{
    ABSENT, FAILED, FIRST, IF_NAN, IF_NULL, INTS, LAST, MORE, NAN, NOT_A_NUMBER, NULL, PRESENT,
    RANKED, TEST_WORDS, TEXTS, TIMES, hash_decimal, hash_int, hash_text, n_slots, order_double,
};
pub(super) use rank_numbers::{DENSE, LEAF, SPARSE};

use crate::ir::{CellTest, CompareOp, Const, Decimal, Expr, Table};
use crate::types::Type;
use rulestage_sort::sort_by;
use std::cmp::Ordering;

/// Ranks that no value has.
pub(in super::super) const NOTHING: (u32, u32) = (i32::MAX as u32, i32::MAX as u32);

/// A range of ranks, both ends included.
pub(in super::super) type Range = (u32, u32);

/// The constants that a column is compared with.
#[derive(Debug)]
pub(in super::super) struct Bounds {
    /// Ascending, without repetitions
    pub(in super::super) constants: Vec<Const>,
}

impl Bounds {
    /// For each column of a table.
    pub(super) fn of_columns(table: &Table<Expr>) -> Vec<Self> {
        let mut found: Vec<Vec<&Const>> = vec![Vec::new(); table.columns.len()];
        for row in &table.rows {
            for (column, tests) in &row.tests {
                collect(tests, &mut found[*column]);
            }
        }
        let columns = found.into_iter().zip(&table.columns);
        columns
            .map(|(constants, column)| Self::new(&column.value.ty, constants))
            .collect()
    }

    /// For one column of a type and all tests of it.
    pub(in super::super) fn of_tests<'t>(
        ty: &Type,
        tests: impl Iterator<Item = &'t [CellTest]>,
    ) -> Self {
        let mut constants = Vec::new();
        for tests in tests {
            collect(tests, &mut constants);
        }
        Self::new(ty, constants)
    }

    fn new(ty: &Type, mut constants: Vec<&Const>) -> Self {
        static BOOLS: [Const; 2] = [Const::Bool(false), Const::Bool(true)];
        if *super::super::layout::inner(ty) == Type::Bool {
            constants = BOOLS.iter().collect();
        }
        sort_by(&mut constants, |a, b| a.order(b).unwrap_or(Ordering::Equal));
        constants.dedup_by(|a, b| a.order(b) == Some(Ordering::Equal));
        let mut constants: Vec<Const> = constants.into_iter().cloned().collect();
        share_places(&mut constants);
        Self { constants }
    }

    /// Whether equal values are equal bit by bit, so that a hash finds them: decimals have their places in common.
    pub(in super::super) fn can_be_hashed(&self) -> bool {
        let mut decimals = self.constants.iter().filter_map(as_decimal);
        let first = decimals.next().map(Decimal::scale);
        decimals.all(|each| Some(each.scale()) == first)
    }

    /// The highest rank.
    pub(in super::super) fn max(&self) -> u32 {
        FIRST + 2 * self.constants.len() as u32
    }

    /// Whether ranges of ranks hold for all values that are no constants, or for none.
    pub(in super::super) fn tell_no_gaps(&self, ranges: &[Range]) -> bool {
        let in_gaps = ranges.iter().filter(|range| **range != NOTHING);
        let n_gaps: u32 = in_gaps
            .map(|(low, high)| {
                let (low, high) = (*low.max(&FIRST), *high.min(&self.max()));
                // Even ranks are gaps.
                (high / 2 + 1).saturating_sub(low.div_ceil(2))
            })
            .sum();
        n_gaps == 0 || n_gaps as usize == self.constants.len() + 1
    }

    /// The integers that a range of ranks stands for, where constants are integers: the lowest and the highest.
    pub(in super::super) fn integers(&self, (low, high): Range) -> (i64, i64) {
        const NONE: (i64, i64) = (i64::MAX, i64::MIN);
        let max = self.max();
        if low > max || high < FIRST {
            return NONE;
        }
        let constant = |place: u32| self.constants.get(place as usize).and_then(ordered);
        // Odd ones are constants, even ones what lies before the next constant.
        let (low, high) = (low.max(FIRST) - FIRST, high.min(max) - FIRST);
        let low = match low {
            0 => Some(i64::MIN),
            low if low & 1 == 1 => constant(low / 2),
            low => constant(low / 2 - 1).and_then(|below| below.checked_add(1)),
        };
        let high = match high {
            high if high & 1 == 1 => constant(high / 2),
            high if high / 2 == self.constants.len() as u32 => Some(i64::MAX),
            high => constant(high / 2).and_then(|above| above.checked_sub(1)),
        };
        low.zip(high).unwrap_or(NONE)
    }

    fn rank(&self, constant: &Const) -> u32 {
        if *constant == Const::Null {
            return NULL;
        }
        let place = self
            .constants
            .partition_point(|each| each.order(constant) == Some(Ordering::Less));
        FIRST + 2 * place as u32 + 1
    }

    /// The ranks with which one of the tests holds: ascending, with gaps between the ranges; at least one.
    pub(in super::super) fn ranges(&self, tests: &[CellTest]) -> Vec<Range> {
        let ranges = self.any(tests);
        if ranges.is_empty() {
            vec![NOTHING]
        } else {
            ranges
        }
    }

    fn any(&self, tests: &[CellTest]) -> Vec<Range> {
        let mut ranges: Vec<Range> = tests.iter().flat_map(|test| self.one(test)).collect();
        ranges.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1 + 1 => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        merged
    }

    fn one(&self, test: &CellTest) -> Vec<Range> {
        let max = self.max();
        match test {
            CellTest::Compare(op, constant) => {
                let rank = self.rank(constant);
                match op {
                    CompareOp::Equal => vec![(rank, rank)],
                    CompareOp::NotEqual => self.complement(&[(rank, rank)]),
                    CompareOp::Less => vec![(FIRST, rank - 1)],
                    CompareOp::LessEqual => vec![(FIRST, rank)],
                    CompareOp::Greater => vec![(rank + 1, max)],
                    CompareOp::GreaterEqual => vec![(rank, max)],
                }
            }
            CellTest::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let low = self.rank(low) + u32::from(!low_included);
                let high = self.rank(high) - u32::from(!high_included);
                vec![(low, high)]
            }
            CellTest::Not(tests) => self.complement(&self.any(tests)),
        }
    }

    fn complement(&self, ranges: &[Range]) -> Vec<Range> {
        let mut rest = Vec::with_capacity(ranges.len() + 1);
        let mut next = 0;
        for (low, high) in ranges {
            if next < *low {
                rest.push((next, low - 1));
            }
            next = high + 1;
        }
        if next <= self.max() {
            rest.push((next, self.max()));
        }
        rest
    }
}

fn as_decimal(constant: &Const) -> Option<Decimal> {
    match constant {
        Const::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// Decimals with the places of the one that has most, where all have room for them: then integers are compared.
fn share_places(constants: &mut [Const]) {
    let Some(most) = constants
        .iter()
        .filter_map(as_decimal)
        .map(Decimal::scale)
        .max()
    else {
        return;
    };
    let same = |constant: &Const| as_decimal(constant)?.with_scale(most).map(Const::Decimal);
    if let Some(same) = constants.iter().map(same).collect::<Option<Vec<Const>>>() {
        constants.clone_from_slice(&same);
    }
}

/// A constant as an integer, in the order of such constants; `None` of texts and points in time.
pub(in super::super) fn ordered(constant: &Const) -> Option<i64> {
    Some(match constant {
        Const::Bool(value) => i64::from(*value),
        Const::Int(value) | Const::Duration(value) => *value,
        Const::Uint(value) => (*value ^ 1 << 63) as i64,
        Const::Double(value) => order_double(*value),
        _ => return None,
    })
}

fn collect<'t>(tests: &'t [CellTest], found: &mut Vec<&'t Const>) {
    for test in tests {
        match test {
            CellTest::Compare(_, Const::Null) => {}
            CellTest::Compare(_, constant) => found.push(constant),
            CellTest::Interval { low, high, .. } => found.extend([low, high]),
            CellTest::Not(tests) => collect(tests, found),
        }
    }
}
