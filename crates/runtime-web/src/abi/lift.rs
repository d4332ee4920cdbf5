//! Reads results out of a guest's memory. Addresses, lengths, cases, text and the total amount are checked.

use super::{Guest, broken, check_range, layout};
use arrow_schema::Field;
use rulestage_pipeline::runtime::{
    Description, Explanation, Expression, FiredRules, Outline, Parameter, Role, RowError,
    RowErrorCode, RuleOutline, StageFailure, StageFailureKind, Value, Verdict,
};
use rulestage_pipeline::wire::{
    FieldNode, FlatArray, FlatBuffer, TimeUnit, TypeNode, nodes_to_field,
};
use std::cell::Cell;

/// What one call may make the host copy: lists may overlap, so the memory's size alone bounds nothing.
const MOST_BYTES: u64 = 1 << 30;

/// Reads from one guest, for one call.
pub(crate) struct Lifter<'a> {
    guest: &'a dyn Guest,
    bytes_left: Cell<u64>,
}

impl<'a> Lifter<'a> {
    pub(crate) fn new(guest: &'a dyn Guest) -> Self {
        Self {
            guest,
            bytes_left: Cell::new(MOST_BYTES),
        }
    }

    /// `size` bytes at `at`.
    pub(crate) fn record(&self, at: u32, size: u32, align: u32) -> Result<Vec<u8>, StageFailure> {
        self.region(at, u64::from(size), align)
    }

    /// The bytes of the list whose address and length stand at `at` of a record.
    pub(crate) fn list(
        &self,
        record: &[u8],
        at: usize,
        size: u32,
        align: u32,
    ) -> Result<Vec<u8>, StageFailure> {
        self.region(
            get_u32(record, at),
            u64::from(get_u32(record, at + 4)) * u64::from(size),
            align,
        )
    }

    fn region(&self, at: u32, len: u64, align: u32) -> Result<Vec<u8>, StageFailure> {
        let mut bytes = Vec::new();
        if len > 0 {
            check_range(self.guest, at, len, align)?;
            self.pay(len)?;
            bytes.resize(len as usize, 0);
            self.guest.copy_out(at, &mut bytes);
        }
        Ok(bytes)
    }

    fn pay(&self, bytes: u64) -> Result<(), StageFailure> {
        let Some(left) = self.bytes_left.get().checked_sub(bytes) else {
            return Err(broken(format!(
                "one call returned more than {} MiB",
                MOST_BYTES >> 20
            )));
        };
        self.bytes_left.set(left);
        Ok(())
    }

    /// The text whose address and length stand at `at` of a record.
    pub(crate) fn text(&self, record: &[u8], at: usize) -> Result<String, StageFailure> {
        let bytes = self.list(record, at, 1, 1)?;
        String::from_utf8(bytes).map_err(|error| {
            broken(format!(
                "the component gave text that is not UTF-8: {error}"
            ))
        })
    }

    /// The records of a list, each read by `read`.
    pub(crate) fn records<T>(
        &self,
        record: &[u8],
        at: usize,
        size: u32,
        align: u32,
        read: impl Fn(&[u8]) -> Result<T, StageFailure>,
    ) -> Result<Vec<T>, StageFailure> {
        self.list(record, at, size, align)?
            .chunks_exact(size as usize)
            .map(read)
            .collect()
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, record: &[u8], at: usize) -> Result<Vec<String>, StageFailure> {
        self.records(record, at, layout::POINTER_PAIR, 4, |pair| {
            self.text(pair, 0)
        })
    }

    /// WIT `description`.
    pub(crate) fn description(&self, at: u32) -> Result<Description, StageFailure> {
        let record = self.record(at, layout::DESCRIPTION, 4)?;
        Ok(Description {
            name: self.text(&record, 0)?,
            version: self.text(&record, 8)?,
            doc: self.text(&record, 16)?,
            parameters: self.records(&record, 24, layout::PARAMETER, 8, |parameter| {
                Ok(Parameter {
                    name: self.text(parameter, 0)?,
                    type_name: self.text(parameter, 8)?,
                    doc: self.text(parameter, 16)?,
                    default: self.value(&parameter[24..])?,
                })
            })?,
        })
    }

