//! Where the rows come from: the sample, a dropped or chosen file, or pasted text.

use super::state::Action;
use super::{PartProps, choose, format};
use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// The name of the data, and the ways to bring other data.
#[component]
pub(crate) fn DataBar(props: &PartProps) -> Html {
    let (state, controller) = (&props.state, &props.controller);
    let is_pasting = use_state(|| false);
    let choose_file = {
        let controller = controller.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Some(files) = input.files() {
                controller.take_files(&files);
            }
            input.set_value("");
        })
    };
    let toggle = {
        let is_pasting = is_pasting.clone();
        Callback::from(move |_: MouseEvent| is_pasting.set(!*is_pasting))
    };
    let close = {
        let is_pasting = is_pasting.clone();
        Callback::from(move |()| is_pasting.set(false))
    };
    let takes_files = state.takes_files();
    let accept = (!takes_files).then_some(".csv,.ndjson,.jsonl,.json,.onnx");
    let name = state
        .data
        .as_ref()
        .map(|data| data.name.clone())
        .unwrap_or_default();
    html! {
        <>
            <div class="data">
                <p class="data-name" title={name.clone()}>
                    <strong>{ &name }</strong>
                    if state.report.n_rows > 0 || state.report.n_failed > 0 {
                        <span class="quiet">{ format::rows(state.report.n_rows + state.report.n_failed) }</span>
                    }
                </p>
                <label class="button button-quiet">
                    { if takes_files { "Open files" } else { "Open file" } }
                    <input class="hidden" type="file" id="open-file" multiple={takes_files} accept={accept} onchange={choose_file} />
                </label>
                if takes_files {
                    <p class="quiet privacy">{ "or drop any files. Nothing leaves this browser." }</p>
                } else {
                    <button class="button button-quiet" onclick={toggle} aria-expanded={is_pasting.to_string()}>{ "Paste" }</button>
                    <p class="quiet privacy">{ "or drop a file. Nothing leaves this browser." }</p>
                }
            </div>
            if *is_pasting && !takes_files {
                <Paste {close} controller={controller.clone()} />
            }
            <DroppedModel state={state.clone()} controller={controller.clone()} />
            <RowProblems state={state.clone()} controller={controller.clone()} />
        </>
    }
}

#[derive(Properties, PartialEq)]
struct PasteProps {
    close: Callback<()>,
    controller: std::rc::Rc<super::controller::Controller>,
}

#[component]
fn Paste(props: &PasteProps) -> Html {
    let area = use_node_ref();
    {
        let area = area.clone();
        use_effect_with((), move |()| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                let _ = area.focus();
            }
            || ()
        });
    }
    let take = {
        let (area, controller, close) =
            (area.clone(), props.controller.clone(), props.close.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                controller.take_text(&area.value());
                close.emit(());
            }
        })
    };
    let cancel = {
        let close = props.close.clone();
        Callback::from(move |_: MouseEvent| close.emit(()))
    };
    html! {
        <div class="paste">
            <textarea ref={area} aria-label="rows as CSV, NDJSON or JSON" rows="6"
                placeholder={"name,amount\nAda,120.5\n\nor one JSON object on each line"} />
            <div class="row">
                <button class="button button-main" onclick={take}>{ "Use these rows" }</button>
                <button class="button" onclick={cancel}>{ "Cancel" }</button>
            </div>
        </div>
    }
}

/// The model that was dropped last: what it takes and gives, and what can run it.
#[component]
fn DroppedModel(props: &PartProps) -> Html {
    let Some(model) = &props.state.model else {
        return Html::default();
    };
    let verdict = if model.compiles {
        "is a stage"
    } else {
        "is no stage by itself"
    };
    html! {
        <details class="model" open=true>
            <summary>{ format!("{} {verdict}", model.name) }</summary>
            <dl class="facts facts-wide">
                { for model.facts.iter().map(|(name, lines)| html! {
                    <div><dt>{ name }</dt><dd>{ for lines.iter().map(|line| html! { <code>{ line }{ " " }</code> }) }</dd></div>
                }) }
            </dl>
            <button class="link" onclick={choose(&props.state, Action::Model(None))}>{ "close" }</button>
        </details>
    }
}

/// Rows that have no decision.
#[component]
fn RowProblems(props: &PartProps) -> Html {
    let report = &props.state.report;
    if report.row_problems.is_empty() {
        return Html::default();
    }
    let n = report.n_failed.max(report.row_problems.len());
    html! {
        <details class="row-problems">
            <summary>{ format!("{} without a decision", format::rows(n)) }</summary>
            <ol>
                { for report.row_problems.iter().map(|problem| html! {
                    <li><span class="quiet">{ &problem.place }</span>{ " " }{ &problem.message }</li>
                }) }
            </ol>
        </details>
    }
}
