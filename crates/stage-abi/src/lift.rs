//! Reads results out of a guest's memory. Addresses, lengths, cases, text and the total amount are checked.

use crate::{FieldRecord, Malformed, Memory, StageError, layout};
use rulestage_pipeline::runtime::{
    Description, Explanation, Expression, FiredRules, Outline, Parameter, Reasons, Role, RowError,
    RowErrorCode, RuleOutline, Stops, Value, Verdict,
};
use rulestage_pipeline::wire::{FieldNode, FlatArray, FlatBuffer, TimeUnit, TypeNode};
use std::borrow::Cow;
use std::cell::Cell;

const LIST_OUTSIDE: &str = "list pointer/length out of bounds of memory";
const STRING_OUTSIDE: &str = "string pointer/length out of bounds of memory";
const LIST_UNALIGNED: &str = "list pointer is not aligned";
const TOO_MUCH: &str = "too much data is being copied between the host and the guest: fuel allocated for \
                        hostcalls has been exhausted";

type Lifted<T> = Result<T, Malformed>;

/// Reads from one guest, for one call.
pub struct Lifter<'a, M> {
    memory: &'a M,
    bytes_left: Cell<u64>,
}

impl<'a, M: Memory> Lifter<'a, M> {
    /// Lists may overlap, so the memory's size alone bounds nothing: `most_bytes` is what may be copied, as it is
    /// counted on the host.
    pub fn new(memory: &'a M, most_bytes: u64) -> Self {
        Self {
            memory,
            bytes_left: Cell::new(most_bytes),
        }
    }

