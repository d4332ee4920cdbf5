//! Messages that stand for values of CEL's own: wrappers, times, and JSON (`google.protobuf.Value` and its kin).

use super::Checker;
use crate::ast;
use crate::ir::{ArithmeticOp, CompareOp, Const, Function};
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

const PACKAGE: &str = "google.protobuf";

fn constant(value: Const, ty: Type, span: Span) -> Expr {
    Expr::new(ExprKind::Const(value), ty, span)
}

fn zero(ty: &Type) -> Const {
    match ty {
        Type::Bool => Const::Bool(false),
        Type::Int => Const::Int(0),
        Type::Uint => Const::Uint(0),
        Type::Double => Const::Double(0.0),
        Type::String => Const::String(String::new()),
        Type::Bytes => Const::Bytes(Vec::new()),
        Type::List(_) => Const::List(Vec::new()),
        Type::Map(..) => Const::Map(Vec::new()),
        _ => Const::Null,
    }
}

impl Checker<'_> {
    pub(super) fn check_message(
        &mut self,
        name: &ast::Name,
        fields: &[ast::FieldValue],
        span: Span,
    ) -> Expr {
        let of_dyn = || Box::new(Type::Dyn);
        let (field, ty) = match self.well_known_name(&name.text).as_deref() {
            Some("BoolValue") => ("value", Type::Bool),
            Some("BytesValue") => ("value", Type::Bytes),
            Some("DoubleValue" | "FloatValue") => ("value", Type::Double),
            Some("Int32Value" | "Int64Value") => ("value", Type::Int),
            Some("UInt32Value" | "UInt64Value") => ("value", Type::Uint),
            Some("StringValue") => ("value", Type::String),
            Some("Struct") => ("fields", Type::Map(Box::new(Type::String), of_dyn())),
            Some("ListValue") => ("values", Type::List(of_dyn())),
            Some("Value") => return self.check_json_message(fields, span),
            Some("Any") if fields.is_empty() => {
                let message = format!("`{PACKAGE}.Any` without fields holds no value");
                let diagnostic = Diagnostic::error("rule.check.type-mismatch", span, message);
                self.diagnostics.push(diagnostic);
                return Expr::error(span);
            }
            known => {
                for field in fields {
                    self.check_expr(&field.value);
                }
                if known.is_some() || !self.scope.container.is_empty() {
                    return Expr::later("messages", Type::Dyn, span);
                }
                let message = format!("there is no message type `{}`", name.text);
                let hint = "rules know the messages of `google.protobuf`; maps are written `{\"key\": value}`";
                self.diagnostics.push(
                    Diagnostic::error("rule.check.unknown-message", name.span, message)
                        .with_hint(hint),
                );
                return Expr::error(span);
            }
        };
        let value = match fields {
            [] => constant(zero(&ty), ty.clone(), span),
            [only] if only.name.text == field && !only.optional => {
                self.check_expr_as(&only.value, &ty, &format!("`{field}`"))
            }
            [other, ..] => return self.report_unknown_field(&name.text, &other.name),
        };
        if value.is_error() {
            return value;
        }
        let value = match self.well_known_name(&name.text).as_deref() {
            Some("FloatValue") => Expr::new(
                ExprKind::Call(Function::RoundToFloat, vec![value]),
                ty,
                span,
            ),
            Some("Int32Value") => {
                let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
                self.within(value, &ty, Const::Int(low), Const::Int(high), span)
            }
            Some("UInt32Value") => {
                let high = Const::Uint(u64::from(u32::MAX));
                self.within(value, &ty, Const::Uint(0), high, span)
            }
            _ => value,
        };
        let ty = match value.ty {
            Type::List(_) | Type::Map(..) => return value,
            ref ty => Type::Nullable(Box::new(ty.clone())),
        };
        Expr::new(ExprKind::Wrap(Box::new(value)), ty, span)
    }

    /// The name inside the package of the well-known messages.
    fn well_known_name(&self, name: &str) -> Option<String> {
        let prefix = format!("{PACKAGE}.");
        if let Some(inside) = name.strip_prefix(&prefix) {
            return Some(inside.to_owned());
        }
        // Names are looked up in the container first.
        let container = format!("{}.", self.scope.container);
        let rest = prefix.strip_prefix(&container);
        rest.and_then(|rest| name.strip_prefix(rest))
            .map(str::to_owned)
    }

    /// `google.protobuf.Value{…}`: one of its fields, or null.
    fn check_json_message(&mut self, fields: &[ast::FieldValue], span: Span) -> Expr {
        let of_dyn = || Box::new(Type::Dyn);
        let [field] = fields else {
            return match fields.get(1) {
                None => self.as_dyn(constant(Const::Null, Type::Null, span)),
                Some(second) => self.report_unknown_field("google.protobuf.Value", &second.name),
            };
        };
        let ty = match field.name.text.as_str() {
            "null_value" => return self.as_dyn(constant(Const::Null, Type::Null, span)),
            "number_value" => Type::Double,
            "string_value" => Type::String,
            "bool_value" => Type::Bool,
            "struct_value" => Type::Map(Box::new(Type::String), of_dyn()),
            "list_value" => Type::List(of_dyn()),
            _ => return self.report_unknown_field("google.protobuf.Value", &field.name),
        };
        let what = format!("`{}`", field.name.text);
        let value = self.check_expr_as(&field.value, &ty, &what);
        if value.is_error() {
            return value;
        }
        self.as_dyn(value)
    }

    fn as_dyn(&mut self, value: Expr) -> Expr {
        self.coerce(value, &Type::Dyn)
    }

    /// The value, or an overflow where it is out of bounds.
    fn within(&mut self, value: Expr, ty: &Type, low: Const, high: Const, span: Span) -> Expr {
        let local = self.new_local();
        let read = || Box::new(Expr::new(ExprKind::Local(local), ty.clone(), span));
        let bound = |value: &Const| Box::new(constant(value.clone(), ty.clone(), span));
        let compare = |op, bound| Expr::new(ExprKind::Compare(op, read(), bound), Type::Bool, span);
        let fits = ExprKind::Logical(
            ast::LogicalOp::And,
            vec![
                (span, compare(CompareOp::GreaterEqual, bound(&low))),
                (span, compare(CompareOp::LessEqual, bound(&high))),
            ],
        );
        let largest = match low {
            Const::Uint(_) => Const::Uint(u64::MAX),
            _ => Const::Int(i64::MAX),
        };
        let overflow = ExprKind::Arithmetic(ArithmeticOp::Add, bound(&largest), bound(&high));
        let choice = ExprKind::Conditional(
            Box::new(Expr::new(fits, Type::Bool, span)),
            read(),
            Box::new(Expr::new(overflow, ty.clone(), span)),
        );
        let body = Box::new(Expr::new(choice, ty.clone(), span));
        Expr::new(
            ExprKind::Bind(local, Box::new(value), body),
            ty.clone(),
            span,
        )
    }

    fn report_unknown_field(&mut self, message: &str, field: &ast::Name) -> Expr {
        let text = format!("`{message}` has no field `{}` here", field.text);
        self.diagnostics
            .push(Diagnostic::error("rule.check.no-field", field.span, text));
        Expr::error(field.span)
    }
}
