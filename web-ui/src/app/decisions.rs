//! The rows with their decisions: only those in sight are in the page, and the worker sorts and filters.

use super::state::{Action, Selected, State};
use super::{PartProps, format};
use crate::protocol::{ColumnReport, Summary, View};
use web_sys::Element;
use yew::prelude::*;

const ROW_PX: usize = 32;
/// Rows asked for at once, and how many of them may lie above the first in sight.
const PAGE_ROWS: usize = 120;
const ROWS_ABOVE: usize = 40;
/// Values to filter by that are offered above the table.
const MOST_CHIPS: usize = 16;

/// Counts to filter by, and the table.
#[component]
pub(crate) fn Decisions(props: &PartProps) -> Html {
    let state = &props.state;
    if state.report.columns.is_empty() {
        return html! { <Empty state={state.clone()} controller={props.controller.clone()} /> };
    }
    html! {
        <div class="decisions">
            <Counts state={state.clone()} controller={props.controller.clone()} />
            <Table state={state.clone()} controller={props.controller.clone()} />
        </div>
    }
}

/// Before the first result.
#[component]
pub(crate) fn Empty(props: &PartProps) -> Html {
    if props.state.is_running() {
        return html! { <div class="empty" aria-busy="true"><p>{ "Running the example\u{2026}" }</p></div> };
    }
    html! { <div class="empty"><p>{ "No decisions yet." }</p><p class="quiet">{ "They appear here as soon as the rules compile and run." }</p></div> }
}

/// The first text that the last stage with texts produces, with its counts: a click filters.
#[component]
fn Counts(props: &PartProps) -> Html {
    let state = &props.state;
    let texts = state.report.columns.iter().enumerate();
    let texts = texts.filter_map(|(index, column)| match &column.summary {
        Some(Summary::Counts { values, .. }) if column.type_name.starts_with("string") => {
            Some((index, column, values))
        }
        _ => None,
    });
    let last = texts
        .clone()
        .next_back()
        .map(|(_, column, _)| &column.stage);
    let found = texts
        .clone()
        .find(|(_, column, _)| Some(&column.stage) == last);
    let filter_chip = state.view.filter.as_ref().map(|(column, value)| {
        let name = state.report.columns.get(*column).map(|column| column.name.clone()).unwrap_or_default();
        let clear = super::choose(state, Action::View(View { filter: None, ..state.view.clone() }));
        html! {
            <button class="chip is-on" onclick={clear} title="show all rows">
                { format!("{name} = {value}") }<span class="chip-close" aria-hidden="true">{ "\u{00D7}" }</span>
            </button>
        }
    });
    let counts = found.map(|(index, column, values)| {
        html! {
            <>
                <span class="quiet counts-name">{ &column.name }</span>
                { for values.iter().take(MOST_CHIPS).map(|(value, n)| {
                    let is_on = state.view.filter.as_ref() == Some(&(index, value.clone()));
                    let filter = (!is_on).then(|| (index, value.clone()));
                    let choose = super::choose(state, Action::View(View { filter, ..state.view.clone() }));
                    html! {
                        <button class={classes!("chip", is_on.then_some("is-on"))} aria-pressed={is_on.to_string()} onclick={choose} data-value={value.clone()}>
                            { shown(value) }<b>{ format::count(*n) }</b>
                        </button>
                    }
                }) }
            </>
        }
    });
    let is_listed = state.view.filter.as_ref().is_some_and(|filter| {
        found.is_some_and(|(index, _, values)| {
            filter.0 == index
                && values
                    .iter()
                    .take(MOST_CHIPS)
                    .any(|(value, _)| *value == filter.1)
        })
    });
    html! {
        <div class="counts" aria-label="rows per value">
            { for counts }
            if !is_listed { { for filter_chip } }
        </div>
    }
}

/// An empty text still needs something to click on.
pub(crate) fn shown(value: &str) -> String {
    if value.is_empty() {
        "(empty)".to_owned()
    } else {
        value.to_owned()
    }
}

