//! `invariant` blocks: rows go through the compiled component, and what comes out goes with them through the component
//! that was compiled of the invariants.

use crate::examples::is_same;
use crate::{given, parameters};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use rulestage_pipeline::cells;
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, StageFailureKind, Value};
use rulestage_rule_analysis::representatives;
use rulestage_rule_compiler::ir::{Const, RuleSet};
use rulestage_rule_compiler::{N_COLUMNS_PER_INVARIANT, compile_invariants};

/// Generated rows that go through the components at once.
const BATCH_ROWS: usize = 512;

/// What an invariant says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds
    Holds,
    /// Its condition does not hold
    DoesNotApply,
    /// It does not hold
    Violated,
    /// Its evaluation failed
    Failed,
}

/// A row that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// In the order of the rule set
    pub inputs: Vec<Const>,
    /// In the order of the rule set
    pub outputs: Vec<Const>,
    /// In the order of the rule set
    pub verdicts: Vec<Verdict>,
}

/// What became of an invariant, on the examples and on generated rows.
#[derive(Debug, Clone, PartialEq)]
pub struct InvariantReport {
    /// A row for which it does not hold
    pub violation: Option<Violation>,
    /// How many examples it applies to
    pub n_examples: usize,
    /// How many generated rows were tried that the rules have a result for
    pub n_rows: usize,
    /// To how many of them it applies
    pub n_applied: usize,
    /// Whether what holds for these rows holds for all, with the defaults of the parameters
    pub is_complete: bool,
}

/// A row for which an invariant does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// That of an example, or else as simple as was found
    pub row: Row,
    /// Index of the example
    pub example: Option<usize>,
}

/// What is known of an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvariantState {
    /// There is a row for which it does not hold
    Violated,
    /// It applies to none of the rows that were tried, so nothing is known
    Unreached,
    /// It holds for the rows that were tried
    Held,
    /// It holds for all rows, with the defaults of the parameters
    Proven,
}

impl InvariantReport {
    /// What this says.
    pub fn state(&self) -> InvariantState {
        if self.violation.is_some() {
            InvariantState::Violated
        } else if self.n_applied + self.n_examples == 0 {
            InvariantState::Unreached
        } else if self.is_complete {
            InvariantState::Proven
        } else {
            InvariantState::Held
        }
    }
}

impl InvariantState {
    /// The word for it, for people and for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::Unreached => "unreached",
            Self::Held => "held",
            Self::Proven => "proven",
        }
    }
}

/// Tries the invariants of a rule set on its examples and on generated rows; one report for each.
///
/// `component` is the rule set's own, `source` its text. `go_on` is asked between small batches of generated rows; where it
/// says no, the reports are about the rows so far.
pub fn run_invariants<R: Runtime>(
    runtime: &R,
    component: &R::Component,
    ruleset: &RuleSet,
    source: &str,
    limits: Limits,
    mut go_on: impl FnMut() -> bool,
) -> Result<Vec<InvariantReport>, StageFailure> {
    let Some(compiled) = compile_invariants(ruleset, source) else {
        return Ok(Vec::new());
    };
    let invariants = runtime.load(&compiled)?;
    let open = |parameters: &[Value]| -> Result<Tester<'_, R>, StageFailure> {
        Ok(Tester {
            runtime,
            ruleset,
            rules: runtime.open(component, parameters, limits)?,
            invariants: runtime.open(&invariants, parameters, limits)?,
        })
    };
    let defaults = vec![Value::Absent; ruleset.params.len()];
    let mut reports = open(&defaults)?.generate(&mut go_on)?;
    for (index, example) in ruleset.examples.iter().enumerate() {
        let inputs = (0..ruleset.inputs.len()).map(|input| given(example, input));
        let rows = [inputs.collect()];
        let tried = open(&parameters(ruleset, example))?.try_rows(&rows)?;
        let Some(row) = tried.into_iter().flatten().next() else {
            continue;
        };
        for (invariant, report) in reports.iter_mut().enumerate() {
            report.n_examples += usize::from(applies(&row, invariant));
            let is_first = report
                .violation
                .as_ref()
                .is_none_or(|violation| violation.example.is_none());
            if is_wrong(&row, invariant) && is_first {
                report.violation = Some(Violation {
                    row: row.clone(),
                    example: Some(index),
                });
            }
        }
    }
    Ok(reports)
}

/// A rule set and its invariants, ready for rows.
struct Tester<'r, R: Runtime> {
    runtime: &'r R,
    ruleset: &'r RuleSet,
    rules: R::Session,
    invariants: R::Session,
}

