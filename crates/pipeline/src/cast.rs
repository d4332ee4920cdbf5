//! Columns as a stage wants them. Types either fit or don't; values that can't be converted are errors of rows.
//!
//! What fits: equal types; numbers to numbers, value by value, where nothing is lost (but `f32` rounds); text
//! and JSON to anything they can spell; timestamps and dates to UTC timestamps of any unit, rounded down to
//! it; other layouts of text, bytes and lists; decimals and numbers to text, decimals to numbers where nothing is lost.
//! 16-bit floats don't fit.

mod decimal;
mod dynamic;
mod json;
mod number;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use text::{parse_duration, parse_timestamp};

use crate::{rows, wire};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, FixedSizeListArray, ListArray, MapArray, StringArray,
    StructArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};
use rulestage_sort::sort_by_key;
use std::sync::Arc;

/// A column of the wanted type, and the rows whose values did not convert; their slots are null.
#[derive(Debug, Clone)]
pub struct Converted {
    /// As many values as before
    pub array: ArrayRef,
    /// Ascending by row, each row once
    pub errors: Vec<CellError>,
}

/// One value that did not convert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// Row in the column
    pub row: u32,
    /// What is wrong with the value
    pub message: String,
}

/// Does a column of type `from` convert to `to`? Nulls and single values are not looked at.
pub fn fits(from: &Field, to: &Field) -> bool {
    use DataType::*;
    match (from.data_type(), to.data_type()) {
        (Null, _) => true,
        (Dictionary(_, value), _) => fits(&Field::new("", (**value).clone(), true), to),
        (Utf8 | LargeUtf8 | Utf8View, _) if wire::is_dynamic(from) => json::fits(to),
        (Utf8 | LargeUtf8 | Utf8View, _) => text::fits(to),
        (from, _) if wire::is_dynamic(to) => dynamic::fits(from),
        (Binary | LargeBinary | BinaryView | FixedSizeBinary(_), Binary) => true,
        (Timestamp(..) | Date32 | Date64, Timestamp(..)) => true,
        (Duration(_), Duration(_)) => true,
        (List(from) | LargeList(from) | FixedSizeList(from, _), List(to)) => fits(from, to),
        (List(from) | LargeList(from) | FixedSizeList(from, _), FixedSizeList(..)) => {
            wire::tensor_shape(to).is_some() && number::is_number(from.data_type())
        }
        (Struct(from), Struct(to)) => to.iter().all(|to| match from.find(to.name()) {
            Some((_, from)) => fits(from, to),
            None => to.is_nullable(),
        }),
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            (Struct(from), Struct(to)) if from.len() == 2 && to.len() == 2 => {
                fits(&from[0], &to[0]) && fits(&from[1], &to[1])
            }
            _ => false,
        },
        (from, to) if from == to => true,
        (from, to) => {
            let is_digits = |ty: &DataType| number::is_number(ty) || decimal::is_decimal(ty);
            is_digits(from) && (number::is_number(to) || *to == Utf8)
        }
    }
}

/// `array`, a column of type `from`, as type `to`. Nulls where `to` has none are errors of their rows.
///
/// # Errors
/// Fails where [`fits`] is false or Arrow refuses an array that it made itself.
pub fn convert(array: &ArrayRef, from: &Field, to: &Field) -> Result<Converted, ArrowError> {
    if !fits(from, to) {
        let (from, to) = (wire::type_name(from), wire::type_name(to));
        return Err(ArrowError::CastError(format!(
            "{from} does not convert to {to}"
        )));
    }
    let mut converted = convert_values(array, from, to)?;
    if !to.is_nullable() && converted.array.null_count() > 0 {
        add_null_errors(&mut converted);
    }
    Ok(converted)
}

