//! How the outputs are distributed over all rows.

use super::state::{Action, RightTab};
use super::{PartProps, decisions, format};
use crate::protocol::{ColumnReport, Firing, Summary, View};
use yew::prelude::*;

/// One card for each output.
#[component]
pub(crate) fn SummaryTab(props: &PartProps) -> Html {
    let state = &props.state;
    let columns = &state.report.columns;
    let summarised: Vec<_> = decisions::column_order(columns)
        .into_iter()
        .map(|index| (index, &columns[index]))
        .filter(|(_, column)| column.summary.is_some())
        .collect();
    if summarised.is_empty() {
        return html! { <decisions::Empty state={state.clone()} controller={props.controller.clone()} /> };
    }
    html! {
        <div class="summary">
            <Firings state={state.clone()} controller={props.controller.clone()} />
            { for summarised.into_iter().map(|(index, column)| html! {
                <section class="card">
                    <h2>{ &column.name }<span class="type">{ &column.type_name }</span>
                        if let Some(stage) = &column.stage { <span class="quiet from">{ format!("from {stage}") }</span> }
                    </h2>
                    { distribution(props, index, column) }
                </section>
            }) }
        </div>
    }
}

/// So many conditions are shown unasked.
const FEW_STEPS: usize = 40;

/// How often each rule fires, as bars, and below each how many rows are left after each part of its condition; a click
/// shows the rule in the editor.
#[component]
fn Firings(props: &PartProps) -> Html {
    let state = &props.state;
    {
        let controller = props.controller.clone();
        use_effect_with(state.result, move |_| {
            controller.ask_firings();
            || ()
        });
    }
    let report = &state.firings;
    let n_steps: usize = report.rules.iter().map(|firing| firing.steps.len()).sum();
    let asked = use_state(|| None);
    let shows_steps = (*asked).unwrap_or(n_steps <= FEW_STEPS);
    let toggle = {
        let asked = asked.clone();
        Callback::from(move |_: MouseEvent| asked.set(Some(!shows_steps)))
    };
    let n_rows = report.n_rows.max(1);
    let bar = |firing: &Firing| {
        let share = firing.n_fired as f64 / n_rows as f64 * 100.0;
        let point = firing
            .place
            .clone()
            .map(|(path, from, to)| super::choose(state, Action::PointAt(path, from, to)));
        html! {
            <li>
                <button class="bar" onclick={point} title="show in the editor" data-rule={firing.name.clone()}>
                    <span class="bar-name">if firing.kind == "table" { <span class="rule-kind">{ "table " }</span> }{ &firing.name }</span>
                    <span class="bar-track"><i style={format!("width:{share:.2}%")} hidden={firing.n_fired == 0} /></span>
                    <span class="bar-count">{ format::count(firing.n_fired) }</span>
                    <span class="bar-share quiet">{ percent(share) }</span>
                </button>
                if shows_steps { { steps(firing, n_rows) } }
            </li>
        }
    };
    let mut stages: Vec<&str> = Vec::new();
    for firing in report.rules.iter().rev() {
        if !stages.contains(&firing.stage.as_str()) {
            stages.push(&firing.stage);
        }
    }
    html! {
        { for stages.into_iter().map(|stage| html! {
            <section class="card firings">
                <h2>{ "rules" }<span class="quiet from">{ format!("fired in {stage}") }</span>
                    if n_steps > 0 {
                        <button class={classes!("chip", shows_steps.then_some("is-on"))} aria-pressed={shows_steps.to_string()} onclick={toggle.clone()} title="where rows stop that don't fire">{ "conditions" }</button>
                    }
                </h2>
                <ul class="bars">{ for report.rules.iter().filter(|firing| firing.stage == stage).map(bar) }</ul>
            </section>
        }) }
    }
}

