//! Which rules become groups, and everything about these that does not depend on addresses.

use super::super::layout::is_cell;
use super::super::table::index::{RowTests, RuleIndexes};
use super::super::table::ranks::{
    Bounds, IF_NAN, IF_NULL, INTS, NAN, NOTHING, NULL, Range, TEST_WORDS,
};
use super::conjuncts::{Test, conjuncts, is_infallible, test};
use super::members::{Shapes, values};
use super::place::kind;
use super::{Group, TestedColumn};
use crate::dump;
use crate::ir::{CellTest, Expr, ExprKind, Rule, RuleSet};
use rulestage_sort::sort_by_key;
use std::collections::{BTreeSet, HashMap};

/// Fewer rules with tests are evaluated one after another: that takes no longer than an index does.
const MIN_INDEXED: usize = 64;
/// More rules are a group even without tests: one function for all of them would be too large.
const MAX_INLINE: usize = 256;
/// Values that fewer rules test are not worth computing for every row, unless they are there anyway.
const MIN_USES: usize = 8;
/// Lists of candidates that are merged for every row.
const MAX_INDEXES: usize = 8;
/// Fewer constants are found as fast by a binary search.
const MIN_HASHED: usize = 8;
/// Indexes of fewer rules are not worth asking.
const MIN_RULES_EACH: usize = 8;

/// The groups of a rule set, in order.
pub(in super::super) struct Plans(pub(in super::super) Vec<Group>);

impl Plans {
    pub(in super::super) fn new(ruleset: &RuleSet, explains: bool) -> Self {
        let mut groups = Vec::new();
        let mut n_functions = 0;
        let mut start = 0;
        while start < ruleset.rules.len() {
            let fits = |rule: &Rule| rule.table.is_none() && has_entries(ruleset, rule);
            let rest = &ruleset.rules[start..];
            let n_fit = rest.iter().position(|rule| !fits(rule));
            let n_fit = n_fit.unwrap_or(rest.len());
            let rules = &rest[..n_fit];
            let is_indexed = |rule: &&Rule| {
                rule.otherwise.is_empty()
                    && conjuncts(&rule.condition)
                        .into_iter()
                        .any(|each| test(each).is_some())
            };
            if n_fit > MAX_INLINE || rules.iter().filter(is_indexed).count() >= MIN_INDEXED {
                let group = plan(ruleset, start, rules, n_functions, explains);
                n_functions += (group.shapes.len() + group.explained.len()) as u32;
                groups.push(group);
            }
            start += n_fit.max(1);
        }
        Self(groups)
    }

    /// How many functions the shapes of all groups take.
    pub(in super::super) fn n_functions(&self) -> usize {
        let groups = self.0.iter();
        groups
            .map(|group| group.shapes.len() + group.explained.len())
            .sum()
    }

    /// The group that starts with a rule.
    pub(in super::super) fn starting_at(&self, rule: usize) -> Option<(usize, &Group)> {
        let found = self.0.binary_search_by_key(&rule, |group| group.first);
        found.ok().map(|index| (index, &self.0[index]))
    }
}

fn has_entries(ruleset: &RuleSet, rule: &Rule) -> bool {
    let mut contributions = rule.then.iter().chain(&rule.otherwise);
    contributions.all(|contribution| values(ruleset, contribution).is_some())
}

/// A test of a rule, by its column.
struct Found {
    column: usize,
    tests: Vec<CellTest>,
    is_unwrapped: bool,
}