    /// What it reads from.
    pub fn memory(&self) -> &'a M {
        self.memory
    }

    /// The record that a function returned the address of.
    #[inline]
    pub fn returned(&self, at: u32, size: u32, align: u32) -> Lifted<Cow<'a, [u8]>> {
        if !at.is_multiple_of(align) {
            return Err("return pointer not aligned".into());
        }
        if u64::from(at) + u64::from(size) > self.memory.size_bytes() {
            return Err("pointer out of bounds of memory".into());
        }
        Ok(self.memory.read(at, size))
    }

    /// The address and number of elements of the list that stands at `at` of a record. Elements have `size` bytes in
    /// the guest and are `T` here.
    #[inline]
    fn list_of<T>(&self, record: &[u8], at: usize, size: u32, align: u32) -> Lifted<(u32, u32)> {
        let (address, len) = (get_u32(record, at), get_u32(record, at + 4));
        let bytes = u64::from(len) * u64::from(size);
        let is_inside = bytes + u64::from(address) <= self.memory.size_bytes();
        if !is_inside || bytes > u64::from(u32::MAX) {
            return Err(LIST_OUTSIDE.into());
        }
        self.pay(u64::from(len) * size_of::<T>() as u64)?;
        if !address.is_multiple_of(align) {
            return Err(LIST_UNALIGNED.into());
        }
        Ok((address, len))
    }

    #[inline]
    fn pay(&self, bytes: u64) -> Lifted<()> {
        let left = self.bytes_left.get().checked_sub(bytes);
        self.bytes_left.set(left.ok_or(TOO_MUCH)?);
        Ok(())
    }

    /// The text whose address and length stand at `at` of a record.
    pub fn text(&self, record: &[u8], at: usize) -> Lifted<String> {
        let (address, len) = (get_u32(record, at), get_u32(record, at + 4));
        if u64::from(address) + u64::from(len) > self.memory.size_bytes() {
            return Err(STRING_OUTSIDE.into());
        }
        self.pay(u64::from(len))?;
        let refused = |error: std::str::Utf8Error| Malformed(error.to_string().into());
        match self.memory.read(address, len) {
            Cow::Borrowed(bytes) => Ok(str::from_utf8(bytes).map_err(refused)?.to_owned()),
            Cow::Owned(bytes) => {
                String::from_utf8(bytes).map_err(|error| refused(error.utf8_error()))
            }
        }
    }

    /// The records of a list, each of `size` bytes and read by `read`.
    pub fn records<T>(
        &self,
        record: &[u8],
        at: usize,
        size: u32,
        align: u32,
        read: impl Fn(&[u8]) -> Lifted<T>,
    ) -> Lifted<Vec<T>> {
        let (address, len) = self.list_of::<T>(record, at, size, align)?;
        let bytes = self.memory.read(address, len * size);
        let mut items = Vec::with_capacity(len as usize);
        for record in bytes.chunks_exact(size as usize) {
            items.push(read(record)?);
        }
        Ok(items)
    }

    /// A list of fixed-width numbers, copied once.
    pub fn numbers<T: bytemuck::Pod>(&self, record: &[u8], at: usize) -> Lifted<Vec<T>> {
        let size = size_of::<T>() as u32;
        let (address, len) = self.list_of::<T>(record, at, size, size)?;
        if let Some(memory) = self.memory.seen()
            && let Ok(values) =
                bytemuck::try_cast_slice(&memory[address as usize..][..(len * size) as usize])
        {
            return Ok(values.to_vec());
        }
        let mut values = vec![T::zeroed(); len as usize];
        self.memory
            .read_into(address, bytemuck::cast_slice_mut(&mut values));
        Ok(values)
    }

    /// The texts of a list.
    pub fn texts(&self, record: &[u8], at: usize) -> Lifted<Vec<String>> {
        self.records(record, at, layout::POINTER_PAIR, 4, |pair| {
            self.text(pair, 0)
        })
    }

    /// WIT `description`.
    pub fn description(&self, at: u32) -> Lifted<Description> {
        let record = self.returned(at, layout::DESCRIPTION, 4)?;
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
    pub fn value(&self, record: &[u8]) -> Lifted<Value> {
        Ok(match record[0] {
            0 => Value::Absent,
            1 => Value::Null,
            // The canonical ABI takes every value but 0 for true.
            2 => Value::Boolean(record[8] != 0),
            3 => Value::Int(get_u64(record, 8).cast_signed()),
            4 => Value::Uint(get_u64(record, 8)),
            5 => Value::Double(f64::from_bits(get_u64(record, 8))),
            6 => Value::Text(self.text(record, 8)?),
            7 => Value::Binary(self.numbers(record, 8)?),
            8 => Value::Timestamp(get_u64(record, 8).cast_signed(), get_u32(record, 16)),
            9 => Value::Duration(get_u64(record, 8).cast_signed()),
            10 => Value::Texts(self.texts(record, 8)?),
            11 => Value::Json(self.text(record, 8)?),
            12 => Value::Error(row_error_code(record[8])?),
            case => return Err(Malformed::case(case)),
        })
    }

    /// WIT `list<row-error>`, at `at` of a record.
    pub fn row_errors(&self, record: &[u8], at: usize) -> Lifted<Vec<RowError>> {
        self.records(record, at, layout::ROW_ERROR, 4, |error| {
            Ok(RowError {
                row: get_u32(error, 0),
                code: row_error_code(error[4])?,
                origin: self.text(error, 8)?,
                message: self.text(error, 16)?,
            })
        })
    }

    /// WIT `outline`.
    pub fn outline(&self, at: u32) -> Lifted<Outline> {
        let record = self.returned(at, layout::OUTLINE, 4)?;
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
                        0 => Role::Condition(get_u32(expression, 8)),
                        1 => Role::ThenOutput(get_u32(expression, 8)),
                        2 => Role::ElseOutput(get_u32(expression, 8)),
                        3 => Role::Definition,
                        case => return Err(Malformed::case(case)),
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
    pub fn explanation(&self, record: &[u8], at: usize) -> Lifted<Explanation> {
        Ok(Explanation {
            verdicts: self.records(record, at, 1, 1, |verdict| match verdict[0] {
                0 => Ok(Verdict::Fired),
                1 => Ok(Verdict::NotFired),
                2 => Ok(Verdict::Failed),
                case => Err(Malformed::case(case)),
            })?,
            values: self.records(record, at + 8, layout::VALUE, 8, |value| self.value(value))?,
        })
    }

    /// WIT `stops` and `fired-rules`, at `at` of a record, as the guest gives them ([`Reasons::checked`]).
    pub fn reasons(&self, record: &[u8], at: usize) -> Lifted<Reasons> {
        let stops = Stops {
            rules: self.numbers(record, at)?,
            operands: self.numbers(record, at + 8)?,
        };
        let fired = FiredRules {
            offsets: self.numbers(record, at + 16)?,
            rules: self.numbers(record, at + 24)?,
        };
        Ok(Reasons { stops, fired })
    }

    /// WIT `result<T, stage-error>`, returned at `at`: the record when it is `ok` (its payload starts at 4).
    pub fn result(&self, at: u32, size: u32) -> Lifted<Result<Cow<'a, [u8]>, StageError>> {
        let record = self.returned(at, size, 4)?;
        match record[0] {
            0 => Ok(Ok(record)),
            1 => self.stage_error(&record[4..]).map(Err),
            _ => Err("invalid expected discriminant".into()),
        }
    }

    fn stage_error(&self, record: &[u8]) -> Lifted<StageError> {
        Ok(match record[0] {
            0 => StageError::InvalidParameter {
                index: get_u32(record, 4),
                message: self.text(record, 8)?,
            },
            1 => StageError::InvalidColumn {
                index: get_u32(record, 4),
                message: self.text(record, 8)?,
            },
            2 => StageError::Model(self.text(record, 4)?),
            3 => StageError::Failed(self.text(record, 4)?),
            case => return Err(Malformed::case(case)),
        })
    }

    /// WIT `schema`, returned at `at`: the input and the output fields.
    pub fn schema(&self, at: u32) -> Lifted<[Vec<FieldRecord>; 2]> {
        let record = self.returned(at, layout::SCHEMA, 4)?;
        Ok([self.fields(&record, 0)?, self.fields(&record, 8)?])
    }

    fn fields(&self, record: &[u8], at: usize) -> Lifted<Vec<FieldRecord>> {
        self.records(record, at, layout::FIELD, 4, |field| {
            let name = self.text(field, 0)?;
            let nodes = self.records(field, 8, layout::FIELD_NODE, 4, |node| {
                Ok(FieldNode {
                    kind: self.type_node(node)?,
                    nullable: node[12] != 0,
                    read: node[13] != 0,
                })
            })?;
            let doc = self.text(field, 16)?;
            Ok(FieldRecord { name, nodes, doc })
        })
    }

    fn type_node(&self, record: &[u8]) -> Lifted<TypeNode> {
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
            case => return Err(Malformed::case(case)),
        })
    }

    /// WIT `list<array>`, at `at` of a record.
    pub fn arrays(&self, record: &[u8], at: usize) -> Lifted<Vec<FlatArray<'static>>> {
        self.records(record, at, layout::ARRAY, 4, |array| {
            let validity = match array[4] {
                0 => None,
                1 => Some(self.numbers(array, 8)?.into()),
                _ => return Err("invalid option discriminant".into()),
            };
            Ok(FlatArray {
                length: get_u32(array, 0),
                validity,
                values: self.buffer(array)?,
            })
        })
    }

    fn buffer(&self, array: &[u8]) -> Lifted<FlatBuffer<'static>> {
        const FIRST: usize = 20;
        const SECOND: usize = 28;
        Ok(match array[16] {
            0 => FlatBuffer::None,
            1 => FlatBuffer::Bits(self.numbers(array, FIRST)?.into()),
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
                bytes: self.numbers(array, SECOND)?.into(),
            },
            13 => FlatBuffer::Offsets(self.numbers(array, FIRST)?.into()),
            case => return Err(Malformed::case(case)),
        })
    }
}

fn time_unit(case: u8) -> Lifted<TimeUnit> {
    Ok(match case {
        0 => TimeUnit::Seconds,
        1 => TimeUnit::Milliseconds,
        2 => TimeUnit::Microseconds,
        3 => TimeUnit::Nanoseconds,
        case => return Err(Malformed::case(case)),
    })
}

/// The 32-bit number at `at` of a record.
#[inline]
pub fn get_u32(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
}

fn get_u64(record: &[u8], at: usize) -> u64 {
    u64::from(get_u32(record, at)) | u64::from(get_u32(record, at + 4)) << 32
}

fn row_error_code(case: u8) -> Lifted<RowErrorCode> {
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
        case => return Err(Malformed::case(case)),
    })
}
