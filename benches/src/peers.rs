//! Rule engines of others on the same rows, in processes of their own that take turns with ours.
//!
//! A peer is a program that gets the folder of workloads as its argument and answers lines with lines of JSON:
//!
//! | line | answer |
//! |---|---|
//! | `engines` | `["NAME VERSION", …]` |
//! | `check ENGINE WORKLOAD` | `{"rows": N}`: compiled, and N rows give the answers of `answers.ndjson`; or `{"skip": WHY}`, `{"error": WHAT}` |
//! | `time ENGINE` | `{"ns": X}`: each of those rows once more, nanoseconds for one of them |
//!
//! Rows are in the engine's own form before the time starts, and compiled rules and contexts are used again.

use crate::median::{median, nanoseconds_each};
use crate::reference::LIMITS;
use crate::workloads::{self, Workload};
use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use rulestage_formats::{Format, open_writer};
use rulestage_pipeline::runtime::Runtime;
use rulestage_pipeline::wire::{self, FlatArray, FlatBuffer};
use rulestage_runtime_wasmtime::{Config, RowValue, Session, WasmtimeRuntime};
use serde_json::Value as Json;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const ROWS: usize = 65_536;
const BATCH_ROWS: usize = 8_192;
const SINGLE_ROWS: usize = 2_000;
/// Calls whose time is taken at once
const SINGLE_SLICE: usize = 200;
const REPETITIONS: usize = 5;

/// Measures all workloads; `commands` are the peers' programs with their arguments, separated by blanks.
pub(crate) fn report(work: &Path, commands: &[String]) -> Result<()> {
    let folder = work.join("peers");
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let mut ours = Vec::new();
    for workload in workloads::all() {
        ours.push(Ours::prepare(&runtime, workload, &folder)?);
    }
    let mut peers = Vec::new();
    for command in commands {
        peers.push(Peer::start(command, &folder)?);
    }
    for ours in &mut ours {
        compare(&runtime, ours, &mut peers)?;
    }
    Ok(())
}

/// Prints the table of one workload.
fn compare(runtime: &WasmtimeRuntime, ours: &mut Ours, peers: &mut [Peer]) -> Result<()> {
    let mut rivals = Vec::new();
    let mut left_out = Vec::new();
    for (place, peer) in peers.iter_mut().enumerate() {
        for engine in peer.engines.clone() {
            match peer.check(&engine, ours.workload.name)? {
                Ok(rows) => rivals.push(Rival {
                    place,
                    engine,
                    rows,
                    times: Vec::new(),
                }),
                Err(why) => left_out.push(format!("{engine}: {why}")),
            }
        }
    }
    let (mut batch, mut single, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for repetition in 0..=REPETITIONS {
        let times = (ours.time_batches(runtime)?, ours.time_single_rows(runtime)?);
        let of_values = ours.time_values()?;
        if repetition > 0 {
            batch.extend(times.0);
            single.extend(times.1);
            values.extend(of_values);
        }
        for rival in &mut rivals {
            let time = peers[rival.place].time(&rival.engine)?;
            if repetition > 0 {
                rival.times.push(time);
            }
        }
    }
    let batch = nanoseconds_each(median(batch), BATCH_ROWS);
    let single = nanoseconds_each(median(single), SINGLE_SLICE);
    println!("\n### {}\n", ours.workload.title);
    println!("| | rows compared | ns/row | to our batches | to our single rows |");
    println!("|---|---:|---:|---:|---:|");
    println!("| batches of {BATCH_ROWS} | | {batch:.1} | 1 | |");
    let (copying, n_bytes) = ours.time_copies(runtime)?;
    println!("| copying {n_bytes:.0} bytes a row, in plain Rust | | {copying:.1} | | |");
    println!("| one row a call, Arrow in and out | | {single:.0} | | 1 |");
    let values = nanoseconds_each(median(values), SINGLE_SLICE);
    println!(
        "| one row a call, values in and out | | {values:.0} | | {:.1} |",
        values / single
    );
    for mut rival in rivals {
        rival.times.sort_by(f64::total_cmp);
        let time = rival.times[REPETITIONS / 2];
        println!(
            "| `{}` | {} | {time:.0} | {:.0} | {:.1} |",
            rival.engine,
            rival.rows,
            time / batch,
            time / single
        );
    }
    if !left_out.is_empty() {
        println!("\nNot measured: {}.", left_out.join("; "));
    }
    Ok(())
}

/// An engine that gives our answers.
struct Rival {
    /// Of its process
    place: usize,
    engine: String,
    /// How many were compared, and are evaluated each time
    rows: u64,
    /// Nanoseconds of one evaluation
    times: Vec<f64>,
}

/// A workload compiled and cut into batches.
struct Ours {
    workload: Workload,
    session: Session,
    batches: Vec<RecordBatch>,
    singles: Vec<RecordBatch>,
    /// The same rows as values
    values: Vec<Vec<RowValue<'static>>>,
}

/// The value of a row, in Rust's own form, as long as the program runs.
fn value(column: &dyn Array, row: usize) -> RowValue<'static> {
    if column.is_null(row) {
        return RowValue::Null;
    }
    match column.data_type() {
        DataType::Int64 => RowValue::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => RowValue::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let items = (0..items.len()).map(|item| value(items.as_ref(), item));
            RowValue::List(items.collect::<Vec<_>>().leak())
        }
        DataType::Struct(_) => {
            let fields = column.as_struct().columns().iter();
            let fields = fields.map(|field| value(field.as_ref(), row));
            RowValue::Struct(fields.collect::<Vec<_>>().leak())
        }
        _ => RowValue::Text(column.as_string::<i32>().value(row).to_owned().leak()),
    }
}

