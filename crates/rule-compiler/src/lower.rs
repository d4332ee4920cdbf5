//! The checked tree to the intermediate representation. What that can't say yet is reported, never approximated.

use crate::ast::LogicalOp;
use crate::check::{Unifier, is_numeric, is_scalar, without_null};
use crate::ir::{self, Const, Expr, ExprKind};
use crate::typed;
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

/// The rule set, complete where no error was reported.
pub(crate) fn lower(
    ruleset: &typed::RuleSet,
    unifier: &Unifier,
    diagnostics: &mut Vec<Diagnostic>,
) -> ir::RuleSet {
    let mut lowerer = Lowerer {
        lets: &ruleset.lets,
        let_index: Vec::new(),
        unifier,
        diagnostics,
    };
    let lets = lowerer.lower_lets();
    let mut rules: Vec<ir::Rule> = ruleset
        .rules
        .iter()
        .filter_map(|rule| lowerer.lower_rule(rule))
        .collect();
    // A stable sort: source order among equals
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    ir::RuleSet {
        name: ruleset.name.clone(),
        version: ruleset.version.clone(),
        doc: ruleset.doc.clone(),
        inputs: ruleset.inputs.clone(),
        params: ruleset.params.clone(),
        outputs: ruleset.outputs.clone(),
        lets,
        rules,
        examples: ruleset.examples.clone(),
    }
}

struct Lowerer<'a> {
    lets: &'a [typed::Let],
    /// By index of the checked `let`: its index in the rule set, or none where its uses are replaced by its value
    let_index: Vec<Option<usize>>,
    unifier: &'a Unifier,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Lowerer<'_> {
    fn report(&mut self, what: &str, span: Span) {
        let message = format!("{what} are not supported yet");
        let message = match what.strip_prefix("the ") {
            Some(_) => format!("{what} is not supported yet"),
            None => message,
        };
        let diagnostic = Diagnostic::error("rule.lower.not-supported-yet", span, message);
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn lower_lets(&mut self) -> Vec<ir::Let> {
        let mut lowered = Vec::new();
        for each in self.lets {
            // Lists and nulls have no place of their own: they are put in where they are used.
            let is_inlined =
                matches!(each.value.kind, typed::ExprKind::List(_)) || each.value.ty == Type::Null;
            let index = if is_inlined {
                if let typed::ExprKind::List(elements) = &each.value.kind {
                    elements
                        .iter()
                        .for_each(|element| drop(self.lower_scalar(element)));
                }
                None
            } else {
                self.lower_scalar(&each.value).map(|value| {
                    lowered.push(ir::Let {
                        name: each.name.clone(),
                        value,
                    });
                    lowered.len() - 1
                })
            };
            self.let_index.push(index);
        }
        lowered
    }

    fn lower_rule(&mut self, rule: &typed::Rule) -> Option<ir::Rule> {
        let condition = self.lower_scalar(&rule.condition);
        let then = self.lower_contributions(&rule.then);
        let otherwise = self.lower_contributions(&rule.otherwise);
        Some(ir::Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            doc: rule.doc.clone(),
            span: rule.span,
            condition: condition?,
            then: then?,
            otherwise: otherwise?,
        })
    }

    fn lower_contributions(
        &mut self,
        contributions: &[typed::Contribution],
    ) -> Option<Vec<ir::Contribution>> {
        let lowered: Vec<Option<ir::Contribution>> = contributions
            .iter()
            .map(|each| {
                let value = self.lower_contribution(&each.value)?;
                Some(ir::Contribution {
                    output: each.output,
                    value,
                    span: each.span,
                })
            })
            .collect();
        lowered.into_iter().collect()
    }

    fn lower_contribution(&mut self, value: &typed::Expr) -> Option<Expr> {
        let Some(elements) = list_elements(self.lets, value) else {
            return self.lower_scalar(value);
        };
        let ty = self.unifier.resolve(&value.ty);
        let elements: Vec<Option<Expr>> = elements
            .iter()
            .map(|element| self.lower_scalar(element))
            .collect();
        let elements: Vec<Expr> = elements.into_iter().collect::<Option<_>>()?;
        let element_ty = match ty {
            Type::List(element) => *element,
            other => other,
        };
        // The elements of a `let` still have the types they were written with.
        let elements = elements
            .into_iter()
            .map(|element| convert(element, &element_ty))
            .collect();
        Some(Expr {
            kind: ExprKind::List(elements),
            ty: Type::List(Box::new(element_ty)),
            span: value.span,
        })
    }

    fn lower_boxed(&mut self, expr: &typed::Expr) -> Option<Box<Expr>> {
        self.lower_scalar(expr).map(Box::new)
    }

    /// A value that is neither list nor map.
    fn lower_scalar(&mut self, expr: &typed::Expr) -> Option<Expr> {
        use typed::ExprKind as K;
        let ty = self.unifier.resolve(&expr.ty);
        let kind = match &expr.kind {
            K::Error => return None,
            K::Later { what } => {
                self.report(what, expr.span);
                return None;
            }
            K::List(_) => {
                self.report("lists outside `in` and assignments", expr.span);
                return None;
            }
            K::Const(value) => ExprKind::Const(value.clone()),
            K::Input(_) | K::Param(_) if !is_scalar(&without_null(&ty)) => {
                self.report(&format!("values of type `{ty}`"), expr.span);
                return None;
            }
            K::Input(index) => ExprKind::Input(*index),
            K::Param(index) => ExprKind::Param(*index),
            K::Let(index) => match self.let_index.get(*index).copied().flatten() {
                Some(index) => ExprKind::Let(index),
                None => {
                    let value = &self.lets[*index].value;
                    if value.ty != Type::Null {
                        // Its definition was reported, or it is a list
                        if matches!(value.kind, K::List(_)) {
                            self.report("lists outside `in` and assignments", expr.span);
                        }
                        return None;
                    }
                    ExprKind::Const(Const::Null)
                }
            },
            K::Not(operand) => ExprKind::Not(self.lower_boxed(operand)?),
            K::Negate(operand) => ExprKind::Negate(self.lower_boxed(operand)?),
            K::Arithmetic(op, left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Arithmetic(*op, left, right)
            }
            K::Concat(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Concat(left, right)
            }
            K::Compare(op, left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Compare(*op, left, right)
            }
            K::Logical(op, operands) => {
                let lowered: Vec<Option<Expr>> = operands
                    .iter()
                    .map(|each| self.lower_scalar(each))
                    .collect();
                let mut lowered: Vec<Expr> = lowered.into_iter().collect::<Option<_>>()?;
                return balance(*op, &mut lowered);
            }
            K::Conditional(condition, then, otherwise) => {
                let condition = self.lower_boxed(condition);
                let (then, otherwise) = self.lower_pair(then, otherwise)?;
                ExprKind::Conditional(condition?, then, otherwise)
            }
            K::Coalesce(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Coalesce(left, right)
            }
            K::In(item, list) => return self.lower_in(item, list, expr.span),
            K::Call(function, args) => {
                let args: Vec<Option<Expr>> =
                    args.iter().map(|arg| self.lower_scalar(arg)).collect();
                ExprKind::Call(*function, args.into_iter().collect::<Option<_>>()?)
            }
            K::Unwrap(operand) => ExprKind::Unwrap(self.lower_boxed(operand)?),
            K::Wrap(operand) => ExprKind::Wrap(self.lower_boxed(operand)?),
        };
        let is_null = ty == Type::Null && matches!(kind, ExprKind::Const(_));
        if !is_null && !is_scalar(&without_null(&ty)) {
            self.report(&format!("values of type `{ty}`"), expr.span);
            return None;
        }
        Some(Expr {
            kind,
            ty,
            span: expr.span,
        })
    }

    /// Both, even when the first fails: each has its own errors.
    fn lower_pair(
        &mut self,
        left: &typed::Expr,
        right: &typed::Expr,
    ) -> Option<(Box<Expr>, Box<Expr>)> {
        let (left, right) = (self.lower_boxed(left), self.lower_boxed(right));
        Some((left?, right?))
    }

    fn lower_in(&mut self, item: &typed::Expr, list: &typed::Expr, span: Span) -> Option<Expr> {
        let item = self.lower_scalar(item);
        let lets = self.lets;
        let Some(elements) = list_elements(lets, list) else {
            match &list.kind {
                typed::ExprKind::Later { what } => self.report(what, list.span),
                typed::ExprKind::Error => {}
                _ => self.report("lists that are not written out", list.span),
            }
            return None;
        };
        let elements: Vec<Option<Expr>> = elements
            .iter()
            .map(|element| self.lower_scalar(element))
            .collect();
        let elements: Vec<Expr> = elements.into_iter().collect::<Option<_>>()?;
        let item = item?;
        let plain = without_null(&item.ty);
        let differs = |element: &&Expr| {
            let other = without_null(&element.ty);
            let is_null = plain == Type::Null || other == Type::Null;
            !(plain == other || is_null || is_numeric(&plain) && is_numeric(&other))
        };
        if let Some(element) = elements.iter().find(differs) {
            self.report("lists of mixed types", element.span);
            return None;
        }
        Some(Expr {
            kind: ExprKind::In(Box::new(item), elements),
            ty: Type::Bool,
            span,
        })
    }
}

