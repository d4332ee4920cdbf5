//! What is computed for the items of a whole batch, and texts that are compared in another case.

use super::{N_ROWS, Outcomes};
use crate::evaluate::Value;
use crate::generate::Random;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, cast::AsArray};
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_rule_compiler::compile;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::sync::Arc;

const N_RULESETS: usize = 40;

/// A condition on an item `i`, which is a few instructions.
fn condition(random: &mut Random, depth: usize) -> String {
    if depth > 0 {
        let operator = random.pick(&["&&", "||"]);
        let a = condition(random, depth - 1);
        let b = condition(random, depth - 1);
        return format!("(!{a} {operator} {b})");
    }
    let tests = [
        "(i.price > 1.0)",
        "(i.price * double(i.qty) - 1.5 < -i.price)",
        "(i.price != i.price)",
        "(i.qty >= 1)",
        "(i.fresh == true)",
        "i.fresh",
        "(i.qty == 0)",
        "true",
    ];
    random.pick(&tests).to_owned()
}

/// `exists`, `all` and `exists_one` that every row asks for first, against the direct evaluation.
#[test]
fn tests_of_all_items_of_a_batch_mean_what_each_row_would() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x17e3_5000_0000_0003);
    let mut outcomes = Outcomes::default();
    for _ in 0..N_RULESETS {
        let mut of_items = || {
            let depth = random.below(3);
            let body = condition(&mut random, depth);
            let name = random.pick(&["exists", "all", "exists_one"]);
            let not = random.pick(&["", "!"]);
            format!("{not}items.{name}(i, {body})")
        };
        let (a, b, c) = (of_items(), of_items(), of_items());
        let source = format!(
            "ruleset items {{
  input {{
    items: list<{{sku: string, price: double, qty: int, fresh: bool}}>
    numbers: list<double>
    n: int
  }}
  output {{ a: bool = false  b: bool = false  c: bool = false  d: bool = false }}
  let kept = {a}
  rule a {{ when kept then {{ a = true }} }}
  rule b {{ when {b} && {c} then {{ b = true }} else {{ c = true }} }}
  rule c {{ when numbers.exists(x, x > 0.5) || 10 / n > 1 then {{ d = true }} }}
}}
"
        );
        outcomes.compare(&runtime, &source, compile(&source), &mut random);
    }
    assert_eq!(outcomes.disagreements, Vec::<String>::new());
    assert!(
        outcomes.n_values >= N_RULESETS * N_ROWS / 2,
        "most have values"
    );
}

/// Batches with more items than are tested at once, and with none.
#[test]
fn long_lists_are_gone_through_one_by_one() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let source = "ruleset long { input { numbers: list<int> } output { found: bool = false }
  rule only { when numbers.exists_one(x, x == 7) then { found = true } } }";
    let artifact = compile(source).artifact.expect("it compiles");
    let component = runtime.load(&artifact.component).expect("it loads");
    let limits = Limits {
        memory_bytes: 16 << 20,
        deadline_ms: 60_000,
    };
    let mut session = runtime.open(&component, &[], limits).expect("it opens");
    let schema = runtime.schema(&session).inputs.clone();
    for length in [0, 1, 15, 16, 17, 100] {
        for n_rows in [1, 7, 8, 9, 64] {
            let rows: Vec<Vec<i64>> = (0..n_rows)
                .map(|row| (0..length).map(|item| (row + item) % 10).collect())
                .collect();
            let values: Vec<Value> = rows
                .iter()
                .map(|row| Value::List(row.iter().copied().map(Value::Int).collect()))
                .collect();
            let column = dynamic::array_of(schema.field(0), &values.iter().collect::<Vec<_>>());
            let column = column.expect("lists");
            let batch = RecordBatch::try_new(schema.clone(), vec![column]).expect("a batch");
            let outcome = runtime.process(&mut session, &batch).expect("it runs");
            let expected: BooleanArray = rows
                .iter()
                .map(|row| Some(row.iter().filter(|item| **item == 7).count() == 1))
                .collect();
            assert_eq!(
                outcome.columns[0].as_boolean(),
                &expected,
                "{n_rows} rows of {length}"
            );
        }
    }
}

#[test]
fn texts_in_another_case_are_compared_as_if_they_were_made() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let texts = [
        "",
        "a",
        "A",
        "@",
        "`",
        "[",
        "{",
        "ab",
        "AB",
        "aB@",
        "AB`",
        "x-AB",
        "X-ab",
        "AB-cd",
        "ab-CD",
        "žab",
        "ŽAB",
        "abcdefgh",
        "ABCDEFGH",
        "abcdefghi",
        "ABCDEFGH@",
        "xABCDEFGHI",
        "ABCDEFGHi-",
        "anna@example.com",
        "ANNA@EXAMPLE.COM",
        "anna`example.com",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    ];
    let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let limits = Limits {
        memory_bytes: 16 << 20,
        deadline_ms: 60_000,
    };
    let cases = [
        ("", str::to_owned as fn(&str) -> String),
        (".lowerAscii()", |text| text.to_ascii_lowercase()),
        (".upperAscii()", |text| text.to_ascii_uppercase()),
    ];
    for literal in texts {
        let tests: Vec<String> = cases
            .iter()
            .flat_map(|(case, _)| {
                [
                    format!("text{case}.startsWith({literal:?})"),
                    format!("text{case}.endsWith({literal:?})"),
                    format!("{literal:?} == text{case}"),
                ]
            })
            .collect();
        let outputs: String = (0..tests.len())
            .map(|n| format!(" o{n}: bool = false"))
            .collect();
        let rules: String = (0..)
            .zip(&tests)
            .map(|(n, test)| format!("  rule r{n} {{ when {test} then {{ o{n} = true }} }}\n"))
            .collect();
        let source = format!(
            "ruleset texts {{\n  input {{ text: string }}\n  output {{{outputs} }}\n{rules}}}\n"
        );
        let artifact = compile(&source).artifact.expect("it compiles");
        let component = runtime.load(&artifact.component).expect("it loads");
        let mut session = runtime.open(&component, &[], limits).expect("it opens");
        let schema = runtime.schema(&session).inputs.clone();
        let batch = RecordBatch::try_new(schema, vec![column.clone()]).expect("a batch");
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        let expected = cases.iter().flat_map(|(_, change)| {
            let agree = |test: fn(&str, &str) -> bool| -> BooleanArray {
                texts
                    .iter()
                    .map(|text| Some(test(&change(text), literal)))
                    .collect()
            };
            [
                agree(|text, literal| text.starts_with(literal)),
                agree(|text, literal| text.ends_with(literal)),
                agree(|text, literal| text == literal),
            ]
        });
        for ((test, expected), actual) in tests.iter().zip(expected).zip(&outcome.columns) {
            assert_eq!(actual.as_boolean(), &expected, "{test}");
        }
    }
}
