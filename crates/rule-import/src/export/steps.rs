//! Rules and tables as what they give to each output under which condition.

use super::Exporter;
use rulestage_rule_compiler::ast::{
    Assignment, BinaryOp, Cell, Expr, ExprKind, HitPolicy, ItemKind, Rule, RuleSet, Table, Test,
    TestKind,
};
use rulestage_rule_compiler::ir;
use rulestage_rule_compiler::types::Type;

/// A rule or a table, in CEL.
pub(super) struct Step {
    /// Its name and its comment
    doc: String,
    /// Whether a row counts only where none above does
    is_exclusive: bool,
    rows: Vec<Row>,
}

struct Row {
    condition: String,
    /// By the outputs' names: the value, and whether it is certainly a list (`Some(true)`) or an element of one
    values: Vec<(String, Value)>,
}

/// A value that is given to an output.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) text: String,
    /// Whether it is a list; unknown where only the types say it
    pub(super) is_list: Option<bool>,
}

/// What one output gets, and when.
pub(super) struct Contribution<'a> {
    pub(super) doc: &'a str,
    pub(super) condition: String,
    pub(super) value: &'a Value,
}

/// All that the steps give to the output, in order of evaluation. With `first_wins`, those who ask take the first that
/// holds, so that conditions need not say that none before them does.
pub(super) fn contributions<'a>(
    steps: &'a [Step],
    output: &str,
    first_wins: bool,
) -> Vec<Contribution<'a>> {
    let mut found = Vec::new();
    for step in steps {
        let mut above: Vec<String> = Vec::new();
        for row in &step.rows {
            let value = row.values.iter().find(|(name, _)| name == output);
            if let Some((_, value)) = value {
                let mut all: Vec<String> = above.iter().map(|each| format!("!({each})")).collect();
                if all.is_empty() {
                    all.push(row.condition.clone());
                } else {
                    all.push(format!("({})", row.condition));
                }
                found.push(Contribution {
                    doc: &step.doc,
                    condition: all.join(" && "),
                    value,
                });
            }
            if step.is_exclusive && !(first_wins && value.is_some()) {
                above.push(row.condition.clone());
            }
        }
    }
    found
}

