//! Elements of lists, entries of maps, and optional access to them.

use crate::equal::{equal, find, order};
use crate::status::{
    INDEX_OUT_OF_BOUNDS, INVALID_ARGUMENT, NO_SUCH_KEY, NO_SUCH_OVERLOAD, OK, TOO_DEEP,
};
use crate::value::{Value, tag};

/// The position that an index names: an int, or another number without a fraction.
fn position(index: &Value) -> Result<i64, i32> {
    match index.tag {
        tag::INT => Ok(index.as_int()),
        tag::UINT => i64::try_from(index.as_uint()).map_err(|_| INDEX_OUT_OF_BOUNDS),
        tag::DOUBLE => {
            let value = index.as_double();
            // Whole, and beyond any list
            if value.is_finite() && !(-9e15..=9e15).contains(&value) {
                return Err(INDEX_OUT_OF_BOUNDS);
            }
            let whole = value as i64;
            if whole as f64 == value {
                Ok(whole)
            } else {
                Err(INVALID_ARGUMENT)
            }
        }
        _ => Err(NO_SUCH_OVERLOAD),
    }
}

const fn is_key(value: &Value) -> bool {
    matches!(
        value.tag,
        tag::BOOL | tag::INT | tag::UINT | tag::STRING | tag::DOUBLE
    )
}

/// The element or value at an index.
fn index<'a>(container: &'a Value, key: &Value) -> Result<&'a Value, i32> {
    match container.tag {
        tag::LIST => usize::try_from(position(key)?)
            .ok()
            .and_then(|position| container.elements().get(position))
            .ok_or(INDEX_OUT_OF_BOUNDS),
        tag::MAP if !is_key(key) => Err(NO_SUCH_KEY),
        tag::MAP => find(container, key).ok_or(NO_SUCH_KEY),
        _ => Err(NO_SUCH_OVERLOAD),
    }
}

/// The element or value at an index; nothing where there is none, also where the container is an empty optional.
fn index_optionally<'a>(container: &'a Value, key: &Value) -> Result<Option<&'a Value>, i32> {
    let container = if container.tag == tag::OPTIONAL {
        match container.content() {
            Some(content) => content,
            None => return Ok(None),
        }
    } else {
        container
    };
    match index(container, key) {
        _ if !matches!(container.tag, tag::LIST | tag::MAP) => Err(NO_SUCH_KEY),
        Ok(value) => Ok(Some(value)),
        Err(NO_SUCH_KEY | INDEX_OUT_OF_BOUNDS) => Ok(None),
        Err(status) => Err(status),
    }
}

/// # Safety
/// `out` must be writable.
unsafe fn store<T>(value: T, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { out.cast::<T>().write(value) };
    OK
}

/// `container[key]`
///
/// # Safety
/// Both must be values, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_index(
    container: *const Value,
    key: *const Value,
    out: *mut u8,
) -> i32 {
    // SAFETY: as the caller promises.
    unsafe {
        match index(&*container, &*key) {
            Ok(value) => store(core::ptr::from_ref(value), out),
            Err(status) => status,
        }
    }
}

/// `container[?key]`, also into an optional container: an optional.
///
/// # Safety
/// Both must be values, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_index_optionally(
    container: *const Value,
    key: *const Value,
    out: *mut u8,
) -> i32 {
    // SAFETY: as the caller promises.
    unsafe {
        match index_optionally(&*container, &*key) {
            Ok(None) => store(core::ptr::from_ref(Value::none().store()), out),
            Ok(Some(value)) => store(core::ptr::from_ref(Value::some(value).store()), out),
            Err(status) => status,
        }
    }
}

/// `has(container.key)`, also in an optional container: a bool. Only maps have fields.
///
/// # Safety
/// Both must be values, and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_has(
    container: *const Value,
    key: *const Value,
    out: *mut u8,
) -> i32 {
    // SAFETY: as the caller promises.
    unsafe {
        let container = &*container;
        let is_list = matches!(container.content().unwrap_or(container).tag, tag::LIST);
        match index_optionally(container, &*key) {
            _ if is_list => NO_SUCH_OVERLOAD,
            Ok(found) => store(i32::from(found.is_some()), out),
            Err(status) => status,
        }
    }
}

/// The value of a key of text, or 0.
///
/// # Safety
/// The map must be a value and the text readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_find_text(
    map: *const Value,
    text: *const u8,
    length: usize,
) -> *const Value {
    // SAFETY: as the caller promises.
    unsafe {
        let key = Value::string(crate::bytes(text, length));
        find(&*map, &key).map_or(core::ptr::null(), core::ptr::from_ref)
    }
}