fn convert_values(array: &ArrayRef, from: &Field, to: &Field) -> Result<Converted, ArrowError> {
    use DataType::*;
    if array.data_type() == to.data_type() && *array.data_type() != Utf8 {
        return Ok(clean(array.clone()));
    }
    match (array.data_type(), to.data_type()) {
        (Null, _) => Ok(clean(new_null_array(to.data_type(), array.len()))),
        (Dictionary(..), _) => {
            let values = rows::decode_dictionary(array)?;
            convert_values(
                &values,
                &Field::new("", values.data_type().clone(), true),
                to,
            )
        }
        (LargeUtf8, _) => {
            let plain: ArrayRef =
                Arc::new(array.as_string::<i64>().iter().collect::<StringArray>());
            convert_values(&plain, &as_type(from, Utf8), to)
        }
        (Utf8View, _) => {
            let plain: ArrayRef = Arc::new(array.as_string_view().iter().collect::<StringArray>());
            convert_values(&plain, &as_type(from, Utf8), to)
        }
        (Utf8, _) if wire::is_dynamic(from) => Ok(json::convert(array.as_string(), to)),
        (Utf8, _) => Ok(text::convert(array, to)),
        _ if wire::is_dynamic(to) => Ok(dynamic::convert(array)),
        (LargeBinary, _) => Ok(clean(Arc::new(
            array.as_binary::<i64>().iter().collect::<BinaryArray>(),
        ))),
        (BinaryView, _) => Ok(clean(Arc::new(
            array.as_binary_view().iter().collect::<BinaryArray>(),
        ))),
        (FixedSizeBinary(_), _) => Ok(clean(Arc::new(
            array.as_fixed_size_binary().iter().collect::<BinaryArray>(),
        ))),
        (Timestamp(..) | Date32 | Date64 | Duration(_), _) => Ok(moments(array, to.data_type())),
        (List(_) | LargeList(_) | FixedSizeList(..), _) => lists(array, to),
        (Map(entries, _), Map(..)) => maps(array.as_map(), entries, to),
        (Struct(fields), Struct(to)) => structs(array.as_struct(), fields, to),
        (from, _) if decimal::is_decimal(from) => Ok(decimal::convert(array, to)),
        (from, Utf8) if number::is_number(from) => Ok(clean(number::texts(array))),
        (from, to) if number::is_number(from) && number::is_number(to) => {
            Ok(number::convert(array, to))
        }
        (from, _) => Err(ArrowError::CastError(format!(
            "{from} does not convert to {}",
            wire::type_name(to)
        ))),
    }
}

fn as_type(field: &Field, data_type: DataType) -> Field {
    field.clone().with_data_type(data_type)
}

fn clean(array: ArrayRef) -> Converted {
    Converted {
        array,
        errors: Vec::new(),
    }
}

/// Adds an error for every null that has none yet.
fn add_null_errors(converted: &mut Converted) {
    let Some(nulls) = converted.array.logical_nulls() else {
        return;
    };
    let mut known = std::mem::take(&mut converted.errors).into_iter().peekable();
    for row in (0..nulls.len()).filter(|row| nulls.is_null(*row)) {
        let row = row as u32;
        while let Some(error) = known.next_if(|error| error.row < row) {
            converted.errors.push(error);
        }
        match known.next_if(|error| error.row == row) {
            Some(error) => converted.errors.push(error),
            None => converted.errors.push(CellError {
                row,
                message: "it is null".to_owned(),
            }),
        }
    }
    converted.errors.extend(known);
}

