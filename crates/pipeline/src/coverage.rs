//! What examples have shown of a rule set: which rules fired and which did not, and which sides of their conditions
//! were taken, counted from the explanations of its component.

use crate::runtime::{Explanation, Outline, Role, Value, Verdict};

/// What the source says of the rules, beyond their outline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    /// For each rule, where the rows of a table stand, and how explanations name them; none for other rules
    pub rows: Vec<Vec<(u32, String)>>,
    /// For each expression of the outline, whether it is a `bool`
    pub is_condition: Vec<bool>,
    /// For each rule, the outputs that it assigns when it fires, and when it does not; none for tables
    pub assigns: Vec<[Vec<usize>; 2]>,
    /// The outputs that have a default: their indexes, names and places
    pub defaults: Vec<(usize, String, u32)>,
}

/// Counts over the rows explained so far.
#[derive(Debug, Clone)]
pub struct Coverage {
    outline: Outline,
    sides: Sides,
    /// Fired and not fired, for each rule
    verdicts: Vec<[u64; 2]>,
    /// True and false, for each expression
    values: Vec<[u64; 2]>,
    /// For each row of each table, how often it counted
    rows: Vec<Vec<u64>>,
    /// For each output with a default, how often no rule assigned it
    defaults: Vec<u64>,
}

/// One thing that an example can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The rule or the output
    pub name: String,
    /// Byte offset of the condition, its part, the row or the output in the source; `None` where no place is named
    pub offset: Option<u32>,
    /// Source text of the part of a condition or the row; empty for the rule or the output as a whole
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
    /// The row of a table counted
    Row,
    /// No rule assigned the output
    Default,
}

impl Coverage {
    /// Nothing shown yet.
    pub fn new(outline: Outline, sides: Sides) -> Self {
        Self {
            verdicts: vec![[0; 2]; outline.rules.len()],
            values: vec![[0; 2]; outline.expressions.len()],
            rows: sides.rows.iter().map(|rows| vec![0; rows.len()]).collect(),
            defaults: vec![0; sides.defaults.len()],
            sides,
            outline,
        }
    }

    /// Adds one explained row. A rule that failed has shown neither side; the parts of its condition that were computed
    /// count.
    pub fn record(&mut self, explanation: &Explanation) {
        let mut assigned = Vec::new();
        let mut has_failed = false;
        for (rule, verdict) in explanation.verdicts.iter().enumerate() {
            let side = match verdict {
                Verdict::Fired => 0,
                Verdict::NotFired => 1,
                Verdict::Failed => {
                    has_failed = true;
                    continue;
                }
            };
            if let Some(counts) = self.verdicts.get_mut(rule) {
                counts[side] += 1;
            }
            let assigns = self.sides.assigns.get(rule).map(|sides| &sides[side]);
            assigned.extend(assigns.into_iter().flatten().copied());
        }
        let parts = self.outline.expressions.iter().zip(&explanation.values);
        for (index, (part, value)) in parts.enumerate() {
            let rule = part.rule as usize;
            let rows = self.sides.rows.get(rule).filter(|rows| !rows.is_empty());
            match (value, part.role) {
                (Value::Boolean(holds), _) if rows.is_none() => {
                    self.values[index][usize::from(!holds)] += 1;
                }
                (Value::Text(text), Role::Condition(_)) if part.text == "row" => {
                    let row = rows.into_iter().flatten();
                    if let Some(row) = row.clone().position(|(_, row)| row == text) {
                        self.rows[rule][row] += 1;
                    }
                }
                (Value::Absent, _) => {}
                (_, Role::ThenOutput(output)) if rows.is_some() => assigned.push(output as usize),
                _ => {}
            }
        }
        for ((output, ..), hits) in self.sides.defaults.iter().zip(&mut self.defaults) {
            *hits += u64::from(!has_failed && !assigned.contains(output));
        }
    }

    /// Everything to be shown, by rule in order of evaluation, then by place; the outputs come last.
    ///
    /// Which these are does not depend on the rows: parts of conditions that no row reached miss both of their sides.
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        let mut always_assigned = Vec::new();
        let no_rows = Vec::new();
        for (rule, counts) in self.verdicts.iter().enumerate() {
            let name = &self.outline.rules[rule].name;
            let parts: Vec<_> = self
                .outline
                .expressions
                .iter()
                .enumerate()
                .filter(|(_, part)| {
                    part.rule as usize == rule && matches!(part.role, Role::Condition(_))
                })
                .collect();
            let rows = self.sides.rows.get(rule).unwrap_or(&no_rows);
            let root = parts.first().map(|(_, part)| part);
            let mut add = |offset, text: &str, kinds: &[PointKind], counts: &[u64]| {
                points.extend(kinds.iter().zip(counts).map(|(kind, hits)| Point {
                    name: name.clone(),
                    offset,
                    text: text.to_owned(),
                    kind: *kind,
                    hits: *hits,
                }));
            };
            // `when true` has no other side.
            let is_always = rows.is_empty() && root.is_some_and(|root| root.text == "true");
            let kinds = [PointKind::Fired, PointKind::NotFired];
            let kinds = if is_always { &kinds[..1] } else { &kinds };
            if is_always && let Some([fired, _]) = self.sides.assigns.get(rule) {
                always_assigned.extend(fired.iter().copied());
            }
            add(root.map(|root| root.offset), "", kinds, counts);
            for ((offset, text), hits) in rows.iter().zip(&self.rows[rule]) {
                add(Some(*offset), text, &[PointKind::Row], &[*hits]);
            }
            if !rows.is_empty() {
                continue;
            }
            for (index, part) in parts {
                let is_condition = self.sides.is_condition.get(index) == Some(&true);
                let is_literal = matches!(part.text.as_str(), "true" | "false");
                if part.depth > 0 && is_condition && !is_literal {
                    let kinds = [PointKind::True, PointKind::False];
                    add(Some(part.offset), &part.text, &kinds, &self.values[index]);
                }
            }
        }
        let defaults = self.sides.defaults.iter().zip(&self.defaults);
        let defaults = defaults.filter(|((output, ..), _)| !always_assigned.contains(output));
        points.extend(defaults.map(|((_, name, offset), hits)| Point {
            name: name.clone(),
            offset: Some(*offset),
            text: String::new(),
            kind: PointKind::Default,
            hits: *hits,
        }));
        points
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
            role: Role::Condition(0),
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
        let sides = Sides {
            rows: vec![Vec::new(); 2],
            is_condition: vec![true; 4],
            assigns: vec![[vec![0], vec![]], [vec![1], vec![]]],
            defaults: vec![(0, "o".into(), 3), (1, "p".into(), 4)],
        };
        let mut coverage = Coverage::new(outline, sides);
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
            .map(|point| {
                (
                    point.name.as_str(),
                    point.text.as_str(),
                    point.kind,
                    point.hits,
                )
            })
            .collect();
        use PointKind::{Default, False, Fired, NotFired, True};
        assert_eq!(
            seen,
            [
                ("both", "", Fired, 0),
                ("both", "", NotFired, 1),
                ("both", "a", True, 0),
                ("both", "a", False, 1),
                ("both", "b", True, 0),
                ("both", "b", False, 0),
                ("always", "", Fired, 1),
                ("o", "", Default, 1),
            ]
        );
    }
}
