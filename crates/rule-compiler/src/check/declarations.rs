//! Inputs, parameters, outputs and `let`s.

use super::{Checker, is_numeric};
use crate::ast::{self, ItemKind};
use crate::ir::{Const, Input, Merge, Output, Param};
use crate::parser::merge_name;
use crate::scope::{Binding, Declaration};
use crate::typed;
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::collections::BTreeMap;

/// A `let` and its place in the order of evaluation.
pub(super) struct OrderedLet<'a> {
    pub(super) name: &'a ast::Name,
    pub(super) value: &'a ast::Expr,
    /// Part of a cycle: has no value
    pub(super) is_cyclic: bool,
}

impl Checker<'_> {
    /// Declares inputs, parameters and outputs; `let`s follow in `check_lets`.
    pub(super) fn declare(&mut self, ruleset: &ast::RuleSet) -> typed::RuleSet {
        let mut checked = typed::RuleSet {
            name: ruleset.name.text.clone(),
            version: ruleset
                .version
                .as_ref()
                .map(|version| version.value.clone())
                .unwrap_or_default(),
            doc: ruleset.doc.clone(),
            inputs: Vec::new(),
            params: Vec::new(),
            outputs: Vec::new(),
            lets: Vec::new(),
            rules: Vec::new(),
            examples: Vec::new(),
            invariants: Vec::new(),
        };
        for item in &ruleset.items {
            match &item.kind {
                ItemKind::Input(fields) => {
                    for field in fields {
                        let binding = Binding::Input(checked.inputs.len());
                        self.declare_name(&field.name, binding, &field.ty.ty);
                        let (name, ty) = (field.name.text.clone(), field.ty.ty.clone());
                        checked.inputs.push(Input {
                            name,
                            ty,
                            doc: field.doc.clone(),
                        });
                    }
                }
                ItemKind::Param { name, ty, default } => {
                    self.require_type(ty, "parameters", Type::is_ordered);
                    let binding = Binding::Param(checked.params.len());
                    self.declare_name(name, binding, &ty.ty);
                    let value = self
                        .check_constant(default, &ty.ty, "the default")
                        .unwrap_or(Const::Null);
                    let (name, ty) = (name.text.clone(), ty.ty.clone());
                    checked.params.push(Param {
                        name,
                        ty,
                        default: value,
                        doc: item.doc.clone(),
                    });
                }
                ItemKind::Output(fields) => {
                    for field in fields {
                        let output = self.check_output(field);
                        let binding = Binding::Output(checked.outputs.len());
                        self.declare_name(&field.name, binding, &field.ty.ty);
                        checked.outputs.push(output);
                    }
                }
                ItemKind::Let { .. }
                | ItemKind::Rule(_)
                | ItemKind::Table(_)
                | ItemKind::Function(_)
                | ItemKind::Example(_)
                | ItemKind::Invariant(_) => {}
            }
        }
        checked
    }

    fn declare_name(&mut self, name: &ast::Name, binding: Binding, ty: &Type) {
        if name.text.is_empty() {
            return;
        }
        let declaration = Declaration {
            binding,
            ty: ty.clone(),
            span: name.span,
        };
        if let Some(first) = self.scope.declare(&name.text, declaration) {
            let message = format!("the name `{}` is taken", name.text);
            let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                .with_label(first.span, format!("by this {}", first.binding.noun()));
            self.diagnostics.push(diagnostic);
        }
    }

    fn require_type(
        &mut self,
        ty: &ast::TypeExpr,
        what: &str,
        is_supported: impl Fn(&Type) -> bool,
    ) {
        if ty.ty != Type::Error && !is_supported(&ty.ty) {
            let message = format!("{what} of type `{}` are not supported yet", ty.ty);
            self.diagnostics.push(Diagnostic::error(
                "rule.lower.not-supported-yet",
                ty.span,
                message,
            ));
        }
    }

    fn check_output(&mut self, field: &ast::OutputField) -> Output {
        let ty = &field.ty.ty;
        let merge = field.merge.map_or(Merge::First, |(merge, _)| merge);
        let is_list = matches!(ty, Type::List(_));
        let problem = match merge {
            Merge::First | Merge::Last => None,
            Merge::Sum if is_numeric(ty) || matches!(ty, Type::Duration | Type::Decimal) => None,
            Merge::Sum => Some(
                "adds values: the output must be `int`, `uint`, `double`, `decimal` or `duration`",
            ),
            Merge::Min | Merge::Max if ty.is_ordered() => None,
            Merge::Min | Merge::Max => {
                Some("compares values: the output can be neither a list nor nullable")
            }
            Merge::Collect | Merge::Unique if is_list => None,
            Merge::Collect | Merge::Unique => Some("gathers values: the output must be a list"),
        };
        if let (Some(problem), Some((_, span)), false) = (problem, field.merge, *ty == Type::Error)
        {
            let message = format!("`{}` {problem}, not `{ty}`", merge_name(merge));
            let mut diagnostic = Diagnostic::error("rule.check.merge", span, message);
            if matches!(merge, Merge::Collect | Merge::Unique) && ty.is_ordered() {
                diagnostic = diagnostic.with_hint(format!("declare it `list<{ty}>`"));
            }
            self.diagnostics.push(diagnostic);
        }
        let default = match (&field.default, ty) {
            (Some(default), _) => self.check_constant(default, ty, "the default"),
            (None, Type::Nullable(_) | Type::Dyn) => Some(Const::Null),
            (None, Type::List(_)) => Some(Const::List(Vec::new())),
            (None, Type::Error) => None,
            (None, _) => {
                let name = &field.name.text;
                let diagnostic = Diagnostic::error(
                    "rule.check.missing-default",
                    field.span,
                    format!("`{name}` needs a default"),
                )
                .with_hint(format!(
                    "the value where no rule assigns: `{name}: {ty} = …`, or make it `{ty}?`"
                ));
                self.diagnostics.push(diagnostic);
                None
            }
        };
        Output {
            name: field.name.text.clone(),
            ty: ty.clone(),
            default: default.unwrap_or(Const::Null),
            merge,
            doc: field.doc.clone(),
        }
    }

    // -------------------------------------------------------------------- lets

    /// The `let`s so that each follows the ones it uses; otherwise in source order. Reports cycles.
    pub(super) fn order_lets<'r>(&mut self, ruleset: &'r ast::RuleSet) -> Vec<OrderedLet<'r>> {
        let mut lets: Vec<(&ast::Name, &ast::Expr)> = Vec::new();
        for item in &ruleset.items {
            if let ItemKind::Let { name, value } = &item.kind {
                lets.push((name, value));
            }
        }
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, (name, _)) in lets.iter().enumerate() {
            by_name.entry(name.text.as_str()).or_insert(index);
        }
        let uses: Vec<Vec<usize>> = lets
            .iter()
            .map(|(_, value)| {
                let mut names = Vec::new();
                collect_names(value, &mut names);
                let mut used: Vec<usize> = names
                    .iter()
                    .filter_map(|name| by_name.get(name).copied())
                    .collect();
                used.dedup();
                used
            })
            .collect();
        let (order, cyclic) = self.sort_lets(&lets, &uses);
        order
            .into_iter()
            .map(|index| OrderedLet {
                name: lets[index].0,
                value: lets[index].1,
                is_cyclic: cyclic[index],
            })
            .collect()
    }

    /// Depth-first, without recursion: chains of `let`s may be long.
    pub(super) fn sort_lets(
        &mut self,
        lets: &[(&ast::Name, &ast::Expr)],
        uses: &[Vec<usize>],
    ) -> (Vec<usize>, Vec<bool>) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; lets.len()];
        let mut is_cyclic = vec![false; lets.len()];
        let mut order = Vec::with_capacity(lets.len());
        for start in 0..lets.len() {
            if states[start] != State::New {
                continue;
            }
            let mut path: Vec<(usize, usize)> = vec![(start, 0)];
            states[start] = State::Open;
            while let Some((index, next)) = path.last_mut() {
                let index = *index;
                let Some(used) = uses[index].get(*next).copied() else {
                    states[index] = State::Done;
                    order.push(index);
                    path.pop();
                    continue;
                };
                *next += 1;
                match states[used] {
                    State::Done => {}
                    State::New => {
                        states[used] = State::Open;
                        path.push((used, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|(each, _)| *each == used).unwrap_or(0);
                        let cycle: Vec<usize> =
                            path[from..].iter().map(|(each, _)| *each).collect();
                        for each in &cycle {
                            is_cyclic[*each] = true;
                        }
                        self.report_cycle(lets, &cycle);
                    }
                }
            }
        }
        (order, is_cyclic)
    }

    fn report_cycle(&mut self, lets: &[(&ast::Name, &ast::Expr)], cycle: &[usize]) {
        let first = lets[cycle[0]].0;
        let names: Vec<String> = cycle
            .iter()
            .chain(&cycle[..1])
            .map(|each| format!("`{}`", lets[*each].0.text))
            .collect();
        let message = match cycle {
            [_] => format!("`{}` is defined by itself", first.text),
            _ => format!(
                "these definitions go round in a circle: {}",
                names.join(" uses ")
            ),
        };
        let mut diagnostic = Diagnostic::error("rule.check.cyclic-let", first.span, message);
        for each in cycle.iter().skip(1).take(8) {
            diagnostic = diagnostic.with_label(lets[*each].0.span, "part of the circle");
        }
        self.diagnostics.push(diagnostic);
    }

    /// Declares and checks the `let`s in their order.
    pub(super) fn check_lets(&mut self, lets: &[OrderedLet<'_>]) -> Vec<typed::Let> {
        // All names first, so that duplicates are told from unknown names.
        for (index, each) in lets.iter().enumerate() {
            self.declare_name(each.name, Binding::Let(index), &Type::Error);
        }
        let mut checked = Vec::with_capacity(lets.len());
        for each in lets {
            let value = if each.is_cyclic {
                self.use_names(each.value)
            } else {
                self.check_expr(each.value)
            };
            let ty = self.unifier.resolve(&value.ty);
            let is_own = self
                .scope
                .get(&each.name.text)
                .is_some_and(|known| known.span == each.name.span);
            if is_own {
                self.scope.set_type(&each.name.text, ty);
            }
            checked.push(typed::Let {
                name: each.name.text.clone(),
                value,
            });
        }
        checked
    }

    /// The names in a definition that goes round in a circle count as used; what else is wrong follows from that.
    fn use_names(&mut self, expr: &ast::Expr) -> typed::Expr {
        let n_diagnostics = self.diagnostics.len();
        self.check_expr(expr);
        self.diagnostics.truncate(n_diagnostics);
        typed::Expr::error(expr.span)
    }

    /// Warns of what is declared and never used.
    pub(super) fn warn_unused(&mut self, ruleset: &ast::RuleSet, checked: &typed::RuleSet) {
        // An unused name is news only in a source that is otherwise whole.
        if self
            .diagnostics
            .iter()
            .any(|each| each.severity == rulestage_diagnostics::Severity::Error)
        {
            return;
        }
        let assigned = |index: usize| {
            let mut contributions = checked
                .rules
                .iter()
                .flat_map(|rule| rule.then.iter().chain(&rule.otherwise));
            let mut tables = checked.rules.iter().flat_map(|rule| &rule.table);
            contributions.any(|each| each.output == index)
                || tables.any(|table| table.outputs.iter().any(|each| each.output == index))
        };
        let mut warnings: Vec<(&'static str, Span, String)> = Vec::new();
        for (name, declaration) in self.scope.names() {
            match declaration.binding {
                Binding::Output(index) if !assigned(index) => {
                    warnings.push((
                        "rule.check.unassigned-output",
                        declaration.span,
                        format!("no rule assigns `{name}`"),
                    ));
                }
                Binding::Output(_) => {}
                _ if self.scope.is_used(name) => {}
                binding => {
                    let message = format!(
                        "the {} `{name}` is never used",
                        binding.noun().replace('`', "")
                    );
                    warnings.push(("rule.check.unused", declaration.span, message));
                }
            }
        }
        for (name, span) in self.functions.unused() {
            warnings.push((
                "rule.check.unused",
                span,
                format!("the function `{name}` is never used"),
            ));
        }
        for item in &ruleset.items {
            let ItemKind::Example(example) = &item.kind else {
                continue;
            };
            let has_expectation = example
                .parts
                .iter()
                .any(|part| part.kind == ast::ExamplePartKind::Expect && !part.entries.is_empty());
            if !has_expectation {
                let message = "this example expects nothing, so it can't fail".to_owned();
                warnings.push((
                    "rule.check.example-without-expect",
                    example.name.span,
                    message,
                ));
            }
        }
        for (code, span, message) in warnings {
            self.diagnostics
                .push(Diagnostic::warning(code, span, message));
        }
    }
}

/// The unqualified names that an expression mentions.
fn collect_names<'a>(expr: &'a ast::Expr, names: &mut Vec<&'a str>) {
    if let ast::ExprKind::Identifier { name, .. } = &expr.kind {
        names.push(&name.text);
    }
    expr.kind
        .for_each_child(&mut |child| collect_names(child, names));
}
