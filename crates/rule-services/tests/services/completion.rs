//! What can be written at a place.

use crate::{cursor, text_in, with};
use rulestage_rule_services::completions;

/// Each case: what is there, what is not.
#[test]
fn completions_fit_the_place() {
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        ("nothing yet", "<|>", &["ruleset"], &["rule"]),
        (
            "blocks",
            "ruleset a {\n <|>",
            &[
                "input",
                "param",
                "output",
                "let",
                "rule",
                "invariant",
                "example",
            ],
            &["when", "size"],
        ),
        (
            "part of a block's word",
            "ruleset a {\n inp<|>\n}",
            &["input"],
            &[],
        ),
        (
            "blocks behind a let",
            "ruleset a { let b = 1\n <|> }",
            &["rule"],
            &["b", "size"],
        ),
        (
            "operand on the next line",
            "ruleset a { let b = 1\n let c = b +\n <|> }",
            &["b"],
            &["rule", "c"],
        ),
        (
            "a new name",
            "ruleset a { let <|> }",
            &[],
            &["rule", "size"],
        ),
        (
            "types",
            "ruleset a { input { x: <|> } }",
            &["int", "list", "timestamp"],
            &["size"],
        ),
        (
            "element types",
            "ruleset a { input { x: list<<|> } }",
            &["int"],
            &["size"],
        ),
        (
            "value types",
            "ruleset a { input { x: map<string, <|> } }",
            &["int"],
            &["size"],
        ),
        (
            "type of a param",
            "ruleset a { param x: <|>",
            &["int"],
            &["size"],
        ),
        (
            "new input",
            "ruleset a { input { x: int\n <|> } }",
            &[],
            &["int"],
        ),
        (
            "default",
            "ruleset a { output { x: bool = <|> } }",
            &["true", "timestamp"],
            &["int", "size"],
        ),
        (
            "merge",
            "ruleset a { output { x: bool = true <|> } }",
            &["merge"],
            &["true"],
        ),
        (
            "merges",
            "ruleset a { output { x: bool = true merge <|> } }",
            &["first", "collect"],
            &["merge"],
        ),
        (
            "condition of a rule",
            "ruleset a { rule r { <|> } }",
            &["when"],
            &["then"],
        ),
        (
            "priority",
            "ruleset a { rule r <|>",
            &["priority"],
            &["when"],
        ),
        (
            "behind a condition",
            "ruleset a { input { x: bool } rule r { when x <|> } }",
            &["then", "in"],
            &["x"],
        ),
        (
            "behind then",
            "ruleset a { rule r { when true then { } <|> } }",
            &["else"],
            &["then"],
        ),
        (
            "parts of an example",
            "ruleset a { example \"e\" { <|> } }",
            &["given", "params", "expect"],
            &["rule"],
        ),
        ("version", "ruleset a <|>", &["version"], &["rule"]),
        ("comment", "ruleset a { // <|>\n }", &[], &["rule"]),
        ("text", "ruleset a { let x = \"<|>\" }", &[], &["size"]),
        ("number", "ruleset a { let x = 1<|> }", &[], &["size"]),
    ];
    for (what, marked, present, absent) in cases {
        check_completions(what, cursor(marked), present, absent);
    }
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "rule r { when <|> then {} } }",
            &["weight", "limit", "heavy", "size", "math", "has", "if"],
            &["carrier", "contains", "then"],
        ),
        ("rule r { when <|>", &["weight", "heavy"], &["carrier"]),
        (
            "rule r { when heavy && <|>\n rule s { when true then {} } }",
            &["weight"],
            &["carrier", "then"],
        ),
        (
            "rule r { when heavy then { <|> } } }",
            &["carrier", "notes"],
            &["weight"],
        ),
        (
            "rule r { when heavy then { carrier = \"x\", <|> } } }",
            &["notes"],
            &["weight"],
        ),
        (
            "rule r { when heavy then { carrier = \"x\"\n <|> } } }",
            &["notes"],
            &["weight"],
        ),
        (
            "rule r { when heavy then { carrier = <|> } } }",
            &["country"],
            &["notes"],
        ),
        (
            "rule r { when heavy then { } else { <|>",
            &["carrier"],
            &["weight"],
        ),
        (
            "rule r { when country.<|>\n then { carrier = \"x\" } } }",
            &["contains", "size", "matches"],
            &["getHours", "all", "weight", "int"],
        ),
        ("rule r { when country.con<|>", &["contains"], &["getHours"]),
        (
            "rule r { when country.trim().<|> } }",
            &["contains"],
            &["getHours"],
        ),
        (
            "let a = tags.<|> }",
            &["size", "all", "map", "distinct"],
            &["contains", "hasValue"],
        ),
        (
            "let a = tags.<|>\n rule r { when heavy then {} } }",
            &["size", "all"],
            &["contains"],
        ),
        ("let a = value.<|> }", &[], &["contains", "all"]),
        ("let a = tags[0].<|> }", &["contains"], &["all"]),
        ("let a = tags.all(t, <|>", &["t", "weight"], &["carrier"]),
        ("let a = tags.all(t, t.<|>) }", &["contains"], &["all"]),
        ("let a = tags.all(t, true) && <|> }", &["weight"], &["t"]),
        (
            "let a = math.<|> }",
            &["abs", "greatest"],
            &["math.abs", "contains"],
        ),
        ("let a = prices.<|> }", &["small", "large"], &["contains"]),
        (
            "let a = country |> <|> }",
            &["size", "startsWith", "int"],
            &["getHours", "weight"],
        ),
        ("let a = if <|>", &["heavy"], &["carrier"]),
        (
            "let a = tags.first().<|> }",
            &["orValue", "optMap"],
            &["contains"],
        ),
        (
            "example \"e\" { given { <|> } } }",
            &["weight"],
            &["carrier", "limit"],
        ),
        (
            "example \"e\" { params { <|> } } }",
            &["limit"],
            &["carrier", "weight"],
        ),
        (
            "example \"e\" { given { weight: 1.0 } expect { carrier: \"x\", <|> } } }",
            &["notes"],
            &["weight"],
        ),
        (
            "example \"e\" { given { weight: <|> } } }",
            &["true"],
            &["weight"],
        ),
        (
            "invariant \"i\" { <|> } }",
            &["when", "assert"],
            &["weight", "then"],
        ),
        (
            "invariant \"i\" { when <|> } }",
            &["weight", "carrier", "heavy", "limit"],
            &["when", "r"],
        ),
        (
            "invariant \"i\" { when heavy <|> } }",
            &["assert", "in"],
            &["then", "weight"],
        ),
        (
            "invariant \"i\" { when heavy assert <|> } }",
            &["carrier", "notes", "weight"],
            &["assert"],
        ),
        (
            "invariant \"i\" { when heavy assert carrier <|> } }",
            &["in"],
            &["assert"],
        ),
        (
            "invariant \"i\" { assert carrier.<|> } }",
            &["startsWith"],
            &["weight"],
        ),
        (
            "invariant \"i\" { assert heavy }\n <|> }",
            &["invariant", "rule"],
            &["carrier"],
        ),
    ];
    for (addition, present, absent) in cases {
        check_completions(addition, with(addition), present, absent);
    }
}

fn check_completions(
    what: &str,
    (source, offset): (String, u32),
    present: &[&str],
    absent: &[&str],
) {
    let found = completions(&source, offset);
    let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
    for label in present {
        assert!(
            labels.contains(label),
            "{what}: `{label}` is missing in {labels:?}"
        );
    }
    for label in absent {
        assert!(!labels.contains(label), "{what}: `{label}` does not fit");
    }
    if present.is_empty() && absent.is_empty() {
        panic!("{what}: nothing is checked");
    }
}

#[test]
fn completions_have_types_and_replace_the_word() {
    let (source, offset) = with("let a = hea<|> }");
    let found = completions(&source, offset);
    assert_eq!(text_in(&source, found.span), "hea");
    let heavy = found
        .items
        .iter()
        .find(|item| item.label == "heavy")
        .unwrap();
    assert_eq!(heavy.detail, "bool");
    let size = found
        .items
        .iter()
        .find(|item| item.label == "size")
        .unwrap();
    assert!(
        size.detail
            .starts_with("size(string) -> int\nsize(bytes) -> int"),
        "{}",
        size.detail
    );
}
