//! What examples show of a rule set, by the lines of its source.

use rulestage_diagnostics::{SourceMap, Span};
use rulestage_pipeline::coverage::{Coverage, Point, PointKind, Sides};
use rulestage_pipeline::runtime::{Expression, Outline};
use rulestage_rule_compiler::analysis::analyse;
use rulestage_rule_compiler::ast::ItemKind;
use rulestage_rule_compiler::ir::{Contribution, RuleSet};
use rulestage_rule_compiler::types::Type;
use std::collections::{BTreeMap, BTreeSet};

/// Nothing shown yet of a rule set; its outline is that of its component.
pub fn start_coverage(outline: Option<Outline>, ruleset: &RuleSet, source: &str) -> Coverage {
    let outline = outline.unwrap_or(Outline {
        rules: Vec::new(),
        expressions: Vec::new(),
        outputs: Vec::new(),
    });
    let analysis = analyse(source);
    let map = SourceMap::new(source);
    let conditions: BTreeSet<Span> = analysis
        .facts
        .types
        .into_iter()
        .filter_map(|(span, ty)| (ty == Type::Bool).then_some(span))
        .collect();
    let is_condition = |part: &Expression| {
        let end = part.offset + part.text.len() as u32;
        conditions.contains(&Span::new(part.offset, end))
    };
    let outputs = |contributions: &[Contribution]| {
        let outputs = contributions.iter().map(|each| each.output);
        outputs.collect::<Vec<_>>()
    };
    let mut tables = BTreeMap::new();
    let mut defaults = Vec::new();
    for item in analysis.ruleset.into_iter().flat_map(|parsed| parsed.items) {
        match item.kind {
            ItemKind::Table(table) => {
                // As explanations name them
                let rows = table.rows.iter().enumerate().map(|(index, row)| {
                    let line = map.position(row.span.start).line;
                    let cells: Vec<&str> = row.span.text(source).split_whitespace().collect();
                    (
                        row.span.start,
                        format!("{} in line {line}: {}", index + 1, cells.join(" ")),
                    )
                });
                tables.insert(table.name.text, rows.collect());
            }
            ItemKind::Output(fields) => {
                for field in fields.into_iter().filter(|field| field.default.is_some()) {
                    let mut all = ruleset.outputs.iter();
                    let index = all.position(|output| output.name == field.name.text);
                    let offset = field.span.start;
                    defaults.extend(index.map(|index| (index, field.name.text, offset)));
                }
            }
            _ => {}
        }
    }
    let sides = Sides {
        is_condition: outline.expressions.iter().map(is_condition).collect(),
        rows: ruleset
            .rules
            .iter()
            .map(|rule| tables.remove(&rule.name).unwrap_or_default())
            .collect(),
        assigns: ruleset
            .rules
            .iter()
            .map(|rule| [outputs(&rule.then), outputs(&rule.otherwise)])
            .collect(),
        defaults,
    };
    Coverage::new(outline, sides)
}

/// What no example shows there, as people say it.
pub fn in_words(point: &Point) -> String {
    let name = &point.name;
    let text = point.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match point.kind {
        PointKind::Fired => format!("`{name}` never fires"),
        PointKind::NotFired => format!("`{name}` fires in every example"),
        PointKind::True => format!("`{text}` is never true in `{name}`"),
        PointKind::False => format!("`{text}` is never false in `{name}`"),
        PointKind::Row => format!("row `{text}` of `{name}` never counts"),
        PointKind::Default => format!("`{name}` never has its default"),
    }
}

/// What examples show of one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineCoverage {
    /// What there is to be shown
    pub n_points: usize,
    /// What was
    pub n_shown: usize,
    /// What was not, as people say it
    pub missing: Vec<String>,
}

/// The lines on which there is something to be shown, from 1, in order.
pub fn by_line(points: &[Point], map: &SourceMap<'_>) -> BTreeMap<u32, LineCoverage> {
    let mut lines: BTreeMap<u32, LineCoverage> = BTreeMap::new();
    for point in points {
        let Some(offset) = point.offset else {
            continue;
        };
        let line = lines.entry(map.position(offset).line).or_default();
        line.n_points += 1;
        if point.hits > 0 {
            line.n_shown += 1;
        } else {
            line.missing.push(in_words(point));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_what_they_show() {
        let point = |offset, kind, hits| Point {
            name: "r".into(),
            offset: Some(offset),
            text: "a  > 1".into(),
            kind,
            hits,
        };
        let points = [
            point(0, PointKind::Fired, 1),
            point(1, PointKind::NotFired, 0),
            point(4, PointKind::True, 0),
        ];
        let lines = by_line(&points, &SourceMap::new("abc\ndef"));
        assert_eq!(lines.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((lines[&1].n_points, lines[&1].n_shown), (2, 1));
        assert_eq!(lines[&1].missing, ["`r` fires in every example"]);
        assert_eq!(lines[&2].missing, ["`a > 1` is never true in `r`"]);
    }
}
