//! The index of a table: a tree that leads from ranks to the few rows that may match. Its size is linear in the
//! table's: where ranges overlap so much that it would grow beyond, the rows are gone through instead.

use super::ranks::{DENSE, LAST, LEAF, MORE, Range, SPARSE, TEST_WORDS};
use rulestage_sort::sort_by;
use std::collections::{BTreeSet, HashMap};

/// Rows that are tested one by one rather than told apart by a node.
const MAX_LEAF: usize = 4;
/// The same of rules, whose values have no ranks unless an index needs them.
const MAX_RULES: usize = 12;

/// Columns beyond these are not indexed.
const MAX_COLUMNS: usize = 64;

/// The tests of a row: columns in ascending order and their ranges.
pub(in super::super) type RowTests = Vec<(u32, Vec<Range>)>;

/// Appends the nodes to `words`; gives the root, or 0 where all rows are candidates.
pub(super) fn build(
    rows: &[RowTests],
    max_ranks: &[u32],
    is_single_hit: bool,
    words: &mut Vec<u32>,
) -> u32 {
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let mut builder = Builder::new(rows, all.len(), max_ranks, is_single_hit, words);
    match builder.split(&all, 0) {
        Some((column, segments)) => builder.branch(column, segments, 0),
        None => 0,
    }
}

/// How rules are indexed.
pub(in super::super) struct RuleIndexes<'a> {
    /// The tests of each rule
    pub(in super::super) rules: &'a [RowTests],
    /// Of each column
    pub(in super::super) max_ranks: &'a [u32],
    /// The words of a test
    pub(in super::super) encode: &'a dyn Fn(u32, Range) -> [u32; TEST_WORDS],
    /// Where tests are, by their words
    pub(in super::super) known_tests: HashMap<Vec<u32>, u32>,
    /// The columns that nodes ask for
    pub(in super::super) asked: BTreeSet<usize>,
    /// The columns of tests
    pub(in super::super) tested: BTreeSet<usize>,
}

impl RuleIndexes<'_> {
    /// Appends the nodes that lead to some of the rules, all of which count, and what is left to test of these; gives the
    /// root. See `rule-runtime/src/table/rules.rs`.
    pub(in super::super) fn build(&mut self, some: Vec<u32>, words: &mut Vec<u32>) -> u32 {
        let mut builder = Builder::new(self.rules, some.len(), self.max_ranks, false, words);
        builder.max_leaf = MAX_RULES;
        builder.rests = Some((HashMap::new(), self));
        builder.node(some, 0)
    }

    /// The place of the tests of a row that are of columns not decided; 0 where there are none.
    fn push_tests(&mut self, row: u32, decided: u128, words: &mut Vec<u32>) -> u32 {
        let is_open = |column: u32| column >= MAX_COLUMNS as u32 || decided >> column & 1 == 0;
        let mut tests: Vec<u32> = Vec::new();
        let rules = self.rules;
        for (column, ranges) in rules[row as usize]
            .iter()
            .filter(|(column, _)| is_open(*column))
        {
            self.tested.insert(*column as usize);
            for (index, range) in ranges.iter().enumerate() {
                let mut test = (self.encode)(*column, *range);
                if index + 1 < ranges.len() {
                    test[0] |= MORE;
                }
                tests.extend(test);
            }
        }
        let Some(last) = tests.len().checked_sub(TEST_WORDS) else {
            return 0;
        };
        tests[last] |= LAST;
        *self.known_tests.entry(tests).or_insert_with_key(|tests| {
            let start = words.len() as u32;
            words.extend(tests);
            start
        })
    }
}

impl<'a> Builder<'a, '_> {
    fn new(
        rows: &'a [RowTests],
        n_rows: usize,
        max_ranks: &'a [u32],
        is_single_hit: bool,
        words: &'a mut Vec<u32>,
    ) -> Self {
        let columns = |row: &RowTests| {
            let bits = row
                .iter()
                .map(|(column, _)| 1u128 << (*column).min(MAX_COLUMNS as u32));
            bits.fold(0, |mask, bit| mask | bit)
        };
        let budget = words.len() + 64 * n_rows + 1024;
        Self {
            rows,
            tested: rows.iter().map(columns).collect(),
            max_ranks: &max_ranks[..max_ranks.len().min(MAX_COLUMNS)],
            is_single_hit,
            max_leaf: MAX_LEAF,
            words,
            budget,
            known: HashMap::new(),
            rests: None,
        }
    }
}

/// Where the tests of a rule are, by it and the columns that they are of.
type Rests = HashMap<(u32, u128), u32>;

struct Builder<'a, 'r> {
    rows: &'a [RowTests],
    /// For each row the columns that it tests
    tested: Vec<u128>,
    max_ranks: &'a [u32],
    is_single_hit: bool,
    max_leaf: usize,
    words: &'a mut Vec<u32>,
    budget: usize,
    /// Nodes by their rows and the columns decided above them
    known: HashMap<(Vec<u32>, u128), u32>,
    /// Of rules
    rests: Option<(Rests, &'a mut RuleIndexes<'r>)>,
}

/// The lowest rank of each, and the rows that can still match there.
type Segments = Vec<(u32, Vec<u32>)>;

impl Builder<'_, '_> {
    /// The node for these rows; `decided` are the columns of the nodes above.
    fn node(&mut self, rows: Vec<u32>, decided: u128) -> u32 {
        let key = (rows, decided);
        if let Some(node) = self.known.get(&key) {
            return *node;
        }
        let split = if key.0.len() <= self.max_leaf || self.words.len() > self.budget {
            None
        } else {
            self.split(&key.0, decided)
        };
        let node = match split {
            Some((column, segments)) => self.branch(column, segments, decided),
            None => self.leaf(&key.0, decided),
        };
        self.known.insert(key, node);
        node
    }

