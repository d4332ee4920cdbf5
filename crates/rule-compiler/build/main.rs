//! Makes what the code generator takes from: the template module of `rule-runtime`, and the time zones.

#![allow(
    clippy::print_stdout,
    reason = "that is how a build script tells cargo"
)]

use componentize::Guest;
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

mod template;
mod zones;

/// A small stack; each static in a segment of its own, and notes on where addresses stand: that is how the code
/// generator sees which helpers need which data.
const LINK_FLAGS: &str =
    "-Clink-arg=-zstack-size=16384 -Clink-arg=--no-merge-data-segments -Clink-arg=--emit-relocs";

const RULE_RUNTIME: Guest<'_> = Guest {
    package: "rulestage-rule-runtime",
    profile: "rule-runtime",
    rustflags: LINK_FLAGS,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = crate_dir.join("../..");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    for path in [
        "crates/rule-runtime",
        "crates/decimal",
        "crates/regex",
        "crates/rule-compiler/build",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let template = RULE_RUNTIME.build(&root, &out_dir.join("template"))?;
    fs::write(out_dir.join("template.bin"), template::packed(&template)?)?;
    fs::write(out_dir.join("zones.bin"), zones::packed()?)?;
    Ok(())
}