/// The elements of a list that is written out, here or as the definition of a `let`.
fn list_elements<'a>(lets: &'a [typed::Let], expr: &'a typed::Expr) -> Option<&'a [typed::Expr]> {
    let literal = match &expr.kind {
        typed::ExprKind::Let(index) => &lets[*index].value,
        _ => expr,
    };
    match &literal.kind {
        typed::ExprKind::List(elements) => Some(elements),
        _ => None,
    }
}

/// `expr` as a `to`, for elements that were typed without knowing where they would go.
fn convert(expr: Expr, to: &Type) -> Expr {
    let span = expr.span;
    match (&expr.ty, to) {
        (Type::Nullable(inner), to) if **inner == *to => Expr {
            kind: ExprKind::Unwrap(Box::new(expr)),
            ty: to.clone(),
            span,
        },
        _ => expr,
    }
}

/// `a && b && c …` as a tree of logarithmic depth: both operators are associative, errors included.
fn balance(op: LogicalOp, operands: &mut Vec<Expr>) -> Option<Expr> {
    if operands.len() <= 1 {
        return operands.pop();
    }
    let mut right = operands.split_off(operands.len() / 2);
    let left = Box::new(balance(op, operands)?);
    let right = Box::new(balance(op, &mut right)?);
    let span = left.span.to(right.span);
    let kind = match op {
        LogicalOp::And => ExprKind::And(left, right),
        LogicalOp::Or => ExprKind::Or(left, right),
    };
    Some(Expr {
        kind,
        ty: Type::Bool,
        span,
    })
}
