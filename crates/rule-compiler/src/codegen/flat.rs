//! Tests of all items of lists in one loop over the batch, before the loop over the rows.
//!
//! Where lists are short, a loop for each of them mostly costs the branch at its end, which goes another way for every
//! row. So what `exists`, `all` and `exists_one` test, if every row asks for it and it depends on the item alone, is
//! computed for the items of all rows, without a branch that depends on them; kept is how many items passed up to each
//! one, and the row compares two of these numbers. Batches with long lists, where a loop can stop early, have none.

use super::expression::{RowCode, at};
use super::function::Label;
use super::group;
use super::logic::{chain, is_cheap};
use super::module::function;
use super::nested::{Span, field_index, nested_root};
use crate::ir::{Expr, ExprKind, Fold, FoldKind, Function, RuleSet};
use crate::types::Type;
use std::collections::HashMap;
use wasm_encoder::{BlockType, ValType};

/// By macro, the local with the address of its counts, or 0.
pub(super) type FlatTests = HashMap<*const Fold<Expr>, u32>;

/// Fewer rows are gone through one by one.
const MIN_ROWS: i32 = 8;

/// So many items a row, as a power of two, are the most on average.
const MAX_ITEMS_SHIFT: i32 = 4;

/// The macros that every row asks for first, and the inputs that they go over.
fn find<'e>(expr: &'e Expr, ruleset: &RuleSet, found: &mut Vec<(&'e Fold<Expr>, usize)>) {
    match &expr.kind {
        ExprKind::Not(operand) => find(operand, ruleset, found),
        ExprKind::And(..) | ExprKind::Or(..) => {
            let mut operands = Vec::new();
            chain(expr, matches!(expr.kind, ExprKind::And(..)), &mut operands);
            // What is cheap comes first, and may decide.
            if let (Some(first), false) = (
                operands.first(),
                operands.iter().any(|operand| is_cheap(operand)),
            ) {
                find(first, ruleset, found);
            }
        }
        ExprKind::Fold(fold) => {
            let is_test = matches!(
                fold.kind,
                FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne
            );
            if let (ExprKind::Input(input), Type::List(_), None, None, Some(item), true) = (
                &fold.range.kind,
                &fold.range.ty,
                fold.key,
                &fold.filter,
                fold.value,
                is_test,
            ) && is_plain(&fold.body, item)
                && nested_root(&fold.range, ruleset).is_some()
            {
                found.push((fold, *input));
            }
        }
        _ => {}
    }
}

/// Whether an expression is a few instructions on numbers of an item and constants, which can't fail.
fn is_plain(expr: &Expr, item: u32) -> bool {
    let is_number = |expr: &Expr| {
        matches!(
            expr.ty,
            Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Duration
        )
    };
    let are_plain = |operands: &[&Expr]| operands.iter().all(|operand| is_plain(operand, item));
    is_number(expr)
        && match &expr.kind {
            ExprKind::Const(_) | ExprKind::Param(_) => true,
            ExprKind::Local(local) => *local == item,
            ExprKind::Index(container, key) => match (&container.kind, &container.ty) {
                (ExprKind::Local(local), Type::Struct(fields)) => {
                    *local == item && field_index(fields, key).is_some()
                }
                _ => false,
            },
            ExprKind::Not(operand) => are_plain(&[operand]),
            ExprKind::And(a, b) | ExprKind::Or(a, b) => are_plain(&[a, b]),
            ExprKind::Compare(_, a, b) => a.ty == b.ty && are_plain(&[a, b]),
            ExprKind::Negate(a) => expr.ty == Type::Double && are_plain(&[a]),
            ExprKind::Arithmetic(_, a, b) => expr.ty == Type::Double && are_plain(&[a, b]),
            ExprKind::Call(Function::ToDouble, args) => args.iter().all(|arg| is_plain(arg, item)),
            _ => false,
        }
}

