//! Columns of any type to JSON text, as stages take values without a column type of their own.

use super::{Converted, clean};
use crate::dynamic::to_json;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::{DataType, TimeUnit};
use rulestage_rule_compiler::ir::Const;
use std::sync::Arc;

pub(super) fn fits(from: &DataType) -> bool {
    use DataType::*;
    match from {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => true,
        Float32 | Float64 | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        Timestamp(..) | Duration(_) => true,
        ty if super::decimal::is_decimal(ty) => true,
        List(item) | LargeList(item) | FixedSizeList(item, _) => fits(item.data_type()),
        Struct(fields) => fields.iter().all(|field| fits(field.data_type())),
        Map(entries, _) => fits(entries.data_type()),
        _ => false,
    }
}

pub(super) fn convert(array: &dyn Array) -> Converted {
    let texts: StringArray = (0..array.len())
        .map(|row| (!array.is_null(row)).then(|| to_json(&value(array, row)).to_string()))
        .collect();
    clean(Arc::new(texts))
}

/// The value of a row; null where [`fits`] is false.
fn value(array: &dyn Array, row: usize) -> Const {
    use DataType::*;
    if array.is_null(row) {
        return Const::Null;
    }
    macro_rules! int {
        ($ty:ty) => {
            Const::Int(array.as_primitive::<$ty>().value(row).into())
        };
    }
    macro_rules! uint {
        ($ty:ty) => {
            Const::Uint(array.as_primitive::<$ty>().value(row).into())
        };
    }
    macro_rules! time {
        ($unit:expr, $second:ty, $milli:ty, $micro:ty, $nano:ty) => {{
            let (units, per_unit) = match $unit {
                TimeUnit::Second => (array.as_primitive::<$second>().value(row), 1_000_000_000),
                TimeUnit::Millisecond => (array.as_primitive::<$milli>().value(row), 1_000_000),
                TimeUnit::Microsecond => (array.as_primitive::<$micro>().value(row), 1_000),
                TimeUnit::Nanosecond => (array.as_primitive::<$nano>().value(row), 1),
            };
            i128::from(units) * per_unit
        }};
    }
    let items = |items: ArrayRef| (0..items.len()).map(|index| value(&items, index)).collect();
    match array.data_type() {
        Boolean => Const::Bool(array.as_boolean().value(row)),
        Int8 => int!(Int8Type),
        Int16 => int!(Int16Type),
        Int32 => int!(Int32Type),
        Int64 => int!(Int64Type),
        UInt8 => uint!(UInt8Type),
        UInt16 => uint!(UInt16Type),
        UInt32 => uint!(UInt32Type),
        UInt64 => uint!(UInt64Type),
        Float32 => Const::Double(array.as_primitive::<Float32Type>().value(row).into()),
        Float64 => Const::Double(array.as_primitive::<Float64Type>().value(row)),
        Utf8 => Const::String(array.as_string::<i32>().value(row).to_owned()),
        LargeUtf8 => Const::String(array.as_string::<i64>().value(row).to_owned()),
        Utf8View => Const::String(array.as_string_view().value(row).to_owned()),
        Binary => Const::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        LargeBinary => Const::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        BinaryView => Const::Bytes(array.as_binary_view().value(row).to_vec()),
        Timestamp(unit, _) => {
            let nanoseconds = time!(
                unit,
                TimestampSecondType,
                TimestampMillisecondType,
                TimestampMicrosecondType,
                TimestampNanosecondType
            );
            let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
            Const::Timestamp(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32)
        }
        Duration(unit) => {
            let nanoseconds = time!(
                unit,
                DurationSecondType,
                DurationMillisecondType,
                DurationMicrosecondType,
                DurationNanosecondType
            );
            i64::try_from(nanoseconds).map_or(Const::Null, Const::Duration)
        }
        List(_) => Const::List(items(array.as_list::<i32>().value(row))),
        LargeList(_) => Const::List(items(array.as_list::<i64>().value(row))),
        FixedSizeList(..) => Const::List(items(array.as_fixed_size_list().value(row))),
        Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let entry = |(column, field): (&ArrayRef, &arrow_schema::FieldRef)| {
                (Const::String(field.name().clone()), value(column, row))
            };
            Const::Map(columns.map(entry).collect())
        }
        Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let entry = |index| (value(keys, index), value(values, index));
            Const::Map((0..entries.len()).map(entry).collect())
        }
        _ => match super::decimal::digits(array, row) {
            // A column may have more digits than rules.
            Some(digits) => match digits.parse() {
                Ok(value) => Const::Decimal(value),
                Err(_) => Const::String(digits),
            },
            None => Const::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::builder::{Int64Builder, MapBuilder, StringBuilder};
    use arrow_array::{Int64Array, ListArray, StructArray, UInt8Array};
    use arrow_schema::Field;

    fn texts(array: &dyn Array) -> Vec<Option<String>> {
        assert!(fits(array.data_type()));
        let converted = convert(array);
        let texts = converted.array.as_string::<i32>();
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn nested_columns_become_json() {
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        assert_eq!(
            texts(&list),
            [Some("[1,null]".to_owned()), None, Some("[]".to_owned())]
        );
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        map.keys().append_value("a");
        map.values().append_value(2);
        map.append(true).expect("a map");
        assert_eq!(texts(&map.finish()), [Some(r#"{"a":2}"#.to_owned())]);
        let record = StructArray::from(vec![
            (
                Arc::new(Field::new("n", DataType::UInt8, false)),
                Arc::new(UInt8Array::from(vec![7])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("l", DataType::Int64, true)),
                Arc::new(Int64Array::from(vec![None])) as ArrayRef,
            ),
        ]);
        assert_eq!(
            texts(&record),
            [Some(r#"{"l":null,"n":{"@uint":"7"}}"#.to_owned())]
        );
    }
}