/// The funnel of a rule: what stops at each part of its condition, and what is left then.
fn steps(firing: &Firing, n_rows: usize) -> Html {
    let mut n_left = firing.n_reached;
    let mut steps: Vec<Html> = Vec::new();
    for (text, n_stopped) in &firing.steps {
        n_left = n_left.saturating_sub(*n_stopped);
        let left = n_left as f64 / n_rows as f64 * 100.0;
        let title = format!(
            "{text}: {} stop here, {} go on",
            format::rows(*n_stopped),
            format::count(n_left)
        );
        steps.push(html! {
            <li class="step" {title}>
                <code class="bar-name">{ text }</code>
                <span class="bar-track"><i style={format!("width:{left:.2}%")} hidden={n_left == 0} /></span>
                <span class="bar-count">{ fewer(*n_stopped) }</span>
                <span class="bar-share quiet">{ percent(*n_stopped as f64 / n_rows as f64 * 100.0) }</span>
            </li>
        });
    }
    if firing.n_failed > 0 {
        steps.push(html! {
            <li class="step is-failed" title="the condition failed, and with it the row">
                <span class="bar-name">{ "failed" }</span>
                <span />
                <span class="bar-count">{ fewer(firing.n_failed) }</span>
                <span class="bar-share quiet">{ percent(firing.n_failed as f64 / n_rows as f64 * 100.0) }</span>
            </li>
        });
    }
    html! { <ul class="steps" aria-label={format!("where rows stop in {}", firing.name)}>{ for steps }</ul> }
}

/// With one digit behind the point; what is little is not nothing.
fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.1 {
        "< 0.1 %".to_owned()
    } else {
        format!("{share:.1} %")
    }
}

fn distribution(props: &PartProps, index: usize, column: &ColumnReport) -> Html {
    match &column.summary {
        Some(Summary::Counts { values, n_others }) => {
            // Of a list's elements a row has several, so bars are lengths relative to the longest.
            let most = values.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
            let is_list = column.type_name.starts_with("list");
            html! {
                <>
                    <ul class="bars">
                        { for values.iter().map(|(value, n)| bar(props, index, value, *n, most, is_list)) }
                    </ul>
                    if *n_others > 0 { <p class="quiet">{ format!("and {} with other values", format::rows(*n_others)) }</p> }
                    if values.is_empty() { <p class="quiet">{ "no values" }</p> }
                </>
            }
        }
        Some(Summary::Numbers {
            min,
            max,
            mean,
            sum,
            bins,
            n_missing,
        }) => {
            let most = bins.iter().copied().max().unwrap_or(1).max(1);
            let width = (max - min) / bins.len().max(1) as f64;
            html! {
                <>
                    <div class="histogram" role="img" aria-label={format!("distribution from {} to {}", format::number(*min), format::number(*max))}>
                        { for bins.iter().enumerate().map(|(bin, n)| {
                            let from = min + width * bin as f64;
                            let title = format!("{} to {}: {}", format::number(from), format::number(from + width), format::rows(*n));
                            // The root keeps small bins visible beside a large one.
                            let height = if *n == 0 { 0.0 } else { ((*n as f64 / most as f64).sqrt() * 100.0).max(2.0) };
                            html! { <div class="bin" {title}><i style={format!("height:{height:.1}%")} /></div> }
                        }) }
                    </div>
                    <p class="axis"><span>{ format::number(*min) }</span><span class="quiet">{ "heights: square root of rows" }</span><span>{ format::number(*max) }</span></p>
                    <dl class="facts">
                        <div><dt>{ "mean" }</dt><dd>{ format::number(*mean) }</dd></div>
                        <div><dt>{ "sum" }</dt><dd>{ format::number(*sum) }</dd></div>
                        if *n_missing > 0 { <div><dt>{ "null or not finite" }</dt><dd>{ format::count(*n_missing) }</dd></div> }
                    </dl>
                </>
            }
        }
        None => Html::default(),
    }
}

fn bar(props: &PartProps, index: usize, value: &str, n: usize, most: usize, is_list: bool) -> Html {
    let state = &props.state;
    let total = state.report.n_rows.max(1);
    let filter = {
        let dispatcher = state.dispatcher();
        let view = View {
            filter: Some((index, value.to_owned())),
            ..state.view.clone()
        };
        Callback::from(move |_: MouseEvent| {
            dispatcher.dispatch(Action::View(view.clone()));
            dispatcher.dispatch(Action::RightTab(RightTab::Decisions));
        })
    };
    let share = percent(n as f64 / total as f64 * 100.0);
    html! {
        <li>
            <button class="bar" onclick={filter} title={if is_list { "show the rows that have it" } else { "show these rows" }}>
                <span class="bar-name">{ decisions::shown(value) }</span>
                <span class="bar-track"><i style={format!("width:{:.2}%", n as f64 / most as f64 * 100.0)} /></span>
                <span class="bar-count">{ format::count(n) }</span>
                <span class="bar-share quiet">{ share }</span>
            </button>
        </li>
    }
}

/// So many rows less.
fn fewer(n_rows: usize) -> String {
    let sign = if n_rows == 0 { "" } else { "\u{2212}" };
    format!("{sign}{}", format::count(n_rows))
}
