//! What is said of invariants where diagnostics are shown.

use crate::{InvariantReport, InvariantState, Row, Verdict};
use rulestage_diagnostics::{Diagnostic, Example};
use rulestage_rule_analysis::{json, literal};
use rulestage_rule_compiler::ir::{Const, Invariant, RuleSet};

/// A diagnostic for each invariant of the rule set: violated, reached by no row, or how far it holds.
pub fn invariant_findings(ruleset: &RuleSet, reports: &[InvariantReport]) -> Vec<Diagnostic> {
    let findings = ruleset.invariants.iter().zip(reports).enumerate();
    findings
        .map(|(index, (invariant, report))| finding(ruleset, index, invariant, report))
        .collect()
}

fn finding(
    ruleset: &RuleSet,
    index: usize,
    invariant: &Invariant,
    report: &InvariantReport,
) -> Diagnostic {
    let Invariant { name, span, .. } = invariant;
    let words = report.in_words(ruleset, index);
    match (report.state(), &report.violation) {
        (InvariantState::Violated, Some(violation)) => {
            let message = format!("invariant `{name}` does not hold: {words}");
            Diagnostic {
                example: Some(violation.row.shown(ruleset)),
                ..Diagnostic::error("rule.analysis.invariant-violated", *span, message)
            }
            .with_label(invariant.assertion.span, "this is not so")
        }
        (InvariantState::Unreached, _) => {
            let message = format!("nothing is known of invariant `{name}`: {words}");
            Diagnostic::warning("rule.analysis.invariant-idle", *span, message)
                .with_hint(UNREACHED_HINT)
        }
        _ => {
            let message = format!("invariant `{name}` {words}");
            Diagnostic::note("rule.analysis.invariant-holds", *span, message)
        }
    }
}

/// What to do about an invariant that no row reached.
pub const UNREACHED_HINT: &str = "its `when` may never be true; an `example` shows where it is";

impl InvariantReport {
    /// Where it does not hold, or how far it is known to hold. `invariant` is its place in the rule set.
    pub fn in_words(&self, ruleset: &RuleSet, invariant: usize) -> String {
        if let Some(violation) = &self.violation {
            let words = violation_in_words(ruleset, &violation.row, invariant);
            let example = violation.example.and_then(|at| ruleset.examples.get(at));
            return match example {
                Some(example) => format!("in example `{}`: {words}", example.name),
                None => words,
            };
        }
        match self.state() {
            InvariantState::Proven if ruleset.params.is_empty() => {
                "holds for all inputs".to_owned()
            }
            InvariantState::Proven => {
                "holds for all inputs with the defaults of the parameters".to_owned()
            }
            InvariantState::Unreached => {
                format!(
                    "it applies to none of {}",
                    counted(self.n_rows, "generated input")
                )
            }
            _ if self.n_applied == 0 => format!("held for {}", counted(self.n_examples, "example")),
            _ => format!("held for {}", counted(self.n_applied, "generated input")),
        }
    }
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

impl Row {
    /// The row as diagnostics show it.
    pub fn shown(&self, ruleset: &RuleSet) -> Example {
        let columns = |names: Vec<&String>, values: &[Const]| {
            let columns = names.into_iter().zip(values);
            columns
                .map(|(name, value)| (name.clone(), json(value)))
                .collect()
        };
        let [inputs, outputs] = names(ruleset);
        Example {
            input: columns(inputs, &self.inputs),
            output: columns(outputs, &self.outputs),
        }
    }
}

/// The names of the inputs, and those of the outputs.
fn names(ruleset: &RuleSet) -> [Vec<&String>; 2] {
    [
        ruleset.inputs.iter().map(|each| &each.name).collect(),
        ruleset.outputs.iter().map(|each| &each.name).collect(),
    ]
}

/// The row, and what the rules make of it.
fn violation_in_words(ruleset: &RuleSet, row: &Row, invariant: usize) -> String {
    let columns = |names: Vec<&String>, values: &[Const]| {
        let columns = names.into_iter().zip(values);
        let words = columns.map(|(name, value)| format!("`{name}` = {}", literal(value)));
        words.collect::<Vec<_>>().join(", ")
    };
    let [inputs, outputs] = names(ruleset);
    let (inputs, outputs) = (columns(inputs, &row.inputs), columns(outputs, &row.outputs));
    match row.verdicts[invariant] {
        Verdict::Failed => format!("for {inputs}, it can't be evaluated with {outputs}"),
        _ => format!("for {inputs}, the rules give {outputs}"),
    }
}
