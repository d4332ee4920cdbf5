//! Files of other engines beside the rules that they become: `cases/*/`, rewritten with `BLESS=1`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

use rulestage_rule_import::{Companions, Format, detect, import};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// What becomes of the file: its rules behind its losses as comments, or the error.
fn imported(text: &str, format: Format, folder: Option<&Path>) -> String {
    let companion = |name| folder.and_then(|folder| fs::read_to_string(folder.join(name)).ok());
    let (environment, tests) = (companion("config.yaml"), companion("tests.yaml"));
    let companions = Companions {
        environment: environment.as_deref(),
        tests: tests.as_deref(),
    };
    match import(text, format, companions) {
        Ok(import) => {
            let losses: String = import
                .losses
                .iter()
                .map(|loss| format!("// {}: {}\n", loss.line, loss.message))
                .collect();
            losses + &import.source
        }
        Err(error) => format!("// error: {error}\n"),
    }
}

fn check(expected: &Path, actual: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(expected, actual).unwrap();
    }
    let wanted = fs::read_to_string(expected).unwrap_or_default();
    assert_eq!(actual, wanted, "{}", expected.display());
}

#[test]
fn policies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cel-policy/cases");
    let folders = files(&root);
    assert!(folders.len() > 5);
    for folder in folders {
        let text = fs::read_to_string(folder.join("policy.yaml")).unwrap();
        let actual = imported(&text, Format::CelPolicy, Some(&folder));
        check(&folder.join("expected.rules"), &actual);
    }
}

/// What CEL Policy refuses is an error or a loss, with its line.
#[test]
fn refused_policies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cel-policy/refused");
    let is_policy = |file: &PathBuf| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    };
    let policies: Vec<PathBuf> = files(&root).into_iter().filter(is_policy).collect();
    assert!(policies.len() > 10);
    for file in policies {
        let text = fs::read_to_string(&file).unwrap();
        let actual = imported(&text, Format::CelPolicy, None);
        let first = actual.lines().next().unwrap_or_default();
        let says_where =
            first.starts_with("// error: ") || first[3..].starts_with(|c: char| c.is_ascii_digit());
        assert!(says_where, "{}: {first}", file.display());
        check(&file.with_extension("rules"), &actual);
    }
}

#[test]
fn tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for file in files(&root) {
        let text = fs::read_to_string(&file).unwrap();
        if let Some(format) = detect(&file.to_string_lossy(), &text) {
            let actual = imported(&text, format, None);
            check(&file.with_extension("rules"), &actual);
        }
    }
}

/// Whatever is cut off or turned around is an error or an import, never a panic.
#[test]
fn damaged_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut originals = Vec::new();
    for file in files(&root.join("tests/cases")) {
        originals.push(file);
    }
    originals.push(root.join("../../tests/cel-policy/cases/nested_chains/policy.yaml"));
    for file in originals {
        let text = fs::read_to_string(&file).unwrap();
        let Some(format) = detect(&file.to_string_lossy(), &text) else {
            continue;
        };
        for at in (0..text.len())
            .step_by(29)
            .filter(|at| text.is_char_boundary(*at))
        {
            let _ = import(&text[..at], format, Companions::default());
            for other in ["\"", "[", "<", "}", ":", "&#x41;", "\u{e9}", "if ", "- "] {
                let damaged = format!("{}{other}{}", &text[..at], &text[at..]);
                let _ = import(&damaged, format, Companions::default());
            }
        }
    }
}

#[track_caller]
fn refused(text: &str, format: Format, line: u32, message: &str) {
    let error = import(text, format, Companions::default()).unwrap_err();
    assert!(error.message.contains(message), "{error}");
    assert_eq!(error.line, line, "{error}");
}

#[test]
fn hostile_files() {
    let deep = 100_000;
    refused(&"[".repeat(deep), Format::Jdm, 1, "deep");
    refused(&"{\"a\":".repeat(deep), Format::Jdm, 1, "deep");
    refused(&"[".repeat(deep), Format::CelPolicy, 1, "");
    refused(&"<a>\n".repeat(deep), Format::Dmn, 65, "deep");
    refused("", Format::Jdm, 1, "expected a value");
    refused("", Format::CelPolicy, 1, "empty");
    refused("", Format::Dmn, 1, "");
    refused("{\"nodes\": 1}", Format::Jdm, 1, "must be a list");
    refused("{\n\"nodes\": [\n{}]}", Format::Jdm, 3, "needs `id`");
    refused("{\"nodes\": []} x", Format::Jdm, 1, "behind the end");
    refused("a: &x [1]\nrule: *x\n", Format::CelPolicy, 2, "aliases");
    refused(
        "kind: Policy\nspec: {}\n",
        Format::CelPolicy,
        1,
        "Kubernetes",
    );
    refused(
        "rule:\n  match:\n    - output: '1 +'\n",
        Format::CelPolicy,
        3,
        "not CEL",
    );
    refused(
        "rule:\n  match:\n    - condition: 'true'\n",
        Format::CelPolicy,
        3,
        "`output`",
    );
    refused(
        "rule:\n  match:\n    - output: variables.x\n",
        Format::CelPolicy,
        3,
        "no variable `x`",
    );
    let entities =
        "<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<definitions>&b;</definitions>";
    refused(entities, Format::Dmn, 1, "DTD");
    refused("<html/>", Format::Dmn, 1, "no DMN model");
    refused(
        "<definitions>\n<decision>\n<decisionTable/></decision></definitions>",
        Format::Dmn,
        3,
        "inputs and outputs",
    );
    // Expressions are no deeper than the compiler takes.
    let brackets = format!("rule:\n  match:\n    - output: '{}'\n", "(".repeat(5000));
    refused(&brackets, Format::CelPolicy, 3, "not CEL");
}
