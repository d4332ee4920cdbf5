//! What hints propose.

use crate::with;
use rulestage_diagnostics::Span;
use rulestage_rule_services::fixes;

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
