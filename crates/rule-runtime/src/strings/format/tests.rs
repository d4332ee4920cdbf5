//! Cases of cel-spec, tests/simple/testdata/string_ext.textproto, format and format_errors.

#![allow(
    clippy::approx_constant,
    reason = "the numbers of the specification's cases"
)]

use super::*;

fn check(text: &str, arguments: &[Value], expected: Result<&str, i32>) {
    let formatted = format(text.as_bytes(), &Value::list(arguments));
    let formatted = formatted.map(|text| core::str::from_utf8(text).expect("UTF-8"));
    assert_eq!(formatted, expected, "{text}");
}

fn s(text: &'static str) -> Value {
    Value::string(text.as_bytes())
}

fn d(value: f64) -> Value {
    Value::double(value)
}

fn list(elements: &[Value]) -> Value {
    Value::list(elements.to_vec().leak())
}

fn map(entries: &[(Value, Value)]) -> Value {
    let entry = |(key, value): &(Value, Value)| Entry {
        key: *key,
        value: *value,
    };
    Value::map(entries.iter().map(entry).collect::<Vec<_>>().leak())
}

#[test]
fn verbs_are_those_of_the_specification() {
    let (i, u) = (
        Value::int as fn(i64) -> Value,
        Value::uint as fn(u64) -> Value,
    );
    let cases: &[(&str, &[Value], &str)] = &[
        ("no substitution", &[], "no substitution"),
        (
            "str is %s and some more",
            &[s("filler")],
            "str is filler and some more",
        ),
        ("%% and also %%", &[], "% and also %"),
        ("%%%s%%", &[s("text")], "%text%"),
        (
            "%s%%",
            &[s("percent on the right")],
            "percent on the right%",
        ),
        ("%%%s", &[s("percent on the left")], "%percent on the left"),
        ("%d %d, %s", &[i(1), i(-2), s("A")], "1 -2, A"),
        ("%.3f", &[d(1.2345)], "1.234"),
        (
            "this is 5 in binary: %b",
            &[i(5)],
            "this is 5 in binary: 101",
        ),
        ("%b", &[u(64)], "1000000"),
        ("%b", &[Value::bool(true)], "1"),
        ("%o", &[i(11)], "13"),
        ("%o", &[u(65535)], "177777"),
        (
            "%x is 20 in hexadecimal",
            &[i(30)],
            "1e is 20 in hexadecimal",
        ),
        (
            "%X is 20 in hexadecimal",
            &[i(30)],
            "1E is 20 in hexadecimal",
        ),
        ("%X", &[u(6000)], "1770"),
        ("%x", &[s("Hello world!")], "48656c6c6f20776f726c6421"),
        ("%X", &[s("Hello world!")], "48656C6C6F20776F726C6421"),
        (
            "%x",
            &[Value::bytes(b"byte string")],
            "6279746520737472696e67",
        ),
        ("%.6e", &[d(1052.032911275)], "1.052033e+03"),
        ("%f", &[d(2.71828)], "2.718280"),
        ("%e", &[d(2.71828)], "2.718280e+00"),
        ("%e", &[d(f64::NAN)], "NaN"),
        ("%e", &[d(f64::INFINITY)], "Infinity"),
        ("%f", &[d(f64::NEG_INFINITY)], "-Infinity"),
        ("%d", &[d(f64::NAN)], "NaN"),
        ("%d", &[u(u64::MAX)], "18446744073709551615"),
        ("%d", &[i(i64::MIN)], "-9223372036854775808"),
        ("%s", &[Value::NULL], "null"),
        ("%s", &[i(999999999999)], "999999999999"),
        ("%s", &[Value::bytes(b"xyz")], "xyz"),
        ("%s", &[Value::type_named(b"string")], "string"),
        (
            "%s",
            &[Value::timestamp(1_675_467_080, 0)],
            "2023-02-03T23:31:20Z",
        ),
        ("%s", &[Value::duration(6_347_000_000_000)], "6347s"),
        (
            "%s",
            &[list(&[
                s("abc"),
                d(3.14),
                Value::NULL,
                list(&[i(9), i(8)]),
                Value::timestamp(1_675_467_080, 0),
            ])],
            "[abc, 3.14, null, [9, 8], 2023-02-03T23:31:20Z]",
        ),
        (
            "%s",
            &[map(&[
                (s("key1"), Value::bytes(b"xyz")),
                (s("key5"), Value::NULL),
                (s("key2"), Value::duration(7_200_000_000_000)),
                (s("key4"), Value::bool(true)),
                (s("key3"), d(2.71828)),
            ])],
            "{key1: xyz, key2: 7200s, key3: 2.71828, key4: true, key5: null}",
        ),
        (
            "%s",
            &[map(&[
                (i(1), s("value1")),
                (u(2), s("value2")),
                (Value::bool(true), d(f64::NAN)),
            ])],
            "{1: value1, 2: value2, true: NaN}",
        ),
        (
            "%s",
            &[map(&[
                (s("strKey"), s("x")),
                (i(6), Value::duration(422_000_000_000)),
                (Value::bool(true), i(42)),
            ])],
            "{6: 422s, strKey: x, true: 42}",
        ),
        (
            "%s, %s",
            &[Value::bool(true), Value::bool(false)],
            "true, false",
        ),
        (
            "%s",
            &[list(&[d(f64::NAN), d(f64::INFINITY), d(f64::NEG_INFINITY)])],
            "[NaN, Infinity, -Infinity]",
        ),
        (
            "%s",
            &[list(&[i(6), d(4.2), s("a string"), list(&[]), map(&[])])],
            "[6, 4.2, a string, [], {}]",
        ),
        ("%.3f", &[d(4.5)], "4.500"),
        ("%.0f", &[d(123.0)], "123"),
        ("%.0f", &[d(3.5001)], "4"),
        ("%.0f", &[d(3.4999)], "3"),
        ("%.0f", &[d(1.5)], "2"),
        ("%.0f", &[d(2.5)], "2"),
        ("%.3f", &[d(123.4999)], "123.500"),
        ("%.3f", &[d(-123.4999)], "-123.500"),
        ("%.3f", &[d(-123.4994)], "-123.499"),
        ("%.5f", &[d(-1.2)], "-1.20000"),
    ];
    for (text, arguments, expected) in cases {
        check(text, arguments, Ok(expected));
    }
}

#[test]
fn wrong_formats_are_refused() {
    let duration = Value::duration(1);
    let cases: &[(&str, &[Value])] = &[
        ("%a", &[Value::int(1)]),
        ("%d %d %d", &[Value::int(0), Value::int(1)]),
        ("string is %b", &[s("abc")]),
        ("%d", &[duration]),
        ("octal: %o", &[s("a string")]),
        ("double is %x", &[d(0.5)]),
        ("double is %E", &[d(0.5)]),
        ("null: %d", &[Value::NULL]),
        ("null: %e", &[Value::NULL]),
        ("null: %f", &[Value::NULL]),
        ("null: %x", &[Value::NULL]),
        ("null: %X", &[Value::NULL]),
        ("null: %b", &[Value::NULL]),
        ("null: %o", &[Value::NULL]),
        ("%", &[Value::NULL]),
        ("%.", &[Value::NULL]),
        ("%.f", &[d(1.0)]),
        ("%.99999999999f", &[d(1.0)]),
        ("%s", &[Value::none()]),
    ];
    for (text, arguments) in cases {
        check(text, arguments, Err(INVALID_FORMAT));
    }
    check("%s", &[Value::bytes(b"\xff")], Err(INVALID_UTF8));
}
