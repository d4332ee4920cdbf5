//! Why one row came out as it did: as text for people and as JSON.

use super::{Style, value};
use rulestage_pipeline::runtime::{Explanation, Expression, Outline, Role, Value, Verdict};
use serde_json::{Value as Json, json};

/// Values of expressions stand in one column up to this width of the expressions' text.
const MAX_TEXT_COLUMNS: usize = 64;

/// One stage's account of the row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageAccount<'a> {
    pub(crate) stage: &'a str,
    pub(crate) inputs: &'a [(String, Json)],
    pub(crate) outputs: &'a [(String, Json)],
    /// A sentence where something is special; may be empty
    pub(crate) remark: &'a str,
    /// What the rules did, for stages that explain themselves
    pub(crate) told: Option<Told<'a>>,
}

/// Rules and what each did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) outline: &'a Outline,
    pub(crate) explanation: &'a Explanation,
}

/// The account as text.
pub(crate) fn render(account: &StageAccount<'_>, style: Style) -> String {
    let mut text = format!(
        "{} {}\n",
        style.emphasis("stage"),
        style.emphasis(account.stage)
    );
    text += &fields("in", account.inputs, style);
    if let Some(told) = account.told {
        text += &rules(told.outline, told.explanation, style);
    }
    if !account.remark.is_empty() {
        text += &format!("  {}\n", style.warning(account.remark));
    }
    text += &fields("out", account.outputs, style);
    text
}

fn fields(title: &str, fields: &[(String, Json)], style: Style) -> String {
    let width = fields
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let lines = fields.iter().enumerate().map(|(index, (name, value))| {
        let title = if index == 0 { title } else { "" };
        format!(
            "  {} {name:width$}  {value}\n",
            style.faint(&format!("{title:3}"))
        )
    });
    lines.collect()
}

fn rules(outline: &Outline, explanation: &Explanation, style: Style) -> String {
    let mut text = String::new();
    let n_rules = outline.rules.len() as u32;
    let lets = parts(outline, explanation, n_rules, |role| {
        role == Role::Definition
    });
    if !lets.is_empty() {
        text += &format!("\n  {}\n", style.emphasis("let"));
        text += &tree(&lets, "    ", style);
    }
    for (index, rule) in outline.rules.iter().enumerate() {
        let verdict = explanation.verdicts.get(index).copied();
        let (mark, word) = match verdict {
            Some(Verdict::Fired) => (style.good("+"), style.good("fired")),
            Some(Verdict::NotFired) => (style.faint("-"), style.faint("not fired")),
            Some(Verdict::Failed) => (style.error("!"), style.error("failed")),
            None => (" ".into(), String::new()),
        };
        let priority = if rule.priority == 0 {
            String::new()
        } else {
            format!(" (priority {})", rule.priority)
        };
        text += &format!(
            "\n  {mark} {} {}{priority}: {word}\n",
            keyword(outline, index as u32),
            style.emphasis(&rule.name)
        );
        let index = index as u32;
        let condition = parts(outline, explanation, index, |role| {
            matches!(role, Role::Condition(_))
        });
        text += &tree(&condition, "      ", style);
        text += &contributions(outline, explanation, index, verdict, style);
    }
    text += "\n";
    text
}

/// What the source calls it. A rule has one condition; a table shows its header's expressions and its rows as several.
pub(super) fn keyword(outline: &Outline, rule: u32) -> &'static str {
    let conditions = outline.expressions.iter().filter(|part| {
        part.rule == rule && matches!(part.role, Role::Condition(_)) && part.depth == 0
    });
    if conditions.count() > 1 {
        "table"
    } else {
        "rule"
    }
}

/// The expressions of one rule with one kind of role, with their values.
fn parts<'a>(
    outline: &'a Outline,
    explanation: &'a Explanation,
    rule: u32,
    wanted: impl Fn(Role) -> bool,
) -> Vec<(&'a Expression, &'a Value)> {
    let expressions = outline.expressions.iter().zip(&explanation.values);
    // A condition has a value; of a table, rows without one are places for rows that did not match.
    let is_unused = |part: &Expression, value: &Value| {
        part.depth == 0 && matches!(part.role, Role::Condition(_)) && *value == Value::Absent
    };
    expressions
        .filter(|(part, value)| part.rule == rule && wanted(part.role) && !is_unused(part, value))
        .collect()
}

