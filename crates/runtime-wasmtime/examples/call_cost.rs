//! What a call costs: the reference rule through the whole host path, copies into and out of the guest
//! included, against the same rule in Rust over the same columns.
//!
//!     cargo run --release --example call_cost
//!
//! With a number behind it, it calls with batches of so many rows only, and long enough to be profiled.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures time and prints it"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_runtime_wasmtime::{Calls, Config, RowValue, WasmtimeRuntime};

const SOURCE: &str = r#"ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok {
    when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75
    then { eligible = true }
  }
}"#;

const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 60_000,
};

fn main() {
    let artifact = rulestage_rule_compiler::compile(SOURCE)
        .artifact
        .expect("the rule compiles");
    println!("component: {} bytes", artifact.component.len());

    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let component = runtime.load(&artifact.component).expect("it loads");
    println!(
        "compiled in {:.1} ms",
        component.compile_stats().elapsed.as_secs_f64() * 1e3
    );

    let opened = Instant::now();
    let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
    println!("opened in {:.1} us", opened.elapsed().as_secs_f64() * 1e6);
    let schema = Arc::clone(&runtime.schema(&session).inputs);

    let only = std::env::args().nth(1);
    let only: Option<usize> = only.map(|rows| rows.parse().expect("a number of rows"));
    let (sizes, work) = match only {
        Some(rows) => (vec![rows], 400_000_000),
        None => (vec![1, 16, 1_000, 16_384, 65_536, 1_000_000], 8_000_000),
    };

    let rows =
        (0..1_000_u32).map(|row| (i64::from(row) % 90, ["CZ", "DE", "US"][row as usize % 3]));
    let rows: Vec<_> = rows
        .map(|(age, country)| {
            [
                RowValue::Int(age),
                RowValue::Text(country),
                RowValue::Double(0.8),
            ]
        })
        .collect();
    let row = fastest_ns(work / 20_000, || {
        for row in &rows {
            black_box(session.process_row(black_box(row)).expect("it runs"));
        }
    });
    println!("        1 row of values: {:.0} ns a call", row / 1e3);

    let config = Config {
        calls: Calls::Linked,
        ..Config::default()
    };
    let linked_runtime = WasmtimeRuntime::new(config).expect("wasmtime starts");
    let linked = linked_runtime.load(&artifact.component).expect("it loads");
    let mut linked = linked_runtime.open(&linked, &[], LIMITS).expect("it opens");

    for n_rows in sizes {
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns(n_rows)).expect("a batch");
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        assert_eq!(
            outcome.columns[0].as_boolean(),
            &native(&batch),
            "both give the same answers"
        );

        let calls = (work / n_rows).clamp(5, work / 40);
        let stage = fastest_ns(calls, || {
            black_box(
                runtime
                    .process(&mut session, black_box(&batch))
                    .expect("it runs"),
            );
        });
        let bindings = fastest_ns(calls, || {
            black_box(
                linked_runtime
                    .process(&mut linked, black_box(&batch))
                    .expect("it runs"),
            );
        });
        let rust = fastest_ns(calls, || {
            black_box(native(black_box(&batch)));
        });
        let per_row = stage / n_rows as f64;
        println!(
            "{n_rows:>9} rows: {stage:>12.0} ns a call, {per_row:>8.2} ns a row; through the component {:.2} ({:.2} times); \
             Rust {:.2}, ratio {:.2}",
            bindings / n_rows as f64,
            bindings / stage,
            rust / n_rows as f64,
            stage / rust
        );
    }
}

/// The time of one call, the fastest of several series: others use this machine too.
fn fastest_ns(calls: usize, mut call: impl FnMut()) -> f64 {
    let series = 200;
    let calls = (calls / series).max(1);
    (0..series)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..calls {
                call();
            }
            started.elapsed().as_nanos() as f64 / calls as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn columns(n_rows: usize) -> Vec<Arc<dyn Array>> {
    let countries = ["CZ", "DE", "FR", "US", "Brazil", ""];
    let mixed = |row: usize| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let ages = (0..n_rows).map(|row| (mixed(row) % 90) as i64);
    let country = (0..n_rows).map(|row| countries[mixed(row + 7) % countries.len()]);
    let scores = (0..n_rows).map(|row| (mixed(row + 13) % 1000) as f64 / 1000.0);
    vec![
        Arc::new(Int64Array::from_iter_values(ages)),
        Arc::new(StringArray::from_iter_values(country)),
        Arc::new(Float64Array::from_iter_values(scores)),
    ]
}

/// The rule as one would write it by hand.
fn native(batch: &RecordBatch) -> BooleanArray {
    let ages = batch.column(0).as_primitive::<Int64Type>().values();
    let countries = batch.column(1).as_string::<i32>();
    let scores = batch.column(2).as_primitive::<Float64Type>().values();
    let eligible = |row: usize| {
        ages[row] >= 18 && matches!(countries.value(row), "CZ" | "DE" | "FR") && scores[row] > 0.75
    };
    BooleanArray::new(
        BooleanBuffer::collect_bool(batch.num_rows(), eligible),
        None,
    )
}
