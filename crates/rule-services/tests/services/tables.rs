//! Tables, functions and fields of structs: all that the services say about them.

use crate::{cursor, text_in};
use rulestage_diagnostics::Span;
use rulestage_rule_services::{
    InlayHint, completions, definition, document_symbols, folds, hover, inlay_hints, references,
    rename, signature_help,
};

/// The blocks that cases are put at the end of; the rule set is not closed.
const AROUND: &str = r#"ruleset goodwill {
  input {
    distance: int  // miles
    late: double?
    items: list<{sku: string, price: double}>
  }
  param most: double = 25.0
  output {
    refund: double = 0.0 merge sum  // dollars
    desk: string = "none"
  }
  let far = distance > 1500
  // What it is worth at most.
  func capped(x: double, limit: double) -> double = if x > limit { limit } else { x }
"#;

const TABLE: &str = r#"  // What delays are worth.
  table refunds priority 2 hit first {
    | distance | late ?? 0.0 || refund             | desk  |
    | < 500    | > 60.0      || capped(5.0, most)  | "own" |
    | > 500    | -           || capped(5.0, most)  | -     |
    | -        | > most      || 1.0                | -     |
  }
"#;

fn with(addition: &str) -> (String, u32) {
    cursor(&format!("{AROUND}{addition}\n"))
}

/// The table with `<|>` put before the n-th occurrence of `place` in the whole source, from 0.
fn at(place: &str, n: usize) -> (String, u32) {
    let source = format!("{AROUND}{TABLE}}}\n");
    let offset = source.match_indices(place).nth(n).expect(place).0;
    (source, offset as u32)
}

#[test]
fn hover_knows_tables_and_functions() {
    let cases = [
        (
            "refunds",
            0,
            "table refunds priority 2 hit first",
            "What delays are worth.",
        ),
        ("first {", 0, "hit first", "The first row that matches."),
        ("distance |", 0, "input distance: int", "miles"),
        ("?? 0.0 ||", 0, "late ?? 0.0: double", ""),
        (
            "refund  ",
            0,
            "output refund: double = 0.0 merge sum",
            "dollars",
        ),
        ("500    |", 0, "distance: int", ""),
        ("60.0", 0, "late ?? 0.0: double", ""),
        ("\"own\"", 0, "output desk: string = \"none\"", ""),
        (
            "capped(5.0",
            1,
            "func capped(x: double, limit: double) -> double",
            "What it is worth at most.",
        ),
        ("most      ||", 0, "param most: double = 25.0", ""),
        ("limit {", 0, "parameter limit: double", ""),
        ("> limit", 0, "x > limit: bool", ""),
    ];
    for (place, n, code, doc) in cases {
        let (source, offset) = at(place, n);
        let found = hover(&source, offset).map(|hover| (hover.code, hover.doc));
        let found = found.unwrap_or_default();
        assert_eq!((found.0.as_str(), found.1.as_str()), (code, doc), "{place}");
    }
    let (source, offset) = with("let a = items[0].<|>price }");
    assert_eq!(hover(&source, offset).unwrap().code, "field price: double");
}

#[test]
fn completions_in_tables_and_functions() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("table t <|>", &["hit", "priority"], &["distance"]),
        (
            "table t hit <|>",
            &["first", "collect count", "rule order"],
            &["sum"],
        ),
        ("table t hit rule <|>", &["order"], &["rule", "first"]),
        ("table t hit collect <|> {", &["count"], &["order"]),
        ("table t hit first <|> {", &["priority"], &["hit"]),
        (
            "table t {\n | <|>",
            &["distance", "far", "capped"],
            &["refund", "not"],
        ),
        (
            "table t {\n | distance || <|>",
            &["refund", "desk"],
            &["distance"],
        ),
        (
            "table t {\n | distance || refund | <|> |\n }",
            &["desk"],
            &["distance"],
        ),
        ("table t {\n | distance || refund <|>", &["in"], &["desk"]),
        (
            "table t {\n | distance || refund |\n | <|> || 1.0 |\n }",
            &["most", "distance", "not"],
            &["refund"],
        ),
        (
            "table t {\n | distance || refund |\n | > <|> || 1.0 |\n }",
            &["most", "distance"],
            &["not", "refund"],
        ),
        (
            "table t {\n | distance || refund |\n | 1, <|> || 1.0 |\n }",
            &["not"],
            &["refund"],
        ),
        (
            "table t {\n | distance || refund |\n | 1 || <|> |\n }",
            &["capped", "most"],
            &["not", "desk"],
        ),
        (
            "table t hit rule order {\n | distance || desk |\n | 1 || desk.<|> |\n }",
            &["contains"],
            &[],
        ),
        ("func f(x: <|>", &["double", "list"], &["distance"]),
        ("func f(x: list<<|>", &["double"], &["distance"]),
        ("func f(x: int) -> <|>", &["double"], &["distance"]),
        (
            "func f(x: int) -> int = <|>",
            &["x", "most", "capped", "size"],
            &["distance", "far", "refund", "f"],
        ),
        ("func f(x: string) -> int = x.<|>", &["size"], &["getHours"]),
        ("let a = <|> }", &["capped", "distance"], &["x", "limit"]),
        ("let a = 1.0 |> <|> }", &["capped"], &[]),
        ("let a = items[0].<|> }", &["sku", "price"], &[]),
        ("<|>", &["table", "func"], &["hit"]),
    ];
    for (addition, present, absent) in cases {
        let (source, offset) = with(addition);
        let found = completions(&source, offset);
        let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
        for label in *present {
            assert!(
                labels.contains(label),
                "{addition}: no `{label}` in {labels:?}"
            );
        }
        for label in *absent {
            assert!(
                !labels.contains(label),
                "{addition}: `{label}` does not fit"
            );
        }
    }
    let (source, offset) = with("let a = capp<|> }");
    let found = completions(&source, offset);
    let capped = found
        .items
        .iter()
        .find(|item| item.label == "capped")
        .unwrap();
    assert_eq!(capped.detail, "capped(x: double, limit: double) -> double");
    assert_eq!(capped.doc, "What it is worth at most.");
}

