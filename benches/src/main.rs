//! Measures what the project promises, in one run, and prints the result as Markdown.
//!
//!     rulestage-bench PROGRAM EXAMPLE FLIGHTS WORK
//!     rulestage-bench memory | nested | networks | reference | scale | strings
//!     rulestage-bench peers WORK COMMAND...
//!     rulestage-bench reasons EXAMPLE [PART-OF-TITLE]
//!     rulestage-bench trees MODEL ROWS COLUMNS
//!
//! `PROGRAM` is the `rulestage` program, `EXAMPLE` the folder of flight-desk, `FLIGHTS` the Parquet file with all
//! flights and `WORK` a folder for what the runs write. Each `COMMAND` starts a program with other rule engines; `trees`
//! answers `benches/trees.py`. Competing programs take turns within each repetition and medians are reported, so that a
//! busy machine spoils all of them alike: read the ratios.

#![allow(clippy::disallowed_methods, reason = "a benchmark: clocks are its job")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: its result goes to standard output"
)]

mod compile;
mod flights;
mod median;
mod memory;
mod nested;
mod networks;
mod peers;
mod process;
mod reasons;
mod reference;
mod scale;
mod strings;
mod trees;
mod workloads;

use anyhow::{Context, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("memory") => return memory::report(),
        Some("nested") => return nested::report(),
        Some("networks") => return networks::report(),
        Some("peers") => {
            let mut more = std::env::args().skip(2);
            let work = more.next().context("WORK is missing")?;
            return peers::report(work.as_ref(), &more.collect::<Vec<_>>());
        }
        Some("reasons") => {
            let example = std::env::args().nth(2).context("EXAMPLE is missing")?;
            let part = std::env::args().nth(3).unwrap_or_default();
            return reasons::report(example.as_ref(), &part);
        }
        Some("reference") => return reference::report(),
        Some("scale") => return scale::report(),
        Some("strings") => return strings::report(),
        Some("trees") => return trees::answer(),
        _ => {}
    }
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = |what: &str| {
        arguments
            .next()
            .with_context(|| format!("{what} is missing"))
    };
    let (program, example) = (next("PROGRAM")?, next("EXAMPLE")?);
    let (all_flights, work) = (next("FLIGHTS")?, next("WORK")?);

    println!("## The reference rule\n\n`{}`\n", reference::CONDITION);
    reference::report()?;
    println!("\n## Memory\n");
    memory::report()?;
    println!("\n## Lists of structs\n");
    nested::report()?;
    println!("\n## Functions on strings\n");
    strings::report()?;
    println!("\n## Neural networks\n");
    networks::report()?;
    println!("\n## Large rule sets\n");
    scale::report()?;
    compile::report(&example)?;
    process::report(&program, &work)?;
    println!("\n## flight-desk over 3,000,000 flights, Parquet to Parquet\n");
    flights::report(&program, &example, &all_flights, &work)
}
