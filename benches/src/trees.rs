//! A tree ensemble inside a component and natively, for `benches/trees.py`: each line on standard input asks for one
//! measurement, so that the peers there can take their turns.

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use rulestage_onnx_ml::{Data, Model, Options};
use rulestage_pipeline::runtime::{Limits, Outcome, Runtime};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

const LIMITS: Limits = Limits {
    memory_bytes: 1 << 30,
    deadline_ms: 60_000,
};

/// Arguments: an ONNX file, rows as little-endian floats one after another, and the number of columns. The lines
/// `component`, `native` and `open` are answered by nanoseconds, `sum` by the sum of the last column of results.
pub(crate) fn answer() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [model, rows, columns] = arguments.as_slice() else {
        bail!("MODEL, ROWS and COLUMNS are needed");
    };
    let file = fs::read(model).with_context(|| format!("`{model}`"))?;
    let columns: usize = columns.parse()?;
    let bytes = fs::read(rows).with_context(|| format!("`{rows}`"))?;
    let (cells, rest) = bytes.as_chunks::<4>();
    ensure!(
        columns > 0 && rest.is_empty() && cells.len() % columns == 0,
        "`{rows}` does not hold rows of {columns} columns"
    );
    let n_rows = cells.len() / columns;
    let column = |at: usize| {
        let cells = cells.iter().skip(at).step_by(columns);
        cells.map(|cell| f32::from_le_bytes(*cell))
    };
    let given: Vec<Data> = (0..columns)
        .map(|at| Data::F32(column(at).collect()))
        .collect();

    let options = Options::default();
    let (component, native) = rulestage_model_compiler::compile(&file, "trees", &options)
        .map_err(|error| anyhow!("{error}"))?;
    ensure!(
        native.inputs().len() == columns,
        "the model has other columns"
    );
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let loaded = runtime.load(&component)?;
    let open = || runtime.open(&loaded, &[], LIMITS);
    let mut session = open()?;
    let arrays = (0..columns)
        .map(|at| -> ArrayRef { Arc::new(column(at).map(f64::from).collect::<Float64Array>()) });
    let schema = runtime.schema(&session).inputs.clone();
    let batch = RecordBatch::try_new(schema, arrays.collect())?;

    for line in std::io::stdin().lines() {
        let line = line?;
        let started = Instant::now();
        let answer = match line.trim() {
            "component" => {
                let outcome = runtime.process(&mut session, &batch)?;
                let elapsed = started.elapsed().as_nanos();
                ensure!(outcome.errors.is_empty(), "some rows fail");
                elapsed.to_string()
            }
            "native" => {
                let given = given.clone();
                let started = Instant::now();
                native_run(&native, n_rows, given)?;
                started.elapsed().as_nanos().to_string()
            }
            "open" => {
                open()?;
                started.elapsed().as_nanos().to_string()
            }
            "sum" => sum(&runtime.process(&mut session, &batch)?)?.to_string(),
            other => bail!("`{other}` is not measured"),
        };
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn native_run(model: &Model, n_rows: usize, given: Vec<Data>) -> Result<Vec<Data>> {
    model
        .compute(n_rows, given)
        .map_err(|error| anyhow!("{error}"))
}

fn sum(outcome: &Outcome) -> Result<f64> {
    let last = outcome.columns.last().context("the model gives nothing")?;
    let values = last.as_primitive::<Float32Type>().values();
    Ok(values.iter().map(|value| f64::from(*value)).sum())
}
