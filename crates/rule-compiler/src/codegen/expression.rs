//! Expressions: each pushes the slots of its value, or branches to a label with the error's number in a local.

use super::compare::is_short;
use super::failure;
use super::function::{FunctionBuilder, Label};
use super::layout::{inner, is_cell, is_fallible_input, is_nullable, slots};
use super::module::ModuleBuilder;
use super::nested::{Node, Place};
use super::shared::SharedValues;
use super::trace::Trace;
use crate::ir::{ArithmeticOp, CompareOp, Const, Expr, ExprKind, FoldKind, Function, RuleSet};
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

/// Whether it costs about as much as a branch.
fn is_cheap(expr: &Expr) -> bool {
    let is_known = |expr: &Expr| {
        matches!(
            expr.kind,
            ExprKind::Const(_)
                | ExprKind::Input(_)
                | ExprKind::Param(_)
                | ExprKind::Let(_)
                | ExprKind::Local(_)
        )
    };
    let is_leaf = |expr: &Expr| {
        let is_field = match &expr.kind {
            ExprKind::Index(value, _) => matches!(value.ty, Type::Struct(_)) && is_known(value),
            _ => false,
        };
        (is_field || is_known(expr)) && !is_cell(&expr.ty)
    };
    match &expr.kind {
        ExprKind::Not(operand) => is_cheap(operand),
        ExprKind::Compare(op, a, b) => {
            let is_number = matches!(
                a.ty,
                Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Duration
            );
            let is_equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
            let has_short_text = || {
                [a, b]
                    .into_iter()
                    .filter_map(|each| literal_bytes(each))
                    .any(is_short)
            };
            a.ty == b.ty
                && (is_number || is_equality && has_short_text())
                && is_leaf(a)
                && is_leaf(b)
        }
        ExprKind::In(item, items) => {
            let literals: Option<Vec<&[u8]>> = items.iter().map(literal_bytes).collect();
            is_leaf(item) && literals.is_some_and(|literals| are_few_and_short(&literals))
        }
        _ => is_leaf(expr),
    }
}

/// Whether a text is looked for among these without a branch.
fn are_few_and_short(literals: &[&[u8]]) -> bool {
    const MAX_LITERALS: usize = 8;
    literals.len() <= MAX_LITERALS && literals.iter().all(|literal| is_short(literal))
}

