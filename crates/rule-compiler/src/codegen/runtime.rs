//! Copies the helpers that generated code calls out of the template module of `rule-runtime`, and the static data
//! that these read.

mod template;

use super::module::function::ALLOCATE_TEMP;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
pub(super) use template::Template;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, ConstExpr, DataSection, Function, ValType};
use wasmparser::Operator;

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
        if template.is_panic(function) {
            return index;
        }
        for callee in self.scan(template, function) {
            self.keep(template, callee);
        }
        index
    }

    /// The functions that a body calls; keeps the static data it refers to. The arguments of a panic do not count.
    fn scan(&mut self, template: &Template, function: u32) -> Vec<u32> {
        let mut callees = Vec::new();
        let mut pushed: Vec<u32> = Vec::new();
        let body = &template.bodies[(function - template.n_imports) as usize];
        let Ok(operators) = body.get_operators_reader() else {
            return callees;
        };
        let operators: Vec<_> = operators
            .into_iter_with_offsets()
            .map_while(Result::ok)
            .collect();
        let ends = operators.iter().skip(1).map(|(_, start)| *start);
        for ((operator, start), end) in operators.iter().zip(ends.chain([body.range().end])) {
            let references = template.references(*start..end);
            match operator {
                Operator::I32Const { .. } | Operator::LocalGet { .. } => pushed.extend(references),
                other => {
                    pushed.extend(references);
                    if let Operator::GlobalGet { .. } = other {
                        self.footprint = self.footprint.max(Footprint::Stack);
                    }
                    if let Operator::Call { function_index } = other {
                        callees.push(*function_index);
                        if template.is_panic(*function_index) {
                            pushed.clear();
                        }
                    }
                    for segment in pushed.drain(..) {
                        self.keep_segment(template, segment);
                    }
                }
            }
        }
        callees
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
        self.kept.iter().map(|function| {
            let own = (function - template.n_imports) as usize;
            &template.types[template.function_types[own] as usize]
        })
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
            if template.is_panic(*function) {
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
            let body = template.bodies[(function - template.n_imports) as usize].clone();
            if let Err(error) = copier.parse_function_body(code, body) {
                unreachable!("the template was made by this crate's build: {error}");
            }
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

struct Copier<'a, F> {
    indices: &'a HashMap<u32, u32>,
    stack_pointer: u32,
    template: &'a Template,
    type_index: &'a mut F,
}

impl<F: FnMut(&[ValType], &[ValType]) -> u32> Reencode for Copier<'_, F> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        if function < self.template.n_imports {
            return Ok(ALLOCATE_TEMP);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_helper_calls_indirectly() {
        let template = Template::get();
        for (index, body) in template.bodies.iter().enumerate() {
            let mut operators = body.get_operators_reader().expect("operators");
            while !operators.eof() {
                let operator = operators.read().expect("an operator");
                let is_indirect = matches!(operator, Operator::CallIndirect { .. });
                assert!(
                    !is_indirect || template.panics[index] || !is_reachable(template, index),
                    "function {index} of the template calls indirectly"
                );
            }
        }
    }

    /// Whether some export needs the function.
    fn is_reachable(template: &Template, index: usize) -> bool {
        let mut kept = KeptFunctions::new(0);
        let mut names: Vec<_> = template.exports.keys().copied().collect();
        names.sort_unstable();
        for name in names {
            kept.require(name);
        }
        kept.kept.contains(&(index as u32 + template.n_imports))
    }
}
