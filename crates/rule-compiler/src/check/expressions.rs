//! Types of expressions. One method per kind of expression; what is wrong is reported where it stands, and what
//! could not be typed gets `Type::Error`, which no later check complains about.

use super::Checker;
use super::unify::{is_numeric, is_scalar, without_null};
use crate::ast::{self, BinaryOp, LogicalOp, UnaryOp};
use crate::ir::{CompareOp, Const};
use crate::scope::{Binding, Declaration};
use crate::suggest::nearest;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

impl Checker<'_> {
    /// The checked form of an expression.
    pub(crate) fn check_expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Error => Expr::error(span),
            ast::ExprKind::Null => constant(Const::Null, Type::Null, span),
            ast::ExprKind::Bool(value) => constant(Const::Bool(*value), Type::Bool, span),
            ast::ExprKind::Int(value) => constant(Const::Int(*value), Type::Int, span),
            ast::ExprKind::Uint(value) => constant(Const::Uint(*value), Type::Uint, span),
            ast::ExprKind::Double(value) => constant(Const::Double(*value), Type::Double, span),
            ast::ExprKind::String(value) => constant(Const::String(value.clone()), Type::String, span),
            ast::ExprKind::Bytes(value) => constant(Const::Bytes(value.clone()), Type::Bytes, span),
            ast::ExprKind::Paren(inner) => self.check_expr(inner),
            ast::ExprKind::Identifier { name, absolute } => self.check_identifier(name, *absolute, span),
            ast::ExprKind::Select { operand, field, optional } => self.check_select(expr, operand, field, *optional),
            ast::ExprKind::Index { operand, index, optional } => self.check_index(operand, index, *optional, span),
            ast::ExprKind::Call { function, args, .. } => self.check_call(function, args, span),
            ast::ExprKind::Method { receiver, function, args } => self.check_method(receiver, function, args, span),
            ast::ExprKind::Pipe { value, function, args } => {
                self.check_pipe(value, function, args.as_deref().unwrap_or_default(), span)
            }
            ast::ExprKind::List(elements) => self.check_list(elements, span),
            ast::ExprKind::Map(entries) => self.check_map(entries, span),
            ast::ExprKind::Struct { name, fields, .. } => {
                for field in fields {
                    self.check_expr(&field.value);
                }
                let ty = super::type_named(&name.text).unwrap_or(Type::Dyn);
                Expr::later("messages", ty, span)
            }
            ast::ExprKind::Unary(op, operand) => self.check_unary(*op, operand, span),
            ast::ExprKind::Binary(op, left, right) => self.check_binary(*op, left, right, span),
            ast::ExprKind::Logical(op, operands) => self.check_logical(*op, operands, span),
            ast::ExprKind::Conditional(condition, then, otherwise) | ast::ExprKind::If(condition, then, otherwise) => {
                self.check_conditional(condition, then, otherwise, span)
            }
        }
    }

    /// The same, for a place where a `to` must stand; `what` names the place.
    pub(crate) fn check_expr_as(&mut self, expr: &ast::Expr, to: &Type, what: &str) -> Expr {
        let checked = self.check_expr(expr);
        if self.unifier.assign(&checked.ty, to) {
            return self.coerce(checked, to);
        }
        let found = self.unifier.resolve(&checked.ty);
        let diagnostic =
            Diagnostic::error("rule.check.type-mismatch", expr.span, format!("{what} must be `{to}`, not `{found}`"));
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
        let text = expr.span.text(self.source);
        let is_short = text.len() <= 40 && !text.contains('\n');
        let (from, to) = (without_null(from), without_null(to));
        let hint = match (&expr.without_parens().kind, &to) {
            (ast::ExprKind::Int(_), Type::Double) if is_short => Some(format!("write `{text}.0`")),
            (ast::ExprKind::Int(value), Type::Uint) if *value >= 0 && is_short => Some(format!("write `{text}u`")),
            _ if is_short && has_conversion(&from, &to) => Some(format!("convert it: `{to}({text})`")),
            _ => None,
        };
        if let Some(hint) = hint {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.diagnostics.push(diagnostic);
    }

    /// `expr` as a `to`, which it is known to fit: puts in the conversions between `T` and `T?`.
    pub(crate) fn coerce(&mut self, expr: Expr, to: &Type) -> Expr {
        let from = self.unifier.resolve(&expr.ty);
        let to = self.unifier.resolve(to);
        let span = expr.span;
        match (&from, &to) {
            (Type::Nullable(_), Type::Nullable(_)) => expr,
            (Type::Null, Type::Nullable(_)) => Expr::new(ExprKind::Wrap(Box::new(expr)), to, span),
            (Type::Nullable(inner), _) if **inner == to => Expr::new(ExprKind::Unwrap(Box::new(expr)), to, span),
            (_, Type::Nullable(inner)) if **inner == from => Expr::new(ExprKind::Wrap(Box::new(expr)), to, span),
            (Type::List(_), Type::List(element)) => match expr.kind {
                ExprKind::List(elements) => {
                    let elements = elements.into_iter().map(|each| self.coerce(each, element)).collect();
                    Expr::new(ExprKind::List(elements), to, span)
                }
                _ => expr,
            },
            _ => expr,
        }
    }

    // ------------------------------------------------------------------- names

    fn check_identifier(&mut self, name: &ast::Name, absolute: bool, span: Span) -> Expr {
        if !absolute && let Some(ty) = self.scope.local(&name.text) {
            return Expr::later("macros", ty.clone(), span);
        }
        if let Some(declaration) = self.scope.look_up(&name.text, absolute) {
            return self.variable(&name.text, &declaration, span);
        }
        if super::type_named(&name.text).is_some() {
            return Expr::later("types as values", Type::Type, span);
        }
        self.report_unknown_name(name);
        Expr::error(span)
    }

    fn variable(&mut self, name: &str, declaration: &Declaration, span: Span) -> Expr {
        let kind = match declaration.binding {
            Binding::Input(index) => ExprKind::Input(index),
            Binding::Param(index) => ExprKind::Param(index),
            Binding::Let(index) => ExprKind::Let(index),
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
        let mut diagnostic =
            Diagnostic::error("rule.check.unknown-name", name.span, format!("unknown name `{}`", name.text));
        let readable = self.scope.names().filter(|(_, each)| !matches!(each.binding, Binding::Output(_)));
        let known = readable.map(|(name, _)| name).chain(self.scope.local_names()).chain(["true", "false", "null"]);
        if let Some(meant) = nearest(&name.text, known) {
            diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
        } else if matches!(name.text.as_str(), "None" | "nil" | "NULL" | "undefined") {
            diagnostic = diagnostic.with_hint("did you mean `null`?");
        }
        self.diagnostics.push(diagnostic);
    }

    fn check_select(&mut self, expr: &ast::Expr, operand: &ast::Expr, field: &ast::Name, optional: bool) -> Expr {
        let span = expr.span;
        if let Some((name, absolute)) = qualified_name(expr) {
            let root = name.split('.').next().unwrap_or_default();
            if self.scope.local(root).is_none() || absolute {
                if let Some(declaration) = self.scope.look_up(&name, absolute) {
                    return self.variable(&name, &declaration, span);
                }
                if super::type_named(&name).is_some() {
                    return Expr::later("types as values", Type::Type, span);
                }
            }
        }
        let operand = self.check_expr(operand);
        let ty = self.unifier.resolve(&operand.ty);
        let field_ty = match self.field_type(&ty) {
            Some(field_ty) => field_ty,
            None => {
                let message = format!("`{ty}` has no fields, so no `{}`", field.text);
                self.diagnostics.push(Diagnostic::error("rule.check.no-field", field.span, message));
                return Expr::error(span);
            }
        };
        let is_optional = optional || matches!(ty, Type::Optional(_));
        let result = if is_optional { optional_of(field_ty) } else { field_ty };
        if operand.is_error() {
            return Expr::error(span);
        }
        Expr::later(if is_optional { "optional values" } else { "fields of maps and messages" }, result, span)
    }

    fn field_type(&mut self, ty: &Type) -> Option<Type> {
        match ty {
            Type::Error | Type::Dyn => Some(ty.clone()),
            Type::Var(_) => Some(Type::Dyn),
            Type::Map(key, value) => self.unifier.assign(&Type::String, key).then(|| (**value).clone()),
            Type::Optional(inner) | Type::Nullable(inner) => self.field_type(inner),
            _ => None,
        }
    }

    fn check_index(&mut self, operand: &ast::Expr, index: &ast::Expr, optional: bool, span: Span) -> Expr {
        let operand = self.check_expr(operand);
        let index = self.check_expr(index);
        let mut ty = self.unifier.resolve(&operand.ty);
        let mut is_optional = optional;
        if let Type::Optional(inner) = ty {
            is_optional = true;
            ty = *inner;
        }
        let (index_ty, value_ty) = match &ty {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Error | Type::Dyn | Type::Var(_) => (Type::Dyn, Type::Dyn),
            _ => {
                let message = format!("`{ty}` has no elements");
                self.diagnostics.push(Diagnostic::error("rule.check.no-overload", span, message));
                return Expr::error(span);
            }
        };
        let found = self.unifier.resolve(&index.ty);
        // Lists take any whole number as their index; so do maps, whose keys compare across number types.
        let fits = self.unifier.assign(&found, &index_ty) || (is_numeric(&found) && is_numeric(&index_ty) && index_ty != Type::Int);
        if !fits {
            let message = format!("the index of `{ty}` must be `{index_ty}`, not `{found}`");
            self.diagnostics.push(Diagnostic::error("rule.check.no-overload", index.span, message));
            return Expr::error(span);
        }
        if operand.is_error() {
            return Expr::error(span);
        }
        Expr::later("elements of lists and maps", if is_optional { optional_of(value_ty) } else { value_ty }, span)
    }

    // -------------------------------------------------------------- aggregates

    fn check_list(&mut self, elements: &[ast::Element], span: Span) -> Expr {
        let mut element_ty = self.unifier.fresh();
        let mut checked = Vec::with_capacity(elements.len());
        let mut has_optional = false;
        for element in elements {
            let value = self.check_expr(&element.value);
            let mut ty = self.unifier.resolve(&value.ty);
            if element.optional {
                has_optional = true;
                ty = self.optional_element(&ty, value.span);
            }
            element_ty = self.unifier.join(&element_ty, &ty).unwrap_or(Type::Dyn);
            checked.push(value);
        }
        let ty = Type::List(Box::new(element_ty));
        if has_optional {
            return Expr::later("optional elements", ty, span);
        }
        Expr::new(ExprKind::List(checked), ty, span)
    }

    fn optional_element(&mut self, ty: &Type, span: Span) -> Type {
        match ty {
            Type::Optional(inner) => (**inner).clone(),
            Type::Error | Type::Dyn | Type::Var(_) => Type::Dyn,
            _ => {
                let message = format!("a value after `?` must be optional, not `{ty}`");
                self.diagnostics.push(Diagnostic::error("rule.check.type-mismatch", span, message));
                Type::Error
            }
        }
    }

    fn check_map(&mut self, entries: &[ast::Entry], span: Span) -> Expr {
        let mut key_ty = self.unifier.fresh();
        let mut value_ty = self.unifier.fresh();
        for entry in entries {
            let key = self.check_expr(&entry.key);
            let ty = self.unifier.resolve(&key.ty);
            if !matches!(ty, Type::Bool | Type::Int | Type::Uint | Type::String | Type::Dyn | Type::Error | Type::Var(_)) {
                let message = format!("a key must be `bool`, `int`, `uint` or `string`, not `{ty}`");
                self.diagnostics.push(Diagnostic::error("rule.check.map-key", key.span, message));
            }
            key_ty = self.unifier.join(&key_ty, &ty).unwrap_or(Type::Dyn);
            let value = self.check_expr(&entry.value);
            let mut ty = self.unifier.resolve(&value.ty);
            if entry.optional {
                ty = self.optional_element(&ty, value.span);
            }
            value_ty = self.unifier.join(&value_ty, &ty).unwrap_or(Type::Dyn);
        }
        Expr::later("maps", Type::Map(Box::new(key_ty), Box::new(value_ty)), span)
    }

    // --------------------------------------------------------------- operators

    fn check_unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> Expr {
        match op {
            UnaryOp::Not => {
                let operand = self.check_expr_as(operand, &Type::Bool, "the operand of `!`");
                self.dyn_or(&[&operand], Type::Bool, span).unwrap_or_else(|| {
                    Expr::new(ExprKind::Not(Box::new(operand)), Type::Bool, span)
                })
            }
            UnaryOp::Negate => {
                let operand = self.check_expr(operand);
                self.resolve_operator("-", vec![operand], span)
            }
        }
    }

    /// Something with operands that are errors or of type `dyn` is an error, or something for later.
    pub(crate) fn dyn_or(&mut self, operands: &[&Expr], ty: Type, span: Span) -> Option<Expr> {
        if operands.iter().any(|operand| operand.is_error()) {
            return Some(Expr::new(ExprKind::Error, ty, span));
        }
        let is_unknown = |ty: &Type| matches!(without_null(ty), Type::Dyn | Type::Var(_));
        let unknown = operands.iter().find(|operand| is_unknown(&self.unifier.resolve(&operand.ty)))?;
        Some(match &unknown.kind {
            // One message, at the innermost place
            ExprKind::Later { .. } => Expr::new(unknown.kind.clone(), ty, unknown.span),
            _ => Expr::later("values of type `dyn`", ty, unknown.span),
        })
    }

    fn check_logical(&mut self, op: LogicalOp, operands: &[ast::Expr], span: Span) -> Expr {
        let what = format!("an operand of `{}`", op.symbol());
        let operands: Vec<Expr> = operands.iter().map(|each| self.check_expr_as(each, &Type::Bool, &what)).collect();
        let by_ref: Vec<&Expr> = operands.iter().collect();
        if let Some(unknown) = self.dyn_or(&by_ref, Type::Bool, span) {
            return unknown;
        }
        Expr::new(ExprKind::Logical(op, operands), Type::Bool, span)
    }

    fn check_conditional(&mut self, condition: &ast::Expr, then: &ast::Expr, otherwise: &ast::Expr, span: Span) -> Expr {
        let condition = self.check_expr_as(condition, &Type::Bool, "the condition");
        let then_checked = self.check_expr(then);
        let otherwise_checked = self.check_expr(otherwise);
        let Some(ty) = self.unifier.join(&then_checked.ty, &otherwise_checked.ty) else {
            let (a, b) = (self.unifier.resolve(&then_checked.ty), self.unifier.resolve(&otherwise_checked.ty));
            let message = format!("the values for both cases must have one type, not `{a}` and `{b}`");
            let diagnostic =
                Diagnostic::error("rule.check.branch-types", otherwise.span, message).with_label(then.span, format!("`{a}`"));
            match &then.without_parens().kind {
                ast::ExprKind::Int(_) => self.report_with_conversion_hint(diagnostic, then, &a, &b),
                _ => self.report_with_conversion_hint(diagnostic, otherwise, &b, &a),
            }
            return Expr::error(span);
        };
        if let Some(unknown) = self.dyn_or(&[&condition, &then_checked, &otherwise_checked], ty.clone(), span) {
            return unknown;
        }
        let then = Box::new(self.coerce(then_checked, &ty));
        let otherwise = Box::new(self.coerce(otherwise_checked, &ty));
        Expr::new(ExprKind::Conditional(Box::new(condition), then, otherwise), ty, span)
    }

    fn check_binary(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let compare = match op {
            BinaryOp::Coalesce => return self.check_coalesce(left, right, span),
            BinaryOp::In => return self.check_in(left, right, span),
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => {
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
            CompareOp::Equal | CompareOp::NotEqual => self.check_equality(compare, op, left, right, span),
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
            let message = format!("both sides of `??` must have one type, not `{value_ty}` and `{right_ty}`");
            let mut diagnostic = Diagnostic::error("rule.check.branch-types", right.span, message)
                .with_label(left.span, format!("`{left_ty}`"));
            if right_ty == Type::Bool {
                diagnostic = diagnostic.with_hint("comparisons bind more tightly than `??`: write `(a ?? b) > c`");
                self.diagnostics.push(diagnostic);
            } else {
                self.report_with_conversion_hint(diagnostic, right, &right_ty, &value_ty);
            }
            return Expr::error(span);
        };
        if let Type::Optional(_) = left_ty {
            return Expr::later("optional values", ty, left.span);
        }
        if let Some(unknown) = self.dyn_or(&[&left_checked, &right_checked], ty.clone(), span) {
            return unknown;
        }
        // The left side keeps its null, for null is what `??` asks about.
        let left = match (&left_ty, &ty) {
            (Type::Null, _) => {
                let nullable = self.unifier.resolve(&Type::Nullable(Box::new(ty.clone())));
                self.coerce(left_checked, &nullable)
            }
            (_, Type::Nullable(_)) => self.coerce(left_checked, &ty),
            _ => left_checked,
        };
        let right = self.coerce(right_checked, &ty);
        Expr::new(ExprKind::Coalesce(Box::new(left), Box::new(right)), ty, span)
    }

    fn check_in(&mut self, item: &ast::Expr, list: &ast::Expr, span: Span) -> Expr {
        let item = self.check_expr(item);
        let list_checked = self.check_expr(list);
        let item_ty = self.unifier.resolve(&item.ty);
        let element_ty = match self.unifier.resolve(&list_checked.ty) {
            Type::List(element) => *element,
            Type::Map(key, _) => *key,
            Type::Error | Type::Dyn | Type::Var(_) => Type::Dyn,
            other => {
                let message = format!("`in` looks into a list or a map, not into `{other}`");
                let mut diagnostic = Diagnostic::error("rule.check.no-overload", list.span, message);
                if other == Type::String {
                    diagnostic = diagnostic.with_hint("for a part of a text, write `text.contains(part)`");
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
        if let Some(unknown) = self.dyn_or(&[&item], Type::Bool, span) {
            return unknown;
        }
        if list_checked.is_error() {
            return Expr::new(ExprKind::Error, Type::Bool, span);
        }
        Expr::new(ExprKind::In(Box::new(item), Box::new(list_checked)), Type::Bool, span)
    }

    /// Whether `==` between the two types can ever hold.
    fn is_comparable(&mut self, a: &Type, b: &Type) -> bool {
        let (plain_a, plain_b) = (without_null(a), without_null(b));
        if is_numeric(&plain_a) && is_numeric(&plain_b) {
            return true;
        }
        let may_be_null = |ty: &Type| matches!(ty, Type::Timestamp | Type::Duration | Type::Nullable(_));
        match (a, b) {
            (Type::Null, other) | (other, Type::Null) if may_be_null(other) => true,
            _ => self.unifier.assign(a, b) || self.unifier.assign(b, a),
        }
    }

    fn check_equality(&mut self, compare: CompareOp, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let (left_ty, right_ty) = (self.unifier.resolve(&left.ty), self.unifier.resolve(&right.ty));
        if !self.is_comparable(&left_ty, &right_ty) {
            let message = format!("`{}` can't compare `{left_ty}` with `{right_ty}`", op.symbol());
            let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
                .with_label(left.span, format!("`{left_ty}`"))
                .with_label(right.span, format!("`{right_ty}`"));
            let not_null = match (&left_ty, &right_ty) {
                (Type::Null, other) if is_scalar(other) => Some((&right, other)),
                (other, Type::Null) if is_scalar(other) => Some((&left, other)),
                _ => None,
            };
            if let Some((operand, ty)) = not_null {
                diagnostic = match operand.kind {
                    ExprKind::Input(_) => diagnostic.with_hint(format!("an input that may be null is declared `{ty}?`")),
                    _ => diagnostic.with_hint(format!("a value of type `{ty}` is never null")),
                };
            } else if let Some(hint) = conversion_hint(&left_ty, &right_ty) {
                diagnostic = diagnostic.with_hint(hint);
            }
            self.diagnostics.push(diagnostic);
            return Expr::new(ExprKind::Error, Type::Bool, span);
        }
        if let Some(unknown) = self.dyn_or(&[&left, &right], Type::Bool, span) {
            return unknown;
        }
        Expr::new(ExprKind::Compare(compare, Box::new(left), Box::new(right)), Type::Bool, span)
    }

    fn check_order(&mut self, compare: CompareOp, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if let Some(unknown) = self.dyn_or(&[&left, &right], Type::Bool, span) {
            return unknown;
        }
        let left_ty = without_null(&self.unifier.resolve(&left.ty));
        let right_ty = without_null(&self.unifier.resolve(&right.ty));
        let is_ordered = is_scalar(&left_ty) && left_ty == right_ty || is_numeric(&left_ty) && is_numeric(&right_ty);
        if !is_ordered {
            let message = format!("`{}` can't compare `{left_ty}` with `{right_ty}`", op.symbol());
            let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
                .with_label(left.span, format!("`{left_ty}`"))
                .with_label(right.span, format!("`{right_ty}`"));
            diagnostic = match conversion_hint(&left_ty, &right_ty) {
                Some(hint) => diagnostic.with_hint(hint),
                None => diagnostic.with_hint(format!(
                    "`{}` compares two numbers of any type, or two values of one type among `bool`, `string`, `bytes`, `timestamp` and `duration`",
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

fn constant(value: Const, ty: Type, span: Span) -> Expr {
    Expr::new(ExprKind::Const(value), ty, span)
}

fn optional_of(ty: Type) -> Type {
    match ty {
        already @ Type::Optional(_) => already,
        other => Type::Optional(Box::new(other)),
    }
}

/// Whether `to(x)` takes a `from`.
fn has_conversion(from: &Type, to: &Type) -> bool {
    match to {
        Type::Int => matches!(from, Type::Uint | Type::Double | Type::String),
        Type::Uint => matches!(from, Type::Int | Type::Double | Type::String),
        Type::Double => matches!(from, Type::Int | Type::Uint | Type::String),
        Type::String => is_scalar(from) && *from != Type::String,
        Type::Timestamp | Type::Duration => matches!(from, Type::String),
        _ => false,
    }
}

/// Advice where a text meets a value of another type.
pub(crate) fn conversion_hint(left: &Type, right: &Type) -> Option<String> {
    let (left, right) = (without_null(left), without_null(right));
    match (&left, &right) {
        (Type::String, other) | (other, Type::String) if has_conversion(&Type::String, other) => {
            Some(format!("convert the text with `{other}(…)`, or the other side with `string(…)`"))
        }
        (a, b) if is_numeric(a) && is_numeric(b) => {
            let to = if *a == Type::Double || *b == Type::Double { "double" } else { "int" };
            Some(format!("numbers of different types don't mix here: convert one with `{to}(…)`"))
        }
        _ => None,
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
            ast::ExprKind::Select { operand, field, optional: false } => {
                parts.push(field.text.as_str());
                expr = operand;
            }
            _ => return None,
        }
    }
}
