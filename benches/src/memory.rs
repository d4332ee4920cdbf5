//! Ten million rows through one session: what the process and the component hold on the way.

use crate::reference::{LIMITS, SOURCE};
use crate::workloads;
use anyhow::{Context, Result, anyhow};
use arrow_array::RecordBatch;
use rulestage_pipeline::runtime::Runtime;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::hint::black_box;

const BATCH_ROWS: usize = 8_192;
const MILLION: usize = 1_000_000;
/// Rules whose values have no fixed size: text, lists and structs that each row computes.
const COMPUTED: &str = r#"ruleset computed {
  input { age: int  country: string  score: double }
  output { texts: list<string> = [] merge collect }
  rule texts {
    when country.lowerAscii().matches("^[a-z]+$") || age > 50
    then { texts = [country + "-" + string(age), string(score), country.upperAscii()] }
  }
}"#;

pub(crate) fn report() -> Result<()> {
    println!("| rules | rows | component, linear memory | process, resident |");
    println!("|---|---:|---:|---:|");
    for (name, source) in [("reference", SOURCE), ("texts and lists", COMPUTED)] {
        run(name, source)?;
    }
    Ok(())
}

fn run(name: &str, source: &str) -> Result<()> {
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let compilation = rulestage_rule_compiler::compile(source);
    let artifact = compilation
        .artifact
        .ok_or_else(|| anyhow!("{:?}", compilation.diagnostics))?;
    let component = runtime.load(&artifact.component)?;
    let mut session = runtime.open(&component, &[], LIMITS)?;
    let schema = runtime.schema(&session).inputs.clone();
    let marks = [MILLION / 100, MILLION, 5 * MILLION, 10 * MILLION];
    let (mut n_rows, mut mark) = (0, 0);
    while mark < marks.len() {
        let columns = workloads::people_from(n_rows as u64, BATCH_ROWS);
        let batch = RecordBatch::try_new(schema.clone(), columns)?;
        black_box(runtime.process(&mut session, &batch)?);
        n_rows += BATCH_ROWS;
        if n_rows >= marks[mark] {
            println!(
                "| {name} | {n_rows} | {:.2} MiB | {} |",
                session.used_bytes() as f64 / f64::from(1 << 20),
                match resident_bytes() {
                    Ok(bytes) => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
                    Err(_) => "not told by this system".to_owned(),
                }
            );
            mark += 1;
        }
    }
    Ok(())
}

/// See proc(5).
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no VmRSS")?
        .trim()
        .parse()?;
    Ok(kib << 10)
}
