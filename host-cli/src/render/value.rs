//! Values of stages, as people write them in rules and as JSON.

use crate::cel_value::{duration_text, timestamp_text};
use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{RowErrorCode, Value};
use rulestage_rule_analysis::literal;
use serde_json::Value as Json;

/// The value as CEL writes it; `-` for one that was not computed.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Absent => "-".into(),
        Value::Null => "null".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => format!("{value}u"),
        Value::Double(value) => format!("{value:?}"),
        Value::Text(text) => quoted(text),
        Value::Binary(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::Timestamp(seconds, nanoseconds) => timestamp_text(*seconds, *nanoseconds),
        Value::Duration(nanoseconds) => duration_text(*nanoseconds),
        Value::Texts(texts) => {
            format!(
                "[{}]",
                texts
                    .iter()
                    .map(|text| quoted(text))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Json(json) => in_words(json).unwrap_or_else(|| json.clone()),
        Value::Error(code) => format!("error: {}", code_name(*code)),
    }
}

/// A value that JSON has no words for, as rules write it.
fn in_words(json: &str) -> Option<String> {
    let json = serde_json::from_str(json).ok()?;
    dynamic::from_json(&json).map(|value| literal(&value))
}

/// The value as plain JSON; `None` for one that was not computed. What JSON lacks becomes text.
pub(crate) fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Absent => return None,
        Value::Null => Json::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Double(value) if value.is_finite() => (*value).into(),
        Value::Double(value) => value.to_string().into(),
        Value::Text(text) => text.as_str().into(),
        Value::Binary(bytes) => bytes.escape_ascii().to_string().into(),
        Value::Timestamp(seconds, nanoseconds) => timestamp_text(*seconds, *nanoseconds).into(),
        Value::Duration(nanoseconds) => duration_text(*nanoseconds).into(),
        Value::Texts(texts) => texts.as_slice().into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Value::Error(code) => serde_json::json!({ "error": code_name(*code) }),
    })
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// The code as `wit/stage.wit` spells it.
pub(crate) fn code_name(code: RowErrorCode) -> &'static str {
    match code {
        RowErrorCode::Overflow => "overflow",
        RowErrorCode::DivideByZero => "divide-by-zero",
        RowErrorCode::ModulusByZero => "modulus-by-zero",
        RowErrorCode::InvalidArgument => "invalid-argument",
        RowErrorCode::NoSuchKey => "no-such-key",
        RowErrorCode::NoSuchOverload => "no-such-overload",
        RowErrorCode::IndexOutOfBounds => "index-out-of-bounds",
        RowErrorCode::Conflict => "conflict",
        RowErrorCode::Other => "other",
    }
}
