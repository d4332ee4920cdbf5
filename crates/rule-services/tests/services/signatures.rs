//! The ways to call a function.

use crate::with;
use rulestage_rule_services::signature_help;

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
