//! `rulestage run` as a whole process.

use crate::median::interleaved;
use crate::reference;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn report(program: &Path, work: &Path) -> Result<()> {
    let folder = work.join("one-row");
    std::fs::create_dir_all(&folder)?;
    let (rules, row, out) = (
        folder.join("reference.rules"),
        folder.join("row.ndjson"),
        folder.join("out.ndjson"),
    );
    std::fs::write(&rules, reference::SOURCE)?;
    std::fs::write(&row, "{\"age\":30,\"country\":\"DE\",\"score\":0.9}\n")?;
    let run = || {
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(&rules)
            .arg("--input")
            .arg(&row)
            .arg("--output")
            .arg(&out)
            .arg("--quiet");
        command.stdin(Stdio::null()).status()
    };
    ensure!(
        run()
            .with_context(|| program.display().to_string())?
            .success(),
        "the run of one row failed"
    );
    let decided = std::fs::read_to_string(&out)?;
    ensure!(
        decided.contains("\"eligible\":true"),
        "unexpected output: {decided}"
    );
    let version = || {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
    };
    let times = interleaved(41, [&mut || drop(run()), &mut || drop(version())]);
    println!(
        "| `rulestage run` on one row, whole process, warm cache | {:.1} ms | 25 ms |",
        times[0].as_secs_f64() * 1e3
    );
    println!(
        "| `rulestage --version`, whole process | {:.1} ms | |",
        times[1].as_secs_f64() * 1e3
    );
    Ok(())
}
