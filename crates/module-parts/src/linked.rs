//! What reaches what in a module that the linker left its notes in (`--emit-relocs`), with each static in a segment of
//! its own (`--no-merge-data-segments`) and with names.

use crate::Result;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use wasmparser::{
    ConstExpr, DataKind, Export, ExternalKind, FuncType, FunctionBody, KnownCustom, Linking,
    LinkingSectionReader, Name, NameSectionReader, Operator, Parser, Payload, RelocationType,
    SymbolInfo,
};

/// A linked module. Functions are numbered as in the module, own ones behind those that are imported; segments from 0.
#[derive(Default)]
pub struct Linked<'a> {
    /// Parameters and results
    pub types: Vec<FuncType>,
    /// The names of the imported functions
    pub imports: Vec<&'a str>,
    /// The types of own functions
    pub function_types: Vec<u32>,
    /// The code of own functions
    pub bodies: Vec<FunctionBody<'a>>,
    /// The first values of globals
    pub globals: Vec<u32>,
    /// Functions and what else is exported
    pub exports: Vec<Export<'a>>,
    /// The statics
    pub segments: Vec<Segment<'a>>,
    /// Own functions that only panic
    pub panics: BTreeSet<u32>,
    /// What own functions refer to
    by_function: Vec<Uses>,
    /// What statics refer to
    by_segment: Vec<Uses>,
    /// Functions that statics hold, with the offset in the file
    held: Vec<(u64, u32)>,
    /// The names of statics and their segments
    statics: Vec<(&'a str, u32)>,
}

/// A static: the linker was told to leave each in a segment of its own.
pub struct Segment<'a> {
    /// Where it stands in memory
    pub address: u32,
    /// Its bytes
    pub bytes: &'a [u8],
    /// Where these stand in the file
    range: Range<u64>,
}

/// Functions and segments.
#[derive(Debug, Default, Clone)]
pub struct Uses {
    /// Functions that are called, or whose address is taken
    pub functions: BTreeSet<u32>,
    /// Statics whose address is taken
    pub segments: BTreeSet<u32>,
}

/// How a module calls its functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// By their names alone: that something holds the address of a function means nothing
    Direct,
    /// Through the table, too
    Indirect,
}

/// What a note of the linker stands for.
#[derive(Clone, Copy)]
enum Target {
    Function(u32),
    Segment(u32),
}

/// An offset in the file, and what stands there.
type Reference = (u64, Target);

