//! Functions on strings, one at a time: compiled to a component, and in native code over the same column.

use crate::median::{ignore, interleaved, nanoseconds_each};
use crate::reference::LIMITS;
use crate::workloads;
use anyhow::{Context, Result, anyhow, ensure};
use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use rulestage_pipeline::runtime::Runtime;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::hint::black_box;

const ROWS: usize = 8_192;
const REPETITIONS: usize = 101;

type Test = fn(&str, &str) -> bool;

const CASES: [(&str, Test); 7] = [
    (r#"code == "ORD-7777-Z""#, |code, _| code == "ORD-7777-Z"),
    (r#"code.startsWith("ORD")"#, |code, _| {
        code.starts_with("ORD")
    }),
    (r#"email.endsWith("@example.com")"#, |_, email| {
        email.ends_with("@example.com")
    }),
    (r#"email.contains("+")"#, |_, email| email.contains('+')),
    (r#"email.contains("novak")"#, |_, email| {
        email.contains("novak")
    }),
    (
        r#"email.lowerAscii() == "anna7@example.com""#,
        |_, email| {
            let lower = email.to_ascii_lowercase();
            lower == "anna7@example.com"
        },
    ),
    (r#"code.matches("^ORD-[0-9]{4}-[A-Z]$")"#, |code, _| {
        let [b'O', b'R', b'D', b'-', digits @ .., b'-', b'A'..=b'Z'] = code.as_bytes() else {
            return false;
        };
        digits.len() == 4 && digits.iter().all(u8::is_ascii_digit)
    }),
];

pub(crate) fn report() -> Result<()> {
    let workload = workloads::all().into_iter().find(|w| w.name == "strings");
    let workload = workload.context("no workload `strings`")?;
    println!("| | native, ns/row | component, ns/row | ratio |\n|---|---:|---:|---:|");
    for (condition, native) in CASES {
        let source = format!(
            "ruleset bench {{
  input {{ code: string  email: string }}
  output {{ answer: bool = false }}
  rule only {{ when {condition} then {{ answer = true }} }}
}}"
        );
        let runtime = WasmtimeRuntime::new(Config::default())?;
        let compilation = rulestage_rule_compiler::compile(&source);
        let artifact = compilation
            .artifact
            .ok_or_else(|| anyhow!("{:?}", compilation.diagnostics))?;
        let component = runtime.load(&artifact.component)?;
        let mut session = runtime.open(&component, &[], LIMITS)?;
        let schema = runtime.schema(&session).inputs.clone();
        let columns = workload.columns(ROWS, &schema)?;
        let batch = RecordBatch::try_new(schema, columns)?;
        let column = |index| -> &StringArray { batch.column(index).as_string::<i32>() };
        let run = || {
            let rows = 0..ROWS;
            let (codes, emails) = (column(0), column(1));
            rows.filter(|&row| native(codes.value(row), emails.value(row)))
                .count()
        };
        let outcome = runtime.process(&mut session, &batch)?;
        ensure!(
            outcome.columns[0].as_boolean().true_count() == run(),
            "the component disagrees on {condition}"
        );
        let times = interleaved(
            REPETITIONS,
            [&mut || ignore(black_box(run())), &mut || {
                ignore(black_box(runtime.process(&mut session, &batch)))
            }],
        );
        let [native, component] = times.map(|time| nanoseconds_each(time, ROWS));
        println!(
            "| `{condition}` | {native:.1} | {component:.1} | {:.1} |",
            component / native
        );
    }
    Ok(())
}