    /// WIT `value`, at the start of `record`.
    pub(crate) fn value(&self, record: &[u8]) -> Result<Value, StageFailure> {
        Ok(match record[0] {
            0 => Value::Absent,
            1 => Value::Null,
            // The canonical ABI takes every value but 0 for true.
            2 => Value::Boolean(record[8] != 0),
            3 => Value::Int(get_u64(record, 8).cast_signed()),
            4 => Value::Uint(get_u64(record, 8)),
            5 => Value::Double(f64::from_bits(get_u64(record, 8))),
            6 => Value::Text(self.text(record, 8)?),
            7 => Value::Binary(self.list(record, 8, 1, 1)?),
            8 => Value::Timestamp(get_u64(record, 8).cast_signed(), get_u32(record, 16)),
            9 => Value::Duration(get_u64(record, 8).cast_signed()),
            10 => Value::Texts(self.texts(record, 8)?),
            11 => Value::Json(self.text(record, 8)?),
            12 => Value::Error(row_error_code(record[8])?),
            case => return Err(no_case("value", case)),
        })
    }

    /// WIT `list<row-error>`, at `at` of a record: ascending, each row once, all rows below `n_rows`.
    pub(crate) fn row_errors(
        &self,
        record: &[u8],
        at: usize,
        n_rows: u32,
    ) -> Result<Vec<RowError>, StageFailure> {
        let errors = self.records(record, at, layout::ROW_ERROR, 4, |error| {
            Ok(RowError {
                row: get_u32(error, 0),
                code: row_error_code(error[4])?,
                origin: self.text(error, 8)?,
                message: self.text(error, 16)?,
            })
        })?;
        for (index, error) in errors.iter().enumerate() {
            if error.row >= n_rows || (index > 0 && errors[index - 1].row >= error.row) {
                return Err(broken(format!(
                    "the component reported an error for row {} out of turn, in a batch of {n_rows} rows",
                    error.row
                )));
            }
        }
        Ok(errors)
    }

    /// WIT `outline`.
    pub(crate) fn outline(&self, at: u32) -> Result<Outline, StageFailure> {
        let record = self.record(at, layout::OUTLINE, 4)?;
        Ok(Outline {
            rules: self.records(&record, 0, layout::RULE, 8, |rule| {
                Ok(RuleOutline {
                    name: self.text(rule, 0)?,
                    priority: get_u64(rule, 8).cast_signed(),
                    doc: self.text(rule, 16)?,
                })
            })?,
            expressions: self.records(&record, 8, layout::EXPRESSION, 4, |expression| {
                Ok(Expression {
                    rule: get_u32(expression, 0),
                    role: match expression[4] {
                        0 => Role::Condition,
                        1 => Role::ThenOutput(get_u32(expression, 8)),
                        2 => Role::ElseOutput(get_u32(expression, 8)),
                        3 => Role::Definition,
                        case => return Err(no_case("role", case)),
                    },
                    depth: get_u32(expression, 12),
                    text: self.text(expression, 16)?,
                    offset: get_u32(expression, 24),
                })
            })?,
            outputs: self.texts(&record, 16)?,
        })
    }

    /// WIT `explanation`, at `at` of a record.
    pub(crate) fn explanation(
        &self,
        record: &[u8],
        at: usize,
    ) -> Result<Explanation, StageFailure> {
        Ok(Explanation {
            verdicts: self.records(record, at, 1, 1, |verdict| match verdict[0] {
                0 => Ok(Verdict::Fired),
                1 => Ok(Verdict::NotFired),
                2 => Ok(Verdict::Failed),
                case => Err(no_case("verdict", case)),
            })?,
            values: self.records(record, at + 8, layout::VALUE, 8, |value| self.value(value))?,
        })
    }

