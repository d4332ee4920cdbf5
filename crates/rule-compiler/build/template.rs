//! Reduces the linked module of `rule-runtime` to what the code generator reads of it: no code that no helper
//! reaches, no messages of panics, and in place of the linker's notes which function and static needs which.

use super::Result;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, ConstExpr, CustomSection, DataSection, Encode, Function, Module};
use wasmparser::{
    DataKind, ExternalKind, FunctionBody, KnownCustom, Linking, Name, Operator, Parser, Payload,
    RelocationType, SymbolInfo,
};

/// The module that the linker wrote.
#[derive(Default)]
struct Linked<'a> {
    /// Sections that stay as they are
    sections: Vec<(u8, &'a [u8])>,
    n_imports: u32,
    bodies: Vec<FunctionBody<'a>>,
    exported: Vec<u32>,
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
    address: ConstExpr,
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

/// The reduced module. Its custom section `references` holds numbers in LEB128: for each function of its own
/// how many functions it calls and these, how many segments it refers to and these; then for each segment how
/// many segments it refers to and these.
pub(super) fn reduce(linked: &[u8]) -> Result<Vec<u8>> {
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
    for function in &linked.exported {
        linked.reach_function(*function, &by_function, &by_segment, &mut reached);
    }
    let own = |index: usize| index as u32 + linked.n_imports;
    let kept = |index: usize| reached.functions.contains(&own(index));
    let is_code = |index: usize| kept(index) && !linked.panics.contains(&own(index));

    let mut code = CodeSection::new();
    for (index, body) in linked.bodies.iter().enumerate() {
        if is_code(index) {
            RoundtripReencoder
                .parse_function_body(&mut code, body.clone())
                .map_err(|error: reencode::Error<Infallible>| error.to_string())?;
        } else {
            let mut body = Function::new([]);
            body.instructions().unreachable().end();
            code.function(&body);
        }
    }
    let new_segments: HashMap<u32, u32> = reached.segments.iter().copied().zip(0..).collect();
    let renumbered = |segments: &BTreeSet<u32>| -> Vec<u32> {
        segments.iter().map(|old| new_segments[old]).collect()
    };
    let mut data = DataSection::new();
    let mut notes = Vec::new();
    for (index, uses) in by_function.iter().enumerate() {
        let none = Uses::default();
        let uses = if is_code(index) { uses } else { &none };
        write_list(
            &uses.functions.iter().copied().collect::<Vec<_>>(),
            &mut notes,
        );
        write_list(&renumbered(&uses.segments), &mut notes);
    }
    for old in &reached.segments {
        let segment = &linked.segments[*old as usize];
        data.active(0, &segment.address, segment.bytes.iter().copied());
        write_list(&renumbered(&by_segment[*old as usize]), &mut notes);
    }

    let mut module = Module::new();
    for (id, bytes) in &linked.sections {
        module.section(&wasm_encoder::RawSection {
            id: *id,
            data: bytes,
        });
    }
    module.section(&code).section(&data);
    module.section(&CustomSection {
        name: "references".into(),
        data: notes.into(),
    });
    Ok(module.finish())
}

fn write_list(numbers: &[u32], out: &mut Vec<u8>) {
    numbers.len().encode(out);
    for number in numbers {
        number.encode(out);
    }
}

impl<'a> Linked<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut linked = Self::default();
        let mut code_start = 0;
        let mut data_start = 0;
        let mut symbols: Vec<Option<u32>> = Vec::new();
        let mut relocations: HashMap<String, Vec<Reference>> = HashMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            // Helpers use no table, and the generated module has a memory of its own.
            if let Some((id, range)) = payload.as_section()
                && matches!(
                    payload,
                    Payload::TypeSection(_)
                        | Payload::ImportSection(_)
                        | Payload::FunctionSection(_)
                        | Payload::MemorySection(_)
                        | Payload::GlobalSection(_)
                        | Payload::ExportSection(_)
                )
            {
                let range = range.start as usize..range.end as usize;
                linked.sections.push((id, &bytes[range]));
            }
            match payload {
                Payload::ImportSection(section) => {
                    linked.n_imports = section.into_imports().count() as u32;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            linked.exported.push(export.index);
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
                            address: offset_expr.try_into().map_err(|_| "an odd address")?,
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