/// `item in container`: an element of a list, or a key of a map.
///
/// # Safety
/// Both must be values, and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_in(
    item: *const Value,
    container: *const Value,
    out: *mut u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let (item, container) = unsafe { (&*item, &*container) };
    let found = match container.tag {
        tag::LIST => {
            let mut found = false;
            for element in container.elements() {
                match equal(item, element) {
                    None => return TOO_DEEP,
                    Some(true) => {
                        found = true;
                        break;
                    }
                    Some(false) => {}
                }
            }
            found
        }
        tag::MAP => is_key(item) && find(container, item).is_some(),
        _ => return NO_SUCH_OVERLOAD,
    };
    // SAFETY: as the caller promises.
    unsafe { store(i32::from(found), out) }
}

/// Whether a value is false, zero or empty: what `optional.ofNonZeroValue` and `?` leave out.
///
/// # Safety
/// It must be a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_is_zero(value: *const Value) -> i32 {
    // SAFETY: as the caller promises.
    let value = unsafe { &*value };
    i32::from(match value.tag {
        tag::NULL => true,
        tag::BOOL => !value.as_bool(),
        tag::INT | tag::UINT | tag::DURATION => value.payload == 0,
        tag::DOUBLE => value.as_double() == 0.0,
        tag::DECIMAL => value.as_decimal().signum() == 0,
        tag::STRING | tag::BYTES | tag::LIST | tag::MAP => value.extra == 0,
        tag::TIMESTAMP => value.payload == 0 && value.extra == 0,
        tag::OPTIONAL => value.content().is_none(),
        _ => false,
    })
}

/// -1 where two keys are the same, else 0; for the builders of maps.
pub(crate) fn is_same_key(a: &Value, b: &Value) -> bool {
    order(a, b) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Entry;

    fn numbers() -> Value {
        Value::list(Vec::leak(vec![Value::int(10), Value::int(11)]))
    }

    fn ages() -> Value {
        let entry = |key, value| Entry { key, value };
        Value::map(Vec::leak(vec![
            entry(Value::string(b"ada"), Value::int(36)),
            entry(Value::int(7), Value::string(b"seven")),
        ]))
    }

    #[test]
    fn indices_are_whole_numbers_within_the_list() {
        let list = numbers();
        for (key, expected) in [
            (Value::int(0), Ok(10)),
            (Value::uint(1), Ok(11)),
            (Value::double(1.0), Ok(11)),
            (Value::double(0.5), Err(INVALID_ARGUMENT)),
            (Value::double(-1e300), Err(INDEX_OUT_OF_BOUNDS)),
            (Value::double(f64::NAN), Err(INVALID_ARGUMENT)),
            (Value::int(2), Err(INDEX_OUT_OF_BOUNDS)),
            (Value::int(-1), Err(INDEX_OUT_OF_BOUNDS)),
            (Value::uint(u64::MAX), Err(INDEX_OUT_OF_BOUNDS)),
            (Value::string(b"0"), Err(NO_SUCH_OVERLOAD)),
        ] {
            assert_eq!(index(&list, &key).map(Value::as_int), expected, "{key:?}");
        }
    }

    #[test]
    fn keys_that_are_numbers_are_found_by_value() {
        let map = ages();
        for (key, expected) in [
            (Value::string(b"ada"), Ok(tag::INT)),
            (Value::double(7.0), Ok(tag::STRING)),
            (Value::uint(7), Ok(tag::STRING)),
            (Value::int(8), Err(NO_SUCH_KEY)),
            (Value::string(b"7"), Err(NO_SUCH_KEY)),
            (Value::NULL, Err(NO_SUCH_KEY)),
            (numbers(), Err(NO_SUCH_KEY)),
        ] {
            assert_eq!(
                index(&map, &key).map(|value| value.tag),
                expected,
                "{key:?}"
            );
        }
        assert_eq!(
            index(&Value::int(1), &Value::int(0)).err(),
            Some(NO_SUCH_OVERLOAD)
        );
    }

    #[test]
    fn optional_access_turns_absence_into_nothing() {
        let map = ages();
        let inside = Value::some(Box::leak(Box::new(map)));
        for (container, key, expected) in [
            (map, Value::string(b"ada"), Ok(true)),
            (map, Value::string(b"bob"), Ok(false)),
            (inside, Value::int(7), Ok(true)),
            (inside, Value::int(8), Ok(false)),
            (Value::none(), Value::int(8), Ok(false)),
            (numbers(), Value::int(5), Ok(false)),
            (Value::bool(true), Value::int(5), Err(NO_SUCH_KEY)),
        ] {
            let found = index_optionally(&container, &key).map(|value| value.is_some());
            assert_eq!(found, expected, "{container:?} {key:?}");
        }
    }
}
