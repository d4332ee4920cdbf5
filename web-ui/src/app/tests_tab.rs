//! The tests written in the rules: examples and invariants, pass or fail with what shows it, and what no example shows.

use super::state::{Action, State};
use super::{PartProps, decisions, format};
use crate::protocol::{FileCoverage, InvariantReport, TestReport};
use yew::prelude::*;

/// How many lines without an example are named, of each file.
const MOST_MISSING: usize = 100;

/// One line for each example and invariant.
#[component]
pub(crate) fn TestsTab(props: &PartProps) -> Html {
    let state = &props.state;
    let tests = &state.report.tests;
    let invariants = &state.study.invariants;
    if state.result == 0 {
        return html! { <decisions::Empty state={state.clone()} controller={props.controller.clone()} /> };
    }
    if tests.is_empty() && invariants.is_empty() {
        return html! {
            <div class="empty">
                <p>{ "The rules have no examples." }</p>
                <pre class="sample">{ "example \"three hours late\" {\n  given  { dep_delay: 200.0 }\n  expect { action: \"rebook\" }\n}" }</pre>
                <p class="quiet">{ "Examples run with every change, here and in `rulestage test`." }</p>
            </div>
        };
    }
    let n_passed = tests.iter().filter(|test| test.has_passed).count();
    html! {
        <div class="tests">
            if !tests.is_empty() {
                <h2>{ format!("{n_passed} of {} examples pass", tests.len()) }</h2>
                <ul>{ for tests.iter().map(test_line) }</ul>
            }
            if !invariants.is_empty() {
                <h2>{ invariants_head(invariants) }</h2>
                <ul>{ for invariants.iter().map(|invariant| invariant_line(state, invariant)) }</ul>
            }
            { for state.report.coverage.iter().map(|file| coverage(state, file)) }
        </div>
    }
}

fn test_line(test: &TestReport) -> Html {
    let (mark, word) = if test.has_passed {
        ("\u{2713}", "passed")
    } else {
        ("\u{2717}", "failed")
    };
    html! {
        <li class={classes!("test", if test.has_passed { "is-fired" } else { "is-failed" })}>
            <p><i class="mark" aria-hidden="true">{ mark }</i><span class="rule-name">{ &test.name }</span><span class="verdict">{ word }</span></p>
            if let Some(failure) = &test.failure { <p class="quiet">{ failure }</p> }
            if !test.differences.is_empty() {
                <table class="differences">
                    <thead><tr><th scope="col">{ "output" }</th><th scope="col">{ "expected" }</th><th scope="col">{ "actual" }</th></tr></thead>
                    <tbody>
                        { for test.differences.iter().map(|(output, expected, actual)| html! {
                            <tr><td>{ output }</td><td><code>{ expected }</code></td><td><code>{ actual }</code></td></tr>
                        }) }
                    </tbody>
                </table>
            }
        </li>
    }
}

fn invariants_head(invariants: &[InvariantReport]) -> String {
    let holds = |each: &&InvariantReport| matches!(each.state.as_str(), "held" | "proven");
    let n_held = invariants.iter().filter(holds).count();
    let noun = if invariants.len() == 1 { "" } else { "s" };
    format!("{n_held} of {} invariant{noun} hold", invariants.len())
}

fn invariant_line(state: &UseReducerHandle<State>, invariant: &InvariantReport) -> Html {
    let (mark, class) = match invariant.state.as_str() {
        "violated" => ("\u{2717}", "is-failed"),
        "unreached" => ("?", "is-unreached"),
        _ => ("\u{2713}", "is-fired"),
    };
    let InvariantReport { from, to, .. } = *invariant;
    let point = super::choose(state, Action::PointAt(invariant.path.clone(), from, to));
    let n_tried = format!("{} inputs tried", format::count(invariant.n_tried));
    html! {
        <li class={classes!("test", "invariant", class)}>
            <p>
                <i class="mark" aria-hidden="true">{ mark }</i>
                <button class="expression rule-name" onclick={point} title="show in the editor">{ &invariant.name }</button>
                <span class="verdict">{ &invariant.state }</span>
                <span class="quiet">{ n_tried }</span>
            </p>
            if let Some([inputs, outputs]) = &invariant.counterexample {
                <table class="differences">
                    <thead><tr><th scope="col">{ "for" }</th><th scope="col">{ "value" }</th></tr></thead>
                    <tbody>
                        { for inputs.iter().map(|(name, value)| html! { <tr><td>{ name }</td><td><code>{ value }</code></td></tr> }) }
                        { for outputs.iter().map(|(name, value)| html! { <tr class="made"><td>{ name }</td><td><code>{ value }</code></td></tr> }) }
                    </tbody>
                </table>
            } else {
                <p class="quiet">{ &invariant.message }</p>
            }
            if let Some(hint) = &invariant.hint { <p class="quiet">{ format!("hint: {hint}") }</p> }
        </li>
    }
}

/// What no example shows of a file, in words; the editor marks the lines.
fn coverage(state: &UseReducerHandle<State>, file: &FileCoverage) -> Html {
    if file.n_points == 0 {
        return Html::default();
    }
    let lines = file
        .lines
        .iter()
        .flat_map(|line| line.missing.iter().map(move |missing| (line, missing)));
    let n_missing = file.n_points - file.n_shown;
    let percent = 100.0 * file.n_shown as f64 / file.n_points as f64;
    html! {
        <section class="coverage-of" aria-label={format!("coverage of {}", file.path)}>
            <h2>
                { format!("The examples cover {percent:.0}%") }
                <span class="quiet">{ format!("{} of {} sides of rules, conditions, tables and defaults in {}", file.n_shown, file.n_points, file.path) }</span>
            </h2>
            if n_missing > 0 {
                <details open={n_missing <= 12}>
                    <summary class="quiet">{ format!("{n_missing} not shown by any example") }</summary>
                    <ul class="uncovered">
                        { for lines.take(MOST_MISSING).map(|(line, missing)| {
                            let point = super::choose(state, Action::PointAt(file.path.clone(), line.from, line.to));
                            html! {
                                <li>
                                    <button class="expression" onclick={point} title="show in the editor">{ format!("line {}", line.line) }</button>
                                    <span>{ missing }</span>
                                </li>
                            }
                        }) }
                    </ul>
                </details>
            }
        </section>
    }
}
