//! What went wrong, in the terms of [`StageFailure`].

use rulestage_pipeline::runtime::{Limits, StageFailure, StageFailureKind};
use rulestage_stage_abi::Malformed;
use wasmtime::Trap;

use crate::store::MemoryBudget;

pub(crate) fn failure(kind: StageFailureKind, message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind,
        message: message.into(),
    }
}

/// A call that ended in an error of the machine rather than in an answer.
pub(crate) fn call_failure(
    error: &wasmtime::Error,
    memory: &MemoryBudget,
    limits: Limits,
) -> StageFailure {
    let trap = error.downcast_ref::<Trap>().copied();
    match trap {
        Some(Trap::Interrupt) => {
            let deadline = milliseconds(limits.deadline_ms);
            failure(
                StageFailureKind::Deadline,
                format!("stage passed its deadline of {deadline}"),
            )
        }
        Some(Trap::StackOverflow) => failure(
            StageFailureKind::Trap,
            "stage recursed without end (stack overflow)",
        ),
        // A guest that is refused memory aborts, mostly.
        _ if memory.refused() => out_of_memory(limits),
        Some(
            Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidChar
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer,
        )
        | None => {
            let reason = format!("{error:#}");
            failure(
                StageFailureKind::Contract,
                format!("stage returned malformed data: {reason}"),
            )
        }
        Some(Trap::UnreachableCodeReached) => failure(
            StageFailureKind::Trap,
            "stage gave up (it ran into `unreachable`, as a panic does)",
        ),
        Some(trap) => {
            let reason = trap.to_string();
            let reason = reason.strip_prefix("wasm trap: ").unwrap_or(&reason);
            failure(StageFailureKind::Trap, format!("stage trapped: {reason}"))
        }
    }
}

/// What a call gave is not of the types that it should be.
pub(crate) fn malformed(reason: Malformed, memory: &MemoryBudget, limits: Limits) -> StageFailure {
    match memory.refused() {
        true => out_of_memory(limits),
        false => reason.into(),
    }
}

fn out_of_memory(limits: Limits) -> StageFailure {
    let limit = bytes(limits.memory_bytes);
    failure(
        StageFailureKind::Memory,
        format!("stage wanted more than its {limit} of memory"),
    )
}

fn milliseconds(ms: u64) -> String {
    match ms % 1000 {
        0 => format!("{} s", ms / 1000),
        _ => format!("{ms} ms"),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}