/// The operands of a chain of `&&` (or `||`), left to right, without recursion along the chain.
fn chain<'e>(expr: &'e Expr, and: bool, operands: &mut Vec<&'e Expr>) {
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        match &expr.kind {
            ExprKind::And(a, b) if and => pending.extend([&**b, &**a]),
            ExprKind::Or(a, b) if !and => pending.extend([&**b, &**a]),
            _ => operands.push(expr),
        }
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
                    || fold.kind == FoldKind::Entries
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

    /// `&&` is false where one operand is, else an error where one is; `||` likewise with true.
    fn emit_chain(&mut self, expr: &Expr, and: bool, on_error: Label) {
        let mut operands = Vec::new();
        if self.trace.is_some() {
            // Every inner `&&` has a value of its own to show.
            match &expr.kind {
                ExprKind::And(a, b) | ExprKind::Or(a, b) => operands.extend([&**a, &**b]),
                _ => {}
            }
        } else {
            chain(expr, and, &mut operands);
        }
        let fails: Vec<bool> = operands
            .iter()
            .map(|operand| self.can_fail(operand))
            .collect();
        let anything_fails = fails.iter().any(|fails| *fails);
        if self.trace.is_none() && !anything_fails {
            // Nothing can be seen of the order, so what is cheap goes first, and without branches.
            operands.sort_by_key(|operand| !is_cheap(operand));
        }
        let n_cheap = if self.trace.is_none() && !anything_fails {
            operands.iter().filter(|operand| is_cheap(operand)).count()
        } else {
            0
        };
        let (cheap, rest) = operands.split_at(n_cheap);
        let decided = i32::from(!and);

        let done = if rest.is_empty() {
            None
        } else {
            Some(self.f.block(BlockType::Result(ValType::I32)))
        };
        let exit_if_decided = |code: &mut Self, done: Label| {
            if and {
                code.f.ins().i32_eqz();
            }
            code.f.br_if(done);
        };
        let Some(done) = done else {
            return self.emit_cheap(cheap, and, on_error);
        };
        self.f.ins().i32_const(decided);
        if !cheap.is_empty() {
            self.emit_cheap(cheap, and, on_error);
            exit_if_decided(self, done);
        }
        let pending = anything_fails.then(|| self.f.local(ValType::I32));
        if let Some(pending) = pending {
            self.f.ins().i32_const(0).local_set(pending);
        }
        let last = rest.len() - 1;
        for (index, operand) in rest.iter().enumerate() {
            match pending {
                Some(pending) if self.can_fail(operand) => {
                    self.f.ins().drop();
                    let next = self.f.block(BlockType::Empty);
                    let failed = self.f.block(BlockType::Empty);
                    self.f.ins().i32_const(decided);
                    self.emit(operand, failed);
                    exit_if_decided(self, done);
                    self.f.ins().drop();
                    self.f.br(next);
                    self.f.end();
                    let error = self.error;
                    self.f.ins().local_get(pending).i32_eqz();
                    self.f.if_(BlockType::Empty);
                    self.f.ins().local_get(error).local_set(pending);
                    self.f.end();
                    self.f.end();
                    self.f.ins().i32_const(decided);
                }
                None if index == last => {
                    // The last operand is the value.
                    self.f.ins().drop();
                    self.emit(operand, on_error);
                    self.f.end();
                    return;
                }
                _ => {
                    self.emit(operand, on_error);
                    exit_if_decided(self, done);
                }
            }
        }
        if let Some(pending) = pending {
            let error = self.error;
            self.f.ins().local_get(pending);
            self.f.if_(BlockType::Empty);
            self.f.ins().local_get(pending).local_set(error);
            self.f.br(on_error);
            self.f.end();
        }
        self.f.ins().drop().i32_const(1 - decided);
        self.f.end();
    }

    fn emit_cheap(&mut self, operands: &[&Expr], and: bool, on_error: Label) {
        for (index, operand) in operands.iter().enumerate() {
            self.emit(operand, on_error);
            if index > 0 {
                if and {
                    self.f.ins().i32_and();
                } else {
                    self.f.ins().i32_or();
                }
            }
        }
    }

    /// `a ?? b`
    fn emit_coalesce(&mut self, a: &Expr, b: &Expr, ty: &Type, on_error: Label) {
        let results = self.module.block_type(&slots(ty));
        let done = self.f.block(results);
        let fallback = self.f.block(BlockType::Empty);
        if a.ty == Type::Null {
            self.emit(a, fallback);
        } else {
            let value = self.emit_to_locals(a, fallback);
            if is_nullable(&a.ty) {
                let present = value[value.len() - 1];
                self.f.ins().local_get(present).i32_eqz();
                self.f.br_if(fallback);
            }
            if a.ty == Type::Dyn {
                self.f.ins().local_get(value[0]).i32_load(at(0)).i32_eqz();
                self.f.br_if(fallback);
            }
            let n_slots = slots(inner(ty)).len();
            self.f.get_all(&value[..n_slots]);
            if is_nullable(ty) {
                self.f.ins().i32_const(1);
            }
            self.f.br(done);
        }
        self.f.end();
        self.emit(b, on_error);
        if is_nullable(ty) && !is_nullable(&b.ty) {
            self.f.ins().i32_const(1);
        }
        self.f.end();
    }

    fn emit_in(&mut self, item: &Expr, items: &[Expr], on_error: Label) {
        let item_locals = self.emit_to_locals(item, on_error);
        let literals: Option<Vec<&[u8]>> = items.iter().map(|item| literal_bytes(item)).collect();
        if let ([pointer, length], Some(literals), true) = (
            &item_locals[..],
            literals,
            matches!(item.ty, Type::String | Type::Bytes),
        ) {
            return self.emit_in_literals(*pointer, *length, &literals);
        }
        let items_fail = items.iter().any(|item| self.can_fail(item));
        if items_fail {
            // An element that fails makes the list fail, wherever the item stands.
            let found = self.f.local(ValType::I32);
            self.f.ins().i32_const(0).local_set(found);
            for element in items {
                let element_locals = self.emit_to_locals(element, on_error);
                self.compare_locals(
                    CompareOp::Equal,
                    (&item.ty, &item_locals),
                    (&element.ty, &element_locals),
                );
                self.f.ins().local_get(found).i32_or().local_set(found);
            }
            self.f.ins().local_get(found);
            return;
        }
        let done = self.f.block(BlockType::Result(ValType::I32));
        self.f.ins().i32_const(1);
        for element in items {
            let element_locals = self.emit_to_locals(element, on_error);
            self.compare_locals(
                CompareOp::Equal,
                (&item.ty, &item_locals),
                (&element.ty, &element_locals),
            );
            self.f.br_if(done);
        }
        self.f.ins().drop().i32_const(0);
        self.f.end();
    }

    /// Tests the length first, then compares with the literals of that length; a few short ones without branches,
    /// which would be mispredicted.
    fn emit_in_literals(&mut self, pointer: u32, length: u32, literals: &[&[u8]]) {
        let mut by_length: std::collections::BTreeMap<usize, Vec<&[u8]>> =
            std::collections::BTreeMap::new();
        for literal in literals {
            let group = by_length.entry(literal.len()).or_default();
            if !group.contains(literal) {
                group.push(literal);
            }
        }
        let any_of = |code: &mut Self, group: &[&[u8]]| {
            let first = group.first().filter(|literal| is_short(literal));
            let first = first.map(|literal| code.load_first(pointer, literal.len()));
            for (index, literal) in group.iter().enumerate() {
                match first {
                    Some(first) => code.first_equals(first, literal),
                    None => code.bytes_equal_literal(pointer, literal),
                }
                if index > 0 {
                    code.f.ins().i32_or();
                }
            }
        };
        let has_length = |code: &mut Self, literal_length: usize| {
            let mut ins = code.f.ins();
            ins.local_get(length)
                .i32_const(literal_length as i32)
                .i32_eq();
        };
        if are_few_and_short(literals) {
            self.f.ins().i32_const(0);
            for (literal_length, group) in by_length {
                has_length(self, literal_length);
                any_of(self, &group);
                self.f.ins().i32_and().i32_or();
            }
            return;
        }
        let done = self.f.block(BlockType::Result(ValType::I32));
        for (literal_length, group) in by_length {
            has_length(self, literal_length);
            self.f.if_(BlockType::Empty);
            any_of(self, &group);
            self.f.br(done);
            self.f.end();
        }
        self.f.ins().i32_const(0);
        self.f.end();
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
