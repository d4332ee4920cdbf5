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

use super::{Kind, RowResult, kind_in};
use crate::failure::failure;

/// What a row may come to: bits are small in a guest, and large here.
const MOST_VALUES: usize = 1 << 24;
/// Longer lists are looked at more closely.
const MOST_ITEMS: u32 = 1 << 16;

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
    const ARRAY: usize = layout::ARRAY as usize;
    let memory = memory.seen()?;
    let n_errors = get_u32(record, 16);
    let (arrays, _) = list(memory, record, 4, layout::ARRAY, 4)?.as_chunks::<ARRAY>();
    let mut arrays = arrays.iter();
    for output in outputs {
        let array = Seen::new(output, memory, &mut arrays)?;
        values.push((array.len == 1).then(|| array.value(0))??);
    }
    (n_errors == 0 && arrays.next().is_none()).then_some(())
}

/// An array in the guest's memory, with all that its values need.
struct Seen<'a> {
    kind: Kind,
    len: u32,
    validity: Option<&'a [u8]>,
    /// Numbers, bits or offsets
    values: &'a [u8],
    bytes: &'a [u8],
    children: Vec<Self>,
}

impl<'a> Seen<'a> {
    fn new<'r>(
        output: &Output,
        memory: &'a [u8],
        arrays: &mut impl Iterator<Item = &'r [u8; layout::ARRAY as usize]>,
    ) -> Option<Self> {
        let record = arrays.next()?;
        let kind = output.kind;
        let len = get_u32(record, 0);
        if len > MOST_ITEMS || record[16] != kind.case() {
            return None;
        }
        let n = len as usize;
        let validity = match record[4] {
            0 => None,
            1 if output.is_nullable => {
                let bits = list(memory, record, 8, 1, 1)?;
                Some(bits.get(..n.div_ceil(8))?)
            }
            _ => return None,
        };
        let mut bytes: &[u8] = &[];
        let values = match kind {
            Kind::Struct => bytes,
            Kind::Bits => list(memory, record, 20, 1, 1)?.get(..n.div_ceil(8))?,
            Kind::Int | Kind::Uint | Kind::Double => list(memory, record, 20, 8, 8)?,
            _ => list(memory, record, 20, 4, 4)?,
        };
        if let Kind::Text | Kind::Binary = kind {
            bytes = list(memory, record, 28, 1, 1)?;
        }
        let mut children = Vec::with_capacity(output.children.len());
        for child in &output.children {
            children.push(Self::new(child, memory, arrays)?);
        }
        let seen = Self {
            kind,
            len,
            validity,
            values,
            bytes,
            children,
        };
        seen.is_sound().then_some(seen)
    }

    /// Whether all buffers and children are as long as they have to be.
    fn is_sound(&self) -> bool {
        let n = self.len as usize;
        let n_children = self.children.first().map_or(0, |child| child.len);
        match self.kind {
            Kind::Bits => true,
            Kind::Struct => self.children.iter().all(|child| child.len == self.len),
            Kind::Int | Kind::Uint | Kind::Double => self.values.len() == 8 * n,
            Kind::Text | Kind::Binary => self.has_offsets(self.bytes.len() as u64),
            Kind::List | Kind::Map => {
                self.children.iter().all(|child| child.len == n_children)
                    && self.has_offsets(u64::from(n_children))
            }
        }
    }

    /// Whether the offsets ascend to `most` at most.
    fn has_offsets(&self, most: u64) -> bool {
        let (offsets, _) = self.values.as_chunks::<4>();
        let offsets = || offsets.iter().map(|offset| u32::from_le_bytes(*offset));
        self.values.len() == 4 * (self.len as usize + 1)
            && offsets().is_sorted()
            && offsets().last().is_some_and(|last| {
                // Offsets have a sign.
                u64::from(last) <= most && last <= i32::MAX.cast_unsigned()
            })
    }

    /// The value at a position; `None` where a text is none.
    fn value(&self, at: usize) -> Option<RowResult> {
        let bit = |bits: &[u8]| {
            bits.get(at / 8)
                .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
        };
        if self.validity.is_some_and(|validity| !bit(validity)) {
            return Some(RowResult::Null);
        }
        let number = || self.values.as_chunks::<8>().0.get(at).copied();
        let range = || {
            let offsets = self.values.as_chunks::<4>().0.get(at..at + 2)?;
            Some(u32::from_le_bytes(offsets[0]) as usize..u32::from_le_bytes(offsets[1]) as usize)
        };
        Some(match self.kind {
            Kind::Bits => RowResult::Boolean(bit(self.values)),
            Kind::Int => RowResult::Int(i64::from_le_bytes(number()?)),
            Kind::Uint => RowResult::Uint(u64::from_le_bytes(number()?)),
            Kind::Double => RowResult::Double(f64::from_le_bytes(number()?)),
            Kind::Text => {
                let text = str::from_utf8(self.bytes.get(range()?)?).ok()?;
                RowResult::Text(text.to_owned())
            }
            Kind::Binary => RowResult::Binary(self.bytes.get(range()?)?.to_vec()),
            Kind::List => {
                let items = self.children.first()?;
                RowResult::List(range()?.map(|at| items.value(at)).collect::<Option<_>>()?)
            }
            Kind::Map => {
                let [keys, values] = &self.children[..] else {
                    return None;
                };
                let entries = range()?.map(|at| Some((keys.value(at)?, values.value(at)?)));
                RowResult::Map(entries.collect::<Option<_>>()?)
            }
            Kind::Struct => {
                let fields = self.children.iter().map(|field| field.value(at));
                RowResult::Struct(fields.collect::<Option<_>>()?)
            }
        })
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
    let mut all = |array: &dyn Array, rows: std::ops::Range<usize>| -> Option<Vec<RowResult>> {
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