    /// WIT `fired-rules`, at `at` of a record.
    pub(crate) fn fired_rules(
        &self,
        record: &[u8],
        at: usize,
        n_rows: u32,
    ) -> Result<FiredRules, StageFailure> {
        let (offsets, rules) = (self.numbers(record, at)?, self.numbers(record, at + 8)?);
        FiredRules::checked(offsets, rules, n_rows)
    }

    /// WIT `result<T, stage-error>`: the record when it is `ok` (its payload starts at 4), the failure otherwise.
    pub(crate) fn result(&self, at: u32, size: u32) -> Result<Vec<u8>, StageFailure> {
        let record = self.record(at, size, 4)?;
        match record[0] {
            0 => Ok(record),
            1 => Err(self.stage_error(&record[4..])?),
            case => Err(no_case("result", case)),
        }
    }

    fn stage_error(&self, record: &[u8]) -> Result<StageFailure, StageFailure> {
        Ok(match record[0] {
            0 => StageFailure {
                kind: StageFailureKind::InvalidParameter,
                message: format!(
                    "parameter {}: {}",
                    get_u32(record, 4),
                    self.text(record, 8)?
                ),
            },
            1 => StageFailure {
                kind: StageFailureKind::InvalidColumn,
                message: format!("column {}: {}", get_u32(record, 4), self.text(record, 8)?),
            },
            2 => StageFailure {
                kind: StageFailureKind::Model,
                message: self.text(record, 4)?,
            },
            3 => StageFailure {
                kind: StageFailureKind::Failed,
                message: self.text(record, 4)?,
            },
            case => return Err(no_case("stage-error", case)),
        })
    }

    /// WIT `schema`: the input and the output fields.
    pub(crate) fn schema(&self, at: u32) -> Result<[Vec<Field>; 2], StageFailure> {
        let record = self.record(at, layout::SCHEMA, 4)?;
        Ok([self.fields(&record, 0)?, self.fields(&record, 8)?])
    }

    fn fields(&self, record: &[u8], at: usize) -> Result<Vec<Field>, StageFailure> {
        self.records(record, at, layout::FIELD, 4, |field| {
            let nodes = self.records(field, 8, layout::FIELD_NODE, 4, |node| {
                Ok(FieldNode {
                    kind: self.type_node(node)?,
                    nullable: node[12] != 0,
                })
            })?;
            nodes_to_field(&self.text(field, 0)?, &nodes, &self.text(field, 16)?)
        })
    }

    fn type_node(&self, record: &[u8]) -> Result<TypeNode, StageFailure> {
        Ok(match record[0] {
            0 => TypeNode::Null,
            1 => TypeNode::Boolean,
            2 => TypeNode::S8,
            3 => TypeNode::S16,
            4 => TypeNode::S32,
            5 => TypeNode::S64,
            6 => TypeNode::U8,
            7 => TypeNode::U16,
            8 => TypeNode::U32,
            9 => TypeNode::U64,
            10 => TypeNode::F32,
            11 => TypeNode::F64,
            12 => TypeNode::Text,
            13 => TypeNode::Binary,
            14 => TypeNode::Timestamp(time_unit(record[4])?),
            15 => TypeNode::Duration(time_unit(record[4])?),
            16 => TypeNode::List,
            17 => TypeNode::Map,
            18 => TypeNode::Struct(self.texts(record, 4)?),
            19 => TypeNode::Tensor(self.numbers(record, 4)?),
            20 => TypeNode::Dynamic,
            case => return Err(no_case("type-node", case)),
        })
    }

