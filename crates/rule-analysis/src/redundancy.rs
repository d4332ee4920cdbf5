//! Parts of conditions that change nothing, and choices that are no choices.

use crate::formula::{Abstraction, Formula};
use crate::operand::Assignment;
use crate::samples::Samples;
use crate::search::{Found, Search};
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_rule_compiler::ir::{Expr, ExprKind, RuleSet};
use std::collections::BTreeSet;

/// A condition with the places of its parts.
struct Tree {
    kind: Kind,
    span: Span,
    number: usize,
}

enum Kind {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Leaf(Formula),
}

/// Parts of conditions that change nothing and conditions of `if` that are always the same, in rules and lets.
///
/// `n_tries` combinations of values are tried in all.
pub(crate) fn of_parts(ruleset: &RuleSet, source: &str, n_tries: usize) -> Vec<Diagnostic> {
    let mut parts = Parts {
        ruleset,
        source,
        tries_left: n_tries,
        found: Vec::new(),
    };
    let conditions = ruleset.rules.iter().map(|rule| &rule.condition);
    let lets = ruleset.lets.iter().map(|each| &each.value);
    for expr in conditions.chain(lets) {
        parts.of_condition(expr);
    }
    let contributions = ruleset
        .rules
        .iter()
        .flat_map(|rule| rule.then.iter().chain(&rule.otherwise));
    let lets = ruleset.lets.iter().map(|each| &each.value);
    for expr in contributions.map(|each| &each.value).chain(lets) {
        parts.of_choices(expr);
    }
    parts.found
}

/// Looks at one condition after the other.
struct Parts<'a> {
    ruleset: &'a RuleSet,
    source: &'a str,
    tries_left: usize,
    found: Vec<Diagnostic>,
}

impl Parts<'_> {
    /// Greedily, from the last part to the first: what is said of several parts is true of all of them together.
    fn of_condition(&mut self, expr: &Expr) {
        if !matches!(expr.kind, ExprKind::And(..) | ExprKind::Or(..)) {
            return;
        }
        let mut abstraction = Abstraction::new(self.ruleset, self.source);
        let mut n_parts = 0;
        let tree = Tree::new(&mut abstraction, expr, &mut n_parts);
        let whole = abstraction.formula(expr);
        let conditions = abstraction.finish(vec![whole]);
        let samples = Samples::of(&conditions);
        let mut search = Search::new(&conditions, &samples, self.tries_left);
        let variables = conditions.uses[0].clone();
        // A condition that is always the same is reported as a whole.
        for constant in [true, false] {
            let differs = search.find(&variables, |conditions, values| {
                (conditions.formulas[0].evaluate(values) == Ok(true)) != constant
            });
            self.tries_left = search.tries_left;
            if !matches!(differs, Found::Yes(_)) {
                return;
            }
        }
        let mut removed = BTreeSet::new();
        let mut parts = Vec::new();
        tree.parts(&mut parts);
        let mut gone: Vec<Span> = Vec::new();
        // What mattered beside a part that is gone may not matter now: until each part that is left does.
        loop {
            let n_removed = removed.len();
            for (number, span) in &parts {
                // Of what is named as a whole, the parts are not.
                let is_inside = |each: &Span| each.start <= span.start && span.end <= each.end;
                if gone.iter().any(is_inside) {
                    continue;
                }
                let mut without = removed.clone();
                without.insert(*number);
                if tree.is_gone(&without) {
                    continue;
                }
                let differs = search.find(&variables, |conditions, values| {
                    tree.evaluate(values, &without) != Some(conditions.formulas[0].evaluate(values))
                });
                if differs == Found::No {
                    removed = without;
                    gone.retain(|each| !(span.start <= each.start && each.end <= span.end));
                    gone.push(*span);
                }
            }
            if removed.len() == n_removed {
                break;
            }
        }
        for span in gone {
            let text = span.text(self.source);
            let what = if text.len() > 60 || text.contains('\n') {
                "this part".to_owned()
            } else {
                format!("`{text}`")
            };
            let message = format!("{what} changes nothing: the condition is the same without it");
            let diagnostic =
                Diagnostic::warning("rule.analysis.redundant-condition", span, message)
                    .with_hint("take it out");
            self.found
                .push(with_params(self.ruleset, &conditions.params[0], diagnostic));
        }
        self.tries_left = search.tries_left;
    }

    /// Choices whose condition is always the same. Inside of macros and functions, names mean something else each time.
    fn of_choices(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Fold(_)
            | ExprKind::Bind(..)
            | ExprKind::MapOptional(..)
            | ExprKind::Dispatch(_) => return,
            ExprKind::Conditional(condition, ..) => {
                let mut abstraction = Abstraction::new(self.ruleset, self.source);
                let formula = abstraction.formula(condition);
                let conditions = abstraction.finish(vec![formula]);
                let samples = Samples::of(&conditions);
                let mut search = Search::new(&conditions, &samples, self.tries_left);
                for constant in [true, false] {
                    let differs = search.find(&conditions.uses[0], |conditions, values| {
                        conditions.formulas[0].evaluate(values) != Ok(constant)
                    });
                    if differs == Found::No {
                        let message = format!("this condition is always {constant}");
                        let diagnostic = Diagnostic::warning(
                            "rule.analysis.constant-condition",
                            condition.span,
                            message,
                        )
                        .with_hint("only one side of the choice is ever taken");
                        self.found.push(with_params(
                            self.ruleset,
                            &conditions.params[0],
                            diagnostic,
                        ));
                    }
                }
                self.tries_left = search.tries_left;
            }
            _ => {}
        }
        for operand in expr.operands() {
            self.of_choices(operand);
        }
    }
}

