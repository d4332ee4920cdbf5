//! A row's values on their way to the guest: one array for each node of the inputs, filled value by value.

use arrow_schema::Field;
use rulestage_pipeline::runtime::{StageFailure, StageFailureKind, StageSchema};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer, type_name};
use rulestage_stage_abi::layout;

use super::{Kind, RowValue, kind_in};
use crate::direct::{Plan, StagedLists, StagedRow};
use crate::failure::failure;

/// The columns of one row.
#[derive(Debug)]
pub(super) struct Inputs {
    columns: Vec<Array>,
    n_arrays: u32,
    /// The records of all arrays, but for what differs from row to row
    records: Vec<u8>,
    /// The lists of all arrays, likewise
    lists: StagedLists,
}

/// One array, as Arrow lays it out.
#[derive(Debug)]
struct Array {
    kind: Kind,
    is_nullable: bool,
    is_read: bool,
    /// For people
    ty: String,
    /// Where its record is among all
    record: usize,
    /// The number of its first list
    first_list: usize,
    len: u32,
    /// One bit for each value
    validity: Vec<u8>,
    /// Numbers, whatever their type
    numbers: Vec<u64>,
    /// Of texts, lists and maps; the first is always there
    offsets: Vec<i32>,
    /// Of texts; the bits of booleans
    bytes: Vec<u8>,
    children: Vec<Self>,
}

/// Why a value does not fit.
struct Wrong {
    /// The type of what was not given
    expected: String,
    given: String,
}

impl Inputs {
    pub(super) fn new(schema: &StageSchema) -> Result<Self, StageFailure> {
        let mut inputs = Self {
            columns: Vec::new(),
            n_arrays: 0,
            records: Vec::new(),
            lists: StagedLists::default(),
        };
        let mut reads = schema.reads.iter();
        for field in schema.inputs.fields() {
            let column = inputs.array(field, field, &mut reads, true)?;
            inputs.columns.push(column);
        }
        Ok(inputs)
    }

    /// The array of a part of a column, and those below it.
    fn array(
        &mut self,
        column: &Field,
        field: &Field,
        reads: &mut std::slice::Iter<'_, bool>,
        is_read: bool,
    ) -> Result<Array, StageFailure> {
        let is_read = *reads.next().unwrap_or(&true) && is_read;
        let record = self.records.len();
        self.records.resize(record + layout::ARRAY as usize, 0);
        self.n_arrays += 1;
        let mut array = Array {
            kind: kind_in(column, field)?,
            is_nullable: field.is_nullable(),
            is_read,
            ty: type_name(field),
            record,
            first_list: self.lists.len(),
            len: 0,
            validity: Vec::new(),
            numbers: Vec::new(),
            offsets: vec![0],
            bytes: Vec::new(),
            children: Vec::new(),
        };
        if is_read {
            self.records[record + 16] = array.kind.case();
            let [validity, values, bytes] = places(record);
            if array.is_nullable {
                self.records[record + 4] = 1;
                self.lists.push(1, validity);
            }
            match array.kind {
                Kind::Bits => self.lists.push(1, values),
                Kind::Int | Kind::Uint | Kind::Double => self.lists.push(8, values),
                Kind::Text | Kind::Binary => {
                    self.lists.push(4, values);
                    self.lists.push(1, bytes);
                }
                Kind::List | Kind::Map => self.lists.push(4, values),
                Kind::Struct => {}
            }
        }
        for child in Kind::children(field) {
            let child = self.array(column, child, reads, is_read)?;
            array.children.push(child);
        }
        Ok(array)
    }