    /// WIT `list<array>`, at `at` of a record.
    pub(crate) fn arrays(
        &self,
        record: &[u8],
        at: usize,
    ) -> Result<Vec<FlatArray<'static>>, StageFailure> {
        self.records(record, at, layout::ARRAY, 4, |array| {
            let validity = match array[4] {
                0 => None,
                1 => Some(self.list(array, 8, 1, 1)?.into()),
                case => return Err(no_case("option", case)),
            };
            Ok(FlatArray {
                length: get_u32(array, 0),
                validity,
                values: self.buffer(array)?,
            })
        })
    }

    fn buffer(&self, array: &[u8]) -> Result<FlatBuffer<'static>, StageFailure> {
        const FIRST: usize = 20;
        const SECOND: usize = 28;
        Ok(match array[16] {
            0 => FlatBuffer::None,
            1 => FlatBuffer::Bits(self.list(array, FIRST, 1, 1)?.into()),
            2 => FlatBuffer::S8(self.numbers(array, FIRST)?.into()),
            3 => FlatBuffer::S16(self.numbers(array, FIRST)?.into()),
            4 => FlatBuffer::S32(self.numbers(array, FIRST)?.into()),
            5 => FlatBuffer::S64(self.numbers(array, FIRST)?.into()),
            6 => FlatBuffer::U8(self.numbers(array, FIRST)?.into()),
            7 => FlatBuffer::U16(self.numbers(array, FIRST)?.into()),
            8 => FlatBuffer::U32(self.numbers(array, FIRST)?.into()),
            9 => FlatBuffer::U64(self.numbers(array, FIRST)?.into()),
            10 => FlatBuffer::F32(self.numbers(array, FIRST)?.into()),
            11 => FlatBuffer::F64(self.numbers(array, FIRST)?.into()),
            12 => FlatBuffer::Bytes {
                offsets: self.numbers(array, FIRST)?.into(),
                bytes: self.list(array, SECOND, 1, 1)?.into(),
            },
            13 => FlatBuffer::Offsets(self.numbers(array, FIRST)?.into()),
            case => return Err(no_case("buffer", case)),
        })
    }

    /// A list of fixed-width numbers, copied once.
    fn numbers<T: bytemuck::Pod>(&self, record: &[u8], at: usize) -> Result<Vec<T>, StageFailure> {
        let size = size_of::<T>() as u32;
        let (address, len) = (
            get_u32(record, at),
            u64::from(get_u32(record, at + 4)) * u64::from(size),
        );
        let mut values = Vec::new();
        if len > 0 {
            check_range(self.guest, address, len, size)?;
            self.pay(len)?;
            values.resize((len / u64::from(size)) as usize, T::zeroed());
            self.guest
                .copy_out(address, bytemuck::cast_slice_mut(&mut values));
        }
        Ok(values)
    }
}

fn time_unit(case: u8) -> Result<TimeUnit, StageFailure> {
    Ok(match case {
        0 => TimeUnit::Seconds,
        1 => TimeUnit::Milliseconds,
        2 => TimeUnit::Microseconds,
        3 => TimeUnit::Nanoseconds,
        case => return Err(no_case("time-unit", case)),
    })
}

pub(crate) fn get_u32(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
}

fn get_u64(record: &[u8], at: usize) -> u64 {
    u64::from(get_u32(record, at)) | u64::from(get_u32(record, at + 4)) << 32
}

pub(crate) fn no_case(name: &str, case: u8) -> StageFailure {
    broken(format!(
        "the component gave case {case} of `{name}`, which there is not"
    ))
}

fn row_error_code(case: u8) -> Result<RowErrorCode, StageFailure> {
    Ok(match case {
        0 => RowErrorCode::Overflow,
        1 => RowErrorCode::DivideByZero,
        2 => RowErrorCode::ModulusByZero,
        3 => RowErrorCode::InvalidArgument,
        4 => RowErrorCode::NoSuchKey,
        5 => RowErrorCode::NoSuchOverload,
        6 => RowErrorCode::IndexOutOfBounds,
        7 => RowErrorCode::Conflict,
        8 => RowErrorCode::Other,
        case => return Err(no_case("row-error-code", case)),
    })
}
