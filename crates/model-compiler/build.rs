//! Builds `model-stage` for wasm32 and wraps it: the component that every compiled model is made from.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

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
    println!("cargo::rerun-if-env-changed=RULESTAGE_WASM_TOOLCHAIN");

    let target_dir = out_dir.join("stage");
    let toolchain = env::var("RULESTAGE_WASM_TOOLCHAIN").unwrap_or_default();
    let mut cargo = if toolchain.is_empty() {
        Command::new(env::var("CARGO")?)
    } else {
        let mut cargo = Command::new("cargo");
        cargo
            .env("RUSTUP_TOOLCHAIN", &toolchain)
            .env_remove("RUSTC")
            .env_remove("CARGO");
        cargo
    };
    for inherited in [
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
    ] {
        cargo.env_remove(inherited);
    }
    // Vector instructions are part of WebAssembly 2.0, which every host here has. Relaxed ones are left out: their
    // results differ from machine to machine.
    let status = cargo
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .current_dir(&root)
        .args([
            "build",
            "--quiet",
            "--package",
            "rulestage-model-stage",
            "--profile",
            "stage",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .status()?;
    if !status.success() {
        return Err(format!("cannot build model-stage for {TARGET}: run `./dev setup`, or `rustup target add {TARGET}`").into());
    }
    let core = fs::read(
        target_dir
            .join(TARGET)
            .join("stage/rulestage_model_stage.wasm"),
    )?;
    let component = ComponentEncoder::default()
        .module(&core)?
        .validate(true)
        .encode()?;
    fs::write(out_dir.join("model_stage.wasm"), component)?;
    Ok(())
}
