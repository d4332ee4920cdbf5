//! The page: its state, what it shows, and the worker it talks to.

mod component_tab;
mod controller;
mod data_bar;
mod decisions;
mod editor;
mod format;
mod params;
mod share;
mod state;
mod summary;
mod tests_tab;
mod top_bar;
mod why;

use crate::protocol::{InvariantReport, SourceFile};
use controller::Controller;
use state::{Action, LeftTab, RightTab, RunState, State};
use std::rc::Rc;
use yew::prelude::*;

/// The whole page.
#[component]
pub fn App() -> Html {
    let state = use_reducer(State::default);
    let controller = use_memo((), |()| Controller::new());
    controller.see(&state);
    {
        let controller = Rc::clone(&controller);
        let dispatcher = state.dispatcher();
        use_effect_with((), move |()| {
            controller.start(dispatcher);
            || ()
        });
    }
    {
        // Whatever changes what a run depends on starts one.
        let controller = Rc::clone(&controller);
        use_effect_with((state.revision, state.is_automatic), move |_| {
            controller.schedule();
            || ()
        });
    }
    let on_drop = {
        let controller = Rc::clone(&controller);
        Callback::from(move |event: DragEvent| {
            event.prevent_default();
            if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
                controller.take_files(&files);
            }
        })
    };
    let allow_drop = Callback::from(|event: DragEvent| event.prevent_default());
    html! {
        <div class="page" ondrop={on_drop} ondragover={allow_drop}>
            <top_bar::TopBar state={state.clone()} controller={controller.clone()} />
            <main class="panes">
                <Left state={state.clone()} controller={controller.clone()} />
                <Right {state} {controller} />
            </main>
        </div>
    }
}

/// What every part of the page is given.
#[derive(Properties, PartialEq)]
pub(crate) struct PartProps {
    pub(crate) state: UseReducerHandle<State>,
    pub(crate) controller: Rc<Controller>,
}

#[component]
fn Left(props: &PartProps) -> Html {
    let state = &props.state;
    let tab = |label: String, tab: LeftTab, n_errors: usize| {
        let is_open = state.left_tab == tab;
        let choose = choose(state, Action::LeftTab(tab));
        html! {
            <button role="tab" class="tab" aria-selected={is_open.to_string()} onclick={choose}>
                { label }
                if n_errors > 0 {
                    <span class="badge badge-error" title="errors">{ n_errors }</span>
                }
            </button>
        }
    };
    let n_params = state
        .compiled
        .stages
        .iter()
        .map(|stage| stage.params.len())
        .sum::<usize>();
    html! {
        <section class="pane" aria-label="what you write">
            <div class="tabs has-action" role="tablist">
                { for state.project.files.iter().enumerate().map(|(index, file)| {
                    tab(tab_label(file), LeftTab::File(index), state.n_errors(&file.path))
                }) }
                if n_params > 0 {
                    { tab("parameters".to_owned(), LeftTab::Params, 0) }
                }
            </div>
            <editor::EditorPane state={state.clone()} controller={props.controller.clone()} />
            if state.left_tab == LeftTab::Params {
                <params::Params state={state.clone()} controller={props.controller.clone()} />
            }
        </section>
    }
}

fn tab_label(file: &SourceFile) -> String {
    if file.path == "pipeline.toml" {
        "pipeline".to_owned()
    } else {
        file.path.clone()
    }
}

#[component]
fn Right(props: &PartProps) -> Html {
    let state = &props.state;
    let n_tests_failed = state
        .report
        .tests
        .iter()
        .filter(|test| !test.has_passed)
        .count();
    let invariants = &state.study.invariants;
    let is_violated = |each: &&InvariantReport| each.state == "violated";
    let n_tests_failed = n_tests_failed + invariants.iter().filter(is_violated).count();
    let tab = |label: &str, tab: RightTab, badge: Html| {
        let is_open = state.right_tab == tab;
        html! {
            <button role="tab" class="tab" aria-selected={is_open.to_string()} onclick={choose(state, Action::RightTab(tab))}>
                { label }{ badge }
            </button>
        }
    };
    let tests_badge = match (state.report.tests.len() + invariants.len(), n_tests_failed) {
        (0, _) => Html::default(),
        (n, 0) => html! { <span class="badge">{ n }</span> },
        (_, n) => html! { <span class="badge badge-error" title="failed">{ n }</span> },
    };
    let part = || (state.clone(), props.controller.clone());
    let content = match state.right_tab {
        RightTab::Decisions => {
            let (state, controller) = part();
            html! { <decisions::Decisions {state} {controller} /> }
        }
        RightTab::Summary => {
            let (state, controller) = part();
            html! { <summary::SummaryTab {state} {controller} /> }
        }
        RightTab::Why => {
            let (state, controller) = part();
            html! { <why::Why {state} {controller} /> }
        }
        RightTab::Tests => {
            let (state, controller) = part();
            html! { <tests_tab::TestsTab {state} {controller} /> }
        }
        RightTab::Component => {
            let (state, controller) = part();
            html! { <component_tab::ComponentTab {state} {controller} /> }
        }
    };
    html! {
        <section class="pane" aria-label="what it does">
            <div class="tabs" role="tablist">
                { tab("Decisions", RightTab::Decisions, Html::default()) }
                { tab("Summary", RightTab::Summary, Html::default()) }
                { tab("Why", RightTab::Why, Html::default()) }
                { tab("Tests", RightTab::Tests, tests_badge) }
                { tab("Component", RightTab::Component, Html::default()) }
            </div>
            <data_bar::DataBar state={state.clone()} controller={props.controller.clone()} />
            <Problem state={state.clone()} controller={props.controller.clone()} />
            <div class="content" role="tabpanel">{ content }</div>
        </section>
    }
}

/// Why there is no fresh result, where there is none.
#[component]
fn Problem(props: &PartProps) -> Html {
    let state = &props.state;
    let stale = if state.report.n_rows > 0 {
        " Below are the decisions of the last run that finished."
    } else {
        ""
    };
    match &state.run_state {
        RunState::Stopped {
            during,
            deadline_ms,
        } => {
            let again = {
                let controller = props.controller.clone();
                Callback::from(move |_: MouseEvent| controller.run_now())
            };
            html! {
                <div class="problem" role="alert">
                    <p><strong>{ format!("Stopped after {} s while {during}.", deadline_ms / 1000) }</strong>{ stale }</p>
                    <button class="button" onclick={again}>{ "Run again" }</button>
                </div>
            }
        }
        RunState::Failed { during, message } => html! {
            <div class="problem" role="alert">
                <p><strong>{ "Could not run" }</strong>{ if during.is_empty() { String::new() } else { format!(" ({during})") } }{ ": " }{ message }{ "." }{ stale }</p>
            </div>
        },
        RunState::NotCompiled => html! {
            <div class="problem" role="status">
                <p>{ "The rules have errors: see the editor." }{ stale }</p>
            </div>
        },
        _ => Html::default(),
    }
}

/// A callback that does one thing to the state.
pub(crate) fn choose(state: &UseReducerHandle<State>, action: Action) -> Callback<MouseEvent> {
    let dispatcher = state.dispatcher();
    Callback::from(move |_| dispatcher.dispatch(action.clone()))
}
