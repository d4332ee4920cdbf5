//! Whether values are of a type, and values of JSON as those of a type. A type is its tags in pre-order, with
//! [`NULLABLE`] before a type that may be null and [`ANY`] for `dyn`.

use crate::abi::Outcome;
use crate::json::{duration, timestamp};
use crate::status::{INVALID_JSON, OK};
use crate::value::{Entry, Value, tag};
use rulestage_decimal::Decimal;

/// Before a type that may be null.
pub const NULLABLE: u8 = 254;
/// `dyn`
pub const ANY: u8 = 255;

/// The kind of a type, and what follows it.
///
/// # Safety
/// There must be a whole type.
unsafe fn split(ty: *const u8) -> (u8, *const u8) {
    // SAFETY: as the caller promises.
    unsafe { (*ty, ty.add(1)) }
}

/// What follows a type.
///
/// # Safety
/// There must be a whole type.
unsafe fn skip(ty: *const u8) -> *const u8 {
    let mut ty = ty;
    let mut n_missing = 1;
    while n_missing > 0 {
        // SAFETY: as the caller promises.
        let (kind, rest) = unsafe { split(ty) };
        n_missing += match u32::from(kind) {
            tag::MAP => 1,
            tag::LIST | tag::OPTIONAL => 0,
            _ if kind == NULLABLE => 0,
            _ => -1,
        };
        ty = rest;
    }
    ty
}

/// Whether all numbers of values of the type say what they are: then they are read with all their digits.
///
/// # Safety
/// There must be a whole type.
pub(crate) unsafe fn has_decimals(ty: *const u8) -> bool {
    // SAFETY: as the caller promises.
    let kinds = unsafe { core::slice::from_raw_parts(ty, skip(ty).offset_from_unsigned(ty)) };
    !kinds.contains(&ANY) && kinds.iter().any(|kind| u32::from(*kind) == tag::DECIMAL)
}

/// 1 where a value is of a type.
///
/// # Safety
/// It must be a value, and there must be a whole type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_conforms(value: *const Value, ty: *const u8) -> i32 {
    // SAFETY: as the caller promises.
    i32::from(unsafe { conforms(&*value, ty) })
}

/// # Safety
/// There must be a whole type.
unsafe fn conforms(value: &Value, ty: *const u8) -> bool {
    // SAFETY: as the caller promises, here and below.
    let (kind, inner) = unsafe { split(ty) };
    match kind {
        ANY => return true,
        NULLABLE => return value.tag == tag::NULL || unsafe { conforms(value, inner) },
        _ if u32::from(kind) != value.tag => return false,
        _ => {}
    }
    match value.tag {
        tag::LIST => {
            let mut elements = value.elements().iter();
            elements.all(|element| unsafe { conforms(element, inner) })
        }
        tag::MAP => {
            let value_ty = unsafe { skip(inner) };
            value.entries().iter().all(|entry| unsafe {
                conforms(&entry.key, inner) && conforms(&entry.value, value_ty)
            })
        }
        tag::OPTIONAL => match value.content() {
            Some(content) => unsafe { conforms(content, inner) },
            None => true,
        },
        _ => true,
    }
}

