//! Cases of cel-spec, tests/simple/testdata/string_ext.textproto, and of the standard library.

use super::*;

fn text(outcome: Outcome<&[u8]>) -> Result<&str, i32> {
    outcome.map(|text| core::str::from_utf8(text).expect("UTF-8"))
}

fn texts(outcome: Outcome<Value>) -> Vec<String> {
    outcome
        .expect("a list")
        .elements()
        .iter()
        .map(|element| String::from_utf8_lossy(element.as_bytes()).into_owned())
        .collect()
}

#[test]
fn positions_are_code_points() {
    for (string, position, expected) in [
        ("tacocat", 3, Ok("o")),
        ("tacocat", 7, Ok("")),
        ("©αT", 0, Ok("©")),
        ("©αT", 1, Ok("α")),
        ("©αT", 2, Ok("T")),
        ("tacocat", 30, Err(INDEX_OUT_OF_BOUNDS)),
        ("tacocat", -1, Err(INDEX_OUT_OF_BOUNDS)),
    ] {
        assert_eq!(text(char_at(string.as_bytes(), position)), expected);
    }
    for (string, needle, start, expected) in [
        ("tacocat", "", 0, Ok(0)),
        ("tacocat", "ac", 0, Ok(1)),
        ("tacocat", "none", 0, Ok(-1)),
        ("tacocat", "", 3, Ok(3)),
        ("tacocat", "a", 3, Ok(5)),
        ("tacocat", "at", 3, Ok(5)),
        ("ta©o©αT", "©", 0, Ok(2)),
        ("ta©o©αT", "©", 3, Ok(4)),
        ("ta©o©αT", "©αT", 3, Ok(4)),
        ("ta©o©αT", "©α", 5, Ok(-1)),
        ("hello wello", "hello wello", 0, Ok(0)),
        ("hello wello", "ello", 6, Ok(7)),
        ("tacocat", "a", 30, Err(INDEX_OUT_OF_BOUNDS)),
    ] {
        let found = index_of(string.as_bytes(), needle.as_bytes(), start);
        assert_eq!(found, expected, "{string} {needle} {start}");
    }
    for (string, needle, start, expected) in [
        ("", "@@", None, Ok(-1)),
        ("tacocat", "", None, Ok(7)),
        ("tacocat", "at", None, Ok(5)),
        ("tacocat", "none", None, Ok(-1)),
        ("tacocat", "", Some(3), Ok(3)),
        ("tacocat", "a", Some(3), Ok(1)),
        ("ta©o©αT", "©", None, Ok(4)),
        ("ta©o©αT", "©", Some(3), Ok(2)),
        ("ta©o©αT", "©α", Some(4), Ok(4)),
        ("hello wello", "ello", Some(6), Ok(1)),
        ("hello wello", "low", None, Ok(-1)),
        ("hello wello", "hello wello", None, Ok(0)),
        ("bananananana", "nana", Some(7), Ok(6)),
        ("tacocat", "a", Some(-1), Err(INDEX_OUT_OF_BOUNDS)),
        ("tacocat", "a", Some(30), Err(INDEX_OUT_OF_BOUNDS)),
    ] {
        let (text, needle) = (string.as_bytes(), needle.as_bytes());
        let found = match start {
            Some(start) => last_index_of_from(text, needle, start),
            None => last_index_of(text, needle, text.len()),
        };
        assert_eq!(found, expected, "{string} {needle:?} {start:?}");
    }
    for (string, start, end, expected) in [
        ("tacocat", 0, 4, Ok("taco")),
        ("tacocat", 4, 4, Ok("")),
        ("ta©o©αT", 2, 6, Ok("©o©α")),
        ("ta©o©αT", 7, 7, Ok("")),
        ("tacocat", 1, 50, Err(INDEX_OUT_OF_BOUNDS)),
        ("tacocat", 49, 50, Err(INDEX_OUT_OF_BOUNDS)),
        ("tacocat", 4, 3, Err(INVALID_ARGUMENT)),
    ] {
        assert_eq!(text(substring(string.as_bytes(), start, end)), expected);
    }
    for (start, expected) in [
        (4, Ok("cat")),
        (7, Ok("")),
        (40, Err(INDEX_OUT_OF_BOUNDS)),
        (-1, Err(INDEX_OUT_OF_BOUNDS)),
    ] {
        assert_eq!(text(substring_from(b"tacocat", start)), expected);
    }
}

