//! Invariants of rule sets on any host: rows go through the compiled component, and what comes out goes with them through
//! the component that was compiled of the invariants.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use rulestage_pipeline::cells;
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, StageFailureKind, Value};
use rulestage_rule_analysis::representatives;
use rulestage_rule_compiler::ir::{Const, RuleSet};
use rulestage_rule_compiler::{N_COLUMNS_PER_INVARIANT, compile_invariants};

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

/// What became of an invariant on generated rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// A row for which it does not hold, as simple as was found
    pub counterexample: Option<Row>,
    /// How many rows were tried that the rules have a result for
    pub n_rows: usize,
    /// To how many of them it applies
    pub n_applied: usize,
    /// Whether what holds for these rows holds for all, with the given parameters
    pub is_complete: bool,
}

/// A rule set and its invariants, ready for rows.
pub struct Tester<'r, R: Runtime> {
    runtime: &'r R,
    ruleset: &'r RuleSet,
    rules: R::Session,
    invariants: R::Session,
}

impl<'r, R: Runtime> Tester<'r, R> {
    /// Opens both components with the parameters; `None` where the rule set has no invariants.
    ///
    /// `component` is the rule set's own, `source` its text.
    pub fn open(
        runtime: &'r R,
        component: &R::Component,
        ruleset: &'r RuleSet,
        source: &str,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<Option<Self>, StageFailure> {
        let Some(compiled) = compile_invariants(ruleset, source) else {
            return Ok(None);
        };
        let rules = runtime.open(component, parameters, limits)?;
        let invariants = runtime.open(&runtime.load(&compiled)?, parameters, limits)?;
        Ok(Some(Self {
            runtime,
            ruleset,
            rules,
            invariants,
        }))
    }

    /// What the invariants say of each row; nothing of rows that fail, which have no outputs.
    pub fn try_rows(&mut self, rows: &[Vec<Const>]) -> Result<Vec<Option<Row>>, StageFailure> {
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
    pub fn generate(&mut self) -> Result<Vec<Report>, StageFailure> {
        let tried = representatives(self.ruleset);
        let rows: Vec<Row> = self.try_rows(&tried.rows)?.into_iter().flatten().collect();
        let mut reports = Vec::with_capacity(self.ruleset.invariants.len());
        for invariant in 0..self.ruleset.invariants.len() {
            let is_wrong = |row: &&Row| is_wrong(row, invariant);
            let counterexample = match rows.iter().find(is_wrong) {
                Some(row) => Some(self.simplify(row.clone(), invariant, &tried.values)?),
                None => None,
            };
            let applies = |row: &&Row| row.verdicts[invariant] != Verdict::DoesNotApply;
            reports.push(Report {
                counterexample,
                n_rows: rows.len(),
                n_applied: rows.iter().filter(applies).count(),
                is_complete: tried.is_complete,
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

fn is_same(a: &Const, b: &Const) -> bool {
    matches!((a, b), (Const::Double(a), Const::Double(b)) if a.is_nan() && b.is_nan()) || a == b
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
