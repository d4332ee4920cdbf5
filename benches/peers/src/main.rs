//! Other rule engines of Rust, for `just bench`: rows and answers come from a folder, commands from standard input.
//! `benches/src/peers.rs` has the protocol.

mod cel;
mod regorus;
mod workload;
mod zen;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};
use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use workload::{Workload, same};

const ENGINES: [(&str, Prepare); 3] = [
    ("cel 0.15", cel::prepare),
    ("regorus 0.14, its virtual machine", regorus::prepare),
    ("zen-expression 2.1", zen::prepare),
];

/// Slow engines get through some of the rows in this time, and are measured on those.
const CHECKING: Duration = Duration::from_secs(2);
/// Rows are gone over until this much time is over, but no longer for the slow ones than it takes once.
const TIMING: Duration = Duration::from_millis(100);
/// The time of at least this much work is taken at once, and the median counts: so others that run on the same cores
/// are left out, mostly.
const SLICE: Duration = Duration::from_millis(1);

/// Evaluates a row; fills in the answer where one is wanted.
type Evaluate = Box<dyn FnMut(usize, Option<&mut Json>) -> Result<()>>;
/// Compiles a workload and makes its rows what the engine wants; `None`: the engine has no way to say it.
type Prepare = fn(&Workload) -> Result<Option<Evaluate>>;

/// The engine refuses a workload, as too large for it mostly.
#[derive(Debug)]
struct NotCompiled(String);

impl std::fmt::Display for NotCompiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reason = self.0.lines().next().unwrap_or_default();
        write!(f, "does not compile it: {reason}")
    }
}

impl std::error::Error for NotCompiled {}

struct Ready {
    evaluate: Evaluate,
    n_rows: usize,
}

fn main() -> Result<()> {
    let folder = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .context("the folder is missing")?,
    );
    let mut ready: [Option<Ready>; ENGINES.len()] = Default::default();
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split('\t').collect();
        let find = |name: &str| {
            let place = ENGINES.iter().position(|(engine, _)| *engine == name);
            place.with_context(|| format!("no engine `{name}`"))
        };
        let answer = match words[..] {
            ["engines"] => json!(ENGINES.map(|(name, _)| name)),
            ["check", engine, name] => {
                let engine = find(engine)?;
                match check(ENGINES[engine].1, &Workload::read(&folder.join(name))?) {
                    Ok(Some(checked)) => {
                        let n_rows = checked.n_rows;
                        ready[engine] = Some(checked);
                        json!({"rows": n_rows})
                    }
                    Ok(None) => json!({"skip": "no way to say it"}),
                    Err(error) if error.is::<NotCompiled>() => {
                        json!({"skip": format!("{error:#}")})
                    }
                    Err(error) => json!({"error": format!("{error:#}")}),
                }
            }
            ["time", engine] => {
                let engine = ready[find(engine)?].as_mut();
                json!({"ns": time(engine.context("nothing is compiled")?)?})
            }
            _ => bail!("no command: `{line}`"),
        };
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

fn check(prepare: Prepare, workload: &Workload) -> Result<Option<Ready>> {
    let prepared = prepare(workload).map_err(|error| NotCompiled(error.to_string()))?;
    let Some(mut evaluate) = prepared else {
        return Ok(None);
    };
    let started = Instant::now();
    let mut n_rows = 0;
    while n_rows < workload.rows.len() && started.elapsed() < CHECKING {
        let mut answer = Json::Null;
        evaluate(n_rows, Some(&mut answer))?;
        let expected = &workload.answers[n_rows];
        ensure!(
            same(&answer, expected),
            "row {n_rows}: {answer} instead of {expected}"
        );
        n_rows += 1;
    }
    Ok(Some(Ready { evaluate, n_rows }))
}

/// Nanoseconds an evaluation.
fn time(ready: &mut Ready) -> Result<f64> {
    let started = Instant::now();
    let mut slices = Vec::new();
    let (mut slice_started, mut n_evaluations) = (started, 0);
    for row in (0..ready.n_rows).cycle() {
        (ready.evaluate)(row, None)?;
        n_evaluations += 1;
        // The clock costs as much as a fast evaluation.
        if n_evaluations % 16 == 0 || row + 1 == ready.n_rows {
            let elapsed = slice_started.elapsed();
            if elapsed >= SLICE {
                slices.push(elapsed.as_nanos() as f64 / f64::from(n_evaluations));
                (slice_started, n_evaluations) = (Instant::now(), 0);
            }
            if !slices.is_empty() && started.elapsed() >= TIMING {
                break;
            }
        }
    }
    slices.sort_by(f64::total_cmp);
    Ok(slices[slices.len() / 2])
}
