//! Recording the values inside conditions: which expressions are shown, and the code that stores their values.

use super::expression::{RowCode, at};
use super::layout::{inner, is_cell, is_nullable, value, value_case};
use super::logic::chain;
use super::nested::{keys_of, nested_root};
use crate::ir::{Const, Expr, ExprKind, Rule, RuleSet, Table};
use crate::types::Type;
use rulestage_diagnostics::Span;
use std::collections::HashMap;
use wasm_encoder::BlockType;

/// What a shown expression is for: the cases of `role`, with the output's number.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Number of the rule; the number of rules for a `let`
    pub(super) rule: u32,
    /// 0 condition, 1 then-output, 2 else-output, 3 definition ([`DEFINITION`])
    pub(super) role: u8,
    /// Number of the output; of the `let` for a definition; of the operand for one of a condition's, or 0
    pub(super) output: u32,
    pub(super) depth: u32,
    pub(super) span: Span,
    /// What is shown instead of the source text
    pub(super) text: Option<String>,
}

/// The role of a part of a condition.
pub(super) const CONDITION: u8 = 0;
/// The role of the definition of a `let`.
pub(super) const DEFINITION: u8 = 3;

/// All shown expressions of a rule set, and the place of each in the list.
#[derive(Debug, Default)]
pub(super) struct ShownExpressions {
    pub(super) list: Vec<Shown>,
    slots: HashMap<*const Expr, u32>,
    /// By the number of the rule: the first place for rows that match
    table_slots: HashMap<u32, u32>,
    first_of_rules: Vec<u32>,
    /// The numbers of the operands of the condition that is being added
    operands: HashMap<*const Expr, u32>,
}

impl ShownExpressions {
    /// Lets first, then each rule's condition and contributions, every tree in pre-order.
    pub(super) fn new(ruleset: &RuleSet) -> Self {
        let mut shown = Self::default();
        let n_rules = ruleset.rules.len() as u32;
        for (definition, index) in ruleset.lets.iter().zip(0..) {
            shown.add(
                ruleset,
                &definition.value,
                Shown {
                    rule: n_rules,
                    role: DEFINITION,
                    output: index,
                    depth: 0,
                    span: Span::default(),
                    text: None,
                },
            );
        }
        for (rule, index) in ruleset.rules.iter().zip(0..) {
            shown.first_of_rules.push(shown.list.len() as u32);
            shown.add_rule(ruleset, rule, index);
        }
        shown
    }

    /// Those of one rule.
    pub(super) fn of_rule(ruleset: &RuleSet, rule: &Rule) -> Self {
        let mut shown = Self::default();
        shown.add_rule(ruleset, rule, 0);
        shown
    }

    /// The place of the first one of a rule.
    pub(super) fn first_of_rule(&self, rule: usize) -> u32 {
        self.first_of_rules[rule]
    }

    fn add_rule(&mut self, ruleset: &RuleSet, rule: &Rule, index: u32) {
        let base = Shown {
            rule: index,
            role: 0,
            output: 0,
            depth: 0,
            span: Span::default(),
            text: None,
        };
        if let Some(table) = &rule.table {
            return self.add_table(ruleset, rule, table, &base);
        }
        let mut operands = Vec::new();
        chain(&rule.condition, true, &mut operands);
        self.operands = operands
            .into_iter()
            .map(std::ptr::from_ref)
            .zip(1..)
            .collect();
        self.add(ruleset, &rule.condition, base.clone());
        self.operands.clear();
        for (contributions, role) in [(&rule.then, 1), (&rule.otherwise, 2)] {
            for contribution in contributions {
                self.add(
                    ruleset,
                    &contribution.value,
                    Shown {
                        role,
                        output: contribution.output as u32,
                        ..base.clone()
                    },
                );
            }
        }
    }

    /// The header's expressions, then for each row that matches its text and what it contributes.
    fn add_table(&mut self, ruleset: &RuleSet, rule: &Rule, table: &Table<Expr>, base: &Shown) {
        for (index, column) in table.columns.iter().enumerate() {
            if index < table.n_header_columns {
                self.add(ruleset, &column.value, base.clone());
                continue;
            }
            // Of a computed test only whether it holds: the columns of the header are shown above.
            self.slots
                .insert(std::ptr::from_ref(&column.value), self.list.len() as u32);
            self.list.push(Shown {
                span: column.span,
                ..base.clone()
            });
        }
        self.table_slots.insert(base.rule, self.list.len() as u32);
        let (n_hits, n_values) = super::table::shown_hits(table);
        for _ in 0..n_hits {
            self.list.push(Shown {
                span: rule.span,
                text: Some("row".to_owned()),
                ..base.clone()
            });
            for output in table.outputs.iter().take(n_values as usize - 1) {
                self.list.push(Shown {
                    role: 1,
                    output: output.output as u32,
                    span: output.span,
                    text: Some(format!("table {}", rule.name)),
                    ..base.clone()
                });
            }
        }
    }

