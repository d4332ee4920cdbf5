//! Tables: what each column tests, and what each row says about it.

mod outputs;

use super::Checker;
use super::unify::without_null;
use crate::ast::{self, BinaryOp, ExprKind as A, HitPolicy, LogicalOp, TestKind, UnaryOp};
use crate::ir::{CellTest, CompareOp, Const, Output, Table, TableColumn, TableRow};
use crate::typed::{self, Expr};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::cmp::Ordering;
use std::collections::HashMap;

/// How many different cells of a table may have to be computed.
const MAX_COMPUTED: usize = 1000;

/// A column of the header.
struct InputColumn<'a> {
    expr: &'a ast::Expr,
    /// The type of the constants that it is compared with; `None` where every test must be computed
    constants: Option<Type>,
    may_be_null: bool,
    is_error: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn check_table(
        &mut self,
        table: &ast::Table,
        doc: &str,
        outputs: &[Output],
    ) -> typed::Rule {
        let policy = table.hit.map_or(HitPolicy::Unique, |(policy, _)| policy);
        let mut columns: Vec<TableColumn<Expr>> = Vec::new();
        let mut inputs = Vec::new();
        for expr in &table.inputs {
            let value = self.check_expr(expr);
            let ty = self.unifier.resolve(&value.ty);
            inputs.push(InputColumn {
                expr,
                may_be_null: matches!(ty, Type::Nullable(_) | Type::Dyn),
                constants: without_null(&ty).is_ordered().then_some(ty),
                is_error: value.is_error(),
            });
            let span = expr.span;
            columns.push(TableColumn { value, span });
        }
        let mut assigned = self.check_table_outputs(table, policy, outputs);
        let mut rows = Vec::with_capacity(table.rows.len());
        let mut computed: HashMap<(usize, &str), usize> = HashMap::new();
        for (row, number) in table.rows.iter().zip(1..) {
            if !self.has_right_cells(table, policy, row) {
                continue;
            }
            let mut tests = Vec::new();
            for (index, cell) in row.cells.iter().enumerate() {
                if cell.tests.is_empty() || inputs[index].is_error {
                    continue;
                }
                if let Some(constants) = self.constant_tests(&cell.tests, &inputs[index]) {
                    tests.extend(constants.map(|constants| (index, constants)));
                    continue;
                }
                let text = cell.span.text(self.source);
                let column = match computed.get(&(index, text)) {
                    Some(column) => {
                        self.note_again(|checker| {
                            checker.computed_test(cell, &inputs[index]);
                        });
                        *column
                    }
                    None => {
                        columns.push(self.computed_test(cell, &inputs[index]));
                        computed.insert((index, text), columns.len() - 1);
                        columns.len() - 1
                    }
                };
                let is_true = CellTest::Compare(CompareOp::Equal, Const::Bool(true));
                tests.push((column, vec![is_true]));
            }
            let values = row
                .values
                .iter()
                .zip(&mut assigned)
                .map(|((value, _), column)| {
                    let value = value.as_ref()?;
                    self.table_value(value, column, outputs)
                });
            let values = values.collect();
            rows.push(TableRow {
                number,
                tests,
                values,
                span: row.span,
            });
        }
        if computed.len() > MAX_COMPUTED {
            self.report_too_many(table, "tests");
        }
        if matches!(policy, HitPolicy::Priority | HitPolicy::OutputOrder) {
            self.sort_rows(table, policy, &mut rows, &assigned);
        }
        let outputs = assigned
            .into_iter()
            .filter_map(|column| self.table_output(table, column, outputs))
            .collect();
        typed::Rule {
            name: table.name.text.clone(),
            priority: table.priority.map_or(0, |(priority, _)| priority),
            doc: doc.to_owned(),
            span: table.name.span,
            condition: Expr::new(
                typed::ExprKind::Const(Const::Bool(true)),
                Type::Bool,
                table.name.span,
            ),
            then: Vec::new(),
            otherwise: Vec::new(),
            table: Some(Box::new(Table {
                policy,
                n_header_columns: table.inputs.len(),
                columns,
                outputs,
                rows,
            })),
        }
    }

    fn report_too_many(&mut self, table: &ast::Table, what: &str) {
        let message =
            format!("a table has at most {MAX_COMPUTED} different {what} that are no constants");
        self.diagnostics.push(Diagnostic::error(
            "rule.check.table-size",
            table.name.span,
            message,
        ));
    }

    fn has_right_cells(
        &mut self,
        table: &ast::Table,
        policy: HitPolicy,
        row: &ast::TableRow,
    ) -> bool {
        let n_values = if policy == HitPolicy::CollectCount {
            0
        } else {
            table.outputs.len()
        };
        let mut is_right = true;
        for (found, wanted, place) in [
            (row.cells.len(), table.inputs.len(), "before"),
            (row.values.len(), n_values, "behind"),
        ] {
            if found == wanted {
                continue;
            }
            is_right = false;
            let plural = |n: usize| if n == 1 { "cell" } else { "cells" };
            let message = format!(
                "{found} {} {place} `||`, where {wanted} must stand",
                plural(found)
            );
            let mut diagnostic = Diagnostic::error("rule.check.table-cells", row.span, message)
                .with_label(table.header, "the header");
            if policy == HitPolicy::CollectCount && place == "behind" {
                diagnostic = diagnostic
                    .with_hint("rows that are counted have nothing behind `||`: `| < 5 |`");
            } else if found < wanted {
                diagnostic = diagnostic.with_hint("`-` is a cell that says nothing");
            }
            self.diagnostics.push(diagnostic);
        }
        is_right
    }

    // ------------------------------------------------------------------- tests

    /// The tests of a cell where all are constants; the inner `None` where one is wrong, which is reported.
    #[allow(
        clippy::option_option,
        reason = "two different ways of having no tests"
    )]
    fn constant_tests(
        &mut self,
        tests: &[ast::Test],
        column: &InputColumn<'_>,
    ) -> Option<Option<Vec<CellTest>>> {
        let ty = column.constants.as_ref()?;
        if !tests.iter().all(is_constant_test) {
            return None;
        }
        let tests: Vec<Option<CellTest>> = tests
            .iter()
            .map(|test| self.constant_test(test, ty))
            .collect();
        Some(tests.into_iter().collect())
    }

    fn constant_test(&mut self, test: &ast::Test, ty: &Type) -> Option<CellTest> {
        match &test.kind {
            TestKind::Error => None,
            TestKind::Compare(op, value) => {
                let op = compare_op(*op)?;
                let is_equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
                let value = self.cell_constant(value, ty, is_equality)?;
                Some(CellTest::Compare(op, value))
            }
            TestKind::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let low = self.cell_constant(low, ty, false);
                let (low, high) = (low?, self.cell_constant(high, ty, false)?);
                let is_empty = match low.order(&high) {
                    Some(Ordering::Less) => false,
                    Some(Ordering::Equal) => !(*low_included && *high_included),
                    _ => true,
                };
                if is_empty {
                    let message = "nothing lies in this interval";
                    let diagnostic =
                        Diagnostic::error("rule.check.empty-interval", test.span, message)
                            .with_hint("the smaller end comes first");
                    self.diagnostics.push(diagnostic);
                    return None;
                }
                Some(CellTest::Interval {
                    low,
                    low_included: *low_included,
                    high,
                    high_included: *high_included,
                })
            }
            TestKind::Not(tests) => {
                let tests: Vec<Option<CellTest>> = tests
                    .iter()
                    .map(|test| self.constant_test(test, ty))
                    .collect();
                let tests: Option<Vec<CellTest>> = tests.into_iter().collect();
                Some(CellTest::Not(tests?))
            }
        }
    }

    fn cell_constant(&mut self, expr: &ast::Expr, ty: &Type, may_be_null: bool) -> Option<Const> {
        let ty = if may_be_null {
            ty.clone()
        } else {
            without_null(ty)
        };
        if fits(expr, &ty) {
            return self.check_constant(expr, &ty, "the cell");
        }
        // For its message
        let checked = self.check_expr_as(expr, &ty, "the cell");
        if !checked.is_error() {
            let message = format!("the cell must be a `{ty}` that can be written without loss");
            self.diagnostics.push(Diagnostic::error(
                "rule.check.type-mismatch",
                expr.span,
                message,
            ));
        }
        None
    }

    /// A cell as a condition.
    fn computed_test(&mut self, cell: &ast::Cell, header: &InputColumn<'_>) -> TableColumn<Expr> {
        let condition = condition(&cell.tests, header, cell.span);
        TableColumn {
            value: self.check_expr_as(&condition, &Type::Bool, "the test"),
            span: cell.span,
        }
    }

    // ----------------------------------------------------------------- outputs
}

