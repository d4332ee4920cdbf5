//! Expressions that stand in several places of a rule set: the row's value is computed where it is first needed, and kept.
//!
//! They are pure, so that their value or error is the same everywhere. What nothing asks for is not computed: operands
//! that `&&` or `?:` skip stay skipped. Code that explains computes everything where it stands.

use super::expression::RowCode;
use super::function::Label;
use super::group;
use super::layout::is_cell;
use crate::dump;
use crate::ir::{Expr, ExprKind, Function, RuleSet};
use crate::types::Type;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use wasm_encoder::{BlockType, ValType};

/// Where the value of the row is kept.
pub(super) struct SharedValue {
    /// 0: not computed; 1: computed; else 1 and the number of its error
    state: u32,
    locals: Vec<u32>,
}

/// The values that a function keeps, by the expressions that have them.
pub(super) type SharedValues = HashMap<*const Expr, Rc<SharedValue>>;

const COMPUTED: i32 = 1;

/// The expressions that have the same value, where it is worth keeping.
pub(super) fn find<'e>(ruleset: &'e RuleSet, groups: &'e group::Plans) -> Vec<Vec<&'e Expr>> {
    let mut finder = Finder {
        ruleset,
        numbers: HashMap::new(),
        found: Vec::new(),
    };
    for definition in &ruleset.lets {
        finder.visit(&definition.value, false);
    }
    let mut index = 0;
    while let Some(rule) = ruleset.rules.get(index) {
        if let Some((_, group)) = groups.starting_at(index) {
            for value in group.tested_values() {
                finder.visit(value, false);
            }
            index = group.end;
            continue;
        }
        let of_table = rule.table.iter().flat_map(|table| table.expressions());
        for expr in rule.expressions().chain(of_table) {
            finder.visit(expr, false);
        }
        index += 1;
    }
    let found = finder.found.into_iter();
    let worth_it = found.filter(|found| found.expressions.len() > 1 || found.is_repeated);
    worth_it.map(|found| found.expressions).collect()
}

struct Found<'e> {
    expressions: Vec<&'e Expr>,
    /// Whether a loop computes it again and again
    is_repeated: bool,
}

struct Finder<'e> {
    ruleset: &'e RuleSet,
    numbers: HashMap<String, usize>,
    found: Vec<Found<'e>>,
}

impl<'e> Finder<'e> {
    /// Notes what is worth sharing in an expression; `is_repeated`: it is in a loop.
    fn visit(&mut self, expr: &'e Expr, is_repeated: bool) {
        if is_costly(expr) && is_closed(expr) {
            let number = self.number(expr);
            self.found[number].expressions.push(expr);
            self.found[number].is_repeated |= is_repeated;
            if self.found[number].expressions.len() > 1 {
                // What it is made of is computed once with it.
                return;
            }
        }
        for operand in expr.operands() {
            let is_in_loop = match &expr.kind {
                ExprKind::Fold(fold) => !std::ptr::eq(&fold.range, operand),
                _ => false,
            };
            self.visit(operand, is_repeated || is_in_loop);
        }
    }

    fn number(&mut self, expr: &Expr) -> usize {
        let mut expr = expr.clone();
        rename(&mut expr, &mut HashMap::new());
        let key = format!("{} {}", expr.ty, dump::expression(self.ruleset, &expr));
        let number = *self.numbers.entry(key).or_insert(self.found.len());
        if number == self.found.len() {
            self.found.push(Found {
                expressions: Vec::new(),
                is_repeated: false,
            });
        }
        number
    }
}

/// Whether an expression is worth keeping: a part of it is a call or a loop. Chains of `&&` and `||` are not looked at
/// as wholes, because longer ones may have them as parts.
fn is_costly(expr: &Expr) -> bool {
    if matches!(expr.kind, ExprKind::And(..) | ExprKind::Or(..)) {
        return false;
    }
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        let is_call = match &expr.kind {
            ExprKind::Helper(..)
            | ExprKind::Fold(_)
            | ExprKind::Concat(..)
            | ExprKind::InValue(..)
            | ExprKind::IndexOptionally(..)
            | ExprKind::Dispatch(_) => true,
            ExprKind::Index(container, _) => !matches!(container.ty, Type::Struct(_)),
            ExprKind::Compare(_, a, b) => is_cell(&a.ty) || is_cell(&b.ty),
            ExprKind::Call(function, _) => !matches!(
                function,
                Function::ElementCount
                    | Function::BytesSize
                    | Function::Abs
                    | Function::Ceil
                    | Function::Floor
                    | Function::Trunc
                    | Function::Sqrt
                    | Function::IsNan
                    | Function::IsInf
                    | Function::IsFinite
                    | Function::ToDouble
                    | Function::ToInt
                    | Function::ToUint
            ),
            _ => false,
        };
        if is_call {
            return true;
        }
        pending.extend(expr.operands());
    }
    false
}

