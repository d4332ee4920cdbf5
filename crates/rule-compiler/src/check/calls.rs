//! Calls, methods, pipes and operators: which overload is meant.

use super::Checker;
use super::expressions::qualified_name;
use super::unify::is_numeric;
use crate::ast;
use crate::overloads::{Meaning, Overload, Style, function_names, is_namespace, overloads};
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
            self.note_macro("has", function.span);
            return self.check_has(&args[0], span);
        }
        let args: Vec<Expr> = args.iter().map(|arg| self.check_expr(arg)).collect();
        if let Some(call) = self.check_own_call(function, &args, span) {
            return call;
        }
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
        self.note_receiver(function, &operands[0].ty);
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
        if function.text.contains('.') {
            let mut operands = vec![self.check_expr(value)];
            self.note_receiver(function, &operands[0].ty);
            operands.extend(args.iter().map(|arg| self.check_expr(arg)));
            return self.resolve_namespaced(function, operands, span);
        }
        let is_own = self.functions.has(&function.text);
        if !is_own && let Some(checked) = self.check_macro(value, function, args, span) {
            return checked;
        }
        let mut operands = vec![self.check_expr(value)];
        self.note_receiver(function, &operands[0].ty);
        operands.extend(args.iter().map(|arg| self.check_expr(arg)));
        if let Some(call) = self.check_own_call(function, &operands, span) {
            return call;
        }
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
            self.note_macro("cel.bind", function.span);
            return self.check_bind(args, span);
        }
        if namespace == "cel"
            && let Some(checked) = self.check_block(function, args, span)
        {
            return checked;
        }
        let args = args.iter().map(|arg| self.check_expr(arg)).collect();
        let qualified = ast::Name {
            text: format!("{namespace}.{}", function.text),
            span: function.span,
        };
        self.resolve_namespaced(&qualified, args, span)
    }

    /// `function` with its namespace.
    fn resolve_namespaced(&mut self, function: &ast::Name, args: Vec<Expr>, span: Span) -> Expr {
        if matches!(function.text.as_str(), "math.greatest" | "math.least") {
            return self.check_extreme(function, args, span);
        }
        if overloads(&function.text).next().is_some() {
            return self.resolve_function(function, args, &[Style::Global, Style::Both], span);
        }
        self.report_unknown_function(function);
        Expr::error(span)
    }

    /// `math.greatest(a, b, …)` is `math.greatest([a, b, …])`.
    fn check_extreme(&mut self, function: &ast::Name, args: Vec<Expr>, span: Span) -> Expr {
        let list = match <[Expr; 1]>::try_from(args) {
            Ok([single]) if matches!(self.unifier.resolve(&single.ty), Type::List(_)) => single,
            Ok([single]) if matches!(self.unifier.resolve(&single.ty), Type::Dyn) => {
                self.coerce(single, &Type::List(Box::new(Type::Dyn)))
            }
            Ok(single) => self.list_of(Vec::from(single), span),
            Err(args) => self.list_of(args, span),
        };
        let element = match self.unifier.resolve(&list.ty) {
            Type::List(element) => *element,
            _ => Type::Error,
        };
        let are_numbers = match &list.kind {
            ExprKind::List(elements) => {
                elements.iter().all(|each| {
                    let ty = self.unifier.resolve(&each.ty);
                    is_numeric(&ty) || matches!(ty, Type::Dyn | Type::Error)
                }) || element == Type::Decimal
            }
            _ => is_numeric(&element) || matches!(element, Type::Decimal | Type::Dyn | Type::Error),
        };
        if !are_numbers {
            let message = format!(
                "`{}` compares numbers, or decimals with each other",
                function.text
            );
            self.diagnostics
                .push(Diagnostic::error("rule.check.no-overload", span, message));
            return Expr::error(span);
        }
        let result = self.resolve_function(function, vec![list], &[Style::Global], span);
        if (is_numeric(&element) || element == Type::Decimal) && !result.is_error() {
            return Expr::new(ExprKind::Assume(Box::new(result)), element, span);
        }
        result
    }

    fn list_of(&mut self, elements: Vec<Expr>, span: Span) -> Expr {
        let mut element_ty = self.unifier.fresh();
        for each in &elements {
            element_ty = self
                .unifier
                .join(&element_ty, &each.ty)
                .unwrap_or(Type::Dyn);
        }
        let is_error = elements.iter().any(Expr::is_error);
        let kind = if is_error {
            ExprKind::Error
        } else {
            ExprKind::List(elements)
        };
        Expr::new(kind, Type::List(Box::new(element_ty)), span)
    }

    fn report_unknown_function(&mut self, function: &ast::Name) {
        let name = &function.text;
        let diagnostic = Diagnostic::error(
            "rule.check.unknown-function",
            function.span,
            format!("unknown function `{name}`"),
        );
        let known: Vec<&str> = function_names().map(|name| -> &str { name }).collect();
        let known = known.into_iter().chain(self.functions.names());
        let habit = match name.as_str() {
            "len" | "length" | "count" => Some("size"),
            "float" => Some("double"),
            "str" => Some("string"),
            "includes" => Some("contains"),
            "integer" => Some("int"),
            _ => None,
        };
        self.diagnostics
            .push(match habit.or_else(|| nearest(name, known)) {
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
        let checked = match (matching[0].meaning, <[Expr; 1]>::try_from(args)) {
            (Meaning::Total(kind), Ok([list])) => {
                self.resolve_total(kind, name, &matching, list, span)
            }
            (_, Ok(arg)) => self.resolve_overload(name, &matching, Vec::from(arg), span),
            (_, Err(args)) => self.resolve_overload(name, &matching, args, span),
        };
        self.note_call(function);
        checked
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
}
