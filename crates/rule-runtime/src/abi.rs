//! How generated code calls helpers: arguments in slots, the result behind `out`, a status returned.

use crate::value::Value;

/// What a helper gives: a result, or one of the codes of `status.rs`.
pub(crate) type Outcome<T> = Result<T, i32>;

/// A result and its layout behind `out`.
pub(crate) trait Output {
    /// # Safety
    /// `out` must be writable for 16 bytes and aligned to 8.
    unsafe fn write(self, out: *mut u8);
}

impl Output for bool {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<i32>().write(i32::from(self)) };
    }
}

impl Output for i64 {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<Self>().write(self) };
    }
}

impl Output for u64 {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<Self>().write(self) };
    }
}

impl Output for f64 {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<Self>().write(self) };
    }
}

/// A timestamp: seconds, nanoseconds.
impl Output for (i64, i32) {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe {
            out.cast::<i64>().write(self.0);
            out.cast::<i32>().add(2).write(self.1);
        }
    }
}

/// Text or bytes: the address, the length.
impl Output for &[u8] {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe {
            out.cast::<*const u8>().write(self.as_ptr());
            out.cast::<usize>().add(1).write(self.len());
        }
    }
}

/// The address of a copy.
impl Output for Value {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<*const Self>().write(self.store()) };
    }
}

/// The address.
impl Output for &Value {
    unsafe fn write(self, out: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { out.cast::<*const Value>().write(self) };
    }
}

/// Writes a result; gives the status.
///
/// # Safety
/// `out` must be writable for 16 bytes and aligned to 8.
pub(crate) unsafe fn finish<T: Output>(outcome: Outcome<T>, out: *mut u8) -> i32 {
    match outcome {
        Ok(result) => {
            // SAFETY: as the caller promises.
            unsafe { result.write(out) };
            crate::status::OK
        }
        Err(status) => status,
    }
}

/// Exports functions as helpers: `name(kinds of arguments) = function;` where a kind is `text` (also bytes), `int`
/// (also duration), `uint`, `double`, `value`, `timestamp`, `program` (of a regular expression, made by the compiler), or `word` (a number from it).
macro_rules! helpers {
    ($($(#[$meta:meta])* $name:ident($($kinds:tt)*) = $function:expr;)*) => {
        $($crate::abi::helpers! { @next [$(#[$meta])*] $name $function, [] [] $($kinds)* })*
    };
    (@next $meta:tt $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*] text $(, $($rest:tt)*)?) => {
        $crate::abi::helpers! {
            @next $meta $name $function,
            [$($params)* start: *const u8, length: usize,]
            // SAFETY: generated code passes readable ranges.
            [$($args)* unsafe { $crate::bytes(start, length) },] $($($rest)*)?
        }
    };
    (@next $meta:tt $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*] value $(, $($rest:tt)*)?) => {
        $crate::abi::helpers! {
            @next $meta $name $function,
            [$($params)* value: *const $crate::value::Value,]
            // SAFETY: generated code passes addresses of values.
            [$($args)* unsafe { &*value },] $($($rest)*)?
        }
    };
    (@next $meta:tt $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*] program $(, $($rest:tt)*)?) => {
        $crate::abi::helpers! {
            @next $meta $name $function,
            [$($params)* program: *const u32,]
            // SAFETY: generated code passes addresses of programs, whose first word is their length.
            [$($args)* unsafe { core::slice::from_raw_parts(program, *program as usize) },] $($($rest)*)?
        }
    };
    (@next $meta:tt $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*] timestamp $(, $($rest:tt)*)?) => {
        $crate::abi::helpers! {
            @next $meta $name $function,
            [$($params)* seconds: i64, nanos: i32,] [$($args)* seconds, nanos,] $($($rest)*)?
        }
    };
    (@next $meta:tt $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*] $scalar:ident $(, $($rest:tt)*)?) => {
        $crate::abi::helpers! {
            @next $meta $name $function,
            [$($params)* scalar: $crate::abi::slots::$scalar,] [$($args)* scalar,] $($($rest)*)?
        }
    };
    (@next [$(#[$meta:meta])*] $name:ident $function:expr, [$($params:tt)*] [$($args:tt)*]) => {
        $(#[$meta])*
        ///
        /// # Safety
        /// Arguments and `out` must be as the rule compiler passes them.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($params)* out: *mut u8) -> i32 {
            let outcome = $function($($args)*);
            // SAFETY: generated code passes an address with room for a result.
            unsafe { $crate::abi::finish(outcome, out) }
        }
    };
}

pub(crate) use helpers;

/// The slots of scalar kinds, as the macro names them.
#[allow(non_camel_case_types, reason = "named as CEL names the types")]
pub(crate) mod slots {
    pub(crate) type int = i64;
    pub(crate) type uint = u64;
    pub(crate) type double = f64;
    pub(crate) type word = i32;
}
