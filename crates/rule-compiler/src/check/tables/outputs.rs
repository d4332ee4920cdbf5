//! The outputs of a table: its columns behind `||`, their cells, and the order of their values.

use super::{MAX_COMPUTED, fits, is_literal};
use crate::ast::{self, HitPolicy};
use crate::check::Checker;
use crate::ir::{Const, Merge, Output, TableOutput, TableRow, TableValue};
use crate::typed::{self, Expr};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::collections::{BTreeMap, HashMap};

/// A column of assignments while its cells are read.
pub(super) struct OutputColumn<'s> {
    /// Where there is such an output
    pub(super) index: Option<usize>,
    pub(super) span: Span,
    pub(super) values: Vec<TableValue<Expr>>,
    /// By source text
    pub(super) known: HashMap<&'s str, Option<usize>>,
    /// By descending priority
    pub(super) order: Option<Vec<Const>>,
    pub(super) n_computed: usize,
}

impl<'a> Checker<'a> {
    pub(super) fn check_table_outputs<'s>(
        &mut self,
        table: &ast::Table,
        policy: HitPolicy,
        outputs: &[Output],
    ) -> Vec<OutputColumn<'s>> {
        let mut columns = Vec::new();
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for each in &table.outputs {
            let name = &each.name;
            let index = outputs.iter().position(|output| output.name == name.text);
            match index {
                Some(_) => self.note_name(name),
                None => self.report_unknown_output(name, outputs),
            }
            if let Some(first) = seen.insert(&name.text, name.span) {
                let message = format!("a second column for `{}`", name.text);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_label(first, "the first one");
                self.diagnostics.push(diagnostic);
            }
            let ty = index.map(|index| &outputs[index].ty);
            let is_count = policy == HitPolicy::CollectCount;
            if let Some(ty) = ty
                && is_count
                && !matches!(ty, Type::Int | Type::Uint | Type::Error)
            {
                let message = format!(
                    "`{}` counts rows: it must be `int` or `uint`, not `{ty}`",
                    name.text
                );
                self.diagnostics.push(Diagnostic::error(
                    "rule.check.type-mismatch",
                    name.span,
                    message,
                ));
            }
            let order = self.check_value_order(each, index.map(|index| &outputs[index]), policy);
            columns.push(OutputColumn {
                index,
                span: each.span,
                values: Vec::new(),
                known: HashMap::new(),
                order,
                n_computed: 0,
            });
        }
        if table.outputs.is_empty() && table.header != Span::default() {
            let message = "the table assigns nothing";
            let diagnostic = Diagnostic::error("rule.check.table-cells", table.header, message)
                .with_hint("outputs stand behind `||`: `| input || output |`");
            self.diagnostics.push(diagnostic);
        }
        let is_ordered = matches!(policy, HitPolicy::Priority | HitPolicy::OutputOrder);
        if is_ordered
            && table.outputs.iter().all(|each| each.order.is_none())
            && let Some(first) = table.outputs.first()
        {
            let span = table.hit.map_or(first.span, |(_, span)| span);
            let message = format!(
                "`hit {}` needs the values of an output by descending priority",
                policy.spelling()
            );
            let diagnostic =
                Diagnostic::error("rule.check.table-order", span, message).with_hint(format!(
                    "write them into the header: `{} in [\"high\", \"low\"]`",
                    first.name.text
                ));
            self.diagnostics.push(diagnostic);
        }
        columns
    }

    fn check_value_order(
        &mut self,
        output: &ast::TableOutput,
        declared: Option<&Output>,
        policy: HitPolicy,
    ) -> Option<Vec<Const>> {
        let values = output.order.as_ref()?;
        if !matches!(policy, HitPolicy::Priority | HitPolicy::OutputOrder) {
            let message = format!("`hit {}` takes no notice of this order", policy.spelling());
            let diagnostic = Diagnostic::warning("rule.check.table-order", output.span, message)
                .with_hint("`hit priority` and `hit output order` do");
            self.diagnostics.push(diagnostic);
        }
        let declared = declared?;
        let element = contributed(declared);
        let checked: Vec<Option<Const>> = values
            .iter()
            .map(|value| {
                // Where outputs are gathered, a row gives one element or a list of them.
                let is_element = fits(value, element);
                let ty = if is_element { element } else { &declared.ty };
                self.check_constant(value, ty, "the value")
            })
            .collect();
        checked.into_iter().collect()
    }

    /// The number of the value of a cell among those of its column.
    pub(super) fn table_value(
        &mut self,
        value: &ast::Expr,
        column: &mut OutputColumn<'a>,
        outputs: &[Output],
    ) -> Option<usize> {
        let Some(index) = column.index else {
            self.check_expr(value);
            return None;
        };
        let text = value.span.text(self.source);
        if let Some(known) = column.known.get(text) {
            if !is_literal(value) {
                self.note_again(|checker| {
                    checker.check_expr(value);
                });
            }
            return *known;
        }
        let output = &outputs[index];
        let element = contributed(output);
        let constant = if fits(value, element) {
            Some(self.check_constant(value, element, "the cell"))
        } else if fits(value, &output.ty) {
            Some(self.check_constant(value, &output.ty, "the cell"))
        } else {
            None
        };
        let checked = match constant {
            Some(constant) => constant.map(TableValue::Const),
            None => {
                column.n_computed += 1;
                Some(TableValue::Computed(self.check_contribution(value, output)))
            }
        };
        let number = checked.map(|checked| {
            column.values.push(checked);
            column.values.len() - 1
        });
        column.known.insert(text, number);
        number
    }

    /// The column with values of one type.
    pub(super) fn table_output(
        &mut self,
        table: &ast::Table,
        column: OutputColumn<'_>,
        outputs: &[Output],
    ) -> Option<TableOutput<Expr>> {
        let index = column.index?;
        let output = &outputs[index];
        if column.n_computed > MAX_COMPUTED {
            self.report_too_many(table, "values of an output");
        }
        let mut values = column.values;
        let mut ty = output.ty.clone();
        if let (Type::List(element), Merge::Collect | Merge::Unique) = (&output.ty, output.merge) {
            let is_list = |value: &TableValue<Expr>| match value {
                TableValue::Const(Const::List(_)) => !matches!(**element, Type::List(_)),
                TableValue::Const(_) => false,
                TableValue::Computed(expr) => {
                    !expr.is_error() && self.unifier.resolve(&expr.ty) == output.ty
                }
            };
            let are_lists: Vec<bool> = values.iter().map(is_list).collect();
            if are_lists.contains(&true) {
                for (value, is_list) in values.iter_mut().zip(are_lists) {
                    if !is_list {
                        in_list(value, &output.ty);
                    }
                }
            } else {
                ty = (**element).clone();
            }
        }
        Some(TableOutput {
            output: index,
            ty,
            values,
            span: column.span,
        })
    }

    /// Puts the rows into the declared order of their values; equal ones stay in the order of the source.
    pub(super) fn sort_rows(
        &mut self,
        table: &ast::Table,
        policy: HitPolicy,
        rows: &mut [TableRow],
        columns: &[OutputColumn<'_>],
    ) {
        let mut reported = false;
        let mut rank = |row: &TableRow| -> Vec<usize> {
            let mut ranks = Vec::new();
            for (column, value) in columns.iter().zip(&row.values) {
                let Some(order) = &column.order else { continue };
                let value = value.and_then(|value| column.values.get(value));
                let place = match value {
                    None => Some(order.len()),
                    Some(TableValue::Const(value)) => order.iter().position(|each| each == value),
                    Some(TableValue::Computed(_)) => None,
                };
                if place.is_none() && !reported {
                    reported = true;
                    let message = format!(
                        "with `hit {}`, a value must be one of those in the header",
                        policy.spelling()
                    );
                    let diagnostic = Diagnostic::error("rule.check.table-order", row.span, message)
                        .with_label(column.span, "these");
                    self.diagnostics.push(diagnostic);
                }
                ranks.push(place.unwrap_or(order.len()));
            }
            ranks
        };
        debug_assert!(rows.len() <= table.rows.len());
        rows.sort_by_cached_key(&mut rank);
    }
}

/// `value` as the only element of a list.
fn in_list(value: &mut TableValue<Expr>, ty: &Type) {
    *value = match std::mem::replace(value, TableValue::Const(Const::Null)) {
        TableValue::Const(value) => TableValue::Const(Const::List(vec![value])),
        TableValue::Computed(expr) => {
            let span = expr.span;
            let kind = typed::ExprKind::List(vec![expr]);
            TableValue::Computed(Expr::new(kind, ty.clone(), span))
        }
    };
}

/// What a row gives to an output: an element where they are gathered.
fn contributed(output: &Output) -> &Type {
    match (&output.ty, output.merge) {
        (Type::List(element), Merge::Collect | Merge::Unique) => element,
        (ty, _) => ty,
    }
}
