//! Single values to and from Arrow columns.

use crate::dynamic;
use crate::wire::is_dynamic;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, TimeUnit};
use rulestage_rule_compiler::ir::Const;
use rulestage_rule_compiler::types::Type;

/// A batch of one row; `value` gives the value of a column by its index. Says which value does not fit.
pub fn one_row(
    schema: &SchemaRef,
    mut value: impl FnMut(usize) -> Const,
) -> Result<RecordBatch, String> {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let value = value(index);
        dynamic::array_of(field, &[&value]).ok_or_else(|| {
            format!(
                "`{}` can't take {value:?} as {}",
                field.name(),
                field.data_type()
            )
        })
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|error: ArrowError| error.to_string())
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The value of a row of a field's column.
pub fn value_of(array: &dyn Array, field: &Field, row: usize) -> Option<Const> {
    match value(array, row)? {
        Const::String(text) if is_dynamic(field) => {
            dynamic::from_json(&serde_json::from_str(&text).ok()?)
        }
        value => Some(value),
    }
}

/// The value of a row of an output of a rule set: columns hold decimals as text.
pub fn output_value(array: &dyn Array, field: &Field, row: usize, ty: &Type) -> Option<Const> {
    Some(match value_of(array, field, row)? {
        Const::String(text) if ty.is_text() => Const::Decimal(text.parse().ok()?),
        value => value,
    })
}

/// The value of a row; `None` where the column is of a type that rules don't produce.
fn value(array: &dyn Array, row: usize) -> Option<Const> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Some(Const::Null);
    }
    macro_rules! time {
        ($unit:expr, $second:ty, $millisecond:ty, $microsecond:ty, $nanosecond:ty) => {
            match $unit {
                TimeUnit::Second => array.as_primitive::<$second>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<$millisecond>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<$microsecond>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<$nanosecond>().value(row),
            }
        };
    }
    Some(match array.data_type() {
        DataType::Boolean => Const::Bool(array.as_boolean().value(row)),
        DataType::Int64 => Const::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Const::Uint(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Const::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Const::String(array.as_string::<i32>().value(row).into()),
        DataType::Binary => Const::Bytes(array.as_binary::<i32>().value(row).into()),
        DataType::Timestamp(unit, _) => {
            let units = time!(
                unit,
                TimestampSecondType,
                TimestampMillisecondType,
                TimestampMicrosecondType,
                TimestampNanosecondType
            );
            let per_second = per_second(*unit);
            let fraction = units.rem_euclid(per_second) * (1_000_000_000 / per_second);
            Const::Timestamp(units.div_euclid(per_second), fraction as u32)
        }
        DataType::Duration(unit) => {
            let units = time!(
                unit,
                DurationSecondType,
                DurationMillisecondType,
                DurationMicrosecondType,
                DurationNanosecondType
            );
            Const::Duration(units.saturating_mul(1_000_000_000 / per_second(*unit)))
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            let values = (0..elements.len()).map(|index| value(&elements, index));
            Const::List(values.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