fn tree(parts: &[(&Expression, &Value)], indent: &str, style: Style) -> String {
    let lines: Vec<(String, &Value)> = parts
        .iter()
        // A literal explains itself.
        .filter(|(part, value)| part.depth == 0 || one_line(&part.text) != value::text(value))
        .map(|(part, value)| {
            (format!("{indent}{}{}", "  ".repeat(part.depth as usize), one_line(&part.text)), *value)
        })
        .collect();
    let width = lines
        .iter()
        .map(|(text, _)| text.chars().count())
        .filter(|n| *n <= MAX_TEXT_COLUMNS);
    let width = width.max().unwrap_or(0);
    let lines = lines
        .iter()
        .map(|(text, value)| format!("{text:width$}  {}\n", painted(value, style)));
    lines.collect()
}

/// What the rule gave to the outputs; the branch that was not taken is left out.
fn contributions(
    outline: &Outline,
    explanation: &Explanation,
    rule: u32,
    verdict: Option<Verdict>,
    style: Style,
) -> String {
    let (keyword, taken): (_, fn(Role) -> Option<u32>) = match verdict {
        Some(Verdict::Fired) => ("then", |role| match role {
            Role::ThenOutput(output) => Some(output),
            _ => None,
        }),
        Some(Verdict::NotFired) => ("else", |role| match role {
            Role::ElseOutput(output) => Some(output),
            _ => None,
        }),
        _ => return String::new(),
    };
    let mut text = String::new();
    for (part, value) in parts(outline, explanation, rule, |role| taken(role).is_some()) {
        if part.depth > 0 || *value == Value::Absent {
            continue;
        }
        let output = taken(part.role).and_then(|output| outline.outputs.get(output as usize));
        let output = output.map_or("?", String::as_str);
        let (source, value_text) = (one_line(&part.text), value::text(value));
        text += &format!("      {keyword} {output} = {}", painted(value, style));
        if source != value_text {
            text += &style.faint(&format!("  from {source}"));
        }
        text.push('\n');
    }
    text
}

pub(super) fn painted(value: &Value, style: Style) -> String {
    let text = value::text(value);
    match value {
        Value::Error(_) => style.error(&text),
        Value::Absent => style.faint(&text),
        Value::Boolean(true) => style.good(&text),
        _ => text,
    }
}

/// The source text with every run of white space as one blank.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The account as `explain --json` prints it.
pub(crate) fn to_json(account: &StageAccount<'_>) -> Json {
    let object = |fields: &[(String, Json)]| Json::Object(fields.iter().cloned().collect());
    let mut json = json!({
        "stage": account.stage,
        "inputs": object(account.inputs),
        "outputs": object(account.outputs),
    });
    if !account.remark.is_empty() {
        json["remark"] = account.remark.into();
    }
    if let Some(Told {
        outline,
        explanation,
    }) = account.told
    {
        let n_rules = outline.rules.len() as u32;
        json["lets"] = expressions_json(outline, explanation, n_rules);
        json["rules"] = (0..n_rules)
            .zip(&outline.rules)
            .map(|(index, rule)| {
                json!({
                    "name": rule.name,
                    "priority": rule.priority,
                    "verdict": verdict_name(explanation.verdicts.get(index as usize)),
                    "expressions": expressions_json(outline, explanation, index),
                })
            })
            .collect();
    }
    json
}

/// The verdict as JSON has it.
pub(super) fn verdict_name(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Fired) => "fired",
        Some(Verdict::NotFired) => "not-fired",
        Some(Verdict::Failed) => "failed",
        None => "unknown",
    }
}

fn expressions_json(outline: &Outline, explanation: &Explanation, rule: u32) -> Json {
    let one = |(part, value): (&Expression, &Value)| {
        let output = |index: u32| outline.outputs.get(index as usize).cloned();
        let (role, output) = match part.role {
            Role::Condition(_) => ("condition", None),
            Role::ThenOutput(index) => ("then", output(index)),
            Role::ElseOutput(index) => ("else", output(index)),
            Role::Definition => ("definition", None),
        };
        let mut json = json!({
            "role": role, "depth": part.depth, "text": part.text, "offset": part.offset,
        });
        if let Some(output) = output {
            json["output"] = output.into();
        }
        if let Some(value) = value::json(value) {
            json["value"] = value;
        }
        json
    };
    parts(outline, explanation, rule, |_| true)
        .into_iter()
        .map(one)
        .collect()
}
