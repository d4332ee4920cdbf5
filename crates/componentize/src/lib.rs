//! For builds: guest crates become core modules, and core modules that carry their world become components.
//!
//! Deliberately absent: adapters, and so WASI; anything that runs a component.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{env, fs};
use wit_component::ComponentEncoder;

/// Where guests run.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The variable that names the toolchain which builds guests; empty or absent where the current one does.
pub const TOOLCHAIN_VARIABLE: &str = "RULESTAGE_WASM_TOOLCHAIN";

/// A crate of the workspace that is built for wasm32.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// The package
    pub package: &'a str,
    /// The profile of the workspace
    pub profile: &'a str,
    /// Flags of the compiler, separated by blanks
    pub rustflags: &'a str,
}

impl Guest<'_> {
    /// Builds the guest from a build script: `root` is the folder of the workspace, `target_dir` one of the script's
    /// own. What the build around it has set, wrappers and flags, does not reach the guest.
    ///
    /// # Errors
    /// The guest does not compile, or the toolchain lacks the target.
    pub fn build(&self, root: &Path, target_dir: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
        #[allow(
            clippy::print_stdout,
            reason = "that is how a build script tells cargo"
        )]
        {
            println!("cargo::rerun-if-env-changed={TOOLCHAIN_VARIABLE}");
        }
        let toolchain = env::var(TOOLCHAIN_VARIABLE).unwrap_or_default();
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
        let status = cargo
            .current_dir(root)
            .args(["build", "--quiet", "--package", self.package])
            .args(["--profile", self.profile, "--target", TARGET])
            .arg("--target-dir")
            .arg(target_dir)
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                self.rustflags,
            )
            .status()?;
        if !status.success() {
            let package = self.package;
            return Err(format!(
                "cannot build {package} for {TARGET}: run `./dev setup`, or `rustup target add {TARGET}`"
            )
            .into());
        }
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        let path = target_dir.join(TARGET).join(self.profile).join(file);
        Ok(fs::read(path)?)
    }
}

/// Wraps a core module that carries its WIT world, as wit-bindgen leaves it, as a component.
///
/// # Errors
/// The module is malformed, or does not export what its world says.
pub fn componentize(core_module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(ComponentEncoder::default()
        .module(core_module)?
        .validate(true)
        .encode()?)
}
