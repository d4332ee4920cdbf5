//! `&&`, `||`, `??` and `in`.

use super::case::Case;
use super::compare::is_short;
use super::expression::{RowCode, at, literal_bytes};
use super::function::Label;
use super::layout::{inner, is_cell, is_nullable, slots};
use crate::ir::{CompareOp, Expr, ExprKind, Function};
use crate::types::Type;
use rulestage_sort::sort_by_key;
use wasm_encoder::{BlockType, ValType};

/// Whether it costs about as much as a branch.
pub(super) fn is_cheap(expr: &Expr) -> bool {
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
        ExprKind::Call(Function::StartsWith | Function::EndsWith, args) => match &args[..] {
            [text, affix] => is_leaf(text) && literal_bytes(affix).is_some_and(is_short),
            _ => false,
        },
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
pub(super) fn chain<'e>(expr: &'e Expr, and: bool, operands: &mut Vec<&'e Expr>) {
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
    /// `&&` is false where one operand is, else an error where one is; `||` likewise with true.
    pub(super) fn emit_chain(&mut self, expr: &Expr, and: bool, on_error: Label) {
        let mut operands = Vec::new();
        chain(expr, and, &mut operands);
        self.emit_operands_of(operands, and, on_error);
    }

    /// Likewise of operands, at least one.
    pub(super) fn emit_operands_of(
        &mut self,
        mut operands: Vec<&Expr>,
        and: bool,
        on_error: Label,
    ) {
        let fails: Vec<bool> = operands
            .iter()
            .map(|operand| self.can_fail(operand))
            .collect();
        let anything_fails = fails.iter().any(|fails| *fails);
        if self.trace.is_none() && !anything_fails {
            // Nothing can be seen of the order, so what is cheap goes first, and without branches.
            sort_by_key(&mut operands, |operand| !is_cheap(operand));
        }
        let can_go_together = |(operand, fails): (&&Expr, &bool)| is_cheap(operand) && !fails;
        let n_cheap = match (&self.trace, anything_fails) {
            (Some(_), _) => 0,
            (None, false) => operands.iter().filter(|operand| is_cheap(operand)).count(),
            (None, true) => operands
                .iter()
                .zip(&fails)
                .take_while(|operand| can_go_together(*operand))
                .count(),
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
                    self.keep_error(pending);
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
            self.raise_pending(pending, on_error);
        }
        self.f.ins().drop().i32_const(1 - decided);
        self.f.end();
    }

    /// Keeps the error in a local, unless one is there already: an operand that comes later may still decide.
    pub(super) fn keep_error(&mut self, pending: u32) {
        let error = self.error;
        self.unless(pending, |code| {
            code.f.ins().local_get(error).local_set(pending);
        });
    }

    /// Goes to `on_error` with the error that was kept, if there is one.
    pub(super) fn raise_pending(&mut self, pending: u32, on_error: Label) {
        let error = self.error;
        self.f.ins().local_get(pending);
        self.f.if_(BlockType::Empty);
        self.f.ins().local_get(pending).local_set(error);
        self.f.br(on_error);
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
    pub(super) fn emit_coalesce(&mut self, a: &Expr, b: &Expr, ty: &Type, on_error: Label) {
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

    pub(super) fn emit_in(&mut self, item: &Expr, items: &[Expr], on_error: Label) {
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
                    None => code.bytes_equal_in_case(pointer, literal, Case::Same),
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
}
