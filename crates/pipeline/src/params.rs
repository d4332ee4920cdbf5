//! The manifest's parameters as the values that a stage takes.

use crate::cast::{parse_duration, parse_timestamp};
use crate::manifest::{ParamManifest, ParamValue};
use crate::runtime::{Description, Value};
use crate::suggest::{did_you_mean, list};
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_rule_compiler::ir::Decimal;

/// One value for each parameter of `description`; `Absent` where the manifest gives none.
pub(crate) fn resolve(
    stage: &str,
    span: Span,
    given: &[ParamManifest],
    description: &Description,
) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut values = vec![Value::Absent; description.parameters.len()];
    for param in given {
        let Some(index) = description
            .parameters
            .iter()
            .position(|known| known.name == param.name)
        else {
            let names = || {
                description
                    .parameters
                    .iter()
                    .map(|known| known.name.as_str())
            };
            let hint = did_you_mean(&param.name, names()).unwrap_or_else(|| {
                match description.parameters.len() {
                    0 => "it has none".to_owned(),
                    _ => format!("it has {}", list(names())),
                }
            });
            let message = format!("stage `{stage}` has no parameter `{}`", param.name);
            diagnostics.push(
                Diagnostic::error("pipeline.params.unknown", param.name_span, message)
                    .with_hint(hint),
            );
            continue;
        };
        let type_name = &description.parameters[index].type_name;
        match value(&param.value, type_name) {
            Some(value) => values[index] = value,
            None => {
                let message = format!(
                    "parameter `{}` of stage `{stage}` must be of type {type_name}",
                    param.name
                );
                diagnostics.push(Diagnostic::error(
                    "pipeline.params.wrong-type",
                    param.span,
                    message,
                ));
            }
        }
    }
    for (parameter, value) in description.parameters.iter().zip(&values) {
        let is_given = given.iter().any(|param| param.name == parameter.name);
        if *value == Value::Absent && parameter.default == Value::Absent && !is_given {
            let message = format!(
                "stage `{stage}` needs parameter `{}` ({})",
                parameter.name, parameter.type_name
            );
            let hint = format!(
                "add it to the stage's `params`: params = {{ {} = … }}",
                parameter.name
            );
            diagnostics
                .push(Diagnostic::error("pipeline.params.missing", span, message).with_hint(hint));
        }
    }
    if diagnostics.is_empty() {
        Ok(values)
    } else {
        Err(diagnostics)
    }
}

fn value(value: &ParamValue, type_name: &str) -> Option<Value> {
    Some(match (type_name.trim_end_matches('?'), value) {
        ("bool", ParamValue::Boolean(value)) => Value::Boolean(*value),
        ("int", ParamValue::Integer(value)) => Value::Int(*value),
        ("uint", ParamValue::Integer(value)) => Value::Uint(u64::try_from(*value).ok()?),
        ("double", ParamValue::Float(value)) => Value::Double(*value),
        ("double", ParamValue::Integer(value)) => Value::Double(
            Some(*value as f64).filter(|double| *double as i128 == i128::from(*value))?,
        ),
        ("string", ParamValue::Text(text)) => Value::Text(text.clone()),
        ("decimal", ParamValue::Text(text)) => {
            let text = text.trim();
            text.parse::<Decimal>().ok()?;
            Value::Text(text.to_owned())
        }
        ("bytes", ParamValue::Text(text)) => Value::Binary(text.clone().into_bytes()),
        ("timestamp", ParamValue::Text(text)) => {
            let nanoseconds = parse_timestamp(text)?;
            let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
            Value::Timestamp(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32)
        }
        ("duration", ParamValue::Text(text)) => {
            Value::Duration(i64::try_from(parse_duration(text)?).ok()?)
        }
        ("list<string>", ParamValue::List(items)) => {
            let texts = items.iter().map(|item| match item {
                ParamValue::Text(text) => Some(text.clone()),
                _ => None,
            });
            Value::Texts(texts.collect::<Option<_>>()?)
        }
        (type_name, ParamValue::Argument(text)) => argument(text, type_name)?,
        ("json", value) => Value::Json(json(value)?.to_string()),
        _ => return None,
    })
}

/// A value that was given as text.
fn argument(text: &str, type_name: &str) -> Option<Value> {
    let typed = match type_name {
        "bool" => ParamValue::Boolean(text.parse().ok()?),
        "int" => ParamValue::Integer(text.parse().ok()?),
        "uint" => return text.parse().ok().map(Value::Uint),
        "double" => ParamValue::Float(text.parse().ok()?),
        "list<string>" => ParamValue::List(
            text.split(',')
                .map(|item| ParamValue::Text(item.trim().to_owned()))
                .collect(),
        ),
        "json" => {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            return Some(Value::Json(json.to_string()));
        }
        _ => ParamValue::Text(text.to_owned()),
    };
    value(&typed, type_name)
}

fn json(value: &ParamValue) -> Option<serde_json::Value> {
    Some(match value {
        ParamValue::Boolean(value) => (*value).into(),
        ParamValue::Integer(value) => (*value).into(),
        ParamValue::Float(value) => serde_json::Number::from_f64(*value)?.into(),
        ParamValue::Text(text) => text.as_str().into(),
        ParamValue::List(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        ParamValue::Argument(text) => text.as_str().into(),
        ParamValue::Table(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| Some((key.clone(), json(value)?)));
            serde_json::Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}
