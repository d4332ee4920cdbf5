//! The page of findings: each example is reported as it says.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

use rulestage_rule_analysis::{Effort, analyse};
use rulestage_rule_compiler::check;
use std::path::Path;

#[test]
fn examples_of_the_page_are_reported() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut n_examples = 0;
    for section in page.split("\n### `").skip(1) {
        let (code, rest) = section.split_once('`').unwrap();
        let Some((_, rest)) = rest.split_once("```\n") else {
            continue;
        };
        let (body, _) = rest.split_once("```").unwrap();
        let source = format!(
            "ruleset page {{ input {{ age: int  fare: double?  kind: string }}\n\
             output {{ fee: int = 0  label: string = \"\" }}\n{body}}}"
        );
        let checked = check(&source);
        let mut codes: Vec<&str> = checked.diagnostics.iter().map(|each| each.code).collect();
        if let Some(ruleset) = &checked.ruleset {
            let found = analyse(ruleset, &source, Effort::THOROUGH);
            codes.extend(found.iter().map(|each| each.code));
        }
        assert!(
            codes.contains(&code),
            "{code} is not among {codes:?} of\n{source}"
        );
        n_examples += 1;
    }
    assert!(n_examples > 12, "{n_examples}");
}
