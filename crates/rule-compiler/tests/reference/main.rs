//! Compiled rules against a direct evaluation of the checked expression, over generated expressions, rule sets and
//! rows: nulls, NaN, infinities, extreme integers, empty and non-ASCII texts, the ends of time.

mod calendar;
mod evaluate;
mod generate;
mod tables;
mod values;

use arrow_array::types::{
    DurationNanosecondType, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, cast::AsArray};
use evaluate::{Value, evaluate_row};
use generate::aggregates::{dynamic_value, list, map, optional};
use generate::nested::part;
use generate::{Random, SCALARS, expression, nullable, ruleset, value, variables};
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, RowErrorCode, Runtime};
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_rule_compiler::types::{Column, Type};
use rulestage_rule_compiler::{Compilation, compile, compile_expression};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::sync::Arc;

const N_EXPRESSIONS: usize = 900;
const N_NESTED: usize = 400;
const N_RULESETS: usize = 60;
const N_ROWS: usize = 64;
const SLICE_ROWS: usize = 23;

#[test]
fn expressions_mean_what_the_specification_says() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x0123_4567_89ab_cdef);
    let mut outcomes = Outcomes::default();
    for index in 0..N_EXPRESSIONS {
        let ty = SCALARS[index % SCALARS.len()].clone();
        let depth = 1 + random.below(3);
        let source = match random.below(8) {
            0 => nullable(&mut random, &ty, depth),
            1 => list(&mut random, &ty, depth),
            2 => map(&mut random, &ty, depth),
            3 => dynamic_value(&mut random, depth),
            4 => optional(&mut random, &ty, depth),
            _ => expression(&mut random, &ty, depth),
        };
        outcomes.compare(
            &runtime,
            &source,
            compile_expression(&source, &variables(), ""),
            &mut random,
        );
    }
    outcomes.finish();
}

/// Parts of nested inputs: where values are read from the arrays, and where they are made cells.
#[test]
fn parts_of_nested_inputs_mean_what_the_whole_would() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x5eed_0f_4e57_ed00 | 1);
    let mut outcomes = Outcomes::default();
    let types = [
        Type::Bool,
        Type::Int,
        Type::Double,
        Type::String,
        Type::Timestamp,
    ];
    for index in 0..N_NESTED {
        let source = part(&mut random, &types[index % types.len()], index % 3);
        outcomes.compare(
            &runtime,
            &source,
            compile_expression(&source, &variables(), ""),
            &mut random,
        );
    }
    outcomes.finish();
}

#[test]
fn rule_sets_merge_as_documented() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0xfeed_beef_0000_0001);
    let mut outcomes = Outcomes::default();
    for _ in 0..N_RULESETS {
        let source = ruleset(&mut random);
        outcomes.compare(&runtime, &source, compile(&source), &mut random);
    }
    outcomes.finish();
}

/// What a row builds is gone with the row: 20,000 rows of some 20 kB each fit 4 MB.
#[test]
fn memory_stays_flat_over_rows_that_build_lists() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let expression = "lists.range(200).map(x, [x, n]).filter(p, p[0] > 5).map(p, p[1] - n + 1)\
                      .exists(one, one > 1) ? 'no' : string({'a': [n]}.a[0]) + string(dyn(n))";
    let compilation = compile_expression(expression, &[("n".to_owned(), Type::Int)], "");
    let artifact = compilation.artifact.expect("it compiles");
    let limits = Limits {
        memory_bytes: 4 << 20,
        deadline_ms: 60_000,
    };
    let component = runtime.load(&artifact.component).expect("it loads");
    let mut session = runtime.open(&component, &[], limits).expect("it opens");
    let schema = runtime.schema(&session).inputs.clone();
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..20_000));
    let batch = RecordBatch::try_new(schema, vec![column]).expect("a batch");
    for _ in 0..2 {
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        assert_eq!(outcome.errors, []);
        assert_eq!(
            outcome.columns[0].as_string::<i32>().value(19_999),
            "1999919999"
        );
    }
}

/// The same where the lists come in: as wholes, because the sorted list needs its cells.
#[test]
fn memory_stays_flat_over_rows_with_nested_inputs() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let fields = [("n", Type::Int), ("tags", Type::List(Box::new(Type::Int)))];
    let item = Type::Struct(fields.map(|(name, ty)| (name.to_owned(), ty)).to_vec());
    let variables = [("items".to_owned(), Type::List(Box::new(item)))];
    let expression = "items.sortBy(i, -i.n)[0].n + size(items.map(i, i.tags))";
    let compilation = compile_expression(expression, &variables, "");
    let artifact = compilation.artifact.expect("it compiles");
    let limits = Limits {
        memory_bytes: 16 << 20,
        deadline_ms: 60_000,
    };
    let component = runtime.load(&artifact.component).expect("it loads");
    let mut session = runtime.open(&component, &[], limits).expect("it opens");
    let schema = runtime.schema(&session).inputs.clone();
    let row = |row: i64| {
        let items = (0..100).map(|item| {
            let tags = Value::List((0..item % 3).map(Value::Int).collect());
            let text = |name: &str| Value::String(name.to_owned());
            Value::Map(vec![
                (text("n"), Value::Int(row + item)),
                (text("tags"), tags),
            ])
        });
        Value::List(items.collect())
    };
    // Cells of all rows would take 40 MB.
    let rows: Vec<Value> = (0..2_000).map(row).collect();
    let column = dynamic::array_of(schema.field(0), &rows.iter().collect::<Vec<_>>());
    let batch = RecordBatch::try_new(schema, vec![column.expect("items")]).expect("a batch");
    for _ in 0..2 {
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        assert_eq!(outcome.errors, []);
        let results = outcome.columns[0].as_primitive::<Int64Type>();
        assert_eq!(results.value(1_999), 1_999 + 99 + 100);
    }
}

