//! What it costs to ask which rules fired and where the others stopped: batches with and without, copies included.

use crate::median::{fastest, ignore, nanoseconds_each};
use crate::reference::LIMITS;
use crate::{scale, workloads};
use anyhow::{Context, Result, anyhow};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Schema;
use rulestage_pipeline::runtime::{Runtime, Value};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::path::Path;
use std::sync::Arc;

const ROWS: usize = 65_536;
const BATCH_ROWS: usize = 8_192;
const REPETITIONS: usize = 101;

/// `example` is the folder of flight-desk; only what has `part` in its title is measured.
pub(crate) fn report(example: &Path, part: &str) -> Result<()> {
    let measure =
        |title: &str, source: &str, columns: &dyn Fn(&Schema) -> Result<Vec<ArrayRef>>| match title
            .contains(part)
        {
            true => measure(title, source, columns),
            false => Ok(()),
        };
    println!("| | ns/row | with reasons | ratio |\n|---|---:|---:|---:|");
    for workload in workloads::all() {
        let columns = |schema: &Schema| workload.columns(ROWS, schema);
        measure(workload.title, &workload.source, &columns)?;
    }
    for n_rules in [10, 24, 40, 60] {
        let title = format!("{n_rules} rules of large sets");
        let source = scale::source(n_rules, (n_rules / 2).max(5));
        let columns = |_: &Schema| Ok(workloads::merchants(ROWS, (n_rules / 2).max(5)));
        measure(&title, &source, &columns)?;
    }
    let desk = example.join("flight_desk.rules");
    let source = std::fs::read_to_string(&desk).with_context(|| desk.display().to_string())?;
    measure("`flight_desk.rules`", &source, &|_| Ok(flights()))
}

fn measure(
    title: &str,
    source: &str,
    columns: &dyn Fn(&Schema) -> Result<Vec<ArrayRef>>,
) -> Result<()> {
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let compilation = rulestage_rule_compiler::compile(source);
    let artifact = compilation.artifact;
    let artifact = artifact.ok_or_else(|| anyhow!("{:?}", compilation.diagnostics))?;
    let component = runtime.load(&artifact.component)?;
    let description = runtime.describe(&component, LIMITS)?;
    let parameters: Vec<Value> = description
        .parameters
        .iter()
        .map(|_| Value::Absent)
        .collect();
    let [mut plain, mut explained] =
        [(); 2].map(|()| runtime.open(&component, &parameters, LIMITS));
    let (plain, explained) = (
        plain.as_mut().map_err(|error| anyhow!("{error}"))?,
        explained.as_mut().map_err(|error| anyhow!("{error}"))?,
    );
    let schema = runtime.schema(plain).inputs.clone();
    let whole = RecordBatch::try_new(schema.clone(), columns(&schema)?)?;
    let starts = (0..ROWS).step_by(BATCH_ROWS);
    let batches: Vec<RecordBatch> = starts.map(|start| whole.slice(start, BATCH_ROWS)).collect();
    let times = fastest(
        REPETITIONS,
        [
            &mut || {
                for batch in &batches {
                    ignore(runtime.process(plain, batch));
                }
            },
            &mut || {
                for batch in &batches {
                    ignore(runtime.process_with_reasons(explained, batch));
                }
            },
        ],
    );
    let [plain, reasons] = times.map(|time| nanoseconds_each(time, ROWS));
    println!(
        "| {title} | {plain:.1} | {reasons:.1} | {:.2} |",
        reasons / plain
    );
    Ok(())
}

fn flights() -> Vec<ArrayRef> {
    const AIRPORTS: [&str; 8] = ["ATL", "BUR", "CLE", "DFW", "JFK", "LGA", "ORD", "TUL"];
    const MICROSECONDS: i64 = 60_000_000;
    let mut random = workloads::Random::default();
    let mut below = |limit| random.below(limit);
    // Minutes from the start of 2001
    let dates = (0..ROWS).map(|_| (978_307_200_000_000) + below(525_600) as i64 * MICROSECONDS);
    let dates = TimestampMicrosecondArray::from_iter_values(dates).with_timezone("UTC");
    // Most flights are a little early or late, some very late.
    let delays: Int64Array = (0..ROWS)
        .map(|_| match below(20) {
            0 => None,
            1..4 => Some(below(300) as i64),
            _ => Some(below(45) as i64 - 15),
        })
        .collect();
    let distances: Int64Array = (0..ROWS).map(|_| Some(100 + below(2_400) as i64)).collect();
    let mut airports = || -> StringArray { (0..ROWS).map(|_| Some(AIRPORTS[below(8)])).collect() };
    let (origins, destinations) = (airports(), airports());
    let forecasts: Float64Array = (0..ROWS)
        .map(|_| Some(below(1_000) as f64 / 1_000.0))
        .collect();
    vec![
        Arc::new(dates),
        Arc::new(delays),
        Arc::new(distances),
        Arc::new(origins),
        Arc::new(destinations),
        Arc::new(forecasts),
    ]
}
