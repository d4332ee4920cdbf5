//! Rows of batches as values, and what comes of them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use rulestage_pipeline::runtime::Outcome;
use rulestage_runtime_wasmtime::{RowOutcome, RowResult, RowValue};

/// A row as values, which live as long as the test.
pub(crate) fn values(batch: &RecordBatch, row: usize) -> Vec<RowValue<'static>> {
    let columns = batch.columns().iter();
    columns.map(|column| value(column.as_ref(), row)).collect()
}

fn value(column: &dyn Array, row: usize) -> RowValue<'static> {
    let all = |items: &dyn Array| -> &'static [RowValue<'static>] {
        let items = (0..items.len()).map(|item| value(items, item));
        items.collect::<Vec<_>>().leak()
    };
    match column.data_type() {
        _ if column.is_null(row) => RowValue::Null,
        DataType::Boolean => RowValue::Boolean(column.as_boolean().value(row)),
        DataType::Int64 => RowValue::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => RowValue::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => RowValue::Text(column.as_string::<i32>().value(row).to_owned().leak()),
        DataType::List(_) => RowValue::List(all(column.as_list::<i32>().value(row).as_ref())),
        DataType::Struct(_) => {
            let fields = column.as_struct().columns().iter();
            let fields = fields.map(|field| value(field.as_ref(), row));
            RowValue::Struct(fields.collect::<Vec<_>>().leak())
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let [keys, values] = [0, 1].map(|part| all(entries.column(part).as_ref()));
            let entries = keys.iter().copied().zip(values.iter().copied());
            RowValue::Map(entries.collect::<Vec<_>>().leak())
        }
        other => panic!("no test has columns of {other}"),
    }
}

/// The values of a row are those of a batch with that row.
pub(crate) fn same(alone: &RowOutcome, batch: &Outcome) {
    assert_eq!(alone.error, batch.errors.first().cloned());
    for (value, column) in alone.values.iter().zip(&batch.columns) {
        let expected = result(column.as_ref(), 0);
        assert_eq!(format!("{value:?}"), format!("{expected:?}"), "NaN too");
    }
    assert_eq!(alone.values.len(), batch.columns.len());
}

fn result(column: &dyn Array, row: usize) -> RowResult {
    let all = |items: &dyn Array| (0..items.len()).map(|item| result(items, item)).collect();
    match column.data_type() {
        _ if column.is_null(row) => RowResult::Null,
        DataType::Boolean => RowResult::Boolean(column.as_boolean().value(row)),
        DataType::Int64 => RowResult::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => RowResult::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => RowResult::Text(column.as_string::<i32>().value(row).to_owned()),
        _ => RowResult::List(all(column.as_list::<i32>().value(row).as_ref())),
    }
}
