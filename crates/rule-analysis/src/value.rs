//! Constants: how they compare, and how they are written.

use rulestage_rule_compiler::ir::{ArithmeticOp, CompareOp, Const};
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

fn integer(value: &Const) -> Option<i128> {
    match value {
        Const::Int(value) => Some(i128::from(*value)),
        Const::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// Exact: a double is not rounded to an integer, nor an integer to a double.
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
pub(crate) fn literal(value: &Const) -> String {
    match value {
        Const::Null => "null".to_owned(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Uint(value) => format!("{value}u"),
        Const::Double(value) => format!("{value:?}"),
        Const::String(text) => format!("{text:?}"),
        Const::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Const::Timestamp(seconds, nanoseconds) => {
            format!("timestamp({seconds}) and {nanoseconds} ns")
        }
        Const::Duration(nanoseconds) => {
            format!("duration(\"{}s\")", *nanoseconds as f64 / 1e9)
        }
        Const::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        // Never an example: variables of such types are not looked into.
        Const::Map(_) | Const::Type(_) | Const::Optional(_) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
