//! The `example` blocks of the rules files, run through the very component.

use super::cells;
use crate::protocol::TestReport;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, DurationNanosecondBuilder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder, TimestampMillisecondBuilder,
    TimestampNanosecondBuilder, TimestampSecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, TimeUnit};
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, Value};
use rulestage_rule_compiler::ir::{Const, Decimal, Example, RuleSet};
use rulestage_runtime_web::{WebComponent, WebRuntime};
use std::sync::Arc;

/// Runs all examples of a rule set.
pub(crate) fn run_examples(
    runtime: &WebRuntime,
    component: &WebComponent,
    ruleset: &RuleSet,
    stage: &str,
    limits: Limits,
) -> Vec<TestReport> {
    let examples = ruleset.examples.iter();
    let reports = examples.map(|example| {
        let differences = run_example(runtime, component, ruleset, example, limits);
        let (differences, failure) = match differences {
            Ok(differences) => (differences, None),
            Err(message) => (Vec::new(), Some(message)),
        };
        TestReport {
            stage: stage.to_owned(),
            name: example.name.clone(),
            has_passed: differences.is_empty() && failure.is_none(),
            differences,
            failure,
        }
    });
    reports.collect()
}

/// Output, expected and actual value, where they differ.
fn run_example(
    runtime: &WebRuntime,
    component: &WebComponent,
    ruleset: &RuleSet,
    example: &Example,
    limits: Limits,
) -> Result<Vec<(String, String, String)>, String> {
    let say = |failure: StageFailure| failure.message;
    let parameters: Vec<Value> = (0..ruleset.params.len())
        .map(|index| {
            example
                .params
                .iter()
                .find(|(param, _)| *param == index)
                .map_or(Value::Absent, |(_, c)| value_of(c))
        })
        .collect();
    let mut session = runtime.open(component, &parameters, limits).map_err(say)?;
    let schema = runtime.schema(&session).clone();
    let columns = schema
        .inputs
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let given = example
                .given
                .iter()
                .find(|(input, _)| *input == index)
                .map_or(&Const::Null, |(_, value)| value);
            single(field, given)
                .ok_or_else(|| format!("`{}` can't be {}", field.name(), show(given)))
        });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let batch = RecordBatch::try_new(Arc::clone(&schema.inputs), columns)
        .map_err(|error| error.to_string())?;
    let outcome = runtime.process(&mut session, &batch).map_err(say)?;
    if let Some(error) = outcome.errors.first() {
        return Err(format!("{} ({})", error.message, error.origin));
    }
    let differs = example
        .expect
        .iter()
        .filter_map(|(output, expected_value, _)| {
            let name = &ruleset.outputs.get(*output)?.name;
            let actual = outcome.columns.get(*output)?;
            let (expected, actual) = (
                show(expected_value),
                cells::text(actual, 0).unwrap_or_else(|| "null".to_owned()),
            );
            // Decimals are equal by value.
            let is_same = match (expected_value, actual.parse::<Decimal>()) {
                (Const::Decimal(expected), Ok(actual)) => *expected == actual,
                _ => expected == actual,
            };
            (!is_same).then(|| (name.clone(), expected, actual))
        });
    Ok(differs.collect())
}

fn value_of(constant: &Const) -> Value {
    match constant {
        Const::Null => Value::Null,
        Const::Bool(value) => Value::Boolean(*value),
        Const::Int(value) => Value::Int(*value),
        Const::Uint(value) => Value::Uint(*value),
        Const::Double(value) => Value::Double(*value),
        Const::String(value) => Value::Text(value.clone()),
        Const::Bytes(value) => Value::Binary(value.clone()),
        Const::Timestamp(seconds, nanoseconds) => Value::Timestamp(*seconds, *nanoseconds),
        Const::Duration(value) => Value::Duration(*value),
        Const::Decimal(value) => Value::Text(value.to_string()),
        Const::List(values) => Value::Texts(values.iter().map(show).collect()),
        other => Value::Json(rulestage_pipeline::dynamic::to_json(other).to_string()),
    }
}

/// A constant as the cells of the table show it.
fn show(constant: &Const) -> String {
    match constant {
        Const::Null => "null".to_owned(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Uint(value) => value.to_string(),
        Const::Double(value) => cells::float(*value),
        Const::String(value) => value.clone(),
        Const::Decimal(value) => value.to_string(),
        Const::Bytes(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        Const::Timestamp(..) | Const::Duration(_) => {
            let field = match constant {
                Const::Duration(_) => {
                    Field::new("", DataType::Duration(TimeUnit::Nanosecond), true)
                }
                _ => Field::new("", DataType::Timestamp(TimeUnit::Nanosecond, None), true),
            };
            single(&field, constant)
                .and_then(|array| cells::text(&array, 0))
                .unwrap_or_default()
        }
        Const::List(values) => values.iter().map(show).collect::<Vec<_>>().join(", "),
        other => rulestage_pipeline::dynamic::to_json(other).to_string(),
    }
}

/// An array of one value; `None` where the type is another.
fn single(field: &Field, constant: &Const) -> Option<ArrayRef> {
    macro_rules! array {
        ($builder:ty, $value:expr) => {{
            let mut builder = <$builder>::new();
            builder.append_option($value);
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    let is_null = *constant == Const::Null;
    let instant = |per_second: i64| match constant {
        Const::Timestamp(seconds, nanoseconds) => Some(
            seconds.checked_mul(per_second)?
                + i64::from(*nanoseconds) / (1_000_000_000 / per_second),
        ),
        _ => None,
    };
    let array = match (field.data_type(), constant) {
        (DataType::Boolean, Const::Bool(value)) => array!(BooleanBuilder, Some(*value)),
        (DataType::Int64, Const::Int(value)) => array!(Int64Builder, Some(*value)),
        (DataType::UInt64, Const::Uint(value)) => array!(UInt64Builder, Some(*value)),
        (DataType::Float64, Const::Double(value)) => array!(Float64Builder, Some(*value)),
        (DataType::Utf8, Const::String(value)) => array!(StringBuilder, Some(value)),
        (DataType::Utf8, Const::Decimal(value)) => array!(StringBuilder, Some(value.to_string())),
        (DataType::Binary, Const::Bytes(value)) => array!(BinaryBuilder, Some(value)),
        (DataType::Duration(TimeUnit::Nanosecond), Const::Duration(value)) => {
            array!(DurationNanosecondBuilder, Some(*value))
        }
        (DataType::Timestamp(unit, zone), Const::Timestamp(..)) => {
            let zone = zone.clone();
            macro_rules! timestamp {
                ($builder:ty, $per_second:expr) => {{
                    let mut builder = <$builder>::new().with_timezone_opt(zone);
                    builder.append_value(instant($per_second)?);
                    Arc::new(builder.finish()) as ArrayRef
                }};
            }
            match unit {
                TimeUnit::Second => timestamp!(TimestampSecondBuilder, 1),
                TimeUnit::Millisecond => timestamp!(TimestampMillisecondBuilder, 1_000),
                TimeUnit::Microsecond => timestamp!(TimestampMicrosecondBuilder, 1_000_000),
                TimeUnit::Nanosecond => timestamp!(TimestampNanosecondBuilder, 1_000_000_000),
            }
        }
        (data_type, Const::Null) if is_null => arrow_array::new_null_array(data_type, 1),
        _ => return None,
    };
    Some(array)
}
