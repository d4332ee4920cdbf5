//! Types of expressions. One method per kind of expression; what is wrong is reported where it stands, and what
//! could not be typed gets `Type::Error`, which no later check complains about.

use super::Checker;
use super::unify::{is_numeric, without_null};
use crate::ast;
use crate::ir::Const;
use crate::scope::{Binding, Declaration};
use crate::suggest::nearest;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

impl Checker<'_> {
    /// The checked form of an expression.
    pub(crate) fn check_expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        let checked = match &expr.kind {
            ast::ExprKind::Error => Expr::error(span),
            ast::ExprKind::Null => constant(Const::Null, Type::Null, span),
            ast::ExprKind::Bool(value) => constant(Const::Bool(*value), Type::Bool, span),
            ast::ExprKind::Int(value) => constant(Const::Int(*value), Type::Int, span),
            ast::ExprKind::Uint(value) => constant(Const::Uint(*value), Type::Uint, span),
            ast::ExprKind::Double(value) => constant(Const::Double(*value), Type::Double, span),
            ast::ExprKind::String(value) => {
                constant(Const::String(value.clone()), Type::String, span)
            }
            ast::ExprKind::Bytes(value) => constant(Const::Bytes(value.clone()), Type::Bytes, span),
            ast::ExprKind::Paren(inner) => self.check_expr(inner),
            ast::ExprKind::Identifier { name, absolute } => {
                self.check_identifier(name, *absolute, span)
            }
            ast::ExprKind::Select {
                operand,
                field,
                optional,
            } => self.check_select(expr, operand, field, *optional),
            ast::ExprKind::Index {
                operand,
                index,
                optional,
            } => self.check_index(operand, index, *optional, span),
            ast::ExprKind::Call { function, args, .. } => self.check_call(function, args, span),
            ast::ExprKind::Method {
                receiver,
                function,
                args,
            } => self.check_method(receiver, function, args, span),
            ast::ExprKind::Pipe {
                value,
                function,
                args,
            } => self.check_pipe(value, function, args.as_deref().unwrap_or_default(), span),
            ast::ExprKind::List(elements) => self.check_list(elements, span),
            ast::ExprKind::Map(entries) => self.check_map(entries, span),
            ast::ExprKind::Struct { name, fields, .. } => self.check_message(name, fields, span),
            ast::ExprKind::Unary(op, operand) => self.check_unary(*op, operand, span),
            ast::ExprKind::Binary(op, left, right) => self.check_binary(*op, left, right, span),
            ast::ExprKind::Logical(op, operands) => self.check_logical(*op, operands, span),
            ast::ExprKind::Conditional(condition, then, otherwise)
            | ast::ExprKind::If(condition, then, otherwise) => {
                self.check_conditional(condition, then, otherwise, span)
            }
        };
        self.note_type(span, &checked.ty);
        checked
    }

    /// The same, for a place where a `to` must stand; `what` names the place.
    pub(crate) fn check_expr_as(&mut self, expr: &ast::Expr, to: &Type, what: &str) -> Expr {
        let checked = self.check_expr(expr);
        if self.unifier.assign(&checked.ty, to) {
            self.report_mixed_choice(&checked, to);
            return self.coerce(checked, to);
        }
        let found = self.unifier.resolve(&checked.ty);
        let diagnostic = Diagnostic::error(
            "rule.check.type-mismatch",
            expr.span,
            format!("{what} must be `{to}`, not `{found}`"),
        );
        self.report_with_conversion_hint(diagnostic, expr, &found, to);
        Expr::error(expr.span)
    }

    /// Adds the hint that turns a `from` into a `to`, if there is an obvious one.
    pub(crate) fn report_with_conversion_hint(
        &mut self,
        mut diagnostic: Diagnostic,
        expr: &ast::Expr,
        from: &Type,
        to: &Type,
    ) {
        if let Some(hint) = self.conversion_advice(expr, from, to) {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.diagnostics.push(diagnostic);
    }

    /// What turns a `from` into a `to`.
    pub(super) fn conversion_advice(
        &self,
        expr: &ast::Expr,
        from: &Type,
        to: &Type,
    ) -> Option<String> {
        let text = expr.span.text(self.source);
        let is_short = text.len() <= 40 && !text.contains('\n');
        let (from, to) = (without_null(from), without_null(to));
        match (&expr.without_parens().kind, &to) {
            (ast::ExprKind::Int(_), Type::Double) if is_short => Some(format!("write `{text}.0`")),
            (ast::ExprKind::Int(value), Type::Uint) if *value >= 0 && is_short => {
                Some(format!("write `{text}u`"))
            }
            _ if is_short && has_conversion(&from, &to) => {
                Some(format!("convert it: `{to}({text})`"))
            }
            _ => None,
        }
    }

    // ------------------------------------------------------------------- names

    pub(super) fn check_identifier(
        &mut self,
        name: &ast::Name,
        absolute: bool,
        span: Span,
    ) -> Expr {
        if !absolute && let Some((ty, number)) = self.scope.local(&name.text) {
            let local = Expr::new(ExprKind::Local(number), ty.clone(), span);
            self.note_local_use(name);
            return local;
        }
        if let Some(declaration) = self.scope.look_up(&name.text, absolute) {
            self.note_use(name.span, declaration.span);
            return self.variable(&name.text, &declaration, span);
        }
        if let Some(value) = type_value(&name.text, span) {
            return value;
        }
        self.report_unknown_name(name);
        Expr::error(span)
    }

    fn variable(&mut self, name: &str, declaration: &Declaration, span: Span) -> Expr {
        if self.functions.is_inside
            && matches!(declaration.binding, Binding::Input(_) | Binding::Let(_))
        {
            let message = format!(
                "a function can't read the {} `{name}`",
                declaration.binding.noun()
            );
            let diagnostic = Diagnostic::error("rule.check.function-scope", span, message)
                .with_label(declaration.span, "declared here")
                .with_hint("functions read their own parameters and those of the rule set; give it the value as an argument");
            self.diagnostics.push(diagnostic);
            return Expr::error(span);
        }
        let kind = match declaration.binding {
            Binding::Input(index) => ExprKind::Input(index),
            Binding::Param(index) => ExprKind::Param(index),
            Binding::Let(index) => ExprKind::Let(index),
            Binding::Output(index) if self.outputs_from.is_some() => {
                ExprKind::Input(self.outputs_from.unwrap_or_default() + index)
            }
            Binding::Output(_) => {
                let message = format!("`{name}` is an output and can't be read");
                let diagnostic = Diagnostic::error("rule.check.output-read", span, message)
                    .with_label(declaration.span, "declared here")
                    .with_hint("rules read inputs, parameters and `let`s; give what both need a name with `let`");
                self.diagnostics.push(diagnostic);
                return Expr::error(span);
            }
        };
        Expr::new(kind, declaration.ty.clone(), span)
    }

    fn report_unknown_name(&mut self, name: &ast::Name) {
        let mut diagnostic = Diagnostic::error(
            "rule.check.unknown-name",
            name.span,
            format!("unknown name `{}`", name.text),
        );
        let readable = self.scope.names().filter(|(_, each)| {
            self.outputs_from.is_some() || !matches!(each.binding, Binding::Output(_))
        });
        let known = readable
            .map(|(name, _)| name)
            .chain(self.scope.local_names())
            .chain(["true", "false", "null"]);
        if let Some(meant) = nearest(&name.text, known) {
            diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
        } else if matches!(name.text.as_str(), "None" | "nil" | "NULL" | "undefined") {
            diagnostic = diagnostic.with_hint("did you mean `null`?");
        }
        self.diagnostics.push(diagnostic);
    }

    fn check_select(
        &mut self,
        expr: &ast::Expr,
        operand: &ast::Expr,
        field: &ast::Name,
        optional: bool,
    ) -> Expr {
        let span = expr.span;
        if let Some((name, absolute)) = qualified_name(expr) {
            let root = name.split('.').next().unwrap_or_default();
            if self.scope.local(root).is_none() || absolute {
                if let Some(declaration) = self.scope.look_up(&name, absolute) {
                    return self.variable(&name, &declaration, span);
                }
                if let Some(value) = type_value(&name, span) {
                    return value;
                }
            }
        }
        let operand = self.check_expr(operand);
        self.note_receiver(field, &operand.ty);
        let ty = self.unifier.resolve(&operand.ty);
        let field_ty = match self.field_type(&ty, &field.text) {
            Some(field_ty) => field_ty,
            None => {
                if let Some(fields) = struct_fields(&ty) {
                    self.report_no_such_field(&field.text, field.span, fields);
                    return Expr::error(span);
                }
                let message = format!("`{ty}` has no fields, so no `{}`", field.text);
                self.diagnostics.push(Diagnostic::error(
                    "rule.check.no-field",
                    field.span,
                    message,
                ));
                return Expr::error(span);
            }
        };
        if operand.is_error() {
            return Expr::error(span);
        }
        let key = constant(Const::String(field.text.clone()), Type::String, field.span);
        self.element(operand, key, field_ty, optional, span)
    }

    /// `container[index]` or `container[?index]`; into an optional container always the latter.
    fn element(
        &mut self,
        container: Expr,
        index: Expr,
        ty: Type,
        optional: bool,
        span: Span,
    ) -> Expr {
        let container_ty = without_null(&self.unifier.resolve(&container.ty));
        let container = self.coerce(container, &container_ty);
        let (container, index) = (Box::new(container), Box::new(index));
        if optional || matches!(container_ty, Type::Optional(_)) {
            let kind = ExprKind::IndexOptionally(container, index);
            return Expr::new(kind, optional_of(ty), span);
        }
        Expr::new(ExprKind::Index(container, index), ty, span)
    }

    fn field_type(&mut self, ty: &Type, name: &str) -> Option<Type> {
        match ty {
            Type::Error | Type::Dyn => Some(ty.clone()),
            Type::Var(_) => Some(Type::Dyn),
            Type::Map(key, value) => self
                .unifier
                .assign(&Type::String, key)
                .then(|| (**value).clone()),
            Type::Struct(fields) => fields
                .iter()
                .find(|(each, _)| each == name)
                .map(|(_, ty)| ty.clone()),
            Type::Optional(inner) | Type::Nullable(inner) => self.field_type(inner, name),
            _ => None,
        }
    }

    pub(super) fn report_no_such_field(
        &mut self,
        name: &str,
        span: Span,
        fields: &[(String, Type)],
    ) {
        let message = format!("unknown field `{name}`");
        let mut diagnostic = Diagnostic::error("rule.check.unknown-field", span, message);
        let known = || fields.iter().map(|(name, _)| name.as_str());
        diagnostic = match nearest(name, known()) {
            Some(meant) => diagnostic.with_hint(format!("did you mean `{meant}`?")),
            None => {
                let names: Vec<String> = known().take(12).map(|name| format!("`{name}`")).collect();
                diagnostic.with_hint(format!("the fields are {}", names.join(", ")))
            }
        };
        self.diagnostics.push(diagnostic);
    }

    fn check_index(
        &mut self,
        operand: &ast::Expr,
        index: &ast::Expr,
        optional: bool,
        span: Span,
    ) -> Expr {
        let operand = self.check_expr(operand);
        let index = self.check_expr(index);
        let mut ty = without_null(&self.unifier.resolve(&operand.ty));
        if let Type::Optional(inner) = ty {
            ty = *inner;
        }
        let (index_ty, value_ty) = match &ty {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Error | Type::Dyn | Type::Var(_) => (Type::Dyn, Type::Dyn),
            _ => {
                let message = format!("`{ty}` has no elements");
                let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message);
                if matches!(ty, Type::Struct(_)) {
                    diagnostic =
                        diagnostic.with_hint("the fields of a struct are read `value.name`");
                }
                self.diagnostics.push(diagnostic);
                return Expr::error(span);
            }
        };
        let found = self.unifier.resolve(&index.ty);
        // The keys of maps compare across number types.
        let fits = self.unifier.assign(&found, &index_ty)
            || (is_numeric(&without_null(&found))
                && is_numeric(&index_ty)
                && matches!(ty, Type::Map(..)));
        if !fits {
            let message = format!("the index of `{ty}` must be `{index_ty}`, not `{found}`");
            self.diagnostics.push(Diagnostic::error(
                "rule.check.no-overload",
                index.span,
                message,
            ));
            return Expr::error(span);
        }
        if operand.is_error() || index.is_error() {
            return Expr::error(span);
        }
        let index_ty = without_null(&found);
        let index = self.coerce(index, &index_ty);
        self.element(operand, index, value_ty, optional, span)
    }

    // -------------------------------------------------------------- aggregates

    fn check_list(&mut self, elements: &[ast::Element], span: Span) -> Expr {
        let mut element_ty = self.unifier.fresh();
        let mut checked = Vec::with_capacity(elements.len());
        for element in elements {
            let mut value = self.check_expr(&element.value);
            if element.optional {
                value = self.optional_element(value);
            }
            let ty = self.unifier.resolve(&value.ty);
            element_ty = self.unifier.join(&element_ty, &ty).unwrap_or(Type::Dyn);
            checked.push(value);
        }
        let ty = Type::List(Box::new(element_ty));
        let is_error = checked.iter().any(Expr::is_error);
        let kind = if is_error {
            ExprKind::Error
        } else {
            ExprKind::List(checked)
        };
        Expr::new(kind, ty, span)
    }

    /// `?value`, of the type that the value has where it has one.
    fn optional_element(&mut self, value: Expr) -> Expr {
        let span = value.span;
        let ty = self.unifier.resolve(&value.ty);
        let ty = match ty {
            Type::Optional(inner) => *inner,
            Type::Error => return Expr::error(span),
            Type::Dyn | Type::Var(_) => Type::Dyn,
            _ => {
                let message = format!("a value after `?` must be optional, not `{ty}`");
                self.diagnostics
                    .push(Diagnostic::error("rule.check.type-mismatch", span, message));
                return Expr::error(span);
            }
        };
        let optional = self.coerce(value, &Type::Optional(Box::new(ty.clone())));
        Expr::new(ExprKind::IfPresent(Box::new(optional)), ty, span)
    }

    fn check_map(&mut self, entries: &[ast::Entry], span: Span) -> Expr {
        let mut key_ty = self.unifier.fresh();
        let mut value_ty = self.unifier.fresh();
        let mut checked = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.check_expr(&entry.key);
            let ty = without_null(&self.unifier.resolve(&key.ty));
            let key = self.coerce(key, &ty);
            if !matches!(
                ty,
                Type::Bool
                    | Type::Int
                    | Type::Uint
                    | Type::String
                    | Type::Dyn
                    | Type::Error
                    | Type::Var(_)
            ) {
                let message =
                    format!("a key must be `bool`, `int`, `uint` or `string`, not `{ty}`");
                self.diagnostics
                    .push(Diagnostic::error("rule.check.map-key", key.span, message));
            }
            key_ty = self.unifier.join(&key_ty, &ty).unwrap_or(Type::Dyn);
            let mut value = self.check_expr(&entry.value);
            if entry.optional {
                value = self.optional_element(value);
            }
            let ty = self.unifier.resolve(&value.ty);
            value_ty = self.unifier.join(&value_ty, &ty).unwrap_or(Type::Dyn);
            checked.push((key, value));
        }
        let ty = Type::Map(Box::new(key_ty), Box::new(value_ty));
        let is_error = |(key, value): &(Expr, Expr)| key.is_error() || value.is_error();
        let kind = if checked.iter().any(is_error) {
            ExprKind::Error
        } else {
            ExprKind::Map(checked)
        };
        Expr::new(kind, ty, span)
    }
}

