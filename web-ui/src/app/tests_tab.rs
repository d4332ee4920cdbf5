//! The examples written in the rules: pass or fail, with the difference.

use super::{PartProps, decisions};
use crate::protocol::TestReport;
use yew::prelude::*;

/// One line for each example.
#[component]
pub(crate) fn TestsTab(props: &PartProps) -> Html {
    let state = &props.state;
    let tests = &state.report.tests;
    if state.result == 0 {
        return html! { <decisions::Empty state={state.clone()} controller={props.controller.clone()} /> };
    }
    if tests.is_empty() {
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
            <p class="tests-head">{ format!("{n_passed} of {} examples pass", tests.len()) }</p>
            <ul>{ for tests.iter().map(test_line) }</ul>
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