#[component]
fn Table(props: &PartProps) -> Html {
    let (state, controller) = (&props.state, &props.controller);
    let scroller = use_node_ref();
    let first_visible = use_state(|| 0_usize);
    let start = first_visible.saturating_sub(ROWS_ABOVE) / ROWS_ABOVE * ROWS_ABOVE;
    {
        let controller = controller.clone();
        let view = state.view.clone();
        use_effect_with(
            (state.view.clone(), start, state.result),
            move |(_, start, _)| {
                controller.ask_rows(&view, *start, PAGE_ROWS);
                || ()
            },
        );
    }
    {
        // Another selection or order starts at its top.
        let scroller = scroller.clone();
        use_effect_with(state.view.clone(), move |_| {
            if let Some(scroller) = scroller.cast::<Element>() {
                scroller.set_scroll_top(0);
            }
            || ()
        });
    }
    let on_scroll = {
        let first_visible = first_visible.clone();
        Callback::from(move |event: Event| {
            let top = event.target_unchecked_into::<Element>().scroll_top().max(0) as usize;
            first_visible.set(top / ROW_PX);
        })
    };
    let page = &state.page;
    let columns = &state.report.columns;
    let order = column_order(columns);
    let is_empty = page.n_rows == 0 && page.view == state.view && state.result > 0;
    html! {
        <div class="table" ref={scroller} onscroll={on_scroll} tabindex="0" aria-label="decisions">
            <table>
                <thead>
                    <tr>
                        <th class="row-number" scope="col">{ "#" }</th>
                        { for order.iter().map(|index| head(state, *index, &columns[*index])) }
                    </tr>
                </thead>
                <tbody>
                    <tr aria-hidden="true" class="spacer" style={format!("height:{}px", page.start * ROW_PX)} />
                    { for page.rows.iter().enumerate().map(|(index, (row, cells))| {
                        let position = page.start + index;
                        body_row(state, position, *row, cells, &order)
                    }) }
                    <tr aria-hidden="true" class="spacer" style={format!("height:{}px", page.n_rows.saturating_sub(page.start + page.rows.len()) * ROW_PX)} />
                </tbody>
            </table>
            if is_empty {
                <div class="empty">
                    <p>{ if state.report.n_rows == 0 { "The data has no rows." } else { "No row has this value any more." } }</p>
                </div>
            }
        </div>
    }
}

/// What the last stage decided first, then the data, then what the stages before it added.
pub(crate) fn column_order(columns: &[ColumnReport]) -> Vec<usize> {
    let last = columns.iter().rev().find_map(|column| column.stage.clone());
    let rank = |index: &usize| match &columns[*index].stage {
        stage @ Some(_) if *stage == last => 0,
        None => 1,
        Some(_) => 2,
    };
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(rank);
    order
}

fn head(state: &UseReducerHandle<State>, index: usize, column: &ColumnReport) -> Html {
    let (arrow, sort, order) = match state.view.sort {
        Some((sorted, false)) if sorted == index => ("\u{2191}", Some((index, true)), "ascending"),
        Some((sorted, true)) if sorted == index => ("\u{2193}", None, "descending"),
        _ => ("", Some((index, false)), "none"),
    };
    let choose = super::choose(
        state,
        Action::View(View {
            sort,
            ..state.view.clone()
        }),
    );
    let made_by = column
        .stage
        .as_ref()
        .map(|stage| format!("made by {stage}"));
    let class = classes!(
        column.is_numeric.then_some("number"),
        column.stage.is_some().then_some("made")
    );
    html! {
        <th {class} scope="col" aria-sort={order} title={made_by}>
            <button onclick={choose}>
                <span>{ &column.name }<i class="arrow">{ arrow }</i></span>
                <span class="type">{ &column.type_name }</span>
            </button>
        </th>
    }
}

fn body_row(
    state: &UseReducerHandle<State>,
    position: usize,
    row: usize,
    cells: &[Option<String>],
    order: &[usize],
) -> Html {
    let columns = &state.report.columns;
    let is_selected = state.selected.is_some_and(|selected| selected.row == row);
    let select = Action::Select(Some(Selected { position, row }));
    let on_key = {
        let (dispatcher, select) = (state.dispatcher(), select.clone());
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" {
                dispatcher.dispatch(select.clone());
            }
        })
    };
    html! {
        <tr key={row} class={classes!(is_selected.then_some("is-selected"))} onclick={super::choose(state, select)} onkeydown={on_key} tabindex="0" title="why?">
            <td class="row-number">{ format::count(row) }</td>
            { for order.iter().filter_map(|index| Some((cells.get(*index)?, columns.get(*index)?))).map(|(cell, column)| {
                let class = classes!(column.is_numeric.then_some("number"), column.stage.is_some().then_some("made"), cell.is_none().then_some("null"));
                let text = match cell {
                    None => "null".to_owned(),
                    Some(text) if column.is_numeric => format::cell(text),
                    Some(text) => text.clone(),
                };
                let title = cell.clone().filter(|whole| whole.len() > 24 || (column.is_numeric && *whole != text));
                html! { <td {class} {title}>{ text }</td> }
            }) }
        </tr>
    }
}