    fn add(&mut self, ruleset: &RuleSet, expr: &Expr, mut place: Shown) {
        let operand = self.operands.get(&std::ptr::from_ref(expr));
        place.output = operand.copied().unwrap_or(place.output);
        let is_root = place.depth == 0 || place.role == CONDITION && place.output > 0;
        let expr = match &expr.kind {
            // Inserted conversions are not in the source.
            ExprKind::Wrap(operand)
            | ExprKind::Unwrap(operand)
            | ExprKind::Convert(operand)
            | ExprKind::Assume(operand)
            | ExprKind::IfPresent(operand) => return self.add(ruleset, operand, place),
            _ => expr,
        };
        // Where rules share code, variables stand for constants.
        let is_constant = match expr.kind {
            ExprKind::Const(_) => true,
            ExprKind::Local(local) => super::group::is_constant(local),
            _ => false,
        };
        if is_constant && !is_root {
            return;
        }
        // Lists, maps and structs of the row are there to see, and would bring the code that writes JSON.
        if is_cell(&expr.ty) && !is_root && nested_root(expr, ruleset).is_some() {
            for key in keys_of(expr) {
                self.add(ruleset, key, place.clone());
            }
            return;
        }
        self.slots
            .insert(std::ptr::from_ref(expr), self.list.len() as u32);
        self.list.push(Shown {
            span: expr.span,
            ..place.clone()
        });
        let is_condition = place.role == CONDITION;
        let below = Shown {
            depth: place.depth + 1,
            output: if is_condition { 0 } else { place.output },
            ..place
        };
        // What is evaluated once for each element has no one value to show.
        let shown = match &expr.kind {
            // What several `&&` join stands side by side.
            ExprKind::And(..) | ExprKind::Or(..) => {
                let mut operands = Vec::new();
                chain(expr, matches!(expr.kind, ExprKind::And(..)), &mut operands);
                operands
            }
            ExprKind::Fold(fold) => vec![&fold.range],
            ExprKind::Dispatch(dispatch) => dispatch.args.iter().map(|(_, arg)| arg).collect(),
            _ => expr.operands(),
        };
        for operand in shown {
            self.add(ruleset, operand, below.clone());
        }
    }
}

/// Calls `visit` for an expression and everything in it.
pub(super) fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        visit(expr);
        pending.extend(expr.operands());
    }
}

/// The code being generated records values.
#[derive(Debug)]
pub(super) struct Trace {
    shown: HashMap<*const Expr, u32>,
    table_slots: HashMap<u32, u32>,
    /// Local with the address of the list of values
    pub(super) values: u32,
    /// Address of the table of failures: 12 bytes each, the first the code
    pub(super) failures: u32,
}

impl Trace {
    pub(super) fn new(shown: &ShownExpressions, values: u32, failures: u32) -> Self {
        Self {
            shown: shown.slots.clone(),
            table_slots: shown.table_slots.clone(),
            values,
            failures,
        }
    }

    /// The first place for the rows of a table that match.
    pub(super) fn table_slot(&self, rule: u32) -> Option<u32> {
        self.table_slots.get(&rule).copied()
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
        let locals = self.locals(ty);
        self.f.set_all(&locals);
        if is_cell(ty) {
            return self.trace_cell(values, base, ty, &locals);
        }
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

    /// A value of any other type is shown as JSON text; one that can't be written is not shown.
    fn trace_cell(&mut self, values: u32, base: u64, ty: &Type, locals: &[u32]) {
        self.push_boxed(ty, locals);
        let text = self.push_json();
        self.f.ins().i32_eqz();
        self.f.if_(BlockType::Empty);
        self.f
            .ins()
            .local_get(values)
            .i32_const(i32::from(value::JSON))
            .i32_store8(at(base));
        self.f
            .ins()
            .local_get(values)
            .i32_const(text as i32)
            .i64_load(at(0))
            .i64_store(at(base + value::PAYLOAD));
        self.f.end();
        self.f.get_all(locals);
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

/// The elements of a contribution of list type that is written out.
pub(super) fn list_items(expr: &Expr) -> Option<ListItems<'_>> {
    let is_certain = |item: &Expr| !matches!(item.kind, ExprKind::IfPresent(_));
    match &expr.kind {
        ExprKind::Const(Const::List(items)) => Some(ListItems::Constants(items)),
        ExprKind::List(items) if items.iter().all(is_certain) => {
            Some(ListItems::Expressions(items))
        }
        _ => None,
    }
}
