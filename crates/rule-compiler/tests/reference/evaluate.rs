//! A direct evaluation of the intermediate representation, written from the CEL specification and not from the code
//! generator: what the compiled code is compared with.

use super::values::{equal_in_depth, is_ordered, is_zero, type_name};
use rulestage_pipeline::runtime::RowErrorCode as Code;
use rulestage_rule_compiler::ir::{
    ArithmeticOp, CompareOp, Const, Contribution, Decimal, Expr, ExprKind, Function, Merge, Output,
    RuleSet,
};
use rulestage_rule_compiler::types::{Column, Type};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

pub(crate) type Value = Const;
pub(crate) type Result<T> = std::result::Result<T, Code>;

const NANOS: i128 = 1_000_000_000;
const MIN_SECONDS: i64 = -62_135_596_800;
const MAX_SECONDS: i64 = 253_402_300_799;

/// The outputs of one row, or why it has none.
pub(crate) fn evaluate_row(ruleset: &RuleSet, inputs: &[Value]) -> Result<Vec<Value>> {
    let row = Row {
        ruleset,
        inputs,
        locals: RefCell::new(HashMap::new()),
    };
    let mut gathered: Vec<Vec<Value>> = vec![Vec::new(); ruleset.outputs.len()];
    let mut failure = None;
    for rule in &ruleset.rules {
        let contributions: &[Contribution] = match row.bool(&rule.condition) {
            Ok(true) => &rule.then,
            Ok(false) => &rule.otherwise,
            Err(code) => {
                failure = failure.or(Some(code));
                continue;
            }
        };
        for each in contributions {
            let output = &ruleset.outputs[each.output];
            let gathers = matches!(output.merge, Merge::Collect | Merge::Unique);
            match row.evaluate(&each.value) {
                Ok(value) => {
                    let is_list = match output.ty.column() {
                        Column::Dynamic => each.value.ty == output.ty,
                        _ => matches!(each.value.ty, Type::List(_)),
                    };
                    let value = if gathers && !is_list {
                        Value::List(vec![value])
                    } else {
                        value
                    };
                    gathered[each.output].push(value);
                    // A sum overflows at the contribution that is too much.
                    if let Err(code) =
                        merge(&ruleset.outputs[each.output], gathered[each.output].clone())
                    {
                        failure = failure.or(Some(code));
                    }
                }
                Err(code) => failure = failure.or(Some(code)),
            }
        }
    }
    if let Some(code) = failure {
        return Err(code);
    }
    ruleset
        .outputs
        .iter()
        .zip(gathered)
        .map(|(output, values)| merge(output, values))
        .collect()
}

/// The number of the first operand of a rule's condition that is false: 0 where it holds, 255 where it fails.
pub(crate) fn first_false(ruleset: &RuleSet, rule: usize, inputs: &[Value]) -> u8 {
    fn operands<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
        match &expr.kind {
            ExprKind::And(left, right) => {
                operands(left, found);
                operands(right, found);
            }
            _ => found.push(expr),
        }
    }
    let row = Row {
        ruleset,
        inputs,
        locals: RefCell::new(HashMap::new()),
    };
    let mut all = Vec::new();
    operands(&ruleset.rules[rule].condition, &mut all);
    let values: Vec<Result<bool>> = all.into_iter().map(|each| row.bool(each)).collect();
    match values.iter().position(|value| *value == Ok(false)) {
        Some(place) => (place + 1).min(253) as u8,
        None if values.iter().any(Result::is_err) => 255,
        None => 0,
    }
}

fn merge(output: &Output, values: Vec<Value>) -> Result<Value> {
    if values.is_empty() {
        return Ok(output.default.clone());
    }
    let mut values = values.into_iter();
    match output.merge {
        Merge::First => Ok(values.next().expect("not empty")),
        Merge::Last => Ok(values.last().expect("not empty")),
        Merge::Sum => {
            let first = values.next().expect("not empty");
            values.try_fold(first, |sum, value| {
                arithmetic(ArithmeticOp::Add, &sum, &value)
            })
        }
        Merge::Min | Merge::Max => {
            let wanted = if output.merge == Merge::Min {
                Ordering::Less
            } else {
                Ordering::Greater
            };
            Ok(extreme(values, wanted).expect("not empty"))
        }
        Merge::Collect | Merge::Unique => {
            let mut elements: Vec<Value> = Vec::new();
            for value in values {
                let more = match value {
                    Value::List(more) => more,
                    element => vec![element],
                };
                for element in more {
                    // Columns hold microseconds: what is equal there is a repetition.
                    let element = match output.ty.column() {
                        Column::List => crate::as_stored(element),
                        _ => element,
                    };
                    if output.merge == Merge::Collect
                        || !elements.iter().any(|known| equal(known, &element))
                    {
                        elements.push(element);
                    }
                }
            }
            Ok(Value::List(elements))
        }
    }
}