    pub(super) fn write(
        &mut self,
        schema: &StageSchema,
        row: &[RowValue<'_>],
    ) -> Result<(), StageFailure> {
        if row.len() != self.columns.len() {
            let (n_values, n_columns) = (row.len(), self.columns.len());
            let message = format!("{n_values} values for the {n_columns} columns of the stage");
            return Err(failure(StageFailureKind::InvalidColumn, message));
        }
        for (index, (column, value)) in self.columns.iter_mut().zip(row).enumerate() {
            column.clear();
            let pushed = match column.has_parts() {
                true => column.push(value),
                false => column.push_scalar(value),
            };
            if let Err(wrong) = pushed {
                let Wrong { expected, given } = *wrong;
                let field = schema.inputs.field(index);
                let (name, ty) = (field.name(), type_name(field));
                let part = match expected == ty {
                    true => " and".to_owned(),
                    false => format!(", and a part of type {expected}"),
                };
                let message = format!("column `{name}` is of type {ty}{part} was given {given}");
                return Err(failure(StageFailureKind::InvalidColumn, message));
            }
        }
        Ok(())
    }

    pub(super) fn stage(&self, memory: &mut [u8]) -> Option<Plan> {
        let mut row = self.lists.stage(memory, &self.records, self.n_arrays)?;
        for column in &self.columns {
            match column.has_parts() {
                true => column.stage(&mut row)?,
                false => column.stage_own(&mut row)?,
            }
        }
        Some(row.plan())
    }

    pub(super) fn columns(&self) -> Vec<FlatArray<'_>> {
        let mut flat = Vec::with_capacity(self.n_arrays as usize);
        for column in &self.columns {
            column.flatten(&mut flat);
        }
        flat
    }
}

