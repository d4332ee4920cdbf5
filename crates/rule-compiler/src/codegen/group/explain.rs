//! Explaining the rules of a group: functions `(row, rule) -> 0` that rules share which differ in nothing but constants.

use super::super::expression::{RowCode, at};
use super::super::function::FunctionBuilder;
use super::super::layout::value;
use super::super::module::ModuleBuilder;
use super::super::table::VALUE_BYTES;
use super::super::trace::{ShownExpressions, Trace};
use super::emit::PlacedGroups;
use super::shape::{Kept, row_code};
use super::{ExplainedShape, Group};
use crate::ir::RuleSet;
use wasm_encoder::{BlockType, ValType};

/// Where a rule's constants lie behind its number and the place of its first value.
pub(super) const HEADER_BYTES: u32 = 16;

/// The function that explains the rules of a shape.
pub(in super::super) fn generate(
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    placed: &PlacedGroups,
    failures: u32,
    kept: &Kept,
    shape: &ExplainedShape,
) -> FunctionBuilder {
    let record = 1;
    let shown = ShownExpressions::of_rule(ruleset, &shape.rule);
    let mut code = row_code(ruleset, module);
    let (values, verdict) = (code.f.local(ValType::I32), code.f.local(ValType::I32));
    let shared = placed.shared.explained;
    let mut ins = code.f.ins();
    ins.i32_const(shared as i32)
        .i32_load(at(0))
        .local_get(record)
        .i32_load(at(4))
        .i32_const(value::SIZE as i32)
        .i32_mul()
        .i32_add()
        .local_set(values);
    ins.i32_const(shared as i32)
        .i32_load(at(4))
        .local_get(record)
        .i32_load(at(0))
        .i32_add()
        .local_set(verdict);
    let expressions: Vec<_> = shape.rule.expressions().collect();
    code.open_shape(placed, kept, &expressions, true);
    let constants = code.f.local(ValType::I32);
    code.f
        .ins()
        .local_get(record)
        .i32_const(HEADER_BYTES as i32)
        .i32_add()
        .local_set(constants);
    code.load_constants(&shape.constants, constants);
    code.trace = Some(Trace::new(&shown, values, failures));
    code.explain_rule(&shape.rule, None, 0, verdict);
    code.f.ins().i32_const(0);
    code.f
}

impl RowCode<'_> {
    /// Calls the functions that explain the rules of a group.
    pub(in super::super) fn explain_group(
        &mut self,
        group: &Group,
        placed: &PlacedGroups,
        number: usize,
        values: u32,
        verdicts: u32,
    ) {
        let shared = placed.shared.explained as i32;
        let mut ins = self.f.ins();
        ins.i32_const(shared).local_get(values).i32_store(at(0));
        ins.i32_const(shared).local_get(verdicts).i32_store(at(4));
        let start = placed.get(number).explained;
        let (row, known) = (self.row, self.f.local(ValType::I32));
        self.f.ins().i32_const(start as i32).local_set(known);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .local_get(known)
            .i32_const((start + 8 * group.rules.len() as u32) as i32)
            .i32_ge_u();
        self.f.br_if(done);
        let called = self.f.block(BlockType::Empty);
        let cases: Vec<_> = group
            .explained
            .iter()
            .map(|_| self.f.block(BlockType::Empty))
            .collect();
        let by_number: Vec<_> = cases.iter().rev().copied().collect();
        self.f.ins().local_get(known).i32_load(at(0));
        self.f.br_table(&by_number);
        for index in 0..cases.len() as u32 {
            self.f.end();
            let function = self
                .module
                .extra_function(group.first_explain_function + index);
            self.f
                .ins()
                .local_get(row)
                .local_get(known)
                .i32_load(at(4))
                .call(function)
                .drop();
            self.f.br(called);
        }
        self.f.end();
        self.f
            .ins()
            .local_get(known)
            .i32_const(8)
            .i32_add()
            .local_set(known);
        self.f.br(next);
        self.f.end();
        self.f.end();
    }
}

/// The bytes of a rule's record without its constants, which follow.
pub(super) fn header(rule: usize, first_value: u32) -> [u32; 4] {
    const _: () = assert!(
        HEADER_BYTES == VALUE_BYTES,
        "constants are aligned behind it"
    );
    [rule as u32, first_value, 0, 0]
}
