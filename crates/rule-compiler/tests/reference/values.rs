//! Lists, maps, optionals, dynamic values and macros in the direct evaluation.

use super::evaluate::{Result, Row, Value, arithmetic, decimal_helper, equal, extreme, order};
use rulestage_pipeline::runtime::RowErrorCode as Code;
use rulestage_rule_compiler::ir::{
    ArithmeticOp, Const, Decimal, Dispatch, Expr, ExprKind, Fold, FoldKind,
};
use rulestage_rule_compiler::types::Type;
use std::cmp::Ordering;

/// Whether a value is of a type, in depth.
pub(crate) fn conforms(value: &Value, ty: &Type) -> bool {
    match (ty, value) {
        (Type::Dyn, _) => true,
        (Type::Nullable(inner), value) => *value == Value::Null || conforms(value, inner),
        (Type::List(element), Value::List(items)) => {
            items.iter().all(|item| conforms(item, element))
        }
        (Type::Map(key, value), Value::Map(entries)) => entries
            .iter()
            .all(|(each_key, each)| conforms(each_key, key) && conforms(each, value)),
        (Type::Struct(fields), Value::Map(entries)) => {
            let is_field = |((name, ty), (key, each)): (&(String, Type), &(Value, Value))| {
                *key == Value::String(name.clone()) && conforms(each, ty)
            };
            fields.len() == entries.len() && fields.iter().zip(entries).all(is_field)
        }
        (Type::Optional(inner), Value::Optional(content)) => {
            content.iter().all(|content| conforms(content, inner))
        }
        (ty, value) => ty.runtime_name() == Some(type_name(value)) && !is_nested(ty),
    }
}

fn is_nested(ty: &Type) -> bool {
    matches!(
        ty,
        Type::List(_) | Type::Map(..) | Type::Struct(_) | Type::Optional(_)
    )
}

pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Const::Null => "null_type",
        Const::Bool(_) => "bool",
        Const::Int(_) => "int",
        Const::Uint(_) => "uint",
        Const::Double(_) => "double",
        Const::String(_) => "string",
        Const::Bytes(_) => "bytes",
        Const::Timestamp(..) => "google.protobuf.Timestamp",
        Const::Duration(_) => "google.protobuf.Duration",
        Const::Decimal(_) => "decimal",
        Const::List(_) => "list",
        Const::Map(_) => "map",
        Const::Type(_) => "type",
        Const::Optional(_) => "optional_type",
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

/// Whether `<` is defined between two values whose types are known only now.
pub(crate) fn is_ordered(a: &Value, b: &Value) -> bool {
    let has_order = !matches!(
        a,
        Value::Null | Value::List(_) | Value::Map(_) | Value::Type(_) | Value::Optional(_)
    );
    is_number(a) && is_number(b) || has_order && type_name(a) == type_name(b)
}

fn index(container: &Value, key: &Value) -> Result<Value> {
    match container {
        Value::List(items) => {
            let position = match key {
                Value::Int(position) => i128::from(*position),
                Value::Uint(position) => i128::from(*position),
                Value::Double(position) if position.fract() == 0.0 => *position as i128,
                Value::Double(_) => return Err(Code::InvalidArgument),
                _ => return Err(Code::NoSuchOverload),
            };
            usize::try_from(position)
                .ok()
                .and_then(|position| items.get(position).cloned())
                .ok_or(Code::IndexOutOfBounds)
        }
        Value::Map(entries) => entries
            .iter()
            .find(|(each, _)| equal(each, key))
            .map(|(_, value)| value.clone())
            .ok_or(Code::NoSuchKey),
        _ => Err(Code::NoSuchOverload),
    }
}

/// Nothing where there is no such element, also in an empty optional.
fn index_optionally(container: &Value, key: &Value) -> Result<Option<Value>> {
    let container = match container {
        Value::Optional(None) => return Ok(None),
        Value::Optional(Some(content)) => content,
        other => other,
    };
    match index(container, key) {
        _ if !matches!(container, Value::List(_) | Value::Map(_)) => Err(Code::NoSuchKey),
        Ok(value) => Ok(Some(value)),
        Err(Code::NoSuchKey | Code::IndexOutOfBounds) => Ok(None),
        Err(code) => Err(code),
    }
}

fn to_map(entries: Vec<(Value, Value)>) -> Result<Value> {
    for (at, (key, _)) in entries.iter().enumerate() {
        let is_key = matches!(
            key,
            Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::String(_)
        );
        if !is_key || entries[..at].iter().any(|(other, _)| equal(other, key)) {
            return Err(Code::InvalidArgument);
        }
    }
    Ok(Value::Map(entries))
}

