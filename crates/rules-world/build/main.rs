//! Makes the component around compiled rules.

#![allow(
    clippy::print_stdout,
    reason = "that is how a build script tells cargo"
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use wasmparser::{Parser, Payload, Validator};
use wit_parser::Resolve;

#[allow(unreachable_pub, reason = "it is the library's")]
#[path = "../src/interface.rs"]
mod interface;
mod types;
mod wrapper;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let wit = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../wit");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", wit.display());
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/interface.rs");
    let mut resolve = Resolve::default();
    resolve.push_path(wit)?;
    for (name, explains) in [("explaining.bin", true), ("silent.bin", false)] {
        let component = wrapper::encode(&resolve, explains)?;
        Validator::new().validate_all(&component)?;
        fs::write(out_dir.join(name), after_core_module(&component)?)?;
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