impl Tree {
    fn new(abstraction: &mut Abstraction<'_>, expr: &Expr, n_parts: &mut usize) -> Self {
        let number = *n_parts;
        *n_parts += 1;
        let mut parts = Vec::new();
        let kind = match &expr.kind {
            ExprKind::And(..) => {
                flatten(expr, true, &mut parts);
                let parts = parts
                    .into_iter()
                    .map(|part| Self::new(abstraction, part, n_parts));
                Kind::All(parts.collect())
            }
            ExprKind::Or(..) => {
                flatten(expr, false, &mut parts);
                let parts = parts
                    .into_iter()
                    .map(|part| Self::new(abstraction, part, n_parts));
                Kind::Any(parts.collect())
            }
            _ => Kind::Leaf(abstraction.formula(expr)),
        };
        Self {
            kind,
            span: expr.span,
            number,
        }
    }

    /// All parts, the last one first, and larger ones before those that they are made of.
    fn parts(&self, parts: &mut Vec<(usize, Span)>) {
        if let Kind::All(inner) | Kind::Any(inner) = &self.kind {
            for part in inner.iter().rev() {
                parts.push((part.number, part.span));
                part.parts(parts);
            }
        }
    }

    /// Whether nothing is left of it.
    fn is_gone(&self, removed: &BTreeSet<usize>) -> bool {
        if removed.contains(&self.number) {
            return true;
        }
        match &self.kind {
            Kind::All(parts) | Kind::Any(parts) => {
                // A part of which nothing is left is to be named as a whole.
                parts.iter().all(|part| part.is_gone(removed))
            }
            Kind::Leaf(_) => false,
        }
    }

    /// Its value without some parts; `None` where nothing is left.
    fn evaluate(
        &self,
        values: &Assignment,
        removed: &BTreeSet<usize>,
    ) -> Option<Result<bool, crate::operand::Failed>> {
        if removed.contains(&self.number) {
            return None;
        }
        let (parts, decides) = match &self.kind {
            Kind::Leaf(formula) => return Some(formula.evaluate(values)),
            Kind::All(parts) => (parts, false),
            Kind::Any(parts) => (parts, true),
        };
        let mut result = None;
        for part in parts {
            match (part.evaluate(values, removed), result) {
                (None, _) => {}
                (Some(value), None) => result = Some(value),
                (Some(Ok(value)), Some(_)) if value == decides => result = Some(Ok(value)),
                (Some(value), Some(Ok(other))) if other != decides => result = Some(value),
                _ => {}
            }
        }
        result
    }
}

fn flatten<'e>(expr: &'e Expr, is_all: bool, parts: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::And(a, b) if is_all => {
            flatten(a, is_all, parts);
            flatten(b, is_all, parts);
        }
        ExprKind::Or(a, b) if !is_all => {
            flatten(a, is_all, parts);
            flatten(b, is_all, parts);
        }
        _ => parts.push(expr),
    }
}

/// What depends on the defaults of parameters is worth knowing, not wrong.
pub(crate) fn with_params(
    ruleset: &RuleSet,
    params: &BTreeSet<usize>,
    diagnostic: Diagnostic,
) -> Diagnostic {
    if params.is_empty() {
        return diagnostic;
    }
    let names: Vec<String> = params
        .iter()
        .map(|param| format!("`{}`", ruleset.params[*param].name))
        .collect();
    let hint = format!("so it is with the default of {}", names.join(", "));
    Diagnostic {
        severity: rulestage_diagnostics::Severity::Note,
        ..diagnostic.with_hint(hint)
    }
}
