//! The macros of CEL and its extensions: their variables get types, their bodies are checked.

use super::Checker;
use super::blocks::macro_variable;
use super::operators::error_among;
use super::unify::without_null;
use crate::ast;
use crate::ir::{CompareOp, Const, Fold, FoldKind, Function};
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

/// CEL keeps this name for itself.
const ACCUMULATOR: &str = "__result__";

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
        if let ExprKind::Index(container, _) = &checked.kind
            && matches!(container.ty, Type::Struct(_))
        {
            // Every field is there; what may be missing is its value.
            let ty = self
                .unifier
                .resolve(&Type::Nullable(Box::new(checked.ty.clone())));
            let null = Expr::new(ExprKind::Const(Const::Null), Type::Null, span);
            let value = Box::new(self.coerce(checked, &ty));
            let kind = ExprKind::Compare(CompareOp::NotEqual, value, Box::new(null));
            return Expr::new(kind, Type::Bool, span);
        }
        let kind = match checked.kind {
            ExprKind::Index(container, key) | ExprKind::IndexOptionally(container, key) => {
                ExprKind::Has(container, key)
            }
            // A qualified name is always there.
            _ if !checked.is_error() => ExprKind::Const(Const::Bool(true)),
            _ => ExprKind::Error,
        };
        Expr::new(kind, Type::Bool, span)
    }

    /// `cel.bind(name, value, body)`.
    pub(super) fn check_bind(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let value = self.check_expr(&args[1]);
        let Some(name) = self.variable_name(&args[0]) else {
            return Expr::error(span);
        };
        let local = self.new_local();
        self.note_local(&name, args[0].span, &value.ty, span);
        self.scope.push_local(&name, value.ty.clone(), local);
        let body = self.check_expr(&args[2]);
        self.scope.pop_locals(1);
        let ty = body.ty.clone();
        if let Some(error) = error_among(&[&value, &body], &ty, span) {
            return error;
        }
        let kind = ExprKind::Bind(local, Box::new(value), Box::new(body));
        Expr::new(kind, ty, span)
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
        self.note_macro(name, function.span);
        let range = self.check_expr(receiver);
        self.note_receiver(function, &range.ty);
        let range_ty = without_null(&self.unifier.resolve(&range.ty));
        let range = self.coerce(range, &range_ty);
        let is_optional = name.starts_with("opt");
        let names: Vec<Option<String>> = args[..n_variables]
            .iter()
            .map(|arg| self.variable_name(arg))
            .collect();
        let variables = match (&range_ty, n_variables) {
            (Type::Optional(inner), 1) if is_optional => Some(vec![(**inner).clone()]),
            (Type::List(element), 1) if !is_optional => Some(vec![(**element).clone()]),
            (Type::List(element), 2) => Some(vec![Type::Int, (**element).clone()]),
            (Type::Map(key, _), 1) if !is_optional => Some(vec![(**key).clone()]),
            (Type::Map(key, value), 2) => Some(vec![(**key).clone(), (**value).clone()]),
            (Type::Error, n) => Some(vec![Type::Error; n]),
            (Type::Dyn | Type::Var(_), n) => Some(vec![Type::Dyn; n]),
            _ => None,
        };
        let mut is_valid = names.iter().all(Option::is_some);
        let Some(variables) = variables else {
            if !is_valid {
                // It is no macro, so what it goes over doesn't matter.
                return Some(Expr::error(span));
            }
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
        is_valid &= !range.is_error();
        let locals: Vec<u32> = (0..n_variables).map(|_| self.new_local()).collect();
        for (((arg, name), ty), local) in args.iter().zip(names).zip(variables).zip(&locals) {
            let name = name.unwrap_or_default();
            self.note_local(&name, arg.span, &ty, span);
            self.scope.push_local(&name, ty, *local);
        }
        if let ([first, second, ..], 2) = (args, n_variables)
            && let (Some(first_name), Some(second_name)) = (plain_name(first), plain_name(second))
            && first_name == second_name
        {
            let message = format!("both variables of `{name}` are called `{first_name}`");
            let diagnostic = Diagnostic::error("rule.check.invalid-macro", second.span, message);
            self.diagnostics.push(diagnostic);
            is_valid = false;
        }
        let bodies = &args[n_variables..];
        let bodies = self.check_bodies(name, bodies);
        self.scope.pop_locals(n_variables);
        if !is_valid || bodies.iter().any(Expr::is_error) {
            let kind = if is_valid { macro_kind(name) } else { None };
            let ty = match kind {
                Some(FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne) => Type::Bool,
                _ => Type::Error,
            };
            return Some(Expr::new(ExprKind::Error, ty, span));
        }
        Some(self.build_macro(name, range, &range_ty, &locals, bodies, span))
    }

    fn build_macro(
        &mut self,
        name: &str,
        range: Expr,
        range_ty: &Type,
        locals: &[u32],
        mut bodies: Vec<Expr>,
        span: Span,
    ) -> Expr {
        let Some(mut body) = bodies.pop() else {
            return Expr::error(span);
        };
        let body_ty = self.unifier.resolve(&body.ty);
        if let ("optMap" | "optFlatMap", [local]) = (name, locals) {
            let of_dyn = Type::Optional(Box::new(Type::Dyn));
            let range = if matches!(range_ty, Type::Optional(_)) {
                range
            } else {
                self.coerce(range, &of_dyn)
            };
            let ty = if name == "optMap" {
                let ty = Type::Optional(Box::new(body_ty));
                let span = body.span;
                let kind = ExprKind::Call(Function::OptionalOf, vec![body]);
                body = Expr::new(kind, ty.clone(), span);
                ty
            } else {
                let ty = match body_ty {
                    Type::Dyn | Type::Var(_) => of_dyn,
                    other => other,
                };
                body = self.coerce(body, &ty);
                ty
            };
            let kind = ExprKind::MapOptional(*local, Box::new(range), Box::new(body));
            return Expr::new(kind, ty, span);
        }
        let element_ty = match range_ty {
            Type::List(element) => (**element).clone(),
            Type::Map(key, _) => (**key).clone(),
            _ => Type::Dyn,
        };
        let Some(kind) = macro_kind(name) else {
            return self.build_sort(range, range_ty, locals, body, span);
        };
        let ty = match kind {
            FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => Type::Bool,
            FoldKind::Filter => Type::List(Box::new(element_ty)),
            FoldKind::List => Type::List(Box::new(body_ty)),
            FoldKind::Sum | FoldKind::Min | FoldKind::Max => body_ty,
            FoldKind::Map => {
                let key = match range_ty {
                    Type::Map(key, _) => (**key).clone(),
                    Type::List(_) => Type::Int,
                    _ => Type::Dyn,
                };
                Type::Map(Box::new(key), Box::new(body_ty))
            }
            FoldKind::Entries => {
                let of_dyn = Type::Map(Box::new(Type::Dyn), Box::new(Type::Dyn));
                let ty = match body_ty {
                    Type::Map(..) => body_ty,
                    _ => of_dyn,
                };
                body = self.coerce(body, &ty);
                ty
            }
        };
        let (key, value) = match locals {
            [key, value] => (Some(*key), Some(*value)),
            [only] if matches!(range_ty, Type::Map(..)) => (Some(*only), None),
            [only] => (None, Some(*only)),
            _ => (None, None),
        };
        let fold = Fold {
            range,
            key,
            value,
            filter: bodies.pop(),
            kind,
            body,
        };
        Expr::new(ExprKind::Fold(Box::new(fold)), ty, span)
    }

    /// `list.sortBy(x, key)`: sorted by the list of the keys.
    fn build_sort(
        &mut self,
        range: Expr,
        range_ty: &Type,
        locals: &[u32],
        body: Expr,
        span: Span,
    ) -> Expr {
        let list_ty = match range_ty {
            Type::List(_) => range_ty.clone(),
            _ => Type::List(Box::new(Type::Dyn)),
        };
        let range = self.coerce(range, &list_ty);
        let list = self.new_local();
        let read = Expr::new(ExprKind::Local(list), list_ty.clone(), range.span);
        let keys_ty = Type::List(Box::new(body.ty.clone()));
        let fold = Fold {
            range: read.clone(),
            key: None,
            value: locals.first().copied(),
            filter: None,
            kind: FoldKind::List,
            body,
        };
        let keys = Expr::new(ExprKind::Fold(Box::new(fold)), keys_ty, span);
        let sorted = ExprKind::Helper("list_sort_by_keys", vec![read, keys]);
        let sorted = Expr::new(sorted, list_ty.clone(), span);
        let kind = ExprKind::Bind(list, Box::new(range), Box::new(sorted));
        Expr::new(kind, list_ty, span)
    }

    /// Conditions must be `bool`: all but the last, and the last of some macros.
    fn check_bodies(&mut self, name: &str, bodies: &[ast::Expr]) -> Vec<Expr> {
        let is_condition = matches!(
            name,
            "all" | "exists" | "exists_one" | "existsOne" | "filter"
        );
        let last = bodies.len().saturating_sub(1);
        let mut checked = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.iter().enumerate() {
            checked.push(if is_condition || index < last {
                self.check_expr_as(body, &Type::Bool, &format!("the condition of `{name}`"))
            } else if name == "transformMapEntry" {
                let entries = Type::Map(
                    Box::new(self.unifier.fresh()),
                    Box::new(self.unifier.fresh()),
                );
                self.check_expr_as(body, &entries, &format!("the result of `{name}`"))
            } else if name == "optFlatMap" {
                let optional = Type::Optional(Box::new(self.unifier.fresh()));
                self.check_expr_as(body, &optional, &format!("the result of `{name}`"))
            } else {
                self.check_expr(body)
            });
        }
        checked
    }

    fn variable_name(&mut self, arg: &ast::Expr) -> Option<String> {
        match &arg.kind {
            ast::ExprKind::Identifier {
                name,
                absolute: false,
            } if name.text == ACCUMULATOR => {
                let message = format!(
                    "`{ACCUMULATOR}` is what macros gather in: the variable needs another name"
                );
                self.diagnostics.push(Diagnostic::error(
                    "rule.check.invalid-macro",
                    arg.span,
                    message,
                ));
                None
            }
            ast::ExprKind::Identifier {
                name,
                absolute: false,
            } => Some(name.text.clone()),
            ast::ExprKind::Error => None,
            _ => {
                if let Some(name) = macro_variable(arg) {
                    return Some(name);
                }
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

fn plain_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Identifier { name, .. } => Some(&name.text),
        _ => None,
    }
}

/// What a macro makes of the elements; `None` for those that are no plain loop.
fn macro_kind(name: &str) -> Option<FoldKind> {
    Some(match name {
        "all" => FoldKind::All,
        "exists" => FoldKind::Exists,
        "exists_one" | "existsOne" => FoldKind::ExistsOne,
        "filter" => FoldKind::Filter,
        "map" | "transformList" => FoldKind::List,
        "transformMap" => FoldKind::Map,
        "transformMapEntry" => FoldKind::Entries,
        _ => return None,
    })
}