impl<'a> Linked<'a> {
    /// Reads the module and the linker's notes.
    ///
    /// # Errors
    /// It is malformed, or imports something other than functions.
    pub fn parse(bytes: &'a [u8], calls: Calls) -> Result<Self> {
        let mut linked = Self::default();
        let (mut code_start, mut data_start) = (0, 0);
        let mut symbols: Vec<Option<Target>> = Vec::new();
        let mut notes: HashMap<String, Vec<(u64, u32)>> = HashMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        linked.types.push(ty?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        linked.imports.push(import?.name);
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
                    linked.exports = section.into_iter().collect::<std::result::Result<_, _>>()?;
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
                            return Err("a passive segment in a linked module".into());
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
                    KnownCustom::Linking(linking) => symbols = linked.symbols(linking)?,
                    KnownCustom::Reloc(relocations) => {
                        let mut found = Vec::new();
                        for entry in relocations.entries() {
                            let entry = entry?;
                            if is_address(entry.ty, calls) {
                                found.push((u64::from(entry.offset), entry.index));
                            }
                        }
                        notes.insert(section.name().to_owned(), found);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        let mut references = |name: &str, section_start: u64| {
            let notes = notes.remove(name).unwrap_or_default().into_iter();
            let mut found: Vec<Reference> = notes
                .filter_map(|(offset, symbol)| {
                    let target = symbols.get(symbol as usize).copied().flatten()?;
                    Some((section_start + offset, target))
                })
                .collect();
            found.sort_unstable_by_key(|(offset, _)| *offset);
            found
        };
        let in_code = references("reloc.CODE", code_start);
        let in_data = references("reloc.DATA", data_start);
        linked.by_function = (0..linked.bodies.len())
            .map(|own| linked.uses_of_body(own, &in_code))
            .collect::<Result<_>>()?;
        for segment in &linked.segments {
            let mut uses = Uses::default();
            for (offset, target) in standing_in(&in_data, &segment.range) {
                uses.add(*target);
                if let Target::Function(function) = target {
                    linked.held.push((*offset, *function));
                }
            }
            linked.by_segment.push(uses);
        }
        Ok(linked)
    }

    /// How many functions are imported.
    pub fn n_imports(&self) -> u32 {
        self.imports.len() as u32
    }

    /// What an own function refers to, by its place among these. The arguments of a panic do not count.
    pub fn uses_of_function(&self, own: usize) -> &Uses {
        &self.by_function[own]
    }

    /// What a static refers to.
    pub fn uses_of_segment(&self, segment: u32) -> &Uses {
        &self.by_segment[segment as usize]
    }

    /// The functions that hosts call.
    pub fn exported_functions(&self) -> impl Iterator<Item = (&'a str, u32)> {
        let exports = self.exports.iter();
        exports
            .filter(|export| matches!(export.kind, ExternalKind::Func))
            .map(|export| (export.name, export.index))
    }

    /// What functions reach without going through `closed` ones. What panics reaches nothing.
    pub fn reached(&self, roots: impl IntoIterator<Item = u32>, closed: &BTreeSet<u32>) -> Uses {
        let mut reached = Uses::default();
        let mut open: Vec<Target> = roots.into_iter().map(Target::Function).collect();
        while let Some(target) = open.pop() {
            let uses = match target {
                Target::Function(function) => {
                    let Some(own) = function.checked_sub(self.n_imports()) else {
                        continue;
                    };
                    if closed.contains(&function)
                        || !reached.functions.insert(function)
                        || self.panics.contains(&function)
                    {
                        continue;
                    }
                    self.uses_of_function(own as usize)
                }
                Target::Segment(segment) => {
                    if !reached.segments.insert(segment) {
                        continue;
                    }
                    self.uses_of_segment(segment)
                }
            };
            open.extend(uses.functions.iter().copied().map(Target::Function));
            open.extend(uses.segments.iter().copied().map(Target::Segment));
        }
        reached
    }

    /// The functions in a static that is named so, in their order.
    ///
    /// # Errors
    /// There is not one such static.
    pub fn functions_in(&self, name: &str) -> Result<Vec<u32>> {
        let mut named: Vec<u32> = self
            .statics
            .iter()
            .filter(|(known, _)| known.contains(name))
            .map(|(_, segment)| *segment)
            .collect();
        named.dedup();
        let [segment] = named.as_slice() else {
            return Err(format!("{} statics are named `{name}`", named.len()).into());
        };
        let range = &self.segments[*segment as usize].range;
        let held = self
            .held
            .iter()
            .filter(|(offset, _)| range.contains(offset));
        Ok(held.map(|(_, function)| *function).collect())
    }

    fn uses_of_body(&self, own: usize, in_code: &[Reference]) -> Result<Uses> {
        let mut uses = Uses::default();
        let mut pushed: Vec<Target> = Vec::new();
        let body = &self.bodies[own];
        let operators: Vec<_> = body
            .get_operators_reader()?
            .into_iter_with_offsets()
            .collect::<std::result::Result<_, _>>()?;
        let ends = operators.iter().skip(1).map(|(_, start)| *start);
        for ((operator, start), end) in operators.iter().zip(ends.chain([body.range().end])) {
            let standing = standing_in(in_code, &(*start..end));
            pushed.extend(standing.map(|(_, target)| *target));
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
            pushed.drain(..).for_each(|target| uses.add(target));
        }
        Ok(uses)
    }

    /// What each symbol stands for, where it is a function of the module or data.
    fn symbols(&mut self, linking: LinkingSectionReader<'a>) -> Result<Vec<Option<Target>>> {
        let mut symbols = Vec::new();
        for subsection in linking.subsections() {
            if let Linking::SymbolTable(table) = subsection? {
                for symbol in table {
                    symbols.push(match symbol? {
                        SymbolInfo::Data { name, symbol, .. } => symbol.map(|data| {
                            self.statics.push((name, data.index));
                            Target::Segment(data.index)
                        }),
                        SymbolInfo::Func { index, .. } => Some(Target::Function(index)),
                        _ => None,
                    });
                }
            }
        }
        Ok(symbols)
    }
}

impl Uses {
    fn add(&mut self, target: Target) {
        match target {
            Target::Function(function) => self.functions.insert(function),
            Target::Segment(segment) => self.segments.insert(segment),
        };
    }
}

/// The references in a range of the file.
fn standing_in<'r>(
    all: &'r [Reference],
    range: &Range<u64>,
) -> impl Iterator<Item = &'r Reference> + use<'r> {
    let start = all.partition_point(|(offset, _)| *offset < range.start);
    let end = range.end;
    all[start..]
        .iter()
        .take_while(move |(offset, _)| *offset < end)
}

fn constant(expression: &ConstExpr<'_>) -> Result<u32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value as u32),
        other => Err(format!("expected a constant, found {other:?}").into()),
    }
}

/// Of a static or, as a place in the table, of a function that is called so. Calls by name stand in the code.
fn is_address(ty: RelocationType, calls: Calls) -> bool {
    match ty {
        RelocationType::MemoryAddrLeb
        | RelocationType::MemoryAddrSleb
        | RelocationType::MemoryAddrI32 => true,
        RelocationType::TableIndexSleb | RelocationType::TableIndexI32 => calls == Calls::Indirect,
        _ => false,
    }
}

/// The functions that belong to `core::panicking` or fail a bounds check; those that count panics don't.
fn panicking_functions(names: NameSectionReader<'_>) -> Result<BTreeSet<u32>> {
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
                let is_one = PANICKING.iter().any(|part| naming.name.contains(part));
                if is_one && !naming.name.contains("panic_count") {
                    panics.insert(naming.index);
                }
            }
        }
    }
    Ok(panics)
}
