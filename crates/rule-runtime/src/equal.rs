//! Equality and order of dynamic values.

use crate::value::{MAX_DEPTH, Value, tag};
use core::cmp::Ordering;

/// What numeric comparisons give when one side is NaN.
pub const UNORDERED: i32 = 2;
/// What [`value_compare`] gives for values without an order between them.
pub const INCOMPARABLE: i32 = 3;
/// What [`value_equal`] gives for values nested beyond the limit.
pub const TOO_DEEP: i32 = 2;

const fn is_number(tag: u32) -> bool {
    matches!(tag, tag::INT | tag::UINT | tag::DOUBLE)
}

/// A number as the nearest double.
fn nearest(number: &Value) -> f64 {
    match number.tag {
        tag::INT => number.as_int() as f64,
        tag::UINT => number.as_uint() as f64,
        _ => number.as_double(),
    }
}

/// Two numbers of any types: -1, 0, 1 or [`UNORDERED`]. Beside a double, whole numbers are rounded to doubles, as the
/// cases of cel-spec ask for (`not_lt_dyn_int_big_lossy_double`) and other implementations do.
fn order_numbers(a: &Value, b: &Value) -> i32 {
    let ordering = match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.as_int().cmp(&b.as_int()),
        (tag::UINT, tag::UINT) => a.as_uint().cmp(&b.as_uint()),
        (tag::INT, tag::UINT) if a.as_int() < 0 => Ordering::Less,
        (tag::UINT, tag::INT) if b.as_int() < 0 => Ordering::Greater,
        (tag::INT, tag::UINT) | (tag::UINT, tag::INT) => a.as_uint().cmp(&b.as_uint()),
        _ => match nearest(a).partial_cmp(&nearest(b)) {
            Some(ordering) => ordering,
            None => return UNORDERED,
        },
    };
    ordering as i32
}

/// Whether two keys are the same. Whole numbers are not rounded here.
fn same_key(a: &Value, b: &Value) -> bool {
    let is_exact = match (a.tag, b.tag) {
        (tag::DOUBLE, tag::INT | tag::UINT) => is_exactly(b, a.as_double()),
        (tag::INT | tag::UINT, tag::DOUBLE) => is_exactly(a, b.as_double()),
        _ => true,
    };
    is_exact && order(a, b) == 0
}

/// Whether a double that is equal to a whole number has its value. Conversions saturate at the ends.
fn is_exactly(whole: &Value, double: f64) -> bool {
    const INT_END: f64 = 9_223_372_036_854_775_808.0;
    if whole.tag == tag::INT {
        double < INT_END && double as i64 == whole.as_int()
    } else {
        double < 2.0 * INT_END && double as u64 == whole.as_uint()
    }
}

/// -1, 0, 1, [`UNORDERED`] or [`INCOMPARABLE`].
pub(crate) fn order(a: &Value, b: &Value) -> i32 {
    if is_number(a.tag) && is_number(b.tag) {
        return order_numbers(a, b);
    }
    if a.tag != b.tag {
        return INCOMPARABLE;
    }
    let ordering = match a.tag {
        tag::BOOL => a.as_bool().cmp(&b.as_bool()),
        tag::STRING | tag::BYTES => a.as_bytes().cmp(b.as_bytes()),
        tag::TIMESTAMP => (a.as_int(), a.extra).cmp(&(b.as_int(), b.extra)),
        tag::DURATION => a.as_int().cmp(&b.as_int()),
        tag::DECIMAL => a.as_decimal().cmp(&b.as_decimal()),
        _ => return INCOMPARABLE,
    };
    ordering as i32
}

/// Whether two values are equal, to any depth below the limit; beyond it, nothing.
pub(crate) fn equal(a: &Value, b: &Value) -> Option<bool> {
    match equal_at(a, b, MAX_DEPTH) {
        TOO_DEEP => None,
        answer => Some(answer == 1),
    }
}

fn equal_at(a: &Value, b: &Value, levels: u32) -> i32 {
    if is_number(a.tag) && is_number(b.tag) {
        return i32::from(order_numbers(a, b) == 0);
    }
    if a.tag != b.tag {
        return 0;
    }
    match a.tag {
        tag::NULL => 1,
        tag::TYPE => i32::from(a.as_bytes() == b.as_bytes()),
        tag::LIST | tag::MAP | tag::OPTIONAL if levels == 0 => TOO_DEEP,
        tag::LIST => {
            let (a, b) = (a.elements(), b.elements());
            if a.len() != b.len() {
                return 0;
            }
            for (a, b) in a.iter().zip(b) {
                let answer = equal_at(a, b, levels - 1);
                if answer != 1 {
                    return answer;
                }
            }
            1
        }
        tag::MAP => {
            let (a, b) = (a.entries(), b);
            if a.len() != b.entries().len() {
                return 0;
            }
            for entry in a {
                let Some(other) = find(b, &entry.key) else {
                    return 0;
                };
                let answer = equal_at(&entry.value, other, levels - 1);
                if answer != 1 {
                    return answer;
                }
            }
            1
        }
        tag::OPTIONAL => match (a.content(), b.content()) {
            (None, None) => 1,
            (Some(a), Some(b)) => equal_at(a, b, levels - 1),
            _ => 0,
        },
        tag::IP | tag::CIDR => {
            i32::from(a.extra == b.extra && a.network_address() == b.network_address())
        }
        _ => i32::from(order(a, b) == 0),
    }
}

