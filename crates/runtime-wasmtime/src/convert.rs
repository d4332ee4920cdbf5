//! The pipeline's types to and from those of the bindings. Column buffers go through borrowed one way and
//! moved the other: the only copies are into and out of the guest's memory.

use std::borrow::Cow;

use rulestage_pipeline::runtime::{Description, Parameter, RowError, RowErrorCode, Value};
use rulestage_pipeline::wire::{FieldNode, FlatArray, FlatBuffer, TimeUnit, TypeNode};
use rulestage_stage_abi::{FieldRecord, StageError};

use crate::bindings::rules::exports::rulestage::stage::stage as wit;

/// The borrowed form of an array.
pub(crate) fn array_param<'a>(array: &'a FlatArray<'_>) -> wit::ArrayParam<'a> {
    wit::ArrayParam {
        length: array.length,
        validity: array.validity.as_deref(),
        values: match &array.values {
            FlatBuffer::None => wit::BufferParam::None,
            FlatBuffer::Bits(bits) => wit::BufferParam::Bits(bits),
            FlatBuffer::S8(values) => wit::BufferParam::S8(values),
            FlatBuffer::S16(values) => wit::BufferParam::S16(values),
            FlatBuffer::S32(values) => wit::BufferParam::S32(values),
            FlatBuffer::S64(values) => wit::BufferParam::S64(values),
            FlatBuffer::U8(values) => wit::BufferParam::U8(values),
            FlatBuffer::U16(values) => wit::BufferParam::U16(values),
            FlatBuffer::U32(values) => wit::BufferParam::U32(values),
            FlatBuffer::U64(values) => wit::BufferParam::U64(values),
            FlatBuffer::F32(values) => wit::BufferParam::F32(values),
            FlatBuffer::F64(values) => wit::BufferParam::F64(values),
            FlatBuffer::Bytes { offsets, bytes } => {
                wit::BufferParam::Bytes(wit::ByteSlicesParam { offsets, bytes })
            }
            FlatBuffer::Offsets(offsets) => wit::BufferParam::Offsets(offsets),
        },
    }
}

/// The owned form of an array.
pub(crate) fn flat_array(array: wit::ArrayResult) -> FlatArray<'static> {
    FlatArray {
        length: array.length,
        validity: array.validity.map(Cow::Owned),
        values: match array.values {
            wit::BufferResult::None => FlatBuffer::None,
            wit::BufferResult::Bits(bits) => FlatBuffer::Bits(bits.into()),
            wit::BufferResult::S8(values) => FlatBuffer::S8(values.into()),
            wit::BufferResult::S16(values) => FlatBuffer::S16(values.into()),
            wit::BufferResult::S32(values) => FlatBuffer::S32(values.into()),
            wit::BufferResult::S64(values) => FlatBuffer::S64(values.into()),
            wit::BufferResult::U8(values) => FlatBuffer::U8(values.into()),
            wit::BufferResult::U16(values) => FlatBuffer::U16(values.into()),
            wit::BufferResult::U32(values) => FlatBuffer::U32(values.into()),
            wit::BufferResult::U64(values) => FlatBuffer::U64(values.into()),
            wit::BufferResult::F32(values) => FlatBuffer::F32(values.into()),
            wit::BufferResult::F64(values) => FlatBuffer::F64(values.into()),
            wit::BufferResult::Bytes(slices) => FlatBuffer::Bytes {
                offsets: slices.offsets.into(),
                bytes: slices.bytes.into(),
            },
            wit::BufferResult::Offsets(offsets) => FlatBuffer::Offsets(offsets.into()),
        },
    }
}

/// The owned form of a field.
pub(crate) fn field(field: wit::Field) -> FieldRecord {
    FieldRecord {
        name: field.name,
        nodes: field.nodes.into_iter().map(field_node).collect(),
        doc: field.doc,
    }
}

/// One node of a field's type.
fn field_node(node: wit::FieldNode) -> FieldNode {
    let unit = |unit| match unit {
        wit::TimeUnit::Seconds => TimeUnit::Seconds,
        wit::TimeUnit::Milliseconds => TimeUnit::Milliseconds,
        wit::TimeUnit::Microseconds => TimeUnit::Microseconds,
        wit::TimeUnit::Nanoseconds => TimeUnit::Nanoseconds,
    };
    let kind = match node.kind {
        wit::TypeNode::Null => TypeNode::Null,
        wit::TypeNode::Boolean => TypeNode::Boolean,
        wit::TypeNode::S8 => TypeNode::S8,
        wit::TypeNode::S16 => TypeNode::S16,
        wit::TypeNode::S32 => TypeNode::S32,
        wit::TypeNode::S64 => TypeNode::S64,
        wit::TypeNode::U8 => TypeNode::U8,
        wit::TypeNode::U16 => TypeNode::U16,
        wit::TypeNode::U32 => TypeNode::U32,
        wit::TypeNode::U64 => TypeNode::U64,
        wit::TypeNode::F32 => TypeNode::F32,
        wit::TypeNode::F64 => TypeNode::F64,
        wit::TypeNode::Text => TypeNode::Text,
        wit::TypeNode::Binary => TypeNode::Binary,
        wit::TypeNode::Timestamp(of) => TypeNode::Timestamp(unit(of)),
        wit::TypeNode::Duration(of) => TypeNode::Duration(unit(of)),
        wit::TypeNode::List => TypeNode::List,
        wit::TypeNode::Map => TypeNode::Map,
        wit::TypeNode::Struct(names) => TypeNode::Struct(names),
        wit::TypeNode::Tensor(tensor) => TypeNode::Tensor(tensor.shape),
        wit::TypeNode::Dynamic => TypeNode::Dynamic,
    };
    FieldNode {
        kind,
        nullable: node.nullable,
        read: node.read,
    }
}