impl RowCode<'_> {
    /// Computes the tests that every row asks for, where that pays in a batch.
    pub(super) fn open_flat(&mut self, groups: &group::Plans, rows: u32) {
        let ruleset = self.ruleset;
        let mut found = Vec::new();
        for definition in &ruleset.lets {
            find(&definition.value, ruleset, &mut found);
        }
        let mut index = 0;
        while let Some(rule) = ruleset.rules.get(index) {
            if let Some((_, group)) = groups.starting_at(index) {
                index = group.end;
                continue;
            }
            if rule.table.is_none() {
                find(&rule.condition, ruleset, &mut found);
            }
            index += 1;
        }
        for (fold, input) in found {
            let counts = self.emit_counts(fold, input, rows);
            self.flat.insert(std::ptr::from_ref(fold), counts);
        }
    }

    /// How many items pass a test up to each one; gives the local with the address, which is 0 where there are none.
    fn emit_counts(&mut self, fold: &Fold<Expr>, input: usize, rows: u32) -> u32 {
        let [counts, cursor, position, end, passed] = [(); 5].map(|()| self.f.local(ValType::I32));
        let node = self.inputs[input].node.clone();
        self.f.ins().i32_const(0).local_set(counts);
        let done = self.f.block(BlockType::Empty);
        self.f.ins().local_get(rows).i32_const(MIN_ROWS).i32_lt_u();
        self.f.br_if(done);
        self.f
            .ins()
            .local_get(node.values)
            .local_get(rows)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .i32_load(at(0))
            .local_tee(end)
            .local_get(rows)
            .i32_const(MAX_ITEMS_SHIFT)
            .i32_shl()
            .i32_gt_u();
        self.f.br_if(done);
        self.f
            .ins()
            .local_get(end)
            .i32_const(2)
            .i32_shl()
            .i32_const(4)
            .i32_add()
            .i32_const(8);
        self.f
            .call(function::ALLOCATE)
            .local_tee(counts)
            .local_tee(cursor)
            .i32_const(0)
            .i32_store(at(0));
        self.f.ins().i32_const(0).local_set(position);
        self.f.ins().i32_const(0).local_set(passed);
        self.f.ins().local_get(end).i32_eqz();
        self.f.br_if(done);
        let next = self.f.loop_();
        let items = Span::of_batch(&node, &fold.range.ty, position, end);
        if let Some(item) = fold.value {
            self.bind_value_at(&items, item, position);
        }
        self.emit_plain(&fold.body, done);
        self.f
            .ins()
            .local_get(passed)
            .i32_add()
            .local_set(passed)
            .local_get(cursor)
            .i32_const(4)
            .i32_add()
            .local_tee(cursor)
            .local_get(passed)
            .i32_store(at(0));
        self.f
            .ins()
            .local_get(position)
            .i32_const(1)
            .i32_add()
            .local_tee(position)
            .local_get(end)
            .i32_lt_u();
        self.f.br_if(next);
        self.f.end();
        self.f.end();
        counts
    }

    /// `&&` and `||` without branches, anything else as it is.
    fn emit_plain(&mut self, expr: &Expr, on_error: Label) {
        match &expr.kind {
            ExprKind::And(a, b) => {
                self.emit_plain(a, on_error);
                self.emit_plain(b, on_error);
                self.f.ins().i32_and();
            }
            ExprKind::Or(a, b) => {
                self.emit_plain(a, on_error);
                self.emit_plain(b, on_error);
                self.f.ins().i32_or();
            }
            ExprKind::Not(operand) => {
                self.emit_plain(operand, on_error);
                self.f.ins().i32_eqz();
            }
            _ => self.emit(expr, on_error),
        }
    }

    /// Pushes what a macro says of the items from `start` to `end`.
    pub(super) fn push_counted(&mut self, kind: FoldKind, counts: u32, (start, end): (u32, u32)) {
        let push_count = |code: &mut Self, position: u32| {
            code.f
                .ins()
                .local_get(counts)
                .local_get(position)
                .i32_const(2)
                .i32_shl()
                .i32_add()
                .i32_load(at(0));
        };
        push_count(self, end);
        push_count(self, start);
        let mut ins = self.f.ins();
        match kind {
            FoldKind::All => ins
                .i32_sub()
                .local_get(end)
                .local_get(start)
                .i32_sub()
                .i32_eq(),
            FoldKind::ExistsOne => ins.i32_sub().i32_const(1).i32_eq(),
            _ => ins.i32_ne(),
        };
    }
}