/// Timestamps, dates and durations: one count of units to another, rounded down.
fn moments(array: &ArrayRef, to: &DataType) -> Converted {
    use DataType::*;
    if array.data_type() == to {
        return clean(array.clone());
    }
    let (per_second, counts): (i128, Vec<Option<i64>>) = match array.data_type() {
        Date32 => (
            0,
            array
                .as_primitive::<Date32Type>()
                .iter()
                .map(|days| days.map(i64::from))
                .collect(),
        ),
        Date64 => (1_000, array.as_primitive::<Date64Type>().iter().collect()),
        Timestamp(TimeUnit::Second, _) => (
            1,
            array.as_primitive::<TimestampSecondType>().iter().collect(),
        ),
        Timestamp(TimeUnit::Millisecond, _) => (
            1_000,
            array
                .as_primitive::<TimestampMillisecondType>()
                .iter()
                .collect(),
        ),
        Timestamp(TimeUnit::Microsecond, _) => (
            1_000_000,
            array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .collect(),
        ),
        Timestamp(TimeUnit::Nanosecond, _) => (
            1_000_000_000,
            array
                .as_primitive::<TimestampNanosecondType>()
                .iter()
                .collect(),
        ),
        Duration(TimeUnit::Second) => (
            1,
            array.as_primitive::<DurationSecondType>().iter().collect(),
        ),
        Duration(TimeUnit::Millisecond) => (
            1_000,
            array
                .as_primitive::<DurationMillisecondType>()
                .iter()
                .collect(),
        ),
        Duration(TimeUnit::Microsecond) => (
            1_000_000,
            array
                .as_primitive::<DurationMicrosecondType>()
                .iter()
                .collect(),
        ),
        Duration(TimeUnit::Nanosecond) => (
            1_000_000_000,
            array
                .as_primitive::<DurationNanosecondType>()
                .iter()
                .collect(),
        ),
        _ => (1, vec![None; array.len()]),
    };
    let nanoseconds = |count: i64| match per_second {
        0 => i128::from(count) * 86_400 * 1_000_000_000,
        per_second => i128::from(count) * (1_000_000_000 / per_second),
    };
    let mut errors = Vec::new();
    let values: Vec<Option<i64>> = counts
        .into_iter()
        .enumerate()
        .map(|(row, count)| {
            let value = units(nanoseconds(count?), to);
            if value.is_none() {
                errors.push(CellError {
                    row: row as u32,
                    message: "it is out of the range of its unit".to_owned(),
                });
            }
            value
        })
        .collect();
    Converted {
        array: unit_array(values, to),
        errors,
    }
}

/// Nanoseconds as the unit of a timestamp or duration type, rounded down.
fn units(nanoseconds: i128, to: &DataType) -> Option<i64> {
    let (DataType::Timestamp(unit, _) | DataType::Duration(unit)) = to else {
        return None;
    };
    let per_unit = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    i64::try_from(nanoseconds.div_euclid(per_unit)).ok()
}

/// Counts of units as an array of a timestamp or duration type.
fn unit_array(values: Vec<Option<i64>>, to: &DataType) -> ArrayRef {
    use arrow_array::{ArrowPrimitiveType, PrimitiveArray};
    fn typed<T: ArrowPrimitiveType<Native = i64>>(
        values: Vec<Option<i64>>,
        to: &DataType,
    ) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter(values).with_data_type(to.clone()))
    }
    match to {
        DataType::Timestamp(TimeUnit::Second, _) => typed::<TimestampSecondType>(values, to),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            typed::<TimestampMillisecondType>(values, to)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            typed::<TimestampMicrosecondType>(values, to)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            typed::<TimestampNanosecondType>(values, to)
        }
        DataType::Duration(TimeUnit::Second) => typed::<DurationSecondType>(values, to),
        DataType::Duration(TimeUnit::Millisecond) => typed::<DurationMillisecondType>(values, to),
        DataType::Duration(TimeUnit::Microsecond) => typed::<DurationMicrosecondType>(values, to),
        DataType::Duration(TimeUnit::Nanosecond) => typed::<DurationNanosecondType>(values, to),
        other => new_null_array(other, values.len()),
    }
}

