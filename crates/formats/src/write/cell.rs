//! The values of a column as CSV fields and as JSON.

use super::value::*;
use crate::copy::push_piece;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A column, found out once for all its rows.
pub(super) struct Cells<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

type Render<'a> = Box<dyn Fn(&mut Vec<u8>, usize) + 'a>;
type Span<'a> = Box<dyn Fn(usize) -> std::ops::Range<usize> + 'a>;

enum Values<'a> {
    Null,
    /// Written alike in JSON and CSV
    Plain(Render<'a>),
    /// Text, in quotes in JSON
    Quoted(Render<'a>),
    Text(Box<dyn Fn(usize) -> &'a str + 'a>),
    Utf8 {
        array: &'a StringArray,
        /// Whether it is known that the format has no other way to write what is in the texts
        is_plain: bool,
    },
    /// JSON text
    Json(&'a StringArray),
    Double(&'a Float64Array),
    Float(&'a Float32Array),
    List(Span<'a>, Box<Cells<'a>>),
    Struct(Vec<(&'a str, Cells<'a>)>),
    Map(&'a MapArray, Box<Cells<'a>>, Box<Cells<'a>>),
    Dictionary(Box<dyn Fn(usize) -> usize + 'a>, Box<Cells<'a>>),
}

/// Can text formats hold the type?
pub(super) fn check(field: &Field) -> Result<(), String> {
    use DataType::*;
    match field.data_type() {
        Interval(_) | Union(..) | RunEndEncoded(..) | ListView(_) | LargeListView(_) => {
            Err(format!(
                "column `{}` is of type {}, which has no text form",
                field.name(),
                field.data_type()
            ))
        }
        List(item) | LargeList(item) | FixedSizeList(item, _) => check(item),
        Struct(fields) => fields.iter().try_for_each(|field| check(field)),
        Map(entries, _) => check(entries),
        _ => Ok(()),
    }
}

/// One cell as people read it: as in CSV, without quotes; null is empty.
pub fn cell_text(array: &dyn Array, field: &Field, row: usize) -> String {
    let mut buffer = Vec::new();
    Cells::new(array, field).push_plain(&mut buffer, row);
    String::from_utf8(buffer).unwrap_or_default()
}

impl<'a> Cells<'a> {
    pub(super) fn new(array: &'a dyn Array, field: &Field) -> Self {
        Self {
            nulls: array.logical_nulls(),
            values: values(array, field),
        }
    }

    /// Finds out whether texts have any byte that is special to a format, so that nobody has to ask for each of them.
    pub(super) fn look_for(&mut self, is_special: impl Fn(u8) -> bool) {
        if let Values::Utf8 { array, is_plain } = &mut self.values {
            let offsets = array.value_offsets();
            let used = match offsets {
                [first, .., last] => *first as usize..*last as usize,
                _ => 0..0,
            };
            let (blocks, rest) = array.value_data()[used].as_chunks::<64>();
            // As numbers and without a way out of a block, so that compilers make vector instructions of it
            let has_special = |block: &[u8; 64]| {
                let special = block.map(|byte| u8::from(is_special(byte)));
                special.iter().fold(0, |any, special| any | special) != 0
            };
            *is_plain =
                !blocks.iter().any(has_special) && !rest.iter().any(|&byte| is_special(byte));
        }
    }

    fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null)
            || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    pub(super) fn push_csv(&self, buffer: &mut Vec<u8>, row: usize) {
        match &self.values {
            _ if self.is_null(row) => {}
            Values::Plain(render) | Values::Quoted(render) => render(buffer, row),
            Values::Utf8 {
                array,
                is_plain: true,
            } => push_utf8(buffer, array, row),
            Values::Utf8 { array, .. } => push_csv(buffer, array.value(row).as_bytes()),
            Values::Text(value) => push_csv(buffer, value(row).as_bytes()),
            Values::Double(array) => push_double(buffer, array.value(row)),
            Values::Float(array) => push_float(buffer, array.value(row)),
            _ => {
                let mut text = Vec::new();
                self.push_plain(&mut text, row);
                push_csv(buffer, &text);
            }
        }
    }

    /// Text without quotes, the rest as in JSON.
    fn push_plain(&self, buffer: &mut Vec<u8>, row: usize) {
        match &self.values {
            _ if self.is_null(row) => {}
            Values::Plain(render) | Values::Quoted(render) => render(buffer, row),
            Values::Utf8 { array, .. } => push_utf8(buffer, array, row),
            Values::Text(value) => buffer.extend_from_slice(value(row).as_bytes()),
            Values::Double(array) => push_double(buffer, array.value(row)),
            Values::Float(array) => push_float(buffer, array.value(row)),
            Values::Json(array) => match array.value(row) {
                // A JSON string is text in a place that has nothing else.
                text if text.starts_with('"') => match serde_json::from_str::<String>(text) {
                    Ok(text) => buffer.extend_from_slice(text.as_bytes()),
                    Err(_) => buffer.extend_from_slice(text.as_bytes()),
                },
                text => buffer.extend_from_slice(text.as_bytes()),
            },
            Values::Dictionary(key, values) => values.push_plain(buffer, key(row)),
            _ => self.push_json(buffer, row),
        }
    }

    pub(super) fn push_json(&self, buffer: &mut Vec<u8>, row: usize) {
        if self.is_null(row) {
            buffer.extend_from_slice(b"null");
            return;
        }
        match &self.values {
            Values::Null => buffer.extend_from_slice(b"null"),
            Values::Plain(render) => render(buffer, row),
            Values::Quoted(render) => {
                buffer.push(b'"');
                render(buffer, row);
                buffer.push(b'"');
            }
            Values::Utf8 {
                array,
                is_plain: true,
            } => {
                buffer.push(b'"');
                push_utf8(buffer, array, row);
                buffer.push(b'"');
            }
            Values::Utf8 { array, .. } => push_json_text(buffer, array.value(row)),
            Values::Text(value) => push_json_text(buffer, value(row)),
            Values::Json(array) => buffer.extend_from_slice(array.value(row).as_bytes()),
            Values::Double(array) => push_number(buffer, array.value(row).is_finite(), |buffer| {
                push_double(buffer, array.value(row));
            }),
            Values::Float(array) => push_number(buffer, array.value(row).is_finite(), |buffer| {
                push_float(buffer, array.value(row));
            }),
            Values::List(span, items) => {
                buffer.push(b'[');
                for (index, item) in span(row).enumerate() {
                    if index > 0 {
                        buffer.push(b',');
                    }
                    items.push_json(buffer, item);
                }
                buffer.push(b']');
            }
            Values::Struct(members) => {
                buffer.push(b'{');
                for (index, (name, cells)) in members.iter().enumerate() {
                    if index > 0 {
                        buffer.push(b',');
                    }
                    push_json_text(buffer, name);
                    buffer.push(b':');
                    cells.push_json(buffer, row);
                }
                buffer.push(b'}');
            }
            Values::Map(map, keys, members) => {
                buffer.push(b'{');
                let offsets = map.value_offsets();
                for (index, entry) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate()
                {
                    if index > 0 {
                        buffer.push(b',');
                    }
                    let mut key = Vec::new();
                    keys.push_plain(&mut key, entry);
                    push_json_text(buffer, &String::from_utf8_lossy(&key));
                    buffer.push(b':');
                    members.push_json(buffer, entry);
                }
                buffer.push(b'}');
            }
            Values::Dictionary(key, values) => values.push_json(buffer, key(row)),
        }
    }
}

/// The bytes of a text as they are.
fn push_utf8(buffer: &mut Vec<u8>, array: &StringArray, row: usize) {
    let offsets = array.value_offsets();
    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
    push_piece(buffer, array.value_data(), start, end);
}

fn push_number(buffer: &mut Vec<u8>, is_finite: bool, push: impl Fn(&mut Vec<u8>)) {
    if !is_finite {
        buffer.push(b'"');
    }
    push(buffer);
    if !is_finite {
        buffer.push(b'"');
    }
}

fn integers<'a, T: ArrowPrimitiveType>(array: &'a dyn Array) -> Values<'a>
where
    T::Native: serde::Serialize,
{
    let array = array.as_primitive::<T>();
    Values::Plain(Box::new(move |buffer, row| {
        // Writing to a vector does not fail.
        let _ = serde_json::to_writer(buffer, &array.value(row));
    }))
}

/// Counts of a unit, and how to write one.
fn counts<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    push: impl Fn(&mut Vec<u8>, i64) + 'a,
) -> Values<'a>
where
    i64: From<T::Native>,
{
    let array = array.as_primitive::<T>();
    Values::Quoted(Box::new(move |buffer, row| {
        push(buffer, i64::from(array.value(row)))
    }))
}

fn decimals<'a, T: DecimalType>(array: &'a dyn Array, scale: i8) -> Values<'a>
where
    T::Native: std::fmt::Display,
{
    let array = array.as_primitive::<T>();
    Values::Plain(Box::new(move |buffer, row| {
        push_decimal(buffer, &array.value(row).to_string(), scale)
    }))
}

fn bytes<'a>(value: impl Fn(usize) -> &'a [u8] + 'a) -> Values<'a> {
    Values::Quoted(Box::new(move |buffer, row| {
        buffer.extend_from_slice(STANDARD.encode(value(row)).as_bytes())
    }))
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn values<'a>(array: &'a dyn Array, field: &Field) -> Values<'a> {
    use DataType::*;
    match array.data_type() {
        Boolean => {
            let array = array.as_boolean();
            Values::Plain(Box::new(|buffer, row| {
                buffer.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }))
        }
        Int8 => integers::<Int8Type>(array),
        Int16 => integers::<Int16Type>(array),
        Int32 => integers::<Int32Type>(array),
        Int64 => integers::<Int64Type>(array),
        UInt8 => integers::<UInt8Type>(array),
        UInt16 => integers::<UInt16Type>(array),
        UInt32 => integers::<UInt32Type>(array),
        UInt64 => integers::<UInt64Type>(array),
        Float16 => {
            let array = array.as_primitive::<Float16Type>();
            Values::Plain(Box::new(|buffer, row| {
                push_float(buffer, array.value(row).to_f32())
            }))
        }
        Float32 => Values::Float(array.as_primitive()),
        Float64 => Values::Double(array.as_primitive()),
        Utf8 if field.extension_type_name() == Some("arrow.json") => {
            Values::Json(array.as_string())
        }
        Utf8 => Values::Utf8 {
            array: array.as_string(),
            is_plain: false,
        },
        LargeUtf8 => Values::Text(Box::new(|row| array.as_string::<i64>().value(row))),
        Utf8View => Values::Text(Box::new(|row| array.as_string_view().value(row))),
        Binary => bytes(|row| array.as_binary::<i32>().value(row)),
        LargeBinary => bytes(|row| array.as_binary::<i64>().value(row)),
        BinaryView => bytes(|row| array.as_binary_view().value(row)),
        FixedSizeBinary(_) => bytes(|row| array.as_fixed_size_binary().value(row)),
        Timestamp(unit, _) => {
            let units = per_second(*unit);
            let push = move |buffer: &mut Vec<u8>, value| push_timestamp(buffer, value, units);
            match unit {
                TimeUnit::Second => counts::<TimestampSecondType>(array, push),
                TimeUnit::Millisecond => counts::<TimestampMillisecondType>(array, push),
                TimeUnit::Microsecond => counts::<TimestampMicrosecondType>(array, push),
                TimeUnit::Nanosecond => counts::<TimestampNanosecondType>(array, push),
            }
        }
        Duration(unit) => {
            let units = per_second(*unit);
            let push = move |buffer: &mut Vec<u8>, value| push_duration(buffer, value, units);
            match unit {
                TimeUnit::Second => counts::<DurationSecondType>(array, push),
                TimeUnit::Millisecond => counts::<DurationMillisecondType>(array, push),
                TimeUnit::Microsecond => counts::<DurationMicrosecondType>(array, push),
                TimeUnit::Nanosecond => counts::<DurationNanosecondType>(array, push),
            }
        }
        Date32 => counts::<Date32Type>(array, push_date),
        Date64 => counts::<Date64Type>(array, |buffer, value| {
            push_date(buffer, value.div_euclid(86_400_000))
        }),
        Time32(unit) | Time64(unit) => {
            let units = per_second(*unit);
            let push = move |buffer: &mut Vec<u8>, value| push_time(buffer, value, units);
            match unit {
                TimeUnit::Second => counts::<Time32SecondType>(array, push),
                TimeUnit::Millisecond => counts::<Time32MillisecondType>(array, push),
                TimeUnit::Microsecond => counts::<Time64MicrosecondType>(array, push),
                TimeUnit::Nanosecond => counts::<Time64NanosecondType>(array, push),
            }
        }
        Decimal32(_, scale) => decimals::<Decimal32Type>(array, *scale),
        Decimal64(_, scale) => decimals::<Decimal64Type>(array, *scale),
        Decimal128(_, scale) => decimals::<Decimal128Type>(array, *scale),
        Decimal256(_, scale) => decimals::<Decimal256Type>(array, *scale),
        List(item) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let span: Span<'a> =
                Box::new(move |row| offsets[row] as usize..offsets[row + 1] as usize);
            Values::List(span, Box::new(Cells::new(list.values(), item)))
        }
        LargeList(item) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            let span: Span<'a> =
                Box::new(move |row| offsets[row] as usize..offsets[row + 1] as usize);
            Values::List(span, Box::new(Cells::new(list.values(), item)))
        }
        FixedSizeList(item, size) => {
            let (list, size) = (array.as_fixed_size_list(), *size as usize);
            let span: Span<'a> = Box::new(move |row| row * size..(row + 1) * size);
            Values::List(span, Box::new(Cells::new(list.values(), item)))
        }
        Struct(_) => {
            let array = array.as_struct();
            let members = array.fields().iter().zip(array.columns());
            Values::Struct(
                members
                    .map(|(field, column)| (field.name().as_str(), Cells::new(column, field)))
                    .collect(),
            )
        }
        Map(..) => {
            let map = array.as_map();
            let (key, value) = map.entries_fields();
            Values::Map(
                map,
                Box::new(Cells::new(map.keys(), key)),
                Box::new(Cells::new(map.values(), value)),
            )
        }
        Dictionary(_, value) => {
            let dictionary = array.as_any_dictionary();
            let keys = dictionary.normalized_keys();
            let field = Field::new("", (**value).clone(), true);
            Values::Dictionary(
                Box::new(move |row| keys[row]),
                Box::new(Cells::new(dictionary.values(), &field)),
            )
        }
        // `check` has refused the others.
        _ => Values::Null,
    }
}
