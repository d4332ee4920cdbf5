//! Rule sets of 10, 1,000 and 10,000 rules: how long they take to compile, how large they are, how long a row takes,
//! with and without reasons.

use crate::median::{ignore, interleaved, median, nanoseconds_each};
use crate::reference::LIMITS;
use crate::workloads::merchants;
use anyhow::{Result, anyhow};
use arrow_array::RecordBatch;
use rulestage_pipeline::runtime::Runtime;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::fmt::Write;
use std::time::Instant;

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const ROWS: usize = 131_072;
const BATCH_ROWS: usize = 8_192;
const REPETITIONS: usize = 11;

pub(crate) fn report() -> Result<()> {
    println!("| rules | compile | component | code for the machine | ns/row | with reasons | |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for n_rules in SIZES {
        measure(n_rules)?;
    }
    Ok(())
}

fn measure(n_rules: usize) -> Result<()> {
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let n_merchants = (n_rules / 2).max(5);
    let source = source(n_rules, n_merchants);
    let mut times = Vec::new();
    let mut artifact = None;
    for _ in 0..5 {
        let started = Instant::now();
        artifact = rulestage_rule_compiler::compile(&source).artifact;
        times.push(started.elapsed());
    }
    let artifact = artifact.ok_or_else(|| anyhow!("the rules don't compile"))?;
    let compiled = median(times);
    let started = Instant::now();
    let component = runtime.load(&artifact.component)?;
    let loaded = started.elapsed();
    let mut session = runtime.open(&component, &[], LIMITS)?;
    let schema = runtime.schema(&session).inputs.clone();
    let whole = RecordBatch::try_new(schema, merchants(ROWS, n_merchants))?;
    let batches: Vec<RecordBatch> = (0..ROWS)
        .step_by(BATCH_ROWS)
        .map(|start| whole.slice(start, BATCH_ROWS))
        .collect();
    let mut other = runtime.open(&component, &[], LIMITS)?;
    let times = interleaved(
        REPETITIONS,
        [
            &mut || {
                for batch in &batches {
                    ignore(runtime.process(&mut session, batch));
                }
            },
            &mut || {
                for batch in &batches {
                    ignore(runtime.process_with_reasons(&mut other, batch));
                }
            },
        ],
    );
    let [plain, reasons] = times.map(|time| nanoseconds_each(time, ROWS));
    println!(
        "| {n_rules} | {:.1} ms | {:.1} KB | {:.1} ms | {plain:.1} | {reasons:.1} | {:.2} |",
        compiled.as_secs_f64() * 1e3,
        artifact.component.len() as f64 / 1024.0,
        loaded.as_secs_f64() * 1e3,
        reasons / plain
    );
    Ok(())
}

/// Rules as they are kept for merchants: every row fires about one of them, however many there are.
pub(crate) fn source(n_rules: usize, n_merchants: usize) -> String {
    let mut source = String::from(
        "ruleset merchants {
  input { merchant: string  amount: double  age: int  score: double? }
  output { action: string = \"none\" merge first  points: int = 0 merge sum }
",
    );
    for rule in 0..n_rules {
        let merchant = rule % n_merchants;
        let level = rule * 7 % 100;
        let condition = match rule / n_merchants % 3 {
            0 => format!("merchant == \"m{merchant}\" && amount > {level}.0"),
            1 => format!(
                "merchant == \"m{merchant}\" && age >= {} && age < {}",
                level,
                level + 10
            ),
            _ => format!("merchant == \"m{merchant}\" && score != null && score > 0.{level:02}"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            source,
            "  rule r{rule} priority {} {{ when {condition} then {{ action = \"a{}\", points = {} }} }}",
            rule % 5,
            rule % 40,
            rule % 9
        );
    }
    source + "}\n"
}