    fn leaf(&mut self, rows: &[u32], decided: u128) -> u32 {
        let n_rows = rows.len() as u32;
        let Some((known, rules)) = &mut self.rests else {
            let node = self.words.len() as u32;
            self.words.extend([LEAF, n_rows]);
            self.words.extend(rows);
            return node;
        };
        let mut candidates = Vec::with_capacity(2 * rows.len());
        for row in rows {
            let rest = self.tested[*row as usize] & !decided;
            let tests = *known
                .entry((*row, rest))
                .or_insert_with(|| rules.push_tests(*row, decided, self.words));
            candidates.extend([*row, tests]);
        }
        let node = self.words.len() as u32;
        self.words.extend([LEAF, n_rows]);
        self.words.extend(candidates);
        node
    }

    fn branch(&mut self, column: usize, segments: Segments, decided: u128) -> u32 {
        if let Some((_, rules)) = &mut self.rests {
            rules.asked.insert(column);
        }
        let mut starts = Vec::with_capacity(segments.len());
        let mut children = Vec::with_capacity(segments.len());
        for (start, rows) in segments {
            starts.push(start);
            children.push(self.node(rows, decided | 1 << column));
        }
        let node = self.words.len() as u32;
        let n_ranks = self.max_ranks[column] + 1;
        if n_ranks as usize <= 4 * starts.len() + 16 {
            self.words.extend([DENSE, column as u32]);
            let mut child = 0;
            for rank in 0..n_ranks {
                if starts.get(child + 1).is_some_and(|next| *next <= rank) {
                    child += 1;
                }
                self.words.push(children[child]);
            }
        } else {
            self.words
                .extend([SPARSE, column as u32, starts.len() as u32]);
            self.words.extend(starts);
            self.words.extend(children);
        }
        node
    }

    /// The column that tells these rows apart best, if one does.
    fn split(&self, rows: &[u32], decided: u128) -> Option<(usize, Segments)> {
        let mut choices: Vec<(f64, usize)> = (0..self.max_ranks.len())
            .filter(|column| decided >> column & 1 == 0)
            .filter_map(|column| Some((self.rows_each(rows, column)?, column)))
            .filter(|(rows_each, _)| *rows_each <= 0.75 * rows.len() as f64)
            .collect();
        sort_by(&mut choices, |a, b| a.0.total_cmp(&b.0));
        choices.into_iter().find_map(|(_, column)| {
            let segments = self.segments(rows, column, decided)?;
            (segments.len() > 1).then_some((column, segments))
        })
    }

    fn ranges(&self, row: u32, column: usize) -> Option<&[Range]> {
        let tests = &self.rows[row as usize];
        let found = tests.binary_search_by_key(&(column as u32), |(column, _)| *column);
        found.ok().map(|index| tests[index].1.as_slice())
    }

    /// The lowest ranks of the segments into which the rows' ranges cut a column.
    fn starts(&self, rows: &[u32], column: usize) -> Vec<u32> {
        let max = self.max_ranks[column];
        let mut starts = vec![0];
        for row in rows {
            for (low, high) in self.ranges(*row, column).unwrap_or_default() {
                starts.extend([*low, *high + 1].into_iter().filter(|start| *start <= max));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// How many rows a segment of a column has on average; `None` where there is only one segment.
    fn rows_each(&self, rows: &[u32], column: usize) -> Option<f64> {
        let starts = self.starts(rows, column);
        let place = |rank: u32| starts.partition_point(|start| *start <= rank);
        let mut total = 0;
        for row in rows {
            total += match self.ranges(*row, column) {
                None => starts.len(),
                Some(ranges) => ranges
                    .iter()
                    .filter(|(low, _)| *low <= self.max_ranks[column])
                    .map(|(low, high)| place(*high) + 1 - place(*low))
                    .sum(),
            };
        }
        (starts.len() > 1).then_some(total as f64 / starts.len() as f64)
    }

    /// The segments of a column with their rows; `None` where these are too many in all.
    fn segments(&self, rows: &[u32], column: usize, decided: u128) -> Option<Segments> {
        let starts = self.starts(rows, column);
        let decided = decided | 1 << column;
        let segment = |rank: u32| starts.partition_point(|start| *start < rank);
        let mut enter: Vec<Vec<u32>> = vec![Vec::new(); starts.len()];
        let mut leave: Vec<Vec<u32>> = vec![Vec::new(); starts.len() + 1];
        let mut active = BTreeSet::new();
        for row in rows {
            let Some(ranges) = self.ranges(*row, column) else {
                active.insert(*row);
                continue;
            };
            for (low, high) in ranges {
                if *low <= self.max_ranks[column] {
                    enter[segment(*low)].push(*row);
                    leave[segment(*high + 1)].push(*row);
                }
            }
        }
        let mut room = 8 * rows.len() + 16;
        let mut segments: Segments = Vec::new();
        for (index, start) in starts.iter().enumerate() {
            for row in &leave[index] {
                active.remove(row);
            }
            active.extend(&enter[index]);
            let mut candidates = Vec::new();
            for row in &active {
                room = room.checked_sub(1)?;
                candidates.push(*row);
                // What comes behind a row that is sure to match does not count.
                if self.is_single_hit && self.tested[*row as usize] & !decided == 0 {
                    break;
                }
            }
            if segments.last().is_none_or(|(_, last)| *last != candidates) {
                segments.push((*start, candidates));
            }
        }
        Some(segments)
    }
}
