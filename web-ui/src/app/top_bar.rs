//! The bar at the top: what is open, how it stands, and what can be done with it.

use super::state::{Action, RunState, State, Theme};
use super::{PartProps, choose, format};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Name, states and actions.
#[component]
pub(crate) fn TopBar(props: &PartProps) -> Html {
    let (state, controller) = (&props.state, &props.controller);
    let open = {
        let controller = controller.clone();
        Callback::from(move |event: Event| {
            controller.open(&event.target_unchecked_into::<HtmlSelectElement>().value())
        })
    };
    let run = {
        let controller = controller.clone();
        Callback::from(move |_: MouseEvent| controller.run_now())
    };
    let automatic = {
        let dispatcher = state.dispatcher();
        Callback::from(move |event: Event| {
            let is_on = event.target_unchecked_into::<HtmlInputElement>().checked();
            dispatcher.dispatch(Action::Automatic(is_on));
        })
    };
    let share = {
        let controller = controller.clone();
        Callback::from(move |_: MouseEvent| controller.share())
    };
    let rules_stage = state
        .compiled
        .stages
        .iter()
        .rev()
        .find(|stage| stage.is_rules)
        .map(|stage| stage.stage.clone());
    let download = {
        let (controller, stage) = (controller.clone(), rules_stage.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(stage) = &stage {
                controller.download(stage);
            }
        })
    };
    html! {
        <header class="top">
            <h1 class="brand">
                <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M1 2h14v3H1zm0 4.5h9v3H1zM1 11h5v3H1z" /></svg>
                { "Rulestage" }
            </h1>
            <label class="picker">
                <span class="hidden">{ "example" }</span>
                <select onchange={open}>
                    { for state.examples.iter().map(|example| html! {
                        <option value={example.clone()} selected={*example == state.project.example}>{ example }</option>
                    }) }
                </select>
            </label>
            <p class="status" role="status">
                <span class="status-part" id="compile-state">{ compile_state(state) }</span>
                <span class="status-part" id="run-state">{ run_state(state) }</span>
            </p>
            <div class="actions">
                <label class="switch" title="run whenever something changes">
                    <input type="checkbox" role="switch" checked={state.is_automatic} onchange={automatic} />
                    <span>{ "auto" }</span>
                </label>
                <button class="button button-main" onclick={run} title="Ctrl+Enter">{ "Run" }</button>
                <button class="button" onclick={share}>{ "Share" }</button>
                <button class="button" id="download" onclick={download} disabled={rules_stage.is_none()} title="the very component that ran">{ "Download .wasm" }</button>
                <ThemeButton state={state.clone()} controller={controller.clone()} />
            </div>
            if let Some(notice) = &state.notice {
                <p class="notice" role="status">
                    { notice }
                    <button class="link" onclick={choose(state, Action::Notice(None))}>{ "close" }</button>
                </p>
            }
        </header>
    }
}

fn compile_state(state: &State) -> Html {
    let compiled = &state.compiled;
    if compiled.files.is_empty() && compiled.stages.is_empty() {
        return html! {};
    }
    let n_errors: usize = state
        .project
        .files
        .iter()
        .map(|file| state.n_errors(&file.path))
        .sum();
    if !compiled.is_ok {
        let errors = if n_errors == 1 {
            "1 error".to_owned()
        } else {
            format!("{n_errors} errors")
        };
        return html! { <><i class="dot dot-error" />{ errors }</> };
    }
    let text = format!(
        "compiled in {}, {}",
        format::time(f64::from(compiled.elapsed_us) / 1000.0),
        format::size(compiled.size_bytes)
    );
    html! { <><i class="dot dot-good" />{ text }</> }
}

fn run_state(state: &State) -> Html {
    match &state.run_state {
        RunState::Starting => html! { <><i class="dot dot-busy" />{ "starting" }</> },
        RunState::Running { what } => html! { <><i class="dot dot-busy" />{ what }</> },
        RunState::Done => {
            let report = &state.report;
            let text = format!(
                "{} in {}",
                format::rows(report.n_rows),
                format::time(report.elapsed_ms)
            );
            html! { <span title={stage_times(state)}><i class="dot dot-good" />{ text }</span> }
        }
        RunState::NotCompiled => html! { <><i class="dot" />{ "not run" }</> },
        RunState::Failed { .. } => html! { <><i class="dot dot-error" />{ "failed" }</> },
        RunState::Stopped { .. } => html! { <><i class="dot dot-error" />{ "stopped" }</> },
    }
}

fn stage_times(state: &State) -> String {
    let report = &state.report;
    let parts = report.stage_ms.iter().map(|(stage, ms)| {
        let per_row = if report.n_rows > 0 {
            ms * 1e6 / report.n_rows as f64
        } else {
            0.0
        };
        format!("{stage}: {}, {per_row:.0} ns/row", format::time(*ms))
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// Goes round: as the system, light, dark.
#[component]
fn ThemeButton(props: &PartProps) -> Html {
    let theme = props.state.theme;
    use_effect_with(theme, |theme| {
        let name = match theme {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        if let Some(root) = web_sys::window()
            .and_then(|w| w.document())
            .and_then(|d| d.document_element())
        {
            // Without the attribute the page goes with the system.
            let _ = root.set_attribute("data-theme", name);
        }
        || ()
    });
    let (label, next) = match theme {
        Theme::System => ("Theme: system", Theme::Light),
        Theme::Light => ("Theme: light", Theme::Dark),
        Theme::Dark => ("Theme: dark", Theme::System),
    };
    let icon = match theme {
        Theme::System => "\u{25D0}",
        Theme::Light => "\u{2600}\u{FE0E}",
        Theme::Dark => "\u{263E}\u{FE0E}",
    };
    html! {
        <button class="button button-icon" onclick={choose(&props.state, Action::Theme(next))} aria-label={label} title={label}>{ icon }</button>
    }
}
