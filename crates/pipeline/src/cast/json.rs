//! JSON text to the values it holds, in the JSON form of protocol buffers: 64-bit integers may be text, doubles
//! may be `"NaN"`, `"Infinity"` and `"-Infinity"`, timestamps and durations are text. Numbers that become text, as
//! decimals do, keep their digits.

mod raw;

use super::number::{Number, Numeric, no_such_value};
use super::text::{parse_duration, parse_timestamp, shortened};
use super::{CellError, Converted, clean, unit_array, units};
use crate::wire;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, ListArray,
    MapArray, PrimitiveArray, StringArray, StructArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use raw::Raw;
use rulestage_sort::sort_by_key;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn fits(to: &Field) -> bool {
    use DataType::*;
    match to.data_type() {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32
        | Float64 | Utf8 | Binary => true,
        Timestamp(..) | Duration(_) | Null => true,
        List(item) => fits(item),
        Struct(fields) => fields.iter().all(|field| fits(field)),
        Map(entries, _) => match entries.data_type() {
            Struct(pair) if pair.len() == 2 => {
                matches!(pair[0].data_type(), Utf8 | Boolean | Int64 | UInt64) && fits(&pair[1])
            }
            _ => false,
        },
        FixedSizeList(..) => wire::tensor_shape(to).is_some(),
        _ => false,
    }
}

pub(super) fn convert(text: &StringArray, to: &Field) -> Converted {
    if wire::is_dynamic(to) {
        return clean(Arc::new(text.clone()));
    }
    if *to.data_type() == DataType::Utf8
        && let Some(texts) = plain_texts(text)
    {
        return clean(Arc::new(texts));
    }
    let mut errors = Vec::new();
    let values: Vec<Option<Raw<'_>>> = text
        .iter()
        .enumerate()
        .map(|(row, text)| {
            let text = text.filter(|text| !text.is_empty())?;
            let value = Raw::parse(text);
            if value.is_none() {
                errors.push(CellError {
                    row: row as u32,
                    message: format!("`{}` is not JSON", shortened(text)),
                });
            }
            value
        })
        .collect();
    let mut builder = Builder { errors };
    let array = builder.array(&values, to, &|row| (row as u32, String::new()), true);
    let mut errors = builder.errors;
    sort_by_key(&mut errors, |error| error.row);
    errors.dedup_by_key(|error| error.row);
    Converted { array, errors }
}

/// Where all values are texts, numbers and null: texts, and the digits of numbers as they stand there.
fn plain_texts(values: &StringArray) -> Option<StringArray> {
    let texts = values.iter().map(|value| {
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        Some(match value {
            None | Some("null") => None,
            Some(number) if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                serde_json::from_str::<serde_json::Number>(number).ok()?;
                Some(number.to_owned())
            }
            Some(text) => Some(serde_json::from_str::<String>(text).ok()?),
        })
    });
    texts.collect()
}

struct Builder {
    errors: Vec<CellError>,
}

/// The row of a value, and where in its column it is: "element 3: `price`: ".
type PlaceOf<'a> = &'a dyn Fn(usize) -> (u32, String);

impl Builder {
    fn report(&mut self, (row, path): (u32, String), message: String) {
        let message = path + &message;
        self.errors.push(CellError { row, message });
    }

    fn refuse(&mut self, place: (u32, String), value: Raw<'_>, to: &Field) {
        let text = shortened(value.text());
        let to = wire::type_name(&to.clone().with_nullable(false));
        self.report(place, format!("`{text}` is no {to}"));
    }

