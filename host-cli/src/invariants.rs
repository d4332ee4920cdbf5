//! Invariants of rule sets: what `check` and `test` say of them.

use crate::cel_value;
use crate::failure::{OrFail, Result, Status};
use crate::host::{self, Component, Host};
use crate::render::quantity;
use rulestage_diagnostics::{Diagnostic, Example as Shown};
use rulestage_invariants::{Report, Row, Tester, Verdict};
use rulestage_pipeline::runtime::Value;
use rulestage_rule_analysis::json;
use rulestage_rule_compiler::compile;
use rulestage_rule_compiler::ir::{Const, Example, Invariant, RuleSet};

/// What generated rows say of the invariants of a rule set; nothing where it has none, or does not compile.
pub(crate) fn findings(name: &str, source: &str) -> Result<Vec<Diagnostic>> {
    // Components are for rule sets with invariants alone.
    if !source.contains("invariant") {
        return Ok(Vec::new());
    }
    let Some(artifact) = compile(source).artifact else {
        return Ok(Vec::new());
    };
    let ruleset = &artifact.ruleset;
    if ruleset.invariants.is_empty() {
        return Ok(Vec::new());
    }
    let host = host::start(false)?;
    let component = host::load(&host, name, &artifact.component)?;
    let reports = generate(&host, &component, ruleset, source)?;
    let findings = ruleset.invariants.iter().zip(&reports);
    Ok(findings
        .map(|(invariant, report)| finding(ruleset, invariant, report))
        .collect())
}

/// The invariants of a rule set and where they did not hold.
pub(crate) struct Kept {
    /// By invariant
    violations: Vec<Option<String>>,
    n_examples: usize,
}

impl Kept {
    pub(crate) fn new(ruleset: &RuleSet) -> Self {
        Self {
            violations: vec![None; ruleset.invariants.len()],
            n_examples: 0,
        }
    }

    /// Checks all invariants on what an example gives, with its parameters.
    pub(crate) fn check_example(
        &mut self,
        host: &Host,
        component: &Component,
        ruleset: &RuleSet,
        source: &str,
        example: &Example,
    ) -> Result<()> {
        let mut parameters = vec![Value::Absent; ruleset.params.len()];
        for (index, value) in &example.params {
            parameters[*index] = host::parameter(value);
        }
        let Some(mut tester) = open(host, component, ruleset, source, &parameters)? else {
            return Ok(());
        };
        let given = |index: usize| {
            let given = example.given.iter().find(|(input, _)| *input == index);
            given.map_or(Const::Null, |(_, value)| value.clone())
        };
        let row: Vec<Const> = (0..ruleset.inputs.len()).map(given).collect();
        let tried = tester
            .try_rows(&[row])
            .or_fail(Status::Component, || format!("example `{}`", example.name))?;
        self.n_examples += 1;
        let Some(row) = tried.into_iter().flatten().next() else {
            return Ok(());
        };
        for (invariant, violation) in self.violations.iter_mut().enumerate() {
            let is_wrong = matches!(row.verdicts[invariant], Verdict::Violated | Verdict::Failed);
            if is_wrong && violation.is_none() {
                let words = in_words(ruleset, &row, invariant);
                *violation = Some(format!("in example `{}`: {words}", example.name));
            }
        }
        Ok(())
    }

    /// For each invariant how far it was tried, or where it does not hold.
    pub(crate) fn finish<'r>(
        self,
        host: &Host,
        component: &Component,
        ruleset: &'r RuleSet,
        source: &str,
    ) -> Result<Vec<(&'r Invariant, std::result::Result<String, String>)>> {
        if ruleset.invariants.is_empty() {
            return Ok(Vec::new());
        }
        let reports = generate(host, component, ruleset, source)?;
        let examples = quantity::counted(self.n_examples as u64, "example");
        let outcomes = self.violations.into_iter().zip(&reports).enumerate();
        let outcomes = outcomes.map(|(index, (violation, report))| match violation {
            Some(violation) => Err(violation),
            None => match &report.counterexample {
                Some(row) => Err(in_words(ruleset, row, index)),
                None => Ok(format!("{examples}, {}", reach(ruleset, report))),
            },
        });
        Ok(ruleset.invariants.iter().zip(outcomes).collect())
    }
}

