//! flight-desk over all flights: whole runs of the program, and where their time goes.

use crate::median::median;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FLIGHTS: f64 = 3_000_000.0;
const REPETITIONS: usize = 3;
/// What the rules read: the columns of the file and the forecast.
const SCORED: &str = "date,delay,distance,origin,destination,p_late";

pub(crate) fn report(
    program: &Path,
    example: &Path,
    all_flights: &Path,
    work: &Path,
) -> Result<()> {
    let (pipeline, rules) = (
        example.join("pipeline.toml"),
        example.join("flight_desk.rules"),
    );
    let (scored, decisions) = (work.join("scored.parquet"), work.join("decisions.parquet"));
    run(
        program,
        &pipeline,
        all_flights,
        &scored,
        &["--columns", SCORED],
    )?;

    println!(
        "| | jobs | wall s | CPU s | rows/s | rows/s per core |\n|---|---:|---:|---:|---:|---:|"
    );
    let mut summaries = Vec::new();
    for (what, stages, input) in [
        ("rules only", &rules, &scored),
        (
            "features, inference and rules",
            &pipeline,
            &all_flights.to_owned(),
        ),
    ] {
        for jobs in ["1", "2"] {
            let (mut wall, mut cpu, mut summary) = (Vec::new(), Vec::new(), String::new());
            for _ in 0..REPETITIONS {
                let measured = run(program, stages, input, &decisions, &["--jobs", jobs])?;
                wall.push(measured.wall);
                cpu.push(measured.cpu);
                summary = measured.summary;
            }
            let (wall, cpu) = (median(wall).as_secs_f64(), median(cpu).as_secs_f64());
            println!(
                "| {what} | {jobs} | {wall:.2} | {cpu:.2} | {:.0} | {:.0} |",
                FLIGHTS / wall,
                FLIGHTS / cpu
            );
            if jobs == "1" {
                summaries.push(format!(
                    "{what}, one job:\n\n```text\n{}\n```\n",
                    summary.trim_end()
                ));
            }
        }
    }
    println!("\n{}", summaries.join("\n"));
    Ok(())
}

struct Measured {
    wall: Duration,
    cpu: Duration,
    /// What the program says of the run
    summary: String,
}

fn run(
    program: &Path,
    stages: &Path,
    input: &Path,
    output: &Path,
    more: &[&str],
) -> Result<Measured> {
    let (started, cpu_before) = (Instant::now(), children_cpu());
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg(stages)
        .arg("--input")
        .arg(input)
        .arg("--output")
        .arg(output)
        .args(more);
    let finished = command
        .output()
        .with_context(|| program.display().to_string())?;
    let wall = started.elapsed();
    let summary = String::from_utf8_lossy(&finished.stderr).into_owned();
    ensure!(finished.status.success(), "{command:?}: {summary}");
    Ok(Measured {
        wall,
        cpu: children_cpu().saturating_sub(cpu_before),
        summary,
    })
}

/// The processor time of all children that have ended; zero where the system does not tell it this way.
fn children_cpu() -> Duration {
    const TICKS_PER_SECOND: u64 = 100;
    let Ok(text) = std::fs::read_to_string("/proc/self/stat") else {
        return Duration::ZERO;
    };
    // The fields after the name in parentheses, see proc(5): cutime is number 16, cstime 17.
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |number: usize| {
        fields
            .get(number - 3)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(16) + ticks(17)) * 1000 / TICKS_PER_SECOND)
}
