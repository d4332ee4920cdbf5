//! `rulestage test`

use crate::args::Test;
use crate::cel_value;
use crate::commands::compile::compile_source;
use crate::failure::{Failure, OrFail, Result, Status};
use crate::host::{self, Host};
use crate::render::coverage;
use crate::render::diagnostics::{Source, example_json};
use crate::render::{self, Style, quantity, value};
use crate::{input, output, pipelines};
use rulestage_diagnostics::{SourceMap, Span};
use rulestage_pipeline::coverage::Point;
use rulestage_rule_compiler::Artifact;
use rulestage_rule_compiler::ir::{Example, Invariant, RuleSet};
use rulestage_rule_tests::{
    ExampleOutcome, InvariantReport, InvariantState, UNREACHED_HINT, run_examples, run_invariants,
};
use serde_json::{Value, json};

/// Runs the examples and invariants of each rule set through its compiled component and shows which hold.
pub(crate) fn test(args: &Test) -> Result<Status> {
    let host = host::start(false)?;
    let mut counts = Counts::default();
    let mut n_broken = 0;
    let (mut n_points, mut n_shown) = (0, 0);
    let mut lcov = String::new();
    for path in pipelines::rule_sets(&args.files)? {
        let text = input::read_text(&path)?;
        let name = input::name(&path);
        let source = Source {
            name: &name,
            text: &text,
        };
        let Some(artifact) = compile_source(source) else {
            n_broken += 1;
            continue;
        };
        let tested = Tested::run(&host, source, &artifact)?;
        counts.add(&tested);
        let map = SourceMap::new(&text);
        if args.json {
            render::print(format!("{}\n", tested.to_json(&name, &map)))?;
        } else {
            render::print(tested.to_text(&name, &map))?;
        }
        let points = &tested.points;
        lcov += &coverage::lcov(points, &path, &map);
        n_points += points.len();
        n_shown += points.iter().filter(|point| point.hits > 0).count();
        if args.coverage && !args.json {
            render::print(coverage::missing(points, &name, &map))?;
        }
    }
    if !args.json {
        render::print(format!("{counts}\n"))?;
    }
    if n_broken > 0 {
        let files = quantity::counted(n_broken, "file");
        return Err(Failure::new(
            Status::Refused,
            format!("{files} could not be compiled"),
        ));
    }
    if let Some(file) = &args.lcov {
        output::write_file(file, lcov.as_bytes())?;
    }
    // Nothing to show is all shown.
    let percent = 100.0 * n_shown as f64 / n_points.max(1) as f64;
    let percent = if n_points == 0 { 100.0 } else { percent };
    if (args.coverage || args.min_coverage.is_some()) && !args.json {
        render::print(format!(
            "coverage {percent:.1}%: {n_shown} of {n_points} sides of rules, conditions, tables and defaults\n"
        ))?;
    }
    if let Some(least) = args
        .min_coverage
        .filter(|least| percent < f64::from(*least))
    {
        return Err(Failure::new(
            Status::Refused,
            format!("the examples cover {percent:.1}%, less than {least}%"),
        )
        .with_hint("`--coverage` lists what no example shows"));
    }
    Ok(if counts.n_failed == 0 {
        Status::Done
    } else {
        Status::Refused
    })
}

/// Tests by how they came out.
#[derive(Default)]
struct Counts {
    n_passed: usize,
    n_failed: usize,
    /// Invariants that no row reached
    n_unreached: usize,
}

