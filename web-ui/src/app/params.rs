//! Parameters as fields and sliders: they change a run without a new compilation.

use super::PartProps;
use super::state::Action;
use crate::protocol::{ParamReport, ParamValue};
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// All parameters of all stages.
#[component]
pub(crate) fn Params(props: &PartProps) -> Html {
    let state = &props.state;
    let reset = super::choose(state, Action::ResetParams);
    html! {
        <div class="params">
            { for state.compiled.stages.iter().filter(|stage| !stage.params.is_empty()).map(|stage| html! {
                <fieldset class="param-group">
                    <legend>{ &stage.stage }</legend>
                    { for stage.params.iter().map(|param| html! {
                        <Param key={format!("{}/{}", stage.stage, param.name)} stage={stage.stage.clone()} param={param.clone()}
                            text={state.param(&stage.stage, &param.name).unwrap_or(&param.default).to_owned()} dispatcher={state.dispatcher()} />
                    }) }
                </fieldset>
            }) }
            <p class="quiet">{ "A change runs at once, with the same component: hosts set parameters when they open the stage." }</p>
            if !state.project.params.is_empty() {
                <button class="button" onclick={reset}>{ "Back to the defaults" }</button>
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ParamProps {
    stage: String,
    param: ParamReport,
    text: String,
    dispatcher: yew::UseReducerDispatcher<super::state::State>,
}

#[component]
fn Param(props: &ParamProps) -> Html {
    let ParamProps {
        stage,
        param,
        text,
        dispatcher,
    } = props;
    let set = {
        let (stage, name, dispatcher) = (stage.clone(), param.name.clone(), dispatcher.clone());
        Callback::from(move |text: String| {
            dispatcher.dispatch(Action::Param(ParamValue {
                stage: stage.clone(),
                name: name.clone(),
                text,
            }));
        })
    };
    let from_input = {
        let set = set.clone();
        Callback::from(move |event: InputEvent| {
            set.emit(event.target_unchecked_into::<HtmlInputElement>().value())
        })
    };
    let id = format!("param-{stage}-{}", param.name);
    let is_changed = *text != param.default;
    let field = match param.type_name.trim_end_matches('?') {
        "bool" => {
            let on_change = {
                let set = set.clone();
                Callback::from(move |event: Event| {
                    set.emit(
                        event
                            .target_unchecked_into::<HtmlInputElement>()
                            .checked()
                            .to_string(),
                    );
                })
            };
            html! { <input type="checkbox" id={id.clone()} checked={text == "true"} onchange={on_change} /> }
        }
        "int" | "uint" | "double" => {
            let (low, high, step) = range(param);
            html! {
                <>
                    <input type="range" aria-label={format!("{} as a slider", param.name)} min={low.to_string()} max={high.to_string()} step={step.clone()}
                        value={text.clone()} oninput={from_input.clone()} />
                    <input type="number" class="number" id={id.clone()} step={step} value={text.clone()} oninput={from_input} />
                </>
            }
        }
        _ => {
            html! { <input type="text" id={id.clone()} value={text.clone()} oninput={from_input} /> }
        }
    };
    html! {
        <div class={classes!("param", is_changed.then_some("is-changed"))}>
            <label for={id}>{ &param.name }<span class="type">{ &param.type_name }</span></label>
            <div class="param-field">{ field }</div>
            <p class="quiet">{ &param.doc }
                if is_changed { <span>{ format!(" default {}", param.default) }</span> }
            </p>
        </div>
    }
}

/// A slider's range around the default, and its step.
fn range(param: &ParamReport) -> (f64, f64, String) {
    let default: f64 = param.default.parse().unwrap_or_default();
    let is_whole = param.type_name != "double";
    if !is_whole && (0.0..=1.0).contains(&default) {
        return (0.0, 1.0, "0.01".to_owned());
    }
    let high = if default == 0.0 {
        100.0
    } else {
        default.abs() * 2.0
    };
    let low = if default < 0.0 { -high } else { 0.0 };
    let step = if is_whole || high >= 100.0 {
        "1"
    } else {
        "0.1"
    };
    (low, high, step.to_owned())
}
