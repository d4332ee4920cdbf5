//! Values of Arrow arrays as text, in order, and as bits.

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::{
    timestamp_ms_to_datetime, timestamp_ns_to_datetime, timestamp_s_to_datetime,
    timestamp_us_to_datetime,
};
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use std::cmp::Ordering;

/// Of longer binary values only the size is shown.
const MOST_BINARY_BYTES: usize = 1024;

/// A value as people read it; `None` is null.
pub(crate) fn text(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => match array.as_binary::<i32>().value(row) {
            bytes if bytes.len() > MOST_BINARY_BYTES => format!("{} bytes", bytes.len()),
            bytes => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        DataType::Timestamp(unit, _) => {
            let value = integer(array, row).unwrap_or_default();
            let datetime = match unit {
                TimeUnit::Second => timestamp_s_to_datetime(value),
                TimeUnit::Millisecond => timestamp_ms_to_datetime(value),
                TimeUnit::Microsecond => timestamp_us_to_datetime(value),
                TimeUnit::Nanosecond => timestamp_ns_to_datetime(value),
            };
            datetime.map_or_else(|| value.to_string(), |datetime| datetime.to_string())
        }
        DataType::Duration(unit) => {
            let per_second = match unit {
                TimeUnit::Second => 1.0,
                TimeUnit::Millisecond => 1e3,
                TimeUnit::Microsecond => 1e6,
                TimeUnit::Nanosecond => 1e9,
            };
            format!(
                "{}s",
                float(integer(array, row).unwrap_or_default() as f64 / per_second)
            )
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            let texts = (0..elements.len())
                .map(|index| text(&elements, index).unwrap_or_else(|| "null".to_owned()));
            texts.collect::<Vec<_>>().join(", ")
        }
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        _ => integer(array, row).map_or_else(
            || format!("({})", array.data_type()),
            |value| value.to_string(),
        ),
    })
}

/// Shortest digits that give the same number.
pub(crate) fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-5..1e16).contains(&magnitude) {
        return format!("{value:e}");
    }
    value.to_string()
}

/// The number behind integers, times and lengths of time.
pub(crate) fn integer(array: &dyn Array, row: usize) -> Option<i64> {
    Some(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).into(),
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive::<TimestampSecondType>().value(row)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().value(row)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().value(row)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array.as_primitive::<TimestampNanosecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Second) => {
            array.as_primitive::<DurationSecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            array.as_primitive::<DurationMillisecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            array.as_primitive::<DurationMicrosecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            array.as_primitive::<DurationNanosecondType>().value(row)
        }
        _ => return None,
    })
}

/// A value as a double, where it is a number.
pub(crate) fn number(array: &dyn Array, row: usize) -> Option<f64> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Float32 => Some(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().value(row)),
        DataType::UInt64 => Some(array.as_primitive::<UInt64Type>().value(row) as f64),
        _ => integer(array, row).map(|value| value as f64),
    }
}

/// Is it shown right-aligned?
pub(crate) fn is_numeric(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Null after everything, and numbers by value.
pub(crate) fn compare(array: &dyn Array, a: usize, b: usize) -> Ordering {
    match (array.is_null(a), array.is_null(b)) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    match array.data_type() {
        DataType::Boolean => array
            .as_boolean()
            .value(a)
            .cmp(&array.as_boolean().value(b)),
        DataType::Utf8 => array
            .as_string::<i32>()
            .value(a)
            .cmp(array.as_string::<i32>().value(b)),
        DataType::UInt64 => array
            .as_primitive::<UInt64Type>()
            .value(a)
            .cmp(&array.as_primitive::<UInt64Type>().value(b)),
        DataType::Float32 | DataType::Float64 => number(array, a)
            .unwrap_or_default()
            .total_cmp(&number(array, b).unwrap_or_default()),
        _ => match (integer(array, a), integer(array, b)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => text(array, a).cmp(&text(array, b)),
        },
    }
}

/// The elements of a list, or the value itself.
pub(crate) fn elements(array: &ArrayRef, row: usize) -> Vec<String> {
    match array.as_list_opt::<i32>() {
        Some(lists) if !lists.is_null(row) => {
            let values = lists.value(row);
            (0..values.len())
                .filter_map(|index| text(&values, index))
                .collect()
        }
        Some(_) => Vec::new(),
        None => text(array, row).into_iter().collect(),
    }
}

/// A value such that two are equal exactly when all their bits are: doubles in hexadecimal.
pub(crate) fn bits(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Float32 => Some(format!(
            "{:08x}",
            array.as_primitive::<Float32Type>().value(row).to_bits()
        )),
        DataType::Float64 => Some(format!(
            "{:016x}",
            array.as_primitive::<Float64Type>().value(row).to_bits()
        )),
        DataType::Timestamp(..) | DataType::Duration(_) => {
            integer(array, row).map(|value| value.to_string())
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(row);
            let texts: Vec<_> = (0..values.len())
                .map(|index| bits(&values, index))
                .collect();
            serde_json::to_string(&texts).ok()
        }
        _ => text(array, row),
    }
}
