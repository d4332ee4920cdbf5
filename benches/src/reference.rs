//! The reference rule over a million rows: compiled to a component, and in native code.

use crate::median::{ignore, interleaved, nanoseconds_each};
use crate::workloads;
use anyhow::{Result, anyhow, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_runtime_wasmtime::{Config, RowValue, Session, WasmtimeRuntime};
use std::hint::black_box;

pub(crate) const CONDITION: &str = r#"age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75"#;
pub(crate) const SOURCE: &str = r#"ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok { when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75 then { eligible = true } }
}"#;

const ROWS: usize = 1_000_000;
const SINGLE_CALLS: usize = 100_000;
const REPETITIONS: usize = 15;
pub(crate) const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 60_000,
};

pub(crate) fn report() -> Result<()> {
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let compilation = rulestage_rule_compiler::compile(SOURCE);
    let artifact = compilation
        .artifact
        .ok_or_else(|| anyhow!("{:?}", compilation.diagnostics))?;
    let component = runtime.load(&artifact.component)?;
    let mut session = runtime.open(&component, &[], LIMITS)?;

    let schema = runtime.schema(&session).inputs.clone();
    let columns = workloads::people(ROWS, &schema)?;
    let rows = RecordBatch::try_new(schema, columns)?;
    let expected = native(&rows);
    let sizes = [1_024, 8_192, 65_536];
    let batches = sizes.map(|size| slices(&rows, size));
    for batches in &batches {
        ensure!(
            compiled(&runtime, &mut session, batches)? == expected.true_count(),
            "the component disagrees with native"
        );
    }
    let one = rows.slice(0, 1);
    let values = [
        RowValue::Int(one.column(0).as_primitive::<Int64Type>().value(0)),
        RowValue::Text(one.column(1).as_string::<i32>().value(0)),
        RowValue::Double(one.column(2).as_primitive::<Float64Type>().value(0)),
    ];
    let mut alone = runtime.open(&component, &[], LIMITS)?;

    let mut run =
        |batches: &[RecordBatch]| compiled(&runtime, &mut session, batches).map_or(0, black_box);
    let run = std::cell::RefCell::new(&mut run);
    let times = interleaved(
        REPETITIONS,
        [
            &mut || ignore(black_box(native(black_box(&rows)))),
            &mut || ignore((run.borrow_mut())(&batches[0])),
            &mut || ignore((run.borrow_mut())(&batches[1])),
            &mut || ignore((run.borrow_mut())(&batches[2])),
            &mut || {
                for _ in 0..SINGLE_CALLS {
                    (run.borrow_mut())(std::slice::from_ref(&one));
                }
            },
            &mut || {
                for _ in 0..SINGLE_CALLS {
                    ignore(black_box(alone.process_row(black_box(&values))));
                }
            },
        ],
    );
    let native = nanoseconds_each(times[0], ROWS);
    println!("| | ns/row | to native |\n|---|---:|---:|");
    println!("| native Rust, {ROWS} rows | {native:.2} | 1.00 |");
    for (size, time) in sizes.iter().zip(&times[1..4]) {
        let each = nanoseconds_each(*time, ROWS);
        println!(
            "| component, batches of {size} | {each:.2} | {:.2} |",
            each / native
        );
    }
    let call = nanoseconds_each(times[4], SINGLE_CALLS);
    println!("\n| | reached | aim |\n|---|---:|---:|");
    println!("| one-row call, Arrow in and out | {call:.0} ns | 1000 ns |");
    let call = nanoseconds_each(times[5], SINGLE_CALLS);
    println!("| one-row call, values in and out | {call:.0} ns | |");
    println!(
        "| component | {:.1} KB | 8 KB |",
        artifact.component.len() as f64 / 1024.0
    );
    Ok(())
}

fn slices(rows: &RecordBatch, size: usize) -> Vec<RecordBatch> {
    (0..rows.num_rows())
        .step_by(size)
        .map(|at| rows.slice(at, size.min(rows.num_rows() - at)))
        .collect()
}

/// What someone would write by hand over the same columns.
fn native(rows: &RecordBatch) -> BooleanArray {
    let ages = rows.column(0).as_primitive::<Int64Type>().values();
    let countries = rows.column(1).as_string::<i32>();
    let scores = rows.column(2).as_primitive::<Float64Type>().values();
    let eligible = |row: usize| {
        ages[row] >= 18 && matches!(countries.value(row), "CZ" | "DE" | "FR") && scores[row] > 0.75
    };
    BooleanArray::new(BooleanBuffer::collect_bool(rows.num_rows(), eligible), None)
}

/// Every batch through the component, lifting and lowering included; gives how many rows are eligible.
fn compiled(
    runtime: &WasmtimeRuntime,
    session: &mut Session,
    batches: &[RecordBatch],
) -> Result<usize> {
    let mut eligible = 0;
    for batch in batches {
        let outcome = runtime.process(session, batch)?;
        eligible += outcome.columns[0].as_boolean().true_count();
    }
    Ok(eligible)
}