fn open<'h>(
    host: &'h Host,
    component: &Component,
    ruleset: &'h RuleSet,
    source: &str,
    parameters: &[Value],
) -> Result<Option<Tester<'h, Host>>> {
    Tester::open(host, component, ruleset, source, parameters, host::LIMITS)
        .or_fail(Status::Component, || "can't run the invariants".into())
}

fn generate(
    host: &Host,
    component: &Component,
    ruleset: &RuleSet,
    source: &str,
) -> Result<Vec<Report>> {
    let parameters = vec![Value::Absent; ruleset.params.len()];
    let Some(mut tester) = open(host, component, ruleset, source, &parameters)? else {
        return Ok(Vec::new());
    };
    tester
        .generate()
        .or_fail(Status::Component, || "can't run the invariants".into())
}

fn finding(ruleset: &RuleSet, invariant: &Invariant, report: &Report) -> Diagnostic {
    let Invariant { name, span, .. } = invariant;
    if let Some(row) = &report.counterexample {
        let index = ruleset.invariants.iter().position(|each| each == invariant);
        let words = in_words(ruleset, row, index.unwrap_or(0));
        let message = format!("invariant `{name}` does not hold: {words}");
        let columns = |names: Vec<&String>, values: &[Const]| {
            let columns = names.into_iter().zip(values);
            columns
                .map(|(name, value)| (name.clone(), json(value)))
                .collect()
        };
        let inputs = ruleset.inputs.iter().map(|each| &each.name).collect();
        let outputs = ruleset.outputs.iter().map(|each| &each.name).collect();
        return Diagnostic {
            example: Some(Shown {
                input: columns(inputs, &row.inputs),
                output: columns(outputs, &row.outputs),
            }),
            ..Diagnostic::error("rule.analysis.invariant-violated", *span, message)
        }
        .with_label(invariant.assertion.span, "this is not so");
    }
    if report.n_applied == 0 {
        let message = format!(
            "invariant `{name}` applies to none of {}",
            quantity::counted(report.n_rows as u64, "generated input")
        );
        return Diagnostic::warning("rule.analysis.invariant-idle", *span, message)
            .with_hint("its `when` may never be true; an `example` shows where it is");
    }
    let message = format!("invariant `{name}` {}", reach(ruleset, report));
    Diagnostic::note("rule.analysis.invariant-holds", *span, message)
}

/// How far it is known to hold.
fn reach(ruleset: &RuleSet, report: &Report) -> String {
    if !report.is_complete {
        let n_rows = quantity::counted(report.n_applied as u64, "generated input");
        return format!("held for {n_rows}");
    }
    if ruleset.params.is_empty() {
        "holds for all inputs".to_owned()
    } else {
        "holds for all inputs with the defaults of the parameters".to_owned()
    }
}

/// The row, and what the rules make of it.
fn in_words(ruleset: &RuleSet, row: &Row, invariant: usize) -> String {
    let columns = |names: Vec<&String>, values: &[Const]| {
        let columns = names.into_iter().zip(values);
        let words = columns.map(|(name, value)| format!("`{name}` = {}", cel_value::text(value)));
        words.collect::<Vec<_>>().join(", ")
    };
    let inputs = ruleset.inputs.iter().map(|each| &each.name).collect();
    let outputs = ruleset.outputs.iter().map(|each| &each.name).collect();
    let what = match row.verdicts[invariant] {
        Verdict::Failed => "it can't be evaluated",
        _ => "the rules give",
    };
    let (inputs, outputs) = (columns(inputs, &row.inputs), columns(outputs, &row.outputs));
    match row.verdicts[invariant] {
        Verdict::Failed => format!("for {inputs}, {what} with {outputs}"),
        _ => format!("for {inputs}, {what} {outputs}"),
    }
}
