//! Recording the values inside conditions: which expressions are shown, and the code that stores their values.

use super::expression::{RowCode, at};
use super::layout::{inner, is_nullable, value, value_case};
use crate::ir::{Const, Expr, ExprKind, RuleSet};
use crate::types::Type;
use rulestage_diagnostics::Span;
use std::collections::HashMap;
use wasm_encoder::BlockType;

/// What a shown expression is for: the cases of `role`, with the output's number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Number of the rule; the number of rules for a `let`
    pub(super) rule: u32,
    /// 0 condition, 1 then-output, 2 else-output, 3 definition ([`DEFINITION`])
    pub(super) role: u8,
    /// Number of the output; of the `let` for a definition
    pub(super) output: u32,
    pub(super) depth: u32,
    pub(super) span: Span,
}

/// The role of the definition of a `let`.
pub(super) const DEFINITION: u8 = 3;

/// All shown expressions of a rule set, and the place of each in the list.
#[derive(Debug, Default)]
pub(super) struct ShownExpressions {
    pub(super) list: Vec<Shown>,
    slots: HashMap<*const Expr, u32>,
}

impl ShownExpressions {
    /// Lets first, then each rule's condition and contributions, every tree in pre-order.
    pub(super) fn new(ruleset: &RuleSet) -> Self {
        let mut shown = Self::default();
        let n_rules = ruleset.rules.len() as u32;
        for (definition, index) in ruleset.lets.iter().zip(0..) {
            shown.add(
                &definition.value,
                Shown {
                    rule: n_rules,
                    role: DEFINITION,
                    output: index,
                    depth: 0,
                    span: Span::default(),
                },
            );
        }
        for (rule, index) in ruleset.rules.iter().zip(0..) {
            let base = Shown {
                rule: index,
                role: 0,
                output: 0,
                depth: 0,
                span: Span::default(),
            };
            shown.add(&rule.condition, base);
            for (contributions, role) in [(&rule.then, 1), (&rule.otherwise, 2)] {
                for contribution in contributions {
                    shown.add(
                        &contribution.value,
                        Shown {
                            role,
                            output: contribution.output as u32,
                            ..base
                        },
                    );
                }
            }
        }
        shown
    }

    fn add(&mut self, expr: &Expr, place: Shown) {
        let (expr, is_root) = match &expr.kind {
            // Inserted conversions are not in the source.
            ExprKind::Wrap(operand) | ExprKind::Unwrap(operand) => return self.add(operand, place),
            _ => (expr, place.depth == 0),
        };
        if matches!(expr.kind, ExprKind::Const(_)) && !is_root {
            return;
        }
        self.slots
            .insert(std::ptr::from_ref(expr), self.list.len() as u32);
        self.list.push(Shown {
            span: expr.span,
            ..place
        });
        let below = Shown {
            depth: place.depth + 1,
            ..place
        };
        for operand in operands(expr) {
            self.add(operand, below);
        }
    }
}

fn operands(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Input(_) | ExprKind::Param(_) | ExprKind::Let(_) => {
            Vec::new()
        }
        ExprKind::Not(a) | ExprKind::Negate(a) | ExprKind::Unwrap(a) | ExprKind::Wrap(a) => vec![a],
        ExprKind::Arithmetic(_, a, b)
        | ExprKind::Concat(a, b)
        | ExprKind::Compare(_, a, b)
        | ExprKind::And(a, b)
        | ExprKind::Or(a, b)
        | ExprKind::Coalesce(a, b) => vec![a, b],
        ExprKind::Conditional(a, b, c) => vec![a, b, c],
        ExprKind::In(item, items) => std::iter::once(&**item).chain(items).collect(),
        ExprKind::Call(_, items) | ExprKind::List(items) => items.iter().collect(),
    }
}

/// Calls `visit` for an expression and everything in it.
pub(super) fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        visit(expr);
        pending.extend(operands(expr));
    }
}

/// The code being generated records values.
#[derive(Debug)]
pub(super) struct Trace {
    shown: HashMap<*const Expr, u32>,
    /// Local with the address of the list of values
    pub(super) values: u32,
    /// Address of the table of failures: 12 bytes each, the first the code
    pub(super) failures: u32,
}

