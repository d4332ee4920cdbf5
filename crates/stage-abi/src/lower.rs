//! Writes arguments into a guest's memory. Allocations come in the order of the canonical ABI: a list before what its
//! elements point to.

use crate::{Guest, Malformed, layout};
use bytemuck::cast_slice;
use rulestage_pipeline::runtime::{RowErrorCode, StageFailure, StageFailureKind, Value};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer};

/// The allocator's answer can't hold what was asked for.
pub const UNALIGNED_ALLOCATION: &str = "realloc return: result not aligned";
/// The allocator's answer reaches past the memory.
pub const OUTSIDE_ALLOCATION: &str = "realloc return: beyond end of memory";

type Lowered<T> = Result<T, StageFailure>;

/// Writes `list<array>`: the address and number of its records.
pub fn arrays(guest: &mut impl Guest, arrays: &[FlatArray<'_>]) -> Lowered<(u32, u32)> {
    records(guest, arrays, layout::ARRAY, 4, |guest, array, record| {
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
        Ok(())
    })
}

/// Writes `list<value>`: the address and number of its records.
pub fn values(guest: &mut impl Guest, values: &[Value]) -> Lowered<(u32, u32)> {
    records(guest, values, layout::VALUE, 8, put_value)
}

/// Writes a list of bytes (or text): its address and length.
pub fn bytes(guest: &mut impl Guest, bytes: &[u8]) -> Lowered<(u32, u32)> {
    Ok((store(guest, bytes, 1)?, bytes.len() as u32))
}

/// Allocates in the guest and copies `bytes` there.
pub fn store(guest: &mut impl Guest, bytes: &[u8], align: u32) -> Lowered<u32> {
    let at = allocate(guest, bytes.len(), align)?;
    guest.write(at, bytes);
    Ok(at)
}

/// Writes a result to where the guest wants it.
pub fn put(guest: &mut impl Guest, at: u32, bytes: &[u8], align: u32) -> Result<(), Malformed> {
    if !at.is_multiple_of(align) {
        return Err("pointer not aligned".into());
    }
    if u64::from(at) + bytes.len() as u64 > guest.size_bytes() {
        return Err("pointer out of bounds".into());
    }
    guest.write(at, bytes);
    Ok(())
}

/// The address of `size` bytes in the guest, which lie inside its memory.
#[inline]
fn allocate(guest: &mut impl Guest, size: usize, align: u32) -> Lowered<u32> {
    let size = u32::try_from(size).map_err(|_| too_large(size))?;
    let at = guest.allocate(align, size)?;
    if !at.is_multiple_of(align) {
        return Err(Malformed::from(UNALIGNED_ALLOCATION).into());
    }
    if u64::from(at) + u64::from(size) > guest.size_bytes() {
        return Err(Malformed::from(OUTSIDE_ALLOCATION).into());
    }
    Ok(at)
}

#[cold]
fn too_large(size: usize) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Memory,
        message: format!("{size} bytes do not fit into a 32-bit memory"),
    }
}

/// The largest record that a list holds here.
const MOST_RECORD: usize = layout::ARRAY as usize;

/// Writes a list of records of `size` bytes, which `put` fills in.
fn records<G: Guest, T>(
    guest: &mut G,
    items: &[T],
    size: u32,
    align: u32,
    put: impl Fn(&mut G, &T, &mut [u8]) -> Lowered<()>,
) -> Lowered<(u32, u32)> {
    let at = allocate(guest, items.len() * size as usize, align)?;
    let places = (at..).step_by(size as usize);
    for (item, place) in items.iter().zip(places) {
        let mut record = [0; MOST_RECORD];
        let record = &mut record[..size as usize];
        put(guest, item, record)?;
        guest.write(place, record);
    }
    Ok((at, items.len() as u32))
}

/// Puts a number at `at` of a record.
#[inline]
pub fn put_u32(record: &mut [u8], at: usize, value: u32) {
    record[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[inline]
fn put_u64(record: &mut [u8], at: usize, value: u64) {
    record[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A list of elements of `size` bytes each: its address and length at `at` of the record.
fn put_list(
    guest: &mut impl Guest,
    record: &mut [u8],
    at: usize,
    bytes: &[u8],
    size: u32,
) -> Lowered<()> {
    let address = store(guest, bytes, size)?;
    put_u32(record, at, address);
    put_u32(record, at + 4, bytes.len() as u32 / size);
    Ok(())
}

type List<'a> = Option<(&'a [u8], u32)>;

/// The case of WIT `buffer` and its lists, each with the size of its elements.
#[inline]
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

fn put_value(guest: &mut impl Guest, value: &Value, record: &mut [u8]) -> Lowered<()> {
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
            let (at, len) = records(
                guest,
                texts,
                layout::POINTER_PAIR,
                4,
                |guest, text, pair| put_list(guest, pair, 0, text.as_bytes(), 1),
            )?;
            put_u32(record, 8, at);
            put_u32(record, 12, len);
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
