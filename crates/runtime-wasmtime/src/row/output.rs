//! The results of one row on their way from the guest: read where they lie, as long as they are as they should be.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};
use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use rulestage_stage_abi::{Memory, get_u32, layout};
use std::ops::Range;
use std::slice::Iter;

use super::{Kind, RowResult, kind_in};
use crate::failure::failure;

/// What a row may come to: bits are small in a guest, and large here.
const MOST_VALUES: usize = 1 << 24;
/// Longer lists are looked at more closely.
const MOST_ITEMS: u32 = 1 << 16;

/// The record of an array.
type Record = [u8; layout::ARRAY as usize];

/// An array of an output, and those below it.
#[derive(Debug)]
pub(super) struct Output {
    kind: Kind,
    is_nullable: bool,
    children: Vec<Self>,
}

impl Output {
    pub(super) fn new(column: &Field, part: &Field) -> Result<Self, StageFailure> {
        let children = Kind::children(part).into_iter();
        Ok(Self {
            kind: kind_in(column, part)?,
            is_nullable: part.is_nullable(),
            children: children
                .map(|child| Self::new(column, child))
                .collect::<Result<_, _>>()?,
        })
    }
}

pub(super) fn read(
    outputs: &[Output],
    memory: &impl Memory,
    record: &[u8],
    values: &mut Vec<RowResult>,
) -> Option<()> {
    let memory = memory.seen()?;
    let n_errors = get_u32(record, 16);
    let (arrays, _) = list(memory, record, 4, layout::ARRAY, 4)?.as_chunks();
    let mut arrays: Iter<'_, Record> = arrays.iter();
    for output in outputs {
        if !matches!(output.kind, Kind::List | Kind::Map | Kind::Struct) {
            let array = Seen::new(output, memory, arrays.next()?)?;
            if array.len != 1 || !array.is_sound(output.kind, 0) {
                return None;
            }
            values.push(array.value(output.kind, 0)?);
        } else {
            let tree = Tree::new(output, memory, &mut arrays)?;
            values.push((tree.array.len == 1).then(|| tree.value(0))??);
        }
    }
    (n_errors == 0 && arrays.next().is_none()).then_some(())
}

/// An array in the guest's memory.
#[derive(Clone, Copy)]
struct Seen<'a> {
    len: u32,
    validity: Option<&'a [u8]>,
    /// Numbers, bits or offsets
    values: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Seen<'a> {
    #[inline(always)]
    fn new(output: &Output, memory: &'a [u8], record: &Record) -> Option<Self> {
        let kind = output.kind;
        let len = get_u32(record, 0);
        if len > MOST_ITEMS || record[16] != kind.case() {
            return None;
        }
        let n_bytes = (len as usize).div_ceil(8);
        let validity = match record[4] {
            0 => None,
            1 if output.is_nullable => Some(list(memory, record, 8, 1, 1)?.get(..n_bytes)?),
            _ => return None,
        };
        let mut bytes: &[u8] = &[];
        let values = match kind {
            Kind::Struct => bytes,
            Kind::Bits => list(memory, record, 20, 1, 1)?.get(..n_bytes)?,
            Kind::Int | Kind::Uint | Kind::Double => list(memory, record, 20, 8, 8)?,
            _ => list(memory, record, 20, 4, 4)?,
        };
        if let Kind::Text | Kind::Binary = kind {
            bytes = list(memory, record, 28, 1, 1)?;
        }
        Some(Self {
            len,
            validity,
            values,
            bytes,
        })
    }

    /// Whether the values are as many as they have to be; `n_elements` of lists and maps are there.
    #[inline(always)]
    fn is_sound(&self, kind: Kind, n_elements: u32) -> bool {
        match kind {
            Kind::Bits | Kind::Struct => true,
            Kind::Int | Kind::Uint | Kind::Double => self.values.len() == 8 * self.len as usize,
            Kind::Text | Kind::Binary => self.has_offsets(self.bytes.len() as u64),
            Kind::List | Kind::Map => self.has_offsets(u64::from(n_elements)),
        }
    }

    /// Whether the offsets ascend to `most` at most.
    fn has_offsets(&self, most: u64) -> bool {
        let (offsets, _) = self.values.as_chunks::<4>();
        let offsets = || offsets.iter().map(|offset| u32::from_le_bytes(*offset));
        self.values.len() == 4 * (self.len as usize + 1)
            && offsets().is_sorted()
            && offsets().next_back().is_some_and(|last| {
                // Offsets have a sign.
                u64::from(last) <= most && last <= i32::MAX.cast_unsigned()
            })
    }

    fn is_null(&self, at: usize) -> bool {
        self.validity.is_some_and(|validity| !bit(validity, at))
    }

    fn range(&self, at: usize) -> Option<Range<usize>> {
        let offsets = self.values.as_chunks::<4>().0.get(at..at + 2)?;
        Some(u32::from_le_bytes(offsets[0]) as usize..u32::from_le_bytes(offsets[1]) as usize)
    }

    /// The scalar at a position; `None` where a text is none.
    #[inline(always)]
    fn value(&self, kind: Kind, at: usize) -> Option<RowResult> {
        if self.is_null(at) {
            return Some(RowResult::Null);
        }
        let number = || self.values.as_chunks::<8>().0.get(at).copied();
        Some(match kind {
            Kind::Bits => RowResult::Boolean(bit(self.values, at)),
            Kind::Int => RowResult::Int(i64::from_le_bytes(number()?)),
            Kind::Uint => RowResult::Uint(u64::from_le_bytes(number()?)),
            Kind::Double => RowResult::Double(f64::from_le_bytes(number()?)),
            Kind::Text => {
                let text = str::from_utf8(self.bytes.get(self.range(at)?)?).ok()?;
                RowResult::Text(text.to_owned())
            }
            Kind::Binary => RowResult::Binary(self.bytes.get(self.range(at)?)?.to_vec()),
            Kind::List | Kind::Map | Kind::Struct => return None,
        })
    }
}