impl<R: Runtime> Tester<'_, R> {
    /// What the invariants say of each row; nothing of rows that fail, which have no outputs.
    fn try_rows(&mut self, rows: &[Vec<Const>]) -> Result<Vec<Option<Row>>, StageFailure> {
        let schema = self.runtime.schema(&self.rules).clone();
        let columns: Vec<Vec<&Const>> = (0..self.ruleset.inputs.len())
            .map(|input| rows.iter().map(|row| &row[input]).collect())
            .collect();
        let batch = batch(&schema.inputs, &columns, rows.len())?;
        let outcome = self.runtime.process(&mut self.rules, &batch)?;
        let made: Vec<Vec<Const>> = outcome
            .columns
            .iter()
            .zip(schema.outputs.fields())
            .map(|(column, field)| {
                let value = |row| cells::value_of(column, field, row).unwrap_or(Const::Null);
                (0..rows.len()).map(value).collect()
            })
            .collect();
        let all: Vec<Vec<&Const>> = columns
            .into_iter()
            .chain(made.iter().map(|column| column.iter().collect()))
            .collect();
        let schema = self.runtime.schema(&self.invariants).clone();
        let batch = self::batch(&schema.inputs, &all, rows.len())?;
        let verdicts = self.runtime.process(&mut self.invariants, &batch)?;
        let mut has_failed = vec![false; rows.len()];
        for error in &outcome.errors {
            has_failed[error.row as usize] = true;
        }
        let truth = |column: usize, row: usize| {
            let field = schema.outputs.field(column);
            match cells::value_of(&verdicts.columns[column], field, row) {
                Some(Const::Bool(value)) => Some(value),
                _ => None,
            }
        };
        let verdict = |invariant: usize, row: usize| {
            let column = invariant * N_COLUMNS_PER_INVARIANT;
            match (truth(column, row), truth(column + 1, row)) {
                (Some(false), _) => Verdict::DoesNotApply,
                (Some(true), Some(true)) => Verdict::Holds,
                (_, Some(false)) => Verdict::Violated,
                _ => Verdict::Failed,
            }
        };
        let report = |(row, inputs): (usize, &Vec<Const>)| {
            let is_failed = has_failed[row];
            (!is_failed).then(|| Row {
                inputs: inputs.clone(),
                outputs: made.iter().map(|column| column[row].clone()).collect(),
                verdicts: (0..self.ruleset.invariants.len())
                    .map(|invariant| verdict(invariant, row))
                    .collect(),
            })
        };
        Ok(rows.iter().enumerate().map(report).collect())
    }

    /// Tries each invariant on generated rows.
    fn generate(
        &mut self,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<InvariantReport>, StageFailure> {
        let tried = representatives(self.ruleset);
        let mut rows: Vec<Row> = Vec::with_capacity(tried.rows.len());
        let mut is_complete = tried.is_complete;
        for batch in tried.rows.chunks(BATCH_ROWS) {
            if !go_on() {
                is_complete = false;
                break;
            }
            rows.extend(self.try_rows(batch)?.into_iter().flatten());
        }
        let mut reports = Vec::with_capacity(self.ruleset.invariants.len());
        for invariant in 0..self.ruleset.invariants.len() {
            let violation = match rows.iter().find(|row| is_wrong(row, invariant)) {
                Some(row) => Some(Violation {
                    row: self.simplify(row.clone(), invariant, &tried.values)?,
                    example: None,
                }),
                None => None,
            };
            reports.push(InvariantReport {
                violation,
                n_examples: 0,
                n_rows: rows.len(),
                n_applied: rows.iter().filter(|row| applies(row, invariant)).count(),
                is_complete,
            });
        }
        Ok(reports)
    }

    /// The row with simpler values, as long as the invariant does not hold for it.
    fn simplify(
        &mut self,
        mut row: Row,
        invariant: usize,
        values: &[Vec<Const>],
    ) -> Result<Row, StageFailure> {
        loop {
            let mut is_simpler = false;
            for (input, values) in values.iter().enumerate() {
                let simpler = values
                    .iter()
                    .take_while(|value| !is_same(value, &row.inputs[input]));
                let rows: Vec<Vec<Const>> = simpler
                    .map(|value| {
                        let mut inputs = row.inputs.clone();
                        inputs[input] = value.clone();
                        inputs
                    })
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                let mut tried = self.try_rows(&rows)?.into_iter().flatten();
                if let Some(simpler) = tried.find(|row| is_wrong(row, invariant)) {
                    row = simpler;
                    is_simpler = true;
                }
            }
            if !is_simpler {
                return Ok(row);
            }
        }
    }
}

fn applies(row: &Row, invariant: usize) -> bool {
    row.verdicts[invariant] != Verdict::DoesNotApply
}

fn is_wrong(row: &Row, invariant: usize) -> bool {
    matches!(row.verdicts[invariant], Verdict::Violated | Verdict::Failed)
}

fn batch(
    schema: &arrow_schema::SchemaRef,
    columns: &[Vec<&Const>],
    n_rows: usize,
) -> Result<RecordBatch, StageFailure> {
    let broken = |message: String| StageFailure {
        kind: StageFailureKind::InvalidColumn,
        message,
    };
    let arrays: Result<Vec<ArrayRef>, StageFailure> = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(field, values)| {
            dynamic::array_of(field, values)
                .ok_or_else(|| broken(format!("`{}` can't hold a generated value", field.name())))
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    RecordBatch::try_new_with_options(schema.clone(), arrays?, &options)
        .map_err(|error| broken(error.to_string()))
}
