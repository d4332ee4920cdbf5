//! The canonical ABI of the component model for exactly the types of `wit/stage.wit`, by hand: layouts as in
//! the specification (`CanonicalABI.md`), bulk copies, and nothing that a guest says is believed unchecked.
//!
//! Hosts that call the core module of a stage directly differ only in how they reach its memory, which is what
//! [`Memory`] and [`Guest`] are for.
//!
//! **Invariant**: every address, length, case and text that is read is checked, and so is how much one call may make
//! the host copy. What does not fit is [`Malformed`], never a panic.

mod answer;
mod lift;
mod lower;

pub use answer::{FieldRecord, StageError, checked_row_errors, schema};
pub use lift::{Lifter, get_u32};
pub use lower::{
    OUTSIDE_ALLOCATION, UNALIGNED_ALLOCATION, arrays, bytes, put, put_u32, store, values,
};

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use std::borrow::Cow;
use std::fmt;

/// A guest's linear memory, to read from.
pub trait Memory {
    /// Its size now.
    fn size_bytes(&self) -> u64;

    /// Copies the bytes at `at` into `into`, as many as that holds; they lie inside the memory.
    fn read_into(&self, at: u32, into: &mut [u8]);

    /// All of it, where the host can see it.
    fn seen(&self) -> Option<&[u8]> {
        None
    }

    /// The bytes `at .. at + len`, which lie inside the memory.
    fn read(&self, at: u32, len: u32) -> Cow<'_, [u8]> {
        let (start, len) = (at as usize, len as usize);
        if let Some(memory) = self.seen() {
            return Cow::Borrowed(&memory[start..start + len]);
        }
        let mut bytes = vec![0; len];
        self.read_into(at, &mut bytes);
        Cow::Owned(bytes)
    }
}

/// A guest to write to.
pub trait Guest {
    /// The size of its memory now.
    fn size_bytes(&self) -> u64;

    /// Writes `bytes` at `at`; the range lies inside the memory.
    fn write(&mut self, at: u32, bytes: &[u8]);

    /// `cabi_realloc(0, 0, align, size)`: the address as the guest gave it.
    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, StageFailure>;
}

/// What a guest gave is not what the contract's types allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub Cow<'static, str>);

impl Malformed {
    fn case(case: u8) -> Self {
        Self(format!("unexpected discriminant: {case}").into())
    }
}

impl From<&'static str> for Malformed {
    fn from(reason: &'static str) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage returned malformed data: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for StageFailure {
    fn from(malformed: Malformed) -> Self {
        Self {
            kind: StageFailureKind::Contract,
            message: malformed.to_string(),
        }
    }
}

/// Sizes and places of the records that cross, in bytes (alignments are 4, or 8 where they hold 64-bit values).
pub mod layout {
    /// A list or text: address 0, length 4
    pub const POINTER_PAIR: u32 = 8;
    /// `array`: length 0, validity 4 (present), 8, 12, values 16 (case), 20, 24, 28, 32
    pub const ARRAY: u32 = 36;
    /// `value`: case 0, payload 8; `instant` is the largest payload
    pub const VALUE: u32 = 24;
    /// `parameter`: name 0, type-name 8, doc 16, default 24
    pub const PARAMETER: u32 = 48;
    /// `description`: name 0, version 8, doc 16, parameters 24
    pub const DESCRIPTION: u32 = 32;
    /// `field`: name 0, nodes 8, doc 16
    pub const FIELD: u32 = 24;
    /// `field-node`: kind 0 (case 0, payload 4), nullable 12, read 13
    pub const FIELD_NODE: u32 = 16;
    /// `schema`: inputs 0, outputs 8
    pub const SCHEMA: u32 = 16;
    /// `row-error`: row 0, code 4, origin 8, message 16
    pub const ROW_ERROR: u32 = 24;
    /// `result<outcome | session | explanation, stage-error>`: case 0, payload 4; of `stage-error`: case 4,
    /// payload 8
    pub const RESULT: u32 = 20;
    /// `result<explained-outcome, stage-error>`: case 0, payload 4: outcome 4, of the stops rules 20
    /// and operands 28, of the rules that fired offsets 36 and rules 44
    pub const EXPLAINED_RESULT: u32 = 52;
    /// `outline`: rules 0, expressions 8, outputs 16
    pub const OUTLINE: u32 = 24;
    /// `rule`: name 0, priority 8, doc 16
    pub const RULE: u32 = 24;
    /// `expression`: rule 0, role 4 (case 4, payload 8), depth 12, text 16, offset 24
    pub const EXPRESSION: u32 = 28;
}

#[cfg(test)]
mod tests;
