//! Why one row came out as it did.

use super::state::{Action, RightTab, Selected};
use super::{PartProps, format};
use crate::protocol::{ExpressionWhy, RuleWhy, StageWhy};
use yew::prelude::*;

/// The chosen row: each rule in order, fired or not, with the values inside its condition.
#[component]
pub(crate) fn Why(props: &PartProps) -> Html {
    let (state, controller) = (&props.state, &props.controller);
    {
        let controller = controller.clone();
        use_effect_with(
            (state.selected.map(|selected| selected.row), state.result),
            move |(row, _)| {
                if let Some(row) = row {
                    controller.ask_why(*row);
                }
                || ()
            },
        );
    }
    // Without a choice, the first row that the table shows.
    let first = state.page.rows.first().map(|(row, _)| Selected {
        position: state.page.start,
        row: *row,
    });
    {
        let state = state.clone();
        use_effect_with(
            (state.selected.is_none(), first.map(|first| first.row)),
            move |(is_open, _)| {
                if let (true, Some(first)) = (*is_open, first) {
                    state.dispatch(Action::Select(Some(first)));
                }
                || ()
            },
        );
    }
    let Some(selected) = state.selected else {
        let decisions = super::choose(state, Action::RightTab(RightTab::Decisions));
        return html! {
            <div class="empty">
                <p>{ "There is no row to explain yet." }</p>
                <button class="button" onclick={decisions}>{ "Show the decisions" }</button>
            </div>
        };
    };
    let step = |position: Option<usize>, label: &str, icon: &str| {
        let target = position
            .and_then(|position| row_at(props, position).map(|row| Selected { position, row }));
        let choose = target.map(|target| super::choose(state, Action::Select(Some(target))));
        html! { <button class="button button-icon" disabled={choose.is_none()} onclick={choose} aria-label={label.to_owned()} title={label.to_owned()}>{ icon }</button> }
    };
    html! {
        <div class="why">
            <div class="why-head">
                <h2>{ format!("Row {}", format::count(selected.row)) }</h2>
                { step(selected.position.checked_sub(1), "previous row", "\u{2039}") }
                { step(Some(selected.position + 1), "next row", "\u{203A}") }
            </div>
            if let Some(why) = &state.why {
                if why.row == selected.row {
                    // The decision first, then what led to it.
                    { for why.stages.iter().rev().map(|stage| stage_part(props, stage)) }
                }
            } else {
                <p class="quiet" aria-busy="true">{ "asking\u{2026}" }</p>
            }
        </div>
    }
}

fn row_at(props: &PartProps, position: usize) -> Option<usize> {
    let page = &props.state.page;
    page.rows
        .get(position.checked_sub(page.start)?)
        .map(|(row, _)| *row)
}

fn stage_part(props: &PartProps, stage: &StageWhy) -> Html {
    let n_fired = stage
        .rules
        .iter()
        .filter(|rule| rule.verdict == "fired")
        .count();
    html! {
        <section class="why-stage">
            <h3>{ &stage.stage }
                if !stage.rules.is_empty() { <span class="quiet">{ format!("{n_fired} of {} fired", stage.rules.len()) }</span> }
            </h3>
            <div class="values">
                { values("in", &stage.inputs, false) }
                { values("out", &stage.outputs, true) }
            </div>
            if let Some(failure) = &stage.failure { <p class="quiet">{ failure }</p> }
            if !stage.lets.is_empty() {
                <details class="lets">
                    <summary class="quiet">{ format!("{} definitions", stage.lets.len()) }</summary>
                    <ul class="tree">{ for stage.lets.iter().map(|definition| expression(props, stage, definition)) }</ul>
                </details>
            }
            <ol class="rules">{ for stage.rules.iter().map(|rule| rule_part(props, stage, rule)) }</ol>
        </section>
    }
}

fn values(name: &str, values: &[(String, Option<String>)], is_made: bool) -> Html {
    if values.is_empty() {
        return Html::default();
    }
    html! {
        <dl class={classes!("value-list", is_made.then_some("is-made"))} aria-label={name.to_owned()}>
            { for values.iter().map(|(name, value)| html! {
                <div><dt>{ name }</dt>{ value_shown(value.as_deref()) }</div>
            }) }
        </dl>
    }
}

fn value_shown(value: Option<&str>) -> Html {
    match value {
        None => html! { <dd class="quiet">{ "null" }</dd> },
        Some("") => html! { <dd class="quiet">{ "(empty)" }</dd> },
        Some(value) => html! { <dd>{ value }</dd> },
    }
}