/// An array with those below it.
struct Tree<'a> {
    kind: Kind,
    array: Seen<'a>,
    children: Vec<Self>,
}

impl<'a> Tree<'a> {
    fn new(output: &Output, memory: &'a [u8], arrays: &mut Iter<'_, Record>) -> Option<Self> {
        let kind = output.kind;
        let array = Seen::new(output, memory, arrays.next()?)?;
        let mut children = Vec::with_capacity(output.children.len());
        for child in &output.children {
            children.push(Self::new(child, memory, arrays)?);
        }
        let n_elements = match (kind, children.first()) {
            (Kind::List | Kind::Map, Some(first)) => first.array.len,
            _ => array.len,
        };
        let are_equal = children
            .iter()
            .all(|child: &Self| child.array.len == n_elements);
        (are_equal && array.is_sound(kind, n_elements)).then_some(Self {
            kind,
            array,
            children,
        })
    }

    fn value(&self, at: usize) -> Option<RowResult> {
        if self.array.is_null(at) {
            return Some(RowResult::Null);
        }
        Some(match (self.kind, &self.children[..]) {
            (Kind::List, [items]) => RowResult::List(items.values(self.array.range(at)?)?),
            (Kind::Map, [keys, values]) => {
                let range = self.array.range(at)?;
                let (keys, values) = (keys.values(range.clone())?, values.values(range)?);
                RowResult::Map(keys.into_iter().zip(values).collect())
            }
            (Kind::Struct, fields) => {
                let fields = fields.iter().map(|field| field.value(at));
                RowResult::Struct(fields.collect::<Option<_>>()?)
            }
            _ => self.array.value(self.kind, at)?,
        })
    }

    fn values(&self, range: Range<usize>) -> Option<Vec<RowResult>> {
        if let (Kind::Int | Kind::Double, None) = (self.kind, self.array.validity) {
            let numbers = self.array.values.as_chunks::<8>().0.get(range)?.iter();
            return Some(match self.kind {
                Kind::Int => numbers
                    .map(|n| RowResult::Int(i64::from_le_bytes(*n)))
                    .collect(),
                _ => numbers
                    .map(|n| RowResult::Double(f64::from_le_bytes(*n)))
                    .collect(),
            });
        }
        let mut values = Vec::with_capacity(range.len());
        for at in range {
            values.push(self.value(at)?);
        }
        Some(values)
    }
}

fn bit(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8)
        .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// The bytes of the list that stands at `at` of a record, if it is where it may be.
#[inline]
fn list<'a>(memory: &'a [u8], record: &[u8], at: usize, size: u32, align: u32) -> Option<&'a [u8]> {
    let (address, len) = (get_u32(record, at), get_u32(record, at + 4));
    let end = u64::from(address) + u64::from(len) * u64::from(size);
    if !address.is_multiple_of(align) {
        return None;
    }
    memory.get(address as usize..usize::try_from(end).ok()?)
}

/// The first values of arrays that are known to be those of the outputs.
///
/// # Errors
/// `Failed`: they have too many parts.
pub(super) fn values(columns: &[ArrayRef]) -> Result<Vec<RowResult>, StageFailure> {
    let mut n_left = MOST_VALUES;
    let values = columns
        .iter()
        .map(|column| value(column.as_ref(), 0, &mut n_left));
    values.collect::<Option<_>>().ok_or_else(|| {
        let message = format!("a row's results have more than {MOST_VALUES} parts");
        failure(StageFailureKind::Failed, message)
    })
}

fn value(array: &dyn Array, row: usize, n_left: &mut usize) -> Option<RowResult> {
    *n_left = n_left.checked_sub(1)?;
    if array.is_null(row) {
        return Some(RowResult::Null);
    }
    let mut all = |array: &dyn Array, rows: Range<usize>| -> Option<Vec<RowResult>> {
        rows.map(|row| value(array, row, n_left)).collect()
    };
    Some(match array.data_type() {
        DataType::Boolean => RowResult::Boolean(array.as_boolean().value(row)),
        DataType::Int64 => RowResult::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => RowResult::Uint(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => RowResult::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(unit, _) => RowResult::Int(match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
        }),
        DataType::Duration(unit) => RowResult::Int(match unit {
            TimeUnit::Second => array.as_primitive::<DurationSecondType>().value(row),
            TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().value(row),
            TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(row),
            TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(row),
        }),
        DataType::Utf8 => RowResult::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => RowResult::Binary(array.as_binary::<i32>().value(row).to_vec()),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            RowResult::List(all(items.as_ref(), 0..items.len())?)
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let [keys, values] = entries.columns() else {
                return None;
            };
            let keys = all(keys.as_ref(), 0..keys.len())?;
            let values = all(values.as_ref(), 0..values.len())?;
            RowResult::Map(keys.into_iter().zip(values).collect())
        }
        _ => {
            let mut fields = Vec::new();
            for field in array.as_struct().columns() {
                fields.extend(all(field.as_ref(), row..row + 1)?);
            }
            RowResult::Struct(fields)
        }
    })
}
