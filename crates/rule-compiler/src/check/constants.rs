//! Values that are known without running anything: defaults and examples.

use super::Checker;
use crate::ast::{Expr, ExprKind, UnaryOp};
use crate::ir::Const;
use crate::time::{MAX_SECONDS, MIN_SECONDS, parse_duration, parse_timestamp};
use crate::types::Type;
use rulestage_decimal::Decimal;
use rulestage_diagnostics::Diagnostic;

/// Whole numbers up to here are doubles without loss.
const MAX_EXACT_DOUBLE: u64 = 1 << 53;

impl Checker<'_> {
    /// The value of a constant of type `ty`; `what` names the place in messages. Whole numbers may stand for doubles.
    pub(super) fn check_constant(&mut self, expr: &Expr, ty: &Type, what: &str) -> Option<Const> {
        let expr = expr.without_parens();
        match (&expr.kind, ty) {
            (ExprKind::Error, _) | (_, Type::Error) => None,
            (ExprKind::Null, Type::Nullable(_) | Type::Null) => Some(Const::Null),
            (_, Type::Nullable(inner)) => self.check_constant(expr, inner, what),
            (ExprKind::Bool(value), Type::Bool) => Some(Const::Bool(*value)),
            (ExprKind::Int(value), Type::Int) => Some(Const::Int(*value)),
            (ExprKind::Int(value), Type::Double) if value.unsigned_abs() <= MAX_EXACT_DOUBLE => {
                Some(Const::Double(*value as f64))
            }
            (ExprKind::Uint(value), Type::Uint) => Some(Const::Uint(*value)),
            (ExprKind::Double(value), Type::Double) => Some(Const::Double(*value)),
            (ExprKind::String(value), Type::String) => Some(Const::String(value.clone())),
            (ExprKind::Bytes(value), Type::Bytes) => Some(Const::Bytes(value.clone())),
            (ExprKind::Unary(UnaryOp::Negate, operand), Type::Double) => {
                match self.check_constant(operand, ty, what)? {
                    Const::Double(value) => Some(Const::Double(-value)),
                    _ => None,
                }
            }
            (ExprKind::List(elements), Type::List(element_ty)) => {
                let mut values = Vec::with_capacity(elements.len());
                for element in elements {
                    values.push(self.check_constant(
                        &element.value,
                        element_ty,
                        &format!("an element of {what}"),
                    ));
                }
                values
                    .into_iter()
                    .collect::<Option<Vec<Const>>>()
                    .map(Const::List)
            }
            (ExprKind::Map(entries), Type::Map(key_ty, value_ty)) => {
                let mut values = Vec::with_capacity(entries.len());
                for entry in entries.iter().filter(|entry| !entry.optional) {
                    let key = self.check_constant(&entry.key, key_ty, &format!("a key of {what}"));
                    let value =
                        self.check_constant(&entry.value, value_ty, &format!("a value of {what}"));
                    values.push(key.zip(value));
                }
                if values.len() < entries.len() {
                    return self.report_not_constant(expr, ty, what);
                }
                values
                    .into_iter()
                    .collect::<Option<Vec<_>>>()
                    .map(Const::Map)
            }
            (ExprKind::Map(entries), Type::Struct(fields)) => {
                self.check_struct(expr, entries, fields, what)
            }
            (kind, Type::Dyn) => match type_of_constant(kind) {
                Some(ty) => self.check_constant(expr, &ty, what),
                None => self.report_not_constant(expr, ty, what),
            },
            (ExprKind::Call { function, args, .. }, _) => {
                match (function.text.as_str(), args.as_slice(), ty) {
                    ("timestamp", [arg], Type::Timestamp) => self.check_timestamp(arg, what),
                    ("duration", [arg], Type::Duration) => self.check_duration(arg, what),
                    ("double", [arg], Type::Double) => self.check_double(arg, what),
                    ("decimal", [arg], Type::Decimal) => self.check_decimal(arg, what),
                    _ => self.report_not_constant(expr, ty, what),
                }
            }
            _ => self.report_not_constant(expr, ty, what),
        }
    }

    /// A struct, written as a map with names or texts as keys; nullable fields may be left out.
    fn check_struct(
        &mut self,
        expr: &Expr,
        entries: &[crate::ast::Entry],
        fields: &[(String, Type)],
        what: &str,
    ) -> Option<Const> {
        let mut values: Vec<Option<Const>> = vec![None; fields.len()];
        let mut is_valid = true;
        for entry in entries {
            let key = entry.key.without_parens();
            let name = match &key.kind {
                ExprKind::String(name) => name,
                ExprKind::Identifier { name, .. } => &name.text,
                _ => {
                    let ty = Type::Struct(fields.to_vec());
                    return self.report_not_constant(expr, &ty, what);
                }
            };
            let Some(index) = fields.iter().position(|(field, _)| field == name) else {
                self.report_no_such_field(name, key.span, fields);
                is_valid = false;
                continue;
            };
            let place = format!("`{name}` in {what}");
            let value = self.check_constant(&entry.value, &fields[index].1, &place);
            is_valid &= value.is_some();
            values[index] = value;
        }
        let mut members = Vec::with_capacity(fields.len());
        for ((name, ty), value) in fields.iter().zip(values) {
            let value = match value {
                Some(value) => value,
                None if matches!(ty, Type::Nullable(_) | Type::Dyn) => Const::Null,
                None => {
                    if is_valid {
                        let message = format!("`{name}` is missing in {what}");
                        let code = "rule.check.missing-field";
                        self.diagnostics
                            .push(Diagnostic::error(code, expr.span, message));
                    }
                    is_valid = false;
                    Const::Null
                }
            };
            members.push((Const::String(name.clone()), value));
        }
        is_valid.then_some(Const::Map(members))
    }

    fn check_timestamp(&mut self, arg: &Expr, what: &str) -> Option<Const> {
        let value = match &arg.without_parens().kind {
            ExprKind::String(text) => parse_timestamp(text),
            ExprKind::Int(seconds) => (MIN_SECONDS..=MAX_SECONDS)
                .contains(seconds)
                .then_some((*seconds, 0)),
            _ => return self.report_not_constant(arg, &Type::String, what),
        };
        let Some((seconds, nanoseconds)) = value else {
            let hint = "timestamps are written `\"2024-05-31T23:59:59Z\"`, in years 1 to 9999";
            return self.report_invalid(arg, "a timestamp", hint);
        };
        Some(Const::Timestamp(seconds, nanoseconds))
    }

    fn check_duration(&mut self, arg: &Expr, what: &str) -> Option<Const> {
        let ExprKind::String(text) = &arg.without_parens().kind else {
            return self.report_not_constant(arg, &Type::String, what);
        };
        let Some(nanoseconds) = parse_duration(text) else {
            return self.report_invalid(
                arg,
                "a duration",
                "durations are written `\"1h30m\"`, `\"2.5s\"` or `\"100ms\"`",
            );
        };
        Some(Const::Duration(nanoseconds))
    }

    fn check_double(&mut self, arg: &Expr, what: &str) -> Option<Const> {
        let ExprKind::String(text) = &arg.without_parens().kind else {
            return self.report_not_constant(arg, &Type::String, what);
        };
        let Ok(value) = text.parse::<f64>() else {
            return self.report_invalid(
                arg,
                "a double",
                "doubles are written `\"1.5\"`, `\"NaN\"` or `\"Infinity\"`",
            );
        };
        Some(Const::Double(value))
    }

    fn check_decimal(&mut self, arg: &Expr, what: &str) -> Option<Const> {
        let value = match &arg.without_parens().kind {
            ExprKind::String(text) => text.parse::<Decimal>(),
            ExprKind::Int(value) => Ok(Decimal::from(*value)),
            _ => return self.report_not_constant(arg, &Type::String, what),
        };
        let Ok(value) = value else {
            let hint = "decimals are written `\"12.10\"`, with up to 38 digits";
            return self.report_invalid(arg, "a decimal", hint);
        };
        Some(Const::Decimal(value))
    }

    fn report_invalid(&mut self, arg: &Expr, what: &str, hint: &str) -> Option<Const> {
        let message = format!("this is not {what}");
        self.diagnostics.push(
            Diagnostic::error("rule.check.invalid-constant", arg.span, message).with_hint(hint),
        );
        None
    }

    fn report_not_constant(&mut self, expr: &Expr, ty: &Type, what: &str) -> Option<Const> {
        let n_before = self.diagnostics.len();
        let checked = self.check_expr(expr);
        if self.diagnostics.len() > n_before {
            return None;
        }
        let found = self.unifier.resolve(&checked.ty);
        if !self.unifier.assign(&found, ty) || (found == Type::Null && *ty != Type::Null) {
            let message = format!("{what} must be `{ty}`, not `{found}`");
            let mut diagnostic = Diagnostic::error("rule.check.type-mismatch", expr.span, message);
            if found == Type::Null && ty.is_ordered() {
                diagnostic = diagnostic.with_hint(format!("what may be null is declared `{ty}?`"));
            } else if let (ExprKind::Int(0..), Type::Uint) = (&expr.kind, ty) {
                diagnostic =
                    diagnostic.with_hint(format!("write `{}u`", expr.span.text(self.source)));
            } else if let (ExprKind::Int(..) | ExprKind::Double(..), Type::Decimal) =
                (&expr.kind, ty)
            {
                let digits = expr.span.text(self.source);
                diagnostic = diagnostic.with_hint(format!("write `decimal(\"{digits}\")`"));
            }
            self.diagnostics.push(diagnostic);
            return None;
        }
        let diagnostic = Diagnostic::error("rule.check.not-constant", expr.span, format!("{what} must be a constant"))
            .with_hint("constants are literals, lists of them, `timestamp(\"…\")`, `duration(\"…\")`, `double(\"…\")` and `decimal(\"…\")`");
        self.diagnostics.push(diagnostic);
        None
    }
}

/// The type that a constant of unknown type has.
fn type_of_constant(kind: &ExprKind) -> Option<Type> {
    let of_dyn = || Box::new(Type::Dyn);
    Some(match kind {
        ExprKind::Null => Type::Null,
        ExprKind::Bool(_) => Type::Bool,
        ExprKind::Int(_) => Type::Int,
        ExprKind::Uint(_) => Type::Uint,
        ExprKind::Double(_) | ExprKind::Unary(UnaryOp::Negate, _) => Type::Double,
        ExprKind::String(_) => Type::String,
        ExprKind::Bytes(_) => Type::Bytes,
        ExprKind::List(_) => Type::List(of_dyn()),
        ExprKind::Map(_) => Type::Map(of_dyn(), of_dyn()),
        ExprKind::Call { function, .. } => match function.text.as_str() {
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "double" => Type::Double,
            "decimal" => Type::Decimal,
            _ => return None,
        },
        _ => return None,
    })
}
