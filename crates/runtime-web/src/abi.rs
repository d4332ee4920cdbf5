//! The canonical ABI of the component model for exactly the types of `wit/stage.wit`, by hand: layouts as in
//! the specification (`CanonicalABI.md`), bulk copies, and nothing that a guest says is believed unchecked.

pub(crate) mod lift;
pub(crate) mod lower;

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};

/// A guest's linear memory and its allocator.
pub(crate) trait Guest {
    /// The memory's size now, in bytes.
    fn memory_bytes(&self) -> u64;

    /// Fills `into` from the memory at `at`; the range is inside the memory.
    fn copy_out(&self, at: u32, into: &mut [u8]);

    /// Writes `bytes` to the memory at `at`; the range is inside the memory.
    fn copy_in(&self, at: u32, bytes: &[u8]);

    /// `cabi_realloc(0, 0, align, size)`: the address of new memory, as the guest gave it.
    fn allocate(&self, align: u32, size: u32) -> Result<u32, StageFailure>;
}

/// A guest that broke the contract.
pub(crate) fn broken(message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Contract,
        message: message.into(),
    }
}

/// Is `at .. at + len` inside the guest's memory and aligned?
pub(crate) fn check_range(
    guest: &dyn Guest,
    at: u32,
    len: u64,
    align: u32,
) -> Result<(), StageFailure> {
    if !at.is_multiple_of(align) {
        return Err(broken(format!(
            "the component gave the address {at}, which is not a multiple of {align}"
        )));
    }
    match u64::from(at).checked_add(len) {
        Some(end) if end <= guest.memory_bytes() => Ok(()),
        _ => Err(broken(format!(
            "the component gave {len} bytes at {at}, outside its memory"
        ))),
    }
}

/// Sizes and places of the records that cross, in bytes (alignments are 4, or 8 where they hold 64-bit values).
pub(crate) mod layout {
    pub(crate) const POINTER_PAIR: u32 = 8;
    /// `array`: length 0, validity 4 (present), 8, 12, values 16 (case), 20, 24, 28, 32
    pub(crate) const ARRAY: u32 = 36;
    /// `value`: case 0, payload 8; `instant` is the largest payload
    pub(crate) const VALUE: u32 = 24;
    /// `parameter`: name 0, type-name 8, doc 16, default 24
    pub(crate) const PARAMETER: u32 = 48;
    /// `description`: name 0, version 8, doc 16, parameters 24
    pub(crate) const DESCRIPTION: u32 = 32;
    /// `field`: name 0, nodes 8, doc 16
    pub(crate) const FIELD: u32 = 24;
    /// `field-node`: kind 0 (case 0, payload 4), nullable 12
    pub(crate) const FIELD_NODE: u32 = 16;
    /// `schema`: inputs 0, outputs 8
    pub(crate) const SCHEMA: u32 = 16;
    /// `row-error`: row 0, code 4, origin 8, message 16
    pub(crate) const ROW_ERROR: u32 = 24;
    /// `result<outcome | session | explanation, stage-error>`: case 0, payload 4; of `stage-error`: case 4,
    /// payload 8
    pub(crate) const RESULT: u32 = 20;
    /// `result<explained-outcome, stage-error>`: case 0, payload 4: outcome 4, offsets 20, rules 28
    pub(crate) const EXPLAINED_RESULT: u32 = 36;
    /// `outline`: rules 0, expressions 8, outputs 16
    pub(crate) const OUTLINE: u32 = 24;
    /// `rule`: name 0, priority 8, doc 16
    pub(crate) const RULE: u32 = 24;
    /// `expression`: rule 0, role 4 (case 4, payload 8), depth 12, text 16, offset 24
    pub(crate) const EXPRESSION: u32 = 28;
}

#[cfg(test)]
mod tests;
