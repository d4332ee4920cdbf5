//! `rulestage test`

use crate::args::Test;
use crate::commands::compile::compile_source;
use crate::failure::{Failure, OrFail, Result, Status};
use crate::host::{self, Host};
use crate::render::coverage;
use crate::render::diagnostics::Source;
use crate::render::{self, Style, quantity, value};
use crate::{cel_value, input, invariants, output, pipelines};
use rulestage_diagnostics::{SourceMap, Span};
use rulestage_pipeline::cells;
use rulestage_pipeline::coverage::{Coverage, Sides};
use rulestage_pipeline::runtime::{Expression, Outline, Runtime, Value};
use rulestage_rule_compiler::analysis::analyse;
use rulestage_rule_compiler::ast::ItemKind;
use rulestage_rule_compiler::ir::{Const, Contribution, Example, RuleSet};
use rulestage_rule_compiler::types::Type;
use std::collections::{BTreeMap, BTreeSet};

/// Runs the examples of each rule set through its compiled component and shows which hold.
pub(crate) fn test(args: &Test) -> Result<Status> {
    let host = host::start(false)?;
    let (mut n_passed, mut n_failed, mut n_broken) = (0, 0, 0);
    let (mut n_points, mut n_shown) = (0, 0);
    let mut lcov = String::new();
    for path in pipelines::rule_sets(&args.files)? {
        let text = input::read_text(&path)?;
        let name = input::name(&path);
        let Some(artifact) = compile_source(Source {
            name: &name,
            text: &text,
        }) else {
            n_broken += 1;
            continue;
        };
        let component = host::load(&host, &name, &artifact.component)?;
        let map = SourceMap::new(&text);
        let style = Style::for_stream(&std::io::stdout());
        let mut kept = invariants::Kept::new(&artifact.ruleset);
        let mut coverage = None;
        for example in &artifact.ruleset.examples {
            let ruleset = &artifact.ruleset;
            kept.check_example(&host, &component, ruleset, &text, example)?;
            let differences =
                differences(&host, &component, ruleset, &text, example, &mut coverage)?;
            let place = map.position(example.span.start);
            let place = format!("{name}:{}:{}", place.line, place.column);
            if differences.is_empty() {
                n_passed += 1;
                render::print(format!("{} {}\n", style.good("pass"), example.name))?;
            } else {
                n_failed += 1;
                let differences = differences.join("\n       ");
                let name = &example.name;
                render::print(format!(
                    "{} {name} ({place})\n       {differences}\n",
                    style.error("FAIL")
                ))?;
            }
        }
        for (invariant, outcome) in kept.finish(&host, &component, &artifact.ruleset, &text)? {
            let name = &invariant.name;
            match outcome {
                Ok(reach) => {
                    n_passed += 1;
                    let pass = style.good("pass");
                    render::print(format!("{pass} invariant {name} ({reach})\n"))?;
                }
                Err(violation) => {
                    n_failed += 1;
                    let place = map.position(invariant.span.start);
                    let place = format!("{}:{}", place.line, place.column);
                    render::print(format!(
                        "{} invariant {name} ({path}:{place})\n       {violation}\n",
                        style.error("FAIL"),
                        path = input::name(&path)
                    ))?;
                }
            }
        }
        let coverage = match coverage {
            Some(coverage) => coverage,
            None => uncovered(&host, &component, &artifact.ruleset, &text)?,
        };
        let points = coverage.points();
        lcov += &coverage::lcov(&points, &path, &map);
        n_points += points.len();
        n_shown += points.iter().filter(|point| point.hits > 0).count();
        if args.coverage {
            render::print(coverage::missing(&points, &name, &map))?;
        }
    }
    render::print(format!("{n_passed} passed, {n_failed} failed\n"))?;
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
    if args.coverage || args.min_coverage.is_some() {
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
    Ok(if n_failed == 0 {
        Status::Done
    } else {
        Status::Refused
    })
}

/// The coverage of a rule set without examples: its rules, none of which has been seen.
fn uncovered(
    host: &Host,
    component: &host::Component,
    ruleset: &RuleSet,
    text: &str,
) -> Result<Coverage> {
    let parameters = vec![Value::Absent; ruleset.params.len()];
    let failed = || format!("can't open `{}`", ruleset.name);
    let mut session = host
        .open(component, &parameters, host::LIMITS)
        .or_fail(Status::Component, failed)?;
    let outline = host
        .outline(&mut session)
        .or_fail(Status::Component, failed)?;
    Ok(start_coverage(outline, ruleset, text))
}

fn start_coverage(outline: Option<Outline>, ruleset: &RuleSet, text: &str) -> Coverage {
    let outline = outline.unwrap_or(Outline {
        rules: Vec::new(),
        expressions: Vec::new(),
        outputs: Vec::new(),
    });
    let analysis = analyse(text);
    let map = SourceMap::new(text);
    let conditions: BTreeSet<Span> = analysis
        .facts
        .types
        .into_iter()
        .filter_map(|(span, ty)| (ty == Type::Bool).then_some(span))
        .collect();
    let is_condition = |part: &Expression| {
        let end = part.offset + part.text.len() as u32;
        conditions.contains(&Span::new(part.offset, end))
    };
    let outputs = |contributions: &[Contribution]| {
        let outputs = contributions.iter().map(|each| each.output);
        outputs.collect::<Vec<_>>()
    };
    let mut tables = BTreeMap::new();
    let mut defaults = Vec::new();
    for item in analysis.ruleset.into_iter().flat_map(|parsed| parsed.items) {
        match item.kind {
            ItemKind::Table(table) => {
                // As explanations name them
                let rows = table.rows.iter().enumerate().map(|(index, row)| {
                    let line = map.position(row.span.start).line;
                    let cells: Vec<&str> = row.span.text(text).split_whitespace().collect();
                    (
                        row.span.start,
                        format!("{} in line {line}: {}", index + 1, cells.join(" ")),
                    )
                });
                tables.insert(table.name.text, rows.collect());
            }
            ItemKind::Output(fields) => {
                for field in fields.into_iter().filter(|field| field.default.is_some()) {
                    let mut all = ruleset.outputs.iter();
                    let index = all.position(|output| output.name == field.name.text);
                    let offset = field.span.start;
                    defaults.extend(index.map(|index| (index, field.name.text, offset)));
                }
            }
            _ => {}
        }
    }
    let sides = Sides {
        is_condition: outline.expressions.iter().map(is_condition).collect(),
        rows: ruleset
            .rules
            .iter()
            .map(|rule| tables.remove(&rule.name).unwrap_or_default())
            .collect(),
        assigns: ruleset
            .rules
            .iter()
            .map(|rule| [outputs(&rule.then), outputs(&rule.otherwise)])
            .collect(),
        defaults,
    };
    Coverage::new(outline, sides)
}

/// What the example expects and did not get, a line for each output; nothing when it holds. What happened in its row
/// is added to the coverage.
fn differences(
    host: &Host,
    component: &host::Component,
    ruleset: &RuleSet,
    text: &str,
    example: &Example,
    coverage: &mut Option<Coverage>,
) -> Result<Vec<String>> {
    let failed = || format!("example `{}`", example.name);
    let mut parameters = vec![Value::Absent; ruleset.params.len()];
    for (index, value) in &example.params {
        parameters[*index] = host::parameter(value);
    }
    let mut session = host
        .open(component, &parameters, host::LIMITS)
        .or_fail(Status::Component, failed)?;
    let given = |index: usize| {
        let given = example.given.iter().find(|(input, _)| *input == index);
        given.map_or(Const::Null, |(_, value)| value.clone())
    };
    let batch = cells::one_row(&host.schema(&session).inputs, given)
        .map_err(|reason| Failure::new(Status::Refused, format!("{}: {reason}", failed())))?;
    if coverage.is_none() {
        let outline = host
            .outline(&mut session)
            .or_fail(Status::Component, failed)?;
        *coverage = Some(start_coverage(outline, ruleset, text));
    }
    let explanation = host
        .explain(&mut session, &batch, 0)
        .or_fail(Status::Component, failed)?;
    if let Some(coverage) = coverage {
        coverage.record(&explanation);
    }
    let outcome = host
        .process(&mut session, &batch)
        .or_fail(Status::Component, failed)?;
    if let Some(error) = outcome.errors.first() {
        let code = value::code_name(error.code);
        return Ok(vec![format!(
            "the row failed in {}: {} ({code})",
            error.origin, error.message
        )]);
    }
    let mut differences = Vec::new();
    for (index, expected, _) in &example.expect {
        let field = host.schema(&session).outputs.field(*index).clone();
        let ty = &ruleset.outputs[*index].ty;
        let got = cells::output_value(&outcome.columns[*index], &field, 0, ty);
        let got = got.unwrap_or(Const::Null);
        if !same(expected, &got) {
            let name = &ruleset.outputs[*index].name;
            let (expected, got) = (cel_value::text(expected), cel_value::text(&got));
            differences.push(format!("{name}: expected {expected}, got {got}"));
        }
    }
    Ok(differences)
}

/// Equal, and NaN where NaN was expected.
fn same(expected: &Const, got: &Const) -> bool {
    match (expected, got) {
        (Const::Double(expected), Const::Double(got)) => {
            expected == got || expected.is_nan() && got.is_nan()
        }
        (Const::List(expected), Const::List(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(a, b)| same(a, b))
        }
        (Const::Map(expected), Const::Map(got)) => {
            let has = |(key, value): &(Const, Const)| {
                got.iter()
                    .any(|(other, found)| same(key, other) && same(value, found))
            };
            expected.len() == got.len() && expected.iter().all(has)
        }
        _ => expected == got,
    }
}
