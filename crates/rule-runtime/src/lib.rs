//! Helpers that compiled rules call. Built for wasm32 into one template module; the rule compiler copies the
//! functions that a rule set reaches into its component, and nothing else.
//!
//! Deliberately absent: an allocator but for the compiler's row arena ([`memory`]), `core::fmt`, indirect calls. Strings are `(pointer, length)` pairs in linear
//! memory. Functions that can fail return 0 or one of the codes in [`status`] and write their result to `out`.

#![cfg_attr(target_arch = "wasm32", no_std)]
#![allow(
    unsafe_code,
    reason = "the callers are generated code that passes linear-memory addresses"
)]

mod abi;
pub mod calendar;
pub mod collect;
pub mod compare;
pub mod conform;
pub mod convert;
pub mod decimal;
mod digits;
pub mod encoders;
pub mod equal;
pub mod json;
pub mod lists;
pub mod lookup;
pub mod math;
pub mod memory;
pub mod network;
pub mod outline;
pub mod regex;
mod sorting;
#[allow(dead_code, reason = "generated code gives some of them itself")]
pub mod status;
pub mod strings;
pub mod table;
pub mod text;
pub mod value;
pub mod zones;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// The bytes at an address of linear memory.
///
/// # Safety
/// `pointer .. pointer + length` must be readable, which generated code guarantees.
unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(pointer, length) }
}

/// The first 8 bytes as a little-endian number, zeros behind them where there are fewer.
#[inline(always)]
fn first_bytes(bytes: &[u8]) -> u64 {
    if let Some(first) = bytes.first_chunk() {
        return u64::from_le_bytes(*first);
    }
    // Lengths of short texts follow no pattern, so a loop over them would be mispredicted.
    #[cfg(target_arch = "wasm32")]
    {
        // SAFETY: memory goes on behind every value, as the allocator sees to.
        let first = unsafe { bytes.as_ptr().cast::<u64>().read_unaligned() };
        first & !(u64::MAX << (8 * bytes.len()))
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let bytes = bytes.iter().rev();
        bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}
