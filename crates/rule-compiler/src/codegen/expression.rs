//! Expressions: each pushes the slots of its value, or branches to a label with the error's number in a local.

use super::failure;
use super::flat::FlatTests;
use super::function::{FunctionBuilder, Label};
use super::layout::{is_cell, is_fallible_input, is_nullable, slots};
use super::module::ModuleBuilder;
use super::nested::{Node, Place};
use super::shared::SharedValues;
use super::trace::Trace;
use crate::ir::{ArithmeticOp, Const, Expr, ExprKind, FoldKind, Function, RuleSet};
use crate::types::Type;
use std::collections::HashMap;
use std::rc::Rc;
use wasm_encoder::{BlockType, Ieee64, MemArg, MemArgTarget, ValType};

/// Code for one row: where its inputs, parameters and lets are.
pub(super) struct RowCode<'a> {
    pub(super) ruleset: &'a RuleSet,
    pub(super) module: &'a mut ModuleBuilder,
    pub(super) f: FunctionBuilder,
    /// The number of the row
    pub(super) row: u32,
    /// Where an error's number is put before branching
    pub(super) error: u32,
    pub(super) inputs: Vec<InputAccess>,
    /// Slots of each parameter
    pub(super) params: Vec<Vec<u32>>,
    /// Slots of each let, and the number of its error where it can fail
    pub(super) lets: Vec<(Vec<u32>, Option<u32>)>,
    /// The same of each variable of a macro
    pub(super) variables: HashMap<u32, (Vec<u32>, Option<u32>)>,
    /// Variables whose values are read from the arrays of an input, part by part
    pub(super) places: HashMap<u32, Place>,
    /// Where values are kept that several expressions have
    pub(super) shared: SharedValues,
    /// For tests of all items of the batch: the address of how many pass up to each item, or 0
    pub(super) flat: FlatTests,
    /// Records intermediate values, when explaining
    pub(super) trace: Option<Trace>,
}

/// Where the values of an input are.
#[derive(Debug, Clone, Default)]
pub(super) struct InputAccess {
    /// Its arrays
    pub(super) node: Rc<Node>,
    /// The row's value, where it is loaded once per row
    pub(super) cached: Option<Vec<u32>>,
    /// What short texts are compared by, where there is such a thing
    pub(super) key: Option<u32>,
    /// The number of its error, where it or a part of it is read from JSON text
    pub(super) error: Option<u32>,
}

/// A memory operand at an offset, without a promise of alignment.
pub(super) fn at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: MemArgTarget::Memory(0),
        ordering: None,
    }
}

