//! Functions of the rule set. A call is its body, with the arguments bound to variables of its own.

use super::Checker;
use crate::ast::{self, ItemKind, MAX_DEPTH};
use crate::overloads::overloads;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::collections::BTreeMap;

/// How many operations all calls together may come to.
const MAX_SIZE: usize = 100_000;

/// The functions of a rule set, and how much their calls have come to.
#[derive(Default)]
pub(super) struct Functions {
    by_name: BTreeMap<String, Function>,
    /// Operations of all bodies put in place of calls so far
    size: usize,
    /// Levels of the bodies being checked
    depth: usize,
    is_too_large: bool,
    /// Whether a body is being checked: what it may read
    pub(super) is_inside: bool,
}

struct Function {
    declaration: ast::Function,
    n_operations: usize,
    /// Wrong or recursive, which was reported
    is_broken: bool,
    is_used: bool,
}

impl Functions {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Functions that nothing calls.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&str, Span)> {
        let unused = self.by_name.iter().filter(|(_, each)| !each.is_used);
        unused.map(|(name, each)| (name.as_str(), each.declaration.name.span))
    }
}

impl Checker<'_> {
    /// Declares the functions and checks each for itself.
    pub(super) fn check_functions(&mut self, ruleset: &ast::RuleSet) {
        let mut declared: Vec<&ast::Function> = Vec::new();
        for item in &ruleset.items {
            let ItemKind::Function(function) = &item.kind else {
                continue;
            };
            let name = &function.name;
            let taken = declared.iter().find(|each| each.name.text == name.text);
            let is_known = overloads(&name.text).next().is_some() || name.text == "has";
            if is_known {
                let message = format!("`{}` is a function of CEL", name.text);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_hint("give it another name");
                self.diagnostics.push(diagnostic);
            } else if let Some(first) = taken {
                let message = format!("a second function `{}`", name.text);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_label(first.name.span, "the first one");
                self.diagnostics.push(diagnostic);
            } else {
                self.check_parameters(function);
                declared.push(function);
            }
        }
        let order = self.order_functions(&declared);
        for (index, is_cyclic) in order {
            let function = declared[index];
            let n_before = self.diagnostics.len();
            // Known before its body, which may name it; broken until it is found not to be.
            let known = Function {
                declaration: function.clone(),
                n_operations: count(&function.body),
                is_broken: true,
                is_used: false,
            };
            self.functions
                .by_name
                .insert(function.name.text.clone(), known);
            if is_cyclic {
                continue;
            }
            let params: Vec<u32> = function.params.iter().map(|_| self.new_local()).collect();
            let scope = function.name.span.to(function.body.span);
            for (name, ty) in &function.params {
                self.note_local(&name.text, name.span, &ty.ty, scope);
            }
            let body = self.check_body(function, &params);
            let is_broken = body.is_error() || self.diagnostics.len() > n_before;
            if let Some(known) = self.functions.by_name.get_mut(&function.name.text) {
                known.is_broken = is_broken;
            }
        }
        for each in self.functions.by_name.values_mut() {
            each.is_used = false;
        }
        self.mark_used_functions(ruleset);
        (self.functions.size, self.functions.is_too_large) = (0, false);
    }

    fn mark_used_functions(&mut self, ruleset: &ast::RuleSet) {
        let mut used = Vec::new();
        for item in &ruleset.items {
            if let ItemKind::Function(function) = &item.kind {
                collect_calls(&function.body, &mut used);
            }
        }
        for name in used {
            if let Some(known) = self.functions.by_name.get_mut(name) {
                known.is_used = true;
            }
        }
    }

    fn check_parameters(&mut self, function: &ast::Function) {
        for (index, (name, _)) in function.params.iter().enumerate() {
            let first = function.params[..index]
                .iter()
                .find(|(each, _)| each.text == name.text);
            if let Some((first, _)) = first {
                let message = format!("a second parameter `{}`", name.text);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_label(first.span, "the first one");
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// Functions after those that they call, and whether they are part of a circle, which is reported.
    fn order_functions(&mut self, declared: &[&ast::Function]) -> Vec<(usize, bool)> {
        let bodies: Vec<(&ast::Name, &ast::Expr)> = declared
            .iter()
            .map(|each| (&each.name, &each.body))
            .collect();
        let uses: Vec<Vec<usize>> = declared
            .iter()
            .map(|each| {
                let mut names = Vec::new();
                collect_calls(&each.body, &mut names);
                let place = |name: &&str| bodies.iter().position(|(each, _)| each.text == **name);
                names.iter().filter_map(place).collect()
            })
            .collect();
        let n_before = self.diagnostics.len();
        let (order, is_cyclic) = self.sort_lets(&bodies, &uses);
        for diagnostic in &mut self.diagnostics[n_before..] {
            diagnostic.code = "rule.check.recursive-function";
            diagnostic
                .hints
                .push("functions can't call themselves, also not through others".to_owned());
        }
        order
            .into_iter()
            .map(|index| (index, is_cyclic[index]))
            .collect()
    }

    /// The body over its parameters alone: the variables around a call are not its own.
    fn check_body(&mut self, function: &ast::Function, params: &[u32]) -> Expr {
        let around = self.scope.take_locals();
        let was_inside = std::mem::replace(&mut self.functions.is_inside, true);
        for ((name, ty), number) in function.params.iter().zip(params) {
            self.scope.push_local(&name.text, ty.ty.clone(), *number);
        }
        let what = format!("the result of `{}`", function.name.text);
        let body = self.check_expr_as(&function.body, &function.result.ty, &what);
        self.functions.is_inside = was_inside;
        self.scope.put_locals(around);
        body
    }

    /// A call of a function of the rule set, if it is one.
    pub(super) fn check_own_call(
        &mut self,
        name: &ast::Name,
        args: &[Expr],
        span: Span,
    ) -> Option<Expr> {
        let known = self.functions.by_name.get_mut(&name.text)?;
        known.is_used = true;
        let (function, n_operations, is_broken) = (
            known.declaration.clone(),
            known.n_operations,
            known.is_broken,
        );
        self.note_use(name.span, function.name.span);
        let types: Vec<Type> = function
            .params
            .iter()
            .map(|(_, ty)| ty.ty.clone())
            .collect();
        let fit = args.len() == types.len()
            && args
                .iter()
                .zip(&types)
                .all(|(arg, ty)| self.unifier.assign(&arg.ty, ty));
        if !fit {
            self.report_own_call(&function, args, span);
            return Some(Expr::error(span));
        }
        if is_broken || args.iter().any(Expr::is_error) {
            return Some(Expr::new(ExprKind::Error, Type::Error, span));
        }
        self.functions.size += n_operations;
        self.functions.depth += usize::from(function.body.depth);
        let is_too_large =
            self.functions.size > MAX_SIZE || self.functions.depth > usize::from(MAX_DEPTH);
        let call = if is_too_large {
            self.report_too_large(name);
            Expr::error(span)
        } else {
            let numbers: Vec<u32> = args.iter().map(|_| self.new_local()).collect();
            // What there is to say about the body was said where it is declared.
            let facts = self.facts.take();
            let body = self.check_body(&function, &numbers);
            self.facts = facts;
            let bound = numbers.into_iter().zip(args).zip(&types).rev();
            let call = bound.fold(body, |body, ((number, arg), ty)| {
                let arg = self.coerce(arg.clone(), ty);
                let ty = body.ty.clone();
                Expr::new(
                    ExprKind::Bind(number, Box::new(arg), Box::new(body)),
                    ty,
                    span,
                )
            });
            Expr { span, ..call }
        };
        self.functions.depth -= usize::from(function.body.depth);
        Some(call)
    }

    fn report_too_large(&mut self, name: &ast::Name) {
        if !self.functions.is_too_large {
            self.functions.is_too_large = true;
            let message = format!(
                "with this call of `{}`, functions nest too deeply or come to more than {MAX_SIZE} operations",
                name.text
            );
            let diagnostic = Diagnostic::error("rule.check.function-size", name.span, message)
                .with_hint("give results that are used more than once names with `let`");
            self.diagnostics.push(diagnostic);
        }
    }

    fn report_own_call(&mut self, function: &ast::Function, args: &[Expr], span: Span) {
        let name = &function.name.text;
        let types: Vec<String> = args
            .iter()
            .map(|arg| format!("`{}`", self.unifier.resolve(&arg.ty)))
            .collect();
        let message = if types.is_empty() {
            format!("`{name}` takes arguments")
        } else {
            format!("`{name}` can't take {}", types.join(", "))
        };
        let params: Vec<String> = function
            .params
            .iter()
            .map(|(name, ty)| format!("{}: {}", name.text, ty.ty))
            .collect();
        let diagnostic = Diagnostic::error("rule.check.no-overload", span, message)
            .with_label(function.name.span, "declared here")
            .with_hint(format!("it takes `{name}({})`", params.join(", ")));
        self.diagnostics.push(diagnostic);
    }
}

/// The functions that an expression calls by a plain name.
fn collect_calls<'a>(expr: &'a ast::Expr, names: &mut Vec<&'a str>) {
    if let ast::ExprKind::Call { function, .. } | ast::ExprKind::Pipe { function, .. } = &expr.kind
    {
        names.push(&function.text);
    }
    expr.kind
        .for_each_child(&mut |child| collect_calls(child, names));
}

fn count(expr: &ast::Expr) -> usize {
    let mut n = 1;
    expr.kind.for_each_child(&mut |child| n += count(child));
    n
}
