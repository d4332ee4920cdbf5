//! Explaining the rules of a group: functions `(row, rule) -> next rule` that rules share which differ in nothing but
//! constants.

use super::super::expression::{RowCode, at};
use super::super::function::FunctionBuilder;
use super::super::layout::{slots, value};
use super::super::module::ModuleBuilder;
use super::super::trace::{ShownExpressions, Trace};
use super::place::PlacedGroups;
use super::shape::{Kept, row_code};
use super::{ExplainedShape, Group};
use crate::ir::RuleSet;
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

/// Bytes of the number of a rule's shape; its constants follow.
pub(super) const SHAPE_BYTES: usize = 4;

/// How many bytes a constant takes among those of a rule.
pub(super) fn packed_bytes(ty: &Type) -> usize {
    slots(ty)
        .into_iter()
        .map(|slot| if slot == ValType::I32 { 4 } else { 8 })
        .sum()
}

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
    let shared = placed.shared.explained as i32;
    let mut ins = code.f.ins();
    ins.i32_const(shared).i32_load(at(0)).local_set(values);
    ins.i32_const(shared).i32_load(at(4)).local_set(verdict);
    let expressions: Vec<_> = shape.rule.expressions().collect();
    code.open_shape(placed, kept, &expressions, true);
    let mut offset = SHAPE_BYTES as u32;
    let mut places = Vec::new();
    for ty in &shape.constants {
        places.push((ty, offset));
        offset += packed_bytes(ty) as u32;
    }
    code.load_constants(&places, record);
    code.trace = Some(Trace::new(&shown, values, failures));
    code.explain_rule(&shape.rule, None, 0, verdict);
    let n_values = shown.list.len() as i32;
    let mut ins = code.f.ins();
    ins.i32_const(shared)
        .local_get(values)
        .i32_const(n_values * value::SIZE as i32)
        .i32_add()
        .i32_store(at(0));
    ins.i32_const(shared)
        .local_get(verdict)
        .i32_const(1)
        .i32_add()
        .i32_store(at(4));
    ins.local_get(record).i32_const(offset as i32).i32_add();
    code.f
}

impl RowCode<'_> {
    /// Calls the functions that explain the rules of a group. `values`: those of all rules, and the number of the first one.
    pub(in super::super) fn explain_group(
        &mut self,
        group: &Group,
        placed: &PlacedGroups,
        number: usize,
        (values, first_value): (u32, u32),
        verdicts: u32,
    ) {
        let shared = placed.shared.explained as i32;
        let mut ins = self.f.ins();
        ins.i32_const(shared)
            .local_get(values)
            .i32_const(first_value as i32 * value::SIZE as i32)
            .i32_add()
            .i32_store(at(0));
        ins.i32_const(shared)
            .local_get(verdicts)
            .i32_const(group.first as i32)
            .i32_add()
            .i32_store(at(4));
        let start = placed.get(number).explained;
        let (row, known) = (self.row, self.f.local(ValType::I32));
        let n_left = self.f.local(ValType::I32);
        self.f
            .ins()
            .i32_const(start as i32)
            .local_set(known)
            .i32_const(group.rules.len() as i32)
            .local_set(n_left);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f.ins().local_get(n_left).i32_eqz();
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
            self.f.ins().local_get(row).local_get(known);
            self.f.call(function).local_set(known);
            self.f.br(called);
        }
        self.f.end();
        self.f
            .ins()
            .local_get(n_left)
            .i32_const(1)
            .i32_sub()
            .local_set(n_left);
        self.f.br(next);
        self.f.end();
        self.f.end();
    }
}