fn optional(value: Option<Value>) -> Value {
    Value::Optional(value.map(Box::new))
}

impl Row<'_> {
    fn optional(&self, expr: &Expr) -> Result<Option<Value>> {
        match self.evaluate(expr)? {
            Value::Optional(content) => Ok(content.map(|content| *content)),
            other => panic!("{other:?} where an optional must be"),
        }
    }

    pub(crate) fn bind(&self, local: u32, value: Result<Value>) {
        self.locals.borrow_mut().insert(local, value);
    }

    /// The kinds of expressions that are not about scalars.
    pub(crate) fn evaluate_value(&self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Local(local) => self.locals.borrow()[local].clone(),
            ExprKind::Bind(local, value, body) => {
                let value = self.evaluate(value);
                self.bind(*local, value);
                self.evaluate(body)
            }
            ExprKind::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    match &item.kind {
                        ExprKind::IfPresent(each) => values.extend(self.optional(each)?),
                        _ => values.push(self.evaluate(item)?),
                    }
                }
                Ok(Value::List(values))
            }
            ExprKind::Map(items) => {
                let mut entries = Vec::new();
                for (key, value) in items {
                    let key = self.evaluate(key)?;
                    match &value.kind {
                        ExprKind::IfPresent(each) => {
                            entries.extend(self.optional(each)?.map(|value| (key, value)));
                        }
                        _ => entries.push((key, self.evaluate(value)?)),
                    }
                }
                to_map(entries)
            }
            ExprKind::Convert(operand) | ExprKind::Assume(operand) => {
                let value = self.evaluate(operand)?;
                if conforms(&value, &expr.ty) {
                    Ok(value)
                } else {
                    Err(Code::NoSuchOverload)
                }
            }
            ExprKind::Index(container, key) => {
                index(&self.evaluate(container)?, &self.evaluate(key)?)
            }
            ExprKind::IndexOptionally(container, key) => {
                index_optionally(&self.evaluate(container)?, &self.evaluate(key)?).map(optional)
            }
            ExprKind::Has(container, key) => {
                index_optionally(&self.evaluate(container)?, &self.evaluate(key)?)
                    .map(|found| Value::Bool(found.is_some()))
            }
            ExprKind::InValue(item, container) => {
                let (item, container) = (self.evaluate(item)?, self.evaluate(container)?);
                match container {
                    Value::List(items) => Ok(items.iter().any(|each| equal(&item, each))),
                    Value::Map(entries) => Ok(entries.iter().any(|(key, _)| equal(&item, key))),
                    _ => Err(Code::NoSuchOverload),
                }
                .map(Value::Bool)
            }
            ExprKind::OptionalOr(a, b) => match self.optional(a)? {
                Some(content) => Ok(optional(Some(content))),
                None => self.evaluate(b),
            },
            ExprKind::OptionalOrValue(a, b) => match self.optional(a)? {
                Some(content) => Ok(content),
                None => self.evaluate(b),
            },
            ExprKind::MapOptional(local, operand, body) => match self.optional(operand)? {
                Some(content) => {
                    self.bind(*local, Ok(content));
                    self.evaluate(body)
                }
                None => Ok(optional(None)),
            },
            ExprKind::Fold(fold) => self.fold(fold),
            ExprKind::Dispatch(dispatch) => self.dispatch(dispatch),
            ExprKind::Helper(name, args) => {
                let args = args
                    .iter()
                    .map(|arg| self.evaluate(arg))
                    .collect::<Result<Vec<Value>>>()?;
                match (*name, args.as_slice()) {
                    ("list_concat", [Value::List(a), Value::List(b)]) => {
                        Ok(Value::List([a.as_slice(), b].concat()))
                    }
                    (name, args) => decimal_helper(name, args)
                        .unwrap_or_else(|| panic!("the helper {name} of {args:?}")),
                }
            }
            other => panic!("{other:?} is for scalars"),
        }
    }

    fn dispatch(&self, dispatch: &Dispatch<Expr>) -> Result<Value> {
        for (local, arg) in &dispatch.args {
            let value = self.evaluate(arg)?;
            self.bind(*local, Ok(value));
        }
        let fits = |(local, ty): &(u32, Type)| {
            let value = self.locals.borrow()[local].clone();
            value.is_ok_and(|value| ty.runtime_name() == Some(type_name(&value)))
        };
        let chosen = dispatch
            .candidates
            .iter()
            .find(|each| each.tests.iter().all(fits));
        self.evaluate(&chosen.ok_or(Code::NoSuchOverload)?.body)
    }

    fn fold(&self, fold: &Fold<Expr>) -> Result<Value> {
        let entries: Vec<(Value, Value)> = match self.evaluate(&fold.range)? {
            Value::List(items) => (0..).map(Value::Int).zip(items).collect(),
            Value::Map(entries) if fold.key.is_none() => entries
                .into_iter()
                .map(|(key, _)| (Value::Null, key))
                .collect(),
            Value::Map(entries) => entries,
            _ => return Err(Code::NoSuchOverload),
        };
        let goes_over_keys = fold.value.is_none();
        let mut kept = Vec::new();
        let mut failure = None;
        for (key, value) in entries {
            if let Some(local) = fold.key {
                self.bind(local, Ok(key.clone()));
            }
            if let Some(local) = fold.value {
                self.bind(local, Ok(value.clone()));
            }
            if let Some(filter) = &fold.filter
                && !self.bool(filter)?
            {
                continue;
            }
            let result = self.evaluate(&fold.body);
            match (fold.kind, result) {
                (FoldKind::All, Ok(Value::Bool(false))) => return Ok(Value::Bool(false)),
                (FoldKind::Exists, Ok(Value::Bool(true))) => return Ok(Value::Bool(true)),
                (FoldKind::All | FoldKind::Exists, Err(code)) => failure = failure.or(Some(code)),
                (FoldKind::All | FoldKind::Exists, Ok(_)) => {}
                (_, Err(code)) => return Err(code),
                (FoldKind::Filter | FoldKind::ExistsOne, Ok(Value::Bool(true))) => {
                    kept.push((Value::Null, if goes_over_keys { key } else { value }));
                }
                (FoldKind::Filter | FoldKind::ExistsOne, Ok(_)) => {}
                (_, Ok(result)) => kept.push((key, result)),
            }
        }
        if let Some(code) = failure {
            return Err(code);
        }
        let values = |kept: Vec<(Value, Value)>| kept.into_iter().map(|(_, value)| value).collect();
        match fold.kind {
            FoldKind::All => Ok(Value::Bool(true)),
            FoldKind::Exists => Ok(Value::Bool(false)),
            FoldKind::ExistsOne => Ok(Value::Bool(kept.len() == 1)),
            FoldKind::Filter | FoldKind::List => Ok(Value::List(values(kept))),
            FoldKind::Map => to_map(kept),
            FoldKind::Sum => sum(kept, &fold.body.ty),
            FoldKind::Min | FoldKind::Max => {
                let wanted = match fold.kind {
                    FoldKind::Min => Ordering::Less,
                    _ => Ordering::Greater,
                };
                let elements = kept.into_iter().map(|(_, value)| value);
                extreme(elements, wanted).ok_or(Code::InvalidArgument)
            }
            FoldKind::Entries => {
                let mut all = Vec::new();
                for (_, map) in kept {
                    match map {
                        Value::Map(entries) => all.extend(entries),
                        _ => return Err(Code::NoSuchOverload),
                    }
                }
                to_map(all)
            }
        }
    }
}

/// What `optional.ofNonZeroValue` leaves out.
pub(crate) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
        Value::Double(value) => *value == 0.0,
        Value::Duration(0) | Value::Timestamp(0, 0) | Value::Optional(None) => true,
        Value::Decimal(value) => value.signum() == 0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Equality where one side is no scalar.
pub(crate) fn equal_in_depth(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let has = |(key, value): &(Value, Value)| {
                b.iter()
                    .any(|(other, found)| equal(key, other) && equal(value, found))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => equal(a, b),
            _ => false,
        },
        (Value::Type(a), Value::Type(b)) => a == b,
        _ => order(a, b) == Some(std::cmp::Ordering::Equal),
    }
}

fn sum(kept: Vec<(Value, Value)>, ty: &Type) -> Result<Value> {
    let zero = match ty {
        Type::Int => Value::Int(0),
        Type::Uint => Value::Uint(0),
        Type::Double => Value::Double(0.0),
        Type::Duration => Value::Duration(0),
        _ => Value::Decimal(Decimal::ZERO),
    };
    kept.into_iter().try_fold(zero, |sum, (_, value)| {
        arithmetic(ArithmeticOp::Add, &sum, &value)
    })
}
