//! Rows through a compiled component, and whether two results of a row are the same.

use crate::evaluate::Value;
use arrow_array::types::{
    DurationNanosecondType, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray};
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, RowErrorCode, Runtime};
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_rule_compiler::types::{Column, Type};
use rulestage_runtime_wasmtime::{Session, WasmtimeRuntime};

/// The values of the outputs, or why there are none.
pub(crate) type RowResult = Result<Vec<Value>, RowErrorCode>;

/// Whether they are the same, NaN or not.
pub(crate) fn agree(expected: &RowResult, actual: &RowResult) -> bool {
    match (expected, actual) {
        (Ok(expected), Ok(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(a, b)| same(a, b))
        }
        (Err(expected), Err(actual)) => expected == actual,
        _ => false,
    }
}

/// Equal bit for bit, but any NaN for any other.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }
        // With their places.
        (Value::Decimal(a), Value::Decimal(b)) => a.to_string() == b.to_string(),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let has = |(key, value): &(Value, Value)| {
                b.iter()
                    .any(|(other, found)| same(key, other) && same(value, found))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        (Value::Optional(Some(a)), Value::Optional(Some(b))) => same(a, b),
        _ => a == b,
    }
}

/// Columns hold microseconds.
pub(crate) fn as_stored(value: Value) -> Value {
    match value {
        Value::Timestamp(seconds, nanos) => Value::Timestamp(seconds, nanos / 1_000 * 1_000),
        Value::List(items) => Value::List(items.into_iter().map(as_stored).collect()),
        other => other,
    }
}

/// An open session of a component, and the rows as one batch.
pub(crate) fn open(
    runtime: &WasmtimeRuntime,
    component: &[u8],
    rows: &[Vec<Value>],
) -> Result<(Session, RecordBatch), String> {
    let limits = Limits {
        memory_bytes: 64 << 20,
        deadline_ms: 60_000,
    };
    let component = runtime.load(component).map_err(|error| error.to_string())?;
    let description = runtime
        .describe(&component, limits)
        .map_err(|error| error.to_string())?;
    let parameters: Vec<_> = description
        .parameters
        .iter()
        .map(|each| each.default.clone())
        .collect();
    let session = runtime
        .open(&component, &parameters, limits)
        .map_err(|error| error.to_string())?;
    let schema = runtime.schema(&session).clone();
    let columns: Vec<ArrayRef> = schema
        .inputs
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let values: Vec<&Value> = rows.iter().map(|row| &row[index]).collect();
            dynamic::array_of(field, &values).expect("values of the column's type")
        })
        .collect();
    let whole =
        RecordBatch::try_new(schema.inputs.clone(), columns).map_err(|error| error.to_string())?;
    Ok((session, whole))
}

/// What the component makes of each row, in batches of this many.
pub(crate) fn run(
    runtime: &WasmtimeRuntime,
    component: &[u8],
    ruleset: &RuleSet,
    rows: &[Vec<Value>],
    batch_len: usize,
) -> Result<Vec<RowResult>, String> {
    let (mut session, whole) = open(runtime, component, rows)?;
    let mut results = Vec::with_capacity(rows.len());
    for start in (0..rows.len()).step_by(batch_len) {
        let batch = whole.slice(start, batch_len.min(rows.len() - start));
        let outcome = runtime
            .process(&mut session, &batch)
            .map_err(|error| error.to_string())?;
        let mut found: Vec<RowResult> = (0..batch.num_rows())
            .map(|row| {
                Ok(outcome
                    .columns
                    .iter()
                    .zip(&ruleset.outputs)
                    .map(|(column, output)| read(column, &output.ty, row))
                    .collect())
            })
            .collect();
        for error in &outcome.errors {
            found[error.row as usize] = Err(error.code);
        }
        results.extend(found);
    }
    Ok(results)
}

fn read(column: &ArrayRef, ty: &Type, row: usize) -> Value {
    if ty.is_text() {
        if column.is_null(row) {
            return Value::Null;
        }
        let text = column.as_string::<i32>().value(row);
        return Value::Decimal(text.parse().expect("a decimal"));
    }
    if ty.column() == Column::Dynamic {
        let text = column.as_string::<i32>().value(row);
        let json = serde_json::from_str(text).expect("JSON text");
        return dynamic::from_json(&json).expect("the JSON of a value");
    }
    if let Type::List(element) = ty {
        let items = column.as_list::<i32>().value(row);
        return Value::List(
            (0..items.len())
                .map(|index| read(&items, element, index))
                .collect(),
        );
    }
    if column.is_null(row) {
        return Value::Null;
    }
    match ty {
        Type::Nullable(inner) => read(column, inner, row),
        Type::Bool => Value::Bool(column.as_boolean().value(row)),
        Type::Int => Value::Int(column.as_primitive::<Int64Type>().value(row)),
        Type::Uint => Value::Uint(column.as_primitive::<UInt64Type>().value(row)),
        Type::Double => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        Type::String => Value::String(column.as_string::<i32>().value(row).to_owned()),
        Type::Bytes => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        Type::Timestamp => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            Value::Timestamp(
                micros.div_euclid(1_000_000),
                micros.rem_euclid(1_000_000) as u32 * 1_000,
            )
        }
        Type::Duration => {
            Value::Duration(column.as_primitive::<DurationNanosecondType>().value(row))
        }
        other => panic!("no column of {other}"),
    }
}