/// Any layout of lists to lists or tensors.
fn lists(array: &ArrayRef, to: &Field) -> Result<Converted, ArrowError> {
    let (item, offsets, values): (FieldRef, Vec<i32>, ArrayRef) = match array.data_type() {
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            (
                item.clone(),
                list.value_offsets().to_vec(),
                list.values().clone(),
            )
        }
        DataType::LargeList(item) => {
            let list = array.as_list::<i64>();
            let offsets = list
                .value_offsets()
                .iter()
                .map(|offset| i32::try_from(*offset));
            let offsets = offsets
                .collect::<Result<_, _>>()
                .map_err(|_| ArrowError::OffsetOverflowError(i32::MAX as usize))?;
            (item.clone(), offsets, list.values().clone())
        }
        DataType::FixedSizeList(item, size) => {
            let list = array.as_fixed_size_list();
            let n = i32::try_from(array.len())
                .ok()
                .filter(|n| n.checked_mul(*size).is_some());
            let n = n.ok_or(ArrowError::OffsetOverflowError(i32::MAX as usize))?;
            (
                item.clone(),
                (0..=n).map(|row| row * size).collect(),
                list.values().clone(),
            )
        }
        other => return Err(ArrowError::CastError(format!("{other} is no list"))),
    };
    let tensor_item = Arc::new(Field::new("item", DataType::Float32, false));
    let to_item = match to.data_type() {
        DataType::List(item) => item,
        _ => &tensor_item,
    };
    let converted = convert(&values, &item, to_item)?;
    // Elements under a null list are nobody's.
    let mut errors: Vec<CellError> = Vec::new();
    for error in converted.errors {
        // Elements before the first list, and after the last, belong to rows outside of a slice.
        let n_started = offsets.partition_point(|offset| *offset <= error.row as i32);
        let Some(row) = n_started.checked_sub(1) else {
            continue;
        };
        if row < array.len()
            && array.is_valid(row)
            && errors.last().is_none_or(|last| last.row != row as u32)
        {
            let element = error.row as i32 - offsets[row];
            errors.push(CellError {
                row: row as u32,
                message: format!("element {element}: {}", error.message),
            });
        }
    }
    let failed = NullBuffer::from_iter((0..array.len()).map(|row| {
        array.is_valid(row)
            && errors
                .binary_search_by_key(&(row as u32), |error| error.row)
                .is_err()
    }));
    // A list type without null elements must not hold any, not even in lists that failed.
    if !to_item.is_nullable() && converted.array.null_count() > 0 {
        return compact(&failed, &offsets, &converted.array, errors, to, to_item);
    }
    finish_lists(&failed, offsets, converted.array, errors, to, to_item)
}

/// The same lists without the elements of those that failed or are null.
fn compact(
    valid: &NullBuffer,
    offsets: &[i32],
    values: &ArrayRef,
    errors: Vec<CellError>,
    to: &Field,
    to_item: &FieldRef,
) -> Result<Converted, ArrowError> {
    let mut kept: Vec<usize> = Vec::new();
    let mut new_offsets = vec![0];
    for row in 0..valid.len() {
        if valid.is_valid(row) {
            kept.extend(offsets[row] as usize..offsets[row + 1] as usize);
        }
        new_offsets.push(kept.len() as i32);
    }
    let values = rows::take(values, kept)?;
    finish_lists(valid, new_offsets, values, errors, to, to_item)
}

fn finish_lists(
    valid: &NullBuffer,
    offsets: Vec<i32>,
    values: ArrayRef,
    mut errors: Vec<CellError>,
    to: &Field,
    to_item: &FieldRef,
) -> Result<Converted, ArrowError> {
    let nulls = Some(valid.clone()).filter(|nulls| nulls.null_count() > 0);
    if let DataType::List(_) = to.data_type() {
        let list = ListArray::try_new(
            to_item.clone(),
            OffsetBuffer::new(offsets.into()),
            values,
            nulls,
        )?;
        return Ok(Converted {
            array: Arc::new(list),
            errors,
        });
    }
    let DataType::FixedSizeList(item, size) = to.data_type() else {
        return Err(ArrowError::CastError(format!(
            "{} is no list",
            wire::type_name(to)
        )));
    };
    let values = values.as_primitive::<Float32Type>().values();
    let mut elements: Vec<f32> = Vec::with_capacity(valid.len() * *size as usize);
    let mut present = Vec::with_capacity(valid.len());
    for row in 0..valid.len() {
        let cells = &values[offsets[row] as usize..offsets[row + 1] as usize];
        let fits = valid.is_valid(row) && cells.len() == *size as usize;
        if fits {
            elements.extend_from_slice(cells);
        } else {
            elements.resize(elements.len() + *size as usize, 0.0);
        }
        if valid.is_valid(row) && !fits {
            let message = format!("it has {} elements and not {size}", cells.len());
            errors.push(CellError {
                row: row as u32,
                message,
            });
        }
        present.push(fits);
    }
    sort_by_key(&mut errors, |error| error.row);
    let nulls = Some(NullBuffer::from(present)).filter(|nulls| nulls.null_count() > 0);
    let elements = Arc::new(arrow_array::Float32Array::from(elements));
    let item = Arc::new((**item).clone());
    let array = FixedSizeListArray::try_new_with_length(item, *size, elements, nulls, valid.len())?;
    Ok(Converted {
        array: Arc::new(array),
        errors,
    })
}

