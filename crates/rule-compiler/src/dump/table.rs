//! Tables as text.

use super::{compare, constant, expression, line, name};
use crate::ir::{CellTest, Expr, RuleSet, Table, TableValue};

pub(super) fn table(out: &mut String, ruleset: &RuleSet, table: &Table<Expr>) {
    line(out, format_args!("  hit {}", table.policy.spelling()));
    for (index, column) in table.columns.iter().enumerate() {
        let value = expression(ruleset, &column.value);
        line(out, format_args!("  column {index} = {value}"));
    }
    for row in &table.rows {
        let mut text = format!("  row {}", row.number);
        for (column, cell) in &row.tests {
            text += &format!(" ({column} {})", tests(cell));
        }
        text += " ->";
        for (output, value) in table.outputs.iter().zip(&row.values) {
            let Some(value) = value.and_then(|value| output.values.get(value)) else {
                continue;
            };
            let value = match value {
                TableValue::Const(value) => constant(value),
                TableValue::Computed(value) => expression(ruleset, value),
            };
            let output = name(&ruleset.outputs, output.output, |output| &output.name);
            text += &format!(" {output} = {value}");
        }
        line(out, format_args!("{text}"));
    }
}

fn tests(tests: &[CellTest]) -> String {
    tests.iter().map(test).collect::<Vec<_>>().join(" | ")
}

fn test(test: &CellTest) -> String {
    match test {
        CellTest::Compare(op, value) => format!("{} {}", compare(*op), constant(value)),
        CellTest::Interval {
            low,
            low_included,
            high,
            high_included,
        } => {
            let opening = if *low_included { '[' } else { '(' };
            let closing = if *high_included { ']' } else { ')' };
            format!("{opening}{}..{}{closing}", constant(low), constant(high))
        }
        CellTest::Not(inner) => format!("not {}", tests(inner)),
    }
}
