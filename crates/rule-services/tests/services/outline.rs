//! The outline, folds and types beside names.

use crate::with;
use rulestage_rule_services::document_symbols;

#[test]
fn outlines_name_everything() {
    let (source, _) = with(
        "rule r { when heavy then {} }\n invariant \"i\" { assert true }\n example \"e\" { } }<|>",
    );
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
        "Invariant i",
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