pub(crate) struct Row<'a> {
    ruleset: &'a RuleSet,
    inputs: &'a [Value],
    /// Variables of macros
    pub(crate) locals: RefCell<HashMap<u32, Result<Value>>>,
}

impl Row<'_> {
    pub(crate) fn bool(&self, expr: &Expr) -> Result<bool> {
        match self.evaluate(expr)? {
            Value::Bool(value) => Ok(value),
            other => panic!("{other:?} where a bool must be"),
        }
    }

    pub(crate) fn evaluate(&self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Input(index) => Ok(self.inputs[*index].clone()),
            ExprKind::Param(index) => Ok(self.ruleset.params[*index].default.clone()),
            ExprKind::Let(index) => self.evaluate(&self.ruleset.lets[*index].value),
            ExprKind::Not(operand) => Ok(Value::Bool(!self.bool(operand)?)),
            ExprKind::Negate(operand) => match self.evaluate(operand)? {
                Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(Code::Overflow),
                Value::Double(value) => Ok(Value::Double(-value)),
                other => panic!("the negation of {other:?}"),
            },
            ExprKind::Arithmetic(op, left, right) => {
                arithmetic(*op, &self.evaluate(left)?, &self.evaluate(right)?)
            }
            ExprKind::Concat(left, right) => {
                Ok(match (self.evaluate(left)?, self.evaluate(right)?) {
                    (Value::String(left), Value::String(right)) => Value::String(left + &right),
                    (Value::Bytes(left), Value::Bytes(right)) => {
                        Value::Bytes([left, right].concat())
                    }
                    other => panic!("the concatenation of {other:?}"),
                })
            }
            ExprKind::Compare(op, left, right) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                let is_equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
                if !is_equality && !is_ordered(&left, &right) {
                    return Err(Code::NoSuchOverload);
                }
                Ok(Value::Bool(match op {
                    CompareOp::Equal => equal(&left, &right),
                    CompareOp::NotEqual => !equal(&left, &right),
                    CompareOp::Less => order(&left, &right) == Some(Ordering::Less),
                    CompareOp::LessEqual => {
                        matches!(order(&left, &right), Some(Ordering::Less | Ordering::Equal))
                    }
                    CompareOp::Greater => order(&left, &right) == Some(Ordering::Greater),
                    CompareOp::GreaterEqual => matches!(
                        order(&left, &right),
                        Some(Ordering::Greater | Ordering::Equal)
                    ),
                }))
            }
            // An error counts only if the other side does not decide.
            ExprKind::And(left, right) => match (self.bool(left), self.bool(right)) {
                (Ok(false), _) | (_, Ok(false)) => Ok(Value::Bool(false)),
                (Err(code), _) | (_, Err(code)) => Err(code),
                _ => Ok(Value::Bool(true)),
            },
            ExprKind::Or(left, right) => match (self.bool(left), self.bool(right)) {
                (Ok(true), _) | (_, Ok(true)) => Ok(Value::Bool(true)),
                (Err(code), _) | (_, Err(code)) => Err(code),
                _ => Ok(Value::Bool(false)),
            },
            ExprKind::Conditional(condition, then, otherwise) => {
                if self.bool(condition)? {
                    self.evaluate(then)
                } else {
                    self.evaluate(otherwise)
                }
            }
            ExprKind::Coalesce(left, right) => match self.evaluate(left) {
                Ok(Value::Null) | Err(_) => self.evaluate(right),
                value => value,
            },
            ExprKind::In(item, items) => {
                let item = self.evaluate(item)?;
                let items = items
                    .iter()
                    .map(|each| self.evaluate(each))
                    .collect::<Result<Vec<Value>>>()?;
                Ok(Value::Bool(items.iter().any(|each| equal(&item, each))))
            }
            ExprKind::Unwrap(operand) => match self.evaluate(operand)? {
                Value::Null => Err(Code::NoSuchOverload),
                value => Ok(value),
            },
            ExprKind::Wrap(operand) => self.evaluate(operand),
            ExprKind::Call(function, args) => {
                let args = args
                    .iter()
                    .map(|arg| self.evaluate(arg))
                    .collect::<Result<Vec<Value>>>()?;
                call(*function, &args, &expr.ty)
            }
            _ => self.evaluate_value(expr),
        }
    }
}

