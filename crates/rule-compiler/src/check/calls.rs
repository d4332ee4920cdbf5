//! Calls, methods, pipes and operators: which overload is meant.

use super::Checker;
use super::expressions::qualified_name;
use super::operators::conversion_hint;
use super::unify::without_null;
use crate::ast;
use crate::overloads::{
    Meaning, Overload, Style, function_names, is_extension, is_namespace, overloads,
};
use crate::suggest::nearest;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

impl Checker<'_> {
    pub(super) fn check_call(
        &mut self,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Expr {
        if function.text == "has" && args.len() == 1 {
            return self.check_has(&args[0], span);
        }
        let args = args.iter().map(|arg| self.check_expr(arg)).collect();
        self.resolve_function(function, args, &[Style::Global, Style::Both], span)
    }

    pub(super) fn check_method(
        &mut self,
        receiver: &ast::Expr,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Expr {
        if let Some((namespace, absolute)) = qualified_name(receiver)
            && is_namespace(&namespace)
            && self.scope.local(&namespace).is_none()
            && self.scope.look_up(&namespace, absolute).is_none()
        {
            return self.check_namespaced(&namespace, function, args, span);
        }
        if let Some(checked) = self.check_macro(receiver, function, args, span) {
            return checked;
        }
        let mut operands = vec![self.check_expr(receiver)];
        operands.extend(args.iter().map(|arg| self.check_expr(arg)));
        self.resolve_function(function, operands, &[Style::Method, Style::Both], span)
    }

    /// `x |> f(y)` is `f(x, y)` where there is such a function, else `x.f(y)`.
    pub(super) fn check_pipe(
        &mut self,
        value: &ast::Expr,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Expr {
        if let Some((namespace, _)) = function.text.rsplit_once('.') {
            let namespace = namespace.to_owned();
            self.check_expr(value);
            return self.check_namespaced(&namespace, function, args, span);
        }
        if let Some(checked) = self.check_macro(value, function, args, span) {
            return checked;
        }
        let mut operands = vec![self.check_expr(value)];
        operands.extend(args.iter().map(|arg| self.check_expr(arg)));
        let has_global = overloads(&function.text).any(|each| matches!(each.style, Style::Global));
        let styles: &[Style] = if has_global {
            &[Style::Global]
        } else {
            &[Style::Method, Style::Both]
        };
        self.resolve_function(function, operands, styles, span)
    }

    fn check_namespaced(
        &mut self,
        namespace: &str,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Expr {
        if namespace == "cel" && function.text == "bind" && args.len() == 3 {
            return self.check_bind(args, span);
        }
        for arg in args {
            self.check_expr(arg);
        }
        if !is_namespace(namespace) {
            self.report_unknown_function(function);
            return Expr::error(span);
        }
        Expr::later(format!("functions of `{namespace}`"), Type::Dyn, span)
    }

    fn report_unknown_function(&mut self, function: &ast::Name) {
        let name = &function.text;
        let diagnostic = Diagnostic::error(
            "rule.check.unknown-function",
            function.span,
            format!("unknown function `{name}`"),
        );
        let habit = match name.as_str() {
            "len" | "length" | "count" => Some("size"),
            "float" => Some("double"),
            "str" => Some("string"),
            "includes" => Some("contains"),
            "integer" => Some("int"),
            _ => None,
        };
        self.diagnostics
            .push(match habit.or_else(|| nearest(name, function_names())) {
                Some(meant) => diagnostic.with_hint(format!("did you mean `{meant}`?")),
                None => diagnostic,
            });
    }

    fn resolve_function(
        &mut self,
        function: &ast::Name,
        args: Vec<Expr>,
        styles: &[Style],
        span: Span,
    ) -> Expr {
        let name = function.text.as_str();
        let all: Vec<&'static Overload> = overloads(name)
            .filter(|each| each.style != Style::Operator)
            .collect();
        if all.is_empty() {
            if is_extension(name) {
                return Expr::later(format!("the function `{name}`"), Type::Dyn, span);
            }
            self.report_unknown_function(function);
            return Expr::error(span);
        }
        let matching: Vec<&'static Overload> = all
            .iter()
            .copied()
            .filter(|each| styles.contains(&each.style))
            .collect();
        if matching.is_empty() {
            let spelling = all[0].spelling();
            let is_method = all[0].style == Style::Method;
            let message = if is_method {
                format!("`{name}` is written after its first argument")
            } else {
                format!("`{name}` is not written after its argument")
            };
            let diagnostic = Diagnostic::error("rule.check.call-style", function.span, message)
                .with_hint(format!("write `{spelling}`"));
            self.diagnostics.push(diagnostic);
            return Expr::error(span);
        }
        self.resolve_overload(name, &matching, args, span)
    }

    pub(super) fn resolve_operator(
        &mut self,
        symbol: &str,
        operands: Vec<Expr>,
        span: Span,
    ) -> Expr {
        let n_operands = operands.len();
        let is_meant =
            |each: &&Overload| each.style == Style::Operator && each.params.len() == n_operands;
        let candidates: Vec<&'static Overload> = overloads(symbol).filter(is_meant).collect();
        self.resolve_overload(symbol, &candidates, operands, span)
    }

    fn resolve_overload(
        &mut self,
        name: &str,
        candidates: &[&'static Overload],
        args: Vec<Expr>,
        span: Span,
    ) -> Expr {
        let mut fitting: Vec<(&'static Overload, Vec<Type>, Type)> = Vec::new();
        for candidate in candidates {
            if candidate.params.len() != args.len() {
                continue;
            }
            let (a, b) = (self.unifier.fresh(), self.unifier.fresh());
            let params: Vec<Type> = candidate
                .params
                .iter()
                .map(|param| param.instantiate(&a, &b))
                .collect();
            let pairs: Vec<(&Type, &Type)> = args.iter().map(|arg| &arg.ty).zip(&params).collect();
            if self.unifier.assign_all(&pairs) {
                let result = self.unifier.resolve(&candidate.result.instantiate(&a, &b));
                fitting.push((candidate, params, result));
            }
        }
        let Some((chosen, params, result)) = fitting.first().cloned() else {
            self.report_no_overload(name, candidates, &args, span);
            return Expr::error(span);
        };
        let is_ambiguous = fitting.iter().any(|(_, _, other)| *other != result);
        let ty = if is_ambiguous { Type::Dyn } else { result };
        if args.iter().any(Expr::is_error) {
            return Expr::new(
                ExprKind::Error,
                if is_ambiguous { Type::Error } else { ty },
                span,
            );
        }
        if let Meaning::Later(what) = chosen.meaning {
            return Expr::later(what, ty, span);
        }
        let by_ref: Vec<&Expr> = args.iter().collect();
        if let Some(unknown) = self.dyn_or(&by_ref, ty.clone(), span) {
            return unknown;
        }
        let mut operands = args
            .into_iter()
            .zip(&params)
            .map(|(arg, param)| self.coerce(arg, param))
            .collect::<Vec<_>>();
        let kind = match (chosen.meaning, operands.len()) {
            (Meaning::Call(function), _) => ExprKind::Call(function, operands),
            (Meaning::Negate, 1) => ExprKind::Negate(Box::new(operands.remove(0))),
            (Meaning::Identity, 1) => {
                let operand = operands.remove(0);
                return Expr::new(operand.kind, ty, span);
            }
            (Meaning::Arithmetic(op), 2) => {
                let right = operands.remove(1);
                ExprKind::Arithmetic(op, Box::new(operands.remove(0)), Box::new(right))
            }
            (Meaning::Concat, 2) => {
                let right = operands.remove(1);
                ExprKind::Concat(Box::new(operands.remove(0)), Box::new(right))
            }
            _ => ExprKind::Error,
        };
        Expr::new(kind, ty, span)
    }

    fn report_no_overload(
        &mut self,
        name: &str,
        candidates: &[&'static Overload],
        args: &[Expr],
        span: Span,
    ) {
        let types: Vec<Type> = args
            .iter()
            .map(|arg| self.unifier.resolve(&arg.ty))
            .collect();
        let is_operator = candidates
            .first()
            .is_some_and(|first| first.style == Style::Operator);
        let message = match types.as_slice() {
            [operand] if is_operator => format!("`{name}` takes no `{operand}`"),
            [left, right] if is_operator => format!("`{name}` takes no `{left}` and `{right}`"),
            [] => format!("`{name}` takes an argument"),
            _ => {
                let list: Vec<String> = types.iter().map(|ty| format!("`{ty}`")).collect();
                format!("`{name}` can't take {}", list.join(", "))
            }
        };
        let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message);
        for (arg, ty) in args.iter().zip(&types) {
            diagnostic = diagnostic.with_label(arg.span, format!("`{ty}`"));
        }
        if is_operator && let [left, right] = types.as_slice() {
            let literal = args.iter().zip([right, left]).find_map(|(arg, other)| {
                match (&arg.kind, without_null(other)) {
                    (ExprKind::Const(crate::ir::Const::Int(_)), Type::Double) => {
                        Some(format!("write `{}.0`", arg.span.text(self.source)))
                    }
                    _ => None,
                }
            });
            if let Some(hint) = literal.or_else(|| conversion_hint(left, right)) {
                diagnostic = diagnostic.with_hint(hint);
            }
        }
        let known: Vec<String> = candidates
            .iter()
            .map(|each| format!("`{}`", each.spelling()))
            .collect();
        diagnostic = diagnostic.with_hint(format!("there is {}", known.join(", ")));
        self.diagnostics.push(diagnostic);
    }
}
