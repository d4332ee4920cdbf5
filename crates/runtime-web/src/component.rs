//! What the binder needs to know of a component: its imports, its exports and the core module that does the work.

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use rulestage_rules_world::interface;
use std::ops::Range;
use wasm_encoder::{MemorySection, MemoryType, RawSection};
use wasmparser::{Parser, Payload, TypeRef};

/// The interface that every stage exports.
pub(crate) const STAGE: &str = "rulestage:stage/stage@0.1.0";
/// The interface of stages that explain.
pub(crate) const EXPLAIN: &str = "rulestage:stage/explain@0.1.0";
/// The imports that are served.
const SERVED: [&str; 4] = [
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
];
const PAGE_BYTES: u64 = 65_536;

/// What a component imports and exports, without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// Names of the imported interfaces; empty for a rules stage
    pub imports: Vec<String>,
    /// Names of the exported interfaces
    pub exports: Vec<String>,
    /// Where the module that does the work lies in the component
    pub(crate) main_module: Range<usize>,
}

impl Interfaces {
    /// The imports, exports and main module of a stage of ours; everything else is refused.
    pub fn of(component: &[u8]) -> Result<Interfaces, StageFailure> {
        Self::with_module(
            component,
            &format!("{STAGE}#[method]session.process"),
            &SERVED,
        )
    }

    /// Those of the engine inside a composed component.
    pub(crate) fn of_engine(component: &[u8]) -> Result<Interfaces, StageFailure> {
        let graph = SERVED[1];
        Self::with_module(component, &format!("{graph}#load-by-name"), &[])
    }

    /// `main` is the function that the main module exports.
    fn with_module(
        component: &[u8],
        main: &str,
        served: &[&str],
    ) -> Result<Interfaces, StageFailure> {
        if !Parser::is_component(component) {
            return Err(malformed(if Parser::is_core_wasm(component) {
                "a core WebAssembly module, not a component"
            } else {
                "not a WebAssembly component"
            }));
        }
        let mut imports = Vec::new();
        let mut exports = Vec::new();
        let mut modules: Vec<Range<usize>> = Vec::new();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            let payload =
                payload.map_err(|error| malformed(format!("not a whole component: {error}")))?;
            match payload {
                Payload::ModuleSection {
                    unchecked_range, ..
                } => {
                    if depth == 0 {
                        modules.push(to_usize(&unchecked_range));
                    }
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| malformed(error.to_string()))?;
                        imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(|error| malformed(error.to_string()))?;
                        exports.push(export.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        let (interface, function) = main.split_once('#').unwrap_or((main, ""));
        if !exports.iter().any(|name| name == interface) {
            return Err(wrong_world(format!(
                "it does not export `{interface}`; it exports {}",
                list(&exports)
            )));
        }
        let foreign: Vec<String> = imports
            .iter()
            .filter(|name| !served.contains(&name.as_str()))
            .cloned()
            .collect();
        if !foreign.is_empty() {
            return Err(wrong_world(format!(
                "it imports {}, which is not granted",
                list(&foreign)
            )));
        }
        for module in modules {
            let bytes = component
                .get(module.clone())
                .ok_or_else(|| malformed("a module reaches past the end"))?;
            if exports_function(bytes, &[main, plain_name(main)])? {
                return Ok(Interfaces {
                    imports,
                    exports,
                    main_module: module,
                });
            }
        }
        Err(wrong_world(format!(
            "none of its modules exports `{function}` under its own name"
        )))
    }

    /// Does it say why a row came out as it did?
    pub fn explains(&self) -> bool {
        self.exports.iter().any(|name| name == EXPLAIN)
    }
}

fn malformed(message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Malformed,
        message: message.into(),
    }
}

fn wrong_world(message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::WrongWorld,
        message: message.into(),
    }
}