fn compare_op(op: BinaryOp) -> Option<CompareOp> {
    Some(match op {
        BinaryOp::Equal => CompareOp::Equal,
        BinaryOp::NotEqual => CompareOp::NotEqual,
        BinaryOp::Less => CompareOp::Less,
        BinaryOp::LessEqual => CompareOp::LessEqual,
        BinaryOp::Greater => CompareOp::Greater,
        BinaryOp::GreaterEqual => CompareOp::GreaterEqual,
        _ => return None,
    })
}

fn is_constant_test(test: &ast::Test) -> bool {
    match &test.kind {
        TestKind::Error => true,
        TestKind::Compare(_, value) => is_literal(value),
        TestKind::Interval { low, high, .. } => is_literal(low) && is_literal(high),
        TestKind::Not(tests) => tests.iter().all(is_constant_test),
    }
}

/// Whether it says its value, so that its type can be a mistake.
fn is_literal(expr: &ast::Expr) -> bool {
    match &expr.without_parens().kind {
        A::Null
        | A::Bool(_)
        | A::Int(_)
        | A::Uint(_)
        | A::Double(_)
        | A::String(_)
        | A::Bytes(_) => true,
        A::Unary(UnaryOp::Negate, operand) => {
            matches!(operand.without_parens().kind, A::Int(_) | A::Double(_))
        }
        A::Call { function, args, .. } => {
            matches!(function.text.as_str(), "timestamp" | "duration" | "decimal")
                && matches!(
                    args.as_slice(),
                    [ast::Expr {
                        kind: A::String(_),
                        ..
                    }]
                )
        }
        _ => false,
    }
}

