//! Definitions, references and other names.

use crate::{text_in, with};
use rulestage_diagnostics::Span;
use rulestage_rule_services::{Edit, definition, prepare_rename, references, rename};

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
            "invariant \"i\" { when heavy assert notes != [] && <|>notes == notes }",
            13,
            4,
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
            assert_eq!(
                text_in(&source, place),
                text_in(&source, found),
                "{addition}"
            );
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
    assert_eq!((text_in(&source, place), name.as_str()), ("heavy", "heavy"));
}