impl Array {
    fn has_parts(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Map | Kind::Struct)
    }

    #[inline]
    fn clear(&mut self) {
        self.len = 0;
        self.validity.clear();
        match self.kind {
            Kind::Bits => self.bytes.clear(),
            Kind::Int | Kind::Uint | Kind::Double => self.numbers.clear(),
            Kind::Text | Kind::Binary => {
                self.bytes.clear();
                self.offsets.truncate(1);
            }
            Kind::List | Kind::Map => self.offsets.truncate(1),
            Kind::Struct => {}
        }
        self.children.iter_mut().for_each(Self::clear);
    }

    /// Adds a value. What the stage does not read is checked, and not kept.
    fn push(&mut self, value: &RowValue<'_>) -> Result<(), Box<Wrong>> {
        match (self.kind, *value) {
            (Kind::List, RowValue::List(items)) => {
                let [elements] = &mut self.children[..] else {
                    return Err(self.wrong(value));
                };
                for item in items {
                    elements.push(item)?;
                }
                self.offsets.push(elements.len.cast_signed());
            }
            (Kind::Map, RowValue::Map(entries)) => {
                let [keys, values] = &mut self.children[..] else {
                    return Err(self.wrong(value));
                };
                for (key, value) in entries {
                    keys.push(key)?;
                    values.push(value)?;
                }
                self.offsets.push(keys.len.cast_signed());
            }
            (Kind::Struct, RowValue::Struct(fields)) if fields.len() == self.children.len() => {
                for (child, field) in self.children.iter_mut().zip(fields) {
                    child.push(field)?;
                }
            }
            _ => return self.push_scalar(value),
        }
        self.end_value();
        Ok(())
    }

    /// Adds a value that has no parts.
    #[inline(always)]
    fn push_scalar(&mut self, value: &RowValue<'_>) -> Result<(), Box<Wrong>> {
        match (self.kind, value) {
            (Kind::Int, RowValue::Int(value)) => self.numbers.push(value.cast_unsigned()),
            (Kind::Uint, RowValue::Uint(value)) => self.numbers.push(*value),
            (Kind::Double, RowValue::Double(value)) => self.numbers.push(value.to_bits()),
            (Kind::Bits, RowValue::Boolean(value)) => push_bit(&mut self.bytes, self.len, *value),
            (Kind::Text, RowValue::Text(text)) => self.push_bytes(text.as_bytes())?,
            (Kind::Binary, RowValue::Binary(bytes)) => self.push_bytes(bytes)?,
            (_, RowValue::Null) if self.is_nullable => {
                self.push_blank();
                return Ok(());
            }
            _ => return Err(self.wrong(value)),
        }
        self.end_value();
        Ok(())
    }

    #[inline(always)]
    fn end_value(&mut self) {
        if self.is_nullable {
            push_bit(&mut self.validity, self.len, true);
        }
        self.len += 1;
    }

    /// Adds a null where there may be one, and something where not: it is a part of a null.
    fn push_blank(&mut self) {
        match self.kind {
            Kind::Bits => push_bit(&mut self.bytes, self.len, false),
            Kind::Int | Kind::Uint | Kind::Double => self.numbers.push(0),
            Kind::Struct => self.children.iter_mut().for_each(Self::push_blank),
            _ => self.offsets.extend_from_within(self.offsets.len() - 1..),
        }
        if self.is_nullable {
            push_bit(&mut self.validity, self.len, false);
        }
        self.len += 1;
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Box<Wrong>> {
        if self.is_read {
            self.bytes.extend_from_slice(bytes);
        }
        // Offsets have a sign.
        let end = i32::try_from(self.bytes.len()).map_err(|_| {
            Box::new(Wrong {
                expected: self.ty.clone(),
                given: format!("{} bytes, which is too many", self.bytes.len()),
            })
        })?;
        self.offsets.push(end);
        Ok(())
    }

    #[cold]
    fn wrong(&self, value: &RowValue<'_>) -> Box<Wrong> {
        let given = match value {
            RowValue::Null => "null",
            RowValue::Boolean(_) => "bool",
            RowValue::Int(_) => "int",
            RowValue::Uint(_) => "uint",
            RowValue::Double(_) => "double",
            RowValue::Text(_) => "string",
            RowValue::Binary(_) => "bytes",
            RowValue::List(_) => "a list",
            RowValue::Struct(fields) => &format!("a struct of {} fields", fields.len()),
            RowValue::Map(_) => "a map",
        };
        Box::new(Wrong {
            expected: self.ty.clone(),
            given: given.to_owned(),
        })
    }

    /// Writes what differs from row to row.
    fn stage(&self, row: &mut StagedRow<'_>) -> Option<()> {
        self.stage_own(row)?;
        self.children.iter().try_for_each(|child| child.stage(row))
    }

    /// The same of this array alone.
    #[inline(always)]
    fn stage_own(&self, row: &mut StagedRow<'_>) -> Option<()> {
        row.put_length(self.record, self.len);
        if self.is_read {
            let [validity, values, bytes] = places(self.record);
            let mut list = self.first_list;
            if self.is_nullable {
                row.put_bytes(list, validity, &self.validity)?;
                list += 1;
            }
            match self.kind {
                Kind::Bits => row.put_bytes(list, values, &self.bytes)?,
                Kind::Int | Kind::Uint | Kind::Double => {
                    row.put_numbers(list, values, &self.numbers)?;
                }
                Kind::Text | Kind::Binary => {
                    row.put_offsets(list, values, &self.offsets)?;
                    row.put_bytes(list + 1, bytes, &self.bytes)?;
                }
                Kind::List | Kind::Map => row.put_offsets(list, values, &self.offsets)?,
                Kind::Struct => {}
            }
        }
        Some(())
    }

    fn flatten<'a>(&'a self, flat: &mut Vec<FlatArray<'a>>) {
        let signed = || {
            self.numbers
                .iter()
                .map(|value| value.cast_signed())
                .collect()
        };
        let doubles = || {
            self.numbers
                .iter()
                .map(|bits| f64::from_bits(*bits))
                .collect()
        };
        let is_nullable = self.is_read && self.is_nullable;
        flat.push(FlatArray {
            length: self.len,
            validity: is_nullable.then(|| self.validity.as_slice().into()),
            values: match self.kind {
                _ if !self.is_read => FlatBuffer::None,
                Kind::Bits => FlatBuffer::Bits(self.bytes.as_slice().into()),
                Kind::Int => FlatBuffer::S64(signed()),
                Kind::Uint => FlatBuffer::U64(self.numbers.as_slice().into()),
                Kind::Double => FlatBuffer::F64(doubles()),
                Kind::Text | Kind::Binary => FlatBuffer::Bytes {
                    offsets: self.offsets.as_slice().into(),
                    bytes: self.bytes.as_slice().into(),
                },
                Kind::List | Kind::Map => FlatBuffer::Offsets(self.offsets.as_slice().into()),
                Kind::Struct => FlatBuffer::None,
            },
        });
        for child in &self.children {
            child.flatten(flat);
        }
    }
}

/// Where in the record at `record` the lists of validity, values and bytes stand.
fn places(record: usize) -> [usize; 3] {
    [record + 8, record + 20, record + 28]
}

/// Adds bit number `position` to a bitmap.
fn push_bit(bits: &mut Vec<u8>, position: u32, bit: bool) {
    if position.is_multiple_of(8) {
        bits.push(0);
    }
    if let Some(last) = bits.last_mut() {
        *last |= u8::from(bit) << (position % 8);
    }
}
