//! Copies the helpers that generated code calls out of the template module of `rule-runtime`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::OnceLock;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, Function, ValType};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

static TEMPLATE_BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rule_runtime.wasm"));

/// The template module, parsed once.
pub(super) struct Template {
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// Type of each function; the template imports none
    function_types: Vec<u32>,
    bodies: Vec<FunctionBody<'static>>,
    exports: HashMap<&'static str, u32>,
    /// Functions that only panic; replaced by a trap, so that message formatting is left behind
    panics: Vec<bool>,
    /// Initial value of the stack pointer: the stack grows down from here
    pub(super) stack_top: u32,
    /// Static data: address and bytes
    pub(super) data: Vec<(u32, &'static [u8])>,
    /// First address behind the static data
    pub(super) heap_base: u32,
}

/// What memory the kept helpers need below the rule set's own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Footprint {
    /// No helper is used
    Nothing,
    /// A stack
    Stack,
    /// A stack and the template's static data
    StackAndData,
}

impl Template {
    /// The template of this compiler.
    pub(super) fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| match Self::parse(TEMPLATE_BYTES) {
            Ok(template) => template,
            Err(error) => unreachable!("the template was made by this crate's build: {error}"),
        })
    }

    fn parse(bytes: &'static [u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut template = Self {
            types: Vec::new(),
            function_types: Vec::new(),
            bodies: Vec::new(),
            exports: HashMap::new(),
            panics: Vec::new(),
            stack_top: 0,
            data: Vec::new(),
            heap_base: 0,
        };
        let mut globals = Vec::new();
        let mut heap_base = None;
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
                            wasmparser::ExternalKind::Func => {
                                template.exports.insert(export.name, export.index);
                            }
                            wasmparser::ExternalKind::Global if export.name == "__heap_base" => {
                                heap_base = Some(export.index)
                            }
                            _ => {}
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => template.bodies.push(body),
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        if let wasmparser::DataKind::Active { offset_expr, .. } = segment.kind {
                            template.data.push((constant(&offset_expr)?, segment.data));
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                        template.panics =
                            panicking_functions(names, template.function_types.len())?;
                    }
                }
                _ => {}
            }
        }
        template.panics.resize(template.function_types.len(), false);
        template.stack_top = globals.first().copied().unwrap_or_default();
        template.heap_base = heap_base
            .and_then(|index| globals.get(index as usize).copied())
            .unwrap_or_default();
        Ok(template)
    }

    fn is_data_address(&self, address: i64) -> bool {
        self.data.iter().any(|(start, bytes)| {
            (i64::from(*start)..i64::from(*start) + bytes.len() as i64).contains(&address)
        })
    }
}