/// Whether it is a literal that stands for a value of the type.
fn fits(expr: &ast::Expr, ty: &Type) -> bool {
    const MAX_EXACT_DOUBLE: u64 = 1 << 53;
    let expr = expr.without_parens();
    match (&expr.kind, ty) {
        (A::Null, Type::Nullable(_)) => true,
        (_, Type::Nullable(inner)) => fits(expr, inner),
        (A::Bool(_), Type::Bool)
        | (A::Int(_), Type::Int)
        | (A::Uint(_), Type::Uint)
        | (A::Double(_), Type::Double)
        | (A::String(_), Type::String)
        | (A::Bytes(_), Type::Bytes) => true,
        (A::Int(value), Type::Double) => value.unsigned_abs() <= MAX_EXACT_DOUBLE,
        (A::Unary(UnaryOp::Negate, operand), Type::Double) => is_literal(expr) && fits(operand, ty),
        (A::Call { function, .. }, Type::Timestamp) => {
            is_literal(expr) && function.text == "timestamp"
        }
        (A::Call { function, .. }, Type::Duration) => {
            is_literal(expr) && function.text == "duration"
        }
        (A::Call { function, .. }, Type::Decimal) => is_literal(expr) && function.text == "decimal",
        (A::List(elements), Type::List(element)) => elements
            .iter()
            .all(|each| !each.optional && fits(&each.value, element)),
        _ => false,
    }
}

/// Any of the tests, as an expression over the header's.
fn condition(tests: &[ast::Test], header: &InputColumn<'_>, span: Span) -> ast::Expr {
    let new = |kind: A| ast::Expr::new(kind, span);
    let mut operands: Vec<ast::Expr> = tests
        .iter()
        .map(|test| match &test.kind {
            TestKind::Error => new(A::Error),
            TestKind::Compare(op, value) => compare(*op, header, value, test.span),
            TestKind::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let least = if *low_included {
                    BinaryOp::GreaterEqual
                } else {
                    BinaryOp::Greater
                };
                let most = if *high_included {
                    BinaryOp::LessEqual
                } else {
                    BinaryOp::Less
                };
                let both = vec![
                    compare(least, header, low, test.span),
                    compare(most, header, high, test.span),
                ];
                ast::Expr::new(A::Logical(LogicalOp::And, both), test.span)
            }
            TestKind::Not(tests) => {
                let any = condition(tests, header, test.span);
                ast::Expr::new(A::Unary(UnaryOp::Not, Box::new(any)), test.span)
            }
        })
        .collect();
    match operands.len() {
        1 => operands.remove(0),
        _ => new(A::Logical(LogicalOp::Or, operands)),
    }
}

/// `header OP value`, false where the header's value is null and `OP` asks for an order.
fn compare(op: BinaryOp, header: &InputColumn<'_>, value: &ast::Expr, span: Span) -> ast::Expr {
    let new = |kind: A| ast::Expr::new(kind, span);
    let boxed = |expr: &ast::Expr| Box::new(expr.clone());
    let test = new(A::Binary(op, boxed(header.expr), boxed(value)));
    if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) || !header.may_be_null {
        return test;
    }
    let null = Box::new(new(A::Null));
    let has_value = new(A::Binary(BinaryOp::NotEqual, boxed(header.expr), null));
    new(A::Logical(LogicalOp::And, vec![has_value, test]))
}
