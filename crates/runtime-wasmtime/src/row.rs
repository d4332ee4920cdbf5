//! One row at a time, without Arrow: the form in which a row of scalars crosses to the guest and its results come back.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};
use rulestage_pipeline::runtime::{RowError, StageFailure, StageFailureKind, StageSchema, Value};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer, type_name};
use rulestage_stage_abi::{Memory, get_u32, layout, put_u32};

use crate::direct::RECORDS_ADDRESS;
use crate::failure::failure;

/// A value of one column in one row, for [`Session::process_row`](crate::Session::process_row).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// null, where the column may be null
    Null,
    /// `bool`
    Boolean(bool),
    /// `int`; the units since 1970-01-01T00:00:00Z of a timestamp; the units of a duration
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`, and the JSON text of `dynamic` columns
    Text(&'a str),
    /// `bytes`
    Binary(&'a [u8]),
}

/// What a row came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowOutcome {
    /// One for each output, in the order of the schema: `Null`, `Boolean`, `Int` (also the units of timestamps and
    /// durations), `Uint`, `Double`, `Text` (also JSON text), `Binary` or `Texts`; the defaults where the row failed
    pub values: Vec<Value>,
    /// Why the row failed
    pub error: Option<RowError>,
}

/// The sort of a column's values; its case of WIT `buffer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bits = 1,
    Int = 5,
    Uint = 9,
    Double = 11,
    Text = 12,
    Binary = 112,
    /// Lists of texts, which only come out
    Texts = 13,
}

impl Kind {
    fn of(field: &Field) -> Option<Self> {
        Some(match field.data_type() {
            DataType::Boolean => Self::Bits,
            DataType::Int64 | DataType::Timestamp(..) | DataType::Duration(_) => Self::Int,
            DataType::UInt64 => Self::Uint,
            DataType::Float64 => Self::Double,
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Binary,
            DataType::List(item) if *item.data_type() == DataType::Utf8 => Self::Texts,
            _ => return None,
        })
    }

    /// The case of the values' buffer.
    fn case(self) -> u8 {
        match self {
            Self::Binary => Self::Text as u8,
            kind => kind as u8,
        }
    }

    /// The size and the alignment of the first list of the buffer, for one row.
    fn first_list(self) -> (u32, u32) {
        match self {
            Self::Bits => (1, 1),
            Self::Int | Self::Uint | Self::Double => (8, 8),
            Self::Text | Self::Binary | Self::Texts => (8, 4),
        }
    }
}

/// An input column and where its value stands in [`RowForm::contents`] and [`RowForm::lists`].
#[derive(Debug)]
struct Input {
    kind: Kind,
    validity: Option<usize>,
    value: usize,
    record: usize,
    /// Of variable-width values
    bytes_list: Option<usize>,
}

/// The arguments of `process` for one row as they lie in the guest's memory, but for the addresses.
#[derive(Debug)]
pub(crate) struct RowForm {
    inputs: Vec<Input>,
    outputs: Vec<Kind>,
    /// What has to be allocated, each by alignment, size, the place of its address and its content
    pub(crate) lists: Vec<u8>,
    /// The records of all columns, their values, and after `n_fixed` bytes what has no fixed size
    pub(crate) contents: Vec<u8>,
    n_fixed: usize,
    /// The address that `contents` will have
    origin: u32,
}

impl RowForm {
    /// The form of a session's rows; `origin` is where the contents will stand.
    ///
    /// # Errors
    /// `Failed`: a column is neither a scalar nor a list of texts that comes out.
    pub(crate) fn new(schema: &StageSchema, origin: u32) -> Result<Self, StageFailure> {
        let kind = |field: &Field| {
            Kind::of(field).ok_or_else(|| {
                let (name, ty) = (field.name(), type_name(field));
                let message =
                    format!("column `{name}` is of type {ty}: such rows are called in batches");
                failure(StageFailureKind::Failed, message)
            })
        };
        let n_inputs = schema.inputs.fields().len();
        let mut form = Self {
            inputs: Vec::with_capacity(n_inputs),
            outputs: Vec::new(),
            lists: Vec::new(),
            contents: vec![0; n_inputs * layout::ARRAY as usize],
            n_fixed: 0,
            origin,
        };
        let size = form.contents.len() as u32;
        let records = form.list(size, 4, 0, 0);
        put_u32(&mut form.lists, records + 8, RECORDS_ADDRESS);
        form.pad();
        for (index, field) in schema.inputs.fields().iter().enumerate() {
            let kind = kind(field)?;
            if kind == Kind::Texts {
                let message = format!(
                    "column `{}` is a list: such rows are called in batches",
                    field.name()
                );
                return Err(failure(StageFailureKind::Failed, message));
            }
            let record = index * layout::ARRAY as usize;
            put_u32(&mut form.contents, record, 1);
            let validity = field.is_nullable().then(|| {
                form.contents[record + 4] = 1;
                put_u32(&mut form.contents, record + 12, 1);
                form.slot(1, 1, record + 8)
            });
            form.contents[record + 16] = kind.case();
            let (size, align) = kind.first_list();
            let n_elements = if align == 4 { 2 } else { 1 };
            put_u32(&mut form.contents, record + 24, n_elements);
            let value = form.slot(size, align, record + 20);
            let bytes_list = (align == 4).then(|| form.list(0, 1, record + 28, 0));
            form.inputs.push(Input {
                kind,
                validity,
                value,
                record,
                bytes_list,
            });
        }
        form.n_fixed = form.contents.len();
        let outputs = schema.outputs.fields().iter().map(|field| kind(field));
        form.outputs = outputs.collect::<Result<_, _>>()?;
        Ok(form)
    }

