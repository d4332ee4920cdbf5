//! The template module of `rule-runtime`, parsed once: types, functions, static data, and which refers to what.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use wasm_encoder::ValType;
use wasmparser::{
    BinaryReaderError, ExternalKind, FunctionBody, KnownCustom, Linking, Name, Operator, Parser,
    Payload, RelocationType, SymbolInfo,
};

static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rule_runtime.wasm"));

/// The parsed template.
pub(crate) struct Template {
    pub(super) types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// How many functions are imported: each is the allocator of the row's memory
    pub(super) n_imports: u32,
    /// Type of each function of its own
    pub(super) function_types: Vec<u32>,
    pub(super) bodies: Vec<FunctionBody<'static>>,
    pub(super) exports: HashMap<&'static str, u32>,
    /// Own functions that only panic; replaced by a trap, so that message formatting is left behind
    pub(super) panics: Vec<bool>,
    /// Initial value of the stack pointer: the stack grows down from here
    pub(crate) stack_top: u32,
    /// Static data; each static has a segment of its own
    pub(super) segments: Vec<Segment>,
    /// Where code holds an address of static data: offset in the file and segment, in order
    code_references: Vec<(u64, u32)>,
    /// First address behind the static data
    pub(crate) heap_base: u32,
}

/// A static.
pub(super) struct Segment {
    pub(super) address: u32,
    pub(super) bytes: &'static [u8],
    /// The segments whose addresses it holds
    pub(super) references: Vec<u32>,
}

/// Places that hold addresses, as the linker notes them: offset in a section, symbol.
type Relocations = Vec<(u64, u32)>;

impl Template {
    /// The template of this compiler.
    pub(crate) fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| match Self::parse(BYTES) {
            Ok(template) => template,
            Err(error) => unreachable!("the template was made by this crate's build: {error}"),
        })
    }

    fn parse(bytes: &'static [u8]) -> Result<Self, BinaryReaderError> {
        let mut template = Self {
            types: Vec::new(),
            n_imports: 0,
            function_types: Vec::new(),
            bodies: Vec::new(),
            exports: HashMap::new(),
            panics: Vec::new(),
            stack_top: 0,
            segments: Vec::new(),
            code_references: Vec::new(),
            heap_base: 0,
        };
        let mut globals = Vec::new();
        let mut heap_base = None;
        let mut code_start = 0;
        let mut data_start = 0;
        let mut data_ranges: Vec<Range<u64>> = Vec::new();
        let mut symbols: Vec<Option<u32>> = Vec::new();
        let mut relocations: HashMap<String, Relocations> = HashMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        let ty = ty?;
                        template.types.push((
                            ty.params().iter().map(|ty| val_type(*ty)).collect(),
                            ty.results().iter().map(|ty| val_type(*ty)).collect(),
                        ));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        assert_eq!(import?.name, "allocate", "an import of rule-runtime");
                        template.n_imports += 1;
                    }
                }
                Payload::FunctionSection(section) => {
                    template.function_types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        globals.push(constant(&global?.init_expr)?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        match export.kind {
                            ExternalKind::Func => {
                                template.exports.insert(export.name, export.index);
                            }
                            ExternalKind::Global if export.name == "__heap_base" => {
                                heap_base = Some(export.index)
                            }
                            _ => {}
                        }
                    }
                }
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => code_start = unchecked_range.start,
                Payload::CodeSectionEntry(body) => template.bodies.push(body),
                Payload::DataSection(section) => {
                    data_start = section.range().start;
                    for segment in section {
                        let segment = segment?;
                        if let wasmparser::DataKind::Active { offset_expr, .. } = segment.kind {
                            let end = segment.range.end;
                            data_ranges.push(end - segment.data.len() as u64..end);
                            template.segments.push(Segment {
                                address: constant(&offset_expr)?,
                                bytes: segment.data,
                                references: Vec::new(),
                            });
                        }
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Name(names) => {
                        template.panics = panicking_functions(
                            names,
                            template.n_imports,
                            template.function_types.len(),
                        )?;
                    }
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
        template.panics.resize(template.function_types.len(), false);
        template.stack_top = globals.first().copied().unwrap_or_default();
        template.heap_base = heap_base
            .and_then(|index| globals.get(index as usize).copied())
            .unwrap_or_default();
        let mut references = |name: &str, section_start: u64| {
            let mut found: Vec<(u64, u32)> = relocations
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
        template.code_references = references("reloc.CODE", code_start);
        for (offset, segment) in references("reloc.DATA", data_start) {
            let holder = data_ranges.iter().position(|range| range.contains(&offset));
            if let Some(holder) = holder {
                template.segments[holder].references.push(segment);
            }
        }
        Ok(template)
    }

    /// The segments whose addresses stand in this range of the file.
    pub(super) fn references(&self, range: Range<u64>) -> impl Iterator<Item = u32> {
        let start = self
            .code_references
            .partition_point(|(offset, _)| *offset < range.start);
        self.code_references[start..]
            .iter()
            .take_while(move |(offset, _)| *offset < range.end)
            .map(|(_, segment)| *segment)
    }

    /// Whether a function, imported or not, only panics.
    pub(super) fn is_panic(&self, function: u32) -> bool {
        function
            .checked_sub(self.n_imports)
            .is_some_and(|own| self.panics[own as usize])
    }
}

/// The segment of each symbol that stands for data.
fn data_symbols(
    linking: wasmparser::LinkingSectionReader<'_>,
) -> Result<Vec<Option<u32>>, BinaryReaderError> {
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

/// Which functions belong to `core::panicking` or fail a bounds check.
fn panicking_functions(
    names: wasmparser::NameSectionReader<'_>,
    n_imports: u32,
    n_functions: usize,
) -> Result<Vec<bool>, BinaryReaderError> {
    let mut panics = vec![false; n_functions];
    for name in names {
        if let Name::Function(functions) = name? {
            for naming in functions {
                let naming = naming?;
                let is_panic = [
                    "panicking",
                    "slice_index_fail",
                    "panic_handler",
                    "begin_unwind",
                ]
                .iter()
                .any(|part| naming.name.contains(part));
                let own = naming.index.wrapping_sub(n_imports);
                if let Some(slot) = panics.get_mut(own as usize) {
                    *slot = is_panic;
                }
            }
        }
    }
    Ok(panics)
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<u32, BinaryReaderError> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value as u32),
        _ => Ok(0),
    }
}

fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        _ => ValType::I32,
    }
}
