//! Text to what it spells. Text files have nothing else.

use super::number::Numeric;
use super::{CellError, Converted, clean, json, unit_array, units};
use crate::wire;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::{DataType, Field};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use std::str::FromStr;
use std::sync::Arc;

pub(super) fn fits(to: &Field) -> bool {
    use DataType::*;
    match to.data_type() {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32
        | Float64 | Utf8 => true,
        Timestamp(..) | Duration(_) => true,
        List(_) | Map(..) | Struct(_) | FixedSizeList(..) => json::fits(to),
        _ => false,
    }
}

pub(super) fn convert(array: &ArrayRef, to: &Field) -> Converted {
    let text = array.as_string::<i32>();
    match to.data_type() {
        DataType::Utf8 if wire::is_dynamic(to) => {
            let json = text
                .iter()
                .map(|text| text.map(|text| serde_json::Value::from(text).to_string()));
            clean(Arc::new(json.collect::<StringArray>()))
        }
        DataType::Utf8 => clean(array.clone()),
        DataType::Boolean => {
            let (values, errors) = parse(text, "true or false", |text| match text {
                "true" | "True" | "TRUE" | "t" | "1" => Some(true),
                "false" | "False" | "FALSE" | "f" | "0" => Some(false),
                _ => None,
            });
            Converted {
                array: Arc::new(BooleanArray::from(values)),
                errors,
            }
        }
        DataType::Int8 => numbers::<Int8Type>(text),
        DataType::Int16 => numbers::<Int16Type>(text),
        DataType::Int32 => numbers::<Int32Type>(text),
        DataType::Int64 => numbers::<Int64Type>(text),
        DataType::UInt8 => numbers::<UInt8Type>(text),
        DataType::UInt16 => numbers::<UInt16Type>(text),
        DataType::UInt32 => numbers::<UInt32Type>(text),
        DataType::UInt64 => numbers::<UInt64Type>(text),
        DataType::Float32 => numbers::<Float32Type>(text),
        DataType::Float64 => numbers::<Float64Type>(text),
        DataType::Timestamp(..) => {
            let (values, errors) = parse(text, "a timestamp", |text| {
                units(parse_timestamp(text)?, to.data_type())
            });
            Converted {
                array: unit_array(values, to.data_type()),
                errors,
            }
        }
        DataType::Duration(_) => {
            let (values, errors) = parse(text, "a duration", |text| {
                units(parse_duration(text)?, to.data_type())
            });
            Converted {
                array: unit_array(values, to.data_type()),
                errors,
            }
        }
        _ => json::convert(text, to),
    }
}

/// Empty text is null: text files have no other way to say so.
fn parse<T>(
    text: &StringArray,
    what: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> (Vec<Option<T>>, Vec<CellError>) {
    let mut errors = Vec::new();
    let values = text.iter().enumerate().map(|(row, text)| {
        let text = text.filter(|text| !text.is_empty())?;
        let value = parse(text.trim());
        if value.is_none() {
            errors.push(CellError {
                row: row as u32,
                message: format!("`{}` is not {what}", shortened(text)),
            });
        }
        value
    });
    (values.collect(), errors)
}

fn numbers<T: Numeric>(text: &StringArray) -> Converted
where
    T::Native: FromStr,
{
    let what = match wire::type_name(&Field::new("", T::DATA_TYPE, false)) {
        name if name.starts_with(['i', 'u', 's']) && name.len() > 2
            || name == "u8"
            || name == "s8" =>
        {
            format!("a whole number of type {name}")
        }
        name => format!("a number of type {name}"),
    };
    let (values, errors) = parse(text, &what, |text| {
        if let Some(value) = small(text).and_then(T::small) {
            return Some(value);
        }
        let plain = text.strip_prefix('+').unwrap_or(text);
        plain.parse::<T::Native>().ok().or_else(|| {
            // `12.0` and `1e3` for an integer
            let float = plain.parse::<f64>().ok()?;
            T::narrow(super::number::Number::Float(float))
        })
    });
    Converted {
        array: Arc::new(PrimitiveArray::<T>::from_iter(values)),
        errors,
    }
}

/// A whole number of a few digits, as most numbers in files are; every float type has it.
fn small(text: &str) -> Option<u32> {
    if !(1..=7).contains(&text.len()) {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + u32::from(digit))
    })
}

/// The start of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Nanoseconds since the epoch: RFC 3339, `YYYY-MM-DD HH:MM:SS` with or without a fraction or `T`, or a date.
/// Without a zone it is UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i128> {
    let nanoseconds =
        |seconds: i64, below: u32| i128::from(seconds) * 1_000_000_000 + i128::from(below);
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(nanoseconds(
            moment.timestamp(),
            moment.timestamp_subsec_nanos(),
        ));
    }
    let local = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ];
    let local = local
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let date = || {
        Some(
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_time(NaiveTime::MIN),
        )
    };
    let moment = local.or_else(date)?.and_utc();
    Some(nanoseconds(
        moment.timestamp(),
        moment.timestamp_subsec_nanos(),
    ))
}

/// Nanoseconds: `90s`, `1h30m`, `-1.5h`, as CEL's `duration()` takes them.
pub(crate) fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let length = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(length);
        let per_unit: i128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 || fraction.len() > 18 {
            return None;
        }
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let part: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().ok()?
        };
        let part = part * per_unit / 10i128.pow(fraction.len() as u32);
        total = total.checked_add(whole * per_unit + part)?;
        rest = tail;
    }
    Some(if negative { -total } else { total })
}
