//! The layout of tables, with the cells of each column one below another, and of functions.

use super::Formatter;
use super::doc::Doc;
use crate::ast::{BinaryOp, Cell, Function, Table, TableOutput, Test, TestKind};
use rulestage_diagnostics::Span;

/// A row as text: the cells before `||` and those behind.
struct Line {
    span: Span,
    halves: [Vec<String>; 2],
}

impl Formatter<'_> {
    pub(super) fn function(&mut self, function: &Function) {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|(name, ty)| format!("{}: {}", name.text, ty.ty))
            .collect();
        self.text(format!(
            "func {}({}) -> {} =",
            function.name.text,
            params.join(", "),
            function.result.ty
        ));
        self.group(|formatter| {
            formatter.indent(|formatter| {
                formatter.push(Doc::Line);
                formatter.expression(&function.body);
            });
        });
    }

    pub(super) fn table(&mut self, table: &Table, span: Span) {
        let mut header = format!("table {}", table.name.text);
        if let Some((priority, _)) = table.priority {
            header += &format!(" priority {priority}");
        }
        if let Some((policy, _)) = table.hit {
            header += &format!(" hit {}", policy.spelling());
        }
        let mut lines = vec![Line {
            span: table.header,
            halves: [
                table
                    .inputs
                    .iter()
                    .map(|each| self.on_one_line(each))
                    .collect(),
                table
                    .outputs
                    .iter()
                    .map(|each| self.table_output(each))
                    .collect(),
            ],
        }];
        for row in &table.rows {
            let value = |value: &Option<crate::ast::Expr>| match value {
                Some(value) => self.on_one_line(value),
                None => "-".to_owned(),
            };
            lines.push(Line {
                span: row.span,
                halves: [
                    row.cells.iter().map(|cell| self.cell(cell)).collect(),
                    row.values.iter().map(|(each, _)| value(each)).collect(),
                ],
            });
        }
        let widths: [Vec<usize>; 2] = [0, 1].map(|half| widths(&lines, half));
        self.block(
            &header,
            span,
            lines.iter().map(|line| line.span),
            |formatter, index| formatter.text(row_text(&lines[index], &widths)),
        );
    }

    fn table_output(&self, output: &TableOutput) -> String {
        match &output.order {
            None => output.name.text.clone(),
            Some(order) => {
                let values: Vec<String> = order.iter().map(|each| self.on_one_line(each)).collect();
                format!("{} in [{}]", output.name.text, values.join(", "))
            }
        }
    }

    fn cell(&self, cell: &Cell) -> String {
        if cell.tests.is_empty() {
            return "-".to_owned();
        }
        self.tests(&cell.tests)
    }

    fn tests(&self, tests: &[Test]) -> String {
        let tests: Vec<String> = tests.iter().map(|test| self.test(test)).collect();
        tests.join(", ")
    }

    fn test(&self, test: &Test) -> String {
        match &test.kind {
            TestKind::Error => String::new(),
            TestKind::Compare(BinaryOp::Equal, value) => self.on_one_line(value),
            TestKind::Compare(op, value) => {
                format!("{} {}", op.symbol(), self.on_one_line(value))
            }
            TestKind::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let ends = format!("{}..{}", self.on_one_line(low), self.on_one_line(high));
                if *low_included && *high_included {
                    return ends;
                }
                let opening = if *low_included { '[' } else { '(' };
                let closing = if *high_included { ']' } else { ')' };
                format!("{opening}{ends}{closing}")
            }
            TestKind::Not(tests) => format!("not({})", self.tests(tests)),
        }
    }
}

/// A cell that is longer does not widen its column.
const WIDEST_ALIGNED: usize = 200;

/// How wide each column of one half is.
fn widths(lines: &[Line], half: usize) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in lines {
        for (index, cell) in line.halves[half].iter().enumerate() {
            if index == widths.len() {
                widths.push(0);
            }
            let width = cell.chars().count();
            if width <= WIDEST_ALIGNED {
                widths[index] = widths[index].max(width);
            }
        }
    }
    widths
}

fn row_text(line: &Line, widths: &[Vec<usize>; 2]) -> String {
    let mut text = String::from("|");
    for (half, widths) in line.halves.iter().zip(widths) {
        for (cell, width) in half.iter().zip(widths) {
            let n_blanks = width.saturating_sub(cell.chars().count());
            text += &format!(" {cell}{} |", " ".repeat(n_blanks));
        }
        // The bar behind the last test is half of `||`.
        if std::ptr::eq(half, &line.halves[0]) && !line.halves[1].is_empty() {
            text.push('|');
        }
    }
    text
}
