//! The tests that stand in rule sets, on any host: `example`s with what they show of the rules, and `invariant`s on
//! examples and generated rows. All rows go through the compiled component.

mod coverage;
mod examples;
mod findings;
mod invariants;

pub use coverage::{LineCoverage, by_line, in_words, start_coverage};
pub use examples::{Difference, ExampleOutcome, Examples, run_examples};
pub use findings::{UNREACHED_HINT, invariant_findings};
pub use invariants::{InvariantReport, InvariantState, Row, Verdict, Violation, run_invariants};

use rulestage_pipeline::runtime::Value;
use rulestage_rule_compiler::ir::{Const, Example, RuleSet};

/// The value of an input in an example; those left out are null.
fn given(example: &Example, input: usize) -> Const {
    let given = example.given.iter().find(|(index, _)| *index == input);
    given.map_or(Const::Null, |(_, value)| value.clone())
}

/// The parameters of an example, in the order of the rule set; those left out have their defaults.
fn parameters(ruleset: &RuleSet, example: &Example) -> Vec<Value> {
    let mut parameters = vec![Value::Absent; ruleset.params.len()];
    for (index, value) in &example.params {
        parameters[*index] = parameter(value);
    }
    parameters
}

/// A constant as the value of a parameter, which is a scalar or a list of texts.
fn parameter(value: &Const) -> Value {
    match value {
        Const::Null => Value::Null,
        Const::Bool(value) => Value::Boolean(*value),
        Const::Int(value) => Value::Int(*value),
        Const::Uint(value) => Value::Uint(*value),
        Const::Double(value) => Value::Double(*value),
        Const::String(value) => Value::Text(value.clone()),
        Const::Bytes(value) => Value::Binary(value.clone()),
        Const::Timestamp(seconds, nanoseconds) => Value::Timestamp(*seconds, *nanoseconds),
        Const::Duration(nanoseconds) => Value::Duration(*nanoseconds),
        Const::Decimal(value) => Value::Text(value.to_string()),
        Const::List(values) => {
            let texts = values.iter().map(|value| match value {
                Const::String(text) => Some(text.clone()),
                _ => None,
            });
            texts
                .collect::<Option<_>>()
                .map_or(Value::Absent, Value::Texts)
        }
        // Parameters are scalars.
        Const::Map(_) | Const::Type(_) | Const::Optional(_) => Value::Absent,
    }
}