fn plan(
    ruleset: &RuleSet,
    first: usize,
    rules: &[Rule],
    first_function: u32,
    explains: bool,
) -> Group {
    let conditions: Vec<Vec<&Expr>> = rules
        .iter()
        .map(|rule| conjuncts(&rule.condition))
        .collect();
    let (columns, found) = find_columns(ruleset, rules, &conditions);
    let mut columns: Vec<TestedColumn> = columns
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let tests = found.iter().flatten().flatten();
            let tests = tests
                .filter(|found| found.column == index)
                .map(|found| found.tests.as_slice());
            let bounds = Bounds::of_tests(&value.ty, tests);
            TestedColumn {
                value: value.clone(),
                bounds,
                is_hashed: false,
            }
        })
        .collect();
    let is_infallible: Vec<bool> = columns
        .iter()
        .map(|column| is_infallible(&column.value, ruleset))
        .collect();

    let mut shapes = Shapes::new(ruleset, explains);
    let mut outputs = Vec::new();
    let mut rows: Vec<RowTests> = Vec::with_capacity(rules.len());
    let mut members = Vec::with_capacity(rules.len());
    for ((rule, condition), found) in rules.iter().zip(&conditions).zip(&found) {
        let mut tests: RowTests = Vec::new();
        let mut rest = Vec::new();
        let ranges: Vec<Option<Vec<Range>>> = found
            .iter()
            .map(|found| {
                let found = found.as_ref()?;
                Some(columns[found.column].bounds.ranges(&found.tests))
            })
            .collect();
        let is_never_null = |column: usize| {
            found.iter().zip(&ranges).any(|(found, ranges)| {
                let is_certain = found.as_ref().is_some_and(|found| {
                    found.column == column && !found.is_unwrapped && is_infallible[column]
                });
                is_certain
                    && ranges
                        .iter()
                        .flatten()
                        .all(|(low, high)| !(*low..=*high).contains(&NULL))
            })
        };
        for ((operand, found), ranges) in condition.iter().zip(found).zip(&ranges) {
            let (Some(found), Some(ranges)) = (found, ranges) else {
                rest.push(*operand);
                continue;
            };
            let column = found.column;
            let mut ranges = ranges.clone();
            if !is_infallible[column] || found.is_unwrapped && !is_never_null(column) {
                // An error has the rank of a null: the operand is evaluated again to tell.
                rest.push(*operand);
                with_null(&mut ranges);
            }
            match tests.iter_mut().find(|(known, _)| *known == column as u32) {
                Some((_, known)) => *known = intersection(known, &ranges),
                None => tests.push((column as u32, ranges)),
            }
        }
        sort_by_key(&mut tests, |(column, _)| *column);
        rows.push(tests);
        members.push(shapes.member(rule, &rest, &mut outputs));
    }
    let Indexes {
        words,
        n_indexes,
        asked,
        tested,
    } = lay_out(&rows, &columns);
    for (index, column) in columns.iter_mut().enumerate() {
        let mut tests = rows.iter().flatten();
        let tells_no_gaps = tests.all(|(tested, ranges)| {
            *tested as usize != index || column.bounds.tell_no_gaps(ranges)
        });
        column.is_hashed = tells_no_gaps
            && column.bounds.constants.len() >= MIN_HASHED
            && column.bounds.can_be_hashed();
    }
    let is_plain = |index: &usize| {
        let value = &columns[*index].value;
        matches!(value.kind, ExprKind::Input(_)) && is_infallible[*index] && !is_cell(&value.ty)
    };
    let (scanned, stored) = match asked.iter().all(is_plain) {
        true => (asked.into_iter().collect(), tested),
        false => (Vec::new(), &asked | &tested),
    };
    Group {
        first,
        end: first + rules.len(),
        columns,
        words,
        n_indexes,
        scanned,
        stored: stored.into_iter().collect(),
        rules: members,
        first_function,
        first_explain_function: first_function + shapes.list.len() as u32,
        shapes: shapes.list,
        outputs,
        explained: shapes.explained,
    }
}

