//! The values of one type, cut into classes by the constants that they are compared with: each constant, and each gap
//! between two that holds a value.

use crate::value::{order, sort};
use rulestage_rule_compiler::ir::{CellTest, CompareOp, Const, Decimal};
use rulestage_rule_compiler::types::Type;
use std::cmp::Ordering;

/// Seconds of the first and the last moment that a timestamp can be.
const YEARS: (i64, i64) = (-62_135_596_800, 253_402_300_799);
const NANOS: i128 = 1_000_000_000;

/// The classes of a column's values: in ascending order those that have one, then null and NaN.
#[derive(Debug)]
pub(crate) struct Domain {
    /// One value of each class
    pub(crate) classes: Vec<Const>,
    /// Ascending, without repetitions
    constants: Vec<Const>,
    /// For each constant the first class that is not below it, and the first above it
    places: Vec<(usize, usize)>,
    /// How many classes are in order
    pub(crate) n_ordered: usize,
    /// The class of null
    pub(crate) null: Option<usize>,
}

/// Classes as ranges of their numbers: ascending, apart, not empty.
pub(crate) type Classes = Vec<(usize, usize)>;

impl Domain {
    /// The classes of a type's values, null included where it is nullable. `is_stored` says that the values come from a
    /// column, which holds microseconds.
    pub(crate) fn new(ty: &Type, mut constants: Vec<Const>, is_stored: bool) -> Self {
        let (ty, is_nullable) = match ty {
            Type::Nullable(inner) => (&**inner, true),
            ty => (ty, false),
        };
        constants
            .retain(|constant| order(constant, constant).is_some() && *constant != Const::Null);
        sort(&mut constants);
        let mut classes = Vec::with_capacity(2 * constants.len() + 3);
        let mut places = Vec::with_capacity(constants.len());
        classes.extend(between(ty, None, constants.first(), is_stored));
        for (index, constant) in constants.iter().enumerate() {
            let first = classes.len();
            if !is_stored || is_storable(constant) {
                classes.push(constant.clone());
            }
            places.push((first, classes.len()));
            classes.extend(between(
                ty,
                Some(constant),
                constants.get(index + 1),
                is_stored,
            ));
        }
        let n_ordered = classes.len();
        let null = is_nullable.then_some(n_ordered);
        if is_nullable {
            classes.push(Const::Null);
        }
        if *ty == Type::Double {
            classes.push(Const::Double(f64::NAN));
        }
        Self {
            classes,
            constants,
            places,
            n_ordered,
            null,
        }
    }

    /// The classes that pass any of the tests.
    pub(crate) fn passing(&self, tests: &[CellTest]) -> Classes {
        let mut ranges: Classes = tests.iter().flat_map(|test| self.test(test)).collect();
        ranges.retain(|(start, end)| start < end);
        ranges.sort_unstable();
        let mut joined: Classes = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match joined.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => joined.push((start, end)),
            }
        }
        joined
    }

    /// All classes.
    pub(crate) fn all(&self) -> Classes {
        vec![(0, self.classes.len())]
    }

    fn test(&self, test: &CellTest) -> Classes {
        match test {
            CellTest::Compare(CompareOp::Equal, Const::Null) => {
                self.null.map(|null| (null, null + 1)).into_iter().collect()
            }
            CellTest::Compare(CompareOp::NotEqual, value) => {
                let equal = CellTest::Compare(CompareOp::Equal, value.clone());
                self.others(&self.passing(&[equal]))
            }
            CellTest::Compare(op, value) => {
                let (first, above) = self.place(value);
                vec![match op {
                    CompareOp::Less => (0, first),
                    CompareOp::LessEqual => (0, above),
                    CompareOp::Greater => (above, self.n_ordered),
                    CompareOp::GreaterEqual => (first, self.n_ordered),
                    _ => (first, above),
                }]
            }
            CellTest::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let (low, high) = (self.place(low), self.place(high));
                let start = if *low_included { low.0 } else { low.1 };
                vec![(start, if *high_included { high.1 } else { high.0 })]
            }
            CellTest::Not(tests) => self.others(&self.passing(tests)),
        }
    }

    fn place(&self, constant: &Const) -> (usize, usize) {
        let found = self
            .constants
            .binary_search_by(|each| order(each, constant).unwrap_or(Ordering::Less));
        match found {
            Ok(index) => self.places[index],
            // Not one of the domain's: nothing equals it.
            Err(index) => {
                let at = self
                    .places
                    .get(index)
                    .map_or(self.n_ordered, |place| place.0);
                (at, at)
            }
        }
    }

    fn others(&self, classes: &Classes) -> Classes {
        let mut others = Vec::with_capacity(classes.len() + 1);
        let mut from = 0;
        for (start, end) in classes {
            if from < *start {
                others.push((from, *start));
            }
            from = *end;
        }
        if from < self.classes.len() {
            others.push((from, self.classes.len()));
        }
        others
    }
}

/// Whether a column can hold it.
fn is_storable(constant: &Const) -> bool {
    !matches!(constant, Const::Timestamp(_, nanos) if nanos % 1_000 != 0)
}

