//! Going through the cells of a table's grid: axis by axis, from each place where a row begins or ends to the next.

use crate::domain::Classes;
use std::collections::{BTreeMap, BTreeSet};

/// How much work is left: rows looked at.
#[derive(Debug)]
pub(super) struct Limits(pub(super) usize);

impl Limits {
    /// Whether answers are missing.
    pub(super) fn is_exhausted(&self) -> bool {
        self.0 == 0
    }
}

/// What is to be found out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Questions {
    /// A point that no row matches
    pub(super) gap: bool,
    /// Which rows are the first to match somewhere, and differ from the next one there
    pub(super) first: bool,
    /// Which rows match where an earlier one does that does not agree
    pub(super) overlaps: bool,
}

/// Rows as boxes over the first axes, and what was found out.
pub(super) struct Sweep<'a> {
    rows: &'a [Vec<Classes>],
    lens: Vec<usize>,
    /// The axes, those that most rows test first
    order: Vec<usize>,
    questions: Questions,
    agree: &'a dyn Fn(usize, usize) -> bool,
    point: Vec<usize>,
    /// A point that no row matches
    pub(super) gap: Option<Vec<usize>>,
    /// By row: whether it is the first to match somewhere
    pub(super) reached: Vec<bool>,
    /// By row: whether it is the first somewhere where no next one agrees
    pub(super) needed: Vec<bool>,
    /// By row: an earlier row that does not agree, and where both match
    pub(super) overlaps: BTreeMap<usize, (usize, Vec<usize>)>,
}

impl<'a> Sweep<'a> {
    /// `agree` says of an earlier and a later row whether it does not matter which one counts.
    pub(super) fn new(
        rows: &'a [Vec<Classes>],
        lens: Vec<usize>,
        questions: Questions,
        agree: &'a dyn Fn(usize, usize) -> bool,
    ) -> Self {
        let n_tests = |axis: &usize| {
            let all = [(0, lens[*axis])];
            rows.iter().filter(|row| row[*axis] != all).count()
        };
        let mut order: Vec<usize> = (0..lens.len()).collect();
        order.sort_by_cached_key(|axis| std::cmp::Reverse(n_tests(axis)));
        Self {
            rows,
            point: vec![0; lens.len()],
            lens,
            order,
            questions,
            agree,
            gap: None,
            reached: vec![false; rows.len()],
            needed: vec![false; rows.len()],
            overlaps: BTreeMap::new(),
        }
    }

    /// Finds out about `rows`, ascending.
    pub(super) fn run(&mut self, rows: &[usize], limits: &mut Limits) {
        self.visit(0, rows, limits);
    }

    /// All points with the current coordinates on the first `depth` axes, where `rows` match so far.
    fn visit(&mut self, depth: usize, rows: &[usize], limits: &mut Limits) {
        limits.0 = limits.0.saturating_sub(rows.len() + 1);
        if limits.is_exhausted() || self.is_settled(depth, rows) {
            return;
        }
        let Some(axis) = self.order.get(depth).copied() else {
            return self.settle(rows);
        };
        // Where rows begin and end
        let mut events: Vec<(usize, bool, usize)> = Vec::with_capacity(2 * rows.len());
        for row in rows {
            for (start, end) in &self.rows[*row][axis] {
                events.push((*start, true, *row));
                events.push((*end, false, *row));
            }
        }
        events.sort_unstable();
        let mut active: BTreeSet<usize> = BTreeSet::new();
        let mut at = 0;
        let mut position = 0;
        while position < self.lens[axis] {
            while let Some((_, begins, row)) = events.get(at).filter(|event| event.0 == position) {
                if *begins {
                    active.insert(*row);
                } else {
                    active.remove(row);
                }
                at += 1;
            }
            self.point[axis] = position;
            let inside: Vec<usize> = self.relevant(depth + 1, &active);
            self.visit(depth + 1, &inside, limits);
            if limits.is_exhausted() {
                return;
            }
            position = events.get(at).map_or(self.lens[axis], |event| event.0);
        }
        self.point[axis] = 0;
    }

    /// The rows that can matter: none behind the second that matches whatever comes.
    fn relevant(&self, depth: usize, active: &BTreeSet<usize>) -> Vec<usize> {
        if self.questions.overlaps {
            return active.iter().copied().collect();
        }
        let mut relevant = Vec::new();
        let mut n_full = 0;
        for row in active {
            relevant.push(*row);
            n_full += usize::from(self.is_full(depth, *row));
            if n_full == 2 || n_full == 1 && !self.questions.first {
                break;
            }
        }
        relevant
    }

    /// Whether the row matches on all axes from `depth` on.
    fn is_full(&self, depth: usize, row: usize) -> bool {
        let mut axes = self.order[depth..].iter();
        axes.all(|axis| self.rows[row][*axis] == [(0, self.lens[*axis])])
    }

    /// Whether nothing new can be found here.
    fn is_settled(&self, depth: usize, rows: &[usize]) -> bool {
        let has_gap = |sweep: &Self| {
            sweep.gap.is_none() && !rows.iter().any(|row| sweep.is_full(depth, *row))
        };
        if self.questions.gap && has_gap(self) {
            return false;
        }
        if self.questions.first && !rows.iter().all(|row| self.needed[*row]) {
            return false;
        }
        let is_known = |row: &usize| self.overlaps.contains_key(row);
        !(self.questions.overlaps && rows.len() > 1 && !rows[1..].iter().all(is_known))
    }

    /// What the rows that match one point say.
    fn settle(&mut self, rows: &[usize]) {
        let Some(first) = rows.first().copied() else {
            if self.questions.gap && self.gap.is_none() {
                self.gap = Some(self.point.clone());
            }
            return;
        };
        if self.questions.first {
            self.reached[first] = true;
            let next = rows.get(1);
            if next.is_none_or(|next| !(self.agree)(first, *next)) {
                self.needed[first] = true;
            }
        }
        if self.questions.overlaps {
            for row in &rows[1..] {
                if !self.overlaps.contains_key(row) && !(self.agree)(first, *row) {
                    self.overlaps.insert(*row, (first, self.point.clone()));
                }
            }
        }
    }
}
