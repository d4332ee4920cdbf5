//! What is shown about a place.

use crate::with;
use rulestage_rule_services::hover;

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
            "invariant \"i\" { assert carr<|>ier != \"\" }",
            "output carrier: string = \"post\" merge first",
            "",
        ),
        (
            "// Never.\n invariant \"i<|>\" { assert true }",
            "invariant \"i\"",
            "Never.",
        ),
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
            "math.abs(double) -> double\nmath.abs(int) -> int\nmath.abs(uint) -> uint\nmath.abs(decimal) -> decimal",
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