pub(crate) fn arithmetic(op: ArithmeticOp, left: &Value, right: &Value) -> Result<Value> {
    use ArithmeticOp as Op;
    let divided = |is_zero: bool| match op {
        Op::Divide if is_zero => Err(Code::DivideByZero),
        Op::Remainder if is_zero => Err(Code::ModulusByZero),
        _ => Ok(()),
    };
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            divided(*b == 0)?;
            let result = match op {
                Op::Add => a.checked_add(*b),
                Op::Subtract => a.checked_sub(*b),
                Op::Multiply => a.checked_mul(*b),
                Op::Divide => a.checked_div(*b),
                Op::Remainder => a.checked_rem(*b),
            };
            result.map(Value::Int).ok_or(Code::Overflow)
        }
        (Value::Uint(a), Value::Uint(b)) => {
            divided(*b == 0)?;
            let result = match op {
                Op::Add => a.checked_add(*b),
                Op::Subtract => a.checked_sub(*b),
                Op::Multiply => a.checked_mul(*b),
                Op::Divide => a.checked_div(*b),
                Op::Remainder => a.checked_rem(*b),
            };
            result.map(Value::Uint).ok_or(Code::Overflow)
        }
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match op {
            Op::Add => a + b,
            Op::Subtract => a - b,
            Op::Multiply => a * b,
            Op::Divide => a / b,
            Op::Remainder => panic!("no remainder of doubles"),
        })),
        (Value::Duration(a), Value::Duration(b)) => {
            let result = if op == Op::Add {
                a.checked_add(*b)
            } else {
                a.checked_sub(*b)
            };
            result.map(Value::Duration).ok_or(Code::Overflow)
        }
        (Value::Decimal(a), Value::Decimal(b)) => decimal(a.add(*b)).inspect(|_| {
            assert_eq!(op, Op::Add, "operators of decimals are helpers");
        }),
        (Value::Timestamp(..), Value::Duration(b)) => {
            let moved = if op == Op::Add {
                i128::from(*b)
            } else {
                -i128::from(*b)
            };
            timestamp(nanoseconds(left) + moved)
        }
        (Value::Duration(a), Value::Timestamp(..)) => {
            timestamp(nanoseconds(right) + i128::from(*a))
        }
        (Value::Timestamp(..), Value::Timestamp(..)) => {
            i64::try_from(nanoseconds(left) - nanoseconds(right))
                .map(Value::Duration)
                .map_err(|_| Code::Overflow)
        }
        other => panic!("{op:?} of {other:?}"),
    }
}

/// What an operation on decimals gives, which `crates/decimal` compares with Python.
fn decimal(result: std::result::Result<Decimal, rulestage_decimal::Error>) -> Result<Value> {
    use rulestage_decimal::Error;
    result.map(Value::Decimal).map_err(|error| match error {
        Error::Overflow => Code::Overflow,
        Error::DivideByZero => Code::DivideByZero,
        Error::Syntax | Error::Places => Code::InvalidArgument,
    })
}

