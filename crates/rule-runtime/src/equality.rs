//! Equality and order of values whose types are known only at run time.

use crate::compare::{UNORDERED, compare_int_double, compare_uint_double};
use crate::memory::Values;
use crate::value::{Entry, Value, tag};
use core::cmp::Ordering;

/// CEL's `==`: deep; numbers of different types by their exact values; NaN equals nothing; the order of a map's
/// entries doesn't count; values of other different types are unequal.
pub fn equal(a: &Value, b: &Value) -> bool {
    match shallow(a, b) {
        Some(is_equal) => is_equal,
        None => deep(a, b),
    }
}

/// The order of two values that have one: bools, numbers of any types, strings, bytes, timestamps, durations. Nothing
/// for NaN, and for everything else.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let by_code = |code: i32| (code != UNORDERED).then_some(code.cmp(&0));
    match (a.tag, b.tag) {
        (tag::INT, tag::INT) | (tag::DURATION, tag::DURATION) => Some(a.as_int().cmp(&b.as_int())),
        (tag::UINT, tag::UINT) => Some(a.as_uint().cmp(&b.as_uint())),
        (tag::DOUBLE, tag::DOUBLE) => a.as_double().partial_cmp(&b.as_double()),
        (tag::INT, tag::UINT) => Some(compare_int_uint(a.as_int(), b.as_uint())),
        (tag::UINT, tag::INT) => Some(compare_int_uint(b.as_int(), a.as_uint()).reverse()),
        (tag::INT, tag::DOUBLE) => by_code(compare_int_double(a.as_int(), b.as_double())),
        (tag::DOUBLE, tag::INT) => {
            by_code(compare_int_double(b.as_int(), a.as_double())).map(Ordering::reverse)
        }
        (tag::UINT, tag::DOUBLE) => by_code(compare_uint_double(a.as_uint(), b.as_double())),
        (tag::DOUBLE, tag::UINT) => {
            by_code(compare_uint_double(b.as_uint(), a.as_double())).map(Ordering::reverse)
        }
        (tag::BOOL, tag::BOOL) => Some(a.as_bool().cmp(&b.as_bool())),
        (tag::STRING, tag::STRING) | (tag::BYTES, tag::BYTES) => {
            Some(a.as_bytes().cmp(b.as_bytes()))
        }
        (tag::TIMESTAMP, tag::TIMESTAMP) => Some((a.as_int(), a.extra).cmp(&(b.as_int(), b.extra))),
        _ => None,
    }
}

/// The entry of a map under a key; numbers of different types are the same key where they are equal.
pub fn find<'a>(entries: &'a [Entry], key: &Value) -> Option<&'a Entry> {
    entries.iter().find(|entry| equal(&entry.key, key))
}

fn compare_int_uint(a: i64, b: u64) -> Ordering {
    if a < 0 {
        Ordering::Less
    } else {
        (a as u64).cmp(&b)
    }
}

/// Equality where nothing has to be entered.
fn shallow(a: &Value, b: &Value) -> Option<bool> {
    let is_equal = match (a.tag, b.tag) {
        (tag::NULL, tag::NULL) => true,
        (tag::TYPE, tag::TYPE) => a.as_bytes() == b.as_bytes(),
        (tag::IP, tag::IP) | (tag::CIDR, tag::CIDR) => {
            a.extra == b.extra && a.network_address() == b.network_address()
        }
        (tag::LIST, tag::LIST) | (tag::MAP, tag::MAP) => {
            if a.extra != b.extra {
                false
            } else if a.extra == 0 {
                true
            } else {
                return None;
            }
        }
        (tag::OPTIONAL, tag::OPTIONAL) => match (a.content(), b.content()) {
            (Some(_), Some(_)) => return None,
            (a, b) => a.is_none() && b.is_none(),
        },
        _ => compare(a, b) == Some(Ordering::Equal),
    };
    Some(is_equal)
}

