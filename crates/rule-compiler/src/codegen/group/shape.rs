//! The functions of shapes: `(row, constants) -> whether the rule holds, and whether it failed`.

use super::super::expression::{RowCode, at};
use super::super::function::{FunctionBuilder, Label};
use super::super::layout::is_nullable;
use super::super::module::ModuleBuilder;
use super::super::reads::Reads;
use super::super::table::VALUE_BYTES;
use super::super::trace::walk;
use super::emit::{FAILS, constant_variable, uses_of};
use super::place::{PlacedGroup, PlacedGroups};
use super::{ComputedEntry, Shape};
use crate::ir::{Const, Expr, ExprKind, RuleSet};
use crate::types::Type;
use std::collections::HashMap;
use std::rc::Rc;
use wasm_encoder::{BlockType, ValType};

/// What the function that goes over the rows knows of the values that it keeps.
pub(in super::super) struct Kept {
    /// For each `let`, whether it can fail
    pub(in super::super) lets: Vec<bool>,
    /// For each input, whether it is kept, and whether it can fail
    pub(in super::super) inputs: Vec<(bool, bool)>,
    /// What is read of each input
    pub(in super::super) reads: Rc<[Reads]>,
}

/// The function of a shape.
pub(in super::super) fn generate(
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    placed: &PlacedGroups,
    group: &PlacedGroup,
    kept: &Kept,
    shape: &Shape,
) -> FunctionBuilder {
    let constants = 1;
    let mut code = row_code(ruleset, module);
    let expressions: Vec<&Expr> = shape.expressions().collect();
    code.open_shape(placed, kept, &expressions, false);
    let places = shape
        .constants
        .iter()
        .zip((0..).step_by(VALUE_BYTES as usize));
    code.load_constants(&places.collect::<Vec<_>>(), constants);

    let holds = code.f.local(ValType::I32);
    let n_valid = code.f.local(ValType::I32);
    let failed = code.f.block(BlockType::Empty);
    match &shape.condition {
        Some(condition) => code.emit(condition, failed),
        None => {
            code.f.ins().i32_const(1);
        }
    }
    code.f.ins().local_tee(holds);
    code.f.if_(BlockType::Empty);
    code.emit_computed(&shape.then, group, n_valid, failed);
    code.f.else_();
    code.emit_computed(&shape.otherwise, group, n_valid, failed);
    code.f.end();
    code.f.ins().local_get(holds).return_();
    code.f.end();
    let failure = placed.shared.failure as i32;
    let error = code.error;
    let mut ins = code.f.ins();
    ins.i32_const(failure).local_get(error).i32_store(at(0));
    ins.i32_const(failure).local_get(n_valid).i32_store(at(4));
    ins.local_get(holds).i32_const(FAILS).i32_or();
    code.f
}

/// Code of a function whose first parameter is the row, the second an address.
pub(super) fn row_code<'a>(ruleset: &'a RuleSet, module: &'a mut ModuleBuilder) -> RowCode<'a> {
    let mut f = FunctionBuilder::new(2);
    let error = f.local(ValType::I32);
    RowCode {
        ruleset,
        module,
        f,
        row: 0,
        error,
        inputs: Vec::new(),
        params: Vec::new(),
        lets: Vec::new(),
        variables: HashMap::new(),
        places: HashMap::new(),
        shared: std::collections::HashMap::new(),
        flat: std::collections::HashMap::new(),
        trace: None,
    }
}

impl RowCode<'_> {
    /// What the expressions read: parameters, inputs, lets.
    pub(super) fn open_shape(
        &mut self,
        placed: &PlacedGroups,
        kept: &Kept,
        expressions: &[&Expr],
        is_traced: bool,
    ) {
        let ruleset = self.ruleset;
        let shared = &placed.shared;
        let mut reads_params = false;
        let mut lets = vec![false; ruleset.lets.len()];
        for expr in expressions {
            walk(expr, &mut |expr| match expr.kind {
                ExprKind::Param(_) => reads_params = true,
                ExprKind::Let(index) => lets[index] = true,
                _ => {}
            });
        }
        let context = self.f.local(ValType::I32);
        if reads_params {
            self.f
                .ins()
                .i32_const(shared.context as i32)
                .i32_load(at(0))
                .local_set(context);
            self.open_params(context);
        }
        self.f
            .ins()
            .i32_const(shared.context as i32)
            .i32_load(at(4))
            .local_set(context);
        // A `let` may be read part by part from the input that it is a part of.
        let definitions = ruleset.lets.iter().zip(&lets);
        let definitions = definitions.filter_map(|(each, is_read)| is_read.then_some(&each.value));
        let uses = uses_of(
            ruleset,
            expressions.iter().copied().chain(definitions),
            is_traced,
        );
        self.open_columns(context, &uses, &kept.reads);
        let is_kept = |index: &usize| kept.inputs[*index].0;
        let inputs = shared.inputs.iter().filter(|(index, _)| is_kept(index));
        for (index, _) in inputs.clone() {
            self.inputs[*index].cached = None;
            self.inputs[*index].error = None;
        }
        self.cache_inputs();
        for (index, address) in inputs {
            let (cached, error) =
                self.load_kept(&ruleset.inputs[*index].ty, *address, kept.inputs[*index].1);
            self.inputs[*index].cached = Some(cached);
            self.inputs[*index].error = error;
        }
        for (index, is_read) in lets.into_iter().enumerate() {
            let kept = match shared.lets.get(&index) {
                Some(address) if is_read => {
                    self.load_kept(&ruleset.lets[index].value.ty, *address, kept.lets[index])
                }
                _ => (Vec::new(), None),
            };
            self.lets.push(kept);
        }
    }

    /// Constants of these types, at these distances from an address in a local, become variables.
    pub(super) fn load_constants(&mut self, places: &[(&Type, u32)], constants: u32) {
        let address = self.f.local(ValType::I32);
        for (index, (ty, offset)) in places.iter().enumerate() {
            let locals = self.locals(ty);
            self.f
                .ins()
                .local_get(constants)
                .i32_const(*offset as i32)
                .i32_add()
                .local_set(address);
            self.load_slots(ty, address, &locals);
            self.variables
                .insert(constant_variable(index), (locals, None));
        }
    }

    fn emit_computed(
        &mut self,
        entries: &[ComputedEntry],
        group: &PlacedGroup,
        n_valid: u32,
        failed: Label,
    ) {
        for entry in entries {
            self.f
                .ins()
                .i32_const(entry.place as i32)
                .local_set(n_valid);
            let value = &entry.value;
            self.emit(value, failed);
            if is_nullable(&entry.ty) && !is_nullable(&value.ty) {
                if value.ty == Type::Null {
                    self.push_const(&Const::Null, &entry.ty);
                } else {
                    self.f.ins().i32_const(1);
                }
            }
            let locals = self.locals(&entry.ty);
            self.f.set_all(&locals);
            let address = group.values + entry.place as u32 * VALUE_BYTES;
            self.store_slots(&entry.ty, address, &locals);
        }
    }
}
