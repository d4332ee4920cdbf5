//! The reference rule over a million rows: compiled to a component, in native code, interpreted.

use crate::median::{ignore, interleaved, nanoseconds_each};
use anyhow::{Result, anyhow, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Field, Schema};
use cel::{Context, Program, Value};
use rulestage_pipeline::runtime::{Limits, Runtime};
use rulestage_runtime_wasmtime::{Config, Session, WasmtimeRuntime};
use std::hint::black_box;
use std::sync::Arc;

pub(crate) const CONDITION: &str = r#"age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75"#;
pub(crate) const SOURCE: &str = r#"ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok { when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75 then { eligible = true } }
}"#;

const ROWS: usize = 1_000_000;
const CEL_ROWS: usize = 20_000;
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

    let rows = rows(ROWS);
    let expected = native(&rows);
    let sizes = [1_024, 8_192, 65_536];
    let batches = sizes.map(|size| slices(&rows, size));
    for batches in &batches {
        ensure!(
            compiled(&runtime, &mut session, batches)? == expected.true_count(),
            "the component disagrees with native"
        );
    }
    let few = rows.slice(0, CEL_ROWS);
    let program = Program::compile(CONDITION)?;
    let mut context = Context::default();
    ensure!(
        interpreted(&program, &mut context, &few) == native(&few).true_count(),
        "cel disagrees with native"
    );
    let one = rows.slice(0, 1);

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
                ignore(black_box(interpreted(
                    &program,
                    &mut context,
                    black_box(&few),
                )))
            },
            &mut || {
                for _ in 0..SINGLE_CALLS {
                    (run.borrow_mut())(std::slice::from_ref(&one));
                }
            },
        ],
    );
    let native = nanoseconds_each(times[0], ROWS);
    let cel = nanoseconds_each(times[4], CEL_ROWS);
    println!("| | ns/row | to native | faster than `cel` |\n|---|---:|---:|---:|");
    println!(
        "| native Rust, {ROWS} rows | {native:.2} | 1.00 | {:.0} |",
        cel / native
    );
    for (size, time) in sizes.iter().zip(&times[1..4]) {
        let each = nanoseconds_each(*time, ROWS);
        println!(
            "| component, batches of {size} | {each:.2} | {:.2} | {:.0} |",
            each / native,
            cel / each
        );
    }
    println!(
        "| `cel` 0.15, {CEL_ROWS} rows | {cel:.1} | {:.0} | 1 |",
        cel / native
    );
    let call = nanoseconds_each(times[5], SINGLE_CALLS);
    println!("\n| | reached | aim |\n|---|---:|---:|");
    println!("| one-row call, Arrow in and out | {call:.0} ns | 1000 ns |");
    println!(
        "| component | {:.1} KB | 16 KB |",
        artifact.component.len() as f64 / 1024.0
    );
    Ok(())
}

/// Rows as an application has them: ages 0 to 99, eight countries, scores over 0 to 1; about one in eight is eligible.
fn rows(count: usize) -> RecordBatch {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let countries = ["CZ", "DE", "FR", "AT", "PL", "Italia", "ES", "Österreich"];
    let ages: Int64Array = (0..count)
        .map(|_| (next() % 100) as i64)
        .collect::<Vec<_>>()
        .into();
    let places: StringArray = (0..count)
        .map(|_| Some(countries[(next() % 8) as usize]))
        .collect();
    let scores: Float64Array = (0..count)
        .map(|_| next() as f64 / (1_u64 << 53) as f64)
        .collect::<Vec<_>>()
        .into();
    let columns: Vec<ArrayRef> = vec![Arc::new(ages), Arc::new(places), Arc::new(scores)];
    let fields = ["age", "country", "score"].iter().zip([
        DataType::Int64,
        DataType::Utf8,
        DataType::Float64,
    ]);
    let fields: Vec<Field> = fields
        .map(|(name, data_type)| Field::new(*name, data_type, false))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .unwrap_or_else(|error| panic!("{error}"))
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

fn interpreted(program: &Program, context: &mut Context<'_, '_>, rows: &RecordBatch) -> usize {
    let ages = rows.column(0).as_primitive::<Int64Type>().values();
    let countries = rows.column(1).as_string::<i32>();
    let scores = rows.column(2).as_primitive::<Float64Type>().values();
    (0..rows.num_rows())
        .filter(|&row| {
            context.add_variable_from_value("age", ages[row]);
            context.add_variable_from_value("country", countries.value(row));
            context.add_variable_from_value("score", scores[row]);
            matches!(program.execute(context), Ok(Value::Bool(true)))
        })
        .count()
}
