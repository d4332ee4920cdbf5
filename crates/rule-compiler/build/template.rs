//! Packs the linked module of `rule-runtime` for the code generator: no code that no helper reaches, no messages of
//! panics, bodies cut where indices stand so that copying them takes no decoding, and in place of the linker's notes
//! which static is needed where.

use super::Result;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, Encode, Function, FunctionSection, Module};
use wasmparser::{
    BlockType, DataKind, ExternalKind, FunctionBody, KnownCustom, Linking, Name, Operator, Parser,
    Payload, RelocationType, SymbolInfo,
};

/// The module that the linker wrote.
#[derive(Default)]
struct Linked<'a> {
    /// Parameters and results, each type as the format's byte
    types: Vec<(Vec<u8>, Vec<u8>)>,
    n_imports: u32,
    function_types: Vec<u32>,
    bodies: Vec<FunctionBody<'a>>,
    globals: Vec<u32>,
    heap_base: u32,
    exports: Vec<(&'a str, u32)>,
    segments: Vec<Segment<'a>>,
    /// Own functions that only panic
    panics: BTreeSet<u32>,
    /// Where code holds the address of a static: offset in the file and segment, in order
    code_references: Vec<Reference>,
    /// The same for statics
    data_references: Vec<Reference>,
}

type Reference = (u64, u32);

/// A static: the linker was told to leave each in a segment of its own.
struct Segment<'a> {
    address: u32,
    bytes: &'a [u8],
    /// Where the bytes stand in the file
    range: Range<u64>,
}

