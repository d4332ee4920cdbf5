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
/// Fast ones go over their rows again until this much time is over.
const TIMING: Duration = Duration::from_millis(100);

/// Evaluates a row; fills in the answer where one is wanted.
type Evaluate = Box<dyn FnMut(usize, Option<&mut Json>) -> Result<()>>;
/// Compiles a workload and makes its rows what the engine wants; `None`: the engine has no way to say it.
type Prepare = fn(&Workload) -> Result<Option<Evaluate>>;

struct Ready {
    evaluate: Evaluate,
    n_rows: usize,
}

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("the folder is missing")?);
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
    let Some(mut evaluate) = prepare(workload)? else {
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
    let mut n_evaluations = 0;
    while n_evaluations == 0 || started.elapsed() < TIMING {
        for row in 0..ready.n_rows {
            (ready.evaluate)(row, None)?;
        }
        n_evaluations += ready.n_rows;
    }
    Ok(started.elapsed().as_nanos() as f64 / n_evaluations as f64)
}