#[test]
fn replacements_are_limited() {
    for (string, old, new, limit, expected) in [
        ("12 days 12 hours", "{0}", "2", -1, "12 days 12 hours"),
        ("{0} days {0} hours", "{0}", "2", -1, "2 days 2 hours"),
        ("{0} days {0} hours", "{0}", "2", 1, "2 days {0} hours"),
        ("1 ©αT taco", "αT", "o©α", -1, "1 ©o©α taco"),
        ("abc", "b", "x", 0, "abc"),
    ] {
        let replaced = replace(string.as_bytes(), old.as_bytes(), new.as_bytes(), limit);
        assert_eq!(text(replaced), Ok(expected));
    }
    for string in ["", "a", "áb", "aXbXc"] {
        for old in ["", "X", "a", "c"] {
            for limit in 0..5 {
                let replaced = replace(string.as_bytes(), old.as_bytes(), b"__", limit as i64);
                let expected = string.replacen(old, "__", limit);
                assert_eq!(text(replaced), Ok(expected.as_str()), "{string} {old}");
            }
        }
    }
    let huge = replace(&[b'a'; 10_000], b"", &[b'b'; 10_000], -1);
    assert_eq!(huge, Err(TOO_LARGE));
}

#[test]
fn splits_are_limited() {
    for (string, separator, limit, expected) in [
        ("hello world", " ", -1, &["hello", "world"] as &[&str]),
        ("hello world events!", " ", 0, &[]),
        ("hello world events!", " ", 1, &["hello world events!"]),
        ("hello world events!", " ", 2, &["hello", "world events!"]),
        ("o©o©o©o", "©", -1, &["o", "o", "o", "o"]),
        // as Go's strings.SplitN
        ("", ",", -1, &[""]),
        ("", "", -1, &[]),
        ("aáb", "", -1, &["a", "á", "b"]),
        ("aáb", "", 2, &["a", "áb"]),
        (",a,", ",", -1, &["", "a", ""]),
    ] {
        let parts = split(string.as_bytes(), separator.as_bytes(), limit);
        assert_eq!(texts(parts), expected, "{string} {separator} {limit}");
    }
}

#[test]
fn white_space_is_that_of_unicode() {
    for spaced in [
        " \u{c}\n\r\t\u{b}text  ",
        "\u{85}\u{a0}\u{1680}text",
        "text\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2004}\u{2006}\u{2007}\u{2008}\u{2009}",
        "\u{200a}text\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}",
    ] {
        assert_eq!(text(trim(spaced.as_bytes())), Ok("text"));
    }
    for char in '\0'..=char::MAX {
        let spaced = format!("{char}x{char}");
        assert_eq!(
            text(trim(spaced.as_bytes())),
            Ok(spaced.trim()),
            "{}",
            char.escape_unicode()
        );
    }
    assert_eq!(text(trim("  \u{3000}".as_bytes())), Ok(""));
}

#[test]
fn text_is_changed_character_by_character() {
    let strings = |list: &[&'static str]| {
        let elements: Vec<Value> = list
            .iter()
            .map(|text| Value::string(text.as_bytes()))
            .collect();
        Value::list(elements.leak())
    };
    assert_eq!(text(join(&strings(&["x", "y"]), b"")), Ok("xy"));
    assert_eq!(text(join(&strings(&["x", "y"]), b"-")), Ok("x-y"));
    assert_eq!(text(join(&strings(&[]), b"-")), Ok(""));
    assert_eq!(
        join(&Value::list(&[Value::int(1)]), b"-"),
        Err(NO_SUCH_OVERLOAD)
    );
    assert_eq!(text(reverse("".as_bytes())), Ok(""));
    assert_eq!(text(reverse("gums".as_bytes())), Ok("smug"));
    assert_eq!(text(reverse("aáč🦀".as_bytes())), Ok("🦀čáa"));
    for (string, expected) in [
        ("first\nsecond", r#""first\nsecond""#),
        ("bell\x07", r#""bell\a""#),
        ("\x08backspace", r#""\bbackspace""#),
        ("\x0cform feed", r#""\fform feed""#),
        ("carriage \r return", r#""carriage \r return""#),
        ("horizontal tab\t", r#""horizontal tab\t""#),
        ("vertical \x0b tab", r#""vertical \v tab""#),
        (r"double \\ slash", r#""double \\\\ slash""#),
        ("verbatim", r#""verbatim""#),
        (r"ends with \", r#""ends with \\""#),
        (r#"mid string " quote"#, r#""mid string \" quote""#),
        ("🐱😀😛", r#""🐱😀😛""#),
        ("", r#""""#),
    ] {
        assert_eq!(text(quote(string.as_bytes())), Ok(expected));
    }
}
