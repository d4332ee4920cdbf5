//! Packs the linked module of `rule-runtime` for the code generator: no code that no helper reaches, no messages of
//! panics, bodies cut where indices stand so that copying them takes no decoding, and in place of the linker's notes
//! which static is needed where.

use super::Result;
use rulestage_module_parts::{Calls, Linked};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, Encode, Function, FunctionSection, Module};
use wasmparser::{
    BlockType, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload, ValType,
};

/// A piece of a function's body behind which stands an index, or its last piece.
struct Piece {
    bytes: Vec<u8>,
    index: Option<(Sort, u32)>,
}

/// What an index stands for, where code is copied elsewhere.
#[derive(Clone, Copy)]
enum Sort {
    Function = 1,
    /// As a signed number: the type of a block
    Type = 2,
    /// There is one: the stack pointer
    Global = 3,
}

/// The template in numbers of LEB128, and lists that start with their length:
///
/// - the types: parameters and results, as bytes
/// - how many functions are imported, the stack pointer's first value, the first address behind the static data
/// - the functions: type; pieces of the body, each with its bytes, what sort of index follows (0: none) and the
///   index; segments that they refer to. Those that no export reaches and those that only panic are a trap
/// - the exported functions: name, index
/// - the segments that are reached: address, bytes, the segments that they refer to.
pub(super) fn packed(linked: &[u8]) -> Result<Vec<u8>> {
    let linked = Linked::parse(linked, Calls::Direct)?;
    if let Some(name) = linked.imports.iter().find(|name| **name != "allocate") {
        return Err(format!("rule-runtime imports `{name}`").into());
    }
    let exports: Vec<(&str, u32)> = linked.exported_functions().collect();
    let helpers = exports.iter().map(|(_, function)| *function);
    let reached = linked.reached(helpers, &BTreeSet::new());
    let numbers: HashMap<u32, u32> = reached.segments.iter().copied().zip(0..).collect();
    let renumbered = |segments: &BTreeSet<u32>| -> Vec<u32> {
        segments.iter().map(|old| numbers[old]).collect()
    };

    let mut packed = Vec::new();
    linked.types.len().encode(&mut packed);
    for ty in &linked.types {
        value_types(ty, FuncType::params)
            .as_slice()
            .encode(&mut packed);
        value_types(ty, FuncType::results)
            .as_slice()
            .encode(&mut packed);
    }
    for number in [linked.n_imports(), stack_top(&linked)?, heap_base(&linked)?] {
        number.encode(&mut packed);
    }
    linked.bodies.len().encode(&mut packed);
    for (own, body) in linked.bodies.iter().enumerate() {
        linked.function_types[own].encode(&mut packed);
        let index = own as u32 + linked.n_imports();
        let is_code = reached.functions.contains(&index) && !linked.panics.contains(&index);
        let (body, segments) = if is_code {
            (
                pieces(body)?,
                renumbered(&linked.uses_of_function(own).segments),
            )
        } else {
            (vec![trap()], Vec::new())
        };
        body.len().encode(&mut packed);
        for Piece { bytes, index } in body {
            bytes.as_slice().encode(&mut packed);
            match index {
                Some((sort, index)) => {
                    (sort as u32).encode(&mut packed);
                    index.encode(&mut packed);
                }
                None => 0_u32.encode(&mut packed),
            }
        }
        write_list(&segments, &mut packed);
    }
    exports.len().encode(&mut packed);
    for (name, function) in &exports {
        name.encode(&mut packed);
        function.encode(&mut packed);
    }
    reached.segments.len().encode(&mut packed);
    for old in &reached.segments {
        let segment = &linked.segments[*old as usize];
        segment.address.encode(&mut packed);
        segment.bytes.encode(&mut packed);
        write_list(
            &renumbered(&linked.uses_of_segment(*old).segments),
            &mut packed,
        );
    }
    Ok(packed)
}

fn write_list(numbers: &[u32], out: &mut Vec<u8>) {
    numbers.len().encode(out);
    for number in numbers {
        number.encode(out);
    }
}

/// A body without locals that traps.
fn trap() -> Piece {
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    Piece {
        bytes: body.into_raw_body(),
        index: None,
    }
}

/// A body, with the linker's padding of numbers gone, cut at the indices in it.
fn pieces(body: &FunctionBody<'_>) -> Result<Vec<Piece>> {
    let mut code = CodeSection::new();
    RoundtripReencoder
        .parse_function_body(&mut code, body.clone())
        .map_err(|error: reencode::Error<Infallible>| error.to_string())?;
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut module = Module::new();
    module.section(&functions).section(&code);
    let module = module.finish();
    let mut body = None;
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::CodeSectionEntry(only) = payload? {
            body = Some(only);
        }
    }
    let body = body.ok_or("no body")?;
    let start = body.range().start;
    let bytes = |from: u64, to: u64| module[from as usize..to as usize].to_vec();
    let operators: Vec<_> = body
        .get_operators_reader()?
        .into_iter_with_offsets()
        .collect::<std::result::Result<_, _>>()?;
    let ends = operators.iter().skip(1).map(|(_, offset)| *offset);
    let mut pieces = Vec::new();
    let mut from = start;
    for ((operator, offset), end) in operators.iter().zip(ends.chain([body.range().end])) {
        let index = match operator {
            Operator::Call { function_index } => (Sort::Function, *function_index),
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                (Sort::Global, *global_index)
            }
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                match blockty {
                    BlockType::FuncType(index) => (Sort::Type, *index),
                    BlockType::Empty | BlockType::Type(_) => continue,
                }
            }
            Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::RefFunc { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. } => {
                return Err(format!("helpers can't be copied with {operator:?}").into());
            }
            _ => continue,
        };
        // An opcode of one byte, and the index.
        pieces.push(Piece {
            bytes: bytes(from, offset + 1),
            index: Some(index),
        });
        from = end;
    }
    pieces.push(Piece {
        bytes: bytes(from, body.range().end),
        index: None,
    });
    Ok(pieces)
}

/// The stack grows down from here.
fn stack_top(linked: &Linked<'_>) -> Result<u32> {
    Ok(*linked.globals.first().ok_or("no stack pointer")?)
}

/// The first address behind the static data.
fn heap_base(linked: &Linked<'_>) -> Result<u32> {
    let is_base = |kind, name: &str| matches!(kind, ExternalKind::Global) && name == "__heap_base";
    let mut exports = linked.exports.iter();
    let base = exports.find(|export| is_base(export.kind, export.name));
    let global = base.and_then(|base| linked.globals.get(base.index as usize));
    Ok(*global.ok_or("no heap base")?)
}

/// Parameters or results, each type as the format's byte.
fn value_types(ty: &FuncType, part: fn(&FuncType) -> &[ValType]) -> Vec<u8> {
    let byte = |ty: &ValType| match ty {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        other => unreachable!("helpers take numbers, not {other:?}"),
    };
    part(ty).iter().map(byte).collect()
}