/// The helpers of decimals, by their names in `rule-runtime`.
pub(crate) fn decimal_helper(name: &str, args: &[Value]) -> Option<Result<Value>> {
    let round = |value: &Decimal, places: i64| {
        use rulestage_decimal::Rounding::*;
        let rounding = match name.trim_end_matches("_to") {
            "decimal_round" => HalfAway,
            "decimal_round_even" => HalfEven,
            "decimal_floor" => Floor,
            "decimal_ceil" => Ceil,
            "decimal_trunc" => Trunc,
            _ => return None,
        };
        Some(decimal(value.round(places, rounding)))
    };
    let in_range = |value: Option<Value>| value.ok_or(Code::Overflow);
    Some(match (name, args) {
        ("decimal_from_string", [Value::String(text)]) => match text.parse() {
            // Both are texts of no decimal.
            Err(_) => Err(Code::InvalidArgument),
            result => decimal(result),
        },
        ("decimal_from_int", [Value::Int(value)]) => Ok(Value::Decimal((*value).into())),
        ("decimal_from_uint", [Value::Uint(value)]) => Ok(Value::Decimal((*value).into())),
        ("decimal_from_double", [Value::Double(value)]) => {
            in_range(value.to_string().parse().ok().map(Value::Decimal))
        }
        ("decimal_to_string", [Value::Decimal(value)]) => Ok(Value::String(value.to_string())),
        ("decimal_to_double", [Value::Decimal(value)]) => {
            in_range(value.to_string().parse().ok().map(Value::Double))
        }
        ("decimal_to_int", [Value::Decimal(value)]) => {
            in_range(value.to_whole().try_into().ok().map(Value::Int))
        }
        ("decimal_to_uint", [Value::Decimal(value)]) => {
            in_range(value.to_whole().try_into().ok().map(Value::Uint))
        }
        ("decimal_negate", [Value::Decimal(value)]) => Ok(Value::Decimal(value.negate())),
        ("decimal_abs", [Value::Decimal(value)]) => Ok(Value::Decimal(value.abs())),
        ("decimal_sign", [Value::Decimal(value)]) => Ok(Value::Decimal(value.signum().into())),
        ("decimal_add", [Value::Decimal(a), Value::Decimal(b)]) => decimal(a.add(*b)),
        ("decimal_subtract", [Value::Decimal(a), Value::Decimal(b)]) => decimal(a.subtract(*b)),
        ("decimal_multiply", [Value::Decimal(a), Value::Decimal(b)]) => decimal(a.multiply(*b)),
        ("decimal_divide", [Value::Decimal(a), Value::Decimal(b)]) => decimal(a.divide(*b)),
        ("decimal_remainder", [Value::Decimal(_), Value::Decimal(b)]) if b.signum() == 0 => {
            Err(Code::ModulusByZero)
        }
        ("decimal_remainder", [Value::Decimal(a), Value::Decimal(b)]) => decimal(a.remainder(*b)),
        (_, [Value::Decimal(value)]) => return round(value, 0),
        (_, [Value::Decimal(value), Value::Int(places)]) => return round(value, *places),
        _ => return None,
    })
}

fn nanoseconds(value: &Value) -> i128 {
    match value {
        Value::Timestamp(seconds, nanos) => i128::from(*seconds) * NANOS + i128::from(*nanos),
        other => panic!("{other:?} is not a timestamp"),
    }
}

fn timestamp(nanoseconds: i128) -> Result<Value> {
    let seconds = nanoseconds.div_euclid(NANOS) as i64;
    if (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
        Ok(Value::Timestamp(
            seconds,
            nanoseconds.rem_euclid(NANOS) as u32,
        ))
    } else {
        Err(Code::Overflow)
    }
}

pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::Null, Value::Null)) || equal_in_depth(a, b)
}

/// The first of the values that none exceeds in a direction.
pub(crate) fn extreme(values: impl Iterator<Item = Value>, wanted: Ordering) -> Option<Value> {
    values.reduce(|best, value| {
        if order(&value, &best) == Some(wanted) {
            value
        } else {
            best
        }
    })
}

