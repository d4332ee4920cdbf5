//! Rules and examples.

use super::Checker;
use crate::ast::{self, ExamplePartKind, ItemKind};
use crate::ir::{Const, Example, Merge, Output};
use crate::suggest::nearest;
use crate::typed::{self, Contribution, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::collections::BTreeMap;

impl Checker<'_> {
    pub(super) fn check_rules(
        &mut self,
        ruleset: &ast::RuleSet,
        outputs: &[Output],
    ) -> Vec<typed::Rule> {
        let mut checked = Vec::new();
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        for item in &ruleset.items {
            let (noun, name) = match &item.kind {
                ItemKind::Rule(rule) => ("rule", &rule.name),
                ItemKind::Table(table) => ("table", &table.name),
                _ => continue,
            };
            if let Some(first) = names.get(name.text.as_str()) {
                let message = format!("a second {noun} `{}`", name.text);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_label(*first, "the first one");
                self.diagnostics.push(diagnostic);
            } else {
                names.insert(&name.text, name.span);
            }
            if let ItemKind::Table(table) = &item.kind {
                checked.push(self.check_table(table, &item.doc, outputs));
            }
            let ItemKind::Rule(rule) = &item.kind else {
                continue;
            };
            let condition = self.check_expr_as(&rule.condition, &Type::Bool, "the condition");
            if let ExprKind::Const(Const::Bool(value)) = condition.kind {
                let message = format!("this condition is always {value}");
                let span = rule.condition.span;
                self.diagnostics.push(Diagnostic::warning(
                    "rule.check.constant-condition",
                    span,
                    message,
                ));
            }
            let then = self.check_contributions(&rule.then, outputs);
            let otherwise =
                self.check_contributions(rule.otherwise.as_deref().unwrap_or_default(), outputs);
            checked.push(typed::Rule {
                name: rule.name.text.clone(),
                priority: rule.priority.map_or(0, |(priority, _)| priority),
                doc: item.doc.clone(),
                span: rule.name.span,
                condition,
                then,
                otherwise,
                table: None,
            });
        }
        checked
    }

    fn check_contributions(
        &mut self,
        assignments: &[ast::Assignment],
        outputs: &[Output],
    ) -> Vec<Contribution> {
        let mut checked = Vec::with_capacity(assignments.len());
        let mut seen: BTreeMap<usize, Span> = BTreeMap::new();
        for assignment in assignments {
            let name = &assignment.name;
            let Some(index) = outputs.iter().position(|output| output.name == name.text) else {
                self.report_unknown_output(name, outputs);
                self.check_expr(&assignment.value);
                continue;
            };
            self.note_name(name);
            let output = &outputs[index];
            if let Some(first) = seen.insert(index, name.span)
                && matches!(output.merge, Merge::First | Merge::Last)
            {
                let message = format!("`{}` is assigned twice in one block", name.text);
                let diagnostic =
                    Diagnostic::warning("rule.check.duplicate-assignment", name.span, message)
                        .with_label(first, "here first");
                self.diagnostics.push(diagnostic);
            }
            let value = self.check_contribution(&assignment.value, output);
            checked.push(Contribution {
                output: index,
                value,
                span: assignment.span,
            });
        }
        checked
    }

    pub(super) fn check_contribution(&mut self, value: &ast::Expr, output: &Output) -> typed::Expr {
        let what = format!("`{}`", output.name);
        let (Merge::Collect | Merge::Unique, Type::List(element)) = (output.merge, &output.ty)
        else {
            return self.check_expr_as(value, &output.ty, &what);
        };
        // One element, or a list of them
        let checked = self.check_expr(value);
        let is_list = matches!(self.unifier.resolve(&checked.ty), Type::List(_));
        for to in [&output.ty, &**element] {
            let may_be_meant = is_list || to != &output.ty;
            if may_be_meant && self.unifier.assign(&checked.ty, to) {
                self.report_mixed_choice(&checked, to);
                return self.coerce(checked, to);
            }
        }
        let found = self.unifier.resolve(&checked.ty);
        let message = format!("{what} gathers `{element}`, not `{found}`");
        let diagnostic = Diagnostic::error("rule.check.type-mismatch", value.span, message);
        self.report_with_conversion_hint(diagnostic, value, &found, element);
        typed::Expr::error(value.span)
    }

    pub(super) fn report_unknown_output(&mut self, name: &ast::Name, outputs: &[Output]) {
        let mut diagnostic = Diagnostic::error(
            "rule.check.unknown-output",
            name.span,
            format!("there is no output `{}`", name.text),
        );
        if let Some(known) = self.scope.get(&name.text) {
            diagnostic = diagnostic.with_label(
                known.span,
                format!("this is an {}", known.binding.noun())
                    .replace("an p", "a p")
                    .replace("an `", "a `"),
            );
            diagnostic = diagnostic.with_hint("rules assign outputs only");
        } else if let Some(meant) = nearest(
            &name.text,
            outputs.iter().map(|output| output.name.as_str()),
        ) {
            diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
        }
        self.diagnostics.push(diagnostic);
    }

    // ---------------------------------------------------------------- examples

    pub(super) fn check_examples(
        &mut self,
        ruleset: &ast::RuleSet,
        checked: &typed::RuleSet,
    ) -> Vec<Example> {
        let mut examples = Vec::new();
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        for item in &ruleset.items {
            let ItemKind::Example(example) = &item.kind else {
                continue;
            };
            if let Some(first) = names.insert(&example.name.value, example.name.span) {
                let message = format!("a second example `{}`", example.name.value);
                let diagnostic =
                    Diagnostic::error("rule.check.duplicate-name", example.name.span, message)
                        .with_label(first, "the first one");
                self.diagnostics.push(diagnostic);
            }
            examples.push(self.check_example(example, checked));
        }
        examples
    }

    fn check_example(&mut self, example: &ast::Example, checked: &typed::RuleSet) -> Example {
        let inputs: Vec<(&str, &Type)> = checked
            .inputs
            .iter()
            .map(|each| (each.name.as_str(), &each.ty))
            .collect();
        let params: Vec<(&str, &Type)> = checked
            .params
            .iter()
            .map(|each| (each.name.as_str(), &each.ty))
            .collect();
        let outputs: Vec<(&str, &Type)> = checked
            .outputs
            .iter()
            .map(|each| (each.name.as_str(), &each.ty))
            .collect();
        let mut result = Example {
            name: example.name.value.clone(),
            span: example.name.span,
            given: Vec::new(),
            params: Vec::new(),
            expect: Vec::new(),
        };
        // By index, also where the value could not be read: it is given all the same.
        let mut is_given = vec![false; inputs.len()];
        for part in &example.parts {
            let (what, known) = match part.kind {
                ExamplePartKind::Given => ("input", &inputs),
                ExamplePartKind::Params => ("parameter", &params),
                ExamplePartKind::Expect => ("output", &outputs),
            };
            let mut seen: BTreeMap<usize, Span> = BTreeMap::new();
            for entry in &part.entries {
                let name = &entry.name;
                let Some(index) = known.iter().position(|(each, _)| *each == name.text) else {
                    let message = format!("there is no {what} `{}`", name.text);
                    let mut diagnostic =
                        Diagnostic::error("rule.check.unknown-name", name.span, message);
                    if let Some(meant) = nearest(&name.text, known.iter().map(|(each, _)| *each)) {
                        diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
                    }
                    self.diagnostics.push(diagnostic);
                    continue;
                };
                self.note_name(name);
                if let Some(first) = seen.insert(index, name.span) {
                    let diagnostic = Diagnostic::error(
                        "rule.check.duplicate-name",
                        name.span,
                        format!("`{}` is given twice", name.text),
                    )
                    .with_label(first, "here first");
                    self.diagnostics.push(diagnostic);
                }
                if part.kind == ExamplePartKind::Given {
                    is_given[index] = true;
                }
                let value =
                    self.check_constant(&entry.value, known[index].1, &format!("`{}`", name.text));
                let Some(value) = value else { continue };
                match part.kind {
                    ExamplePartKind::Given => result.given.push((index, value)),
                    ExamplePartKind::Params => result.params.push((index, value)),
                    ExamplePartKind::Expect => result.expect.push((index, value, entry.span)),
                }
            }
        }
        let missing: Vec<String> = inputs
            .iter()
            .zip(&is_given)
            .filter(|((_, ty), given)| !**given && !matches!(ty, Type::Nullable(_) | Type::Error))
            .map(|((name, _), _)| format!("`{name}`"))
            .collect();
        if !missing.is_empty() {
            let message = format!("the example gives no value for {}", missing.join(", "));
            let diagnostic =
                Diagnostic::error("rule.check.missing-input", example.name.span, message)
                    .with_hint("only nullable inputs (`T?`) can be left out; they are null then");
            self.diagnostics.push(diagnostic);
        }
        result
    }
}