impl Trace {
    pub(super) fn new(shown: &ShownExpressions, values: u32, failures: u32) -> Self {
        Self {
            shown: shown.slots.clone(),
            values,
            failures,
        }
    }

    /// The place of an expression in the list of values.
    pub(super) fn slot_of(&self, expr: &Expr) -> Option<u32> {
        self.shown.get(&std::ptr::from_ref(expr)).copied()
    }
}

impl RowCode<'_> {
    /// Notes that an expression failed with the error in the error local.
    pub(super) fn trace_error(&mut self, slot: u32) {
        let Some(trace) = &self.trace else { return };
        let (values, failures, error) = (trace.values, trace.failures, self.error);
        let base = u64::from(slot * value::SIZE);
        self.f
            .ins()
            .local_get(values)
            .i32_const(i32::from(value::ERROR))
            .i32_store8(at(base));
        self.f
            .ins()
            .local_get(values)
            .local_get(error)
            .i32_const(12)
            .i32_mul()
            .i32_load8_u(at(u64::from(failures)));
        self.f.ins().i32_store8(at(base + value::PAYLOAD));
    }

    /// Notes the value on the stack, and leaves it there.
    pub(super) fn trace_value(&mut self, slot: u32, ty: &Type) {
        let Some(trace) = &self.trace else { return };
        let values = trace.values;
        let base = u64::from(slot * value::SIZE);
        if matches!(ty, Type::List(_)) {
            // Its elements are shown one by one.
            return;
        }
        let locals = self.locals(ty);
        self.f.set_all(&locals);
        self.f.ins().local_get(values);
        match (is_nullable(ty), locals.last()) {
            (true, Some(present)) => self
                .f
                .ins()
                .i32_const(i32::from(value_case(ty)))
                .i32_const(i32::from(value::NULL))
                .local_get(*present)
                .select(),
            _ => self.f.ins().i32_const(i32::from(value_case(ty))),
        };
        self.f.ins().i32_store8(at(base));
        self.store_payload(
            values,
            base + value::PAYLOAD,
            base + value::TEXT_LENGTH,
            base + value::SECOND,
            inner(ty),
            &locals,
        );
        self.f.get_all(&locals);
    }

    fn store_payload(
        &mut self,
        address: u32,
        payload: u64,
        length: u64,
        second: u64,
        ty: &Type,
        locals: &[u32],
    ) {
        let mut ins = self.f.ins();
        match ty {
            Type::Bool => ins
                .local_get(address)
                .local_get(locals[0])
                .i32_store8(at(payload)),
            Type::Double => ins
                .local_get(address)
                .local_get(locals[0])
                .f64_store(at(payload)),
            Type::Int | Type::Uint | Type::Duration => ins
                .local_get(address)
                .local_get(locals[0])
                .i64_store(at(payload)),
            Type::String | Type::Bytes => ins
                .local_get(address)
                .local_get(locals[0])
                .i32_store(at(payload))
                .local_get(address)
                .local_get(locals[1])
                .i32_store(at(length)),
            Type::Timestamp => ins
                .local_get(address)
                .local_get(locals[0])
                .i64_store(at(payload))
                .local_get(address)
                .local_get(locals[1])
                .i32_store(at(second)),
            _ => ins.nop(),
        };
    }

    /// Runs code only when the local is 0; used where a first value must not be replaced.
    pub(super) fn unless(&mut self, local: u32, code: impl FnOnce(&mut Self)) {
        self.f.ins().local_get(local).i32_eqz();
        self.f.if_(BlockType::Empty);
        code(self);
        self.f.end();
    }
}

/// A list literal's elements, whether it is constant or not.
pub(super) enum ListItems<'e> {
    /// Known elements
    Constants(&'e [Const]),
    /// Elements to evaluate
    Expressions(&'e [Expr]),
}

/// The elements of a contribution of list type.
pub(super) fn list_items(expr: &Expr) -> Option<ListItems<'_>> {
    match &expr.kind {
        ExprKind::Const(Const::List(items)) => Some(ListItems::Constants(items)),
        ExprKind::List(items) => Some(ListItems::Expressions(items)),
        _ => None,
    }
}
