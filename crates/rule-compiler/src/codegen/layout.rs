//! The canonical ABI's memory layout of the types in wit/stage.wit: sizes, offsets and case numbers.

use crate::types::{Column, Type};
use wasm_encoder::ValType;

/// `array`: length, validity (an option), values (a variant).
pub(super) mod array {
    pub(crate) const SIZE: u32 = 36;
    pub(crate) const LENGTH: u64 = 0;
    pub(crate) const HAS_VALIDITY: u64 = 4;
    pub(crate) const VALIDITY: u64 = 8;
    pub(crate) const VALIDITY_LENGTH: u64 = 12;
    pub(crate) const CASE: u64 = 16;
    /// Pointer of the only list, or of `byte-slices.offsets`
    pub(crate) const VALUES: u64 = 20;
    pub(crate) const VALUES_LENGTH: u64 = 24;
    /// Pointer of `byte-slices.bytes`
    pub(crate) const BYTES: u64 = 28;
    pub(crate) const BYTES_LENGTH: u64 = 32;
}

/// Cases of `buffer`.
pub(super) mod buffer {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const BITS: u8 = 1;
    pub(crate) const S64: u8 = 5;
    pub(crate) const U64: u8 = 9;
    pub(crate) const F64: u8 = 11;
    pub(crate) const BYTES: u8 = 12;
    pub(crate) const OFFSETS: u8 = 13;
}

/// `value`: case number, then the payload.
pub(super) mod value {
    pub(crate) const SIZE: u32 = 24;
    pub(crate) const PAYLOAD: u64 = 8;
    pub(crate) const SECOND: u64 = 16;
    pub(crate) const TEXT_LENGTH: u64 = 12;
    pub(crate) const ABSENT: u8 = 0;
    pub(crate) const NULL: u8 = 1;
    pub(crate) const BOOLEAN: u8 = 2;
    pub(crate) const INT: u8 = 3;
    pub(crate) const UINT: u8 = 4;
    pub(crate) const DOUBLE: u8 = 5;
    pub(crate) const TEXT: u8 = 6;
    pub(crate) const BINARY: u8 = 7;
    pub(crate) const TIMESTAMP: u8 = 8;
    pub(crate) const DURATION: u8 = 9;
    pub(crate) const JSON: u8 = 11;
    pub(crate) const ERROR: u8 = 12;
}

/// `row-error`: row, code, origin, message.
pub(super) mod row_error {
    pub(crate) const SIZE: u32 = 24;
    pub(crate) const ROW: u64 = 0;
    pub(crate) const CODE: u64 = 4;
    pub(crate) const ORIGIN: u64 = 8;
    pub(crate) const MESSAGE: u64 = 16;
}

/// Cases of `stage-error`.
pub(super) mod stage_error {
    pub(crate) const INVALID_PARAMETER: u8 = 0;
    pub(crate) const INVALID_COLUMN: u8 = 1;
    pub(crate) const FAILED: u8 = 3;
}

/// How many bytes a `result<_, stage-error>` takes: the case, then at most 16 bytes.
pub(super) const RESULT_SIZE: u32 = 20;

/// The wasm values that hold one value of a type, in order. A nullable type has one more: 1 where present.
pub(super) fn slots(ty: &Type) -> Vec<ValType> {
    match ty {
        Type::Bool => vec![ValType::I32],
        Type::Int | Type::Uint | Type::Duration => vec![ValType::I64],
        Type::Double => vec![ValType::F64],
        Type::String | Type::Bytes => vec![ValType::I32, ValType::I32],
        Type::Timestamp => vec![ValType::I64, ValType::I32],
        Type::Nullable(inner) => {
            let mut slots = slots(inner);
            slots.push(ValType::I32);
            slots
        }
        Type::Null | Type::Error => Vec::new(),
        // The address of a cell
        _ => vec![ValType::I32],
    }
}

/// Whether values of it are addresses of cells, perhaps with a `?`.
pub(super) fn is_cell(ty: &Type) -> bool {
    let ty = inner(ty);
    !ty.is_scalar() && !matches!(ty, Type::Null | Type::Error)
}

/// What the column of an input holds: JSON text where the type has no columns of its own.
pub(super) fn input_storage(ty: &Type) -> Type {
    match ty {
        ty if ty.column() == Column::Plain => ty.clone(),
        Type::Dyn | Type::Nullable(_) => Type::Nullable(Box::new(Type::String)),
        _ => Type::String,
    }
}

/// What the column of an output holds.
pub(super) fn output_storage(ty: &Type) -> Type {
    match ty.column() {
        Column::Plain | Column::List => ty.clone(),
        Column::Dynamic => Type::String,
    }
}

/// The type without its `?`.
pub(super) fn inner(ty: &Type) -> &Type {
    match ty {
        Type::Nullable(inner) => inner,
        other => other,
    }
}

pub(super) fn is_nullable(ty: &Type) -> bool {
    matches!(ty, Type::Nullable(_))
}

/// The case of `buffer` that holds a column of a scalar type.
pub(super) fn buffer_case(ty: &Type) -> u8 {
    match inner(ty) {
        Type::Bool => buffer::BITS,
        Type::Int | Type::Timestamp | Type::Duration => buffer::S64,
        Type::Uint => buffer::U64,
        Type::Double => buffer::F64,
        Type::String | Type::Bytes => buffer::BYTES,
        Type::List(_) => buffer::OFFSETS,
        _ => buffer::NONE,
    }
}

/// The case of `value` that holds a value of a scalar type.
pub(super) fn value_case(ty: &Type) -> u8 {
    match inner(ty) {
        Type::Bool => value::BOOLEAN,
        Type::Int => value::INT,
        Type::Uint => value::UINT,
        Type::Double => value::DOUBLE,
        Type::String => value::TEXT,
        Type::Bytes => value::BINARY,
        Type::Timestamp => value::TIMESTAMP,
        Type::Duration => value::DURATION,
        Type::Null => value::NULL,
        Type::Error => value::ABSENT,
        _ => value::JSON,
    }
}

/// The cases of `type-node` (and a payload, the time unit) of a type in pre-order, with nullability.
pub(super) fn type_nodes(ty: &Type, is_input: bool) -> Vec<(u8, u8, bool)> {
    const MICROSECONDS: u8 = 2;
    const NANOSECONDS: u8 = 3;
    const DYNAMIC: u8 = 20;
    if ty.column() == Column::Dynamic || is_input && ty.column() != Column::Plain {
        return vec![(DYNAMIC, 0, is_nullable(ty) || *ty == Type::Dyn)];
    }
    let nullable = is_nullable(ty);
    let node = |case, payload| vec![(case, payload, nullable)];
    match inner(ty) {
        Type::Bool => node(1, 0),
        Type::Int => node(5, 0),
        Type::Uint => node(9, 0),
        Type::Double => node(11, 0),
        Type::String => node(12, 0),
        Type::Bytes => node(13, 0),
        Type::Timestamp => node(14, MICROSECONDS),
        Type::Duration => node(15, NANOSECONDS),
        Type::List(element) => {
            let mut nodes = node(16, 0);
            nodes.extend(type_nodes(element, is_input));
            nodes
        }
        _ => vec![(0, 0, true)],
    }
}
