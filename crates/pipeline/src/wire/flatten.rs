//! Arrow arrays to flat arrays, borrowed wherever the layouts agree.

use super::{FlatArray, FlatBuffer, broken, schema::type_name};
use crate::runtime::StageFailure;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use std::borrow::Cow;

/// The flat arrays of a column in pre-order. Buffers are borrowed, also of sliced arrays; only bits that do
/// not start at a byte and offsets of slices are copied. Fails where the contract has no such type.
pub fn flatten(column: &ArrayRef) -> Result<Vec<FlatArray<'_>>, StageFailure> {
    let mut flattener = Flattener {
        reads: [].iter(),
        flat: Vec::new(),
    };
    flattener.push(column.as_ref(), 0, column.len(), true)?;
    Ok(flattener.flat)
}

/// The flat arrays of all columns of a batch, one after another, as [`flatten`] gives them; `reads` says for each whether
/// the stage reads it ([`StageSchema::reads`](crate::runtime::StageSchema::reads)). One that it does not read has its
/// length and nothing else.
pub fn flatten_all<'a>(
    batch: &'a RecordBatch,
    reads: &[bool],
) -> Result<Vec<FlatArray<'a>>, StageFailure> {
    let mut flattener = Flattener {
        reads: reads.iter(),
        flat: Vec::with_capacity(reads.len().max(batch.num_columns())),
    };
    for column in batch.columns() {
        flattener.push(column.as_ref(), 0, column.len(), true)?;
    }
    Ok(flattener.flat)
}

/// What has been flattened so far.
struct Flattener<'a, 'r> {
    /// Of the arrays to come; what is missing is read
    reads: std::slice::Iter<'r, bool>,
    flat: Vec<FlatArray<'a>>,
}

