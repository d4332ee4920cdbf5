//! A closer look at the rules, between what the page asks for: the analysis, and the invariants on generated rows.

use super::Worker;
use super::later::Later;
use super::project::{file_report, utf16_range};
use crate::protocol::{FileReport, InvariantReport, Response, StudyReport};
use rulestage_pipeline::load::{Pipeline, Rules};
use rulestage_rule_analysis::{Effort, analyse, literal};
use rulestage_rule_compiler::ir::{Const, RuleSet};
use rulestage_rule_tests as rule_tests;
use rulestage_rule_tests::{InvariantState, Row, UNREACHED_HINT, run_invariants};
use rulestage_runtime_web::WebRuntime;
use std::rc::Rc;
use std::sync::Arc;

/// What the invariants of one stage may take.
const INVARIANTS_MS: f64 = 300.0;

/// What is still to be looked at after a run.
pub(crate) struct Study {
    run: u32,
    runtime: Rc<WebRuntime>,
    pipeline: Arc<Pipeline<WebRuntime>>,
    /// The next stage
    next: usize,
    /// What was found so far
    parts: Vec<Rc<Part>>,
}

/// What was found out about one rules file.
pub(crate) struct Part {
    path: String,
    source: String,
    file: FileReport,
    invariants: Vec<InvariantReport>,
}

impl Study {
    /// Nothing looked at yet.
    pub(crate) fn new(
        run: u32,
        runtime: Rc<WebRuntime>,
        pipeline: Arc<Pipeline<WebRuntime>>,
    ) -> Self {
        Self {
            run,
            runtime,
            pipeline,
            next: 0,
            parts: Vec::new(),
        }
    }

    /// Looks at the next stage; tells the page when it was the last. `None` when there is nothing left to do.
    ///
    /// Texts that were looked at the last time are not looked at again: parameters and rows change nothing.
    pub(crate) fn step(mut self, worker: &Worker, later: Later) -> Option<Self> {
        let Some(stage) = self.pipeline.stages.get(self.next) else {
            let report = StudyReport {
                files: self.parts.iter().map(|part| part.file.clone()).collect(),
                invariants: self
                    .parts
                    .iter()
                    .flat_map(|part| part.invariants.clone())
                    .collect(),
            };
            worker.send(&Response::Studied {
                run: self.run,
                report,
            });
            worker.studied.replace(self.parts);
            return None;
        };
        self.next += 1;
        if let Some(rules) = &stage.rules {
            let is_same = |part: &&Rc<Part>| part.path == stage.path && part.source == rules.source;
            let known = worker.studied.borrow().iter().find(is_same).cloned();
            let part = known.or_else(|| later.look_at(worker, &self, stage, rules).map(Rc::new));
            self.parts.extend(part);
        }
        Some(self)
    }
}

/// Studies the rules of one stage. Behind a door: `Later` has it.
pub(super) fn look_at(
    worker: &Worker,
    study: &Study,
    stage: &rulestage_pipeline::load::Stage<WebRuntime>,
    rules: &Rules,
) -> Part {
    let (ruleset, source) = (&rules.ruleset, &rules.source);
    let mut diagnostics = analyse(ruleset, source, Effort::QUICK);
    let deadline = worker.now_ms() + INVARIANTS_MS;
    let go_on = || worker.now_ms() < deadline;
    // What fails here fails in the run, too, where it is told.
    let reports = run_invariants(
        &*study.runtime,
        &stage.component,
        ruleset,
        source,
        stage.limits,
        go_on,
    )
    .unwrap_or_default();
    let found = rule_tests::invariant_findings(ruleset, &reports);
    // What holds stands among the tests.
    diagnostics.extend(
        found
            .into_iter()
            .filter(|each| each.code != "rule.analysis.invariant-holds"),
    );
    let invariants = reports.iter().enumerate();
    let invariants = invariants.map(|(index, report)| {
        let invariant = &ruleset.invariants[index];
        let (from, to) = utf16_range(source, invariant.span);
        let state = report.state();
        InvariantReport {
            name: invariant.name.clone(),
            path: stage.path.clone(),
            from,
            to,
            state: state.word().to_owned(),
            message: report.in_words(ruleset, index),
            hint: (state == InvariantState::Unreached).then(|| UNREACHED_HINT.to_owned()),
            n_tried: report.n_rows,
            counterexample: report
                .violation
                .as_ref()
                .map(|violation| counterexample(ruleset, &violation.row)),
        }
    });
    Part {
        path: stage.path.clone(),
        source: source.clone(),
        file: file_report(&stage.path, source, &diagnostics),
        invariants: invariants.collect(),
    }
}

/// Names and values of the inputs, and of the outputs.
fn counterexample(ruleset: &RuleSet, row: &Row) -> [Vec<(String, String)>; 2] {
    let named = |(name, value): (&String, &Const)| (name.clone(), literal(value));
    let inputs = ruleset.inputs.iter().map(|each| &each.name);
    let outputs = ruleset.outputs.iter().map(|each| &each.name);
    [
        inputs.zip(&row.inputs).map(named).collect(),
        outputs.zip(&row.outputs).map(named).collect(),
    ]
}
