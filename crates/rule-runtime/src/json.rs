//! Values as JSON text, for columns without a type of their own: what `dynamic` in wit/stage.wit says.
//!
//! What JSON can't say is an object with one member whose name starts with `@`: `{"@uint":"3"}`.

mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::abi::{Outcome, finish, helpers};
use crate::bytes;
use crate::value::Value;
pub(crate) use read::{duration, timestamp};

helpers! {
    /// The text of a value.
    value_to_json(value) = write::text;
}

/// Reads the text of a value of a type (as [`conforms`](crate::conform) reads types).
///
/// # Safety
/// The text and the whole type must be readable, and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_from_json(
    text: *const u8,
    length: usize,
    ty: *const u8,
    out: *mut u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let text = unsafe { bytes(text, length) };
    // SAFETY: as the caller promises.
    let is_exact = unsafe { crate::conform::has_decimals(ty) };
    let outcome: Outcome<Value> = read::parse(text, is_exact).and_then(|value| {
        // SAFETY: as the caller promises.
        let (value, _) = unsafe { crate::conform::fit(value, ty) };
        value
    });
    // SAFETY: as the caller promises.
    unsafe { finish(outcome, out) }
}