impl<'a> Flattener<'a, '_> {
    /// Rows `start .. start + len` of `array`: taking ranges instead of slices keeps every borrow tied to the column.
    /// Nothing below an array that is not read is read.
    fn push(
        &mut self,
        array: &'a dyn Array,
        start: usize,
        len: usize,
        is_read: bool,
    ) -> Result<(), StageFailure> {
        let is_read = *self.reads.next().unwrap_or(&true) && is_read;
        let length = u32::try_from(len).map_err(|_| {
            broken(format!(
                "a column has {len} values, more than a batch can hold"
            ))
        })?;
        let values = match array.data_type() {
            _ if !is_read => FlatBuffer::None,
            DataType::Null | DataType::Struct(_) => FlatBuffer::None,
            DataType::Boolean => FlatBuffer::Bits(bits(array.as_boolean().values(), start, len)),
            DataType::Int8 => FlatBuffer::S8(numbers::<Int8Type>(array, start, len)),
            DataType::Int16 => FlatBuffer::S16(numbers::<Int16Type>(array, start, len)),
            DataType::Int32 => FlatBuffer::S32(numbers::<Int32Type>(array, start, len)),
            DataType::Int64 => FlatBuffer::S64(numbers::<Int64Type>(array, start, len)),
            DataType::UInt8 => FlatBuffer::U8(numbers::<UInt8Type>(array, start, len)),
            DataType::UInt16 => FlatBuffer::U16(numbers::<UInt16Type>(array, start, len)),
            DataType::UInt32 => FlatBuffer::U32(numbers::<UInt32Type>(array, start, len)),
            DataType::UInt64 => FlatBuffer::U64(numbers::<UInt64Type>(array, start, len)),
            DataType::Float32 => FlatBuffer::F32(numbers::<Float32Type>(array, start, len)),
            DataType::Float64 => FlatBuffer::F64(numbers::<Float64Type>(array, start, len)),
            DataType::Timestamp(unit, _) => FlatBuffer::S64(match unit {
                TimeUnit::Second => numbers::<TimestampSecondType>(array, start, len),
                TimeUnit::Millisecond => numbers::<TimestampMillisecondType>(array, start, len),
                TimeUnit::Microsecond => numbers::<TimestampMicrosecondType>(array, start, len),
                TimeUnit::Nanosecond => numbers::<TimestampNanosecondType>(array, start, len),
            }),
            DataType::Duration(unit) => FlatBuffer::S64(match unit {
                TimeUnit::Second => numbers::<DurationSecondType>(array, start, len),
                TimeUnit::Millisecond => numbers::<DurationMillisecondType>(array, start, len),
                TimeUnit::Microsecond => numbers::<DurationMicrosecondType>(array, start, len),
                TimeUnit::Nanosecond => numbers::<DurationNanosecondType>(array, start, len),
            }),
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                let (offsets, first, last) = rebased(array.value_offsets(), start, len);
                FlatBuffer::Bytes {
                    offsets,
                    bytes: Cow::Borrowed(&array.value_data()[first..last]),
                }
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                let (offsets, first, last) = rebased(array.value_offsets(), start, len);
                FlatBuffer::Bytes {
                    offsets,
                    bytes: Cow::Borrowed(&array.value_data()[first..last]),
                }
            }
            DataType::List(_) => {
                FlatBuffer::Offsets(rebased(array.as_list::<i32>().value_offsets(), start, len).0)
            }
            DataType::Map(..) => {
                FlatBuffer::Offsets(rebased(array.as_map().value_offsets(), start, len).0)
            }
            DataType::FixedSizeList(item, size)
                if *item.data_type() == DataType::Float32 && *size > 0 =>
            {
                let array = array.as_fixed_size_list();
                if array.values().is_nullable() {
                    return Err(broken("a tensor has null elements"));
                }
                let size = *size as usize;
                FlatBuffer::F32(numbers::<Float32Type>(
                    array.values().as_ref(),
                    start * size,
                    len * size,
                ))
            }
            other => {
                let field = Field::new("", other.clone(), false);
                return Err(broken(format!(
                    "a column is of type {}, which stages don't have",
                    type_name(&field)
                )));
            }
        };
        let validity = match array.data_type() {
            DataType::Null => None,
            _ if !is_read => None,
            _ => validity(array.nulls(), start, len),
        };
        self.flat.push(FlatArray {
            length,
            validity,
            values,
        });

        match array.data_type() {
            DataType::Struct(_) => array
                .as_struct()
                .columns()
                .iter()
                .try_for_each(|child| self.push(child.as_ref(), start, len, is_read)),
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                let (first, last) = bounds(array.value_offsets(), start, len);
                self.push(array.values().as_ref(), first, last - first, is_read)
            }
            DataType::Map(..) => {
                let array = array.as_map();
                let (first, last) = bounds(array.value_offsets(), start, len);
                let entries = array.entries().columns();
                entries
                    .iter()
                    .try_for_each(|child| self.push(child.as_ref(), first, last - first, is_read))
            }
            _ => Ok(()),
        }
    }
}

fn numbers<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    start: usize,
    len: usize,
) -> Cow<'a, [T::Native]> {
    Cow::Borrowed(&array.as_primitive::<T>().values()[start..start + len])
}

fn bounds(offsets: &[i32], start: usize, len: usize) -> (usize, usize) {
    (offsets[start] as usize, offsets[start + len] as usize)
}

/// The offsets of a range, counted from its first value, and where its values start and end.
fn rebased(offsets: &[i32], start: usize, len: usize) -> (Cow<'_, [i32]>, usize, usize) {
    let (first, last) = bounds(offsets, start, len);
    let offsets = &offsets[start..=start + len];
    let base = offsets[0];
    let offsets = if base == 0 {
        Cow::Borrowed(offsets)
    } else {
        offsets.iter().map(|offset| offset - base).collect()
    };
    (offsets, first, last)
}

fn validity(nulls: Option<&NullBuffer>, start: usize, len: usize) -> Option<Cow<'_, [u8]>> {
    let nulls = nulls?;
    let none_null = if start == 0 && len == nulls.len() {
        nulls.null_count() == 0
    } else {
        nulls.slice(start, len).null_count() == 0
    };
    if none_null {
        None
    } else {
        Some(bits(nulls.inner(), start, len))
    }
}

fn bits(buffer: &BooleanBuffer, start: usize, len: usize) -> Cow<'_, [u8]> {
    let from = buffer.offset() + start;
    if from.is_multiple_of(8) {
        Cow::Borrowed(&buffer.values()[from / 8..(from + len).div_ceil(8)])
    } else {
        Cow::Owned(buffer.slice(start, len).sliced().as_slice()[..len.div_ceil(8)].to_vec())
    }
}
