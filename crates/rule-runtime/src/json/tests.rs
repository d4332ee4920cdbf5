use super::{read, write};
use crate::equal::equal;
use crate::status::{INVALID_JSON, TOO_DEEP};

fn round_trip(text: &str) -> Result<String, i32> {
    let value = read::parse(text.as_bytes(), false)?;
    let written = write::text(&value)?;
    Ok(String::from_utf8_lossy(written).into_owned())
}

#[test]
fn texts_of_values_are_read_and_written_alike() {
    for text in [
        "null",
        "true",
        "-9223372036854775808",
        "0.1",
        "1.0",
        "-0.0",
        "1e300",
        "5e-324",
        r#""žluť \"\\\n\u0001""#,
        "[]",
        "{}",
        r#"[1,[2.5,"a"],{"k":[null]}]"#,
        r#"{"@uint":"18446744073709551615"}"#,
        r#"{"@bytes":"AP8="}"#,
        r#"{"@timestamp":"2024-02-29T12:00:00.5Z"}"#,
        r#"{"@duration":"5400s"}"#,
        r#"{"@double":"NaN"}"#,
        r#"{"@double":"-Infinity"}"#,
        r#"{"@type":"google.protobuf.Timestamp"}"#,
        r#"{"@optional":[]}"#,
        r#"{"@optional":[{"@optional":[1]}]}"#,
        r#"{"@map":[[1,"a"],[true,{"@uint":"2"}],["@b",3]]}"#,
        r#"{"@map":[]}"#,
    ] {
        let expected = if text == r#"{"@map":[]}"# { "{}" } else { text };
        assert_eq!(round_trip(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn other_spellings_mean_the_same() {
    for (text, expected) in [
        (" [ 1 , 2 ]\n", "[1,2]"),
        (r#""\ud83d\ude00\/""#, r#""😀/""#),
        (
            "18446744073709551615",
            r#"{"@uint":"18446744073709551615"}"#,
        ),
        ("18446744073709551616", "1.8446744073709552e19"),
        ("1E2", "100.0"),
        ("-0", "-0.0"),
        (r#"{"@other":1}"#, r#"{"@map":[["@other",1]]}"#),
        (
            r#"{"@uint":"1","b":2}"#,
            r#"{"@map":[["@uint","1"],["b",2]]}"#,
        ),
    ] {
        assert_eq!(round_trip(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "01",
        "1.",
        "-",
        "1e",
        ".5",
        "[1,]",
        "[1",
        "]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "{a:1}",
        "\"a",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\n\"",
        "1 2",
        "[}",
        r#"{"@uint":1}"#,
        r#"{"@uint":"-1"}"#,
        r#"{"@bytes":"?"}"#,
        r#"{"@timestamp":"yesterday"}"#,
        r#"{"@map":[[1]]}"#,
        r#"{"@map":[[1.5,1]]}"#,
        r#"{"@optional":[1,2]}"#,
    ] {
        assert_eq!(round_trip(text).err(), Some(INVALID_JSON), "{text}");
    }
}

#[test]
fn nesting_has_a_limit_and_is_no_danger_to_the_stack() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(round_trip(&nested(127)).as_deref(), Ok(&nested(127)[..]));
    assert_eq!(round_trip(&nested(129)).err(), Some(TOO_DEEP));
    assert_eq!(round_trip(&nested(100_000)).err(), Some(TOO_DEEP));
}

fn read_as(text: &str, ty: &[u8]) -> Result<String, i32> {
    let value = read::parse(text.as_bytes(), false)?;
    // SAFETY: a fresh value and a whole type.
    let value = unsafe { crate::conform::fit(value, ty.as_ptr()).0 }?;
    // SAFETY: the same.
    assert_eq!(
        unsafe { crate::conform::value_conforms(&value, ty.as_ptr()) },
        1
    );
    assert_ne!(equal(&value, &value), None);
    write::text(&value).map(|text| String::from_utf8_lossy(text).into_owned())
}

#[test]
fn a_type_says_more_than_json() {
    const INT: u8 = 2;
    const UINT: u8 = 3;
    const DOUBLE: u8 = 4;
    const STRING: u8 = 5;
    const TIMESTAMP: u8 = 7;
    const LIST: u8 = 9;
    const MAP: u8 = 10;
    const OPTIONAL: u8 = 12;
    const NULLABLE: u8 = 254;
    const ANY: u8 = 255;
    for (text, ty, expected) in [
        ("[1,2.5]", &[LIST, DOUBLE][..], Ok("[1.0,2.5]")),
        ("[1,null]", &[LIST, NULLABLE, INT], Ok("[1,null]")),
        ("[1,null]", &[LIST, INT], Err(INVALID_JSON)),
        ("[1,null]", &[LIST, ANY], Ok("[1,null]")),
        ("3", &[UINT], Ok(r#"{"@uint":"3"}"#)),
        ("-3", &[UINT], Err(INVALID_JSON)),
        (
            r#"{"1":[2]}"#,
            &[MAP, INT, LIST, DOUBLE],
            Ok(r#"{"@map":[[1,[2.0]]]}"#),
        ),
        (r#"{"x":1}"#, &[MAP, INT, INT], Err(INVALID_JSON)),
        (r#"{"x":"y"}"#, &[MAP, STRING, STRING], Ok(r#"{"x":"y"}"#)),
        (
            r#"["2024-01-01T00:00:00Z"]"#,
            &[LIST, TIMESTAMP],
            Ok(r#"[{"@timestamp":"2024-01-01T00:00:00Z"}]"#),
        ),
        (
            r#"{"@optional":[1]}"#,
            &[OPTIONAL, DOUBLE],
            Ok(r#"{"@optional":[1.0]}"#),
        ),
        ("1", &[LIST, ANY], Err(INVALID_JSON)),
        ("[]", &[MAP, ANY, ANY], Err(INVALID_JSON)),
    ] {
        assert_eq!(
            read_as(text, ty).as_deref(),
            expected.as_ref().copied(),
            "{text} {ty:?}"
        );
    }
}
