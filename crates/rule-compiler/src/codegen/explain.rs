//! `explain-row`: evaluates one row and records what happened in it.

use super::columns::count_uses;
use super::expression::{RowCode, at};
use super::function::FunctionBuilder;
use super::group::generate_explained;
use super::layout::{RESULT_SIZE, value};
use super::module::{ModuleBuilder, function};
use super::process::{RowFunction, check_columns};
use super::statics::{Plans, Statics};
use super::table::PlacedTable;
use super::trace::{ListItems, ShownExpressions, Trace, list_items};
use crate::ir::{Contribution, Rule, RuleSet};
use wasm_encoder::{BlockType, ValType};

const FIRED: i32 = 0;
const NOT_FIRED: i32 = 1;
const FAILED: i32 = 2;

/// Generates `explain(session, rows, columns, number of columns, row) -> address of the result`.
pub(super) fn generate(
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    statics: &Statics,
    shown: &ShownExpressions,
    plans: &Plans,
) -> RowFunction {
    let (session, rows, columns, n_columns, row) = (0, 1, 2, 3, 4);
    let mut f = FunctionBuilder::new(5);
    check_columns(
        &mut f,
        (ruleset, &plans.reads),
        statics,
        rows,
        columns,
        n_columns,
    );
    f.ins().local_get(row).local_get(rows).i32_ge_u();
    f.if_(BlockType::Empty);
    f.ins().i32_const(statics.no_such_row as i32).return_();
    f.end();

    let n_rules = ruleset.rules.len() as i32;
    let values_bytes = shown.list.len() as i32 * value::SIZE as i32;
    let values = f.local(ValType::I32);
    let verdicts = f.local(ValType::I32);
    f.ins().i32_const(values_bytes).i32_const(8);
    f.call(function::ALLOCATE)
        .local_tee(values)
        .i32_const(0)
        .i32_const(values_bytes)
        .memory_fill(0);
    f.ins().i32_const(n_rules).i32_const(8);
    f.call(function::ALLOCATE).local_set(verdicts);
    let error = f.local(ValType::I32);
    let trace = Trace::new(shown, values, statics.failures);
    let mut code = RowCode {
        ruleset,
        module,
        f,
        row,
        error,
        inputs: Vec::new(),
        params: Vec::new(),
        lets: Vec::new(),
        variables: std::collections::HashMap::new(),
        places: std::collections::HashMap::new(),
        shared: std::collections::HashMap::new(),
        flat: std::collections::HashMap::new(),
        trace: Some(trace),
    };
    code.open_params(session);
    code.open_columns(columns, &count_uses(ruleset, true), &plans.reads);
    code.cache_inputs();
    code.emit_lets();
    code.keep_context(&statics.groups, session, columns);
    code.keep_values(&statics.groups);
    let mut index = 0;
    while let Some(rule) = ruleset.rules.get(index) {
        code.f.mark_locals();
        if let Some((number, group)) = plans.groups.starting_at(index) {
            let first = shown.first_of_rule(index);
            code.explain_group(group, &statics.groups, number, (values, first), verdicts);
            index = group.end;
        } else {
            let table = statics.tables.get(&index);
            code.explain_rule(rule, table, index as u64, verdicts);
            index += 1;
        }
        code.f.release_locals();
    }
    let kept = code.kept(plans);
    if code.uses_temp() {
        code.release_temp();
    }
    let result = code.module.data.reserve(RESULT_SIZE) as i32;
    let mut ins = code.f.ins();
    ins.i32_const(result).i32_const(0).i32_store8(at(0));
    ins.i32_const(result).local_get(verdicts).i32_store(at(4));
    ins.i32_const(result).i32_const(n_rules).i32_store(at(8));
    ins.i32_const(result).local_get(values).i32_store(at(12));
    ins.i32_const(result)
        .i32_const(shown.list.len() as i32)
        .i32_store(at(16));
    ins.i32_const(result);
    let function = code.f;
    let groups = plans.groups.0.iter();
    let shapes = groups.map(|group| {
        let shapes = group.explained.iter().map(|shape| {
            let placed = &statics.groups;
            generate_explained(ruleset, module, placed, statics.failures, &kept, shape)
        });
        shapes.collect()
    });
    let shapes = shapes.collect();
    RowFunction { function, shapes }
}

impl RowCode<'_> {
    pub(super) fn explain_rule(
        &mut self,
        rule: &Rule,
        placed: Option<&PlacedTable>,
        index: u64,
        verdicts: u32,
    ) {
        let done = self.f.block(BlockType::Empty);
        let failed = self.f.block(BlockType::Empty);
        let first_slot = self
            .trace
            .as_ref()
            .and_then(|trace| trace.table_slot(index as u32));
        if let (Some(table), Some(placed), Some(first_slot)) = (&rule.table, placed, first_slot) {
            let n_hits = self.explain_table(table, placed, first_slot, failed);
            self.f
                .ins()
                .local_get(verdicts)
                .i32_const(FIRED)
                .i32_const(NOT_FIRED)
                .local_get(n_hits)
                .select()
                .i32_store8(at(index));
        } else {
            self.emit(&rule.condition, failed);
            self.f.if_(BlockType::Empty);
            self.explain_side(&rule.then, FIRED, index, verdicts);
            self.f.else_();
            self.explain_side(&rule.otherwise, NOT_FIRED, index, verdicts);
            self.f.end();
        }
        self.f.br(done);
        self.f.end();
        self.f
            .ins()
            .local_get(verdicts)
            .i32_const(FAILED)
            .i32_store8(at(index));
        self.f.end();
    }

    fn explain_side(
        &mut self,
        contributions: &[Contribution],
        verdict: i32,
        index: u64,
        verdicts: u32,
    ) {
        self.f
            .ins()
            .local_get(verdicts)
            .i32_const(verdict)
            .i32_store8(at(index));
        for contribution in contributions {
            // An error is recorded with the expression; the other contributions are shown all the same.
            let failed = self.f.block(BlockType::Empty);
            let value = &contribution.value;
            match list_items(value) {
                Some(ListItems::Expressions(items)) => {
                    for item in items {
                        self.emit_to_locals(item, failed);
                    }
                }
                Some(ListItems::Constants(_)) => {}
                None => {
                    self.emit_to_locals(value, failed);
                }
            }
            self.f.end();
        }
    }
}
