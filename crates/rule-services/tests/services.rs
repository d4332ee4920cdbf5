//! Each case is a source with `<|>` where the cursor is, whole or broken, and what is expected there.

use rulestage_diagnostics::Span;
use rulestage_rule_services::{
    Edit, completions, definition, document_symbols, fixes, hover, prepare_rename, references,
    rename, signature_help,
};

/// The rule set that cases are put at the end of; it is not closed.
const AROUND: &str = r#"// Parcels.
ruleset parcels version "1.2.0" {
  input {
    weight: double  // kilograms
    country: string
    tags: list<string>
    value: double?
  }
  // The heaviest parcel by post.
  param limit: double = 30.0
  output {
    carrier: string = "post" merge first
    notes: list<string> = [] merge collect
  }
  let heavy = weight > limit
  let prices = {"small": 1.0, "large": 2.0}
"#;

fn cursor(marked: &str) -> (String, u32) {
    let offset = marked.find("<|>").expect("a cursor");
    (marked.replacen("<|>", "", 1), offset as u32)
}

/// A source with `addition` at the end of [`AROUND`].
fn with(addition: &str) -> (String, u32) {
    cursor(&format!("{AROUND}{addition}\n"))
}

fn text(source: &str, span: Span) -> &str {
    span.text(source)
}

#[test]
fn hover_tells_types_and_documentation() {
    let cases = [
        (
            "let a = wei<|>ght * 2.0 }",
            "input weight: double",
            "kilograms",
        ),
        (
            "let a = <|>limit }",
            "param limit: double = 30.0",
            "The heaviest parcel by post.",
        ),
        ("let a = heavy<|> }", "let heavy: bool", ""),
        (
            "rule r priority 3 { when heavy then { car<|>rier = \"x\" } }",
            "output carrier: string = \"post\" merge first",
            "",
        ),
        (
            "// Why.\n rule <|>r priority 3 { when heavy then { carrier = \"x\" } }",
            "rule r priority 3",
            "Why.",
        ),
        ("let a = weight <|>* 2.0 }", "weight * 2.0: double", ""),
        ("let a = tags[<|>0] }", "0: int", ""),
        (
            "let a = tags.all(t, <|>t == \"x\") }",
            "variable t: string",
            "",
        ),
        (
            "let a = country.con<|>tains(\"x\") }",
            "string.contains(string) -> bool",
            "Whether the text has the other in it.",
        ),
        (
            "let a = mat<|>h.abs(weight) }",
            "math.abs(weight): double",
            "",
        ),
        (
            "let a = tags.al<|>l(t, t == \"\") }",
            "list.all(x, condition) -> bool\nlist.all(i, x, condition) -> bool",
            "Whether the condition is true of every element; of keys, for a map.",
        ),
        (
            "let a = math.ab<|>s(weight) }",
            "math.abs(double) -> double\nmath.abs(int) -> int\nmath.abs(uint) -> uint",
            "The absolute value.",
        ),
        // Broken sources
        ("let a = wei<|>ght *", "input weight: double", "kilograms"),
        ("rule r { when <|>heavy", "let heavy: bool", ""),
        ("let a = weihgt<|> }", "weihgt: unknown", ""),
        ("let a = b\n let b = a<|> }", "let a: unknown", ""),
        ("// about wei<|>ght", "", ""),
    ];
    for (addition, code, doc) in cases {
        let (source, offset) = with(addition);
        let found = hover(&source, offset)
            .map(|hover| (hover.code, hover.doc))
            .unwrap_or_default();
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (code, doc),
            "{addition}"
        );
    }
}

