//! What examples have shown of a rule set: which rules fired and which did not, and which sides of their conditions
//! were taken, counted from the explanations of its component.

use crate::runtime::{Explanation, Outline, Role, Value, Verdict};

/// Counts over the rows explained so far.
#[derive(Debug, Clone)]
pub struct Coverage {
    outline: Outline,
    /// Whether the rule of this index is a table; tables count as a whole, not by their cells
    is_table: Vec<bool>,
    /// Fired and not fired, for each rule
    verdicts: Vec<[u64; 2]>,
    /// True and false, for each expression
    sides: Vec<[u64; 2]>,
}

/// One thing that an example can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Index into `Outline::rules`
    pub rule: usize,
    /// Byte offset of the condition or its part in the source; `None` where the component names no place
    pub offset: Option<u32>,
    /// Source text of that part; empty for the rule as a whole
    pub text: String,
    /// What is to be shown
    pub kind: PointKind,
    /// Rows that showed it
    pub hits: u64,
}

/// What an example can show about a rule or a part of its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// The rule fired; of a table, some row counted
    Fired,
    /// The rule did not fire; of a table, no row counted
    NotFired,
    /// The part of the condition was true
    True,
    /// The part of the condition was false
    False,
}

impl Coverage {
    /// Nothing shown yet. `is_table` says for each rule of the outline whether it is a table.
    pub fn new(outline: Outline, is_table: Vec<bool>) -> Self {
        Self {
            verdicts: vec![[0; 2]; outline.rules.len()],
            sides: vec![[0; 2]; outline.expressions.len()],
            is_table,
            outline,
        }
    }

    /// Adds one explained row. A rule that failed has shown neither side; the parts of its condition that were computed
    /// count.
    pub fn record(&mut self, explanation: &Explanation) {
        for (counts, verdict) in self.verdicts.iter_mut().zip(&explanation.verdicts) {
            match verdict {
                Verdict::Fired => counts[0] += 1,
                Verdict::NotFired => counts[1] += 1,
                Verdict::Failed => {}
            }
        }
        for (counts, value) in self.sides.iter_mut().zip(&explanation.values) {
            if let Value::Boolean(holds) = value {
                counts[usize::from(!holds)] += 1;
            }
        }
    }

    /// Everything to be shown, by rule in order of evaluation, then by place in the condition.
    ///
    /// Parts of conditions count once they were computed as a `bool`. A part that no row reached has no points of its
    /// own: the part before it misses the side that leads there.
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        for (rule, counts) in self.verdicts.iter().enumerate() {
            let parts: Vec<_> = self
                .outline
                .expressions
                .iter()
                .zip(&self.sides)
                .filter(|(part, _)| part.rule as usize == rule && part.role == Role::Condition)
                .collect();
            let is_table = self.is_table.get(rule).copied().unwrap_or(false);
            let root = parts.first().map(|(part, _)| part);
            let mut add = |offset, text: &str, kinds: &[PointKind], counts: &[u64; 2]| {
                points.extend(kinds.iter().zip(counts).map(|(kind, hits)| Point {
                    rule,
                    offset,
                    text: text.to_owned(),
                    kind: *kind,
                    hits: *hits,
                }));
            };
            // `when true` has no other side.
            let is_always = !is_table && root.is_some_and(|root| root.text == "true");
            let kinds = [PointKind::Fired, PointKind::NotFired];
            let kinds = if is_always { &kinds[..1] } else { &kinds };
            add(root.map(|root| root.offset), "", kinds, counts);
            if is_table {
                continue;
            }
            for (part, counts) in parts {
                let is_literal = matches!(part.text.as_str(), "true" | "false");
                if part.depth > 0 && !is_literal && *counts != [0, 0] {
                    let kinds = [PointKind::True, PointKind::False];
                    add(Some(part.offset), &part.text, &kinds, counts);
                }
            }
        }
        points
    }

    /// The rules, in order of evaluation.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Expression, RuleOutline};

    #[test]
    fn each_side_counts_once_it_was_seen() {
        let rule = |name: &str| RuleOutline {
            name: name.into(),
            priority: 0,
            doc: String::new(),
        };
        let part = |rule, depth, text: &str| Expression {
            rule,
            role: Role::Condition,
            depth,
            text: text.into(),
            offset: 7,
        };
        let outline = Outline {
            rules: vec![rule("both"), rule("always")],
            expressions: vec![
                part(0, 0, "a && b"),
                part(0, 1, "a"),
                part(0, 1, "b"),
                part(1, 0, "true"),
            ],
            outputs: Vec::new(),
        };
        let mut coverage = Coverage::new(outline, vec![false, false]);
        coverage.record(&Explanation {
            verdicts: vec![Verdict::NotFired, Verdict::Fired],
            values: vec![
                Value::Boolean(false),
                Value::Boolean(false),
                Value::Absent,
                Value::Boolean(true),
            ],
        });
        let points = coverage.points();
        let seen: Vec<_> = points
            .iter()
            .map(|point| (point.rule, point.text.as_str(), point.kind, point.hits))
            .collect();
        use PointKind::{False, Fired, NotFired, True};
        assert_eq!(
            seen,
            [
                (0, "", Fired, 0),
                (0, "", NotFired, 1),
                (0, "a", True, 0),
                (0, "a", False, 1),
                (1, "", Fired, 1),
            ]
        );
    }
}
