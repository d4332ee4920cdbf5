//! Constants: how they compare, and how they are written.

use rulestage_diagnostics::Example;
use rulestage_rule_compiler::ir::{ArithmeticOp, CompareOp, Const};
use rulestage_sort::sort_by;
use std::cmp::Ordering;

/// What a comparison of two constants gives; `None` where it isn't defined.
pub(crate) fn compare(op: CompareOp, a: &Const, b: &Const) -> Option<bool> {
    let ordering = order(a, b);
    Some(match op {
        CompareOp::Equal => ordering == Some(Ordering::Equal),
        CompareOp::NotEqual => ordering != Some(Ordering::Equal),
        _ if !is_ordered(a, b) => return None,
        CompareOp::Less => ordering == Some(Ordering::Less),
        CompareOp::LessEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Greater => ordering == Some(Ordering::Greater),
        CompareOp::GreaterEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn is_number(value: &Const) -> bool {
    matches!(value, Const::Int(_) | Const::Uint(_) | Const::Double(_))
}

fn is_ordered(a: &Const, b: &Const) -> bool {
    let is_of_one_type = std::mem::discriminant(a) == std::mem::discriminant(b);
    let has_order = matches!(
        a,
        Const::Bool(_)
            | Const::String(_)
            | Const::Bytes(_)
            | Const::Timestamp(..)
            | Const::Duration(_)
            | Const::Decimal(_)
    );
    is_number(a) && is_number(b) || is_of_one_type && has_order
}

/// The order of two constants, numbers across their types; `None` for those without one, and for NaN.
pub(crate) fn order(a: &Const, b: &Const) -> Option<Ordering> {
    Some(match (a, b) {
        (Const::Null, Const::Null) => Ordering::Equal,
        (Const::Bool(a), Const::Bool(b)) => a.cmp(b),
        (Const::String(a), Const::String(b)) => a.cmp(b),
        (Const::Bytes(a), Const::Bytes(b)) => a.cmp(b),
        (Const::Duration(a), Const::Duration(b)) => a.cmp(b),
        (Const::Decimal(a), Const::Decimal(b)) => a.cmp(b),
        (Const::Timestamp(a, an), Const::Timestamp(b, bn)) => (a, an).cmp(&(b, bn)),
        (Const::Double(a), Const::Double(b)) => return a.partial_cmp(b),
        (Const::Double(a), b) => order_double(*a, integer(b)?)?,
        (a, Const::Double(b)) => order_double(*b, integer(a)?)?.reverse(),
        (a, b) => match (integer(a), integer(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if a == b => Ordering::Equal,
            _ => return None,
        },
    })
}

/// Puts values of one type in order, each once.
pub(crate) fn sort(values: &mut Vec<Const>) {
    sort_by(values, |a, b| order(a, b).unwrap_or(Ordering::Equal));
    values.dedup_by(|a, b| order(a, b) == Some(Ordering::Equal));
}

fn integer(value: &Const) -> Option<i128> {
    match value {
        Const::Int(value) => Some(i128::from(*value)),
        Const::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// Exact, where comparisons of rules round whole numbers beyond 2^53: what is asked here has none of these.
fn order_double(double: f64, integer: i128) -> Option<Ordering> {
    const BEYOND: f64 = 1e30;
    if double.is_nan() {
        return None;
    }
    let floor = double.clamp(-BEYOND, BEYOND).floor();
    Some(match (floor as i128).cmp(&integer) {
        Ordering::Equal if double > floor => Ordering::Greater,
        other => other,
    })
}

/// The sum and so on of two constants, where it is a number of their type.
pub(crate) fn calculate(op: ArithmeticOp, a: &Const, b: &Const) -> Option<Const> {
    match (a, b) {
        (Const::Int(a), Const::Int(b)) => Some(Const::Int(match op {
            ArithmeticOp::Add => a.checked_add(*b)?,
            ArithmeticOp::Subtract => a.checked_sub(*b)?,
            ArithmeticOp::Multiply => a.checked_mul(*b)?,
            ArithmeticOp::Divide => a.checked_div(*b)?,
            ArithmeticOp::Remainder => a.checked_rem(*b)?,
        })),
        (Const::Double(a), Const::Double(b)) => Some(Const::Double(match op {
            ArithmeticOp::Add => a + b,
            ArithmeticOp::Subtract => a - b,
            ArithmeticOp::Multiply => a * b,
            ArithmeticOp::Divide => a / b,
            ArithmeticOp::Remainder => return None,
        })),
        _ => None,
    }
}

/// A constant as it is written in rules.
pub fn literal(value: &Const) -> String {
    match value {
        Const::Null => "null".to_owned(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Uint(value) => format!("{value}u"),
        Const::Double(value) => format!("{value:?}"),
        Const::String(text) => format!("{text:?}"),
        Const::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Const::Timestamp(seconds, nanoseconds) => {
            format!("timestamp(\"{}\")", timestamp(*seconds, *nanoseconds))
        }
        Const::Duration(nanoseconds) => format!("duration(\"{}\")", duration(*nanoseconds)),
        Const::Decimal(value) => format!("decimal(\"{value}\")"),
        Const::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Const::Map(entries) => {
            let entry =
                |(key, value): &(Const, Const)| format!("{}: {}", literal(key), literal(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Const::Type(name) => name.clone(),
        Const::Optional(None) => "optional.none()".to_owned(),
        Const::Optional(Some(content)) => format!("optional.of({})", literal(content)),
    }
}

/// A value as the JSON text that a column of its type is read from.
pub fn json(value: &Const) -> String {
    match value {
        Const::Uint(value) => value.to_string(),
        Const::Double(value) if !value.is_finite() => {
            let name = match value {
                value if value.is_nan() => "NaN",
                value if *value > 0.0 => "Infinity",
                _ => "-Infinity",
            };
            format!("{{\"@double\":\"{name}\"}}")
        }
        Const::String(text) => json_text(text),
        Const::Timestamp(seconds, nanoseconds) => json_text(&timestamp(*seconds, *nanoseconds)),
        Const::Duration(nanoseconds) => json_text(&duration(*nanoseconds)),
        Const::Decimal(value) => json_text(&value.to_string()),
        Const::List(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        Const::Map(entries) => {
            let member = |(key, value): &(Const, Const)| {
                let key = match key {
                    Const::String(key) => key.clone(),
                    other => literal(other),
                };
                format!("{}:{}", json_text(&key), json(value))
            };
            let members: Vec<String> = entries.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        Const::Bytes(_) | Const::Type(_) => json_text(&literal(value)),
        Const::Optional(content) => content.as_deref().map_or("null".to_owned(), json),
        other => literal(other),
    }
}

/// A row of inputs as diagnostics show it.
pub(crate) fn example(input: &[(String, Const)]) -> Example {
    Example {
        input: input
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect(),
        output: Vec::new(),
    }
}

fn json_text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => json += "\\\"",
            '\\' => json += "\\\\",
            c if (c as u32) < 0x20 => json += &format!("\\u{:04x}", c as u32),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// In RFC 3339; days to dates as in "chrono-compatible low-level date algorithms" by H. Hinnant.
fn timestamp(seconds: i64, nanoseconds: u32) -> String {
    const DAY: i64 = 86_400;
    let (days, second) = (seconds.div_euclid(DAY) + 719_468, seconds.rem_euclid(DAY));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = fraction(nanoseconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let fraction = fraction((magnitude % 1_000_000_000) as u32);
    format!("{sign}{}{fraction}s", magnitude / 1_000_000_000)
}

fn fraction(nanoseconds: u32) -> String {
    if nanoseconds == 0 {
        return String::new();
    }
    format!(".{nanoseconds:09}")
        .trim_end_matches('0')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_know_them() {
        assert_eq!(timestamp(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(
            timestamp(1_709_208_000, 1_000),
            "2024-02-29T12:00:00.000001Z"
        );
        assert_eq!(timestamp(-62_135_596_800, 0), "0001-01-01T00:00:00Z");
        assert_eq!(timestamp(253_402_300_799, 0), "9999-12-31T23:59:59Z");
        assert_eq!(duration(-1_500_000_000), "-1.5s");
        assert_eq!(json(&Const::String("a\"\n".into())), "\"a\\\"\\u000a\"");
    }

    #[test]
    fn numbers_compare_exactly_across_types() {
        let less = |a: Const, b: Const| compare(CompareOp::Less, &a, &b);
        assert_eq!(less(Const::Int(1), Const::Double(1.5)), Some(true));
        assert_eq!(less(Const::Double(1.5), Const::Int(1)), Some(false));
        assert_eq!(
            less(Const::Int(i64::MAX), Const::Uint(u64::MAX)),
            Some(true)
        );
        let two_to_63 = Const::Double(9_223_372_036_854_775_808.0);
        assert_eq!(less(Const::Int(i64::MAX), two_to_63), Some(true));
        assert_eq!(less(Const::Double(f64::NAN), Const::Int(1)), Some(false));
        assert_eq!(
            less(Const::Double(f64::INFINITY), Const::Int(1)),
            Some(false)
        );
        assert_eq!(less(Const::String("a".into()), Const::Int(1)), None);
        let equal = compare(CompareOp::Equal, &Const::Null, &Const::Int(0));
        assert_eq!(equal, Some(false));
    }
}
