//! The runtime that commands use, and what they share around it.

use crate::failure::{Failure, OrFail, Result, Status};
use rulestage_inference as inference;
use rulestage_pipeline::manifest::ModelManifest;
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, StageFailureKind};
use rulestage_runtime_wasmtime::{
    BackendChoice, Config, ModelSource, WasmtimeRuntime, default_cache_dir,
};
use std::env;
use std::path::PathBuf;

/// wasmtime.
pub(crate) type Host = WasmtimeRuntime;
/// A component that it loaded.
pub(crate) type Component = <Host as Runtime>::Component;

/// For stages that have no manifest.
pub(crate) const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 10_000,
};

/// The environment variables that name engines' libraries or their folders.
const ONNXRUNTIME: &str = "RULESTAGE_ONNXRUNTIME";
const OPENVINO: &str = "RULESTAGE_OPENVINO";

/// A model as its manifest lists it.
pub(crate) fn model(manifest: &ModelManifest, file: Vec<u8>) -> ModelSource {
    let target = match manifest.target.as_str() {
        "gpu" => inference::Target::Gpu,
        "auto" => inference::Target::Auto,
        _ => inference::Target::Cpu,
    };
    let mut limits = inference::Limits::default();
    if let Some(bytes) = manifest.max_memory_bytes {
        limits.compute_bytes = bytes;
    }
    let options = inference::Options {
        limits,
        threads: manifest.threads,
        target,
    };
    ModelSource {
        // The manifest's reader refuses other names.
        backend: BackendChoice::named(&manifest.backend).unwrap_or(BackendChoice::Auto),
        options,
        ..ModelSource::new(&manifest.name, file)
    }
}

/// A runtime; compiled code is kept on disk if `cached`.
pub(crate) fn start(cached: bool) -> Result<Host> {
    let cache_dir = if cached { default_cache_dir() } else { None };
    let named = |variable| {
        let path = env::var_os(variable).filter(|path| !path.is_empty());
        path.map(PathBuf::from)
    };
    let config = Config {
        cache_dir,
        onnxruntime: named(ONNXRUNTIME),
        openvino: named(OPENVINO),
        ..Config::default()
    };
    WasmtimeRuntime::new(config).or_fail(Status::Component, || {
        "this machine can't run components".into()
    })
}

/// Checks and compiles the component that messages call `name`.
pub(crate) fn load(host: &Host, name: &str, component: &[u8]) -> Result<Component> {
    host.load(component)
        .map_err(|failure| stage_failure(&format!("can't use `{name}`"), failure))
}

/// A stage's failure with its exit status: the fault of a file, of the user's choices, or of the component.
pub(crate) fn stage_failure(doing: &str, failure: StageFailure) -> Failure {
    let status = match failure.kind {
        StageFailureKind::Malformed | StageFailureKind::WrongWorld => Status::File,
        StageFailureKind::InvalidParameter
        | StageFailureKind::InvalidColumn
        | StageFailureKind::Model => Status::Usage,
        _ => Status::Component,
    };
    Failure::new(status, format!("{doing}: {failure}"))
}
