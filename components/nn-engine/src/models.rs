//! The models that `rulestage compose` put into this component.
//!
//! The module exports the address of [`RULESTAGE_MODELS`]. Composing appends data segments: one with the models
//! past the end of the memory that the module asks for, which grows by as much, and one that writes their
//! address and size there. So the engine's code is the same whatever the models.

use std::{ptr, slice, str};

/// Address and size in bytes of the models; the size is 0 until some are put in. One model is its name and its
/// file one after the other, each after its length as a little-endian `u32`.
#[allow(unsafe_code, reason = "the name by which `rulestage compose` finds it")]
#[unsafe(no_mangle)]
pub(crate) static RULESTAGE_MODELS: [u32; 2] = [8, 0];

/// Names and ONNX files.
pub(crate) fn all() -> Vec<(&'static str, &'static [u8])> {
    #[allow(
        unsafe_code,
        reason = "an initialised static, which the compiler must not take for constant"
    )]
    let [at, len] = unsafe { ptr::read_volatile(&raw const RULESTAGE_MODELS) };
    if len == 0 {
        return Vec::new();
    }
    #[allow(
        unsafe_code,
        reason = "a data segment that nothing else uses or writes"
    )]
    let mut rest = unsafe { slice::from_raw_parts(at as usize as *const u8, len as usize) };
    let mut models = Vec::new();
    while let (Some(name), Some(file)) = (take(&mut rest), take(&mut rest)) {
        if let Ok(name) = str::from_utf8(name) {
            models.push((name, file));
        }
    }
    models
}

/// A length and as many bytes.
fn take(rest: &mut &'static [u8]) -> Option<&'static [u8]> {
    let (len, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *rest = after;
    Some(bytes)
}
