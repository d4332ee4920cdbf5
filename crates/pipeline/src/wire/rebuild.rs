//! Flat arrays from a guest to Arrow arrays. Everything that Arrow relies on is checked first.

use super::{FlatArray, FlatBuffer, broken, schema::type_name};
use crate::runtime::StageFailure;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, FixedSizeListArray,
    Float32Array, ListArray, MapArray, NullArray, PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

/// The columns of `schema` from the flat arrays of a call's result, all of `n_rows` rows.
pub fn rebuild_all<'a>(
    schema: &Schema,
    arrays: impl IntoIterator<Item = FlatArray<'a>>,
    n_rows: usize,
) -> Result<Vec<ArrayRef>, StageFailure> {
    let mut arrays = arrays.into_iter();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(rebuild(field, &mut arrays, n_rows)?);
    }
    match arrays.next() {
        None => Ok(columns),
        Some(_) => Err(broken(
            "the component returned more arrays than its schema has",
        )),
    }
}

/// The next column, of type `field` and `expected_len` values; takes its flat arrays from `arrays`. Vectors
/// that are owned become Arrow buffers without a copy. Any input gives an array or a failure.
pub fn rebuild<'a>(
    field: &Field,
    arrays: &mut impl Iterator<Item = FlatArray<'a>>,
    expected_len: usize,
) -> Result<ArrayRef, StageFailure> {
    let mut rebuilder = Rebuilder {
        column: field.name(),
        arrays,
    };
    let array = rebuilder.next(field)?;
    if array.len() != expected_len {
        let len = array.len();
        return Err(rebuilder.broken(format!(
            "has {len} values, and the batch has {expected_len} rows"
        )));
    }
    Ok(array)
}

struct Rebuilder<'f, 'i, I> {
    column: &'f str,
    arrays: &'i mut I,
}

impl<'a, I: Iterator<Item = FlatArray<'a>>> Rebuilder<'_, '_, I> {
    fn broken(&self, message: impl Display) -> StageFailure {
        broken(format!(
            "column `{}` of the component's result {message}",
            self.column
        ))
    }

    fn refused(&self, error: &ArrowError) -> StageFailure {
        self.broken(format!("is malformed: {error}"))
    }