/// The fields of a struct, also where it is nullable or optional.
fn struct_fields(ty: &Type) -> Option<&[(String, Type)]> {
    match ty {
        Type::Struct(fields) => Some(fields),
        Type::Nullable(inner) | Type::Optional(inner) => struct_fields(inner),
        _ => None,
    }
}

fn constant(value: Const, ty: Type, span: Span) -> Expr {
    Expr::new(ExprKind::Const(value), ty, span)
}

/// A type as a value.
fn type_value(name: &str, span: Span) -> Option<Expr> {
    let name = without_null(&super::type_named(name)?).runtime_name()?;
    Some(constant(Const::Type(name.to_owned()), Type::Type, span))
}

fn optional_of(ty: Type) -> Type {
    match ty {
        already @ Type::Optional(_) => already,
        other => Type::Optional(Box::new(other)),
    }
}

/// Whether `to(x)` takes a `from`.
pub(super) fn has_conversion(from: &Type, to: &Type) -> bool {
    match to {
        Type::Int => matches!(
            from,
            Type::Uint | Type::Double | Type::Decimal | Type::String
        ),
        Type::Uint => matches!(
            from,
            Type::Int | Type::Double | Type::Decimal | Type::String
        ),
        Type::Double => matches!(from, Type::Int | Type::Uint | Type::Decimal | Type::String),
        Type::Decimal => matches!(from, Type::Int | Type::Uint | Type::Double | Type::String),
        Type::String => from.is_ordered() && *from != Type::String,
        Type::Timestamp | Type::Duration => matches!(from, Type::String),
        _ => false,
    }
}

/// `a.b.c` and whether it has a leading dot; `None` for anything but names and plain selections.
pub(crate) fn qualified_name(expr: &ast::Expr) -> Option<(String, bool)> {
    let mut parts = Vec::new();
    let mut expr = expr;
    loop {
        match &expr.kind {
            ast::ExprKind::Identifier { name, absolute } => {
                parts.push(name.text.as_str());
                parts.reverse();
                return Some((parts.join("."), *absolute));
            }
            ast::ExprKind::Select {
                operand,
                field,
                optional: false,
            } => {
                parts.push(field.text.as_str());
                expr = operand;
            }
            _ => return None,
        }
    }
}
