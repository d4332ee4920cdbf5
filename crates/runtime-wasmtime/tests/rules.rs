//! A compiled rule set through the whole host path: columns in, decisions and explanations out.

mod common;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use common::guest::LIMITS;
use common::runtime;
use rulestage_pipeline::runtime::{Role, Runtime, Value, Verdict};
use rulestage_runtime_wasmtime::{Session, WasmtimeRuntime, inspect};

const SOURCE: &str = r#"ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok {
    when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75
    then { eligible = true }
  }
}"#;

fn component() -> Vec<u8> {
    let compilation = rulestage_rule_compiler::compile(SOURCE);
    compilation.artifact.expect("the rule compiles").component
}

fn open(runtime: &WasmtimeRuntime) -> Session {
    let component = runtime.load(&component()).expect("it loads");
    runtime.open(&component, &[], LIMITS).expect("it opens")
}

fn batch(runtime: &WasmtimeRuntime, session: &Session, rows: &[(i64, &str, f64)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2))),
    ];
    let inputs = Arc::clone(&runtime.schema(session).inputs);
    RecordBatch::try_new(inputs, columns).expect("columns of the session's schema")
}

#[test]
fn imports_nothing() {
    let info = inspect(&component()).expect("a component");
    assert_eq!((info.world, info.imports), (Some("rules"), Vec::new()));
}

#[test]
fn decides() {
    let runtime = runtime();
    let mut session = open(&runtime);
    let rows = [
        (18, "CZ", 0.76),
        (17, "CZ", 0.76),
        (i64::MAX, "FR", f64::INFINITY),
        (40, "", 0.9),
        (40, "DE", 0.75),
        (40, "DE", f64::NAN),
        (40, "Česko", 0.9),
    ];
    let expected = [true, false, true, false, false, false, false];
    // Slices too: their buffers start in the middle of others.
    for start in 0..=rows.len() {
        let batch = batch(&runtime, &session, &rows).slice(start, rows.len() - start);
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        assert_eq!(outcome.errors, []);
        let decided: Vec<_> = outcome.columns[0].as_boolean().iter().flatten().collect();
        assert_eq!(decided, expected[start..]);
    }
}

#[test]
fn memory_does_not_grow_from_call_to_call() {
    let runtime = runtime();
    let component = runtime.load(&component()).expect("it loads");
    let limits = rulestage_pipeline::runtime::Limits {
        memory_bytes: 1 << 20,
        ..LIMITS
    };
    let mut session = runtime.open(&component, &[], limits).expect("it opens");
    let rows = vec![(18, "CZ", 0.76); 4096];
    let batch = batch(&runtime, &session, &rows);
    for _ in 0..200 {
        runtime.process(&mut session, &batch).expect("it runs");
    }
}

#[test]
fn explains() {
    let runtime = runtime();
    let mut session = open(&runtime);
    let outline = runtime
        .outline(&mut session)
        .expect("it answers")
        .expect("it explains");
    assert_eq!(outline.rules[0].name, "ok");
    assert_eq!(outline.outputs, ["eligible"]);

    let batch = batch(&runtime, &session, &[(30, "CZ", 0.8), (30, "US", 0.8)]);
    for (row, verdict) in [(0, Verdict::Fired), (1, Verdict::NotFired)] {
        let explanation = runtime
            .explain(&mut session, &batch, row)
            .expect("it explains");
        assert_eq!(explanation.verdicts, [verdict]);
        let condition = outline.expressions.iter().position(|expression| {
            matches!(expression.role, Role::Condition(_)) && expression.depth == 0
        });
        let value = &explanation.values[condition.expect("the whole condition")];
        assert_eq!(*value, Value::Boolean(verdict == Verdict::Fired));
    }
    let refused = runtime
        .explain(&mut session, &batch, 2)
        .expect_err("there is no such row");
    assert_eq!(refused.message, "there is no row 2 in a batch of 2 rows");
}

/// Values without a fixed size, made anew for each row.
const COMPUTED: &str = r#"ruleset computed {
  input { age: int  country: string  score: double }
  output { texts: list<string> = [] merge collect }
  rule texts {
    when country.lowerAscii().matches("^[a-z]+$") || age > 50
    then { texts = [country + "-" + string(age), string(score), country.upperAscii()] }
  }
}"#;

#[test]
fn memory_settles_at_the_largest_batch() {
    let runtime = runtime();
    for source in [SOURCE, COMPUTED] {
        let artifact = rulestage_rule_compiler::compile(source).artifact;
        let component = artifact.expect("the rules compile").component;
        let component = runtime.load(&component).expect("it loads");
        let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
        let countries = ["CZ", "DE", "Austria", "", "Österreich"];
        let rows: Vec<_> = (0..65_536)
            .map(|row| {
                (
                    row % 100,
                    countries[row as usize % 5],
                    row as f64 / 65_536.0,
                )
            })
            .collect();
        let whole = batch(&runtime, &session, &rows);
        let mut process = |n_rows: usize| {
            let part = whole.slice(whole.num_rows() - n_rows, n_rows);
            runtime.process(&mut session, &part).expect("it runs");
            runtime
                .process_with_reasons(&mut session, &part)
                .expect("it runs");
            session.used_bytes()
        };
        let (one_row, settled) = (process(1), process(65_536));
        assert!(settled > one_row, "a batch needs memory");
        // Large and small batches in turn: what one leaves must serve the other.
        for call in 0..40 {
            assert_eq!(process([65_536, 1, 1_000, 17][call % 4]), settled);
        }
    }
}
