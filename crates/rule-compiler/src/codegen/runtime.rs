//! Copies the helpers that generated code calls out of the template module of `rule-runtime`, and the static data
//! that these read.

mod template;

use super::module::function::ALLOCATE_TEMP;
use std::collections::{BTreeSet, HashMap};
pub(super) use template::Template;
use template::{Index, Piece};
use wasm_encoder::{CodeSection, ConstExpr, DataSection, Encode, ValType};

/// What memory the kept helpers need below the rule set's own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Footprint {
    /// No helper is used
    Nothing,
    /// A stack
    Stack,
    /// A stack and some of the template's static data
    StackAndData,
}

/// The helpers kept so far.
pub(super) struct KeptFunctions {
    first_index: u32,
    indices: HashMap<u32, u32>,
    /// Template indices in the order of their new indices
    kept: Vec<u32>,
    /// The template's segments that kept helpers refer to
    segments: BTreeSet<u32>,
    pub(super) footprint: Footprint,
    /// Whether any of them needs memory for the values of a row
    pub(super) allocates_temp: bool,
}

impl KeptFunctions {
    /// Helpers get the function indices from `first_index` on.
    pub(super) fn new(first_index: u32) -> Self {
        Self {
            first_index,
            indices: HashMap::new(),
            kept: Vec::new(),
            segments: BTreeSet::new(),
            footprint: Footprint::Nothing,
            allocates_temp: false,
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
        if function < template.n_imports {
            self.allocates_temp = true;
            return ALLOCATE_TEMP;
        }
        if let Some(index) = self.indices.get(&function) {
            return *index;
        }
        let index = self.first_index + self.kept.len() as u32;
        self.indices.insert(function, index);
        self.kept.push(function);
        let helper = template.helper(function);
        for segment in &helper.segments {
            self.keep_segment(template, *segment);
        }
        for piece in &helper.body {
            match piece.index {
                Index::Function(callee) => {
                    self.keep(template, callee);
                }
                Index::StackPointer => self.footprint = self.footprint.max(Footprint::Stack),
                Index::Type(_) | Index::End => {}
            }
        }
        index
    }

    fn keep_segment(&mut self, template: &Template, segment: u32) {
        if self.segments.insert(segment) {
            self.footprint = Footprint::StackAndData;
            for reference in &template.segments[segment as usize].references {
                self.keep_segment(template, *reference);
            }
        }
    }

    /// Function types (parameters, results) of the kept helpers, in the order of their indices.
    pub(super) fn types(&self) -> impl Iterator<Item = &'static (Vec<ValType>, Vec<ValType>)> {
        let template = Template::get();
        self.kept
            .iter()
            .map(|function| &template.types[template.helper(*function).ty])
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
            let mut body = Vec::new();
            for Piece { bytes, index } in &template.helper(*function).body {
                body.extend_from_slice(bytes);
                match index {
                    Index::End => {}
                    Index::Function(callee) if *callee < template.n_imports => {
                        ALLOCATE_TEMP.encode(&mut body);
                    }
                    Index::Function(callee) => self.indices[callee].encode(&mut body),
                    Index::Type(index) => {
                        let (params, results) = &template.types[*index];
                        i64::from(type_index(params, results)).encode(&mut body);
                    }
                    Index::StackPointer => stack_pointer.encode(&mut body),
                }
            }
            code.raw(&body);
        }
    }

    /// Adds the static data that the kept helpers refer to.
    pub(super) fn write_data(&self, data: &mut DataSection) {
        let template = Template::get();
        for segment in &self.segments {
            let segment = &template.segments[*segment as usize];
            data.active(
                0,
                &ConstExpr::i32_const(segment.address as i32),
                segment.bytes.iter().copied(),
            );
        }
    }
}
