//! `cel.expr.Value` in the JSON form of protocol buffers, to and from the compiler's constants.
//!
//! Source: `cel/expr/value.proto` of cel-spec and the ProtoJSON format of protocol buffers.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat};
use rulestage_rule_compiler::ir::Const;
use rulestage_rule_compiler::types::Type;
use serde_json::{Map, Value, json};

const TIMESTAMP: &str = "type.googleapis.com/google.protobuf.Timestamp";
/// An extension of ours: protocol buffers have no message for it.
const DECIMAL: &str = "type.googleapis.com/rulestage.Decimal";
const DURATION: &str = "type.googleapis.com/google.protobuf.Duration";

/// The value as a `cel.expr.Value`.
pub(crate) fn encode(value: &Const) -> Value {
    match value {
        Const::Null => json!({ "nullValue": null }),
        Const::Bool(value) => json!({ "boolValue": value }),
        Const::Int(value) => json!({ "int64Value": value.to_string() }),
        Const::Uint(value) => json!({ "uint64Value": value.to_string() }),
        Const::Double(value) => json!({ "doubleValue": double(*value) }),
        Const::String(value) => json!({ "stringValue": value }),
        Const::Bytes(value) => json!({ "bytesValue": STANDARD.encode(value) }),
        Const::Timestamp(seconds, nanoseconds) => json!({
            "objectValue": { "@type": TIMESTAMP, "value": timestamp_text(*seconds, *nanoseconds) }
        }),
        Const::Duration(nanoseconds) => json!({
            "objectValue": { "@type": DURATION, "value": duration_text(*nanoseconds) }
        }),
        Const::Decimal(value) => json!({
            "objectValue": { "@type": DECIMAL, "value": value.to_string() }
        }),
        Const::List(values) => {
            json!({ "listValue": { "values": values.iter().map(encode).collect::<Vec<_>>() } })
        }
        Const::Map(entries) => {
            let entry = |(key, value): &(Const, Const)| json!({ "key": encode(key), "value": encode(value) });
            json!({ "mapValue": { "entries": entries.iter().map(entry).collect::<Vec<_>>() } })
        }
        Const::Type(name) => json!({ "typeValue": name }),
        Const::Optional(content) => match content {
            Some(content) => json!({ "optionalValue": { "value": encode(content) } }),
            None => json!({ "optionalValue": {} }),
        },
    }
}

/// The value as CEL writes it.
pub(crate) fn text(value: &Const) -> String {
    match value {
        Const::Null => "null".into(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Uint(value) => format!("{value}u"),
        Const::Double(value) => format!("{value:?}"),
        Const::String(value) => Value::from(value.as_str()).to_string(),
        Const::Bytes(value) => format!("b\"{}\"", value.escape_ascii()),
        Const::Timestamp(seconds, nanoseconds) => timestamp_text(*seconds, *nanoseconds),
        Const::Duration(nanoseconds) => duration_text(*nanoseconds),
        Const::Decimal(value) => value.to_string(),
        Const::List(values) => {
            format!(
                "[{}]",
                values.iter().map(text).collect::<Vec<_>>().join(", ")
            )
        }
        Const::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key), text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Const::Type(name) => name.clone(),
        Const::Optional(Some(content)) => format!("optional.of({})", text(content)),
        Const::Optional(None) => "optional.none()".into(),
    }
}

/// JSON has no words for these three.
fn double(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        }
    } else {
        value.into()
    }
}

/// `2026-01-31T12:00:00.5Z`: as many digits of the fraction as are needed, in groups of three.
pub(crate) fn timestamp_text(seconds: i64, nanoseconds: u32) -> String {
    match DateTime::from_timestamp(seconds, nanoseconds) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => format!("{seconds} s since 1970"),
    }
}

/// `1.500s`: as many digits of the fraction as are needed, in groups of three.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let (seconds, fraction) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
    if fraction == 0 {
        format!("{sign}{seconds}s")
    } else if fraction.is_multiple_of(1_000_000) {
        format!("{sign}{seconds}.{:03}s", fraction / 1_000_000)
    } else if fraction.is_multiple_of(1_000) {
        format!("{sign}{seconds}.{:06}s", fraction / 1_000)
    } else {
        format!("{sign}{seconds}.{fraction:09}s")
    }
}

