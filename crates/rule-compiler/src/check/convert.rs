//! Conversions between a type, the same with null, and `dyn`: where they are needed, and where they cost nothing.

use super::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;

impl Checker<'_> {
    /// `expr` as a `to`, which it is known to fit: puts in the conversions between `T`, `T?` and `dyn`.
    pub(crate) fn coerce(&mut self, expr: Expr, to: &Type) -> Expr {
        let from = self.unifier.resolve(&expr.ty);
        let to = self.unifier.resolve(to);
        let span = expr.span;
        let wrap = |kind: fn(Box<Expr>) -> ExprKind, expr: Expr, ty: Type| {
            Expr::new(kind(Box::new(expr)), ty, span)
        };
        match (&from, &to) {
            _ if from == to => expr,
            (Type::Error, _) | (_, Type::Error | Type::Var(_)) => expr,
            (Type::Null, Type::Nullable(_)) => wrap(ExprKind::Wrap, expr, to),
            (Type::Nullable(inner), Type::Nullable(other)) if **inner == **other => expr,
            (Type::Nullable(inner), _) if !matches!(to, Type::Nullable(_) | Type::Dyn) => {
                let inner = (**inner).clone();
                let value = wrap(ExprKind::Unwrap, expr, inner);
                self.coerce(value, &to)
            }
            (_, Type::Nullable(inner)) if !matches!(from, Type::Nullable(_) | Type::Dyn) => {
                let inner = (**inner).clone();
                let value = self.coerce(expr, &inner);
                wrap(ExprKind::Wrap, value, to)
            }
            (Type::List(_), Type::List(element)) => match expr.kind {
                ExprKind::List(elements) => {
                    let elements = elements
                        .into_iter()
                        .map(|each| self.coerce_element(each, element))
                        .collect();
                    Expr::new(ExprKind::List(elements), to, span)
                }
                _ => wrap(ExprKind::Convert, expr, to),
            },
            _ => wrap(ExprKind::Convert, expr, to),
        }
    }

    fn coerce_element(&mut self, element: Expr, to: &Type) -> Expr {
        match element.kind {
            ExprKind::IfPresent(optional) => {
                let to = Type::Optional(Box::new(to.clone()));
                let (span, ty) = (element.span, element.ty);
                let optional = self.coerce(*optional, &to);
                Expr::new(ExprKind::IfPresent(Box::new(optional)), ty, span)
            }
            // Cells say what they hold.
            _ if *to == Type::Dyn => element,
            _ => self.coerce(element, to),
        }
    }
}

/// Whether every `from` in a cell is a `to` as it is.
pub(crate) fn covers(to: &Type, from: &Type) -> bool {
    match (to, from) {
        (Type::Dyn | Type::Var(_), _) | (_, Type::Var(_)) => true,
        (Type::Nullable(_), Type::Null) => true,
        (Type::Nullable(to), Type::Nullable(from)) => covers(to, from),
        (Type::Nullable(to), from) => covers(to, from),
        (Type::List(to), Type::List(from)) | (Type::Optional(to), Type::Optional(from)) => {
            covers(to, from)
        }
        (Type::Map(to_key, to_value), Type::Map(from_key, from_value)) => {
            covers(to_key, from_key) && covers(to_value, from_value)
        }
        (Type::Map(key, value), Type::Struct(fields)) => {
            covers(key, &Type::String) && fields.iter().all(|(_, ty)| covers(value, ty))
        }
        (to, from) => to == from,
    }
}

/// Whether the tag of a cell says that it holds a value of the type.
pub(crate) fn is_shallow(ty: &Type) -> bool {
    let is_any = |ty: &Type| matches!(ty, Type::Dyn | Type::Var(_));
    match ty {
        Type::List(inner) | Type::Optional(inner) => is_any(inner),
        Type::Map(key, value) => is_any(key) && is_any(value),
        Type::Nullable(_) | Type::Struct(_) => false,
        _ => true,
    }
}
