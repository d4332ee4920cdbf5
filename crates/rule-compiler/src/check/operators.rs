//! Operators, and what their operands must be.

use super::Checker;
use super::expressions::has_conversion;
use super::unify::{is_numeric, without_null};
use crate::ast::{self, BinaryOp, LogicalOp, UnaryOp};
use crate::ir::{CompareOp, Function};
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

impl Checker<'_> {
    pub(super) fn check_unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> Expr {
        match op {
            UnaryOp::Not => {
                let operand = self.check_expr_as(operand, &Type::Bool, "the operand of `!`");
                error_among(&[&operand], &Type::Bool, span).unwrap_or_else(|| {
                    Expr::new(ExprKind::Not(Box::new(operand)), Type::Bool, span)
                })
            }
            UnaryOp::Negate => {
                let operand = self.check_expr(operand);
                self.resolve_operator("-", vec![operand], span)
            }
        }
    }

    /// Reports a choice between values of different types where a `to` must stand.
    pub(super) fn report_mixed_choice(&mut self, checked: &Expr, to: &Type) {
        let is_any = |ty: &Type| matches!(ty, Type::Dyn | Type::Var(_) | Type::Error);
        if is_any(&self.unifier.resolve(&checked.ty)) && !is_any(to) {
            let choice = self
                .mixed_choices
                .iter()
                .position(|(span, _)| *span == checked.span);
            if let Some(index) = choice {
                let (_, diagnostic) = self.mixed_choices.remove(index);
                self.diagnostics.push(diagnostic);
            }
        }
    }

    pub(super) fn check_logical(
        &mut self,
        op: LogicalOp,
        operands: &[ast::Expr],
        span: Span,
    ) -> Expr {
        let what = format!("an operand of `{}`", op.symbol());
        let operands: Vec<(Span, Expr)> = operands
            .iter()
            .map(|each| (each.span, self.check_expr_as(each, &Type::Bool, &what)))
            .collect();
        let by_ref: Vec<&Expr> = operands.iter().map(|(_, operand)| operand).collect();
        if let Some(error) = error_among(&by_ref, &Type::Bool, span) {
            return error;
        }
        Expr::new(ExprKind::Logical(op, operands), Type::Bool, span)
    }

    pub(super) fn check_conditional(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        span: Span,
    ) -> Expr {
        let condition = self.check_expr_as(condition, &Type::Bool, "the condition");
        let then_checked = self.check_expr(then);
        let otherwise_checked = self.check_expr(otherwise);
        let joined = self.unifier.join(&then_checked.ty, &otherwise_checked.ty);
        let ty = match joined {
            Some(ty) => ty,
            None => {
                let (a, b) = (
                    self.unifier.resolve(&then_checked.ty),
                    self.unifier.resolve(&otherwise_checked.ty),
                );
                let message =
                    format!("the values for both cases must have one type, not `{a}` and `{b}`");
                let mut diagnostic =
                    Diagnostic::error("rule.check.branch-types", otherwise.span, message)
                        .with_label(then.span, format!("`{a}`"));
                let hint = match &then.without_parens().kind {
                    ast::ExprKind::Int(_) => self.conversion_advice(then, &a, &b),
                    _ => self.conversion_advice(otherwise, &b, &a),
                };
                if let Some(hint) = hint {
                    diagnostic = diagnostic.with_hint(hint);
                }
                // Nobody means to mix numbers of different types.
                if is_numeric(&without_null(&a)) && is_numeric(&without_null(&b)) {
                    self.diagnostics.push(diagnostic);
                    return Expr::error(span);
                }
                self.mixed_choices.push((span, diagnostic));
                Type::Dyn
            }
        };
        let parts = [&condition, &then_checked, &otherwise_checked];
        if let Some(error) = error_among(&parts, &ty, span) {
            return error;
        }
        let then = Box::new(self.coerce(then_checked, &ty));
        let otherwise = Box::new(self.coerce(otherwise_checked, &ty));
        Expr::new(
            ExprKind::Conditional(Box::new(condition), then, otherwise),
            ty,
            span,
        )
    }

    pub(super) fn check_binary(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        let compare = match op {
            BinaryOp::Coalesce => return self.check_coalesce(left, right, span),
            BinaryOp::In => return self.check_in(left, right, span),
            BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Remainder => {
                let operands = vec![self.check_expr(left), self.check_expr(right)];
                return self.resolve_operator(op.symbol(), operands, span);
            }
            BinaryOp::Equal => CompareOp::Equal,
            BinaryOp::NotEqual => CompareOp::NotEqual,
            BinaryOp::Less => CompareOp::Less,
            BinaryOp::LessEqual => CompareOp::LessEqual,
            BinaryOp::Greater => CompareOp::Greater,
            BinaryOp::GreaterEqual => CompareOp::GreaterEqual,
        };
        let (left, right) = (self.check_expr(left), self.check_expr(right));
        match compare {
            CompareOp::Equal | CompareOp::NotEqual => {
                self.check_equality(compare, op, left, right, span)
            }
            _ => self.check_order(compare, op, left, right, span),
        }
    }

    fn check_coalesce(&mut self, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let left_checked = self.check_expr(left);
        let right_checked = self.check_expr(right);
        let left_ty = self.unifier.resolve(&left_checked.ty);
        let right_ty = self.unifier.resolve(&right_checked.ty);
        let value_ty = match &left_ty {
            Type::Null => right_ty.clone(),
            Type::Optional(inner) => (**inner).clone(),
            other => without_null(other),
        };
        let Some(ty) = self.unifier.join(&value_ty, &right_ty) else {
            let message =
                format!("both sides of `??` must have one type, not `{value_ty}` and `{right_ty}`");
            let mut diagnostic = Diagnostic::error("rule.check.branch-types", right.span, message)
                .with_label(left.span, format!("`{left_ty}`"));
            if right_ty == Type::Bool {
                diagnostic = diagnostic
                    .with_hint("comparisons bind more tightly than `??`: write `(a ?? b) > c`");
                self.diagnostics.push(diagnostic);
            } else {
                self.report_with_conversion_hint(diagnostic, right, &right_ty, &value_ty);
            }
            return Expr::error(span);
        };
        if let Some(error) = error_among(&[&left_checked, &right_checked], &ty, span) {
            return error;
        }
        let left_checked = match &left_ty {
            Type::Optional(inner) => {
                let (inner, span) = ((**inner).clone(), left_checked.span);
                let kind = ExprKind::Call(Function::OptionalValue, vec![left_checked]);
                Expr::new(kind, inner, span)
            }
            _ => left_checked,
        };
        let left_ty = self.unifier.resolve(&left_checked.ty);
        // The left side keeps its null, for null is what `??` asks about.
        let left = match (&left_ty, &ty) {
            (Type::Null, _) => {
                let nullable = self.unifier.resolve(&Type::Nullable(Box::new(ty.clone())));
                self.coerce(left_checked, &nullable)
            }
            (_, Type::Nullable(_) | Type::Dyn) => self.coerce(left_checked, &ty),
            (Type::Nullable(inner), _) if **inner == ty => left_checked,
            _ => self.coerce(left_checked, &ty),
        };
        let right = self.coerce(right_checked, &ty);
        Expr::new(
            ExprKind::Coalesce(Box::new(left), Box::new(right)),
            ty,
            span,
        )
    }

    fn check_in(&mut self, item: &ast::Expr, list: &ast::Expr, span: Span) -> Expr {
        let item = self.check_expr(item);
        let list_checked = self.check_expr(list);
        let item_ty = self.unifier.resolve(&item.ty);
        let element_ty = match without_null(&self.unifier.resolve(&list_checked.ty)) {
            Type::List(element) => *element,
            Type::Map(key, _) => *key,
            Type::Error | Type::Dyn => Type::Dyn,
            unknown @ Type::Var(_) => {
                let element = self.unifier.fresh();
                let list = Type::List(Box::new(element.clone()));
                self.unifier.assign(&unknown, &list);
                element
            }
            other => {
                let message = format!("`in` looks into a list or a map, not into `{other}`");
                let mut diagnostic =
                    Diagnostic::error("rule.check.no-overload", list.span, message);
                if other == Type::String {
                    diagnostic =
                        diagnostic.with_hint("for a part of a text, write `text.contains(part)`");
                }
                self.diagnostics.push(diagnostic);
                return Expr::new(ExprKind::Error, Type::Bool, span);
            }
        };
        if !self.is_comparable(&item_ty, &element_ty) {
            let message = format!("no `{item_ty}` can be in a list of `{element_ty}`");
            let diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
                .with_label(item.span, format!("`{item_ty}`"))
                .with_label(list.span, format!("of `{element_ty}`"));
            self.diagnostics.push(diagnostic);
            return Expr::new(ExprKind::Error, Type::Bool, span);
        }
        if let Some(error) = error_among(&[&item, &list_checked], &Type::Bool, span) {
            return error;
        }
        let container_ty = without_null(&self.unifier.resolve(&list_checked.ty));
        let list_checked = self.coerce(list_checked, &container_ty);
        Expr::new(
            ExprKind::In(Box::new(item), Box::new(list_checked)),
            Type::Bool,
            span,
        )
    }

    /// Whether `==` between the two types can ever hold.
    fn is_comparable(&mut self, a: &Type, b: &Type) -> bool {
        let (plain_a, plain_b) = (without_null(a), without_null(b));
        if is_numeric(&plain_a) && is_numeric(&plain_b) {
            return true;
        }
        let may_be_null =
            |ty: &Type| matches!(ty, Type::Timestamp | Type::Duration | Type::Nullable(_));
        match (a, b) {
            (Type::Null, other) | (other, Type::Null) if may_be_null(other) => true,
            // They may be empty, and equal.
            (Type::List(_), Type::List(_))
            | (Type::Map(..), Type::Map(..))
            | (Type::Optional(_), Type::Optional(_)) => true,
            _ => self.unifier.assign(a, b) || self.unifier.assign(b, a),
        }
    }

    fn check_equality(
        &mut self,
        compare: CompareOp,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        let (left_ty, right_ty) = (
            self.unifier.resolve(&left.ty),
            self.unifier.resolve(&right.ty),
        );
        if !self.is_comparable(&left_ty, &right_ty) {
            let message = format!(
                "`{}` can't compare `{left_ty}` with `{right_ty}`",
                op.symbol()
            );
            let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
                .with_label(left.span, format!("`{left_ty}`"))
                .with_label(right.span, format!("`{right_ty}`"));
            let not_null = match (&left_ty, &right_ty) {
                (Type::Null, other) if other.is_ordered() => Some((&right, other)),
                (other, Type::Null) if other.is_ordered() => Some((&left, other)),
                _ => None,
            };
            if let Some((operand, ty)) = not_null {
                diagnostic = match operand.kind {
                    ExprKind::Input(_) => diagnostic
                        .with_hint(format!("an input that may be null is declared `{ty}?`")),
                    _ => diagnostic.with_hint(format!("a value of type `{ty}` is never null")),
                };
            } else if let Some(hint) = conversion_hint(&left_ty, &right_ty) {
                diagnostic = diagnostic.with_hint(hint);
            }
            self.diagnostics.push(diagnostic);
            return Expr::new(ExprKind::Error, Type::Bool, span);
        }
        if let Some(error) = error_among(&[&left, &right], &Type::Bool, span) {
            return error;
        }
        Expr::new(
            ExprKind::Compare(compare, Box::new(left), Box::new(right)),
            Type::Bool,
            span,
        )
    }

    fn check_order(
        &mut self,
        compare: CompareOp,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        if let Some(error) = error_among(&[&left, &right], &Type::Bool, span) {
            return error;
        }
        let left_ty = without_null(&self.unifier.resolve(&left.ty));
        let right_ty = without_null(&self.unifier.resolve(&right.ty));
        let is_any = |ty: &Type| matches!(ty, Type::Dyn | Type::Var(_));
        let may_be_ordered = |ty: &Type| is_any(ty) || ty.is_ordered();
        if (is_any(&left_ty) || is_any(&right_ty))
            && may_be_ordered(&left_ty)
            && may_be_ordered(&right_ty)
        {
            let left = Box::new(self.coerce(left, &Type::Dyn));
            let right = Box::new(self.coerce(right, &Type::Dyn));
            return Expr::new(ExprKind::Compare(compare, left, right), Type::Bool, span);
        }
        let is_ordered = left_ty.is_ordered() && left_ty == right_ty
            || is_numeric(&left_ty) && is_numeric(&right_ty);
        if !is_ordered {
            let message = format!(
                "`{}` can't compare `{left_ty}` with `{right_ty}`",
                op.symbol()
            );
            let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
                .with_label(left.span, format!("`{left_ty}`"))
                .with_label(right.span, format!("`{right_ty}`"));
            diagnostic = match conversion_hint(&left_ty, &right_ty) {
                Some(hint) => diagnostic.with_hint(hint),
                None => diagnostic.with_hint(format!(
                    "`{}` compares two numbers of any type, or two values of one type among `bool`, `string`, `bytes`, `timestamp`, `duration` and `decimal`",
                    op.symbol()
                )),
            };
            self.diagnostics.push(diagnostic);
            return Expr::new(ExprKind::Error, Type::Bool, span);
        }
        let left = Box::new(self.coerce(left, &left_ty));
        let right = Box::new(self.coerce(right, &right_ty));
        Expr::new(ExprKind::Compare(compare, left, right), Type::Bool, span)
    }
}

/// An error where an operand is one.
pub(super) fn error_among(operands: &[&Expr], ty: &Type, span: Span) -> Option<Expr> {
    let is_error = operands.iter().any(|operand| operand.is_error());
    is_error.then(|| Expr::new(ExprKind::Error, ty.clone(), span))
}

/// Advice where a text meets a value of another type.
pub(crate) fn conversion_hint(left: &Type, right: &Type) -> Option<String> {
    let (left, right) = (without_null(left), without_null(right));
    match (&left, &right) {
        (Type::String, other) | (other, Type::String) if has_conversion(&Type::String, other) => {
            Some(format!(
                "convert the text with `{other}(…)`, or the other side with `string(…)`"
            ))
        }
        (Type::Decimal, other) | (other, Type::Decimal) if is_numeric(other) => Some(
            "decimals mix with no other numbers: convert the other side with `decimal(…)`, or the decimal with `double(…)`"
                .to_owned(),
        ),
        (a, b) if is_numeric(a) && is_numeric(b) => {
            let to = if *a == Type::Double || *b == Type::Double {
                "double"
            } else {
                "int"
            };
            Some(format!(
                "numbers of different types don't mix here: convert one with `{to}(…)`"
            ))
        }
        _ => None,
    }
}