/// `None` where neither is smaller: not a number, null, different types.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => a.partial_cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.partial_cmp(b),
        (Value::Timestamp(..), Value::Timestamp(..)) => nanoseconds(a).partial_cmp(&nanoseconds(b)),
        (Value::Duration(a), Value::Duration(b)) => a.partial_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), _) => a.partial_cmp(&(integer(b)? as f64)),
        (_, Value::Double(b)) => (integer(a)? as f64).partial_cmp(b),
        _ => integer(a)?.partial_cmp(&integer(b)?),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn call(function: Function, args: &[Value], ty: &Type) -> Result<Value> {
    let text = |index: usize| match &args[index] {
        Value::String(text) => text.as_str(),
        other => panic!("{other:?} is not a string"),
    };
    match function {
        Function::StringSize => Ok(Value::Int(text(0).chars().count() as i64)),
        Function::BytesSize => match &args[0] {
            Value::Bytes(bytes) => Ok(Value::Int(bytes.len() as i64)),
            other => panic!("{other:?} is not bytes"),
        },
        Function::Contains => Ok(Value::Bool(text(0).contains(text(1)))),
        Function::StartsWith => Ok(Value::Bool(text(0).starts_with(text(1)))),
        Function::EndsWith => Ok(Value::Bool(text(0).ends_with(text(1)))),
        Function::ToInt | Function::ToUint | Function::ToDouble => to_number(&args[0], ty),
        Function::ToString => to_string(&args[0]),
        Function::ToBytes => Ok(Value::Bytes(text(0).as_bytes().to_vec())),
        Function::ToBool => match text(0) {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(Code::InvalidArgument),
        },
        Function::ToTimestamp => match &args[0] {
            Value::Int(seconds) => timestamp(i128::from(*seconds) * NANOS),
            _ => super::calendar::parse_timestamp(text(0)).ok_or(Code::InvalidArgument),
        },
        Function::ToDuration => super::calendar::parse_duration(text(0))
            .map_or(Err(Code::InvalidArgument), |value| {
                value.ok_or(Code::Overflow)
            }),
        Function::ElementCount => Ok(Value::Int(match &args[0] {
            Value::List(items) => items.len() as i64,
            Value::Map(entries) => entries.len() as i64,
            other => panic!("{other:?} has no elements"),
        })),
        Function::TypeOf => Ok(Value::Type(type_name(&args[0]).to_owned())),
        Function::OptionalNone => Ok(Value::Optional(None)),
        Function::OptionalOf => Ok(Value::Optional(Some(Box::new(args[0].clone())))),
        Function::OptionalOfNonZero if is_zero(&args[0]) => Ok(Value::Optional(None)),
        Function::OptionalOfNonZero => Ok(Value::Optional(Some(Box::new(args[0].clone())))),
        Function::OptionalHasValue => Ok(Value::Bool(args[0] != Value::Optional(None))),
        Function::OptionalValue => match &args[0] {
            Value::Optional(Some(content)) => Ok((**content).clone()),
            _ => Err(Code::InvalidArgument),
        },
        getter => Ok(Value::Int(super::calendar::part(getter, &args[0]))),
    }
}

fn to_number(value: &Value, ty: &Type) -> Result<Value> {
    let from_integer = |value: i128| match ty {
        Type::Int => i64::try_from(value)
            .map(Value::Int)
            .map_err(|_| Code::Overflow),
        Type::Uint => u64::try_from(value)
            .map(Value::Uint)
            .map_err(|_| Code::Overflow),
        _ => Ok(Value::Double(value as f64)),
    };
    match value {
        Value::Int(value) => from_integer(i128::from(*value)),
        Value::Uint(value) => from_integer(i128::from(*value)),
        Value::Timestamp(seconds, _) => Ok(Value::Int(*seconds)),
        Value::Double(value) => {
            // Towards zero; the ends of the range have no exact double, so they are out (cel-spec, conversions).
            let whole = value.trunc();
            let fits = match ty {
                Type::Int => {
                    *value > -9_223_372_036_854_775_808.0 && *value < 9_223_372_036_854_775_808.0
                }
                _ => *value >= 0.0 && *value < 18_446_744_073_709_551_616.0,
            };
            if fits {
                from_integer(whole as i128)
            } else {
                Err(Code::Overflow)
            }
        }
        Value::String(text) => match ty {
            Type::Double => text
                .parse()
                .map(Value::Double)
                .map_err(|_| Code::InvalidArgument),
            _ => {
                let digits = match ty {
                    Type::Int => text.strip_prefix(['+', '-']).unwrap_or(text),
                    _ => text.strip_prefix('+').unwrap_or(text),
                };
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(Code::InvalidArgument);
                }
                from_integer(text.parse().unwrap_or(i128::MAX))
            }
        },
        other => panic!("the number of {other:?}"),
    }
}

fn to_string(value: &Value) -> Result<Value> {
    Ok(Value::String(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) if value.is_infinite() => {
            if *value > 0.0 {
                "Infinity".to_owned()
            } else {
                "-Infinity".to_owned()
            }
        }
        Value::Double(value) => value.to_string(),
        Value::Bytes(value) => {
            String::from_utf8(value.clone()).map_err(|_| Code::InvalidArgument)?
        }
        Value::Timestamp(seconds, nanos) => super::calendar::timestamp_text(*seconds, *nanos),
        Value::Duration(nanos) => {
            let sign = if *nanos < 0 { "-" } else { "" };
            let (seconds, rest) = (
                nanos.unsigned_abs() / 1_000_000_000,
                nanos.unsigned_abs() % 1_000_000_000,
            );
            let fraction = format!(".{rest:09}");
            format!(
                "{sign}{seconds}{}s",
                fraction.trim_end_matches('0').trim_end_matches('.')
            )
        }
        other => panic!("the text of {other:?}"),
    }))
}
