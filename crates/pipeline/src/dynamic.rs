//! Values of any type as the JSON that `dynamic` columns hold (`wit/stage.wit`).
//!
//! What JSON can't say is an object with one member whose name starts with `@`: `{"@uint":"3"}`.

mod arrays;

pub use arrays::array_of;

use crate::cast::{parse_duration, parse_timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use rulestage_rule_compiler::ir::Const;
use serde_json::{Map, Value, json};

/// The JSON of a value.
pub fn to_json(value: &Const) -> Value {
    match value {
        Const::Null => Value::Null,
        Const::Bool(value) => (*value).into(),
        Const::Int(value) => (*value).into(),
        Const::Uint(value) => json!({ "@uint": value.to_string() }),
        Const::Double(value) if value.is_finite() => (*value).into(),
        Const::Double(value) if value.is_nan() => json!({ "@double": "NaN" }),
        Const::Double(value) if *value > 0.0 => json!({ "@double": "Infinity" }),
        Const::Double(_) => json!({ "@double": "-Infinity" }),
        Const::String(text) => text.as_str().into(),
        Const::Bytes(bytes) => json!({ "@bytes": STANDARD.encode(bytes) }),
        Const::Timestamp(seconds, nanoseconds) => {
            let time = DateTime::from_timestamp(*seconds, *nanoseconds).unwrap_or_default();
            json!({ "@timestamp": time.to_rfc3339_opts(SecondsFormat::AutoSi, true) })
        }
        Const::Duration(nanoseconds) => json!({ "@duration": format!("{nanoseconds}ns") }),
        Const::Decimal(value) => json!({ "@decimal": value.to_string() }),
        Const::List(items) => items.iter().map(to_json).collect(),
        Const::Map(entries) => map_to_json(entries),
        Const::Type(name) => json!({ "@type": name }),
        Const::Optional(content) => {
            json!({ "@optional": content.iter().map(|each| to_json(each)).collect::<Vec<_>>() })
        }
    }
}

fn map_to_json(entries: &[(Const, Const)]) -> Value {
    let members = entries.iter().map(|(key, value)| match key {
        Const::String(key) if !key.starts_with('@') => Some((key.clone(), to_json(value))),
        _ => None,
    });
    match members.collect::<Option<Map<String, Value>>>() {
        Some(members) => Value::Object(members),
        None => {
            let pairs = entries
                .iter()
                .map(|(key, value)| json!([to_json(key), to_json(value)]));
            json!({ "@map": pairs.collect::<Vec<_>>() })
        }
    }
}

/// The value of JSON; `None` where it is that of none.
pub fn from_json(value: &Value) -> Option<Const> {
    Some(match value {
        Value::Null => Const::Null,
        Value::Bool(value) => Const::Bool(*value),
        Value::String(text) => Const::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Const::Int(value),
            (_, Some(value)) => Const::Uint(value),
            _ => Const::Double(number.as_f64()?),
        },
        Value::Array(items) => Const::List(items.iter().map(from_json).collect::<Option<_>>()?),
        Value::Object(members) => {
            if let (1, Some((name, content))) = (members.len(), members.iter().next())
                && let Some(kind) = name.strip_prefix('@')
                && let Some(value) = tagged(kind, content)
            {
                return value;
            }
            let entries = members
                .iter()
                .map(|(key, value)| Some((Const::String(key.clone()), from_json(value)?)));
            Const::Map(entries.collect::<Option<_>>()?)
        }
    })
}

/// What `{"@kind": content}` stands for; nothing where the kind is none of ours.
fn tagged(kind: &str, content: &Value) -> Option<Option<Const>> {
    let text = content.as_str();
    Some(match kind {
        "uint" => text.and_then(|text| text.parse().ok()).map(Const::Uint),
        "double" => text.and_then(|text| text.parse().ok()).map(Const::Double),
        "bytes" => text
            .and_then(|text| STANDARD.decode(text).ok())
            .map(Const::Bytes),
        "timestamp" => text.and_then(parse_timestamp).and_then(|nanoseconds| {
            let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
            let below = nanoseconds.rem_euclid(1_000_000_000) as u32;
            Some(Const::Timestamp(seconds, below))
        }),
        "duration" => text
            .and_then(parse_duration)
            .and_then(|nanoseconds| i64::try_from(nanoseconds).ok())
            .map(Const::Duration),
        "decimal" => text.and_then(|text| text.parse().ok()).map(Const::Decimal),
        "type" => text.map(|name| Const::Type(name.to_owned())),
        "optional" => match content.as_array().map(Vec::as_slice) {
            Some([]) => Some(Const::Optional(None)),
            Some([value]) => from_json(value).map(|value| Const::Optional(Some(Box::new(value)))),
            _ => None,
        },
        "map" => content.as_array().and_then(|pairs| {
            let entries = pairs.iter().map(|pair| match pair.as_array()?.as_slice() {
                [key, value] => Some((from_json(key)?, from_json(value)?)),
                _ => None,
            });
            entries.collect::<Option<_>>().map(Const::Map)
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_round_trip() {
        let text = |text: &str| Const::String(text.to_owned());
        for value in [
            Const::Null,
            Const::Int(i64::MIN),
            Const::Uint(3),
            Const::Double(1.0),
            Const::Double(f64::INFINITY),
            Const::Bytes(vec![0, 255]),
            Const::Timestamp(-1, 5),
            Const::Duration(-1_500_000_000),
            Const::Decimal("-12.10".parse().expect("a decimal")),
            Const::Type("int".to_owned()),
            Const::Optional(None),
            Const::Optional(Some(Box::new(Const::Optional(Some(Box::new(Const::Null)))))),
            Const::List(vec![Const::Bool(true), Const::List(Vec::new())]),
            Const::Map(vec![(text("a"), Const::Uint(1))]),
            Const::Map(vec![(Const::Int(1), text("x")), (text("@y"), Const::Null)]),
            Const::Map(vec![(text("@uint"), text("1"))]),
        ] {
            let written = to_json(&value).to_string();
            let read = serde_json::from_str(&written).ok();
            assert_eq!(read.as_ref().and_then(from_json), Some(value), "{written}");
        }
    }

    #[test]
    fn what_a_tag_does_not_allow_is_no_value() {
        for text in [
            r#"{"@uint":1}"#,
            r#"{"@optional":[1,2]}"#,
            r#"{"@map":[1]}"#,
            r#"[{"@timestamp":"x"}]"#,
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(from_json(&value), None, "{text}");
        }
    }
}
