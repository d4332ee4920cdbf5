//! Lists and maps made of others.

use crate::equal::equal;
use crate::lookup::is_same_key;
use crate::memory::{MAX_VALUE_BYTES, Values, allocate};
use crate::status::{DUPLICATE_KEY, NO_SUCH_OVERLOAD, OK, TOO_DEEP, TOO_LARGE, UNSUPPORTED_KEY};
use crate::value::{Entry, Value, tag};

const fn is_valid_key(key: &Value) -> bool {
    matches!(key.tag, tag::BOOL | tag::INT | tag::UINT | tag::STRING)
}

/// Whether the keys of a map are of types that keys may have, and no two are the same: a status.
pub(crate) fn check_keys(entries: &[Entry]) -> i32 {
    for (index, entry) in entries.iter().enumerate() {
        if !is_valid_key(&entry.key) {
            return UNSUPPORTED_KEY;
        }
        let earlier = entries.get(..index).unwrap_or_default();
        if earlier
            .iter()
            .any(|other| is_same_key(&other.key, &entry.key))
        {
            return DUPLICATE_KEY;
        }
    }
    OK
}

/// A status: 0 where the map's keys are of the right types and different.
///
/// # Safety
/// It must be a map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_check(map: *const Value) -> i32 {
    // SAFETY: as the caller promises.
    check_keys(unsafe { &*map }.entries())
}

/// # Safety
/// `out` must be writable for an address.
unsafe fn store(value: Value, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { out.cast::<*const Value>().write(value.store()) };
    OK
}

/// `a + b` on lists
///
/// # Safety
/// Both must be lists, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_concat(a: *const Value, b: *const Value, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let (a, b) = unsafe { ((*a).elements(), (*b).elements()) };
    let mut values = Values::with_capacity(a.len().saturating_add(b.len()));
    values.extend(a);
    values.extend(b);
    match values.finish() {
        // SAFETY: as the caller promises.
        Some(elements) => unsafe { store(Value::list(elements), out) },
        None => TOO_LARGE,
    }
}

/// `a + b` on lists without the elements of `b` that are there already.
///
/// # Safety
/// Both must be lists, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_union(a: *const Value, b: *const Value, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let (a, b) = unsafe { ((*a).elements(), (*b).elements()) };
    let mut values = Values::with_capacity(a.len().saturating_add(b.len()));
    values.extend(a);
    for value in b {
        let mut is_new = true;
        for known in values.values() {
            match equal(known, value) {
                None => return TOO_DEEP,
                Some(true) => {
                    is_new = false;
                    break;
                }
                Some(false) => {}
            }
        }
        if is_new {
            values.push(*value);
        }
    }
    match values.finish() {
        // SAFETY: as the caller promises.
        Some(elements) => unsafe { store(Value::list(elements), out) },
        None => TOO_LARGE,
    }
}

/// The values in a list of optionals that have one.
///
/// # Safety
/// The list's elements must be values, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_unwrap(list: *const Value, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let list = unsafe { &*list }.elements();
    let mut values = Values::with_capacity(list.len());
    for optional in list {
        match (optional.tag, optional.content()) {
            (tag::OPTIONAL, Some(content)) => values.push(*content),
            (tag::OPTIONAL, None) => {}
            _ => return NO_SUCH_OVERLOAD,
        }
    }
    match values.finish() {
        // SAFETY: as the caller promises.
        Some(elements) => unsafe { store(Value::list(elements), out) },
        None => TOO_LARGE,
    }
}

/// The entries of all the maps in a list as one map.
///
/// # Safety
/// The list's elements must be values, and `out` writable for an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_from_maps(maps: *const Value, out: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let maps = unsafe { &*maps }.elements();
    let mut n_entries = 0usize;
    for map in maps {
        if map.tag != tag::MAP {
            return NO_SUCH_OVERLOAD;
        }
        n_entries = n_entries.saturating_add(map.entries().len());
    }
    let size = n_entries.saturating_mul(size_of::<Entry>());
    if size > MAX_VALUE_BYTES {
        return TOO_LARGE;
    }
    let start = allocate(size).cast::<Entry>();
    let mut next = start;
    for entry in maps.iter().flat_map(Value::entries) {
        // SAFETY: there is room for as many entries as were counted.
        unsafe {
            next.write(*entry);
            next = next.add(1);
        }
    }
    // SAFETY: so many entries were written there.
    let entries = unsafe { core::slice::from_raw_parts(start, n_entries) };
    match check_keys(entries) {
        // SAFETY: as the caller promises.
        OK => unsafe { store(Value::map(entries), out) },
        status => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(Value, i64)]) -> Value {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|(key, value)| Entry {
                key: *key,
                value: Value::int(*value),
            })
            .collect();
        Value::map(Vec::leak(entries))
    }

    #[test]
    fn keys_are_of_four_types_and_different_by_value() {
        let text = Value::string(b"1");
        for (keys, expected) in [
            (vec![], OK),
            (vec![Value::int(1), text, Value::bool(true)], OK),
            (vec![Value::int(1), Value::uint(1)], DUPLICATE_KEY),
            (vec![text, text], DUPLICATE_KEY),
            (vec![Value::double(1.0)], UNSUPPORTED_KEY),
            (vec![Value::NULL], UNSUPPORTED_KEY),
        ] {
            let entries: Vec<(Value, i64)> = keys.iter().map(|key| (*key, 0)).collect();
            assert_eq!(check_keys(map(&entries).entries()), expected, "{keys:?}");
        }
    }

    fn result(run: impl FnOnce(*mut u8) -> i32) -> Result<Value, i32> {
        let mut out: *const Value = core::ptr::null();
        match run((&raw mut out).cast()) {
            // SAFETY: the status says that a value was stored.
            OK => Ok(unsafe { *out }),
            status => Err(status),
        }
    }

    #[test]
    fn lists_are_joined_with_and_without_repetitions() {
        let ints = |values: &[i64]| {
            Value::list(Vec::leak(
                values.iter().map(|value| Value::int(*value)).collect(),
            ))
        };
        let read = |value: Value| {
            value
                .elements()
                .iter()
                .map(Value::as_int)
                .collect::<Vec<_>>()
        };
        let (a, b) = (ints(&[1, 2]), ints(&[2, 3, 3]));
        // SAFETY: all are lists.
        unsafe {
            assert_eq!(
                result(|out| list_concat(&a, &b, out)).map(read),
                Ok(vec![1, 2, 2, 3, 3])
            );
            assert_eq!(
                result(|out| list_union(&a, &b, out)).map(read),
                Ok(vec![1, 2, 3])
            );
        }
    }

    #[test]
    fn maps_are_joined_unless_they_share_a_key() {
        let (a, b) = (map(&[(Value::int(1), 10)]), map(&[(Value::int(2), 20)]));
        let join = |maps: &[Value]| {
            let list = Value::list(Vec::leak(maps.to_vec()));
            // SAFETY: a list of values.
            result(|out| unsafe { map_from_maps(&list, out) })
        };
        assert_eq!(join(&[a, b]).map(|map| map.entries().len()), Ok(2));
        assert_eq!(join(&[a, a]).err(), Some(DUPLICATE_KEY));
        assert_eq!(join(&[a, Value::int(1)]).err(), Some(NO_SUCH_OVERLOAD));
    }
}
