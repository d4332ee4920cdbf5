//! The reasons of one row, stage by stage, with the values as text.

mod tables;

use super::cells;
use super::project::utf16_range;
use super::run::Finished;
use crate::protocol::{ExpressionWhy, RuleWhy, StageWhy, WhyReport};
use arrow_array::RecordBatch;
use rulestage_diagnostics::Span;
use rulestage_pipeline::dynamic;
use rulestage_pipeline::load::Rules;
use rulestage_pipeline::runtime::{
    Explanation, Expression, Outline, Role, RowErrorCode, Value, Verdict,
};
use rulestage_rule_analysis::literal;
use tables::Tables;

/// Runs the one row again, stage by stage, and asks each why.
pub(crate) fn explain(finished: &mut Finished, row: usize) -> Result<WhyReport, String> {
    let Finished {
        runtime,
        executor,
        pipeline,
        binding,
        input,
        input_rows,
        ..
    } = finished;
    let mut report = WhyReport {
        row,
        stages: Vec::new(),
    };
    let Some(input_row) = input_rows.get(row) else {
        return Ok(report);
    };
    let explanations = executor
        .explain(&**runtime, binding, input, *input_row as usize)
        .map_err(|failure| failure.to_string())?;
    for explained in explanations {
        let stage = pipeline
            .stages
            .iter()
            .find(|stage| stage.name == explained.stage);
        let rules = stage.and_then(|stage| Some((stage.path.clone(), stage.rules.as_ref()?)));
        let mut why = StageWhy {
            stage: explained.stage,
            path: rules.as_ref().map(|(path, _)| path.clone()),
            inputs: values(explained.inputs.as_ref()),
            outputs: values(explained.outputs.as_ref()),
            failure: None,
            rules: Vec::new(),
            lets: Vec::new(),
        };
        let rules = rules.map(|(_, rules)| rules);
        match (
            explained.failure,
            &explained.outline,
            &explained.explanation,
        ) {
            (Some(dead), ..) => why.failure = Some(dead.to_string()),
            (None, Some(outline), Some(explanation)) => fill(&mut why, rules, outline, explanation),
            _ if explained.gate_passed == Some(false) => {
                why.failure = Some(
                    "the row did not pass the stage's condition: it has the defaults".to_owned(),
                );
            }
            _ => {
                why.failure = Some("this stage gives no reasons: it is no set of rules".to_owned())
            }
        }
        report.stages.push(why);
    }
    Ok(report)
}

/// The columns of a batch of one row.
fn values(batch: Option<&RecordBatch>) -> Vec<(String, Option<String>)> {
    let Some(batch) = batch.filter(|batch| batch.num_rows() == 1) else {
        return Vec::new();
    };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns
        .map(|(field, column)| (field.name().clone(), cells::text(column, 0)))
        .collect()
}

fn fill(why: &mut StageWhy, rules: Option<&Rules>, outline: &Outline, explanation: &Explanation) {
    let source = rules.map_or("", |rules| &rules.source);
    let tables = Tables::new(rules);
    why.rules = outline
        .rules
        .iter()
        .zip(&explanation.verdicts)
        .map(|(rule, verdict)| RuleWhy {
            kind: tables.kind(&rule.name).to_owned(),
            name: rule.name.clone(),
            priority: rule.priority,
            doc: rule.doc.clone(),
            verdict: match verdict {
                Verdict::Fired => "fired",
                Verdict::NotFired => "not fired",
                Verdict::Failed => "failed",
            }
            .to_owned(),
            conditions: Vec::new(),
            contributions: Vec::new(),
            n_columns: tables.n_columns(&rule.name),
            rows: Vec::new(),
        })
        .collect();
    for (expression, value) in outline.expressions.iter().zip(&explanation.values) {
        // Of a table, places for rows that did not match; a value that was not contributed.
        if expression.depth == 0
            && *value == Value::Absent
            && !matches!(expression.role, Role::Definition)
        {
            continue;
        }
        let part = part(source, expression, value);
        let Some(rule) = why.rules.get_mut(expression.rule as usize) else {
            if expression.depth == 0 {
                why.lets.push(part);
            }
            continue;
        };
        if expression.depth == 0 && tables.take(source, rule, expression, value) {
            continue;
        }
        if let (Role::ThenOutput(output), Some(row)) = (expression.role, rule.rows.last_mut()) {
            let given = part.value.unwrap_or_default();
            row.gives.push((name_of(outline, output), given));
            continue;
        }
        match expression.role {
            Role::Condition(_) | Role::Definition => rule.conditions.push(part),
            // The parts of a contribution are one click away, in the editor.
            Role::ThenOutput(_) | Role::ElseOutput(_) if expression.depth > 0 => {}
            // A rule contributes by one of its two blocks.
            Role::ThenOutput(output) if rule.verdict == "fired" => {
                rule.contributions.push((name_of(outline, output), part));
            }
            Role::ElseOutput(output) if rule.verdict == "not fired" => {
                rule.contributions.push((name_of(outline, output), part));
            }
            Role::ThenOutput(_) | Role::ElseOutput(_) => {}
        }
    }
}

fn name_of(outline: &Outline, output: u32) -> String {
    outline
        .outputs
        .get(output as usize)
        .cloned()
        .unwrap_or_default()
}

fn part(source: &str, expression: &Expression, value: &Value) -> ExpressionWhy {
    let end = expression
        .offset
        .saturating_add(expression.text.len() as u32);
    let (from, to) = utf16_range(source, Span::new(expression.offset, end));
    ExpressionWhy {
        depth: expression.depth,
        text: expression.text.clone(),
        from,
        to,
        value: show(value),
    }
}

/// A value as text; `None` where nothing asked for it.
fn show(value: &Value) -> Option<String> {
    Some(match value {
        Value::Absent => return None,
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => cells::float(*value),
        Value::Text(text) => format!("\"{text}\""),
        Value::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Timestamp(seconds, nanoseconds) => {
            let nanoseconds = i64::from(*nanoseconds);
            let total = seconds
                .checked_mul(1_000_000_000)
                .and_then(|n| n.checked_add(nanoseconds));
            let datetime =
                total.and_then(arrow_array::temporal_conversions::timestamp_ns_to_datetime);
            datetime.map_or_else(|| format!("{seconds} s"), |datetime| datetime.to_string())
        }
        Value::Duration(nanoseconds) => format!("{}s", cells::float(*nanoseconds as f64 / 1e9)),
        Value::Texts(texts) => format!("[{}]", texts.join(", ")),
        // As rules write it
        Value::Json(json) => serde_json::from_str(json)
            .ok()
            .and_then(|json| dynamic::from_json(&json))
            .map_or_else(|| json.clone(), |value| literal(&value)),
        Value::Error(code) => format!("error: {}", error_name(*code)),
    })
}

fn error_name(code: RowErrorCode) -> &'static str {
    match code {
        RowErrorCode::Overflow => "overflow",
        RowErrorCode::DivideByZero => "division by zero",
        RowErrorCode::ModulusByZero => "modulus by zero",
        RowErrorCode::InvalidArgument => "invalid argument",
        RowErrorCode::NoSuchKey => "no such key",
        RowErrorCode::NoSuchOverload => "no such overload",
        RowErrorCode::IndexOutOfBounds => "index out of bounds",
        RowErrorCode::Conflict => "conflict",
        RowErrorCode::Other => "refused",
    }
}