    fn pad(&mut self) {
        let len = self.contents.len().next_multiple_of(8);
        self.contents.resize(len, 0);
    }

    /// Adds a list whose address stands at `place` of the contents, and whose content at `content`.
    fn list(&mut self, size: u32, align: u32, place: usize, content: usize) -> usize {
        let at = self.lists.len();
        let words = [
            align,
            size,
            self.origin + place as u32,
            self.origin + content as u32,
        ];
        self.lists
            .extend(words.iter().flat_map(|word| word.to_le_bytes()));
        at
    }

    /// Adds a list of fixed size, and gives where its content stands.
    fn slot(&mut self, size: u32, align: u32, place: usize) -> usize {
        let content = self.contents.len();
        self.list(size, align, place, content);
        self.contents.resize(content + size as usize, 0);
        self.pad();
        content
    }

    pub(crate) fn n_arrays(&self) -> u32 {
        self.inputs.len() as u32
    }

    /// Writes a row into the form.
    ///
    /// # Errors
    /// `InvalidColumn`: there are more or fewer values than columns, or one is of another type.
    pub(crate) fn write(
        &mut self,
        schema: &StageSchema,
        row: &[Scalar<'_>],
    ) -> Result<(), StageFailure> {
        if row.len() != self.inputs.len() {
            let (n_values, n_columns) = (row.len(), self.inputs.len());
            let message = format!("{n_values} values for the {n_columns} columns of the stage");
            return Err(failure(StageFailureKind::InvalidColumn, message));
        }
        self.contents.truncate(self.n_fixed);
        for (index, (input, value)) in self.inputs.iter().zip(row).enumerate() {
            let slot = &mut self.contents[input.value..];
            let mut bytes: &[u8] = &[];
            match (input.kind, *value) {
                (_, Scalar::Null) if input.validity.is_some() => {}
                (Kind::Bits, Scalar::Boolean(value)) => slot[0] = u8::from(value),
                (Kind::Int, Scalar::Int(value)) => slot[..8].copy_from_slice(&value.to_le_bytes()),
                (Kind::Uint, Scalar::Uint(value)) => {
                    slot[..8].copy_from_slice(&value.to_le_bytes())
                }
                (Kind::Double, Scalar::Double(value)) => {
                    slot[..8].copy_from_slice(&value.to_le_bytes())
                }
                (Kind::Text, Scalar::Text(text)) => bytes = text.as_bytes(),
                (Kind::Binary, Scalar::Binary(value)) => bytes = value,
                (_, value) => return Err(wrong_value(schema.inputs.field(index), value)),
            }
            if let Some(validity) = input.validity {
                self.contents[validity] = u8::from(*value != Scalar::Null);
            }
            if let Some(list) = input.bytes_list {
                // Offsets have a sign.
                let Some(len) = i32::try_from(bytes.len()).ok().map(i32::cast_unsigned) else {
                    let (name, len) = (schema.inputs.field(index).name(), bytes.len());
                    let message =
                        format!("column `{name}` was given {len} bytes, which is too many");
                    return Err(failure(StageFailureKind::InvalidColumn, message));
                };
                put_u32(&mut self.contents, input.value + 4, len);
                put_u32(&mut self.contents, input.record + 32, len);
                put_u32(&mut self.lists, list + 4, len);
                let content = self.contents.len();
                put_u32(&mut self.lists, list + 12, self.origin + content as u32);
                self.contents.extend_from_slice(bytes);
                let len = self.contents.len().next_multiple_of(8);
                self.contents.resize(len, 0);
            }
        }
        Ok(())
    }

    /// The row that was written, as columns.
    pub(crate) fn columns(&self) -> Vec<FlatArray<'_>> {
        let number =
            |at: usize| -> [u8; 8] { self.contents[at..at + 8].try_into().unwrap_or_default() };
        let column = |input: &Input| {
            let at = input.value;
            FlatArray {
                length: 1,
                validity: input
                    .validity
                    .map(|at| Cow::Borrowed(&self.contents[at..=at])),
                values: match input.kind {
                    Kind::Bits => FlatBuffer::Bits(Cow::Borrowed(&self.contents[at..=at])),
                    Kind::Int => FlatBuffer::S64(vec![i64::from_le_bytes(number(at))].into()),
                    Kind::Uint => FlatBuffer::U64(vec![u64::from_le_bytes(number(at))].into()),
                    Kind::Double => FlatBuffer::F64(vec![f64::from_le_bytes(number(at))].into()),
                    Kind::Text | Kind::Binary | Kind::Texts => {
                        let list = input.bytes_list.unwrap_or_default();
                        let len = get_u32(&self.lists, list + 4) as usize;
                        let start = (get_u32(&self.lists, list + 12) - self.origin) as usize;
                        FlatBuffer::Bytes {
                            offsets: vec![0, len as i32].into(),
                            bytes: Cow::Borrowed(&self.contents[start..start + len]),
                        }
                    }
                },
            }
        };
        self.inputs.iter().map(column).collect()
    }