impl Exporter<'_> {
    /// By descending priority; those of the same stay in their order.
    pub(super) fn steps(&mut self, ruleset: &RuleSet, typed: &ir::RuleSet) -> Vec<Step> {
        let mut steps: Vec<(i64, Step)> = Vec::new();
        for item in &ruleset.items {
            let (priority, step) = match &item.kind {
                ItemKind::Rule(rule) => (rule.priority, self.rule(rule, &item.doc)),
                ItemKind::Table(table) => {
                    let rules = typed.rules.iter();
                    let mut found = rules.filter(|rule| rule.name == table.name.text);
                    let types = found.next().and_then(|rule| rule.table.as_deref());
                    let Some(step) = self.table(table, types, &item.doc) else {
                        continue;
                    };
                    (table.priority, step)
                }
                _ => continue,
            };
            steps.push((priority.map_or(0, |(priority, _)| priority), step));
        }
        steps.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        steps.into_iter().map(|(_, step)| step).collect()
    }

    fn rule(&mut self, rule: &Rule, doc: &str) -> Step {
        let condition = self.cel(&rule.condition);
        let otherwise = rule.otherwise.as_deref().unwrap_or_default();
        let sides = [
            (condition.clone(), rule.then.as_slice()),
            (format!("!({condition})"), otherwise),
        ];
        let mut rows = Vec::new();
        for (condition, assignments) in sides {
            let value = |Assignment { name, value, .. }: &Assignment| {
                let value = Value {
                    text: self.cel(value),
                    is_list: is_list(value),
                };
                (name.text.clone(), value)
            };
            rows.push(Row {
                condition,
                values: assignments.iter().map(value).collect(),
            });
        }
        Step {
            doc: [rule.name.text.as_str(), doc].join("\n"),
            is_exclusive: false,
            rows,
        }
    }

    fn table(
        &mut self,
        table: &Table,
        typed: Option<&ir::Table<ir::Expr>>,
        doc: &str,
    ) -> Option<Step> {
        let name = &table.name.text;
        let hit = table.hit.map_or(HitPolicy::Unique, |(hit, _)| hit);
        let is_exclusive = match hit {
            HitPolicy::Unique | HitPolicy::Any => {
                let what = if hit == HitPolicy::Any {
                    "that contradict each other"
                } else {
                    "of which several match"
                };
                let message = format!("rows of `{name}` {what} are no error: the first one counts");
                self.lose(table.header, message);
                true
            }
            HitPolicy::First | HitPolicy::Priority => true,
            HitPolicy::Collect | HitPolicy::RuleOrder | HitPolicy::OutputOrder => false,
            HitPolicy::CollectCount => {
                let message = format!("the table `{name}` is left out: no policy counts rows");
                self.lose(table.header, message);
                return None;
            }
        };
        let by_output = matches!(hit, HitPolicy::Priority | HitPolicy::OutputOrder);
        let columns: Vec<(String, Type)> = table
            .inputs
            .iter()
            .map(|input| {
                let mut columns = typed.iter().flat_map(|typed| &typed.columns);
                let column = columns.find(|column| column.value.span == input.span);
                let ty = column.map_or(Type::Dyn, |column| column.value.ty.clone());
                (in_brackets(self.cel(input)), ty)
            })
            .collect();
        let mut rows = Vec::new();
        for row in &table.rows {
            let tests: Vec<String> = row
                .cells
                .iter()
                .zip(&columns)
                .filter(|(cell, _)| !cell.tests.is_empty())
                .map(|(cell, (value, ty))| self.cell(cell, value, ty))
                .collect();
            let mut values = Vec::new();
            let mut rank = Vec::new();
            for (output, (value, span)) in table.outputs.iter().zip(&row.values) {
                if let (true, Some(order)) = (by_output, &output.order) {
                    let text = |expr: &Expr| expr.span.text(self.source);
                    let place = value
                        .as_ref()
                        .map(|value| order.iter().position(|each| text(each) == text(value)));
                    if place == Some(None) {
                        let message = format!(
                            "the table `{name}` is left out: the place of this value in the order is not certain"
                        );
                        self.lose(*span, message);
                        return None;
                    }
                    rank.push(place.flatten().unwrap_or(order.len()));
                }
                let Some(value) = value else { continue };
                let ty = typed
                    .iter()
                    .flat_map(|typed| &typed.outputs)
                    .find(|each| each.span == output.span)
                    .map_or(Type::Dyn, |each| each.ty.clone());
                let given = Value {
                    text: self.constant(value, &ty),
                    is_list: is_list(value),
                };
                values.push((output.name.text.clone(), given));
            }
            let condition = match tests.as_slice() {
                [] => "true".to_owned(),
                tests => tests.join(" && "),
            };
            rows.push((rank, Row { condition, values }));
        }
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        Some(Step {
            doc: [name, doc].join("\n"),
            is_exclusive,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        })
    }

    fn cell(&mut self, cell: &Cell, value: &str, ty: &Type) -> String {
        let tests = cell.tests.iter().map(|test| self.test(test, value, ty));
        any(tests.collect())
    }

    /// Null is in no order.
    fn test(&mut self, test: &Test, value: &str, ty: &Type) -> String {
        let ordered = |text: String| match ty {
            Type::Nullable(_) | Type::Dyn => format!("({value} != null && {text})"),
            _ => text,
        };
        match &test.kind {
            TestKind::Error => "false".to_owned(),
            TestKind::Compare(operator, other) => {
                let text = format!("{value} {} {}", operator.symbol(), self.constant(other, ty));
                match operator {
                    BinaryOp::Equal | BinaryOp::NotEqual => text,
                    _ => ordered(text),
                }
            }
            TestKind::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let sign = |sign: &str, included: bool| {
                    let equal = if included { "=" } else { "" };
                    format!("{sign}{equal}")
                };
                let [from, to] = [sign(">", *low_included), sign("<", *high_included)];
                let [low, high] = [low, high].map(|end| self.constant(end, ty));
                ordered(format!("({value} {from} {low} && {value} {to} {high})"))
            }
            TestKind::Not(tests) => {
                let tests = tests.iter().map(|test| self.test(test, value, ty));
                format!("!({})", any(tests.collect()))
            }
        }
    }

    /// The expression in CEL; whole numbers are those of the type.
    fn constant(&mut self, expr: &Expr, ty: &Type) -> String {
        let ty = match ty {
            Type::Nullable(inner) => inner,
            other => other,
        };
        match (&expr.kind, ty) {
            (ExprKind::Int(number), Type::Double) => format!("{number}.0"),
            _ => in_brackets(self.cel(expr)),
        }
    }
}

fn any(mut tests: Vec<String>) -> String {
    match tests.len() {
        1 => tests.remove(0),
        _ => format!("({})", tests.join(" || ")),
    }
}

/// The text as an operand.
pub(super) fn in_brackets(text: String) -> String {
    let is_word = |each: char| each.is_alphanumeric() || "_.".contains(each);
    if text.chars().all(is_word) {
        text
    } else {
        format!("({text})")
    }
}

fn is_list(expr: &Expr) -> Option<bool> {
    match &expr.without_parens().kind {
        ExprKind::List(_) => Some(true),
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Uint(_)
        | ExprKind::Double(_)
        | ExprKind::String(_)
        | ExprKind::Bytes(_) => Some(false),
        _ => None,
    }
}
