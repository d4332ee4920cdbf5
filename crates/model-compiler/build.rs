//! Builds `model-stage` for wasm32 and wraps it: the component that every compiled model is made from.

use componentize::{Guest, componentize};
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const MODEL_STAGE: Guest<'_> = Guest {
    package: "rulestage-model-stage",
    profile: "stage",
    // Vector instructions are part of WebAssembly 2.0, which every host here has. Relaxed ones are left out: their
    // results differ from machine to machine.
    rustflags: "-C target-feature=+simd128",
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    for path in [
        "crates/model-stage",
        "crates/onnx-ml/src",
        "wit/stage.wit",
        "crates/model-compiler/build.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let core_module = MODEL_STAGE.build(&root, &out_dir.join("stage"))?;
    let component = componentize(&core_module)?;
    fs::write(out_dir.join("model_stage.wasm"), component)?;
    Ok(())
}
