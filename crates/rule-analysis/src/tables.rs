//! What is odd about decision tables: inputs that no row matches, rows that contradict each other, never count or could
//! go.

mod sweep;

use crate::domain::{Classes, Domain};
use crate::value::{example, literal};
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_rule_compiler::ast::HitPolicy;
use rulestage_rule_compiler::ir::{
    CellTest, Const, Expr, ExprKind, Rule, RuleSet, Table, TableValue,
};
use std::collections::BTreeMap;
use sweep::{Limits, Questions, Sweep};

/// How many findings of one kind a table gets.
const MAX_FINDINGS: usize = 20;

/// What a table's rows test, column by column.
struct Grid {
    /// Inputs first
    axes: Vec<Axis>,
    /// By row, in the order in which rows count: the classes on each axis that pass
    rows: Vec<Vec<Classes>>,
    n_inputs: usize,
}

/// Something that rows test.
struct Axis {
    /// The input; nothing for an expression, of whose values nothing is known
    input: Option<usize>,
    domain: Domain,
}

/// The findings about all tables; each may be `n_steps` of work.
pub(crate) fn of_tables(ruleset: &RuleSet, n_steps: usize) -> Vec<Diagnostic> {
    let tables = ruleset.rules.iter().filter_map(|rule| {
        let table = rule.table.as_deref()?;
        Some(of_table(ruleset, rule, table, n_steps))
    });
    tables.flatten().collect()
}

fn of_table(
    ruleset: &RuleSet,
    rule: &Rule,
    table: &Table<Expr>,
    n_steps: usize,
) -> Vec<Diagnostic> {
    let grid = Grid::new(ruleset, table);
    let mut found = Vec::new();
    let mut is_dead = vec![false; table.rows.len()];
    for (index, row) in grid.rows.iter().enumerate() {
        if row.iter().any(Vec::is_empty) {
            is_dead[index] = true;
            let span = table.rows[index].span;
            let message = "this row can't match: no value passes all of its tests";
            let diagnostic = Diagnostic::warning("rule.analysis.impossible-row", span, message);
            found.push(diagnostic.with_hint("correct the tests, or take the row out"));
        }
    }
    let live: Vec<usize> = (0..table.rows.len()).filter(|row| !is_dead[*row]).collect();
    let is_concrete = grid.n_inputs == grid.axes.len();
    let mut limits = Limits(n_steps);
    let policy = table.policy;
    let takes_first = matches!(policy, HitPolicy::First | HitPolicy::Priority);
    let is_exclusive = matches!(policy, HitPolicy::Unique | HitPolicy::Any);

    // What is certain whatever the values of expressions are: rows that never count.
    if takes_first {
        let questions = Questions {
            first: true,
            ..Questions::default()
        };
        let same = |a: usize, b: usize| is_concrete && same_values(table, a, b) == Some(true);
        let mut sweep = Sweep::new(&grid.rows, grid.lens(grid.axes.len()), questions, &same);
        sweep.run(&live, &mut limits);
        if !limits.is_exhausted() {
            for row in &live {
                if !sweep.reached[*row] {
                    found.push(unreachable(table, &grid, &live, *row));
                } else if is_concrete && !sweep.needed[*row] && assigns(table, *row) {
                    found.push(redundant(
                        table,
                        *row,
                        "a row below assigns the same wherever this one counts",
                    ));
                }
            }
        }
    }
    // With examples: rows that test expressions count as matching where that speaks against a gap, and as not matching
    // where it speaks against an overlap.
    if (takes_first || is_exclusive)
        && let Some(point) = grid.find_gap(&live, &mut limits)
    {
        found.push(gap(ruleset, rule, &grid, &point));
    }
    if is_exclusive {
        let certain: Vec<usize> = live
            .iter()
            .copied()
            .filter(|row| grid.tests_inputs_only(*row))
            .collect();
        let questions = Questions {
            overlaps: true,
            ..Questions::default()
        };
        let is_any = policy == HitPolicy::Any;
        let agree = |a: usize, b: usize| is_any && same_values(table, a, b) != Some(false);
        let mut sweep = Sweep::new(&grid.rows, grid.lens(grid.n_inputs), questions, &agree);
        sweep.run(&certain, &mut limits);
        let overlaps = std::mem::take(&mut sweep.overlaps);
        found.extend(
            overlaps
                .iter()
                .take(MAX_FINDINGS)
                .map(|(row, (other, point))| overlap(ruleset, table, &grid, (*other, *row), point)),
        );
        if is_any && is_concrete && !limits.is_exhausted() {
            found.extend(repeated_by_others(table, &grid, &live, Limits(n_steps)));
        }
    }
    if limits.is_exhausted() {
        let name = &rule.name;
        let message = format!("table `{name}` is too large to be analysed as a whole");
        found.push(Diagnostic::note(
            "rule.analysis.cut-off",
            rule.span,
            message,
        ));
    }
    limit_each_kind(found)
}