/// Each case: what is there, what is not.
#[test]
fn completions_fit_the_place() {
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        ("nothing yet", "<|>", &["ruleset"], &["rule"]),
        (
            "blocks",
            "ruleset a {\n <|>",
            &["input", "param", "output", "let", "rule", "example"],
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
    assert_eq!(text(&source, found.span), "hea");
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

#[test]
fn definitions_and_references() {
    let cases = [
        // The cursor; the line of the definition from 1; the number of places with the declaration
        ("let a = wei<|>ght\n let b = weight }", 4, 4),
        (
            "rule r { when heavy then { <|>notes = \"x\" } else { notes = \"y\" } }",
            13,
            3,
        ),
        (
            "example \"e\" { given { country<|>: \"CZ\" } expect { } }",
            5,
            2,
        ),
        ("let a = tags.all(t, <|>t == t) }", 17, 3),
        ("let a = tags.all(t, tags.exists(t, <|>t == \"\")) }", 17, 2),
        ("let a = b\n let b = a + <|>a }", 17, 3),
        ("let a = lim<|>it * ", 10, 3),
    ];
    for (addition, line, n_places) in cases {
        let (source, offset) = with(addition);
        let found =
            definition(&source, offset).unwrap_or_else(|| panic!("{addition}: no definition"));
        let before = Span::new(0, found.start).text(&source);
        assert_eq!(before.matches('\n').count() + 1, line, "{addition}");
        assert_eq!(
            references(&source, offset, true).len(),
            n_places,
            "{addition}"
        );
        assert_eq!(
            references(&source, offset, false).len(),
            n_places - 1,
            "{addition}"
        );
        for place in references(&source, offset, true) {
            assert_eq!(text(&source, place), text(&source, found), "{addition}");
        }
    }
    let (source, offset) = with("let a = si<|>ze(country) }");
    assert_eq!(definition(&source, offset), None);
}

#[test]
fn rename_changes_every_place_or_says_why_not() {
    let done = [
        ("let a = <|>heavy && heavy }", "bulky", 3),
        ("let a = tags.all(<|>t, t == \"x\") }", "tag", 2),
        (
            "let a = tags.all(x, true) && tags.all(<|>y, true) }",
            "x",
            1,
        ),
        (
            "rule <|>r { when heavy then { carrier = \"x\" } } }",
            "heavy",
            1,
        ),
        ("let a = b\n let b = <|>a }", "c", 2),
        ("let a = <|>weight *", "kilos", 3),
        ("let a = <|>weight }", "weight", 0),
    ];
    for (addition, name, n_edits) in done {
        let (source, offset) = with(addition);
        let edits =
            rename(&source, offset, name).unwrap_or_else(|no| panic!("{addition}: {}", no.reason));
        assert_eq!(edits.len(), n_edits, "{addition}");
        assert!(edits.iter().all(|Edit { text, .. }| text == name));
    }
    let refused = [
        (
            "let a = <|>heavy }",
            "weight",
            "the name `weight` is taken by the input `weight`",
        ),
        (
            "let a = <|>heavy }",
            "if",
            "`if` is a reserved word and can't be a name",
        ),
        (
            "let a = <|>heavy }",
            "true",
            "`true` is a reserved word and can't be a name",
        ),
        (
            "let a = <|>heavy }",
            "math",
            "`math` is the name of a library",
        ),
        (
            "let a = <|>heavy }",
            "2x",
            "`2x` is not a name: letters, digits and `_`, no digit first",
        ),
        (
            "let a = <|>heavy }",
            "é",
            "`é` is not a name: letters, digits and `_`, no digit first",
        ),
        (
            "let a = tags.all(<|>t, t == country) }",
            "country",
            "the name `country` is taken by the input `country`",
        ),
        (
            "let a = tags.all(t, <|>country == t) }",
            "t",
            "the name `t` is taken by the variable `t`",
        ),
        (
            "let a = si<|>ze(country) }",
            "length",
            "`size` is a function of the language",
        ),
        (
            "let a = 1 <|>+ 2 }",
            "x",
            "there is no name that could be changed here",
        ),
        (
            "rule r { when true then {} }\n rule <|>s { when true then {} } }",
            "r",
            "the name `r` is taken by the rule `r`",
        ),
    ];
    for (addition, name, reason) in refused {
        let (source, offset) = with(addition);
        let refusal = rename(&source, offset, name).expect_err(addition);
        assert_eq!(refusal.reason, reason, "{addition}");
    }
    let (source, offset) = with("let a = hea<|>vy }");
    let (place, name) = prepare_rename(&source, offset).unwrap();
    assert_eq!((text(&source, place), name.as_str()), ("heavy", "heavy"));
}

#[test]
fn outlines_name_everything() {
    let (source, _) = with("rule r { when heavy then {} }\n example \"e\" { } }<|>");
    let outline = document_symbols(&source);
    let [ruleset] = outline.as_slice() else {
        panic!("one rule set, not {outline:?}")
    };
    assert_eq!(
        (ruleset.name.as_str(), ruleset.detail.as_str()),
        ("parcels", "1.2.0")
    );
    let names: Vec<String> = ruleset
        .children
        .iter()
        .map(|child| {
            format!("{:?} {} {}", child.kind, child.name, child.detail)
                .trim_end()
                .to_owned()
        })
        .collect();
    let expected = [
        "Input weight double",
        "Input country string",
        "Input tags list<string>",
        "Input value double?",
        "Param limit double",
        "Output carrier string",
        "Output notes list<string>",
        "Let heavy bool",
        "Let prices map<string, double>",
        "Rule r",
        "Example e",
    ];
    assert_eq!(names, expected);
    for child in &ruleset.children {
        let inside =
            child.span.start <= child.name_span.start && child.name_span.end <= child.span.end;
        assert!(inside, "{child:?}");
    }
    assert_eq!(document_symbols("rule a {"), document_symbols("rule a {"));
    assert_eq!(document_symbols("input { a: int }")[0].name, "a");
    assert!(document_symbols("").is_empty());
}

#[test]
fn signatures_of_the_call_around() {
    let cases = [
        (
            "let a = country.replace(<|>",
            "string.replace(string, string) -> string",
            0,
        ),
        (
            "let a = country.replace(\"a\", <|>) }",
            "string.replace(string, string) -> string",
            1,
        ),
        (
            "let a = country.replace(\"a\", \"b\", <|>) }",
            "string.replace(string, string, int) -> string",
            2,
        ),
        ("let a = size(<|>) }", "size(string) -> int", 0),
        (
            "let a = math.abs(size(country), <|>",
            "math.abs(int) -> int",
            1,
        ),
        (
            "let a = tags.all(t, <|>) }",
            "list.all(x, condition) -> bool",
            1,
        ),
        (
            "let a = country |> replace(<|>) }",
            "string.replace(string, string) -> string",
            0,
        ),
        ("let a = sets.contains(tags, [<|>]) }", "", 0),
        ("let a = unknown(<|>) }", "", 0),
        ("let a = weight<|> }", "", 0),
    ];
    for (addition, first, active) in cases {
        let (source, offset) = with(addition);
        let help = signature_help(&source, offset);
        let found = help.map(|help| (help.signatures[0].label.clone(), help.active_parameter));
        assert_eq!(
            found.unwrap_or_default(),
            (first.to_owned(), active),
            "{addition}"
        );
    }
    let (source, offset) = with("let a = country.replace(<|>");
    let help = signature_help(&source, offset).unwrap();
    let line = &help.signatures[0];
    let parameters: Vec<&str> = line
        .parameters
        .iter()
        .map(|range| &line.label[range.start as usize..range.end as usize])
        .collect();
    assert_eq!(parameters, ["string", "string"]);
}

#[test]
fn fixes_do_what_hints_say() {
    let cases = [
        ("let a = <|>weihgt }", "weight"),
        ("let a = lenght<|>(country) }", ""),
        ("let a = <|>len(country) }", "size"),
        ("let a = weight * 2<|> }", "2.0"),
        ("let a = heavy <|>& heavy }", "&&"),
        (
            "rule r { when heavy then { <|>carier = \"x\" } } }",
            "carrier",
        ),
        ("inputs<|> { a: int } }", "input"),
        ("let a = heavy<|> }", ""),
    ];
    for (addition, replacement) in cases {
        let (source, offset) = with(addition);
        let found = fixes(&source, Span::new(offset, offset));
        let texts: Vec<&str> = found.iter().map(|fix| fix.edit.text.as_str()).collect();
        let expected: &[&str] = if replacement.is_empty() {
            &[]
        } else {
            &[replacement]
        };
        assert_eq!(texts, expected, "{addition}");
    }
}

/// Every prefix and every gap of a source is answered somehow: nothing panics, all spans lie in the source.
#[test]
fn any_place_in_any_broken_source() {
    let (whole, _) =
        with("rule é { when tags.all(t, t == \"žluť\") then { carrier = country } } }<|>");
    let is_inside =
        |source: &str, span: Span| source.get(span.start as usize..span.end as usize).is_some();
    for end in (0..=whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let source = &whole[..end];
        let offset = end as u32;
        assert!(is_inside(source, completions(source, offset).span));
        assert!(hover(source, offset).is_none_or(|hover| is_inside(source, hover.span)));
        assert!(
            references(source, offset, true)
                .iter()
                .all(|span| is_inside(source, *span))
        );
        let _ = rename(source, offset, "renamed");
        let _ = signature_help(source, offset);
        document_symbols(source);
    }
    for offset in 0..whole.len() as u32 + 3 {
        completions(&whole, offset);
        hover(&whole, offset);
        let _ = rename(&whole, offset, "renamed");
    }
}