/// A value that was read from JSON as one of a type, where JSON says less than the type: `3` for a double, text for a
/// timestamp; and what follows the type. Changes the contents of lists and maps, which nobody else has seen yet.
///
/// # Safety
/// The value must be fresh, and there must be a whole type.
pub(crate) unsafe fn fit(value: Value, ty: *const u8) -> (Outcome<Value>, *const u8) {
    // SAFETY: as the caller promises, here and below.
    let (kind, inner) = unsafe { split(ty) };
    match (kind, u32::from(kind)) {
        (ANY, _) => (Ok(value), inner),
        (NULLABLE, _) if value.tag == tag::NULL => (Ok(value), unsafe { skip(inner) }),
        (NULLABLE, _) => unsafe { fit(value, inner) },
        (_, tag::LIST) => {
            let mut status = if value.tag == tag::LIST {
                OK
            } else {
                INVALID_JSON
            };
            for element in value.elements() {
                let cell = core::ptr::from_ref(element).cast_mut();
                // SAFETY: fresh memory.
                status = first(status, unsafe { fit_in_place(cell, inner) });
            }
            (result(status, value), unsafe { skip(inner) })
        }
        (_, tag::MAP) => {
            let value_ty = unsafe { skip(inner) };
            let mut status = if value.tag == tag::MAP {
                OK
            } else {
                INVALID_JSON
            };
            for entry in value.entries() {
                let entry = core::ptr::from_ref::<Entry>(entry).cast_mut();
                // SAFETY: fresh memory.
                unsafe {
                    let key = &raw mut (*entry).key;
                    *key = fit_key(*key, *inner);
                    status = first(status, fit_in_place(key, inner));
                    status = first(status, fit_in_place(&raw mut (*entry).value, value_ty));
                }
            }
            (result(status, value), unsafe { skip(value_ty) })
        }
        (_, tag::OPTIONAL) => {
            let mut status = if value.tag == tag::OPTIONAL {
                OK
            } else {
                INVALID_JSON
            };
            if let Some(content) = value.content() {
                let cell = core::ptr::from_ref(content).cast_mut();
                // SAFETY: fresh memory.
                status = first(status, unsafe { fit_in_place(cell, inner) });
            }
            (result(status, value), unsafe { skip(inner) })
        }
        (_, kind) => (fit_scalar(value, kind), inner),
    }
}

fn first(status: i32, next: i32) -> i32 {
    if status == OK { next } else { status }
}

fn result(status: i32, value: Value) -> Outcome<Value> {
    if status == OK { Ok(value) } else { Err(status) }
}

/// # Safety
/// As [`fit`]; the cell must be writable.
unsafe fn fit_in_place(cell: *mut Value, ty: *const u8) -> i32 {
    // SAFETY: as the caller promises.
    match unsafe { fit(*cell, ty) } {
        (Ok(value), _) => {
            // SAFETY: as the caller promises.
            unsafe { cell.write(value) };
            OK
        }
        (Err(status), _) => status,
    }
}

/// A key of an object, which is always text, as a key of the type.
fn fit_key(key: Value, kind: u8) -> Value {
    if key.tag != tag::STRING {
        return key;
    }
    let text = core::str::from_utf8(key.as_bytes()).unwrap_or_default();
    let read = match u32::from(kind) {
        tag::INT => text.parse().ok().map(Value::int),
        tag::UINT => text.parse().ok().map(Value::uint),
        tag::BOOL => text.parse().ok().map(Value::bool),
        _ => None,
    };
    read.unwrap_or(key)
}

fn fit_scalar(value: Value, kind: u32) -> Outcome<Value> {
    match (kind, value.tag) {
        _ if kind == value.tag => Ok(value),
        (tag::DOUBLE, tag::INT) => Ok(Value::double(value.as_int() as f64)),
        (tag::DOUBLE, tag::UINT) => Ok(Value::double(value.as_uint() as f64)),
        (tag::UINT, tag::INT) if value.as_int() >= 0 => Ok(Value::uint(value.as_int() as u64)),
        (tag::DECIMAL, tag::STRING) => Decimal::parse(value.as_bytes())
            .map(Value::decimal)
            .map_err(|_| INVALID_JSON),
        (tag::DECIMAL, tag::INT) => Ok(Value::decimal(Decimal::from(value.as_int()))),
        (tag::DECIMAL, tag::UINT) => Ok(Value::decimal(Decimal::from(value.as_uint()))),
        (tag::DECIMAL, tag::DOUBLE) => crate::decimal::of_double(value.as_double())
            .map(Value::decimal)
            .map_err(|_| INVALID_JSON),
        (tag::DOUBLE, tag::DECIMAL) => crate::decimal::to_double(value).map(Value::double),
        (tag::TIMESTAMP, tag::STRING) => timestamp(value.as_bytes()),
        (tag::DURATION, tag::STRING) => duration(value.as_bytes()),
        (tag::BYTES, tag::STRING) => crate::encoders::decode(value.as_bytes())
            .map(Value::bytes)
            .map_err(|_| INVALID_JSON),
        _ => Err(INVALID_JSON),
    }
}
