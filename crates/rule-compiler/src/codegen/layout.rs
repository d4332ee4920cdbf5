//! The canonical ABI's memory layout of the types in wit/stage.wit: sizes, offsets and case numbers.

use crate::types::{Column, InputColumn, Type};
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

/// What an array of an input holds: JSON text where the type has no arrays of its own.
pub(super) fn input_storage(ty: &Type) -> Type {
    match ty {
        ty if ty.input_column() != InputColumn::Dynamic => ty.clone(),
        Type::Dyn | Type::Nullable(_) => Type::Nullable(Box::new(Type::String)),
        _ => Type::String,
    }
}

/// The types of the arrays right below that of an input.
pub(super) fn input_children(ty: &Type) -> Vec<&Type> {
    if ty.input_column() != InputColumn::Nested {
        return Vec::new();
    }
    match inner(ty) {
        Type::List(element) => vec![element],
        Type::Map(key, value) => vec![key, value],
        Type::Struct(fields) => fields.iter().map(|(_, ty)| ty).collect(),
        _ => Vec::new(),
    }
}

/// How many arrays an input has.
pub(super) fn n_arrays(ty: &Type) -> u32 {
    let below: u32 = input_children(ty).into_iter().map(n_arrays).sum();
    1 + below
}

/// Whether reading an input can fail: it is JSON text, or has some in it.
pub(super) fn is_fallible_input(ty: &Type) -> bool {
    ty.input_column() == InputColumn::Dynamic
        || input_children(ty).into_iter().any(is_fallible_input)
}

/// What the column of an output holds.
pub(super) fn output_storage(ty: &Type) -> Type {
    match ty.column() {
        Column::Plain | Column::List => ty.clone(),
        Column::Dynamic if ty.is_text() && is_nullable(ty) => {
            Type::Nullable(Box::new(Type::String))
        }
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
        Type::List(_) | Type::Map(..) => buffer::OFFSETS,
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
        Type::String | Type::Decimal => value::TEXT,
        Type::Bytes => value::BINARY,
        Type::Timestamp => value::TIMESTAMP,
        Type::Duration => value::DURATION,
        Type::Null => value::NULL,
        Type::Error => value::ABSENT,
        _ => value::JSON,
    }
}

/// One `field-node`.
pub(super) struct TypeNode {
    /// The case of `type-node`
    pub(super) case: u8,
    /// The time unit, where there is one
    pub(super) unit: u8,
    /// The names of a struct's fields
    pub(super) names: Vec<String>,
    /// Whether values may be null
    pub(super) nullable: bool,
}

/// The nodes of a type in pre-order.
pub(super) fn type_nodes(ty: &Type, is_input: bool) -> Vec<TypeNode> {
    const MICROSECONDS: u8 = 2;
    const NANOSECONDS: u8 = 3;
    const LIST: u8 = 16;
    const MAP: u8 = 17;
    const STRUCT: u8 = 18;
    const DYNAMIC: u8 = 20;
    let mut root = TypeNode {
        case: 0,
        unit: 0,
        names: Vec::new(),
        nullable: is_nullable(ty),
    };
    let is_dynamic = if is_input {
        ty.input_column() == InputColumn::Dynamic
    } else {
        ty.column() == Column::Dynamic
    };
    if is_dynamic && !ty.is_text() {
        root.case = DYNAMIC;
        root.nullable |= *ty == Type::Dyn;
        return vec![root];
    }
    (root.case, root.unit) = match inner(ty) {
        Type::Bool => (1, 0),
        Type::Int => (5, 0),
        Type::Uint => (9, 0),
        Type::Double => (11, 0),
        Type::String | Type::Decimal => (12, 0),
        Type::Bytes => (13, 0),
        Type::Timestamp => (14, MICROSECONDS),
        Type::Duration => (15, NANOSECONDS),
        Type::List(_) => (LIST, 0),
        Type::Map(..) => (MAP, 0),
        Type::Struct(fields) => {
            root.names = fields.iter().map(|(name, _)| name.clone()).collect();
            (STRUCT, 0)
        }
        _ => {
            root.nullable = true;
            (0, 0)
        }
    };
    let mut nodes = vec![root];
    let children = match inner(ty) {
        Type::List(element) if !is_input => vec![&**element],
        _ => input_children(ty),
    };
    for child in children {
        nodes.extend(type_nodes(child, is_input));
    }
    nodes
}
