//! The macros of CEL and its extensions: their variables get types, their bodies are checked.

use super::Checker;
use crate::ast;
use crate::typed::Expr;
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

impl Checker<'_> {
    /// `has(a.b)`.
    pub(super) fn check_has(&mut self, arg: &ast::Expr, span: Span) -> Expr {
        if !matches!(arg.without_parens().kind, ast::ExprKind::Select { .. }) {
            if arg.kind != ast::ExprKind::Error {
                let diagnostic = Diagnostic::error(
                    "rule.check.invalid-macro",
                    arg.span,
                    "`has` asks for a field: `has(a.b)`",
                )
                .with_hint("whether an input is null is asked with `input != null`");
                self.diagnostics.push(diagnostic);
            }
            return Expr::error(span);
        }
        let checked = self.check_expr(arg);
        if checked.is_error() {
            return Expr::error(span);
        }
        Expr::later("the macro `has`", Type::Bool, span)
    }

    /// `cel.bind(name, value, body)`.
    pub(super) fn check_bind(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let value = self.check_expr(&args[1]);
        let Some(name) = self.variable_name(&args[0]) else {
            return Expr::error(span);
        };
        self.scope.push_local(&name, value.ty);
        let body = self.check_expr(&args[2]);
        self.scope.pop_locals(1);
        Expr::later("the macro `cel.bind`", body.ty, span)
    }

    /// The checked macro; `None` when it is an ordinary method.
    pub(super) fn check_macro(
        &mut self,
        receiver: &ast::Expr,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<Expr> {
        let name = function.text.as_str();
        let n_variables = match (name, args.len()) {
            (
                "all" | "exists" | "exists_one" | "existsOne" | "filter" | "map" | "sortBy"
                | "optMap" | "optFlatMap",
                2,
            ) => 1,
            ("map", 3) => 1,
            (
                "all" | "exists" | "exists_one" | "existsOne" | "transformList" | "transformMap"
                | "transformMapEntry",
                3,
            ) => 2,
            ("transformList" | "transformMap" | "transformMapEntry", 4) => 2,
            ("all" | "exists" | "exists_one" | "existsOne" | "filter" | "map", _) => {
                let message =
                    format!("`{name}` takes a variable and an expression: `list.{name}(x, …)`");
                self.diagnostics
                    .push(Diagnostic::error("rule.check.invalid-macro", span, message));
                return Some(Expr::error(span));
            }
            _ => return None,
        };
        let range = self.check_expr(receiver);
        let range_ty = self.unifier.resolve(&range.ty);
        let is_optional = name.starts_with("opt");
        let variables = match (&range_ty, n_variables) {
            (Type::Optional(inner), 1) if is_optional => Some(vec![(**inner).clone()]),
            (Type::List(element), 1) if !is_optional => Some(vec![(**element).clone()]),
            (Type::List(element), 2) => Some(vec![Type::Int, (**element).clone()]),
            (Type::Map(key, _), 1) if !is_optional => Some(vec![(**key).clone()]),
            (Type::Map(key, value), 2) => Some(vec![(**key).clone(), (**value).clone()]),
            (Type::Error | Type::Dyn | Type::Var(_), n) => Some(vec![range_ty.clone(); n]),
            _ => None,
        };
        let Some(variables) = variables else {
            let over = if is_optional {
                "an optional value"
            } else {
                "a list or a map"
            };
            let message = format!("`{name}` goes over {over}, not over `{range_ty}`");
            self.diagnostics.push(Diagnostic::error(
                "rule.check.no-overload",
                receiver.span,
                message,
            ));
            return Some(Expr::error(span));
        };
        let mut is_valid = !range.is_error();
        for (arg, ty) in args.iter().zip(variables) {
            let name = self.variable_name(arg);
            is_valid &= name.is_some();
            self.scope
                .push_local(name.as_deref().unwrap_or_default(), ty);
        }
        let bodies = &args[n_variables..];
        let body_ty = self.check_bodies(name, bodies);
        self.scope.pop_locals(n_variables);
        if !is_valid {
            return Some(Expr::error(span));
        }
        let ty = match name {
            "filter" | "sortBy" => range_ty,
            "map" | "transformList" => Type::List(Box::new(body_ty)),
            "transformMap" => match range_ty {
                Type::Map(key, _) => Type::Map(key, Box::new(body_ty)),
                _ => Type::Map(Box::new(Type::Int), Box::new(body_ty)),
            },
            "transformMapEntry" | "optFlatMap" => body_ty,
            "optMap" => Type::Optional(Box::new(body_ty)),
            _ => Type::Bool,
        };
        Some(Expr::later(format!("the macro `{name}`"), ty, span))
    }

    /// The type of the last body; conditions must be `bool`.
    fn check_bodies(&mut self, name: &str, bodies: &[ast::Expr]) -> Type {
        let is_condition = matches!(
            name,
            "all" | "exists" | "exists_one" | "existsOne" | "filter"
        );
        let mut ty = Type::Error;
        for (index, body) in bodies.iter().enumerate() {
            let is_last = index + 1 == bodies.len();
            ty = if is_condition || !is_last {
                self.check_expr_as(body, &Type::Bool, &format!("the condition of `{name}`"))
                    .ty
            } else {
                self.check_expr(body).ty
            };
        }
        self.unifier.resolve(&ty)
    }

    fn variable_name(&mut self, arg: &ast::Expr) -> Option<String> {
        match &arg.kind {
            ast::ExprKind::Identifier {
                name,
                absolute: false,
            } => Some(name.text.clone()),
            ast::ExprKind::Error => None,
            _ => {
                let message = "the first argument of a macro must be a plain name";
                self.diagnostics.push(Diagnostic::error(
                    "rule.check.invalid-macro",
                    arg.span,
                    message,
                ));
                None
            }
        }
    }
}