fn to_usize(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What compiled rules call a function that other modules call `INTERFACE#NAME`.
pub(crate) fn plain_name(name: &str) -> &str {
    if name == "cabi_realloc" {
        return interface::REALLOC;
    }
    if name.starts_with("cabi_post_") {
        return interface::RELEASE;
    }
    let function = name.rsplit_once('#').map_or(name, |(_, function)| function);
    if function == "[dtor]session" {
        return interface::CLOSE;
    }
    let mut exports = interface::EXPORTS.iter();
    exports
        .find(|export| export.wit_name == function)
        .map_or(name, |export| export.name)
}

fn exports_function(module: &[u8], names: &[&str]) -> Result<bool, StageFailure> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) =
            payload.map_err(|error| malformed(error.to_string()))?
        {
            for export in section {
                let export = export.map_err(|error| malformed(error.to_string()))?;
                if names.contains(&export.name) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// The module with its memory's maximum at most `memory_bytes`, so that the browser itself enforces the limit.
pub(crate) fn limit_memory(module: &[u8], memory_bytes: u64) -> Result<Vec<u8>, StageFailure> {
    let limit_pages = memory_bytes / PAGE_BYTES;
    let mut limited = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| malformed(error.to_string()))?;
        match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Memory(_) =
                        import.map_err(|error| malformed(error.to_string()))?.ty
                    {
                        return Err(wrong_world("its module imports its memory"));
                    }
                }
            }
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                for memory in section.clone() {
                    let memory = memory.map_err(|error| malformed(error.to_string()))?;
                    if memory.initial > limit_pages {
                        let message = format!(
                            "it starts with {} MiB of memory, its limit is {} MiB",
                            (memory.initial * PAGE_BYTES) >> 20,
                            memory_bytes >> 20
                        );
                        return Err(StageFailure {
                            kind: StageFailureKind::Memory,
                            message,
                        });
                    }
                    memories.memory(MemoryType {
                        minimum: memory.initial,
                        maximum: Some(
                            memory
                                .maximum
                                .unwrap_or(u64::MAX)
                                .min(limit_pages)
                                .min(65_536),
                        ),
                        memory64: memory.memory64,
                        shared: memory.shared,
                        page_size_log2: memory.page_size_log2,
                    });
                }
                limited.section(&memories);
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            limited.section(&RawSection {
                id,
                data: &module[to_usize(&range)],
            });
        }
    }
    Ok(limited.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused_by_kind() {
        assert_eq!(
            Interfaces::of(b"MZ").map_err(|e| e.kind),
            Err(StageFailureKind::Malformed)
        );
        assert_eq!(
            Interfaces::of(b"\0asm\x01\0\0\0").map_err(|e| e.message),
            Err("a core WebAssembly module, not a component".to_owned())
        );
        assert_eq!(
            Interfaces::of(b"\0asm\x0d\0\x01\0").map_err(|e| e.kind),
            Err(StageFailureKind::WrongWorld)
        );
        assert_eq!(
            Interfaces::of(b"\0asm\x0d\0\x01\0\x01\x7f").map_err(|e| e.kind),
            Err(StageFailureKind::Malformed)
        );
    }

    #[test]
    fn compiled_rules_have_plain_names() {
        let of_stage = |name: &str| format!("{STAGE}#{name}");
        for (name, plain) in [
            (of_stage("describe"), "describe"),
            (of_stage("[static]session.open"), "open"),
            (of_stage("[method]session.process"), "process"),
            (of_stage("[dtor]session"), "close"),
            (
                format!("{EXPLAIN}#process-with-reasons"),
                "process-with-reasons",
            ),
            (format!("cabi_post_{STAGE}#[static]session.open"), "release"),
            ("cabi_realloc".to_owned(), "realloc"),
            ("memory".to_owned(), "memory"),
        ] {
            assert_eq!(plain_name(&name), plain, "{name}");
        }
    }

    #[test]
    fn the_memory_limit_becomes_the_maximum() {
        let mut module = wasm_encoder::Module::new();
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 2,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        module.section(&memories);
        let limited = limit_memory(module.as_slice(), 4 * PAGE_BYTES).expect("it fits");
        // Section 5, three bytes: one memory, with a maximum, from 2 to 4 pages.
        assert_eq!(limited[8..], [5, 4, 1, 1, 2, 4]);
        let refused = limit_memory(module.as_slice(), PAGE_BYTES).map_err(|error| error.kind);
        assert_eq!(refused, Err(StageFailureKind::Memory));
    }
}
