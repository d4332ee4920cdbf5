//! Which rows of a table matched, with their cells as they are written.

use crate::protocol::{RuleWhy, TableRowWhy};
use crate::worker::project::utf16_range;
use rulestage_pipeline::load::Rules;
use rulestage_pipeline::runtime::{Expression, Role, Value};
use rulestage_rule_compiler::ast::{ItemKind, RuleSet, Table};
use rulestage_rule_compiler::parse;

/// The tables of a rules file.
pub(super) struct Tables {
    ruleset: Option<RuleSet>,
}

impl Tables {
    pub(super) fn new(rules: Option<&Rules>) -> Self {
        let has_tables =
            |rules: &&Rules| rules.ruleset.rules.iter().any(|rule| rule.table.is_some());
        Self {
            ruleset: rules
                .filter(has_tables)
                .and_then(|rules| parse(&rules.source).ruleset),
        }
    }

    fn find(&self, name: &str) -> Option<&Table> {
        let items = self.ruleset.iter().flat_map(|ruleset| &ruleset.items);
        items
            .filter_map(|item| match &item.kind {
                ItemKind::Table(table) => Some(&**table),
                _ => None,
            })
            .find(|table| table.name.text == name)
    }

    /// `table` or `rule`
    pub(super) fn kind(&self, name: &str) -> &'static str {
        if self.find(name).is_some() {
            "table"
        } else {
            "rule"
        }
    }

    pub(super) fn n_columns(&self, name: &str) -> usize {
        self.find(name).map_or(0, |table| table.inputs.len())
    }

    /// Adds the row that a value speaks of, if it is one: the component names it by its number, `2 in line 14: …`.
    pub(super) fn take(
        &self,
        source: &str,
        rule: &mut RuleWhy,
        expression: &Expression,
        value: &Value,
    ) -> bool {
        if !matches!(expression.role, Role::Condition(_)) || expression.text != "row" {
            return false;
        }
        let (Some(table), Value::Text(text)) = (self.find(&rule.name), value) else {
            return false;
        };
        let number = text
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok());
        let Some((number, row)) =
            number.and_then(|n: u32| Some((n, table.rows.get((n as usize).checked_sub(1)?)?)))
        else {
            return false;
        };
        let (from, to) = utf16_range(source, row.span);
        let cells = row
            .cells
            .iter()
            .map(|cell| cell.span.text(source).to_owned());
        rule.rows.push(TableRowWhy {
            number,
            from,
            to,
            cells: cells.collect(),
            gives: Vec::new(),
        });
        true
    }
}
