//! What would be shipped: each stage's component, and how another host runs it.

use super::state::Action;
use super::{PartProps, decisions, format};
use crate::protocol::StageReport;
use yew::prelude::*;

/// One card for each stage.
#[component]
pub(crate) fn ComponentTab(props: &PartProps) -> Html {
    let state = &props.state;
    if state.compiled.stages.is_empty() {
        return html! { <decisions::Empty state={state.clone()} controller={props.controller.clone()} /> };
    }
    html! { <div class="components">{ for state.compiled.stages.iter().rev().map(|stage| card(props, stage)) }</div> }
}

fn card(props: &PartProps, stage: &StageReport) -> Html {
    let download = {
        let (controller, stage) = (props.controller.clone(), stage.stage.clone());
        Callback::from(move |_: MouseEvent| controller.download(&stage))
    };
    let imports = if stage.imports.is_empty() {
        "none".to_owned()
    } else {
        stage.imports.join(", ")
    };
    let explains = stage.exports.iter().any(|name| name.contains("/explain@"));
    let world = match (stage.imports.is_empty(), explains) {
        (true, true) => "rulestage:stage/rules@0.1.0",
        (true, false) => "rulestage:stage/stage@0.1.0 alone",
        (false, _) => "rulestage:stage/inference@0.1.0",
    };
    let file = format!("{}.wasm", stage.stage);
    let command = format!("rulestage run {file} --input rows.csv --output decisions.csv");
    html! {
        <section class="card component" data-stage={stage.stage.clone()}>
            <h2>{ &stage.stage }<span class="quiet from">{ format!("{} {}", stage.name, stage.version) }</span></h2>
            <dl class="facts facts-wide">
                <div><dt>{ "world" }</dt><dd><code>{ world }</code></dd></div>
                <div><dt>{ "imports" }</dt><dd><code>{ imports }</code></dd></div>
                <div><dt>{ "exports" }</dt><dd><code>{ stage.exports.join(", ") }</code></dd></div>
                <div><dt>{ "source" }</dt><dd><code>{ &stage.source }</code></dd></div>
                <div><dt>{ "size" }</dt><dd>{ format!("{} ({} bytes)", format::size(stage.size_bytes), format::count(stage.size_bytes)) }</dd></div>
                <div><dt>{ "SHA-256" }</dt><dd><code class="digest">{ &stage.sha256 }</code></dd></div>
            </dl>
            <div class="sections" aria-label="size by section">
                { for stage.sections.iter().map(|(name, size)| {
                    let share = *size as f64 / stage.size_bytes.max(1) as f64 * 100.0;
                    html! {
                        <p class="section">
                            <span>{ name }</span>
                            <span class="bar-track"><i style={format!("width:{share:.1}%")} /></span>
                            <span class="bar-count">{ format::size(*size) }</span>
                        </p>
                    }
                }) }
            </div>
            <div class="schema">
                { schema("takes", &stage.inputs) }
                { schema("gives", &stage.outputs) }
            </div>
            <div class="row">
                <button class="button button-main" onclick={download}>{ format!("Download {file}") }</button>
                { wat_button(props, &stage.stage) }
            </div>
            if stage.is_rules {
                <p class="quiet">{ "These are the bytes that ran here. The same file runs elsewhere:" }</p>
                <pre class="sample">{ command }</pre>
            }
            { wat(props, &stage.stage) }
        </section>
    }
}

/// Shows the component as text, or hides it.
fn wat_button(props: &PartProps, stage: &str) -> Html {
    let is_shown = matches!(&props.state.wat, Some((shown, _)) if shown == stage);
    let click = {
        let (controller, dispatcher) = (props.controller.clone(), props.state.dispatcher());
        let stage = stage.to_owned();
        Callback::from(move |_: MouseEvent| {
            if is_shown {
                dispatcher.dispatch(Action::Wat(None));
            } else {
                controller.ask_wat(&stage);
            }
        })
    };
    let label = if is_shown { "Hide WAT" } else { "Show WAT" };
    html! { <button class="button" onclick={click} aria-expanded={is_shown.to_string()}>{ label }</button> }
}

/// The text, up to so many lines: the page stays quick, and the program prints all of them.
fn wat(props: &PartProps, stage: &str) -> Html {
    const MOST_LINES: usize = 2000;
    match &props.state.wat {
        Some((shown, Ok(text))) if shown == stage => {
            let end = text
                .match_indices('\n')
                .nth(MOST_LINES - 1)
                .map_or(text.len(), |(at, _)| at);
            let n_more = text[end..].lines().count().saturating_sub(1);
            html! {
                <>
                    <pre class="sample wat" tabindex="0" aria-label="the component as text">{ &text[..end] }</pre>
                    if n_more > 0 {
                        <p class="quiet">{ format!("and {} more lines: ", format::count(n_more)) }<code>{ "rulestage compile FILE.rules --emit wat" }</code></p>
                    }
                </>
            }
        }
        Some((shown, Err(message))) if shown == stage => html! { <p class="quiet">{ message }</p> },
        _ => Html::default(),
    }
}

fn schema(name: &str, fields: &[(String, String)]) -> Html {
    html! {
        <table>
            <caption>{ name }</caption>
            <tbody>
                { for fields.iter().map(|(name, type_name)| html! { <tr><td>{ name }</td><td class="type">{ type_name }</td></tr> }) }
            </tbody>
        </table>
    }
}