/// The texts of a list, as the borrowed form of its value wants them.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Texts(texts) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The borrowed form of a parameter's value; `texts` are its [`texts`].
pub(crate) fn value_param<'a>(value: &'a Value, texts: &'a [&'a str]) -> wit::ValueParam<'a> {
    match value {
        Value::Absent => wit::ValueParam::Absent,
        Value::Null => wit::ValueParam::Null,
        Value::Boolean(value) => wit::ValueParam::Boolean(*value),
        Value::Int(value) => wit::ValueParam::Int(*value),
        Value::Uint(value) => wit::ValueParam::Uint(*value),
        Value::Double(value) => wit::ValueParam::Double(*value),
        Value::Text(value) => wit::ValueParam::Text(value),
        Value::Binary(value) => wit::ValueParam::Binary(value),
        Value::Timestamp(seconds, nanoseconds) => {
            let (seconds, nanoseconds) = (*seconds, *nanoseconds);
            wit::ValueParam::Timestamp(wit::Instant {
                seconds,
                nanoseconds,
            })
        }
        Value::Duration(value) => wit::ValueParam::Duration(*value),
        Value::Texts(_) => wit::ValueParam::Texts(texts),
        Value::Json(value) => wit::ValueParam::Json(value),
        Value::Error(code) => wit::ValueParam::Error(wit_code(*code)),
    }
}

/// The owned form of a value.
pub(crate) fn value(value: wit::ValueResult) -> Value {
    match value {
        wit::ValueResult::Absent => Value::Absent,
        wit::ValueResult::Null => Value::Null,
        wit::ValueResult::Boolean(value) => Value::Boolean(value),
        wit::ValueResult::Int(value) => Value::Int(value),
        wit::ValueResult::Uint(value) => Value::Uint(value),
        wit::ValueResult::Double(value) => Value::Double(value),
        wit::ValueResult::Text(value) => Value::Text(value),
        wit::ValueResult::Binary(value) => Value::Binary(value),
        wit::ValueResult::Timestamp(instant) => {
            Value::Timestamp(instant.seconds, instant.nanoseconds)
        }
        wit::ValueResult::Duration(value) => Value::Duration(value),
        wit::ValueResult::Texts(values) => Value::Texts(values),
        wit::ValueResult::Json(value) => Value::Json(value),
        wit::ValueResult::Error(error) => Value::Error(code(error)),
    }
}

pub(crate) fn description(description: wit::Description) -> Description {
    let parameter = |parameter: wit::Parameter| Parameter {
        name: parameter.name,
        type_name: parameter.type_name,
        doc: parameter.doc,
        default: value(parameter.default),
    };
    Description {
        name: description.name,
        version: description.version,
        doc: description.doc,
        parameters: description.parameters.into_iter().map(parameter).collect(),
    }
}

/// The owned form of failed rows.
pub(crate) fn row_errors(errors: Vec<wit::RowError>) -> Vec<RowError> {
    let error = |error: wit::RowError| RowError {
        row: error.row,
        code: code(error.code),
        origin: error.origin,
        message: error.message,
    };
    errors.into_iter().map(error).collect()
}

/// A failure that the stage itself reported.
pub(crate) fn stage_error(error: wit::StageError) -> StageError {
    match error {
        wit::StageError::InvalidParameter(wit::InvalidItem { index, message }) => {
            StageError::InvalidParameter { index, message }
        }
        wit::StageError::InvalidColumn(wit::InvalidItem { index, message }) => {
            StageError::InvalidColumn { index, message }
        }
        wit::StageError::Model(message) => StageError::Model(message),
        wit::StageError::Failed(message) => StageError::Failed(message),
    }
}

fn code(code: wit::RowErrorCode) -> RowErrorCode {
    match code {
        wit::RowErrorCode::Overflow => RowErrorCode::Overflow,
        wit::RowErrorCode::DivideByZero => RowErrorCode::DivideByZero,
        wit::RowErrorCode::ModulusByZero => RowErrorCode::ModulusByZero,
        wit::RowErrorCode::InvalidArgument => RowErrorCode::InvalidArgument,
        wit::RowErrorCode::NoSuchKey => RowErrorCode::NoSuchKey,
        wit::RowErrorCode::NoSuchOverload => RowErrorCode::NoSuchOverload,
        wit::RowErrorCode::IndexOutOfBounds => RowErrorCode::IndexOutOfBounds,
        wit::RowErrorCode::Conflict => RowErrorCode::Conflict,
        wit::RowErrorCode::Other => RowErrorCode::Other,
    }
}

fn wit_code(code: RowErrorCode) -> wit::RowErrorCode {
    match code {
        RowErrorCode::Overflow => wit::RowErrorCode::Overflow,
        RowErrorCode::DivideByZero => wit::RowErrorCode::DivideByZero,
        RowErrorCode::ModulusByZero => wit::RowErrorCode::ModulusByZero,
        RowErrorCode::InvalidArgument => wit::RowErrorCode::InvalidArgument,
        RowErrorCode::NoSuchKey => wit::RowErrorCode::NoSuchKey,
        RowErrorCode::NoSuchOverload => wit::RowErrorCode::NoSuchOverload,
        RowErrorCode::IndexOutOfBounds => wit::RowErrorCode::IndexOutOfBounds,
        RowErrorCode::Conflict => wit::RowErrorCode::Conflict,
        RowErrorCode::Other => wit::RowErrorCode::Other,
    }
}
