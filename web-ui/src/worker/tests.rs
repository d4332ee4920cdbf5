//! The `example` blocks of the rules files, run through the very component, and what they show of the rules.

use super::project::utf16_range;
use crate::protocol::{CoveredLine, FileCoverage, TestReport};
use rulestage_diagnostics::{SourceMap, Span};
use rulestage_pipeline::load::{Pipeline, Rules, Stage};
use rulestage_rule_analysis::literal;
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_rule_tests::{Difference, ExampleOutcome, Examples, by_line, run_examples};
use rulestage_runtime_web::WebRuntime;

/// Lines of a file whose coverage is told.
const MOST_LINES: usize = 2_000;

/// Runs all examples of all rule sets.
pub(crate) fn run(
    runtime: &WebRuntime,
    pipeline: &Pipeline<WebRuntime>,
) -> (Vec<TestReport>, Vec<FileCoverage>) {
    let (mut tests, mut coverage) = (Vec::new(), Vec::new());
    for stage in &pipeline.stages {
        let Some(rules) = &stage.rules else { continue };
        let (ruleset, source) = (&rules.ruleset, &rules.source);
        let ran = run_examples(runtime, &stage.component, ruleset, source, stage.limits);
        // A component that can't be opened has failed with the rows already.
        let Ok(Examples {
            outcomes,
            coverage: shown,
        }) = ran
        else {
            continue;
        };
        let outcomes = ruleset.examples.iter().zip(outcomes);
        tests.extend(outcomes.map(|(example, outcome)| {
            let name = example.name.clone();
            report(ruleset, stage.name.clone(), name, outcome)
        }));
        let points = shown.points();
        coverage.push(FileCoverage {
            n_points: points.len(),
            n_shown: points.iter().filter(|point| point.hits > 0).count(),
            ..lines(stage, rules, &points)
        });
    }
    (tests, coverage)
}

fn report(ruleset: &RuleSet, stage: String, name: String, outcome: ExampleOutcome) -> TestReport {
    let (mut differences, mut failure) = (Vec::new(), None);
    match outcome {
        ExampleOutcome::Passed => {}
        ExampleOutcome::Differs(found) => {
            let words = |difference: Difference| {
                let name = ruleset.outputs[difference.output].name.clone();
                (
                    name,
                    literal(&difference.expected),
                    literal(&difference.got),
                )
            };
            differences.extend(found.into_iter().map(words));
        }
        ExampleOutcome::RowFailed(error) => {
            failure = Some(format!("{} ({})", error.message, error.origin));
        }
        ExampleOutcome::Refused(reason) => failure = Some(reason),
        ExampleOutcome::Broken(broken) => failure = Some(broken.message),
    }
    TestReport {
        stage,
        name,
        has_passed: differences.is_empty() && failure.is_none(),
        differences,
        failure,
    }
}

fn lines(
    stage: &Stage<WebRuntime>,
    rules: &Rules,
    points: &[rulestage_pipeline::coverage::Point],
) -> FileCoverage {
    let source = &rules.source;
    let map = SourceMap::new(source);
    // Offsets of lines, in order, so that the source is gone through once.
    let mut units = 0;
    let mut places = Vec::new();
    for line in source.split_inclusive('\n') {
        let (_, length) = utf16_range(line, Span::new(0, line.trim_end().len() as u32));
        places.push((units, units + length));
        units += line.encode_utf16().count() as u32;
    }
    let lines = by_line(points, &map).into_iter().take(MOST_LINES);
    let lines = lines.map(|(line, covered)| {
        let place = places.get(line as usize - 1);
        let (from, to) = place.copied().unwrap_or_default();
        CoveredLine {
            line,
            from,
            to,
            n_points: covered.n_points,
            missing: covered.missing,
        }
    });
    FileCoverage {
        path: stage.path.clone(),
        lines: lines.collect(),
        ..FileCoverage::default()
    }
}