impl Ours {
    /// Compiles, decides, and writes what peers need into `FOLDER/WORKLOAD`.
    fn prepare(runtime: &WasmtimeRuntime, workload: Workload, folder: &Path) -> Result<Self> {
        let compilation = rulestage_rule_compiler::compile(&workload.source);
        let artifact = compilation
            .artifact
            .ok_or_else(|| anyhow!("{}: {:?}", workload.name, compilation.diagnostics))?;
        let component = runtime.load(&artifact.component)?;
        let mut session = runtime.open(&component, &[], LIMITS)?;
        let schema = runtime.schema(&session).clone();
        let columns = workload.columns(ROWS, &schema.inputs)?;
        let rows = RecordBatch::try_new(schema.inputs.clone(), columns)?;
        Ok(Self {
            batches: (0..ROWS)
                .step_by(BATCH_ROWS)
                .map(|start| rows.slice(start, BATCH_ROWS))
                .collect(),
            singles: (0..SINGLE_ROWS).map(|row| rows.slice(row, 1)).collect(),
            values: (0..SINGLE_ROWS)
                .map(|row| {
                    let columns = rows.columns().iter();
                    columns.map(|column| value(column.as_ref(), row)).collect()
                })
                .collect(),
            session: {
                let few = rows.slice(0, workload.peer_rows);
                let outcome = runtime.process(&mut session, &few)?;
                ensure!(outcome.errors.is_empty(), "{:?}", outcome.errors);
                let answers = RecordBatch::try_new(schema.outputs, outcome.columns)?;
                let folder = folder.join(workload.name);
                std::fs::create_dir_all(&folder)?;
                write(&folder.join("rows.ndjson"), &few)?;
                write(&folder.join("answers.ndjson"), &answers)?;
                if let Some(rules) = &workload.rules {
                    std::fs::write(folder.join("rules.json"), rules)?;
                }
                session
            },
            workload,
        })
    }

    /// The time of each.
    fn time_batches(&mut self, runtime: &WasmtimeRuntime) -> Result<Vec<Duration>> {
        let batches = self.batches.chunks(1);
        let times = batches.map(|batch| time(runtime, &mut self.session, batch));
        times.collect()
    }

