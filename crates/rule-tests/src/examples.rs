//! `example` blocks: one row each, with its parameters.

use crate::{coverage::start_coverage, given, parameters};
use rulestage_pipeline::cells;
use rulestage_pipeline::coverage::Coverage;
use rulestage_pipeline::runtime::{Limits, RowError, Runtime, StageFailure, Value};
use rulestage_rule_compiler::ir::{Const, Example, RuleSet};

/// What became of the examples of a rule set.
#[derive(Debug)]
pub struct Examples {
    /// By example
    pub outcomes: Vec<ExampleOutcome>,
    /// What they show of the rules
    pub coverage: Coverage,
}

/// What became of one example.
#[derive(Debug)]
pub enum ExampleOutcome {
    /// All outputs are as expected
    Passed,
    /// Outputs that are not as expected, in the order in which they are expected
    Differs(Vec<Difference>),
    /// The row failed
    RowFailed(RowError),
    /// A value that it gives does not fit, and why
    Refused(String),
    /// The component failed
    Broken(StageFailure),
}

/// An output that is not as expected.
#[derive(Debug)]
pub struct Difference {
    /// Index of the output
    pub output: usize,
    /// As the example has it
    pub expected: Const,
    /// As the component has it
    pub got: Const,
}

/// Runs the examples of a rule set one by one through its component; `source` is its text.
pub fn run_examples<R: Runtime>(
    runtime: &R,
    component: &R::Component,
    ruleset: &RuleSet,
    source: &str,
    limits: Limits,
) -> Result<Examples, StageFailure> {
    let defaults = vec![Value::Absent; ruleset.params.len()];
    let mut session = runtime.open(component, &defaults, limits)?;
    let outline = runtime.outline(&mut session)?;
    let mut coverage = start_coverage(outline, ruleset, source);
    let outcomes = ruleset.examples.iter().map(|example| {
        run_example(runtime, component, ruleset, example, limits, &mut coverage)
            .unwrap_or_else(ExampleOutcome::Broken)
    });
    Ok(Examples {
        outcomes: outcomes.collect(),
        coverage,
    })
}

/// Runs one example, and adds what happens in its row to the coverage.
fn run_example<R: Runtime>(
    runtime: &R,
    component: &R::Component,
    ruleset: &RuleSet,
    example: &Example,
    limits: Limits,
    coverage: &mut Coverage,
) -> Result<ExampleOutcome, StageFailure> {
    let mut session = runtime.open(component, &parameters(ruleset, example), limits)?;
    let schema = runtime.schema(&session).clone();
    let batch = match cells::one_row(&schema.inputs, |input| given(example, input)) {
        Ok(batch) => batch,
        Err(reason) => return Ok(ExampleOutcome::Refused(reason)),
    };
    coverage.record(&runtime.explain(&mut session, &batch, 0)?);
    let outcome = runtime.process(&mut session, &batch)?;
    if let Some(error) = outcome.errors.into_iter().next() {
        return Ok(ExampleOutcome::RowFailed(error));
    }
    let difference = |(output, expected, _): &(usize, Const, _)| {
        let column = outcome.columns.get(*output)?;
        let ty = &ruleset.outputs.get(*output)?.ty;
        let field = schema.outputs.field(*output);
        let got = cells::output_value(column, field, 0, ty).unwrap_or(Const::Null);
        (!is_same(expected, &got)).then(|| Difference {
            output: *output,
            expected: expected.clone(),
            got,
        })
    };
    let differences: Vec<Difference> = example.expect.iter().filter_map(difference).collect();
    Ok(if differences.is_empty() {
        ExampleOutcome::Passed
    } else {
        ExampleOutcome::Differs(differences)
    })
}

/// Equal, and NaN where NaN was expected.
pub(crate) fn is_same(expected: &Const, got: &Const) -> bool {
    match (expected, got) {
        (Const::Double(expected), Const::Double(got)) => {
            expected == got || expected.is_nan() && got.is_nan()
        }
        (Const::List(expected), Const::List(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(a, b)| is_same(a, b))
        }
        (Const::Map(expected), Const::Map(got)) => {
            let has = |(key, value): &(Const, Const)| {
                got.iter()
                    .any(|(other, found)| is_same(key, other) && is_same(value, found))
            };
            expected.len() == got.len() && expected.iter().all(has)
        }
        _ => expected == got,
    }
}
