//! Compiled rules against a direct evaluation of the checked expression, over generated expressions, rule sets and
//! rows: nulls, NaN, infinities, extreme integers, empty and non-ASCII texts, the ends of time.

mod calendar;
mod evaluate;
mod fuzz;
mod generate;
mod stage;
mod values;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray};
use evaluate::{Value, evaluate_row};
use generate::aggregates::{dynamic_value, list, map, optional};
use generate::{Random, SCALARS, expression, nullable, ruleset, value, variables};
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_rule_compiler::types::{Column, Type};
use rulestage_rule_compiler::{Compilation, compile, compile_expression};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use stage::{agree, as_stored, run};
use std::sync::Arc;

const N_EXPRESSIONS: usize = 900;
const N_RULESETS: usize = 60;
const N_ROWS: usize = 64;

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
        let actual = run(runtime, &artifact.component, ruleset, &rows, N_ROWS)
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