/// Reads a `cel.expr.Value`. Says what is wrong with it otherwise.
pub(crate) fn decode(value: &Value) -> Result<Const, String> {
    let object = value.as_object().ok_or_else(|| refused(value, "a value"))?;
    let mut fields = object.iter();
    let (Some((field, content)), None) = (fields.next(), fields.next()) else {
        return Err(format!(
            "a value has exactly one field, found {}",
            object.len()
        ));
    };
    let wrong = || refused(content, field);
    match field.as_str() {
        "nullValue" => Ok(Const::Null),
        "boolValue" => content.as_bool().map(Const::Bool).ok_or_else(wrong),
        "int64Value" => integer(content).map(Const::Int).ok_or_else(wrong),
        "uint64Value" => integer(content).map(Const::Uint).ok_or_else(wrong),
        "doubleValue" => double_from(content).map(Const::Double).ok_or_else(wrong),
        "stringValue" => content
            .as_str()
            .map(|text| Const::String(text.into()))
            .ok_or_else(wrong),
        "bytesValue" => content
            .as_str()
            .and_then(bytes)
            .map(Const::Bytes)
            .ok_or_else(wrong),
        "listValue" => list(content),
        "objectValue" => message(content.as_object().ok_or_else(wrong)?),
        "mapValue" => map(content),
        "typeValue" => content
            .as_str()
            .map(|name| Const::Type(name.into()))
            .ok_or_else(wrong),
        "optionalValue" => match content.get("value") {
            None => Ok(Const::Optional(None)),
            Some(content) => Ok(Const::Optional(Some(Box::new(decode(content)?)))),
        },
        "enumValue" => Err(format!("`{field}` is not supported yet")),
        _ => Err(format!("there is no kind of value called `{field}`")),
    }
}

fn list(content: &Value) -> Result<Const, String> {
    match content.get("values") {
        None | Some(Value::Null) => Ok(Const::List(Vec::new())),
        Some(Value::Array(values)) => values
            .iter()
            .map(decode)
            .collect::<Result<_, _>>()
            .map(Const::List),
        Some(other) => Err(refused(other, "the values of a list")),
    }
}

fn map(content: &Value) -> Result<Const, String> {
    let entry = |entry: &Value| {
        let part = |name: &str| entry.get(name).ok_or_else(|| refused(entry, "an entry"));
        Ok((decode(part("key")?)?, decode(part("value")?)?))
    };
    match content.get("entries") {
        None | Some(Value::Null) => Ok(Const::Map(Vec::new())),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(entry)
            .collect::<Result<_, String>>()
            .map(Const::Map),
        Some(other) => Err(refused(other, "the entries of a map")),
    }
}

/// The messages that CEL treats as values of its own: timestamps, durations, wrappers and JSON.
fn message(object: &Map<String, Value>) -> Result<Const, String> {
    let url = object
        .get("@type")
        .and_then(Value::as_str)
        .ok_or("an object needs `@type`")?;
    let content = object.get("value").unwrap_or(&Value::Null);
    let name = url.rsplit('/').next().unwrap_or(url);
    let wrong = || refused(content, name);
    match name {
        "google.protobuf.Timestamp" => timestamp(content).ok_or_else(wrong),
        "google.protobuf.Duration" => content
            .as_str()
            .and_then(duration)
            .map(Const::Duration)
            .ok_or_else(wrong),
        "rulestage.Decimal" => content
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(Const::Decimal)
            .ok_or_else(wrong),
        "google.protobuf.BoolValue" => content.as_bool().map(Const::Bool).ok_or_else(wrong),
        "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => {
            integer(content).map(Const::Int).ok_or_else(wrong)
        }
        "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => {
            integer(content).map(Const::Uint).ok_or_else(wrong)
        }
        "google.protobuf.FloatValue" | "google.protobuf.DoubleValue" => {
            double_from(content).map(Const::Double).ok_or_else(wrong)
        }
        "google.protobuf.StringValue" => content
            .as_str()
            .map(|text| Const::String(text.into()))
            .ok_or_else(wrong),
        "google.protobuf.BytesValue" => content
            .as_str()
            .and_then(bytes)
            .map(Const::Bytes)
            .ok_or_else(wrong),
        "google.protobuf.Value" | "google.protobuf.Struct" | "google.protobuf.ListValue" => {
            protobuf_json(content).ok_or_else(wrong)
        }
        _ => Err(format!("messages of type `{name}` are not supported yet")),
    }
}

