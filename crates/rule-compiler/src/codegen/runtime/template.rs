//! The template module of `rule-runtime`, parsed once: types, functions, static data, and which refers to what.

use std::collections::HashMap;
use std::sync::OnceLock;
use wasm_encoder::ValType;
use wasmparser::{
    BinaryReader, BinaryReaderError, ExternalKind, FunctionBody, Operator, Parser, Payload,
};

/// Reduced by this crate's build to what helpers reach, see `build/template.rs`.
static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rule_runtime.wasm"));

/// The parsed template.
#[derive(Default)]
pub(crate) struct Template {
    pub(super) types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// How many functions are imported: each is the allocator of the row's memory
    pub(super) n_imports: u32,
    pub(super) functions: Vec<TemplateFunction>,
    pub(super) exports: HashMap<&'static str, u32>,
    /// Initial value of the stack pointer: the stack grows down from here
    pub(crate) stack_top: u32,
    /// Static data; each static has a segment of its own
    pub(super) segments: Vec<Segment>,
    /// First address behind the static data
    pub(crate) heap_base: u32,
}

/// A function of its own.
pub(super) struct TemplateFunction {
    pub(super) ty: u32,
    pub(super) body: FunctionBody<'static>,
    pub(super) callees: Vec<u32>,
    /// The segments whose addresses it holds
    pub(super) segments: Vec<u32>,
}

/// A static.
pub(super) struct Segment {
    pub(super) address: u32,
    pub(super) bytes: &'static [u8],
    /// The segments whose addresses it holds
    pub(super) references: Vec<u32>,
}

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
        let mut template = Self::default();
        let mut globals = Vec::new();
        let mut heap_base = None;
        let mut function_types = Vec::new();
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
                    function_types = section.into_iter().collect::<Result<_, _>>()?;
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
                Payload::CodeSectionEntry(body) => template.functions.push(TemplateFunction {
                    ty: function_types[template.functions.len()],
                    body,
                    callees: Vec::new(),
                    segments: Vec::new(),
                }),
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        if let wasmparser::DataKind::Active { offset_expr, .. } = segment.kind {
                            template.segments.push(Segment {
                                address: constant(&offset_expr)?,
                                bytes: segment.data,
                                references: Vec::new(),
                            });
                        }
                    }
                }
                Payload::CustomSection(section) if section.name() == "references" => {
                    let mut notes = BinaryReader::new(section.data(), 0);
                    for function in &mut template.functions {
                        function.callees = list(&mut notes)?;
                        function.segments = list(&mut notes)?;
                    }
                    for segment in &mut template.segments {
                        segment.references = list(&mut notes)?;
                    }
                }
                _ => {}
            }
        }
        template.stack_top = globals.first().copied().unwrap_or_default();
        template.heap_base = heap_base
            .and_then(|index| globals.get(index as usize).copied())
            .unwrap_or_default();
        Ok(template)
    }

    /// A function of its own, by its index among all.
    pub(super) fn function(&self, index: u32) -> &TemplateFunction {
        &self.functions[(index - self.n_imports) as usize]
    }
}

/// A count and as many numbers.
fn list(notes: &mut BinaryReader<'_>) -> Result<Vec<u32>, BinaryReaderError> {
    let count = notes.read_var_u32()?;
    (0..count).map(|_| notes.read_var_u32()).collect()
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
