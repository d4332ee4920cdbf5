//! Dates by another library (chrono), texts of durations by hand.

use crate::evaluate::Value;
use chrono::{DateTime, Datelike, Timelike, Utc};
use rulestage_rule_compiler::ir::Function;

fn date(seconds: i64, nanos: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, nanos).expect("in chrono's range")
}

/// What a getter gives, in UTC.
pub(crate) fn part(getter: Function, value: &Value) -> i64 {
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
pub(crate) fn timestamp_text(seconds: i64, nanos: u32) -> String {
    let whole = date(seconds, 0).format("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = format!(".{nanos:09}");
    format!(
        "{whole}{}Z",
        fraction.trim_end_matches('0').trim_end_matches('.')
    )
}

/// RFC 3339 in years 1 to 9999.
pub(crate) fn parse_timestamp(text: &str) -> Option<Value> {
    let date = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    let is_in_range = (1..=9999).contains(&date.year()) && text.as_bytes().get(10) != Some(&b' ');
    is_in_range.then(|| Value::Timestamp(date.timestamp(), date.timestamp_subsec_nanos()))
}

/// Numbers with units, exactly; the inner `None` is out of range.
pub(crate) fn parse_duration(text: &str) -> Option<Option<Value>> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Some(Value::Duration(0)));
    }
    // In billionths of a nanosecond; what is left of them is cut off.
    let mut total = 0i128;
    let mut is_empty = true;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (whole, fraction) = rest[..number_len]
            .split_once('.')
            .unwrap_or((&rest[..number_len], ""));
        if number_len < 1
            || rest[..number_len] == *"."
            || fraction.contains('.')
            || whole.len() > 25
        {
            return None;
        }
        rest = &rest[number_len..];
        let (unit, scale) = [
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000i128),
        ]
        .into_iter()
        .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let billionths: i128 = format!("{fraction:0<9}")[..9].parse().ok()?;
        total += whole * scale * 1_000_000_000 + billionths * scale;
        is_empty = false;
    }
    if is_empty {
        return None;
    }
    Some(
        i64::try_from(sign * (total / 1_000_000_000))
            .map(Value::Duration)
            .ok(),
    )
}