    /// The values as an array of type `to`. Below the top, nulls that `to` has not are errors and become zeros,
    /// because Arrow refuses them even where the row is never looked at again.
    fn array(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        place_of: PlaceOf<'_>,
        is_top: bool,
    ) -> ArrayRef {
        let values: Vec<Option<Raw<'_>>> = values
            .iter()
            .map(|value| value.filter(|value| !value.is_null()))
            .map(|value| value.map(|value| spelled_out(value, to)))
            .collect();
        let fill = !is_top && !to.is_nullable();
        if fill {
            for (at, _) in values
                .iter()
                .enumerate()
                .filter(|(_, value)| value.is_none())
            {
                self.report(place_of(at), "it is null".to_owned());
            }
        }
        let array = match to.data_type() {
            DataType::Boolean => {
                let values =
                    self.scalars(&values, to, place_of, |value| value.as_bool().ok_or(None));
                Arc::new(BooleanArray::from(values)) as ArrayRef
            }
            DataType::Int8 => self.numbers::<Int8Type>(&values, to, place_of),
            DataType::Int16 => self.numbers::<Int16Type>(&values, to, place_of),
            DataType::Int32 => self.numbers::<Int32Type>(&values, to, place_of),
            DataType::Int64 => self.numbers::<Int64Type>(&values, to, place_of),
            DataType::UInt8 => self.numbers::<UInt8Type>(&values, to, place_of),
            DataType::UInt16 => self.numbers::<UInt16Type>(&values, to, place_of),
            DataType::UInt32 => self.numbers::<UInt32Type>(&values, to, place_of),
            DataType::UInt64 => self.numbers::<UInt64Type>(&values, to, place_of),
            DataType::Float32 => self.numbers::<Float32Type>(&values, to, place_of),
            DataType::Float64 => self.numbers::<Float64Type>(&values, to, place_of),
            DataType::Utf8 if wire::is_dynamic(to) => Arc::new(
                values
                    .iter()
                    .map(|value| value.map(Raw::text))
                    .collect::<StringArray>(),
            ),
            DataType::Utf8 => {
                let texts: Vec<_> = values
                    .iter()
                    .map(|value| value.and_then(Raw::as_digits_or_str))
                    .collect();
                for (at, value) in values.iter().enumerate() {
                    if let Some(value) = value.filter(|_| texts[at].is_none()) {
                        self.refuse(place_of(at), value, to);
                    }
                }
                Arc::new(StringArray::from_iter(texts))
            }
            DataType::Binary => {
                let decode = |value: Raw<'_>| STANDARD.decode(value.as_str()?.as_bytes()).ok();
                let values = self.scalars(&values, to, place_of, |value| decode(value).ok_or(None));
                Arc::new(values.iter().map(Option::as_ref).collect::<BinaryArray>())
            }
            DataType::Timestamp(..) => {
                let parse = |value: Raw<'_>| {
                    units(parse_timestamp(value.as_str()?.trim())?, to.data_type())
                };
                let values = self.scalars(&values, to, place_of, |value| parse(value).ok_or(None));
                unit_array(values, to.data_type())
            }
            DataType::Duration(_) => {
                let parse =
                    |value: Raw<'_>| units(parse_duration(value.as_str()?.trim())?, to.data_type());
                let values = self.scalars(&values, to, place_of, |value| parse(value).ok_or(None));
                unit_array(values, to.data_type())
            }
            DataType::List(item) => self.list(&values, to, item, place_of),
            DataType::Struct(fields) => self.record(&values, to, fields, place_of),
            DataType::Map(entries, ordered) => self.map(&values, to, entries, *ordered, place_of),
            DataType::FixedSizeList(item, size) => self.tensor(&values, to, item, *size, place_of),
            other => new_null_array(other, values.len()),
        };
        if fill && array.null_count() > 0 {
            without_nulls(&array)
        } else {
            array
        }
    }

    fn scalars<T>(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        place_of: PlaceOf<'_>,
        read: impl Fn(Raw<'_>) -> Result<T, Option<String>>,
    ) -> Vec<Option<T>> {
        let mut read_all = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            read_all.push(value.and_then(|value| match read(value) {
                Ok(value) => Some(value),
                Err(Some(message)) => {
                    self.report(place_of(at), message);
                    None
                }
                Err(None) => {
                    self.refuse(place_of(at), value, to);
                    None
                }
            }));
        }
        read_all
    }

    fn numbers<T: Numeric>(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        place_of: PlaceOf<'_>,
    ) -> ArrayRef {
        let is_float = matches!(T::DATA_TYPE, DataType::Float32 | DataType::Float64);
        let values = self.scalars(values, to, place_of, |value| {
            let number = match (value.as_number(), value.as_str().as_deref()) {
                (Some(number), _) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                    (Some(value), _, _) => Number::Integer(value.into()),
                    (_, Some(value), _) => Number::Integer(value.into()),
                    (_, _, Some(value)) => Number::Float(value),
                    _ => return Err(None),
                },
                (_, Some("NaN")) if is_float => Number::Float(f64::NAN),
                (_, Some("Infinity")) if is_float => Number::Float(f64::INFINITY),
                (_, Some("-Infinity")) if is_float => Number::Float(f64::NEG_INFINITY),
                (_, Some(text)) if is_float => Number::Float(text.parse().map_err(|_| None)?),
                (_, Some(text)) => Number::Integer(text.parse().map_err(|_| None)?),
                _ => return Err(None),
            };
            T::narrow(number).ok_or_else(|| Some(no_such_value(number, &T::DATA_TYPE)))
        });
        Arc::new(PrimitiveArray::<T>::from_iter(values))
    }

    fn list(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        item: &FieldRef,
        place_of: PlaceOf<'_>,
    ) -> ArrayRef {
        let mut elements: Vec<Option<Raw<'_>>> = Vec::new();
        let mut owners = Vec::new();
        let mut offsets = vec![0i32];
        let mut present = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let items = value.and_then(Raw::elements);
            present.push(items.is_some());
            match (items, value) {
                (Some(items), _) => {
                    elements.extend(items.map(Some));
                    owners.resize(elements.len(), at);
                }
                (None, Some(value)) => self.refuse(place_of(at), *value, to),
                (None, None) => {}
            }
            offsets.push(elements.len() as i32);
        }
        let place_of_element = |at: usize| {
            let owner = owners[at];
            let (row, path) = place_of(owner);
            (
                row,
                format!("{path}element {}: ", at - offsets[owner] as usize),
            )
        };
        let child = self.array(&elements, item, &place_of_element, false);
        let list = ListArray::try_new(
            item.clone(),
            OffsetBuffer::new(offsets.into()),
            child,
            some_nulls(present),
        );
        list.map_or_else(
            |_| new_null_array(to.data_type(), values.len()),
            |list| Arc::new(list),
        )
    }

    fn tensor(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        item: &FieldRef,
        size: i32,
        place_of: PlaceOf<'_>,
    ) -> ArrayRef {
        let size_usize = size as usize;
        let mut elements = Vec::with_capacity(values.len() * size_usize);
        let mut present = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let start = elements.len();
            if let Some(value) = value {
                push_leaves(*value, &mut elements, start + size_usize + 1);
            }
            let fits = elements.len() == start + size_usize;
            if let Some(value) = value.filter(|_| !fits) {
                self.refuse(place_of(at), value, to);
            }
            elements.resize(start + size_usize, 0.0);
            present.push(fits);
        }
        let elements = Arc::new(Float32Array::from(elements));
        let tensor = FixedSizeListArray::try_new_with_length(
            item.clone(),
            size,
            elements,
            some_nulls(present),
            values.len(),
        );
        tensor.map_or_else(
            |_| new_null_array(to.data_type(), values.len()),
            |tensor| Arc::new(tensor),
        )
    }

    fn record(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        fields: &Fields,
        place_of: PlaceOf<'_>,
    ) -> ArrayRef {
        let mut present = Vec::with_capacity(values.len());
        let (mut owners, mut objects) = (Vec::new(), Vec::new());
        for (at, value) in values.iter().enumerate() {
            let members = value.and_then(Raw::members);
            present.push(members.is_some());
            match (members, value) {
                (Some(members), _) => {
                    owners.push(at);
                    objects.push(members);
                }
                (None, Some(value)) => self.refuse(place_of(at), *value, to),
                (None, None) => {}
            }
        }
        let children = fields.iter().map(|field| {
            let members: Vec<Option<Raw<'_>>> = objects
                .iter()
                .map(|members| raw::named(members, field.name()))
                .collect();
            let place_of_member = |member: usize| {
                let (row, path) = place_of(owners[member]);
                (row, format!("{path}`{}`: ", field.name()))
            };
            let child = self.array(&members, field, &place_of_member, false);
            spread(&child, &present)
        });
        let children: Vec<ArrayRef> = children.collect();
        let record = StructArray::try_new_with_length(
            fields.clone(),
            children,
            some_nulls(present),
            values.len(),
        );
        record.map_or_else(
            |_| new_null_array(to.data_type(), values.len()),
            |record| Arc::new(record),
        )
    }

    fn map(
        &mut self,
        values: &[Option<Raw<'_>>],
        to: &Field,
        entries: &FieldRef,
        ordered: bool,
        place_of: PlaceOf<'_>,
    ) -> ArrayRef {
        let nothing = || new_null_array(to.data_type(), values.len());
        let DataType::Struct(pair) = entries.data_type() else {
            return nothing();
        };
        let (mut keys, mut members, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let mut offsets = vec![0i32];
        let mut present = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let object = value.and_then(Raw::members);
            present.push(object.is_some());
            let Some(object) = object else {
                if let Some(value) = value {
                    self.refuse(place_of(at), *value, to);
                }
                offsets.push(keys.len() as i32);
                continue;
            };
            match listed_entries(&object) {
                Some(entries) => {
                    for entry in entries {
                        let parts: Vec<Raw<'_>> = entry.elements().into_iter().flatten().collect();
                        let [key, member] = parts[..] else {
                            self.refuse(place_of(at), entry, to);
                            continue;
                        };
                        keys.push(Some(key));
                        members.push(Some(member));
                        owners.push(at);
                    }
                }
                None => {
                    let is_bool = *pair[0].data_type() == DataType::Boolean;
                    // In the order of their names; of equal ones the last counts.
                    let by_name = object
                        .iter()
                        .map(|(key, member)| (key.as_str(), (key, member)));
                    for (key, member) in by_name.collect::<BTreeMap<_, _>>().into_values() {
                        keys.push(Some(if is_bool { key.unquoted_bool() } else { *key }));
                        members.push(Some(*member));
                        owners.push(at);
                    }
                }
            }
            offsets.push(keys.len() as i32);
        }
        let place_of_entry = |at: usize| {
            let (row, path) = place_of(owners[at]);
            (
                row,
                format!("{path}`{}`: ", keys[at].map_or_else(String::new, text_of)),
            )
        };
        let members = self.array(&members, &pair[1], &place_of_entry, false);
        let keys = self.array(&keys, &pair[0], &place_of_entry, false);
        StructArray::try_new(pair.clone(), vec![keys, members], None)
            .and_then(|pairs| {
                MapArray::try_new(
                    entries.clone(),
                    OffsetBuffer::new(offsets.into()),
                    pairs,
                    some_nulls(present),
                    ordered,
                )
            })
            .map_or_else(|_| nothing(), |map| Arc::new(map))
    }
}