/// Two containers of the same kind and size, entered without recursion: `open` holds the containers on the way, in
/// threes: one, the other, and how many of their children were compared.
fn deep(a: &Value, b: &Value) -> bool {
    let mut open = Values::new();
    open.extend(&[*a, *b, Value::uint(0)]);
    while let [.., a, b, n_compared] = open.values_mut() {
        let at = n_compared.as_uint() as usize;
        *n_compared = Value::uint(at as u64 + 1);
        let children = match a.tag {
            tag::MAP => a.entries().get(at).map(|entry| {
                let others = b.entries();
                let other = others
                    .get(at)
                    .filter(|other| shallow(&entry.key, &other.key) == Some(true))
                    .or_else(|| {
                        others
                            .iter()
                            .find(|other| shallow(&entry.key, &other.key) == Some(true))
                    });
                (&entry.value, other.map(|other| &other.value))
            }),
            tag::OPTIONAL if at > 0 => None,
            tag::OPTIONAL => a.content().map(|content| (content, b.content())),
            _ => a
                .elements()
                .get(at)
                .map(|element| (element, b.elements().get(at))),
        };
        match children {
            None => open.drop_last(3),
            Some((_, None)) => return false,
            Some((a, Some(b))) => match shallow(a, b) {
                Some(true) => {}
                Some(false) => return false,
                None => open.extend(&[*a, *b, Value::uint(0)]),
            },
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(elements: &[Value]) -> Value {
        Value::list(elements.to_vec().leak())
    }

    fn map(entries: &[(Value, Value)]) -> Value {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|(key, value)| Entry {
                key: *key,
                value: *value,
            })
            .collect();
        Value::map(entries.leak())
    }

    fn some(value: Value) -> Value {
        Value::some(value.store())
    }

    /// From cel-spec's tests/simple/testdata/comparisons.textproto, eq_literal.
    #[test]
    fn values_are_equal_as_the_specification_says() {
        let (i, u, d, s) = (
            Value::int as fn(i64) -> Value,
            Value::uint as fn(u64) -> Value,
            Value::double as fn(f64) -> Value,
            |text: &'static str| Value::string(text.as_bytes()),
        );
        let nan = f64::NAN;
        let (true_, false_, null) = (Value::bool(true), Value::bool(false), Value::NULL);
        let cases = [
            (i(1), i(1), true),
            (i(-1), i(1), false),
            (i(1), u(1), true),
            (i(1), u(2), false),
            (i(-1), u(u64::MAX), false),
            (i(1), d(1.0), true),
            (i(2), d(1.0), false),
            (i(i64::MAX), d(9_223_372_036_854_775_807.0), false),
            (u(u64::MAX), i(1), false),
            (u(1), d(1.0), true),
            (u(u64::MAX), d(18_446_744_073_709_551_615.0), false),
            (d(nan), d(nan), false),
            (d(nan), i(1), false),
            (d(0.0), d(-0.0), true),
            (d(1.0), s("1.0"), false),
            (s(""), s(""), true),
            (s("a"), s("b"), false),
            (s("Abra"), s("abra"), false),
            (s("a"), Value::bytes(b"a"), false),
            (Value::bytes(b"\x00\xff"), Value::bytes(b"\x00\xff"), true),
            (null, null, true),
            (null, false_, false),
            (true_, true_, true),
            (false_, true_, false),
            (list(&[]), list(&[]), true),
            (list(&[i(1), i(2)]), list(&[i(1), i(2)]), true),
            (list(&[i(1), i(2)]), list(&[i(2), i(1)]), false),
            (list(&[i(1), i(2)]), list(&[u(1), d(2.0)]), true),
            (list(&[i(1)]), list(&[i(1), i(2)]), false),
            (list(&[d(nan)]), list(&[d(nan)]), false),
            (list(&[i(1), null]), list(&[i(1), null]), true),
            (list(&[]), map(&[]), false),
            (map(&[]), map(&[]), true),
            (map(&[(s("k"), s("v"))]), map(&[(s("k"), s("v"))]), true),
            (map(&[(s("k"), s("v"))]), map(&[(s("k1"), s("v"))]), false),
            (
                map(&[(s("k1"), s("v1")), (s("k2"), s("v2"))]),
                map(&[(s("k2"), s("v2")), (s("k1"), s("v1"))]),
                true,
            ),
            (map(&[(i(1), d(1.0))]), map(&[(u(1), i(1))]), true),
            (map(&[(s("k"), d(nan))]), map(&[(s("k"), d(nan))]), false),
            (
                map(&[(s("k"), list(&[map(&[(i(1), s("x"))])]))]),
                map(&[(s("k"), list(&[map(&[(d(1.0), s("x"))])]))]),
                true,
            ),
            (
                list(&[list(&[i(1)]), list(&[i(2)])]),
                list(&[list(&[i(1)]), list(&[i(3)])]),
                false,
            ),
            (Value::none(), Value::none(), true),
            (some(i(1)), Value::none(), false),
            (some(i(1)), some(u(1)), true),
            (some(list(&[i(1)])), some(list(&[i(2)])), false),
            (Value::timestamp(1, 0), Value::timestamp(1, 0), true),
            (Value::timestamp(1, 1), Value::timestamp(1, 0), false),
            (Value::duration(1), Value::duration(1), true),
            (Value::duration(1), i(1), false),
            (Value::type_named(b"int"), Value::type_named(b"int"), true),
            (Value::type_named(b"int"), s("int"), false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(equal(&a, &b), expected, "{a:?} == {b:?}");
            assert_eq!(equal(&b, &a), expected, "{b:?} == {a:?}");
        }
    }

    #[test]
    fn numbers_are_ordered_across_types() {
        let less = [
            (Value::double(f64::NEG_INFINITY), Value::int(i64::MIN)),
            (Value::int(-1), Value::uint(0)),
            (Value::int(i64::MAX), Value::uint(1 << 63)),
            (Value::uint(1 << 63), Value::double(1e19)),
            (Value::int(1), Value::double(1.5)),
            (Value::double(0.5), Value::uint(1)),
            (Value::bool(false), Value::bool(true)),
            (Value::string(b"a"), Value::string("á".as_bytes())),
            (Value::timestamp(-1, 999_999_999), Value::timestamp(0, 0)),
        ];
        for (a, b) in less {
            assert_eq!(compare(&a, &b), Some(Ordering::Less), "{a:?} < {b:?}");
            assert_eq!(compare(&b, &a), Some(Ordering::Greater), "{b:?} > {a:?}");
        }
        assert_eq!(compare(&Value::double(f64::NAN), &Value::int(1)), None);
        assert_eq!(compare(&Value::string(b"1"), &Value::int(1)), None);
        assert_eq!(compare(&Value::NULL, &Value::NULL), None);
    }

    #[test]
    fn depth_costs_no_stack() {
        let nested = |n_levels: usize, leaf: Value| {
            (0..n_levels).fold(leaf, |inner, _| Value::list(vec![inner].leak()))
        };
        assert!(equal(
            &nested(100_000, Value::int(1)),
            &nested(100_000, Value::double(1.0))
        ));
        assert!(!equal(
            &nested(100_000, Value::int(1)),
            &nested(100_000, Value::int(2))
        ));
    }
}
