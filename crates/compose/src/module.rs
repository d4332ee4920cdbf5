//! Models as data of the engine's core module.

use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, DataSegment, DataSegmentMode, MemorySection,
    MemoryType, Module, RawSection,
};
use wasmparser::{ExternalKind, Operator, Parser, Payload};

use crate::{ComposeError, ComposeErrorKind};

/// What the engine exports for us: the address of the models' address and size.
const SLOT: &str = "RULESTAGE_MODELS";
const PAGE_BYTES: u64 = 65_536;

/// The engine with these models inside, by name. It had none before.
pub fn with_models(engine: &[u8], models: &[(&str, &[u8])]) -> Result<Vec<u8>, ComposeError> {
    let mut out = Vec::with_capacity(engine.len());
    let mut copied = 0;
    let mut depth = 0_usize;
    let mut found = false;
    for payload in Parser::new(0).parse_all(engine) {
        match payload? {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                let range = unchecked_range.start as usize..unchecked_range.end as usize;
                let module = engine.get(range.clone()).ok_or_else(not_an_engine)?;
                if depth == 0
                    && let Some(slot) = slot_address(module)?
                {
                    found = true;
                    let module = add_models(module, slot, models)?;
                    // The section's size stands before the module, as LEB128 of unknown length: go back to its id.
                    let size_at = range.start - leb_len(range.len());
                    out.extend_from_slice(engine.get(copied..size_at).ok_or_else(not_an_engine)?);
                    leb(&mut out, module.len());
                    out.extend_from_slice(&module);
                    copied = range.end;
                }
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if !found {
        return Err(not_an_engine());
    }
    out.extend_from_slice(engine.get(copied..).unwrap_or_default());
    Ok(out)
}

fn not_an_engine() -> ComposeError {
    ComposeError::new(
        ComposeErrorKind::NotAnEngine,
        format!("the component is no engine: none of its modules exports `{SLOT}`"),
    )
}

/// The bytes of a number in LEB128.
fn leb(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn leb_len(number: usize) -> usize {
    let mut bytes = Vec::new();
    leb(&mut bytes, number);
    bytes.len()
}

/// The value of the exported global, where there is one.
fn slot_address(module: &[u8]) -> Result<Option<u32>, ComposeError> {
    let (mut values, mut exported, mut imported) = (Vec::new(), None, 0_usize);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if matches!(import?.ty, wasmparser::TypeRef::Global(_)) {
                        imported += 1;
                    }
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let first = global?.init_expr.get_operators_reader().read()?;
                    values.push(match first {
                        Operator::I32Const { value } => Some(value as u32),
                        _ => None,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.name == SLOT && export.kind == ExternalKind::Global {
                        exported = Some(export.index as usize);
                    }
                }
            }
            _ => {}
        }
    }
    let index = exported.and_then(|index| index.checked_sub(imported));
    Ok(index.and_then(|index| values.get(index).copied().flatten()))
}

/// The module with a larger memory, and segments with the models at its old end and their place in the slot.
fn add_models(module: &[u8], slot: u32, models: &[(&str, &[u8])]) -> Result<Vec<u8>, ComposeError> {
    let archive = archive(models)?;
    let mut out = Module::new();
    let mut at = 0_u64;
    let mut is_done = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                for memory in section.clone() {
                    let memory = memory?;
                    at = memory.initial * PAGE_BYTES;
                    let minimum = (at + archive.len() as u64).div_ceil(PAGE_BYTES);
                    if minimum > memory.maximum.unwrap_or(PAGE_BYTES) {
                        return Err(too_large(archive.len()));
                    }
                    memories.memory(MemoryType {
                        minimum,
                        maximum: memory.maximum,
                        memory64: memory.memory64,
                        shared: memory.shared,
                        page_size_log2: memory.page_size_log2,
                    });
                }
                out.section(&memories);
                continue;
            }
            Payload::DataCountSection { count, .. } => {
                out.section(&DataCountSection { count: count + 2 });
                continue;
            }
            Payload::DataSection(section) => {
                let mut data = DataSection::new();
                for segment in section.clone() {
                    data.raw(&module[to_usize(&segment?.range)]);
                }
                let place = [
                    (at as u32).to_le_bytes(),
                    (archive.len() as u32).to_le_bytes(),
                ];
                let offsets = [at as u32, slot];
                for (offset, bytes) in offsets.iter().zip([&archive, &place.concat()]) {
                    data.segment(DataSegment {
                        mode: DataSegmentMode::Active {
                            memory_index: 0,
                            offset: &ConstExpr::i32_const(*offset as i32),
                        },
                        data: bytes.iter().copied(),
                    });
                }
                out.section(&data);
                is_done = true;
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let data = &module[to_usize(&range)];
            out.section(&RawSection { id, data });
        }
    }
    match is_done {
        true => Ok(out.finish()),
        false => Err(not_an_engine()),
    }
}

fn to_usize(range: &std::ops::Range<u64>) -> std::ops::Range<usize> {
    range.start as usize..range.end as usize
}

fn too_large(size: usize) -> ComposeError {
    ComposeError::new(
        ComposeErrorKind::TooLarge,
        format!("models of {size} bytes don't fit into the 4 GiB that a component can address"),
    )
}

/// Name and file of each model, each after its length.
fn archive(models: &[(&str, &[u8])]) -> Result<Vec<u8>, ComposeError> {
    let mut archive = Vec::new();
    for (name, file) in models {
        for bytes in [name.as_bytes(), file] {
            let len = u32::try_from(bytes.len()).map_err(|_| too_large(bytes.len()))?;
            archive.extend_from_slice(&len.to_le_bytes());
            archive.extend_from_slice(bytes);
        }
    }
    Ok(archive)
}