/// Which functions belong to `core::panicking` or fail a bounds check.
fn panicking_functions(
    names: wasmparser::NameSectionReader<'_>,
    n_functions: usize,
) -> Result<Vec<bool>, wasmparser::BinaryReaderError> {
    let mut panics = vec![false; n_functions];
    for name in names {
        if let wasmparser::Name::Function(functions) = name? {
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
                if let Some(slot) = panics.get_mut(naming.index as usize) {
                    *slot = is_panic;
                }
            }
        }
    }
    Ok(panics)
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<u32, wasmparser::BinaryReaderError> {
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

/// The helpers kept so far.
pub(super) struct KeptFunctions {
    first_index: u32,
    indices: HashMap<u32, u32>,
    /// Template indices in the order of their new indices
    kept: Vec<u32>,
    pub(super) footprint: Footprint,
}

impl KeptFunctions {
    /// Helpers get the function indices from `first_index` on.
    pub(super) fn new(first_index: u32) -> Self {
        Self {
            first_index,
            indices: HashMap::new(),
            kept: Vec::new(),
            footprint: Footprint::Nothing,
        }
    }

    /// The index of an exported helper, which is kept from now on with all that it calls.
    pub(super) fn require(&mut self, name: &str) -> u32 {
        let template = Template::get();
        match template.exports.get(name) {
            Some(index) => self.keep(template, *index),
            None => unreachable!("rule-runtime exports no `{name}`"),
        }
    }

    fn keep(&mut self, template: &Template, function: u32) -> u32 {
        if let Some(index) = self.indices.get(&function) {
            return *index;
        }
        let index = self.first_index + self.kept.len() as u32;
        self.indices.insert(function, index);
        self.kept.push(function);
        self.footprint = self.footprint.max(Footprint::Stack);
        if template.panics[function as usize] {
            return index;
        }
        for callee in self.scan(template, function) {
            self.keep(template, callee);
        }
        index
    }

    /// The functions that a body calls; notes whether it reads static data. The arguments of a panic do not count.
    fn scan(&mut self, template: &Template, function: u32) -> Vec<u32> {
        let mut callees = Vec::new();
        let mut recent_constants: Vec<bool> = Vec::new();
        let mut reads_data = false;
        let Ok(operators) = template.bodies[function as usize].get_operators_reader() else {
            return callees;
        };
        for operator in operators.into_iter().map_while(Result::ok) {
            match operator {
                Operator::I32Const { value } => {
                    recent_constants.push(template.is_data_address(i64::from(value)))
                }
                Operator::LocalGet { .. } => recent_constants.push(false),
                other => {
                    if let Operator::Call { function_index } = other {
                        callees.push(function_index);
                        if template.panics[function_index as usize] {
                            recent_constants.clear();
                        }
                    }
                    reads_data |= recent_constants.drain(..).any(|is_address| is_address);
                    reads_data |=
                        load_offset(&other).is_some_and(|offset| template.is_data_address(offset));
                }
            }
        }
        if reads_data {
            self.footprint = Footprint::StackAndData;
        }
        callees
    }

    /// Function types (parameters, results) of the kept helpers, in the order of their indices.
    pub(super) fn types(&self) -> impl Iterator<Item = &'static (Vec<ValType>, Vec<ValType>)> {
        let template = Template::get();
        self.kept
            .iter()
            .map(|function| &template.types[template.function_types[*function as usize] as usize])
    }

    /// Adds the bodies in the order of the indices.
    pub(super) fn write_code(
        &self,
        code: &mut CodeSection,
        stack_pointer: u32,
        mut type_index: impl FnMut(&[ValType], &[ValType]) -> u32,
    ) {
        let template = Template::get();
        for function in &self.kept {
            if template.panics[*function as usize] {
                let mut body = Function::new([]);
                body.instructions().unreachable().end();
                code.function(&body);
                continue;
            }
            let mut copier = Copier {
                indices: &self.indices,
                stack_pointer,
                template,
                type_index: &mut type_index,
            };
            if let Err(error) =
                copier.parse_function_body(code, template.bodies[*function as usize].clone())
            {
                unreachable!("the template was made by this crate's build: {error}");
            }
        }
    }
}

fn load_offset(operator: &Operator<'_>) -> Option<i64> {
    let memarg = match operator {
        Operator::I32Load { memarg }
        | Operator::I64Load { memarg }
        | Operator::F64Load { memarg }
        | Operator::I32Load8U { memarg }
        | Operator::I32Load8S { memarg }
        | Operator::I32Load16U { memarg }
        | Operator::I32Load16S { memarg }
        | Operator::I64Load32U { memarg }
        | Operator::I64Load8U { memarg }
        | Operator::I64Load16U { memarg } => memarg,
        _ => return None,
    };
    Some(memarg.offset as i64)
}

struct Copier<'a, F> {
    indices: &'a HashMap<u32, u32>,
    stack_pointer: u32,
    template: &'a Template,
    type_index: &'a mut F,
}

impl<F: FnMut(&[ValType], &[ValType]) -> u32> Reencode for Copier<'_, F> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.indices.get(&function).copied().unwrap_or_default())
    }

    fn type_index(&mut self, index: u32) -> Result<u32, Error> {
        let (params, results) = &self.template.types[index as usize];
        Ok((self.type_index)(params, results))
    }

    fn global_index(&mut self, _: u32) -> Result<u32, Error> {
        Ok(self.stack_pointer)
    }
}
