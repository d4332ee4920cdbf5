//! Dates by another library (chrono), texts of durations by hand.

use crate::evaluate::Value;
use chrono::{DateTime, Datelike, Timelike, Utc};
use rulestage_rule_compiler::ir::Function;

fn date(seconds: i64, nanos: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, nanos).expect("in chrono's range")
}

/// What a getter gives, in UTC.
pub fn part(getter: Function, value: &Value) -> i64 {
    if let Value::Duration(nanos) = value {
        return match getter {
            Function::GetHours => nanos / 3_600_000_000_000,
            Function::GetMinutes => nanos / 60_000_000_000,
            Function::GetSeconds => nanos / 1_000_000_000,
            Function::GetMilliseconds => nanos / 1_000_000 % 1_000,
            other => panic!("{other:?} of a duration"),
        };
    }
    let Value::Timestamp(seconds, nanos) = value else {
        panic!("{getter:?} of {value:?}")
    };
    let date = date(*seconds, *nanos);
    match getter {
        Function::GetFullYear => i64::from(date.year()),
        Function::GetMonth => i64::from(date.month0()),
        Function::GetDate => i64::from(date.day()),
        Function::GetDayOfMonth => i64::from(date.day0()),
        Function::GetDayOfWeek => i64::from(date.weekday().num_days_from_sunday()),
        Function::GetDayOfYear => i64::from(date.ordinal0()),
        Function::GetHours => i64::from(date.hour()),
        Function::GetMinutes => i64::from(date.minute()),
        Function::GetSeconds => i64::from(date.second()),
        Function::GetMilliseconds => i64::from(date.nanosecond() / 1_000_000),
        other => panic!("{other:?} is not a getter"),
    }
}

/// RFC 3339 with as many digits as are needed.
pub fn timestamp_text(seconds: i64, nanos: u32) -> String {
    let whole = date(seconds, 0).format("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = format!(".{nanos:09}");
    format!(
        "{whole}{}Z",
        fraction.trim_end_matches('0').trim_end_matches('.')
    )
}

/// RFC 3339 in years 1 to 9999.
pub fn parse_timestamp(text: &str) -> Option<Value> {
    let date = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    let is_in_range = (1..=9999).contains(&date.year()) && text.as_bytes().get(10) != Some(&b' ');
    is_in_range.then(|| Value::Timestamp(date.timestamp(), date.timestamp_subsec_nanos()))
}

/// Numbers with units, exactly.
pub fn parse_duration(text: &str) -> Option<Value> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Value::Duration(0));
    }
    let mut nanos = 0f64;
    let mut is_empty = true;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..number_len].parse().ok()?;
        rest = &rest[number_len..];
        let (unit, scale) = [
            ("ms", 1e6),
            ("us", 1e3),
            ("ns", 1.0),
            ("h", 3.6e12),
            ("m", 6e10),
            ("s", 1e9),
        ]
        .into_iter()
        .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        nanos += number * scale;
        is_empty = false;
    }
    // The generated texts are short, so the sum is exact.
    (!is_empty && nanos < 9e18).then_some(Value::Duration(sign * nanos as i64))
}
