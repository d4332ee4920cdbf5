//! Values as the columns that stages take.

use super::to_json;
use crate::wire::is_dynamic;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, NullArray, PrimitiveArray,
    StringArray, StructArray, make_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use rulestage_rule_compiler::ir::Const;
use std::sync::Arc;

/// The values as a column; `None` where it can't hold one of them.
pub fn array_of(field: &Field, values: &[&Const]) -> Option<ArrayRef> {
    if is_dynamic(field) {
        let text = values.iter().map(|value| to_json(value).to_string());
        return Some(Arc::new(StringArray::from_iter_values(text)));
    }
    let is_null = |value: &&Const| **value == Const::Null;
    if !field.is_nullable() && values.iter().any(is_null) {
        return None;
    }
    let nulls = || {
        let present = NullBuffer::from_iter(values.iter().map(|value| !is_null(value)));
        Some(present).filter(|present| present.null_count() > 0)
    };
    /// Each value read, nulls as they are; `None` where one can't be read.
    fn read<'v, T>(
        values: &[&'v Const],
        read: impl Fn(&'v Const) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        let each = values.iter().map(|value| match value {
            Const::Null => Some(None),
            value => read(value).map(Some),
        });
        each.collect()
    }
    Some(match field.data_type() {
        DataType::Null => Arc::new(NullArray::new(
            values.iter().all(is_null).then_some(values.len())?,
        )),
        DataType::Boolean => Arc::new(BooleanArray::from(read(values, |value| match value {
            Const::Bool(value) => Some(*value),
            _ => None,
        })?)),
        DataType::Int64 => {
            let numbers = read(values, |value| match value {
                Const::Int(value) => Some(*value),
                _ => None,
            })?;
            Arc::new(PrimitiveArray::<Int64Type>::from_iter(numbers))
        }
        DataType::UInt64 => {
            let numbers = read(values, |value| match value {
                Const::Uint(value) => Some(*value),
                _ => None,
            })?;
            Arc::new(PrimitiveArray::<UInt64Type>::from_iter(numbers))
        }
        DataType::Float64 => {
            let numbers = read(values, |value| match value {
                Const::Double(value) => Some(*value),
                _ => None,
            })?;
            Arc::new(PrimitiveArray::<Float64Type>::from_iter(numbers))
        }
        DataType::Utf8 => Arc::new(StringArray::from(read(values, |value| match value {
            Const::String(text) => Some(text.clone()),
            Const::Decimal(value) => Some(value.to_string()),
            _ => None,
        })?)),
        DataType::Binary => Arc::new(BinaryArray::from(read(values, |value| match value {
            Const::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        })?)),
        DataType::Timestamp(unit, _) | DataType::Duration(unit) => {
            let counts = read(values, |value| units(value, *unit))?;
            let counts = PrimitiveArray::<Int64Type>::from_iter(counts);
            let data = counts.into_data().into_builder();
            make_array(data.data_type(field.data_type().clone()).build().ok()?)
        }
        DataType::List(item) => {
            let mut elements: Vec<&Const> = Vec::new();
            let mut lengths = Vec::with_capacity(values.len());
            for value in values {
                let before = elements.len();
                match value {
                    Const::List(items) => elements.extend(items),
                    Const::Null => {}
                    _ => return None,
                }
                lengths.push(elements.len() - before);
            }
            let elements = array_of(item, &elements)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::try_new(item.clone(), offsets, elements, nulls()).ok()?)
        }
        DataType::Map(entries, is_sorted) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return None;
            };
            let [key, member] = &pair[..] else {
                return None;
            };
            let (mut keys, mut members) = (Vec::new(), Vec::new());
            let mut lengths = Vec::with_capacity(values.len());
            for value in values {
                let items = match value {
                    Const::Map(items) => items.as_slice(),
                    Const::Null => &[],
                    _ => return None,
                };
                keys.extend(items.iter().map(|(key, _)| key));
                members.extend(items.iter().map(|(_, member)| member));
                lengths.push(items.len());
            }
            let columns = vec![array_of(key, &keys)?, array_of(member, &members)?];
            let pairs = StructArray::try_new(pair.clone(), columns, None).ok()?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            let map = MapArray::try_new(entries.clone(), offsets, pairs, nulls(), *is_sorted);
            Arc::new(map.ok()?)
        }
        DataType::Struct(fields) => {
            let nothing = Const::Null;
            let mut columns = Vec::with_capacity(fields.len());
            for field in fields {
                let mut members = Vec::with_capacity(values.len());
                for value in values {
                    members.push(match value {
                        Const::Map(items) => items
                            .iter()
                            .find(
                                |(key, _)| matches!(key, Const::String(key) if key == field.name()),
                            )
                            .map_or(&nothing, |(_, member)| member),
                        Const::Null => &nothing,
                        _ => return None,
                    });
                }
                columns.push(below_nulls(field, &members, values)?);
            }
            let length = values.len();
            let fields = fields.clone();
            Arc::new(StructArray::try_new_with_length(fields, columns, nulls(), length).ok()?)
        }
        _ => return None,
    })
}

/// A field of structs. Where the struct is null, the field has some value of its type.
fn below_nulls(field: &Field, members: &[&Const], structs: &[&Const]) -> Option<ArrayRef> {
    let present = |index: &usize| *structs[*index] != Const::Null;
    let kept: Vec<usize> = (0..structs.len()).filter(present).collect();
    if kept.len() == structs.len() || field.is_nullable() {
        return array_of(field, members);
    }
    let nullable = field.clone().with_nullable(true);
    let of_present: Vec<&Const> = kept.iter().map(|index| members[*index]).collect();
    // Nulls there are nulls of structs that are present.
    array_of(field, &of_present)?;
    let array = array_of(&nullable, members)?;
    make_array(array.to_data().into_builder().nulls(None).build().ok()?).into()
}

/// A time in units.
fn units(value: &Const, unit: TimeUnit) -> Option<i64> {
    let per_second: i64 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let each = 1_000_000_000 / per_second;
    match value {
        Const::Duration(nanoseconds) => Some(nanoseconds.div_euclid(each)),
        Const::Timestamp(seconds, nanoseconds) => {
            let whole = i128::from(*seconds) * i128::from(per_second);
            i64::try_from(whole + i128::from(*nanoseconds) / i128::from(each)).ok()
        }
        _ => None,
    }
}