fn rule_part(props: &PartProps, stage: &StageWhy, rule: &RuleWhy) -> Html {
    let (mark, class) = match rule.verdict.as_str() {
        "fired" => ("\u{2713}", "is-fired"),
        "failed" => ("!", "is-failed"),
        _ => ("\u{2013}", "is-not-fired"),
    };
    html! {
        <li class={classes!("rule", class)}>
            // What fired is open; what did not is one click away.
            <details open={rule.verdict != "not fired"}>
                <summary>
                    <i class="mark" aria-hidden="true">{ mark }</i>
                    <span class="rule-name">
                        if rule.kind == "table" { <span class="rule-kind">{ "table " }</span> }
                        { &rule.name }
                    </span>
                    <span class="verdict">{ &rule.verdict }</span>
                    if rule.priority != 0 { <span class="quiet">{ format!("priority {}", rule.priority) }</span> }
                    <span class="gives">
                        { for rule.contributions.iter().map(|(output, value)| html! {
                            <span class="give">{ output }{ " = " }<b>{ value.value.clone().unwrap_or_else(|| value.text.clone()) }</b></span>
                        }) }
                    </span>
                </summary>
                if !rule.doc.is_empty() { <p class="quiet">{ &rule.doc }</p> }
                if rule.kind == "table" { { hits(props, stage, rule) } }
                <ul class="tree">{ for conditions(rule).map(|part| expression(props, stage, part)) }</ul>
            </details>
        </li>
    }
}

/// The parts of the condition; of a table only what its header does not show already.
fn conditions(rule: &RuleWhy) -> impl Iterator<Item = &ExpressionWhy> {
    let parts = &rule.conditions;
    let mut n_roots = 0;
    parts.iter().enumerate().filter_map(move |(index, part)| {
        n_roots += usize::from(part.depth == 0);
        let is_in_header = part.depth == 0 && n_roots <= rule.n_columns;
        let has_parts = parts.get(index + 1).is_some_and(|next| next.depth > 0);
        (!is_in_header || has_parts).then_some(part)
    })
}

/// The header of a table with its values, and the rows that matched; a click shows a row in the editor.
fn hits(props: &PartProps, stage: &StageWhy, rule: &RuleWhy) -> Html {
    let roots = rule.conditions.iter().filter(|part| part.depth == 0);
    let columns: Vec<&ExpressionWhy> = roots.take(rule.n_columns).collect();
    let mut outputs: Vec<&str> = Vec::new();
    for (output, _) in rule.rows.iter().flat_map(|row| &row.gives) {
        if !outputs.contains(&output.as_str()) {
            outputs.push(output);
        }
    }
    let show = |from: u32, to: u32| {
        let path = stage.path.clone()?;
        Some(super::choose(&props.state, Action::PointAt(path, from, to)))
    };
    html! {
        <div class="hits">
            <table>
                <thead>
                    <tr>
                        <th scope="col" class="quiet">{ "row" }</th>
                        { for columns.iter().map(|column| html! {
                            <th scope="col">
                                <button class="expression" onclick={show(column.from, column.to)} title="show in the editor"><code>{ &column.text }</code></button>
                                <span class="result">{ column.value.clone().unwrap_or_else(|| "not asked for".to_owned()) }</span>
                            </th>
                        }) }
                        { for outputs.iter().map(|output| html! { <th scope="col" class="made">{ *output }</th> }) }
                    </tr>
                </thead>
                <tbody>
                    { for rule.rows.iter().map(|row| html! {
                        <tr>
                            <td><button class="expression" onclick={show(row.from, row.to)} title="show in the editor">{ row.number }</button></td>
                            { for row.cells.iter().map(|cell| html! { <td><code>{ cell }</code></td> }) }
                            { for outputs.iter().map(|output| {
                                let given = row.gives.iter().find(|(name, _)| name == output);
                                html! { <td class="made"><code>{ given.map_or("\u{2013}", |(_, value)| value) }</code></td> }
                            }) }
                        </tr>
                    }) }
                </tbody>
            </table>
            if rule.rows.is_empty() { <p class="quiet">{ "no row matches" }</p> }
        </div>
    }
}

/// An expression with its value, indented by its level; a click shows it in the editor.
fn expression(props: &PartProps, stage: &StageWhy, part: &ExpressionWhy) -> Html {
    let value = part.value.as_deref();
    let class = match value {
        Some("true") => "is-true",
        Some("false") => "is-false",
        Some(text) if text.starts_with("error: ") => "is-error",
        Some(_) => "is-value",
        None => "is-skipped",
    };
    let point = stage.path.as_ref().map(|path| {
        super::choose(
            &props.state,
            Action::PointAt(path.clone(), part.from, part.to),
        )
    });
    html! {
        <li style={format!("--level:{}", part.depth)}>
            <button class="expression" onclick={point} title="show in the editor"><code>{ &part.text }</code></button>
            <span class={classes!("result", class)}>{ value.unwrap_or("not asked for").to_owned() }</span>
        </li>
    }
}