/// A number, time or bytes in the form that says its type (`wit/stage.wit`), where that is the column's: the content.
fn spelled_out<'t>(value: Raw<'t>, to: &Field) -> Raw<'t> {
    if !value.is_object() {
        return value;
    }
    let name = match to.data_type() {
        DataType::UInt64 => "@uint",
        DataType::Float64 => "@double",
        DataType::Binary => "@bytes",
        DataType::Timestamp(..) => "@timestamp",
        DataType::Duration(_) => "@duration",
        _ => return value,
    };
    value.only_member(name).unwrap_or(value)
}

/// The entries of a map in the form `{"@map": [[key, value], …]}`.
fn listed_entries<'t>(object: &[(Raw<'t>, Raw<'t>)]) -> Option<impl Iterator<Item = Raw<'t>>> {
    match object {
        [(name, entries)] if name.is_text("@map") => entries.elements(),
        _ => None,
    }
}

fn text_of(key: Raw<'_>) -> String {
    match key.as_str() {
        Some(text) => shortened(&text),
        None => shortened(key.text()),
    }
}

fn some_nulls(present: Vec<bool>) -> Option<NullBuffer> {
    Some(NullBuffer::from(present)).filter(|nulls| nulls.null_count() > 0)
}

/// The numbers of nested arrays in order, at most `most` of them in all.
fn push_leaves(value: Raw<'_>, into: &mut Vec<f32>, most: usize) {
    if let Some(items) = value.elements() {
        items.for_each(|item| push_leaves(item, into, most));
    } else if let Some(number) = value.as_number() {
        if into.len() < most {
            into.push(number.as_f64().unwrap_or(f64::NAN) as f32);
        }
    } else if into.len() < most {
        into.resize(most, 0.0);
    }
}

/// The same values without their null bits: what is below belongs to rows that failed.
fn without_nulls(array: &ArrayRef) -> ArrayRef {
    let data = array.to_data().into_builder().nulls(None);
    data.build()
        .map_or_else(|_| array.clone(), arrow_array::make_array)
}

/// Puts values at the places that are present; other places repeat any value, and are null above.
fn spread(array: &ArrayRef, present: &[bool]) -> ArrayRef {
    if array.len() == present.len() {
        return array.clone();
    }
    if array.is_empty() {
        return zeros(array.data_type(), present.len());
    }
    let mut next = 0;
    let indices = present.iter().map(|present| {
        let index = next.min(array.len() - 1);
        next += usize::from(*present);
        index
    });
    crate::rows::take(array, indices).unwrap_or_else(|_| zeros(array.data_type(), present.len()))
}

fn zeros(data_type: &DataType, len: usize) -> ArrayRef {
    without_nulls(&new_null_array(data_type, len))
}