impl RowCode<'_> {
    /// Whether evaluating can end in an error.
    pub(super) fn can_fail(&self, expr: &Expr) -> bool {
        let any = |operands: &[&Expr]| operands.iter().any(|operand| self.can_fail(operand));
        match &expr.kind {
            ExprKind::Const(_) | ExprKind::Param(_) => false,
            ExprKind::Input(index) => is_fallible_input(&self.ruleset.inputs[*index].ty),
            // Lets come after the ones they use, whose code is there already.
            ExprKind::Let(index) => self.lets[*index].1.is_some(),
            ExprKind::Unwrap(_) => true,
            ExprKind::Not(operand) | ExprKind::Wrap(operand) => self.can_fail(operand),
            ExprKind::Negate(operand) => expr.ty != Type::Double || self.can_fail(operand),
            ExprKind::Arithmetic(_, a, b) => expr.ty != Type::Double || any(&[a, b]),
            ExprKind::Compare(_, a, b) => is_cell(&a.ty) || is_cell(&b.ty) || any(&[a, b]),
            ExprKind::Concat(a, b) | ExprKind::And(a, b) | ExprKind::Or(a, b) => any(&[a, b]),
            ExprKind::Conditional(c, a, b) => any(&[c, a, b]),
            ExprKind::Coalesce(_, b) => self.can_fail(b),
            ExprKind::In(item, items) => {
                self.can_fail(item) || items.iter().any(|item| self.can_fail(item))
            }
            ExprKind::List(items) => items.iter().any(|item| self.can_fail(item)),
            // Only those of a `Bind` can fail, and only inside of it, where its code is there already.
            ExprKind::Local(local) => {
                let kept = self.variables.get(local);
                kept.is_some_and(|(_, error)| error.is_some())
            }
            ExprKind::Index(container, _) if matches!(container.ty, Type::Struct(_)) => {
                self.can_fail(container)
            }
            ExprKind::Map(_)
            | ExprKind::Index(..)
            | ExprKind::IndexOptionally(..)
            | ExprKind::Has(..)
            | ExprKind::InValue(..)
            | ExprKind::Helper(..)
            | ExprKind::Dispatch(_) => true,
            ExprKind::Bind(_, a, b) | ExprKind::MapOptional(_, a, b) => any(&[a, b]),
            ExprKind::OptionalOr(a, b) | ExprKind::OptionalOrValue(a, b) => any(&[a, b]),
            ExprKind::IfPresent(operand) | ExprKind::Assume(operand) => self.can_fail(operand),
            ExprKind::Convert(operand) => {
                !crate::check::covers(&expr.ty, &operand.ty) || self.can_fail(operand)
            }
            ExprKind::Fold(fold) => {
                fold.range.ty == Type::Dyn
                    || matches!(fold.kind, FoldKind::Entries | FoldKind::Min | FoldKind::Max)
                    || fold.kind == FoldKind::Sum && expr.ty != Type::Double
                    || any(&[&fold.range, &fold.body])
                    || fold.filter.iter().any(|filter| self.can_fail(filter))
            }
            ExprKind::Call(function, arguments) => {
                let conversion_fails = match function {
                    Function::ToInt => !matches!(arguments[0].ty, Type::Int | Type::Timestamp),
                    Function::ToUint => arguments[0].ty != Type::Uint,
                    Function::ToDouble => arguments[0].ty == Type::String,
                    Function::ToString => arguments[0].ty == Type::Bytes,
                    Function::ToBool => arguments[0].ty != Type::Bool,
                    Function::ToTimestamp => arguments[0].ty != Type::Timestamp,
                    Function::ToDuration => arguments[0].ty != Type::Duration,
                    Function::OptionalValue => true,
                    _ => false,
                };
                conversion_fails || arguments.iter().any(|argument| self.can_fail(argument))
            }
        }
    }

    /// New locals for a value of a type.
    pub(super) fn locals(&mut self, ty: &Type) -> Vec<u32> {
        slots(ty)
            .into_iter()
            .map(|slot| self.f.local(slot))
            .collect()
    }

    /// Evaluates into new locals.
    pub(super) fn emit_to_locals(&mut self, expr: &Expr, on_error: Label) -> Vec<u32> {
        self.emit(expr, on_error);
        let locals = self.locals(&expr.ty);
        self.f.set_all(&locals);
        locals
    }

    /// Pushes the value of an expression; an error goes to `on_error`.
    pub(super) fn emit(&mut self, expr: &Expr, on_error: Label) {
        match self.trace.as_ref().and_then(|trace| trace.slot_of(expr)) {
            None => self.emit_untraced(expr, on_error),
            Some(slot) => {
                let results = self.module.block_type(&slots(&expr.ty));
                if self.can_fail(expr) {
                    let done = self.f.block(results);
                    let failed = self.f.block(BlockType::Empty);
                    self.emit_untraced(expr, failed);
                    self.f.br(done);
                    self.f.end();
                    self.trace_error(slot);
                    self.f.br(on_error);
                    self.f.end();
                } else {
                    self.emit_untraced(expr, on_error);
                }
                self.trace_value(slot, &expr.ty);
            }
        }
    }

    fn emit_untraced(&mut self, expr: &Expr, on_error: Label) {
        match self.shared.get(&std::ptr::from_ref(expr)).cloned() {
            Some(value) => self.emit_shared(expr, &value, on_error),
            None => self.emit_unshared(expr, on_error),
        }
    }

    /// The value of an expression, computed where it stands.
    pub(super) fn emit_unshared(&mut self, expr: &Expr, on_error: Label) {
        if self.emit_from_place(expr, on_error) {
            return;
        }
        match &expr.kind {
            ExprKind::Const(constant) => self.push_const(constant, &expr.ty),
            ExprKind::Input(index) => self.push_input(*index, on_error),
            ExprKind::Param(index) => {
                let locals = self.params[*index].clone();
                self.f.get_all(&locals);
            }
            ExprKind::Let(index) => {
                let kept = self.lets[*index].clone();
                self.push_kept(&kept, on_error);
            }
            ExprKind::Local(local) => {
                let kept = self.variables.get(local).cloned().unwrap_or_default();
                self.push_kept(&kept, on_error);
            }
            ExprKind::Bind(local, value, body) => {
                let kept = self.emit_kept(value);
                self.variables.insert(*local, kept);
                self.emit(body, on_error);
            }
            ExprKind::Not(operand) => {
                self.emit(operand, on_error);
                self.f.ins().i32_eqz();
            }
            ExprKind::Negate(operand) => self.emit_negate(operand, on_error),
            ExprKind::Arithmetic(op, a, b) => self.emit_arithmetic(*op, a, b, &expr.ty, on_error),
            ExprKind::Concat(a, b) => self.emit_concat(a, b, on_error),
            ExprKind::Compare(op, a, b) => self.emit_compare(*op, a, b, on_error),
            ExprKind::And(..) => self.emit_chain(expr, true, on_error),
            ExprKind::Or(..) => self.emit_chain(expr, false, on_error),
            ExprKind::Conditional(condition, then, otherwise) => {
                self.emit(condition, on_error);
                let results = self.module.block_type(&slots(&expr.ty));
                self.f.if_(results);
                self.emit(then, on_error);
                self.f.else_();
                self.emit(otherwise, on_error);
                self.f.end();
            }
            ExprKind::Coalesce(a, b) => self.emit_coalesce(a, b, &expr.ty, on_error),
            ExprKind::In(item, items) => self.emit_in(item, items, on_error),
            ExprKind::Unwrap(operand) => {
                let locals = self.emit_to_locals(operand, on_error);
                let Some((present, value)) = locals.split_last() else {
                    return self.fail(failure::NO_SUCH_OVERLOAD, on_error);
                };
                self.f.ins().local_get(*present).i32_eqz();
                self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
                self.f.get_all(value);
            }
            ExprKind::Wrap(operand) => {
                self.emit(operand, on_error);
                if operand.ty == Type::Null {
                    self.push_const(&Const::Null, &expr.ty);
                } else if !is_nullable(&operand.ty) {
                    self.f.ins().i32_const(1);
                }
            }
            ExprKind::Call(function, arguments) => {
                self.emit_call(*function, arguments, &expr.ty, on_error);
            }
            ExprKind::Helper(name, arguments) => {
                self.emit_helper(name, arguments, &expr.ty, on_error);
            }
            ExprKind::List(items) => self.emit_list(expr, items, on_error),
            ExprKind::Map(entries) => self.emit_map(expr, entries, on_error),
            // Its list or map reads it.
            ExprKind::IfPresent(optional) => self.emit(optional, on_error),
            ExprKind::Convert(operand) => self.emit_convert(operand, &expr.ty, on_error),
            ExprKind::Assume(operand) => self.emit_assume(operand, &expr.ty, on_error),
            ExprKind::Index(container, index) => {
                self.emit_index(container, index, &expr.ty, on_error);
            }
            ExprKind::IndexOptionally(container, index) => {
                self.emit_cells_helper(
                    "value_index_optionally",
                    container,
                    index,
                    &expr.ty,
                    on_error,
                );
            }
            ExprKind::Has(container, key) => self.emit_has(container, key, on_error),
            ExprKind::InValue(item, container) => {
                self.emit_cells_helper("value_in", item, container, &Type::Bool, on_error);
            }
            ExprKind::Fold(fold) => self.emit_fold(fold, on_error),
            ExprKind::OptionalOr(a, b) => self.emit_optional_or(a, b, on_error),
            ExprKind::OptionalOrValue(a, b) => {
                self.emit_optional_or_value(a, b, &expr.ty, on_error);
            }
            ExprKind::MapOptional(local, optional, body) => {
                self.emit_map_optional(*local, optional, body, on_error);
            }
            ExprKind::Dispatch(dispatch) => self.emit_dispatch(dispatch, &expr.ty, on_error),
        }
    }

    pub(super) fn push_const(&mut self, constant: &Const, ty: &Type) {
        if is_cell(ty) && !is_nullable(ty) {
            return self.push_cell(constant);
        }
        if let Type::Nullable(inner) = ty {
            if *constant == Const::Null {
                for slot in slots(inner) {
                    self.push_zero(slot);
                }
                self.f.ins().i32_const(0);
            } else {
                self.push_const(constant, inner);
                self.f.ins().i32_const(1);
            }
            return;
        }
        match constant {
            Const::Null
            | Const::Decimal(_)
            | Const::List(_)
            | Const::Map(_)
            | Const::Type(_)
            | Const::Optional(_) => {}
            Const::Bool(value) => {
                self.f.ins().i32_const(i32::from(*value));
            }
            Const::Int(value) | Const::Duration(value) => {
                self.f.ins().i64_const(*value);
            }
            Const::Uint(value) => {
                self.f.ins().i64_const(*value as i64);
            }
            Const::Double(value) => {
                self.f.ins().f64_const(Ieee64::from(*value));
            }
            Const::String(text) => self.push_literal(text.as_bytes()),
            Const::Bytes(bytes) => self.push_literal(bytes),
            Const::Timestamp(seconds, nanos) => {
                self.f.ins().i64_const(*seconds).i32_const(*nanos as i32);
            }
        }
    }

    pub(super) fn push_literal(&mut self, bytes: &[u8]) {
        let address = self.module.data.intern(bytes);
        self.f
            .ins()
            .i32_const(address as i32)
            .i32_const(bytes.len() as i32);
    }

    pub(super) fn push_zero(&mut self, slot: ValType) {
        match slot {
            ValType::I64 => self.f.ins().i64_const(0),
            ValType::F64 => self.f.ins().f64_const(Ieee64::from(0.0)),
            _ => self.f.ins().i32_const(0),
        };
    }

    /// Branches with an error.
    pub(super) fn fail(&mut self, status: i32, on_error: Label) {
        self.module.note_failure(status);
        let error = self.error;
        self.f.ins().i32_const(status).local_set(error);
        self.f.br(on_error);
        self.f.ins().unreachable();
    }

    /// Branches with an error where the condition on the stack holds.
    pub(super) fn fail_if(&mut self, status: i32, on_error: Label) {
        self.module.note_failure(status);
        let error = self.error;
        self.f.if_(BlockType::Empty);
        self.f.ins().i32_const(status).local_set(error);
        self.f.br(on_error);
        self.f.end();
    }

    /// Branches where the status on the stack, which a helper gave, is an error.
    pub(super) fn fail_with_status(&mut self, on_error: Label) {
        self.module.note_all_failures();
        let error = self.error;
        self.f.ins().local_tee(error);
        self.f.br_if(on_error);
    }

    fn emit_negate(&mut self, operand: &Expr, on_error: Label) {
        self.emit(operand, on_error);
        if operand.ty == Type::Double {
            self.f.ins().f64_neg();
            return;
        }
        let status = if operand.ty == Type::Duration {
            failure::DURATION_RANGE
        } else {
            failure::INTEGER_OVERFLOW
        };
        let value = self.f.local(ValType::I64);
        self.f.ins().local_tee(value).i64_const(i64::MIN).i64_eq();
        self.fail_if(status, on_error);
        self.f.ins().i64_const(0).local_get(value).i64_sub();
    }

    /// Addition for merges, on values in locals; pushes the sum.
    pub(super) fn add_locals(&mut self, ty: &Type, a: &[u32], b: &[u32], on_error: Label) {
        match ty {
            Type::Double => {
                self.f.ins().local_get(a[0]).local_get(b[0]).f64_add();
            }
            Type::Decimal => {
                self.f.ins().local_get(a[0]).local_get(b[0]);
                self.call_helper("decimal_add", ty, on_error);
            }
            _ => self.checked_arithmetic(ArithmeticOp::Add, ty, a[0], b[0], on_error),
        }
    }
}

/// The bytes of a text or binary literal.
pub(super) fn literal_bytes(expr: &Expr) -> Option<&[u8]> {
    match &expr.kind {
        ExprKind::Const(Const::String(text)) => Some(text.as_bytes()),
        ExprKind::Const(Const::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}
