//! Two components as one, and one as two.

use std::ops::Range;

use wasm_encoder::{
    ComponentAliasSection, ComponentExportKind, ComponentExportSection, ComponentInstanceSection,
    ComponentSection, ComponentSectionId, Encode,
};
use wasmparser::{Parser, Payload};

use crate::{ComposeError, ComposeErrorKind, INTERFACES, STAGE};

/// The two components of a joined one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Exports `wasi:nn`
    pub engine: &'a [u8],
    /// Imports it
    pub stage: &'a [u8],
}

/// What a component imports and exports at its surface.
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// One component in which `engine` serves `stage`; it imports nothing and exports what the stage does.
///
/// Fails where the stage is no stage or imports something that the engine does not export.
pub fn join(engine: &[u8], stage: &[u8]) -> Result<Vec<u8>, ComposeError> {
    let outside = Surface::of(stage)?;
    if !outside.exports.iter().any(|name| name == STAGE) {
        return Err(ComposeError::new(
            ComposeErrorKind::NotAStage,
            format!("the component is no stage: it doesn't export `{STAGE}`"),
        ));
    }
    let inside = Surface::of(engine)?;
    if !inside.imports.is_empty() || INTERFACES.iter().any(|name| !inside.exports(name)) {
        return Err(ComposeError::new(
            ComposeErrorKind::NotAnEngine,
            "the component is no engine: it has to export all of `wasi:nn` and to import nothing",
        ));
    }
    if outside.imports.is_empty() {
        return Err(ComposeError::new(
            ComposeErrorKind::NotAStage,
            "the stage imports nothing, so there is nothing for an engine to do",
        ));
    }
    if let Some(other) = outside.imports.iter().find(|name| !inside.exports(name)) {
        return Err(ComposeError::new(
            ComposeErrorKind::NotAStage,
            format!("the stage imports `{other}`, which the engine doesn't have"),
        ));
    }
    Ok(encode(engine, stage, &outside))
}

impl<'a> Parts<'a> {
    /// The parts of a component that [`join`] made; `None` for any other.
    pub fn of(component: &'a [u8]) -> Option<Self> {
        let mut nested: Vec<Range<usize>> = Vec::new();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::ComponentSection {
                    unchecked_range, ..
                } => {
                    if depth == 0 {
                        let range = unchecked_range.start as usize..unchecked_range.end as usize;
                        nested.push(range);
                    }
                    depth += 1;
                }
                Payload::ModuleSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        let [engine, stage] = nested.as_slice() else {
            return None;
        };
        let engine = component.get(engine.clone())?;
        let stage = component.get(stage.clone())?;
        let again = join(engine, stage).ok()?;
        (again == component).then_some(Self { engine, stage })
    }
}

impl Surface {
    fn exports(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export == name)
    }

    fn of(component: &[u8]) -> Result<Self, ComposeError> {
        if !Parser::is_component(component) {
            return Err(ComposeError::new(
                ComposeErrorKind::Malformed,
                "not a WebAssembly component",
            ));
        }
        let mut surface = Self {
            imports: Vec::new(),
            exports: Vec::new(),
        };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        surface.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }
}

/// A component inside another, as it is.
struct Nested<'a>(&'a [u8]);

impl Encode for Nested<'_> {
    fn encode(&self, sink: &mut Vec<u8>) {
        self.0.encode(sink);
    }
}

impl ComponentSection for Nested<'_> {
    fn id(&self) -> u8 {
        ComponentSectionId::Component.into()
    }
}

/// Component 0 is the engine, component 1 the stage; instance 0 the engine, then what the stage takes of it,
/// then the stage, then what it exports.
fn encode(engine: &[u8], stage: &[u8], outside: &Surface) -> Vec<u8> {
    use wasm_encoder::Alias;

    let mut component = wasm_encoder::Component::new();
    component.section(&Nested(engine)).section(&Nested(stage));
    let mut engines = ComponentInstanceSection::new();
    engines.instantiate(0, Vec::<(&str, ComponentExportKind, u32)>::new());
    component.section(&engines);

    let instance_export = |instance, name| Alias::InstanceExport {
        instance,
        kind: ComponentExportKind::Instance,
        name,
    };
    let mut taken = ComponentAliasSection::new();
    for name in &outside.imports {
        taken.alias(instance_export(0, name));
    }
    component.section(&taken);

    let arguments = outside.imports.iter().zip(1..);
    let arguments =
        arguments.map(|(name, index)| (name.as_str(), ComponentExportKind::Instance, index));
    let mut stages = ComponentInstanceSection::new();
    stages.instantiate(1, arguments.collect::<Vec<_>>());
    component.section(&stages);

    let stage_instance = outside.imports.len() as u32 + 1;
    let mut given = ComponentAliasSection::new();
    let mut exports = ComponentExportSection::new();
    for (name, index) in outside.exports.iter().zip(stage_instance + 1..) {
        given.alias(instance_export(stage_instance, name));
        exports.export(name.as_str(), ComponentExportKind::Instance, index, None);
    }
    component.section(&given).section(&exports);
    component.finish()
}