    fn next(&mut self, field: &Field) -> Result<ArrayRef, StageFailure> {
        let Some(flat) = self.arrays.next() else {
            return Err(self.broken("is missing"));
        };
        let len = flat.length as usize;
        let nulls = self.nulls(field, flat.validity, len)?;
        match (field.data_type(), flat.values) {
            (DataType::Null, FlatBuffer::None) => Ok(Arc::new(NullArray::new(len))),
            (DataType::Boolean, FlatBuffer::Bits(bits)) => {
                Ok(Arc::new(BooleanArray::new(self.bits(bits, len)?, nulls)))
            }
            (DataType::Int8, FlatBuffer::S8(values)) => {
                self.numbers::<Int8Type>(values, nulls, len)
            }
            (DataType::Int16, FlatBuffer::S16(values)) => {
                self.numbers::<Int16Type>(values, nulls, len)
            }
            (DataType::Int32, FlatBuffer::S32(values)) => {
                self.numbers::<Int32Type>(values, nulls, len)
            }
            (DataType::Int64, FlatBuffer::S64(values)) => {
                self.numbers::<Int64Type>(values, nulls, len)
            }
            (DataType::UInt8, FlatBuffer::U8(values)) => {
                self.numbers::<UInt8Type>(values, nulls, len)
            }
            (DataType::UInt16, FlatBuffer::U16(values)) => {
                self.numbers::<UInt16Type>(values, nulls, len)
            }
            (DataType::UInt32, FlatBuffer::U32(values)) => {
                self.numbers::<UInt32Type>(values, nulls, len)
            }
            (DataType::UInt64, FlatBuffer::U64(values)) => {
                self.numbers::<UInt64Type>(values, nulls, len)
            }
            (DataType::Float32, FlatBuffer::F32(values)) => {
                self.numbers::<Float32Type>(values, nulls, len)
            }
            (DataType::Float64, FlatBuffer::F64(values)) => {
                self.numbers::<Float64Type>(values, nulls, len)
            }
            (DataType::Timestamp(unit, zone), FlatBuffer::S64(values)) => {
                let values = self.values(values, len)?;
                Ok(match unit {
                    TimeUnit::Second => instants::<TimestampSecondType>(values, nulls, zone),
                    TimeUnit::Millisecond => {
                        instants::<TimestampMillisecondType>(values, nulls, zone)
                    }
                    TimeUnit::Microsecond => {
                        instants::<TimestampMicrosecondType>(values, nulls, zone)
                    }
                    TimeUnit::Nanosecond => {
                        instants::<TimestampNanosecondType>(values, nulls, zone)
                    }
                })
            }
            (DataType::Duration(unit), FlatBuffer::S64(values)) => match unit {
                TimeUnit::Second => self.numbers::<DurationSecondType>(values, nulls, len),
                TimeUnit::Millisecond => {
                    self.numbers::<DurationMillisecondType>(values, nulls, len)
                }
                TimeUnit::Microsecond => {
                    self.numbers::<DurationMicrosecondType>(values, nulls, len)
                }
                TimeUnit::Nanosecond => self.numbers::<DurationNanosecondType>(values, nulls, len),
            },
            (DataType::Utf8, FlatBuffer::Bytes { offsets, bytes }) => {
                let offsets = self.offsets(offsets, len, bytes.len())?;
                let text =
                    StringArray::try_new(offsets, Buffer::from_vec(bytes.into_owned()), nulls);
                text.map(|array| Arc::new(array) as ArrayRef)
                    .map_err(|error| self.refused(&error))
            }
            (DataType::Binary, FlatBuffer::Bytes { offsets, bytes }) => {
                let offsets = self.offsets(offsets, len, bytes.len())?;
                let binary =
                    BinaryArray::try_new(offsets, Buffer::from_vec(bytes.into_owned()), nulls);
                binary
                    .map(|array| Arc::new(array) as ArrayRef)
                    .map_err(|error| self.refused(&error))
            }
            (DataType::List(item), FlatBuffer::Offsets(offsets)) => {
                let values = self.next(item)?;
                let offsets = self.offsets(offsets, len, values.len())?;
                let list = ListArray::try_new(item.clone(), offsets, values, nulls);
                list.map(|array| Arc::new(array) as ArrayRef)
                    .map_err(|error| self.refused(&error))
            }
            (DataType::Map(entries, ordered), FlatBuffer::Offsets(offsets)) => {
                self.map(entries, *ordered, offsets, nulls, len)
            }
            (DataType::Struct(fields), FlatBuffer::None) => self.record(fields, nulls, len),
            (DataType::FixedSizeList(item, size), FlatBuffer::F32(values)) => {
                self.tensors(item, *size, values, nulls, len)
            }
            (_, values) => Err(self.broken(format!(
                "has a buffer `{}` where its type is {}",
                values.name(),
                type_name(field)
            ))),
        }
    }

    fn nulls(
        &self,
        field: &Field,
        validity: Option<Cow<'a, [u8]>>,
        len: usize,
    ) -> Result<Option<NullBuffer>, StageFailure> {
        let Some(validity) = validity else {
            return Ok(None);
        };
        if *field.data_type() == DataType::Null {
            return Err(self.broken("has a validity bitmap although all its values are null"));
        }
        let nulls = NullBuffer::new(self.bits(validity, len)?);
        match nulls.null_count() {
            0 => Ok(None),
            _ if field.is_nullable() => Ok(Some(nulls)),
            count => Err(self.broken(format!(
                "has {count} nulls where its type {} has none",
                type_name(field)
            ))),
        }
    }

    fn bits(&self, bits: Cow<'a, [u8]>, len: usize) -> Result<BooleanBuffer, StageFailure> {
        if bits.len() < len.div_ceil(8) {
            return Err(self.broken(format!("has {} bytes of bits for {len} values", bits.len())));
        }
        Ok(BooleanBuffer::new(
            Buffer::from_vec(bits.into_owned()),
            0,
            len,
        ))
    }