/// The values that are worth a column, and for each operand of each rule its test of one.
fn find_columns<'e>(
    ruleset: &RuleSet,
    rules: &[Rule],
    conditions: &[Vec<&'e Expr>],
) -> (Vec<&'e Expr>, Vec<Vec<Option<Found>>>) {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut values: Vec<(&Expr, usize)> = Vec::new();
    let mut found: Vec<Vec<Option<(usize, Test<'_>)>>> = Vec::with_capacity(rules.len());
    for (rule, condition) in rules.iter().zip(conditions) {
        let mut tests = Vec::with_capacity(condition.len());
        for operand in condition {
            // Where the condition does not hold, there is still the `else`.
            let test = test(operand).filter(|_| rule.otherwise.is_empty());
            tests.push(test.map(|test| {
                let value = test.value;
                let key = format!("{} {}", value.ty, dump::expression(ruleset, value));
                let number = *numbers.entry(key).or_insert_with(|| {
                    values.push((value, 0));
                    values.len() - 1
                });
                values[number].1 += 1;
                (number, test)
            }));
        }
        found.push(tests);
    }
    let is_worth_it = |(value, n_uses): &(&Expr, usize)| {
        let is_there = matches!(
            value.kind,
            ExprKind::Input(_) | ExprKind::Param(_) | ExprKind::Let(_)
        );
        is_there || *n_uses >= MIN_USES
    };
    let mut columns = Vec::new();
    let places: Vec<Option<usize>> = values
        .iter()
        .map(|value| {
            is_worth_it(value).then(|| {
                columns.push(value.0);
                columns.len() - 1
            })
        })
        .collect();
    let placed = |(number, test): (usize, Test<'_>)| {
        Some(Found {
            column: places[number]?,
            tests: test.tests,
            is_unwrapped: test.is_unwrapped,
        })
    };
    let found = found.into_iter().map(|tests| {
        let tests = tests.into_iter();
        tests.map(|test| test.and_then(placed)).collect()
    });
    let found = found.collect();
    (columns, found)
}

fn with_null(ranges: &mut Vec<Range>) {
    match ranges.first_mut() {
        Some((NULL, _)) => {}
        Some((low, _)) if *low == NULL + 1 => *low = NULL,
        _ => ranges.insert(0, (NULL, NULL)),
    }
    ranges.retain(|range| *range != NOTHING);
}

/// The ranks in both; at least one range.
fn intersection(a: &[Range], b: &[Range]) -> Vec<Range> {
    let mut both = Vec::new();
    for (a_low, a_high) in a {
        for (b_low, b_high) in b {
            let (low, high) = (*a_low.max(b_low), *a_high.min(b_high));
            if low <= high {
                both.push((low, high));
            }
        }
    }
    if both.is_empty() {
        both.push(NOTHING);
    }
    both.sort_unstable();
    both
}

/// The indexes of a group.
struct Indexes {
    words: Vec<u32>,
    n_indexes: usize,
    /// The columns that their nodes ask for
    asked: BTreeSet<usize>,
    /// The columns of what is left to test
    tested: BTreeSet<usize>,
}

/// One index for each column that tells many rules apart best, and one list of all other rules.
fn lay_out(rows: &[RowTests], columns: &[TestedColumn]) -> Indexes {
    const N_HEADER: usize = 1;
    let max_ranks: Vec<u32> = columns.iter().map(|column| column.bounds.max()).collect();
    let share = |(column, ranges): &(u32, Vec<Range>)| {
        let n_ranks: u32 = ranges
            .iter()
            .filter(|range| **range != NOTHING)
            .map(|(low, high)| high - low + 1)
            .sum();
        f64::from(n_ranks) / f64::from(max_ranks[*column as usize] + 1)
    };
    let mut by_column: Vec<Vec<u32>> = vec![Vec::new(); columns.len()];
    let mut others = Vec::new();
    for (row, tests) in (0..).zip(rows) {
        let best = tests
            .iter()
            .min_by(|a, b| share(a).total_cmp(&share(b)))
            .map(|(column, _)| *column as usize);
        match best {
            Some(column) => by_column[column].push(row),
            None => others.push(row),
        }
    }
    sort_by_key(&mut by_column, |rows| std::cmp::Reverse(rows.len()));
    let n_worth_it = by_column
        .iter()
        .take(MAX_INDEXES - 1)
        .take_while(|rows| rows.len() >= MIN_RULES_EACH)
        .count();
    others.extend(by_column.split_off(n_worth_it).into_iter().flatten());
    others.sort_unstable();
    by_column.push(others);
    by_column.retain(|rows| !rows.is_empty());

    let n_indexes = by_column.len();
    let mut words = vec![n_indexes as u32];
    words.resize(N_HEADER + n_indexes, 0);
    let encode = |column: u32, range| columns[column as usize].encode(column, range);
    let mut rules = RuleIndexes {
        rules: rows,
        max_ranks: &max_ranks,
        encode: &encode,
        known_tests: HashMap::new(),
        asked: BTreeSet::new(),
        tested: BTreeSet::new(),
    };
    for (index, some) in by_column.into_iter().enumerate() {
        words[N_HEADER + index] = rules.build(some, &mut words);
    }
    let (asked, tested) = (rules.asked, rules.tested);
    Indexes {
        words,
        n_indexes,
        asked,
        tested,
    }
}

impl TestedColumn {
    /// The words of a test: see `rule-runtime/src/table/rules.rs`.
    fn encode(&self, column: u32, (low, high): Range) -> [u32; TEST_WORDS] {
        let mut flags = 0;
        for (rank, flag) in [(NULL, IF_NULL), (NAN, IF_NAN)] {
            if (low..=high).contains(&rank) {
                flags |= flag;
            }
        }
        if kind(&self.value.ty) != INTS {
            return [column | flags, low, high, 0, 0];
        }
        let (low, high) = self.bounds.integers((low, high));
        let halves = |value: i64| [value as u32, (value >> 32) as u32];
        let ([a, b], [c, d]) = (halves(low), halves(high));
        [column | flags, a, b, c, d]
    }
}