    /// What it costs to copy as many bytes as go into the component and come out of it: nanoseconds and bytes a row.
    fn time_copies(&mut self, runtime: &WasmtimeRuntime) -> Result<(f64, f64)> {
        let schema = runtime.schema(&self.session).clone();
        let mut sizes = Vec::new();
        for batch in &self.batches {
            let columns = runtime.process(&mut self.session, batch)?.columns;
            let results = RecordBatch::try_new(schema.outputs.clone(), columns)?;
            let read = wire::flatten_all(batch, &schema.reads)?;
            let returned = wire::flatten_all(&results, &[])?;
            sizes.push(read.iter().chain(&returned).map(n_bytes).sum::<usize>());
        }
        let n_bytes: usize = sizes.iter().sum();
        let from = vec![1_u8; n_bytes];
        let mut to = vec![0_u8; sizes.iter().copied().max().unwrap_or(0)];
        let mut times = Vec::new();
        for _ in 0..=REPETITIONS {
            let mut rest = from.as_slice();
            for size in &sizes {
                let (batch, others) = rest.split_at(*size);
                rest = others;
                let started = Instant::now();
                black_box(&mut to[..*size]).copy_from_slice(black_box(batch));
                times.push(started.elapsed());
            }
        }
        let copying = nanoseconds_each(median(times), BATCH_ROWS);
        Ok((copying, n_bytes as f64 / ROWS as f64))
    }

    /// The times of slices of rows of values.
    fn time_values(&mut self) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for slice in self.values.chunks(SINGLE_SLICE) {
            let started = Instant::now();
            for row in slice {
                black_box(self.session.process_row(row)?);
            }
            times.push(started.elapsed());
        }
        Ok(times)
    }

    /// The times of slices.
    fn time_single_rows(&mut self, runtime: &WasmtimeRuntime) -> Result<Vec<Duration>> {
        let slices = self.singles.chunks(SINGLE_SLICE);
        let times = slices.map(|slice| time(runtime, &mut self.session, slice));
        times.collect()
    }
}

/// How many bytes an array has.
fn n_bytes(array: &FlatArray<'_>) -> usize {
    let values = match &array.values {
        FlatBuffer::Bits(bits) => bits.len(),
        FlatBuffer::S64(values) => 8 * values.len(),
        FlatBuffer::F64(values) => 8 * values.len(),
        FlatBuffer::Bytes { offsets, bytes } => 4 * offsets.len() + bytes.len(),
        FlatBuffer::Offsets(offsets) => 4 * offsets.len(),
        // No workload has others.
        _ => 0,
    };
    array.validity.as_deref().map_or(0, <[u8]>::len) + values
}

/// One call after another.
fn time(
    runtime: &WasmtimeRuntime,
    session: &mut Session,
    batches: &[RecordBatch],
) -> Result<Duration> {
    let started = Instant::now();
    for batch in batches {
        black_box(runtime.process(session, batch)?);
    }
    Ok(started.elapsed())
}

fn write(path: &Path, rows: &RecordBatch) -> Result<()> {
    let name = path.display().to_string();
    let file = File::create(path).with_context(|| name.clone())?;
    let mut writer = open_writer(Format::Ndjson, file, rows.schema_ref(), &name)?;
    writer.write(rows)?;
    Ok(writer.finish()?)
}

/// A process with engines in it.
struct Peer {
    command: String,
    process: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
    engines: Vec<String>,
}

impl Peer {
    fn start(command: &str, folder: &Path) -> Result<Self> {
        let mut words = command.split(' ');
        let mut process = Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{command}`"))?;
        let (Some(lines), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("`{command}` has no pipes");
        };
        let mut peer = Self {
            command: command.to_owned(),
            process,
            lines,
            answers: BufReader::new(answers),
            engines: Vec::new(),
        };
        let engines = peer.ask("engines")?;
        peer.engines = engines
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        Ok(peer)
    }

    fn ask(&mut self, line: &str) -> Result<Json> {
        writeln!(self.lines, "{line}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        serde_json::from_str(&answer)
            .with_context(|| format!("`{}` answers `{line}` with `{answer}`", self.command))
    }

    /// How many rows were compared, or why none were.
    fn check(&mut self, engine: &str, workload: &str) -> Result<Result<u64, String>> {
        let answer = self.ask(&format!("check\t{engine}\t{workload}"))?;
        if let Some(why) = answer["skip"].as_str() {
            return Ok(Err(why.to_owned()));
        }
        let rows = answer["rows"].as_u64().filter(|rows| *rows > 0);
        // Other answers than ours make every figure worthless.
        rows.map(Ok)
            .with_context(|| format!("{engine} on {workload}: {}", answer["error"]))
    }

    fn time(&mut self, engine: &str) -> Result<f64> {
        let answer = self.ask(&format!("time\t{engine}"))?;
        answer["ns"]
            .as_f64()
            .with_context(|| format!("{engine}: {}", answer["error"]))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its work is done, or somebody else's failed: nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