    fn values<T: ArrowNativeType>(
        &self,
        values: Cow<'a, [T]>,
        len: usize,
    ) -> Result<ScalarBuffer<T>, StageFailure> {
        if values.len() != len {
            return Err(self.broken(format!("has a buffer of {} values for {len}", values.len())));
        }
        Ok(ScalarBuffer::from(values.into_owned()))
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        values: Cow<'a, [T::Native]>,
        nulls: Option<NullBuffer>,
        len: usize,
    ) -> Result<ArrayRef, StageFailure> {
        Ok(Arc::new(PrimitiveArray::<T>::new(
            self.values(values, len)?,
            nulls,
        )))
    }

    /// Offsets of `len` values into something of `most` elements.
    fn offsets(
        &self,
        offsets: Cow<'a, [i32]>,
        len: usize,
        most: usize,
    ) -> Result<OffsetBuffer<i32>, StageFailure> {
        if len == 0 && offsets.is_empty() {
            return Ok(OffsetBuffer::new_empty());
        }
        if offsets.len() != len + 1 {
            return Err(self.broken(format!("has {} offsets for {len} values", offsets.len())));
        }
        let (first, last) = (offsets[0], offsets[len]);
        if first < 0 || usize::try_from(last).map_or(true, |last| last > most) {
            return Err(self.broken(format!(
                "has offsets from {first} to {last} into {most} elements"
            )));
        }
        if let Some(at) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(self.broken(format!(
                "has offsets that descend: {} and then {}",
                offsets[at],
                offsets[at + 1]
            )));
        }
        Ok(OffsetBuffer::new(ScalarBuffer::from(offsets.into_owned())))
    }

    fn map(
        &mut self,
        entries: &FieldRef,
        ordered: bool,
        offsets: Cow<'a, [i32]>,
        nulls: Option<NullBuffer>,
        len: usize,
    ) -> Result<ArrayRef, StageFailure> {
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(self.broken("is a map without entries"));
        };
        let children = fields
            .iter()
            .map(|field| self.next(field))
            .collect::<Result<Vec<_>, _>>()?;
        if children
            .windows(2)
            .any(|pair| pair[0].len() != pair[1].len())
        {
            return Err(self.broken("has a map with more keys than values, or fewer"));
        }
        let offsets = self.offsets(offsets, len, children.first().map_or(0, |keys| keys.len()))?;
        StructArray::try_new(fields.clone(), children, None)
            .and_then(|pairs| MapArray::try_new(entries.clone(), offsets, pairs, nulls, ordered))
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|error| self.refused(&error))
    }

    fn record(
        &mut self,
        fields: &Fields,
        nulls: Option<NullBuffer>,
        len: usize,
    ) -> Result<ArrayRef, StageFailure> {
        let mut children = Vec::with_capacity(fields.len());
        for field in fields {
            let child = self.next(field)?;
            if child.len() != len {
                let (name, child_len) = (field.name(), child.len());
                return Err(self.broken(format!(
                    "has {child_len} values in `{name}` of a struct with {len}"
                )));
            }
            children.push(child);
        }
        StructArray::try_new_with_length(fields.clone(), children, nulls, len)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|error| self.refused(&error))
    }

    fn tensors(
        &self,
        item: &FieldRef,
        size: i32,
        values: Cow<'a, [f32]>,
        nulls: Option<NullBuffer>,
        len: usize,
    ) -> Result<ArrayRef, StageFailure> {
        let n_elements = usize::try_from(size)
            .ok()
            .and_then(|size| len.checked_mul(size));
        let Some(n_elements) = n_elements.filter(|_| *item.data_type() == DataType::Float32) else {
            return Err(self.broken("has a tensor type that stages don't have"));
        };
        let elements = Arc::new(Float32Array::new(self.values(values, n_elements)?, None));
        FixedSizeListArray::try_new_with_length(item.clone(), size, elements, nulls, len)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|error| self.refused(&error))
    }
}

fn instants<T: ArrowTimestampType>(
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
    zone: &Option<Arc<str>>,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values, nulls).with_timezone_opt(zone.clone()))
}