#[test]
fn definitions_and_references_of_tables_and_functions() {
    let cases = [
        // The place, its occurrence; the line of the definition from 1; the places with the declaration
        ("capped(5.0", 0, 14, 3),
        ("limit }", 0, 14, 3),
        ("refunds", 0, 16, 1),
        ("most  ", 0, 7, 4),
        ("refund  ", 0, 9, 2),
    ];
    for (place, n, line, n_places) in cases {
        let (source, offset) = at(place, n);
        let found = definition(&source, offset).unwrap_or_else(|| panic!("{place}: no definition"));
        let before = Span::new(0, found.start).text(&source);
        assert_eq!(before.matches('\n').count() + 1, line, "{place}");
        let places = references(&source, offset, true);
        assert_eq!(places.len(), n_places, "{place}");
        for each in places {
            assert_eq!(text_in(&source, each), text_in(&source, found), "{place}");
        }
    }
    let (source, offset) = with("let a = items.map(i, i.pri<|>ce) }");
    let found = definition(&source, offset).unwrap();
    assert_eq!(text_in(&source, found), "price");
    assert_eq!(found.start as usize, source.find("price: double").unwrap());
    let (source, offset) = with("let a = items[0].wei<|>ght }");
    assert_eq!(definition(&source, offset), None);
}

#[test]
fn renames_reach_into_tables_and_functions() {
    let done = [
        ("capped(5.0", 1, "at_most", 3),
        ("limit }", 0, "top", 3),
        ("limit }", 0, "distance", 3),
        ("refunds", 0, "repaid", 1),
        ("most  ", 0, "ceiling", 4),
    ];
    for (place, n, name, n_edits) in done {
        let (source, offset) = at(place, n);
        let edits =
            rename(&source, offset, name).unwrap_or_else(|no| panic!("{place}: {}", no.reason));
        assert_eq!(edits.len(), n_edits, "{place}");
    }
    let refused = [
        ("limit }", "x", "the name `x` is taken by the parameter `x`"),
        (
            "limit }",
            "most",
            "the name `most` is taken by the param `most`",
        ),
        (
            "capped(5.0",
            "size",
            "`size` would mean something else in this rule set",
        ),
    ];
    for (place, name, reason) in refused {
        let (source, offset) = at(place, 0);
        assert_eq!(
            rename(&source, offset, name).expect_err(place).reason,
            reason
        );
    }
    let (source, offset) =
        with("table <|>t { | far || refund |\n | true || 1.0 | }\n rule r { when far then {} } }");
    let refusal = rename(&source, offset, "r").unwrap_err();
    assert_eq!(refusal.reason, "the name `r` is taken by the rule `r`");
}

#[test]
fn outline_signatures_hints_and_folds() {
    let (source, _) = at("refunds", 0);
    let outline = document_symbols(&source);
    let names: Vec<String> = outline[0]
        .children
        .iter()
        .map(|child| format!("{:?} {} {}", child.kind, child.name, child.detail))
        .collect();
    let last = [
        "Let far bool",
        "Function capped (x: double, limit: double) -> double",
        "Table refunds priority 2 hit first",
    ];
    assert_eq!(names[names.len() - 3..], last);

    let cases = [
        ("let a = capped(<|>", 0),
        ("let a = capped(1.0, <|>) }", 1),
        ("let a = 1.0 |> capped(<|>) }", 1),
    ];
    for (addition, active) in cases {
        let (source, offset) = with(addition);
        let help = signature_help(&source, offset).unwrap_or_else(|| panic!("{addition}"));
        let line = &help.signatures[0];
        assert_eq!(line.label, "capped(x: double, limit: double) -> double");
        assert_eq!(
            (help.active_parameter, help.doc.as_str()),
            (active, "What it is worth at most.")
        );
        let parameters: Vec<&str> = line
            .parameters
            .iter()
            .map(|range| &line.label[range.start as usize..range.end as usize])
            .collect();
        assert_eq!(parameters, ["x: double", "limit: double"]);
    }
    let (source, offset) = with("func f(<|>x: int) -> int = x }");
    assert_eq!(signature_help(&source, offset), None);

    let (source, _) = at("refunds", 0);
    let hint = InlayHint {
        offset: source.find("far").unwrap() as u32 + 3,
        label: ": bool".to_owned(),
    };
    assert_eq!(
        inlay_hints(&source, Span::new(0, source.len() as u32)),
        [hint]
    );
    assert_eq!(inlay_hints(&source, Span::new(0, 10)), []);
    let first_lines: Vec<&str> = folds(&source)
        .into_iter()
        .map(|span| text_in(&source, span).lines().next().unwrap_or_default())
        .collect();
    let expected = [
        "ruleset goodwill {",
        "input {",
        "output {",
        "table refunds priority 2 hit first {",
    ];
    assert_eq!(first_lines, expected);
}

/// Every prefix of a source with a table is answered somehow.
#[test]
fn any_place_in_any_broken_table() {
    let (whole, _) = at("refunds", 0);
    let start = whole.find("  // What it is worth").unwrap();
    for end in start..=whole.len() {
        let (source, offset) = (&whole[..end], end as u32);
        completions(source, offset);
        hover(source, offset);
        definition(source, offset);
        let _ = rename(source, offset, "renamed");
        let _ = signature_help(source, offset);
        folds(source);
        completions(&whole, offset);
    }
}
