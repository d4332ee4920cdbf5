//! Makes what the code generator splices together: the template module of `rule-runtime`, and the component
//! around the core module, which is the same for every rule set.

use componentize::Guest;
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use wasmparser::{Parser, Payload, Validator};
use wit_parser::Resolve;

#[path = "src/codegen/interface.rs"]
mod interface;
#[path = "build/types.rs"]
mod types;
#[path = "build/wrapper.rs"]
mod wrapper;

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
        "wit",
        "crates/rule-compiler/build.rs",
        "crates/rule-compiler/build",
        "crates/rule-compiler/src/codegen/interface.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let template = RULE_RUNTIME.build(&root, &out_dir.join("template"))?;
    fs::write(out_dir.join("rule_runtime.wasm"), template)?;
    let mut resolve = Resolve::default();
    resolve.push_path(root.join("wit"))?;
    for (name, explains) in [("component", true), ("silent_component", false)] {
        let component = wrapper::encode(&resolve, explains)?;
        Validator::new().validate_all(&component)?;
        let suffix = after_core_module(&component)?;
        fs::write(out_dir.join(format!("{name}_suffix.bin")), suffix)?;
    }
    Ok(())
}

/// What comes after the first core module, which follows the header.
fn after_core_module(component: &[u8]) -> Result<&[u8]> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection {
            unchecked_range, ..
        } = payload?
        {
            let end = usize::try_from(unchecked_range.end)?;
            return Ok(&component[end..]);
        }
    }
    Err("there is no core module".into())
}
