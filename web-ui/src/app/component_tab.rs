//! What would be shipped: each stage's component, and how another host runs it.

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
    let world = if stage.imports.is_empty() {
        "rulestage:stage/rules@0.1.0"
    } else {
        "rulestage:stage/inference@0.1.0"
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
            <div class="schema">
                { schema("takes", &stage.inputs) }
                { schema("gives", &stage.outputs) }
            </div>
            <button class="button button-main" onclick={download}>{ format!("Download {file}") }</button>
            if stage.is_rules {
                <p class="quiet">{ "These are the bytes that ran here. The same file runs elsewhere:" }</p>
                <pre class="sample">{ command }</pre>
            }
        </section>
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
