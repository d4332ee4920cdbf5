//! Source to component.

use crate::median::interleaved;
use crate::reference;
use anyhow::{Context, Result, ensure};
use std::hint::black_box;
use std::path::Path;

pub(crate) fn report(example: &Path) -> Result<()> {
    let path = example.join("flight_desk.rules");
    let desk = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let compilation = rulestage_rule_compiler::compile(&desk);
    ensure!(
        compilation.artifact.is_some(),
        "{}: {:?}",
        path.display(),
        compilation.diagnostics
    );
    let size = compilation
        .artifact
        .map_or(0, |artifact| artifact.component.len());
    let times = interleaved(
        51,
        [
            &mut || {
                drop(black_box(rulestage_rule_compiler::compile(black_box(
                    reference::SOURCE,
                ))))
            },
            &mut || {
                drop(black_box(rulestage_rule_compiler::compile(black_box(
                    &desk,
                ))))
            },
        ],
    );
    println!(
        "| source to component | {:.2} ms | 2 ms |",
        times[0].as_secs_f64() * 1e3
    );
    println!(
        "| flight_desk.rules to component | {:.2} ms | |",
        times[1].as_secs_f64() * 1e3
    );
    println!(
        "| flight_desk component | {:.1} KB | |",
        size as f64 / 1024.0
    );
    Ok(())
}
