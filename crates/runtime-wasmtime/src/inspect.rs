//! What a component is, without running or compiling it.

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::cache::{hex, sha256};
use crate::failure::failure;

/// The interface that makes a component a stage.
pub(crate) const STAGE: &str = "rulestage:stage/stage@0.1.0";
/// The interface of stages that explain themselves.
pub(crate) const EXPLAIN: &str = "rulestage:stage/explain@0.1.0";

/// What a component's bytes say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentInfo {
    /// The world of `rulestage:stage` that it fits; `None` where it is no stage
    pub world: Option<&'static str>,
    /// What it needs, by full name, sorted
    pub imports: Vec<String>,
    /// What it offers, by full name, sorted
    pub exports: Vec<String>,
    /// The size of the file
    pub size_bytes: u64,
    /// The digest of the file, in hexadecimal
    pub sha256: String,
    /// The sizes of the core modules inside, in their order
    pub core_module_bytes: Vec<u64>,
}

/// Describes a component; the failure says what the bytes are instead.
pub fn inspect(component: &[u8]) -> Result<ComponentInfo, StageFailure> {
    check_is_component(component)?;
    let mut info = ComponentInfo {
        world: None,
        imports: Vec::new(),
        exports: Vec::new(),
        size_bytes: component.len() as u64,
        sha256: hex(&sha256(component)),
        core_module_bytes: Vec::new(),
    };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                info.core_module_bytes
                    .push(unchecked_range.end - unchecked_range.start);
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    info.imports
                        .push(import.map_err(|error| malformed(&error))?.name.name.into());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    info.exports
                        .push(export.map_err(|error| malformed(&error))?.name.name.into());
                }
            }
            _ => {}
        }
    }
    info.imports.sort();
    info.exports.sort();
    info.world = world(&info);
    Ok(info)
}

fn world(info: &ComponentInfo) -> Option<&'static str> {
    let exports = |name: &str| info.exports.iter().any(|export| export == name);
    if !exports(STAGE) {
        None
    } else if info
        .imports
        .iter()
        .any(|import| import.starts_with("wasi:nn/"))
    {
        Some("inference")
    } else if info.imports.is_empty() && exports(EXPLAIN) {
        Some("rules")
    } else {
        Some("stage")
    }
}

/// Tells apart, by the first bytes, what people pass by mistake.
pub(crate) fn check_is_component(bytes: &[u8]) -> Result<(), StageFailure> {
    let malformed = |message: &str| Err(failure(StageFailureKind::Malformed, message));
    if bytes.is_empty() {
        return malformed("the file is empty, not a component");
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return malformed(
            "a core WebAssembly module, not a component; `wasm-tools component new` makes one of it",
        );
    }
    if bytes.starts_with(b"\0asm") {
        return malformed("a truncated component, or one of an unknown version of WebAssembly");
    }
    malformed("not a WebAssembly component: it doesn't start with the bytes `\\0asm`")
}

/// Says why the compiler refused a component.
pub(crate) fn refusal(bytes: &[u8], error: &wasmtime::Error) -> StageFailure {
    match Validator::new_with_features(WasmFeatures::all()).validate_all(bytes) {
        Err(error) => malformed(&error),
        Ok(_) => failure(
            StageFailureKind::Malformed,
            format!("this component can't be run: {error:#}"),
        ),
    }
}

fn malformed(error: &wasmparser::BinaryReaderError) -> StageFailure {
    let (reason, offset) = (error.message(), error.offset());
    failure(
        StageFailureKind::Malformed,
        format!("a malformed or truncated component: {reason} (at byte {offset})"),
    )
}