/// Whether all variables in it are its own.
fn is_closed(expr: &Expr) -> bool {
    let mut bound = HashSet::new();
    let mut used = HashSet::new();
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        match &expr.kind {
            ExprKind::Local(local) => {
                used.insert(*local);
            }
            ExprKind::Bind(local, ..) | ExprKind::MapOptional(local, ..) => {
                bound.insert(*local);
            }
            ExprKind::Fold(fold) => bound.extend(fold.key.iter().chain(&fold.value)),
            ExprKind::Dispatch(dispatch) => {
                bound.extend(dispatch.args.iter().map(|(local, _)| *local));
            }
            _ => {}
        }
        pending.extend(expr.operands());
    }
    used.is_subset(&bound)
}

/// Numbers the variables in the order in which they stand, so that equal expressions look the same.
fn rename(expr: &mut Expr, names: &mut HashMap<u32, u32>) {
    let mut rename_one = |local: &mut u32| {
        let number = names.len() as u32;
        *local = *names.entry(*local).or_insert(number);
    };
    match &mut expr.kind {
        ExprKind::Local(local) | ExprKind::Bind(local, ..) | ExprKind::MapOptional(local, ..) => {
            rename_one(local);
        }
        ExprKind::Fold(fold) => {
            fold.key
                .iter_mut()
                .chain(&mut fold.value)
                .for_each(rename_one);
        }
        ExprKind::Dispatch(dispatch) => {
            for (local, _) in &mut dispatch.args {
                rename_one(local);
            }
            for (local, _) in dispatch
                .candidates
                .iter_mut()
                .flat_map(|each| &mut each.tests)
            {
                rename_one(local);
            }
        }
        _ => {}
    }
    for operand in expr.operands_mut() {
        rename(operand, names);
    }
}

impl RowCode<'_> {
    /// Makes room for the values of expressions that are shared.
    pub(super) fn open_shared(&mut self, shared: &[Vec<&Expr>]) {
        for expressions in shared {
            let Some(first) = expressions.first() else {
                continue;
            };
            let value = Rc::new(SharedValue {
                state: self.f.local(ValType::I32),
                locals: self.locals(&first.ty),
            });
            for expr in expressions {
                let place = std::ptr::from_ref(*expr);
                self.shared.insert(place, Rc::clone(&value));
            }
        }
    }

    /// Nothing is computed yet for a row.
    pub(super) fn reset_shared(&mut self, shared: &[Vec<&Expr>]) {
        let values = shared.iter().filter_map(|expressions| expressions.first());
        for expr in values {
            if let Some(value) = self.shared.get(&std::ptr::from_ref(*expr)) {
                self.f.ins().i32_const(0).local_set(value.state);
            }
        }
    }

    /// Pushes a value that is kept, or computes and keeps it.
    pub(super) fn emit_shared(&mut self, expr: &Expr, value: &SharedValue, on_error: Label) {
        let state = value.state;
        let done = self.f.block(BlockType::Empty);
        self.f.ins().local_get(state);
        self.f.br_if(done);
        let failed = self.f.block(BlockType::Empty);
        self.emit_unshared(expr, failed);
        self.f.set_all(&value.locals);
        self.f.ins().i32_const(COMPUTED).local_set(state);
        self.f.br(done);
        let can_fail = self.f.end();
        if can_fail {
            let error = self.error;
            self.f
                .ins()
                .local_get(error)
                .i32_const(COMPUTED)
                .i32_add()
                .local_set(state);
        }
        self.f.end();
        if can_fail {
            let error = self.error;
            self.f.ins().local_get(state).i32_const(COMPUTED).i32_ne();
            self.f.if_(BlockType::Empty);
            self.f
                .ins()
                .local_get(state)
                .i32_const(COMPUTED)
                .i32_sub()
                .local_set(error);
            self.f.br(on_error);
            self.f.end();
        }
        self.f.get_all(&value.locals);
    }
}