/// Rows under `any` that could go: rows above match whatever they match, and assign the same.
fn repeated_by_others(
    table: &Table<Expr>,
    grid: &Grid,
    live: &[usize],
    mut limits: Limits,
) -> Vec<Diagnostic> {
    let questions = Questions {
        first: true,
        ..Questions::default()
    };
    let mut sweep = Sweep::new(
        &grid.rows,
        grid.lens(grid.axes.len()),
        questions,
        &|_, _| false,
    );
    sweep.run(live, &mut limits);
    if limits.is_exhausted() {
        return Vec::new();
    }
    let could_go = |row: usize| {
        let others = live.iter().take_while(|other| **other < row);
        let mut meeting = others.filter(|other| grid.meet(**other, row));
        !sweep.reached[row]
            && assigns(table, row)
            && meeting.all(|other| same_values(table, *other, row) == Some(true))
    };
    live.iter()
        .filter(|row| could_go(**row))
        .map(|row| {
            redundant(
                table,
                *row,
                "rows above match wherever it does, and assign the same",
            )
        })
        .collect()
}

fn limit_each_kind(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for diagnostic in found {
        let count = counts.entry(diagnostic.code).or_default();
        *count += 1;
        if *count <= MAX_FINDINGS {
            kept.push(diagnostic);
        }
    }
    kept
}

impl Grid {
    fn new(ruleset: &RuleSet, table: &Table<Expr>) -> Self {
        // Columns of one input share an axis.
        let inputs: Vec<Option<usize>> = table
            .columns
            .iter()
            .map(|column| input_of(ruleset, &column.value))
            .collect();
        let mut axis_of_column = vec![0; table.columns.len()];
        let mut columns_of_axes: Vec<Vec<usize>> = Vec::new();
        let is_tested = |column: &usize| {
            table
                .rows
                .iter()
                .any(|row| row.tests.iter().any(|(tested, _)| tested == column))
        };
        let tested: Vec<usize> = (0..table.columns.len()).filter(is_tested).collect();
        let concrete = tested.iter().filter(|column| inputs[**column].is_some());
        for column in concrete {
            let same = columns_of_axes
                .iter()
                .position(|columns| inputs[columns[0]] == inputs[*column]);
            let axis = same.unwrap_or_else(|| {
                columns_of_axes.push(Vec::new());
                columns_of_axes.len() - 1
            });
            columns_of_axes[axis].push(*column);
            axis_of_column[*column] = axis;
        }
        let n_inputs = columns_of_axes.len();
        for column in tested.iter().filter(|column| inputs[**column].is_none()) {
            axis_of_column[*column] = columns_of_axes.len();
            columns_of_axes.push(vec![*column]);
        }
        let mut constants: Vec<Vec<Const>> = vec![Vec::new(); columns_of_axes.len()];
        for row in &table.rows {
            for (column, tests) in &row.tests {
                gather(tests, &mut constants[axis_of_column[*column]]);
            }
        }
        let axes: Vec<Axis> = columns_of_axes
            .iter()
            .zip(constants)
            .map(|(columns, constants)| {
                let input = inputs[columns[0]];
                let ty = &table.columns[columns[0]].value.ty;
                Axis {
                    input,
                    domain: Domain::new(ty, constants, input.is_some()),
                }
            })
            .collect();
        let rows = table
            .rows
            .iter()
            .map(|row| {
                let mut classes: Vec<Classes> = axes.iter().map(|axis| axis.domain.all()).collect();
                for (column, tests) in &row.tests {
                    let axis = axis_of_column[*column];
                    let passing = axes[axis].domain.passing(tests);
                    classes[axis] = intersection(&classes[axis], &passing);
                }
                classes
            })
            .collect();
        Self {
            axes,
            rows,
            n_inputs,
        }
    }

