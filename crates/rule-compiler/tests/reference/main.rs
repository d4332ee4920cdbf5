//! Compiled rules against a direct evaluation of the checked expression, over generated expressions, rule sets and
//! rows: nulls, NaN, infinities, extreme integers, empty and non-ASCII texts, the ends of time.

mod calendar;
mod evaluate;
mod fuzz;
mod generate;
mod items;
mod manual;
mod reasons;
mod scale;
mod stage;
mod tables;
mod values;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray};
use evaluate::{Value, evaluate_row};
use generate::aggregates::{dynamic_value, list, map, optional};
use generate::nested::part;
use generate::sharing::sharing;
use generate::{Random, SCALARS, expression, nullable, ruleset, value, variables};
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_rule_compiler::ir::ExprKind;
use rulestage_rule_compiler::types::{Column, Type};
use rulestage_rule_compiler::{Compilation, compile, compile_expression};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use stage::{agree, as_stored, run};
use std::sync::Arc;

const N_EXPRESSIONS: usize = 900;
const N_NESTED: usize = 400;
const N_RULESETS: usize = 60;
const N_ROWS: usize = 64;
const SLICE_ROWS: usize = 23;
const FEW_ROWS: usize = 5;

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
    let mut random = Random::new(0x005e_ed0f_4e57_ed01);
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
    let stops = &outcomes.stops.0;
    for stop in [0, 1, 2, 3, 255] {
        let count = stops[stop];
        assert!(count > 100, "conditions end with {stop} {count} times");
    }
    outcomes.finish();
}

/// What is computed once for several rules has the value or error that each of them would have got.
#[test]
fn shared_expressions_mean_the_same_everywhere() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x5ea5_0000_0000_0007);
    let mut outcomes = Outcomes::default();
    for _ in 0..N_RULESETS {
        let source = sharing(&mut random);
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
    stops: reasons::Seen,
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
        let in_batches_of = |batch_len| {
            run(runtime, &artifact.component, ruleset, &rows, batch_len)
                .unwrap_or_else(|error| panic!("{error}: {source}"))
        };
        let actual = in_batches_of(N_ROWS);
        // Slices of the batch: the same rows have the same results.
        for batch_len in [SLICE_ROWS, FEW_ROWS] {
            let in_slices = in_batches_of(batch_len);
            let is_same = actual.iter().zip(&in_slices).all(|(a, b)| agree(a, b));
            assert!(is_same, "slices of a batch differ from the whole: {source}");
        }
        let mut conditions = ruleset.rules.iter().map(|rule| &rule.condition.kind);
        if !conditions.all(|kind| matches!(kind, ExprKind::Const(_))) {
            let component = &artifact.component;
            let seen = reasons::compare(runtime, component, ruleset, &rows, source);
            self.stops.add(&seen);
        }
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
