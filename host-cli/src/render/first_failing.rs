//! Why rules did not fire, in a line for each: the first part of the condition that is false or failed, and its values.

use super::explanation::{StageAccount, Told, keyword, one_line, painted, verdict_name};
use super::{Style, value};
use rulestage_pipeline::runtime::{Explanation, Expression, Outline, Role, Value, Verdict};
use serde_json::{Value as Json, json};

/// The part of one rule's condition that decided against it.
struct Failing<'a> {
    rule: u32,
    /// None for tables, of which no row matched
    part: Option<(&'a Expression, &'a Value)>,
    /// What was computed on the way: expressions below the part, and `let`s that it names
    values: Vec<(&'a str, &'a Value)>,
}

/// The stage's rules that did not fire, as text.
pub(crate) fn render(account: &StageAccount<'_>, style: Style) -> String {
    let mut text = format!("  {} {}\n", style.faint("stage"), account.stage);
    if !account.remark.is_empty() {
        text += &format!("    {}\n", style.warning(account.remark));
    }
    let Some(told) = account.told else {
        return text;
    };
    let all = failing(told);
    if all.is_empty() {
        text += &format!("    {}\n", style.good("every rule fired"));
    }
    let lines: Vec<[String; 3]> = all.iter().map(|each| cells(told, each, style)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let [names, parts] = [width(0).unwrap_or(0), width(1).unwrap_or(0).min(64)];
    for (each, [name, part, values]) in all.iter().zip(&lines) {
        let mark = match told.explanation.verdicts.get(each.rule as usize) {
            Some(Verdict::Failed) => style.error("!"),
            _ => style.faint("-"),
        };
        let line = format!("    {mark} {name:names$}  {part:parts$}  {values}");
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn cells(told: Told<'_>, failing: &Failing<'_>, style: Style) -> [String; 3] {
    let rule = told.outline.rules.get(failing.rule as usize);
    let name = rule.map_or("?", |rule| rule.name.as_str());
    let keyword = keyword(told.outline, failing.rule);
    let mut values: Vec<String> = Vec::new();
    if let Some((_, failed @ Value::Error(_))) = failing.part {
        values.push(painted(failed, style));
    }
    values.extend(failing.values.iter().map(|(text, value)| {
        let text = one_line(text);
        // A `let` brings its name: `big = n > 10`.
        let sign = if text.contains(" = ") { ":" } else { " =" };
        format!("{text}{sign} {}", painted(value, style))
    }));
    let part = failing.part.map_or_else(
        || "no row matches".to_owned(),
        |(part, _)| one_line(&part.text),
    );
    [format!("{keyword} {name}"), part, values.join(", ")]
}

/// The stage's rules that did not fire, as `explain --first-failing --json` prints them.
pub(crate) fn to_json(account: &StageAccount<'_>) -> Json {
    let mut json = json!({ "stage": account.stage });
    if !account.remark.is_empty() {
        json["remark"] = account.remark.into();
    }
    let Some(told) = account.told else {
        return json;
    };
    let one = |each: &Failing<'_>| {
        let rule = each.rule as usize;
        let mut json = json!({
            "rule": told.outline.rules.get(rule).map(|rule| &rule.name),
            "verdict": verdict_name(told.explanation.verdicts.get(rule)),
        });
        if let Some((part, result)) = each.part {
            json["text"] = part.text.as_str().into();
            json["offset"] = part.offset.into();
            json["value"] = value::json(result).into();
        }
        let values = each.values.iter();
        json["values"] = values
            .map(|(text, result)| json!({ "text": text, "value": value::json(result) }))
            .collect();
        json
    };
    json["first_failing"] = failing(told).iter().map(one).collect();
    json
}

fn failing(told: Told<'_>) -> Vec<Failing<'_>> {
    let verdicts = told.explanation.verdicts.iter().zip(0..);
    verdicts
        .filter_map(|(verdict, rule)| match verdict {
            Verdict::Fired => None,
            Verdict::NotFired => Some(first(told, rule, |value| *value == Value::Boolean(false))),
            Verdict::Failed => Some(first(told, rule, |value| matches!(value, Value::Error(_)))),
        })
        .collect()
}

/// The first operand of the condition's `&&` that has such a value; the condition itself where none has.
fn first(told: Told<'_>, rule: u32, decides: impl Fn(&Value) -> bool) -> Failing<'_> {
    let parts: Vec<(&Expression, &Value)> = parts(told.outline, told.explanation)
        .filter(|(part, _)| part.rule == rule && matches!(part.role, Role::Condition(_)))
        .collect();
    if keyword(told.outline, rule) == "table" {
        let asked = parts
            .iter()
            .filter(|(part, value)| part.depth == 0 && **value != Value::Absent);
        return Failing {
            rule,
            part: None,
            values: asked.map(|(part, value)| (&*part.text, *value)).collect(),
        };
    }
    let found = operands(&parts).find(|tree| decides(tree[0].1));
    let tree = found.unwrap_or(&parts);
    let mut values = Vec::new();
    computed(told, tree, &mut values);
    Failing {
        rule,
        part: tree.first().copied(),
        values,
    }
}

fn parts<'a>(
    outline: &'a Outline,
    explanation: &'a Explanation,
) -> impl Iterator<Item = (&'a Expression, &'a Value)> {
    outline.expressions.iter().zip(&explanation.values)
}

/// The operands of a condition, as trees in pre-order.
fn operands<'a, 'b>(
    condition: &'b [(&'a Expression, &'a Value)],
) -> impl Iterator<Item = &'b [(&'a Expression, &'a Value)]> {
    let starts = condition.iter().enumerate();
    let starts = starts.filter(|(_, (part, _))| matches!(part.role, Role::Condition(1..)));
    starts.map(|(start, (root, _))| {
        let tree = &condition[start..];
        let mut below = tree.iter().skip(1);
        let end = below.position(|(part, _)| part.depth <= root.depth);
        end.map_or(tree, |end| &tree[..=end])
    })
}

/// What was computed for the tree, each expression once; literals explain themselves.
fn computed<'a>(
    told: Told<'a>,
    tree: &[(&'a Expression, &'a Value)],
    values: &mut Vec<(&'a str, &'a Value)>,
) {
    for (index, (part, result)) in tree.iter().enumerate() {
        let text = part.text.as_str();
        let is_told = **result == Value::Absent
            || one_line(text) == value::text(result)
            || values.iter().any(|(other, _)| *other == text);
        if is_told {
            continue;
        }
        let definition = definition(told, text);
        if let Some((root, result)) = definition.first() {
            if !values.iter().any(|(other, _)| *other == root.text) {
                values.push((&root.text, result));
                computed(told, &definition, values);
            }
        } else if index > 0 {
            values.push((text, result));
        }
    }
}

/// The `let` of that name, as a tree in pre-order; empty where there is none.
fn definition<'a>(told: Told<'a>, name: &str) -> Vec<(&'a Expression, &'a Value)> {
    let is_root = |part: &Expression| part.role == Role::Definition && part.depth == 0;
    let has_name = |part: &Expression| {
        let rest = part.text.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(" = "))
    };
    let mut tree = parts(told.outline, told.explanation)
        .skip_while(|(part, _)| !(is_root(part) && has_name(part)));
    let root = tree.next();
    let below = tree.take_while(|(part, _)| part.role == Role::Definition && part.depth > 0);
    root.into_iter().chain(below).collect()
}