    /// How many classes the first axes have.
    fn lens(&self, n_axes: usize) -> Vec<usize> {
        let axes = self.axes.iter().take(n_axes);
        axes.map(|axis| axis.domain.classes.len()).collect()
    }

    /// A point of the inputs that none of the rows matches, whatever the values of expressions are; one without nulls
    /// and NaN where there is one.
    fn find_gap(&self, live: &[usize], limits: &mut Limits) -> Option<Vec<usize>> {
        let questions = Questions {
            gap: true,
            ..Questions::default()
        };
        let inputs = || self.axes.iter().take(self.n_inputs);
        let ordinary: Vec<usize> = inputs().map(|axis| axis.domain.n_ordered).collect();
        let all = self.lens(self.n_inputs);
        let with_null = inputs()
            .map(|axis| axis.domain.n_ordered + usize::from(axis.domain.null.is_some()))
            .collect();
        let mut wholes = vec![ordinary, with_null, all];
        wholes.dedup();
        wholes.into_iter().find_map(|lens| {
            let clip = |row: &Vec<Classes>| {
                let axes = row.iter().zip(&lens);
                axes.map(|(classes, len)| intersection(classes, &vec![(0, *len)]))
                    .collect()
            };
            let rows: Vec<Vec<Classes>> = self.rows.iter().map(clip).collect();
            let mut sweep = Sweep::new(&rows, lens.clone(), questions, &|_, _| false);
            sweep.run(live, limits);
            sweep.gap
        })
    }

    fn tests_inputs_only(&self, row: usize) -> bool {
        let mut others = self.axes.iter().zip(&self.rows[row]).skip(self.n_inputs);
        others.all(|(axis, classes)| *classes == axis.domain.all())
    }

    /// Whether two rows match a common point.
    fn meet(&self, a: usize, b: usize) -> bool {
        let mut axes = self.rows[a].iter().zip(&self.rows[b]);
        axes.all(|(a, b)| !intersection(a, b).is_empty())
    }

    /// Whether one row matches all that another one does.
    fn holds(&self, outer: usize, inner: usize) -> bool {
        let mut axes = self.rows[outer].iter().zip(&self.rows[inner]);
        axes.all(|(outer, inner)| intersection(outer, inner) == *inner)
    }

    fn example(&self, ruleset: &RuleSet, point: &[usize]) -> Vec<(String, Const)> {
        let axes = self.axes.iter().zip(point);
        axes.filter_map(|(axis, class)| {
            let input = &ruleset.inputs[axis.input?];
            Some((input.name.clone(), axis.domain.classes[*class].clone()))
        })
        .collect()
    }
}

fn gather(tests: &[CellTest], constants: &mut Vec<Const>) {
    for test in tests {
        match test {
            CellTest::Compare(_, value) => constants.push(value.clone()),
            CellTest::Interval { low, high, .. } => constants.extend([low.clone(), high.clone()]),
            CellTest::Not(tests) => gather(tests, constants),
        }
    }
}

/// The input that an expression is.
fn input_of(ruleset: &RuleSet, expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Input(index) => Some(*index),
        ExprKind::Let(index) => input_of(ruleset, &ruleset.lets[*index].value),
        _ => None,
    }
}

