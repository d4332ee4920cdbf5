//! One row at a time, without Arrow: the form in which a row crosses to the guest and its results come back.

mod input;
mod output;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};
use rulestage_pipeline::runtime::{RowError, StageFailure, StageFailureKind, StageSchema};
use rulestage_pipeline::wire::{FlatArray, type_name};
use rulestage_stage_abi::Memory;

use crate::failure::failure;
use input::Inputs;
use output::Output;

/// A value of one column in one row, for [`Session::process_row`](crate::Session::process_row).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowValue<'a> {
    /// null, where there may be nulls
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
    /// The elements of a list
    List(&'a [RowValue<'a>]),
    /// The fields of a struct, in the order of its type
    Struct(&'a [RowValue<'a>]),
    /// The keys and values of a map
    Map(&'a [(RowValue<'a>, RowValue<'a>)]),
}

/// A value of one output in one row; of the same types as [`RowValue`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "`RowValue` documents the cases")]
pub enum RowResult {
    Null,
    Boolean(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Binary(Vec<u8>),
    List(Vec<RowResult>),
    Struct(Vec<RowResult>),
    Map(Vec<(RowResult, RowResult)>),
}

/// What a row came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowOutcome {
    /// One for each output, in the order of the schema; the defaults where the row failed
    pub values: Vec<RowResult>,
    /// Why the row failed
    pub error: Option<RowError>,
}

/// The sort of an array's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bits,
    Int,
    Uint,
    Double,
    Text,
    Binary,
    List,
    Map,
    Struct,
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
            DataType::List(_) => Self::List,
            DataType::Map(..) => Self::Map,
            DataType::Struct(_) => Self::Struct,
            _ => return None,
        })
    }

    /// The case of WIT `buffer` that holds such values.
    fn case(self) -> u8 {
        match self {
            Self::Struct => 0,
            Self::Bits => 1,
            Self::Int => 5,
            Self::Uint => 9,
            Self::Double => 11,
            Self::Text | Self::Binary => 12,
            Self::List | Self::Map => 13,
        }
    }

    /// The fields of the arrays right below one of a field of this kind.
    fn children(field: &Field) -> Vec<&Field> {
        match field.data_type() {
            DataType::List(item) => vec![item],
            DataType::Struct(fields) => fields.iter().map(|field| &**field).collect(),
            DataType::Map(entries, _) => Self::children(entries),
            _ => Vec::new(),
        }
    }
}

/// The kind of a column of a row, or of a part of it.
fn kind_in(column: &Field, part: &Field) -> Result<Kind, StageFailure> {
    Kind::of(part).ok_or_else(|| {
        let (name, ty) = (column.name(), type_name(column));
        let message = format!("column `{name}` is of type {ty}: such rows are called in batches");
        failure(StageFailureKind::Failed, message)
    })
}

/// The form of a session's rows.
#[derive(Debug)]
pub(crate) struct RowForm {
    inputs: Inputs,
    outputs: Vec<Output>,
}

impl RowForm {
    /// # Errors
    /// `Failed`: a column is of a type that [`RowValue`] does not have.
    pub(crate) fn new(schema: &StageSchema) -> Result<Self, StageFailure> {
        let outputs = schema.outputs.fields().iter();
        Ok(Self {
            inputs: Inputs::new(schema)?,
            outputs: outputs
                .map(|field| Output::new(field, field))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Takes a row up.
    ///
    /// # Errors
    /// `InvalidColumn`: there are more or fewer values than columns, or one is of another type.
    pub(crate) fn write(
        &mut self,
        schema: &StageSchema,
        row: &[RowValue<'_>],
    ) -> Result<(), StageFailure> {
        self.inputs.write(schema, row)
    }

    /// The arguments of `process` for the row that was written, for a small batch; `None` where it is too large.
    pub(crate) fn stage(&self, memory: &mut [u8]) -> Option<crate::direct::Plan> {
        self.inputs.stage(memory)
    }

    /// The row that was written, as columns.
    pub(crate) fn columns(&self) -> Vec<FlatArray<'_>> {
        self.inputs.columns()
    }

    /// Reads the values out of a well-formed outcome of one row that did not fail; `None` for anything else, which
    /// then has to be looked at more closely.
    pub(crate) fn read(
        &self,
        memory: &impl Memory,
        record: &[u8],
        values: &mut Vec<RowResult>,
    ) -> Option<()> {
        output::read(&self.outputs, memory, record, values)
    }

    /// The values of columns that are known to be those of the outputs, each of one row.
    ///
    /// # Errors
    /// `Failed`: they have too many parts.
    pub(crate) fn values(columns: &[ArrayRef]) -> Result<Vec<RowResult>, StageFailure> {
        output::values(columns)
    }
}