/// What a function or static refers to.
#[derive(Default, Clone)]
struct Uses {
    functions: BTreeSet<u32>,
    segments: BTreeSet<u32>,
}

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
    let linked = Linked::parse(linked)?;
    let by_function: Vec<Uses> = (0..linked.bodies.len())
        .map(|own| linked.uses_of_function(own))
        .collect::<Result<_>>()?;
    let by_segment: Vec<BTreeSet<u32>> = linked
        .segments
        .iter()
        .map(|segment| references(&linked.data_references, &segment.range).collect())
        .collect();
    let mut reached = Uses::default();
    for (_, function) in &linked.exports {
        linked.reach_function(*function, &by_function, &by_segment, &mut reached);
    }
    let numbers: HashMap<u32, u32> = reached.segments.iter().copied().zip(0..).collect();
    let renumbered = |segments: &BTreeSet<u32>| -> Vec<u32> {
        segments.iter().map(|old| numbers[old]).collect()
    };

    let mut packed = Vec::new();
    linked.types.len().encode(&mut packed);
    for (params, results) in &linked.types {
        params.as_slice().encode(&mut packed);
        results.as_slice().encode(&mut packed);
    }
    for number in [linked.n_imports, linked.stack_top()?, linked.heap_base] {
        number.encode(&mut packed);
    }
    linked.bodies.len().encode(&mut packed);
    for (own, (body, uses)) in linked.bodies.iter().zip(&by_function).enumerate() {
        linked.function_types[own].encode(&mut packed);
        let index = own as u32 + linked.n_imports;
        let is_code = reached.functions.contains(&index) && !linked.panics.contains(&index);
        let (body, segments) = if is_code {
            (pieces(body)?, renumbered(&uses.segments))
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
    linked.exports.len().encode(&mut packed);
    for (name, function) in &linked.exports {
        name.encode(&mut packed);
        function.encode(&mut packed);
    }
    reached.segments.len().encode(&mut packed);
    for old in &reached.segments {
        let segment = &linked.segments[*old as usize];
        segment.address.encode(&mut packed);
        segment.bytes.encode(&mut packed);
        write_list(&renumbered(&by_segment[*old as usize]), &mut packed);
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

impl<'a> Linked<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut linked = Self::default();
        let mut code_start = 0;
        let mut data_start = 0;
        let mut symbols: Vec<Option<u32>> = Vec::new();
        let mut relocations: HashMap<String, Vec<Reference>> = HashMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        let ty = ty?;
                        let bytes = |types: &[wasmparser::ValType]| {
                            types.iter().map(|ty| value_type(*ty)).collect()
                        };
                        let ty = (bytes(ty.params()), bytes(ty.results()));
                        linked.types.push(ty);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let name = import?.name;
                        if name != "allocate" {
                            return Err(format!("rule-runtime imports `{name}`").into());
                        }
                        linked.n_imports += 1;
                    }
                }
                Payload::FunctionSection(section) => {
                    linked.function_types =
                        section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        linked.globals.push(constant(&global?.init_expr)?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        match export.kind {
                            ExternalKind::Func => linked.exports.push((export.name, export.index)),
                            ExternalKind::Global if export.name == "__heap_base" => {
                                linked.heap_base = *linked
                                    .globals
                                    .get(export.index as usize)
                                    .ok_or("no such global")?;
                            }
                            _ => {}
                        }
                    }
                }
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => code_start = unchecked_range.start,
                Payload::CodeSectionEntry(body) => linked.bodies.push(body),
                Payload::DataSection(section) => {
                    data_start = section.range().start;
                    for segment in section {
                        let segment = segment?;
                        let DataKind::Active { offset_expr, .. } = segment.kind else {
                            return Err("a passive segment in the template".into());
                        };
                        let end = segment.range.end;
                        linked.segments.push(Segment {
                            address: constant(&offset_expr)?,
                            bytes: segment.data,
                            range: end - segment.data.len() as u64..end,
                        });
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Name(names) => linked.panics = panicking_functions(names)?,
                    KnownCustom::Linking(linking) => symbols = data_symbols(linking)?,
                    KnownCustom::Reloc(section_relocations) => {
                        let mut found = Vec::new();
                        for entry in section_relocations.entries() {
                            let entry = entry?;
                            if is_address(entry.ty) {
                                found.push((u64::from(entry.offset), entry.index));
                            }
                        }
                        relocations.insert(section.name().to_owned(), found);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        let mut references = |name: &str, section_start: u64| {
            let mut found: Vec<Reference> = relocations
                .remove(name)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|(offset, symbol)| {
                    let segment = symbols.get(symbol as usize).copied().flatten()?;
                    Some((section_start + offset, segment))
                })
                .collect();
            found.sort_unstable();
            found
        };
        linked.code_references = references("reloc.CODE", code_start);
        linked.data_references = references("reloc.DATA", data_start);
        Ok(linked)
    }

    /// The stack grows down from here.
    fn stack_top(&self) -> Result<u32> {
        Ok(*self.globals.first().ok_or("no stack pointer")?)
    }

    /// The functions that a body calls and the statics it refers to. The arguments of a panic do not count.
    fn uses_of_function(&self, own: usize) -> Result<Uses> {
        let mut uses = Uses::default();
        let mut pushed: Vec<u32> = Vec::new();
        let body = &self.bodies[own];
        let operators: Vec<_> = body
            .get_operators_reader()?
            .into_iter_with_offsets()
            .collect::<std::result::Result<_, _>>()?;
        let ends = operators.iter().skip(1).map(|(_, start)| *start);
        for ((operator, start), end) in operators.iter().zip(ends.chain([body.range().end])) {
            pushed.extend(references(&self.code_references, &(*start..end)));
            if matches!(
                operator,
                Operator::I32Const { .. } | Operator::LocalGet { .. }
            ) {
                continue;
            }
            if let Operator::Call { function_index } = operator {
                uses.functions.insert(*function_index);
                if self.panics.contains(function_index) {
                    pushed.clear();
                }
            }
            uses.segments.extend(pushed.drain(..));
        }
        Ok(uses)
    }

    fn reach_function(
        &self,
        function: u32,
        by_function: &[Uses],
        by_segment: &[BTreeSet<u32>],
        reached: &mut Uses,
    ) {
        let Some(own) = function.checked_sub(self.n_imports) else {
            return;
        };
        if !reached.functions.insert(function) || self.panics.contains(&function) {
            return;
        }
        let uses = &by_function[own as usize];
        for callee in &uses.functions {
            self.reach_function(*callee, by_function, by_segment, reached);
        }
        for segment in &uses.segments {
            reach_segment(*segment, by_segment, reached);
        }
    }
}

fn reach_segment(segment: u32, by_segment: &[BTreeSet<u32>], reached: &mut Uses) {
    if reached.segments.insert(segment) {
        for referred in &by_segment[segment as usize] {
            reach_segment(*referred, by_segment, reached);
        }
    }
}

/// The segments whose addresses stand in this range of the file.
fn references(all: &[Reference], range: &Range<u64>) -> impl Iterator<Item = u32> {
    let start = all.partition_point(|(offset, _)| *offset < range.start);
    all[start..]
        .iter()
        .take_while({
            let end = range.end;
            move |(offset, _)| *offset < end
        })
        .map(|(_, segment)| *segment)
}

fn value_type(ty: wasmparser::ValType) -> u8 {
    match ty {
        wasmparser::ValType::I32 => 0x7f,
        wasmparser::ValType::I64 => 0x7e,
        wasmparser::ValType::F32 => 0x7d,
        wasmparser::ValType::F64 => 0x7c,
        other => unreachable!("helpers take numbers, not {other:?}"),
    }
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<u32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value as u32),
        other => Err(format!("expected a constant, found {other:?}").into()),
    }
}

/// The segment of each symbol that stands for data.
fn data_symbols(linking: wasmparser::LinkingSectionReader<'_>) -> Result<Vec<Option<u32>>> {
    let mut symbols = Vec::new();
    for subsection in linking.subsections() {
        if let Linking::SymbolTable(table) = subsection? {
            for symbol in table {
                symbols.push(match symbol? {
                    SymbolInfo::Data { symbol, .. } => symbol.map(|data| data.index),
                    _ => None,
                });
            }
        }
    }
    Ok(symbols)
}

fn is_address(ty: RelocationType) -> bool {
    matches!(
        ty,
        RelocationType::MemoryAddrLeb
            | RelocationType::MemoryAddrSleb
            | RelocationType::MemoryAddrI32
    )
}

/// The functions that belong to `core::panicking` or fail a bounds check.
fn panicking_functions(names: wasmparser::NameSectionReader<'_>) -> Result<BTreeSet<u32>> {
    const PANICKING: [&str; 4] = [
        "panicking",
        "slice_index_fail",
        "panic_handler",
        "begin_unwind",
    ];
    let mut panics = BTreeSet::new();
    for name in names {
        if let Name::Function(functions) = name? {
            for naming in functions {
                let naming = naming?;
                if PANICKING.iter().any(|part| naming.name.contains(part)) {
                    panics.insert(naming.index);
                }
            }
        }
    }
    Ok(panics)
}
