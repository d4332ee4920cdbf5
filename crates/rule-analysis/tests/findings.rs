//! What is found in the sources under `tests/cases`, with the expected output beside them. `BLESS=1` rewrites it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

use rulestage_diagnostics::{Diagnostic, Severity, SourceMap};
use rulestage_rule_analysis::{Effort, analyse};
use rulestage_rule_compiler::check;
use std::fmt::Write;
use std::path::Path;

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut n_cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "rules")
        {
            continue;
        }
        n_cases += 1;
        let source = std::fs::read_to_string(&path).unwrap();
        let actual = findings(&source);
        let expected_path = path.with_extension("findings");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected_path, actual).unwrap();
        } else {
            let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
            assert_eq!(actual, expected, "{}; BLESS=1 accepts it", path.display());
        }
    }
    assert!(n_cases > 0);
}

/// What the example of this repository is shipped with.
#[test]
fn flight_desk_is_sound() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flight-desk/flight_desk.rules");
    assert_eq!(findings(&std::fs::read_to_string(path).unwrap()), "");
}

fn findings(source: &str) -> String {
    let checked = check(source);
    let is_error = |each: &&Diagnostic| each.severity == Severity::Error;
    let errors: Vec<_> = checked.diagnostics.iter().filter(is_error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let map = SourceMap::new(source);
    let mut text = String::new();
    for found in analyse(&checked.ruleset.unwrap(), source, Effort::THOROUGH) {
        let line = map.position(found.span.start).line;
        let severity = format!("{:?}", found.severity).to_lowercase();
        writeln!(text, "{line}: {severity} {}: {}", found.code, found.message).unwrap();
        for label in &found.labels {
            let line = map.position(label.span.start).line;
            writeln!(text, "  {line}: {}", label.message).unwrap();
        }
        for hint in &found.hints {
            writeln!(text, "  hint: {hint}").unwrap();
        }
    }
    text
}