/// A value between two neighbouring constants, or beyond the last one, where there is one.
pub(crate) fn between(
    ty: &Type,
    low: Option<&Const>,
    high: Option<&Const>,
    is_stored: bool,
) -> Option<Const> {
    match ty {
        Type::Bool => [false, true]
            .into_iter()
            .map(Const::Bool)
            .find(|value| is_between(value, low, high)),
        Type::Int => integer(low, high, 1, i128::from(i64::MIN), i128::from(i64::MAX))
            .map(|value| Const::Int(value as i64)),
        Type::Uint => {
            integer(low, high, 1, 0, i128::from(u64::MAX)).map(|value| Const::Uint(value as u64))
        }
        Type::Duration => integer(low, high, 1, i128::from(i64::MIN), i128::from(i64::MAX))
            .map(|value| Const::Duration(value as i64)),
        Type::Timestamp => {
            let unit = if is_stored { 1_000 } else { 1 };
            let (least, most) = (i128::from(YEARS.0) * NANOS, i128::from(YEARS.1) * NANOS);
            integer(low, high, unit, least, most + NANOS - 1).map(|value| {
                let seconds = value.div_euclid(NANOS) as i64;
                Const::Timestamp(seconds, value.rem_euclid(NANOS) as u32)
            })
        }
        Type::Double => double(low, high),
        Type::Decimal => decimal(low, high),
        Type::String => {
            let after = |suffix: char| match low {
                Some(Const::String(text)) => format!("{text}{suffix}"),
                _ => String::new(),
            };
            ["other".to_owned(), after('!'), after('\0')]
                .map(Const::String)
                .into_iter()
                .find(|value| is_between(value, low, high))
        }
        Type::Bytes => {
            let after = match low {
                Some(Const::Bytes(bytes)) => [bytes.as_slice(), &[0]].concat(),
                _ => Vec::new(),
            };
            Some(Const::Bytes(after)).filter(|value| is_between(value, low, high))
        }
        _ => None,
    }
}

/// A decimal with few places, where one is there.
fn decimal(low: Option<&Const>, high: Option<&Const>) -> Option<Const> {
    let exact = |constant: Option<&Const>| match constant {
        Some(Const::Decimal(value)) => Some(*value),
        _ => None,
    };
    let (below, above) = (exact(low), exact(high));
    let places = [below, above].into_iter().flatten().map(Decimal::scale);
    // Between two that differ in their last place there is one with one more.
    let finest = places.max().unwrap_or(0) + 1;
    let candidate = |scale: u32| {
        let unit = Decimal::new(1, scale)?;
        match (below, above) {
            (Some(below), _) => below.add(unit).ok(),
            (None, Some(above)) => above.subtract(unit).ok(),
            (None, None) => Some(Decimal::ZERO),
        }
    };
    [0, 2, finest]
        .into_iter()
        .filter_map(candidate)
        .map(Const::Decimal)
        .find(|value| is_between(value, low, high))
}

fn is_between(value: &Const, low: Option<&Const>, high: Option<&Const>) -> bool {
    low.is_none_or(|low| order(low, value) == Some(Ordering::Less))
        && high.is_none_or(|high| order(value, high) == Some(Ordering::Less))
}

/// A multiple of `unit`, as near to the lower constant as can be, else to the upper one.
fn integer(
    low: Option<&Const>,
    high: Option<&Const>,
    unit: i128,
    least: i128,
    most: i128,
) -> Option<i128> {
    let exact = |constant: &Const| match constant {
        Const::Int(value) | Const::Duration(value) => Some(i128::from(*value)),
        Const::Uint(value) => Some(i128::from(*value)),
        Const::Timestamp(seconds, nanos) => Some(i128::from(*seconds) * NANOS + i128::from(*nanos)),
        _ => None,
    };
    let first = match low {
        Some(low) => (exact(low)?.div_euclid(unit) + 1) * unit,
        None => least,
    };
    let last = match high {
        Some(high) => (exact(high)? - 1).div_euclid(unit) * unit,
        None => most,
    };
    if first > last || first > most || last < least {
        return None;
    }
    Some(match (low, high) {
        (Some(_), _) => first,
        (None, Some(_)) => last,
        (None, None) => 0,
    })
}

fn double(low: Option<&Const>, high: Option<&Const>) -> Option<Const> {
    let number = |constant: Option<&Const>| match constant {
        Some(Const::Double(value)) => Some(*value),
        _ => None,
    };
    let step = |number: f64| (number.abs() * 1e-3).max(1.0);
    let candidates = match (number(low), number(high)) {
        (Some(low), Some(high)) => vec![
            low + (high - low) / 2.0,
            low + step(low),
            high - step(high),
            low.next_up(),
        ],
        (Some(low), None) => vec![low + step(low), low.next_up()],
        (None, Some(high)) => vec![high - step(high), high.next_down()],
        (None, None) => vec![0.0],
    };
    let mut values = candidates.into_iter().map(Const::Double);
    values.find(|value| is_between(value, low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_without_values_are_no_classes() {
        let classes = |ty: &Type, constants: Vec<Const>| Domain::new(ty, constants, true).classes;
        let text = |text: &str| Const::String(text.to_owned());
        assert_eq!(
            classes(&Type::Int, vec![Const::Int(4), Const::Int(3)]),
            [2, 3, 4, 5].map(Const::Int)
        );
        assert_eq!(classes(&Type::Bool, vec![Const::Bool(true)]).len(), 2);
        assert_eq!(
            classes(&Type::Uint, vec![Const::Uint(0), Const::Uint(u64::MAX)]),
            [0, 1, u64::MAX].map(Const::Uint)
        );
        assert_eq!(
            classes(&Type::String, vec![text(""), text("\0")]),
            [text(""), text("\0"), text("other")]
        );
        // A column can't hold half a microsecond.
        assert_eq!(
            classes(&Type::Timestamp, vec![Const::Timestamp(5, 500)]),
            [Const::Timestamp(5, 0), Const::Timestamp(5, 1_000)]
        );
        let next = 1.0_f64.next_up();
        let doubles = classes(&Type::Double, vec![Const::Double(1.0), Const::Double(next)]);
        assert_eq!(doubles.len(), 5, "{doubles:?}");
    }
}
