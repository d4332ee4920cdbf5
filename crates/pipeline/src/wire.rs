//! The flat arrays and types of the contract (`wit/stage.wit`) to and from Arrow.
//!
//! Hosts move [`FlatArray`]s across the component boundary. [`flatten`] borrows an Arrow array's buffers;
//! [`rebuild`] takes a guest's vectors over without a copy, after checking all that Arrow relies on.

mod flatten;
mod rebuild;
mod schema;
#[cfg(test)]
mod tests;

pub use flatten::{flatten, flatten_all};
pub use rebuild::{rebuild, rebuild_all};
pub use schema::{
    DOC, FieldNode, TimeUnit, TypeNode, dynamic_field, field_to_nodes, is_dynamic, nodes_to_field,
    tensor_shape, type_name,
};

use crate::runtime::{StageFailure, StageFailureKind};
use std::borrow::Cow;

/// WIT `array`: one Arrow array; a column is the arrays of its field's nodes in pre-order.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatArray<'a> {
    /// The number of values
    pub length: u32,
    /// Bit i set: value i is present. `None`: no value is null
    pub validity: Option<Cow<'a, [u8]>>,
    /// The values; slots that are null hold unspecified ones
    pub values: FlatBuffer<'a>,
}

/// WIT `buffer`.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names are those of the contract in wit/stage.wit, which documents them"
)]
pub enum FlatBuffer<'a> {
    None,
    Bits(Cow<'a, [u8]>),
    S8(Cow<'a, [i8]>),
    S16(Cow<'a, [i16]>),
    S32(Cow<'a, [i32]>),
    S64(Cow<'a, [i64]>),
    U8(Cow<'a, [u8]>),
    U16(Cow<'a, [u16]>),
    U32(Cow<'a, [u32]>),
    U64(Cow<'a, [u64]>),
    F32(Cow<'a, [f32]>),
    F64(Cow<'a, [f64]>),
    Bytes {
        offsets: Cow<'a, [i32]>,
        bytes: Cow<'a, [u8]>,
    },
    Offsets(Cow<'a, [i32]>),
}

impl FlatBuffer<'_> {
    /// The name of the case in the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bits(_) => "bits",
            Self::S8(_) => "s8",
            Self::S16(_) => "s16",
            Self::S32(_) => "s32",
            Self::S64(_) => "s64",
            Self::U8(_) => "u8",
            Self::U16(_) => "u16",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Bytes { .. } => "bytes",
            Self::Offsets(_) => "offsets",
        }
    }
}

fn broken(message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Contract,
        message: message.into(),
    }
}
