//! Writes arguments into a guest's memory.

use super::{Guest, check_range, layout};
use bytemuck::cast_slice;
use rulestage_pipeline::runtime::{RowErrorCode, StageFailure, StageFailureKind, Value};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer};

/// Writes `list<array>`: the address and number of its records.
pub(crate) fn arrays(
    guest: &dyn Guest,
    arrays: &[FlatArray<'_>],
) -> Result<(u32, u32), StageFailure> {
    let mut records = vec![0_u8; arrays.len() * layout::ARRAY as usize];
    for (array, record) in arrays
        .iter()
        .zip(records.chunks_exact_mut(layout::ARRAY as usize))
    {
        put_u32(record, 0, array.length);
        if let Some(validity) = &array.validity {
            record[4] = 1;
            put_list(guest, record, 8, validity, 1)?;
        }
        let (case, first, second) = buffer_case(&array.values);
        record[16] = case;
        if let Some((bytes, size)) = first {
            put_list(guest, record, 20, bytes, size)?;
        }
        if let Some((bytes, size)) = second {
            put_list(guest, record, 28, bytes, size)?;
        }
    }
    let at = store(guest, &records, 4)?;
    Ok((at, arrays.len() as u32))
}

/// Writes `list<value>`: the address and number of its records.
pub(crate) fn values(guest: &dyn Guest, values: &[Value]) -> Result<(u32, u32), StageFailure> {
    let mut records = vec![0_u8; values.len() * layout::VALUE as usize];
    for (value, record) in values
        .iter()
        .zip(records.chunks_exact_mut(layout::VALUE as usize))
    {
        put_value(guest, record, value)?;
    }
    let at = store(guest, &records, 8)?;
    Ok((at, values.len() as u32))
}

/// Writes a list of bytes (or text): its address and length.
pub(crate) fn bytes(guest: &dyn Guest, bytes: &[u8]) -> Result<(u32, u32), StageFailure> {
    Ok((store(guest, bytes, 1)?, bytes.len() as u32))
}

/// Allocates in the guest and copies `bytes` there.
pub(crate) fn store(guest: &dyn Guest, bytes: &[u8], align: u32) -> Result<u32, StageFailure> {
    let size = u32::try_from(bytes.len()).map_err(|_| StageFailure {
        kind: StageFailureKind::Memory,
        message: format!("{} bytes do not fit into a 32-bit memory", bytes.len()),
    })?;
    let at = guest.allocate(align, size)?;
    check_range(guest, at, u64::from(size), align)?;
    guest.copy_in(at, bytes);
    Ok(at)
}

pub(crate) fn put_u32(record: &mut [u8], at: usize, value: u32) {
    record[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_u64(record: &mut [u8], at: usize, value: u64) {
    record[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A list of elements of `size` bytes each: its address and length at `at` of the record.
fn put_list(
    guest: &dyn Guest,
    record: &mut [u8],
    at: usize,
    bytes: &[u8],
    size: u32,
) -> Result<(), StageFailure> {
    let address = store(guest, bytes, size)?;
    put_u32(record, at, address);
    put_u32(record, at + 4, bytes.len() as u32 / size);
    Ok(())
}

type List<'a> = Option<(&'a [u8], u32)>;

/// The case of WIT `buffer` and its lists, each with the size of its elements.
fn buffer_case<'a>(buffer: &'a FlatBuffer<'_>) -> (u8, List<'a>, List<'a>) {
    match buffer {
        FlatBuffer::None => (0, None, None),
        FlatBuffer::Bits(bits) => (1, Some((bits, 1)), None),
        FlatBuffer::S8(values) => (2, Some((cast_slice(values), 1)), None),
        FlatBuffer::S16(values) => (3, Some((cast_slice(values), 2)), None),
        FlatBuffer::S32(values) => (4, Some((cast_slice(values), 4)), None),
        FlatBuffer::S64(values) => (5, Some((cast_slice(values), 8)), None),
        FlatBuffer::U8(values) => (6, Some((cast_slice(values), 1)), None),
        FlatBuffer::U16(values) => (7, Some((cast_slice(values), 2)), None),
        FlatBuffer::U32(values) => (8, Some((cast_slice(values), 4)), None),
        FlatBuffer::U64(values) => (9, Some((cast_slice(values), 8)), None),
        FlatBuffer::F32(values) => (10, Some((cast_slice(values), 4)), None),
        FlatBuffer::F64(values) => (11, Some((cast_slice(values), 8)), None),
        FlatBuffer::Bytes { offsets, bytes } => {
            (12, Some((cast_slice(offsets), 4)), Some((bytes, 1)))
        }
        FlatBuffer::Offsets(offsets) => (13, Some((cast_slice(offsets), 4)), None),
    }
}

fn put_value(guest: &dyn Guest, record: &mut [u8], value: &Value) -> Result<(), StageFailure> {
    record[0] = match value {
        Value::Absent => 0,
        Value::Null => 1,
        Value::Boolean(_) => 2,
        Value::Int(_) => 3,
        Value::Uint(_) => 4,
        Value::Double(_) => 5,
        Value::Text(_) => 6,
        Value::Binary(_) => 7,
        Value::Timestamp(..) => 8,
        Value::Duration(_) => 9,
        Value::Texts(_) => 10,
        Value::Json(_) => 11,
        Value::Error(_) => 12,
    };
    match value {
        Value::Absent | Value::Null => {}
        Value::Boolean(value) => record[8] = u8::from(*value),
        Value::Int(value) | Value::Duration(value) => put_u64(record, 8, value.cast_unsigned()),
        Value::Uint(value) => put_u64(record, 8, *value),
        Value::Double(value) => put_u64(record, 8, value.to_bits()),
        Value::Text(text) | Value::Json(text) => put_list(guest, record, 8, text.as_bytes(), 1)?,
        Value::Binary(bytes) => put_list(guest, record, 8, bytes, 1)?,
        Value::Timestamp(seconds, nanoseconds) => {
            put_u64(record, 8, seconds.cast_unsigned());
            put_u32(record, 16, *nanoseconds);
        }
        Value::Texts(texts) => {
            let mut pairs = vec![0_u8; texts.len() * layout::POINTER_PAIR as usize];
            for (text, pair) in texts
                .iter()
                .zip(pairs.chunks_exact_mut(layout::POINTER_PAIR as usize))
            {
                put_list(guest, pair, 0, text.as_bytes(), 1)?;
            }
            let at = store(guest, &pairs, 4)?;
            put_u32(record, 8, at);
            put_u32(record, 12, texts.len() as u32);
        }
        Value::Error(code) => record[8] = error_case(*code),
    }
    Ok(())
}

fn error_case(code: RowErrorCode) -> u8 {
    match code {
        RowErrorCode::Overflow => 0,
        RowErrorCode::DivideByZero => 1,
        RowErrorCode::ModulusByZero => 2,
        RowErrorCode::InvalidArgument => 3,
        RowErrorCode::NoSuchKey => 4,
        RowErrorCode::NoSuchOverload => 5,
        RowErrorCode::IndexOutOfBounds => 6,
        RowErrorCode::Conflict => 7,
        RowErrorCode::Other => 8,
    }
}