fn intersection(a: &Classes, b: &Classes) -> Classes {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (start, end) = (x.0.max(y.0), x.1.min(y.1));
        if start < end {
            both.push((start, end));
        }
        if x.1 < y.1 {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

fn assigns(table: &Table<Expr>, row: usize) -> bool {
    table.rows[row].values.iter().any(Option::is_some)
}

/// Whether two rows assign the same; `None` where that depends on the input.
fn same_values(table: &Table<Expr>, a: usize, b: usize) -> Option<bool> {
    let values = table.rows[a].values.iter().zip(&table.rows[b].values);
    let mut is_certain = true;
    for ((a, b), output) in values.zip(&table.outputs) {
        let value = |index: &usize| match &output.values[*index] {
            TableValue::Const(value) => Some(value),
            TableValue::Computed(_) => None,
        };
        match (a, b) {
            (None, None) => {}
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => match (value(a), value(b)) {
                (Some(a), Some(b)) if a == b => {}
                (Some(_), Some(_)) => return Some(false),
                _ => is_certain = false,
            },
            (Some(index), None) | (None, Some(index)) => match value(index) {
                // To gather nothing may be the same as to say nothing.
                Some(Const::List(items)) if items.is_empty() => is_certain = false,
                _ => return Some(false),
            },
        }
    }
    is_certain.then_some(true)
}

// ------------------------------------------------------------------- messages

fn unreachable(table: &Table<Expr>, grid: &Grid, live: &[usize], row: usize) -> Diagnostic {
    let span = table.rows[row].span;
    let before = || live.iter().copied().take_while(move |other| *other < row);
    let covering: Vec<usize> = match before().find(|other| grid.holds(*other, row)) {
        Some(one) => vec![one],
        None => before().filter(|other| grid.meet(*other, row)).collect(),
    };
    let message = match (covering.as_slice(), table.policy) {
        ([_], HitPolicy::First) => "this row never counts: one above matches whatever it matches",
        ([_], _) => "this row never counts: one that comes first matches whatever it matches",
        (_, HitPolicy::First) => "this row never counts: those above match whatever it matches",
        _ => "this row never counts: those that come first match whatever it matches",
    };
    let mut diagnostic = Diagnostic::warning("rule.analysis.unreachable-row", span, message);
    for other in covering.iter().take(3) {
        diagnostic = diagnostic.with_label(table.rows[*other].span, "because of this one");
    }
    diagnostic.with_hint("move it up, or take it out")
}

fn redundant(table: &Table<Expr>, row: usize, why: &str) -> Diagnostic {
    let message = format!("this row changes nothing: {why}");
    let span = table.rows[row].span;
    Diagnostic::note("rule.analysis.redundant-row", span, message).with_hint("take it out")
}

fn gap(ruleset: &RuleSet, rule: &Rule, grid: &Grid, point: &[usize]) -> Diagnostic {
    let input = grid.example(ruleset, point);
    let message = match in_words(&input) {
        words if words.is_empty() => format!("table `{}` has no row that matches", rule.name),
        words => format!("no row of table `{}` matches {words}", rule.name),
    };
    Diagnostic {
        example: Some(example(&input)),
        ..Diagnostic::note("rule.analysis.table-gap", rule.span, message)
    }
    .with_hint("its outputs keep their defaults there; a last row of `-` says that this is meant")
}

fn overlap(
    ruleset: &RuleSet,
    table: &Table<Expr>,
    grid: &Grid,
    (first, second): (usize, usize),
    point: &[usize],
) -> Diagnostic {
    let input = grid.example(ruleset, point);
    let what = match table.policy {
        HitPolicy::Any => "this row and one above match the same input and assign different values",
        _ => "this row and one above match the same input",
    };
    let hint = "that is a conflict, and the row of data fails; `hit first` takes the upper one";
    let message = match in_words(&input) {
        words if words.is_empty() => what.to_owned(),
        words => format!("{what}: {words}"),
    };
    let span: Span = table.rows[second].span;
    Diagnostic {
        example: Some(example(&input)),
        ..Diagnostic::warning("rule.analysis.overlapping-rows", span, message)
    }
    .with_label(table.rows[first].span, "the one above")
    .with_hint(hint)
}

fn in_words(input: &[(String, Const)]) -> String {
    let words = input
        .iter()
        .map(|(name, value)| format!("`{name}` = {}", literal(value)));
    words.collect::<Vec<_>>().join(", ")
}