/// The JSON in a `google.protobuf.Value`: all its numbers are doubles.
fn protobuf_json(content: &Value) -> Option<Const> {
    Some(match content {
        Value::Null => Const::Null,
        Value::Bool(value) => Const::Bool(*value),
        Value::Number(number) => Const::Double(number.as_f64()?),
        Value::String(text) => Const::String(text.clone()),
        Value::Array(items) => Const::List(items.iter().map(protobuf_json).collect::<Option<_>>()?),
        Value::Object(members) => {
            let entries = members
                .iter()
                .map(|(key, value)| Some((Const::String(key.clone()), protobuf_json(value)?)));
            Const::Map(entries.collect::<Option<_>>()?)
        }
    })
}

fn timestamp(content: &Value) -> Option<Const> {
    let time = DateTime::parse_from_rfc3339(content.as_str()?).ok()?;
    Some(Const::Timestamp(
        time.timestamp(),
        time.timestamp_subsec_nanos(),
    ))
}

/// Nanoseconds of `-1.5s`.
fn duration(text: &str) -> Option<i64> {
    let text = text.strip_suffix('s')?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || fraction.len() > 9 || !digits(fraction) {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    let magnitude = whole.parse::<i64>().ok()? as i128 * 1_000_000_000 + fraction;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// ProtoJSON writes 64-bit integers as strings and reads both.
fn integer<T: std::str::FromStr>(content: &Value) -> Option<T> {
    match content {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn double_from(content: &Value) -> Option<f64> {
    match content {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text == "NaN" => Some(f64::NAN),
        Value::String(text) if text == "Infinity" => Some(f64::INFINITY),
        Value::String(text) if text == "-Infinity" => Some(f64::NEG_INFINITY),
        Value::String(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

/// Base64 in any of its forms.
fn bytes(text: &str) -> Option<Vec<u8>> {
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|engine| engine.decode(text).ok())
}

fn refused(value: &Value, what: &str) -> String {
    format!(
        "`{value}` is not {}",
        if what == "a value" {
            "a value object"
        } else {
            what
        }
    )
}

/// The value of plain JSON, as `--bind` takes it: integers are `int`, other numbers `double`.
pub(crate) fn from_plain_json(value: &Value) -> Result<Const, String> {
    match value {
        Value::Null => Ok(Const::Null),
        Value::Bool(value) => Ok(Const::Bool(*value)),
        Value::String(text) => Ok(Const::String(text.clone())),
        Value::Array(values) => values
            .iter()
            .map(from_plain_json)
            .collect::<Result<_, _>>()
            .map(Const::List),
        Value::Object(_) => rulestage_pipeline::dynamic::from_json(value)
            .ok_or_else(|| format!("`{value}` is no value")),
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map(Const::Double)
            .ok_or_else(|| format!("`{number}` is no double")),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Ok(Const::Int(value)),
            None => Err(format!("`{number}` is too large for int")),
        },
    }
}

/// The value as one of `ty`, where JSON says less than the type: `3` for a `double` or `uint`, text for a
/// `timestamp`. `None` where it can't be.
pub(crate) fn coerce(value: Const, ty: &Type) -> Option<Const> {
    match (value, ty) {
        (Const::Null, Type::Nullable(_) | Type::Null) => Some(Const::Null),
        (value, Type::Nullable(inner)) => coerce(value, inner),
        (Const::Int(value), Type::Double) => Some(Const::Double(value as f64)),
        (Const::Int(value), Type::Uint) => u64::try_from(value).ok().map(Const::Uint),
        (Const::String(text), Type::Timestamp) => timestamp(&Value::String(text)),
        (Const::String(text), Type::Duration) => duration(&text).map(Const::Duration),
        (Const::String(text), Type::Decimal) => text.parse().ok().map(Const::Decimal),
        (Const::Int(value), Type::Decimal) => Some(Const::Decimal(value.into())),
        (Const::String(text), Type::Bytes) => bytes(&text).map(Const::Bytes),
        (Const::List(values), Type::List(element)) => values
            .into_iter()
            .map(|value| coerce(value, element))
            .collect::<Option<_>>()
            .map(Const::List),
        (Const::Map(entries), Type::Map(key_ty, value_ty)) => entries
            .into_iter()
            .map(|(key, value)| Some((coerce(key, key_ty)?, coerce(value, value_ty)?)))
            .collect::<Option<_>>()
            .map(Const::Map),
        (Const::Map(entries), Type::Struct(fields)) => {
            let is_field = |key: &Const| matches!(key, Const::String(key) if fields.iter().any(|(name, _)| name == key));
            if !entries.iter().all(|(key, _)| is_field(key)) {
                return None;
            }
            let members = fields.iter().map(|(name, ty)| {
                let key = Const::String(name.clone());
                let given = entries.iter().find(|(each, _)| *each == key);
                let value = given.map_or(Const::Null, |(_, value)| value.clone());
                Some((key, coerce(value, ty)?))
            });
            members.collect::<Option<_>>().map(Const::Map)
        }
        (Const::Optional(content), Type::Optional(inner)) => match content {
            Some(content) => {
                coerce(*content, inner).map(|content| Const::Optional(Some(Box::new(content))))
            }
            None => Some(Const::Optional(None)),
        },
        (value, ty) => (type_of(&value) == *ty || *ty == Type::Dyn).then_some(value),
    }
}

/// The type that a value has by itself. An empty or mixed list is a list of `dyn`.
pub(crate) fn type_of(value: &Const) -> Type {
    match value {
        Const::Null => Type::Null,
        Const::Bool(_) => Type::Bool,
        Const::Int(_) => Type::Int,
        Const::Uint(_) => Type::Uint,
        Const::Double(_) => Type::Double,
        Const::String(_) => Type::String,
        Const::Bytes(_) => Type::Bytes,
        Const::Timestamp(..) => Type::Timestamp,
        Const::Duration(_) => Type::Duration,
        Const::Decimal(_) => Type::Decimal,
        Const::List(values) => Type::List(Box::new(common(values.iter().map(type_of).collect()))),
        Const::Map(entries) => {
            let (keys, values): (Vec<Type>, Vec<Type>) = entries
                .iter()
                .map(|(key, value)| (type_of(key), type_of(value)))
                .unzip();
            Type::Map(Box::new(common(keys)), Box::new(common(values)))
        }
        Const::Type(_) => Type::Type,
        Const::Optional(content) => Type::Optional(Box::new(
            content
                .as_ref()
                .map_or(Type::Dyn, |content| type_of(content)),
        )),
    }
}

/// The type of all of them, if it is the same.
fn common(types: Vec<Type>) -> Type {
    let first = types.first().cloned().unwrap_or(Type::Dyn);
    if types.iter().all(|ty| *ty == first) {
        first
    } else {
        Type::Dyn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_round_trip() {
        let values = [
            Const::Null,
            Const::Bool(true),
            Const::Int(i64::MIN),
            Const::Uint(u64::MAX),
            Const::Double(-0.5),
            Const::Double(f64::NEG_INFINITY),
            Const::String("héllo\n".into()),
            Const::Bytes(vec![0, 255, 7]),
            Const::Timestamp(-62_135_596_800, 1),
            Const::Timestamp(253_402_300_799, 999_999_999),
            Const::Duration(-1_500_000_000),
            Const::Duration(i64::MIN),
            Const::List(vec![Const::Int(1), Const::List(Vec::new())]),
        ];
        for value in values {
            assert_eq!(decode(&encode(&value)), Ok(value));
        }
    }

    #[test]
    fn the_json_is_that_of_protocol_buffers() {
        assert_eq!(encode(&Const::Int(3)).to_string(), r#"{"int64Value":"3"}"#);
        assert_eq!(
            encode(&Const::Double(f64::NAN)).to_string(),
            r#"{"doubleValue":"NaN"}"#
        );
        assert_eq!(
            encode(&Const::Double(3.0)).to_string(),
            r#"{"doubleValue":3.0}"#
        );
        assert_eq!(timestamp_text(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp_text(0, 500_000_000), "1970-01-01T00:00:00.500Z");
        assert_eq!(duration_text(-1), "-0.000000001s");
        assert_eq!(duration_text(3_600_000_000_000), "3600s");
    }

    #[test]
    fn numbers_are_read_in_both_forms_and_impossible_ones_refused() {
        assert_eq!(decode(&json!({ "int64Value": 3 })), Ok(Const::Int(3)));
        assert_eq!(decode(&json!({ "doubleValue": 3 })), Ok(Const::Double(3.0)));
        assert!(decode(&json!({ "int64Value": "9223372036854775808" })).is_err());
        assert!(decode(&json!({ "uint64Value": "-1" })).is_err());
        assert!(decode(&json!({ "int64Value": 1.5 })).is_err());
        assert!(decode(&json!({ "int64Value": "1", "boolValue": true })).is_err());
    }
}