/// The value of a key in a map; keys that are numbers compare by value.
pub(crate) fn find<'a>(map: &Value, key: &Value) -> Option<&'a Value> {
    let entries = map.entries();
    let found = if key.tag == tag::STRING {
        let text = key.as_bytes();
        entries
            .iter()
            .find(|entry| entry.key.tag == tag::STRING && entry.key.as_bytes() == text)
    } else {
        entries.iter().find(|entry| same_key(&entry.key, key))
    };
    found.map(|entry| &entry.value)
}

/// 1 where the values are equal, 0 where not, [`TOO_DEEP`] where they are nested too deeply to say.
///
/// # Safety
/// Both must be values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_equal(a: *const Value, b: *const Value) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { equal_at(&*a, &*b, MAX_DEPTH) }
}

/// -1, 0, 1, [`UNORDERED`] or [`INCOMPARABLE`].
///
/// # Safety
/// Both must be values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn value_compare(a: *const Value, b: *const Value) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { order(&*a, &*b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Entry;

    fn list(elements: &[Value]) -> Value {
        Value::list(Vec::leak(elements.to_vec()))
    }

    fn map(entries: &[(Value, Value)]) -> Value {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|(key, value)| Entry {
                key: *key,
                value: *value,
            })
            .collect();
        Value::map(Vec::leak(entries))
    }

    #[test]
    fn numbers_are_equal_by_value_and_nan_to_nothing() {
        let cases = [
            (Value::int(1), Value::uint(1), Some(true)),
            (Value::int(1), Value::double(1.0), Some(true)),
            (Value::int(-1), Value::uint(u64::MAX), Some(false)),
            (
                Value::uint(u64::MAX),
                Value::double(1.8446744073709552e19),
                Some(true),
            ),
            (
                Value::double(f64::NAN),
                Value::double(f64::NAN),
                Some(false),
            ),
            (Value::int(1), Value::string(b"1"), Some(false)),
            (Value::NULL, Value::NULL, Some(true)),
            (Value::NULL, Value::bool(false), Some(false)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(equal(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(equal(&b, &a), expected, "{b:?} {a:?}");
        }
    }

    #[test]
    fn lists_and_maps_are_equal_in_depth() {
        let a = map(&[
            (Value::string(b"x"), list(&[Value::int(1), Value::NULL])),
            (Value::int(2), Value::bool(true)),
        ]);
        let b = map(&[
            (Value::double(2.0), Value::bool(true)),
            (
                Value::string(b"x"),
                list(&[Value::double(1.0), Value::NULL]),
            ),
        ]);
        assert_eq!(equal(&a, &b), Some(true));
        assert_eq!(equal(&list(&[a]), &list(&[b, b])), Some(false));
        assert_eq!(
            equal(&list(&[Value::double(f64::NAN)]), &list(&[Value::int(0)])),
            Some(false)
        );
    }

    #[test]
    fn keys_are_not_rounded() {
        let numbers = map(&[(Value::int(9_007_199_254_740_993), Value::NULL)]);
        assert!(find(&numbers, &Value::uint(9_007_199_254_740_993)).is_some());
        assert!(find(&numbers, &Value::double(9_007_199_254_740_992.0)).is_none());
        let numbers = map(&[
            (Value::int(i64::MAX), Value::NULL),
            (Value::int(3), Value::NULL),
        ]);
        assert!(find(&numbers, &Value::double(9_223_372_036_854_775_808.0)).is_none());
        assert!(find(&numbers, &Value::double(3.0)).is_some());
        assert!(find(&numbers, &Value::double(3.5)).is_none());
        assert!(find(&numbers, &Value::double(f64::NAN)).is_none());
    }

    #[test]
    fn a_comparison_has_a_deepest_level() {
        let mut a = Value::int(1);
        let mut b = Value::int(1);
        for _ in 0..200 {
            a = list(&[a]);
            b = list(&[b]);
        }
        assert_eq!(equal(&a, &b), None);
    }

    #[test]
    fn only_like_and_like_have_an_order() {
        let cases = [
            (Value::int(1), Value::double(1.5), -1),
            (Value::double(f64::NAN), Value::int(1), UNORDERED),
            (
                Value::int(9_007_199_254_740_993),
                Value::double(9_007_199_254_740_992.0),
                0,
            ),
            (
                Value::int(i64::MAX),
                Value::double(9_223_372_036_854_775_808.0),
                0,
            ),
            (
                Value::int(i64::MAX),
                Value::double(9_223_372_036_854_777_856.0),
                -1,
            ),
            (
                Value::int(i64::MIN),
                Value::double(-9_223_372_036_854_775_808.0),
                0,
            ),
            (Value::uint(0), Value::double(-0.5), 1),
            (Value::uint(0), Value::double(-0.0), 0),
            (Value::string(b"b"), Value::string(b"a"), 1),
            (Value::string(b"b"), Value::bytes(b"a"), INCOMPARABLE),
            (Value::timestamp(5, 1), Value::timestamp(5, 2), -1),
            (list(&[]), list(&[]), INCOMPARABLE),
            (Value::NULL, Value::NULL, INCOMPARABLE),
        ];
        for (a, b, expected) in cases {
            assert_eq!(order(&a, &b), expected, "{a:?} {b:?}");
        }
    }
}