/// How many rows did what: a test in which every row fails shows little.
#[derive(Default)]
struct Outcomes {
    n_values: usize,
    n_errors: usize,
    disagreements: Vec<String>,
}

impl Outcomes {
    fn compare(
        &mut self,
        runtime: &WasmtimeRuntime,
        source: &str,
        compilation: Compilation,
        random: &mut Random,
    ) {
        let Some(artifact) = compilation.artifact else {
            panic!("does not compile: {source}\n{:?}", compilation.diagnostics);
        };
        let ruleset = &artifact.ruleset;
        let rows: Vec<Vec<Value>> = (0..N_ROWS)
            .map(|_| {
                ruleset
                    .inputs
                    .iter()
                    .map(|input| value(random, &input.ty))
                    .collect()
            })
            .collect();
        let actual = run(runtime, &artifact.component, ruleset, &rows)
            .unwrap_or_else(|error| panic!("{error}: {source}"));
        for (row, actual) in rows.iter().zip(actual) {
            let expected = evaluate_row(ruleset, row).map(|values| {
                let stored = values.into_iter().zip(&ruleset.outputs);
                stored
                    .map(|(value, output)| match output.ty.column() {
                        Column::Dynamic => value,
                        _ => as_stored(value),
                    })
                    .collect::<Vec<Value>>()
            });
            match &expected {
                Ok(_) => self.n_values += 1,
                Err(_) => self.n_errors += 1,
            }
            if !agree(&expected, &actual) && self.disagreements.len() < 20 {
                let used: Vec<String> = ruleset
                    .inputs
                    .iter()
                    .zip(row)
                    .filter(|(input, _)| source.contains(&input.name) && source.len() < 400)
                    .map(|(input, value)| format!("{} = {value:?}", input.name))
                    .collect();
                self.disagreements.push(format!(
                    "{source}\n  {}\n  expected {expected:?}\n  got      {actual:?}",
                    used.join(", ")
                ));
                return;
            }
        }
    }

    fn finish(self) {
        assert!(
            self.disagreements.is_empty(),
            "{}",
            self.disagreements.join("\n\n")
        );
        let share = self.n_values as f64 / (self.n_values + self.n_errors) as f64;
        assert!(
            share > 0.2 && share < 0.95,
            "{share} of the rows have values: both values and errors must be common"
        );
    }
}

type RowResult = Result<Vec<Value>, RowErrorCode>;

fn agree(expected: &RowResult, actual: &RowResult) -> bool {
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
fn as_stored(value: Value) -> Value {
    match value {
        Value::Timestamp(seconds, nanos) => Value::Timestamp(seconds, nanos / 1_000 * 1_000),
        Value::List(items) => Value::List(items.into_iter().map(as_stored).collect()),
        other => other,
    }
}

fn run(
    runtime: &WasmtimeRuntime,
    component: &[u8],
    ruleset: &RuleSet,
    rows: &[Vec<Value>],
) -> Result<Vec<RowResult>, String> {
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
    let mut session = runtime
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
    let batch =
        RecordBatch::try_new(schema.inputs.clone(), columns).map_err(|error| error.to_string())?;
    let mut whole = process(runtime, &mut session, &batch, ruleset)?;
    // Slices of the batch: the same rows have the same results.
    for start in (0..rows.len()).step_by(SLICE_ROWS) {
        let length = SLICE_ROWS.min(rows.len() - start);
        let slice = batch.slice(start, length);
        let results = process(runtime, &mut session, &slice, ruleset)?;
        if !whole[start..start + length]
            .iter()
            .zip(&results)
            .all(|(a, b)| agree(a, b))
        {
            return Err(format!("rows {start} and on differ in a batch of {length}"));
        }
        whole.splice(start..start + length, results);
    }
    Ok(whole)
}

fn process(
    runtime: &WasmtimeRuntime,
    session: &mut <WasmtimeRuntime as Runtime>::Session,
    batch: &RecordBatch,
    ruleset: &RuleSet,
) -> Result<Vec<RowResult>, String> {
    let outcome = runtime
        .process(session, batch)
        .map_err(|error| error.to_string())?;
    let mut results: Vec<RowResult> = (0..batch.num_rows())
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
        results[error.row as usize] = Err(error.code);
    }
    Ok(results)
}

fn read(column: &ArrayRef, ty: &Type, row: usize) -> Value {
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