impl Counts {
    fn add(&mut self, tested: &Tested<'_>) {
        for (_, differences) in &tested.examples {
            match differences.is_empty() {
                true => self.n_passed += 1,
                false => self.n_failed += 1,
            }
        }
        for (_, report) in &tested.invariants {
            match report.state() {
                InvariantState::Violated => self.n_failed += 1,
                InvariantState::Unreached => self.n_unreached += 1,
                InvariantState::Held | InvariantState::Proven => self.n_passed += 1,
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.n_passed, self.n_failed)?;
        match self.n_unreached {
            0 => Ok(()),
            n_unreached => write!(f, ", {n_unreached} unreached"),
        }
    }
}

/// What became of the tests of one rule set.
struct Tested<'a> {
    ruleset: &'a RuleSet,
    /// With a line for each difference; none where the example holds
    examples: Vec<(&'a Example, Vec<String>)>,
    invariants: Vec<(&'a Invariant, InvariantReport)>,
    points: Vec<Point>,
}

impl<'a> Tested<'a> {
    fn run(host: &Host, source: Source<'_>, artifact: &'a Artifact) -> Result<Self> {
        let Source { name, text } = source;
        let ruleset = &artifact.ruleset;
        let component = host::load(host, name, &artifact.component)?;
        let ran = run_examples(host, &component, ruleset, text, host::LIMITS)
            .or_fail(Status::Component, || {
                format!("can't open `{}`", ruleset.name)
            })?;
        let mut examples = Vec::with_capacity(ruleset.examples.len());
        for (example, outcome) in ruleset.examples.iter().zip(ran.outcomes) {
            examples.push((example, differences(ruleset, example, outcome)?));
        }
        let reports = run_invariants(host, &component, ruleset, text, host::LIMITS, || true)
            .or_fail(Status::Component, || "can't run the invariants".into())?;
        Ok(Self {
            ruleset,
            examples,
            invariants: ruleset.invariants.iter().zip(reports).collect(),
            points: ran.coverage.points(),
        })
    }

    fn to_text(&self, file: &str, map: &SourceMap<'_>) -> String {
        let style = Style::for_stream(&std::io::stdout());
        let place = |span: Span| {
            let place = map.position(span.start);
            format!("{file}:{}:{}", place.line, place.column)
        };
        let mut text = String::new();
        for (example, differences) in &self.examples {
            let name = &example.name;
            text += &if differences.is_empty() {
                format!("{} {name}\n", style.good("pass"))
            } else {
                let (place, differences) = (place(example.span), differences.join("\n       "));
                format!(
                    "{} {name} ({place})\n       {differences}\n",
                    style.error("FAIL")
                )
            };
        }
        for (index, (invariant, report)) in self.invariants.iter().enumerate() {
            let (name, words) = (&invariant.name, report.in_words(self.ruleset, index));
            let place = place(invariant.span);
            text += &match report.state() {
                InvariantState::Violated => format!(
                    "{} invariant {name} ({place})\n       {words}\n",
                    style.error("FAIL")
                ),
                InvariantState::Unreached => format!(
                    "{} invariant {name} ({place}): {words}\n       hint: {UNREACHED_HINT}\n",
                    style.warning("unreached")
                ),
                InvariantState::Held | InvariantState::Proven => {
                    let examples = match report.n_examples {
                        0 => String::new(),
                        n => format!("{}, ", quantity::counted(n as u64, "example")),
                    };
                    format!(
                        "{} invariant {name} ({examples}{words})\n",
                        style.good("pass")
                    )
                }
            };
        }
        text
    }

    fn to_json(&self, file: &str, map: &SourceMap<'_>) -> Value {
        let line = |span: Span| map.position(span.start).line;
        let examples = self.examples.iter().map(|(example, differences)| {
            let state = if differences.is_empty() {
                "passed"
            } else {
                "failed"
            };
            json!({
                "name": example.name,
                "line": line(example.span),
                "state": state,
                "differences": differences,
            })
        });
        let invariants = self.invariants.iter().enumerate();
        let invariants = invariants.map(|(index, (invariant, report))| {
            let mut value = json!({
                "name": invariant.name,
                "line": line(invariant.span),
                "state": report.state().word(),
                "message": report.in_words(self.ruleset, index),
                "n_examples": report.n_examples,
                "n_inputs": report.n_rows,
                "n_applied": report.n_applied,
            });
            let violation = report.violation.as_ref();
            if let (Some(violation), Value::Object(object)) = (violation, &mut value) {
                let example = example_json(&violation.row.shown(self.ruleset));
                object.insert("example".to_owned(), example);
            }
            value
        });
        let n_shown = self.points.iter().filter(|point| point.hits > 0).count();
        let missing = self.points.iter().filter(|point| point.hits == 0);
        let missing = missing.map(|point| {
            let line = point.offset.map(|offset| map.position(offset).line);
            json!({ "line": line, "message": rulestage_rule_tests::in_words(point) })
        });
        json!({
            "file": file,
            "examples": examples.collect::<Vec<_>>(),
            "invariants": invariants.collect::<Vec<_>>(),
            "coverage": {
                "n_points": self.points.len(),
                "n_shown": n_shown,
                "missing": missing.collect::<Vec<_>>(),
            },
        })
    }
}

/// What the example expects and did not get, a line for each output; nothing when it holds.
fn differences(
    ruleset: &RuleSet,
    example: &Example,
    outcome: ExampleOutcome,
) -> Result<Vec<String>> {
    let failed = || format!("example `{}`", example.name);
    Ok(match outcome {
        ExampleOutcome::Passed => Vec::new(),
        ExampleOutcome::Differs(differences) => {
            let line = |difference: &rulestage_rule_tests::Difference| {
                let name = &ruleset.outputs[difference.output].name;
                let expected = cel_value::text(&difference.expected);
                let got = cel_value::text(&difference.got);
                format!("{name}: expected {expected}, got {got}")
            };
            differences.iter().map(line).collect()
        }
        ExampleOutcome::RowFailed(error) => {
            let code = value::code_name(error.code);
            let (origin, message) = (error.origin, error.message);
            vec![format!("the row failed in {origin}: {message} ({code})")]
        }
        ExampleOutcome::Refused(reason) => {
            let message = format!("{}: {reason}", failed());
            return Err(Failure::new(Status::Refused, message));
        }
        ExampleOutcome::Broken(failure) => Err(failure).or_fail(Status::Component, failed)?,
    })
}
