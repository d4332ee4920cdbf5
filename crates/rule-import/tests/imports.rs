//! Files of other engines beside the rules that they become: `cases/*/`, rewritten with `BLESS=1`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

use rulestage_rule_import::{Companions, Format, detect, export_cel_policy, import};
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
