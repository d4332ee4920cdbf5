//! Builds `model-stage` for wasm32 and wraps it: the component that every compiled model is made from, and which of its
//! code and data are some operators' alone.

#![allow(
    clippy::print_stdout,
    reason = "that is how a build script tells cargo"
)]

use componentize::{Guest, componentize};
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

mod parts;

const MODEL_STAGE: Guest<'_> = Guest {
    package: "rulestage-model-stage",
    profile: "stage",
    // Vector instructions are part of WebAssembly 2.0, which every host here has. Relaxed ones are left out: their
    // results differ from machine to machine. The linker leaves its notes: they say what needs what.
    rustflags: "-C target-feature=+simd128 -C strip=none -C link-arg=--no-merge-data-segments -C link-arg=--emit-relocs",
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    for path in [
        "crates/model-stage",
        "crates/onnx-ml/src",
        "wit/stage.wit",
        "crates/model-compiler/build",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let linked = MODEL_STAGE.build(&root, &out_dir.join("stage"))?;
    let parts = parts::apart(&linked)?;
    fs::write(
        out_dir.join("model_stage.wasm"),
        componentize(&parts.core_module)?,
    )?;
    fs::write(out_dir.join("parts.rs"), parts.table)?;
    Ok(())
}
