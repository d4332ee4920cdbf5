//! The result of a run: selection, order, pages of text, and how each column is distributed.

use super::cells;
use crate::protocol::{RowPage, Summary, View};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use rulestage_sort::sort_by_key;
use std::cell::RefCell;
use std::collections::BTreeMap;

const MOST_VALUES: usize = 24;
/// Integers with no more values than this are shown as bars, one for each.
const FEW_INTEGERS: usize = 12;
const N_BINS: usize = 32;

/// A result and the last selection from it.
pub(crate) struct Table {
    pub(crate) rows: RecordBatch,
    selection: RefCell<Option<(View, Vec<u32>)>>,
}

impl Table {
    pub(crate) fn new(rows: RecordBatch) -> Self {
        Self {
            rows,
            selection: RefCell::default(),
        }
    }

    /// Rows `start ..` of a view.
    pub(crate) fn page(&self, view: &View, start: usize, count: usize) -> RowPage {
        let mut selection = self.selection.borrow_mut();
        if selection.as_ref().is_none_or(|(known, _)| known != view) {
            *selection = Some((view.clone(), self.select(view)));
        }
        let indices = selection
            .as_ref()
            .map(|(_, indices)| indices.as_slice())
            .unwrap_or_default();
        let start = start.min(indices.len());
        let end = (start + count).min(indices.len());
        let rows = indices[start..end].iter().map(|row| {
            let row = *row as usize;
            (
                row,
                self.rows
                    .columns()
                    .iter()
                    .map(|column| cells::text(column, row))
                    .collect(),
            )
        });
        RowPage {
            view: view.clone(),
            start,
            n_rows: indices.len(),
            rows: rows.collect(),
        }
    }

    fn select(&self, view: &View) -> Vec<u32> {
        let n_rows = self.rows.num_rows();
        let mut indices: Vec<u32> = match &view.filter {
            Some((column, value)) if *column < self.rows.num_columns() => {
                let array = self.rows.column(*column);
                (0..n_rows)
                    .filter(|row| cells::elements(array, *row).contains(value))
                    .map(|row| row as u32)
                    .collect()
            }
            _ => (0..n_rows as u32).collect(),
        };
        if let Some((column, is_descending)) = view.sort
            && column < self.rows.num_columns()
        {
            let array = self.rows.column(column);
            indices.sort_by(|a, b| {
                let (a, b) = (*a as usize, *b as usize);
                let order = cells::compare(array, a, b);
                // Null stays last either way.
                if is_descending && !array.is_null(a) && !array.is_null(b) {
                    order.reverse()
                } else {
                    order
                }
            });
        }
        indices
    }
}

/// How a column's values are distributed; `None` for types that say nothing as a chart.
pub(crate) fn summarise(array: &ArrayRef) -> Option<Summary> {
    match array.data_type() {
        DataType::Boolean | DataType::Utf8 | DataType::List(_) => Some(counts(array, true)),
        data_type if data_type.is_integer() && has_few_values(array) => Some(counts(array, false)),
        data_type if data_type.is_numeric() => Some(numbers(array)),
        _ => None,
    }
}

fn has_few_values(array: &ArrayRef) -> bool {
    let mut seen = Vec::new();
    (0..array.len()).all(|row| {
        let value = cells::integer(array, row);
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen.len() <= FEW_INTEGERS
    })
}

fn counts(array: &ArrayRef, is_by_frequency: bool) -> Summary {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in 0..array.len() {
        for value in cells::elements(array, row) {
            *counts.entry(value).or_default() += 1;
        }
    }
    let mut values: Vec<(String, usize)> = counts.into_iter().collect();
    if is_by_frequency {
        sort_by_key(&mut values, |(_, n)| std::cmp::Reverse(*n));
    } else {
        sort_by_key(&mut values, |(value, _)| {
            value.parse::<i64>().unwrap_or_default()
        });
    }
    let n_others = values.iter().skip(MOST_VALUES).map(|(_, n)| n).sum();
    values.truncate(MOST_VALUES);
    Summary::Counts { values, n_others }
}

fn numbers(array: &ArrayRef) -> Summary {
    let values: Vec<f64> = (0..array.len())
        .filter_map(|row| cells::number(array, row))
        .filter(|value| value.is_finite())
        .collect();
    let n_missing = array.len() - values.len();
    let (mut min, mut max, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
    for value in &values {
        min = min.min(*value);
        max = max.max(*value);
        sum += value;
    }
    if values.is_empty() {
        return Summary::Numbers {
            min: 0.0,
            max: 0.0,
            mean: 0.0,
            sum: 0.0,
            bins: Vec::new(),
            n_missing,
        };
    }
    let mut bins = vec![0; N_BINS];
    let width = (max - min) / N_BINS as f64;
    for value in &values {
        let bin = if width > 0.0 {
            ((value - min) / width) as usize
        } else {
            0
        };
        bins[bin.min(N_BINS - 1)] += 1;
    }
    Summary::Numbers {
        min,
        max,
        mean: sum / values.len() as f64,
        sum,
        bins,
        n_missing,
    }
}