/// Maps as the lists of entries that they are.
fn maps(array: &MapArray, from: &FieldRef, to: &Field) -> Result<Converted, ArrowError> {
    let (DataType::Struct(from), DataType::Map(to_entries, is_sorted)) =
        (from.data_type(), to.data_type())
    else {
        return Err(ArrowError::CastError(
            "a map has keys and values".to_owned(),
        ));
    };
    let DataType::Struct(to_pair) = to_entries.data_type() else {
        return Err(ArrowError::CastError(
            "a map has keys and values".to_owned(),
        ));
    };
    // Keys and values go by their place, fields of structs by their names.
    let renamed: Fields = from
        .iter()
        .zip(to_pair)
        .map(|(from, to)| (**from).clone().with_name(to.name()))
        .collect();
    let entries = StructArray::try_new(renamed.clone(), array.entries().columns().to_vec(), None)?;
    let item = Arc::new(Field::new("entries", DataType::Struct(renamed), false));
    let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
    let list: ArrayRef = Arc::new(ListArray::try_new(item, offsets, Arc::new(entries), nulls)?);
    let to_list = as_type(to, DataType::List(to_entries.clone()));
    let converted = lists(&list, &to_list)?;
    let list = converted.array.as_list::<i32>();
    let map = MapArray::try_new(
        to_entries.clone(),
        list.offsets().clone(),
        list.values().as_struct().clone(),
        list.nulls().cloned(),
        *is_sorted,
    )?;
    Ok(Converted {
        array: Arc::new(map),
        errors: converted.errors,
    })
}

/// Structs by the names of their fields; fields that are not asked for go.
fn structs(array: &StructArray, from: &Fields, to: &Fields) -> Result<Converted, ArrowError> {
    let mut errors: Vec<CellError> = Vec::new();
    let mut children = Vec::with_capacity(to.len());
    for to in to {
        let Some((index, from)) = from.find(to.name()) else {
            children.push(new_null_array(to.data_type(), array.len()));
            continue;
        };
        let converted = convert(array.column(index), from, to)?;
        let failed = converted
            .errors
            .into_iter()
            .filter(|error| array.is_valid(error.row as usize));
        errors.extend(failed.map(|error| CellError {
            message: format!("`{}`: {}", to.name(), error.message),
            ..error
        }));
        children.push(converted.array);
    }
    sort_by_key(&mut errors, |error| error.row);
    errors.dedup_by_key(|error| error.row);
    let mut present = vec![true; array.len()];
    (0..array.len())
        .filter(|row| array.is_null(*row))
        .for_each(|row| present[row] = false);
    errors
        .iter()
        .for_each(|error| present[error.row as usize] = false);
    let nulls = Some(NullBuffer::from(present)).filter(|nulls| nulls.null_count() > 0);
    let array = StructArray::try_new_with_length(to.clone(), children, nulls, array.len())?;
    Ok(Converted {
        array: Arc::new(array),
        errors,
    })
}