    /// Reads the values out of a well-formed outcome of one row that did not fail; `None` for anything else, which
    /// then has to be looked at more closely.
    pub(crate) fn read(
        &self,
        memory: &impl Memory,
        record: &[u8],
        values: &mut Vec<Value>,
    ) -> Option<()> {
        let memory = memory.seen()?;
        let n_errors = get_u32(record, 16);
        let arrays = list(memory, record, 4, layout::ARRAY, 4)?;
        if n_errors != 0 || arrays.len() != self.outputs.len() * layout::ARRAY as usize {
            return None;
        }
        let (arrays, _) = arrays.as_chunks::<{ layout::ARRAY as usize }>();
        for (array, kind) in arrays.iter().zip(&self.outputs) {
            if get_u32(array, 0) != 1 || array[4] != 0 || array[16] != kind.case() {
                return None;
            }
            let first: Option<&[u8; 8]> = match kind.first_list() {
                (8, align) => exactly(list(memory, array, 20, align, align)?),
                _ => None,
            };
            let number = || first.copied();
            values.push(match kind {
                Kind::Bits => Value::Boolean(list(memory, array, 20, 1, 1)?.first()? & 1 == 1),
                Kind::Int => Value::Int(i64::from_le_bytes(number()?)),
                Kind::Uint => Value::Uint(u64::from_le_bytes(number()?)),
                Kind::Double => Value::Double(f64::from_le_bytes(number()?)),
                Kind::Text => {
                    let offsets = first?;
                    let bytes = list(memory, array, 28, 1, 1)?;
                    let range = get_u32(offsets, 0) as usize..get_u32(offsets, 4) as usize;
                    Value::Text(str::from_utf8(bytes.get(range)?).ok()?.to_owned())
                }
                Kind::Binary | Kind::Texts => return None,
            });
        }
        Some(())
    }

    /// The values of columns that are known to be those of the outputs, each of one row.
    pub(crate) fn values(&self, columns: &[ArrayRef]) -> Vec<Value> {
        columns.iter().map(value).collect()
    }
}

/// The bytes of the list that stands at `at` of a record, if it is where it may be.
fn list<'a>(memory: &'a [u8], record: &[u8], at: usize, size: u32, align: u32) -> Option<&'a [u8]> {
    let (address, len) = (get_u32(record, at), get_u32(record, at + 4));
    let end = u64::from(address) + u64::from(len) * u64::from(size);
    if !address.is_multiple_of(align) {
        return None;
    }
    memory.get(address as usize..usize::try_from(end).ok()?)
}

fn exactly(bytes: &[u8]) -> Option<&[u8; 8]> {
    bytes.try_into().ok()
}

fn wrong_value(field: &Field, value: Scalar<'_>) -> StageFailure {
    let given = match value {
        Scalar::Null => "null",
        Scalar::Boolean(_) => "bool",
        Scalar::Int(_) => "int",
        Scalar::Uint(_) => "uint",
        Scalar::Double(_) => "double",
        Scalar::Text(_) => "string",
        Scalar::Binary(_) => "bytes",
    };
    let (name, ty) = (field.name(), type_name(field));
    failure(
        StageFailureKind::InvalidColumn,
        format!("column `{name}` is of type {ty} and was given {given}"),
    )
}

/// The first value of an array of a [`Kind`].
fn value(array: &ArrayRef) -> Value {
    if array.is_null(0) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Boolean(array.as_boolean().value(0)),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(0)),
        DataType::UInt64 => Value::Uint(array.as_primitive::<UInt64Type>().value(0)),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(0)),
        DataType::Timestamp(unit, _) => Value::Int(match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(0),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(0),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(0),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(0),
        }),
        DataType::Duration(unit) => Value::Int(match unit {
            TimeUnit::Second => array.as_primitive::<DurationSecondType>().value(0),
            TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().value(0),
            TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(0),
            TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(0),
        }),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(0).to_owned()),
        DataType::Binary => Value::Binary(array.as_binary::<i32>().value(0).to_vec()),
        DataType::List(_) => {
            let texts = array.as_list::<i32>().value(0);
            let texts = texts.as_string::<i32>().iter();
            Value::Texts(
                texts
                    .map(|text| text.unwrap_or_default().to_owned())
                    .collect(),
            )
        }
        _ => Value::Absent,
    }
}
