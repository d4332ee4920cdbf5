//! Invariants: what must hold of each row and of what the rules made of it.

use super::Checker;
use crate::ast::{self, ItemKind};
use crate::typed;
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use std::collections::BTreeMap;

impl Checker<'_> {
    /// The invariants, whose expressions read outputs as the inputs behind the last one.
    pub(super) fn check_invariants(
        &mut self,
        ruleset: &ast::RuleSet,
        checked: &typed::RuleSet,
    ) -> Vec<typed::Invariant> {
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        let mut invariants = Vec::new();
        self.outputs_from = Some(checked.inputs.len());
        for item in &ruleset.items {
            let ItemKind::Invariant(invariant) = &item.kind else {
                continue;
            };
            let name = &invariant.name;
            if let Some(first) = names.insert(&name.value, name.span) {
                let message = format!("a second invariant `{}`", name.value);
                let diagnostic = Diagnostic::error("rule.check.duplicate-name", name.span, message)
                    .with_label(first, "the first one");
                self.diagnostics.push(diagnostic);
            }
            let condition = invariant
                .condition
                .as_ref()
                .map(|condition| self.check_expr_as(condition, &Type::Bool, "the condition"));
            let assertion = self.check_expr_as(&invariant.assertion, &Type::Bool, "the assertion");
            invariants.push(typed::Invariant {
                name: name.value.clone(),
                span: name.span,
                condition,
                assertion,
            });
        }
        self.outputs_from = None;
        invariants
    }
}
