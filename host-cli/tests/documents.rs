//! The rule sets that the documentation shows: they are without mistakes, and their examples hold.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use std::fs;
use std::path::Path;
use support::Folder;

/// A fenced block of a document that holds a rule set.
struct Source {
    /// `language.md, line 12`
    place: String,
    text: String,
}

#[test]
fn documented_rule_sets_hold() {
    let sources = sources();
    assert!(sources.len() >= 3, "{} rule sets", sources.len());
    for source in sources {
        let folder = Folder::new();
        folder.write("shown.rules", &source.text);
        let checked = folder.run("check shown.rules");
        assert_eq!(
            checked.status,
            Some(0),
            "{}: {}",
            source.place,
            checked.stderr
        );
        assert!(
            !checked.stderr.contains("warning"),
            "{}: {}",
            source.place,
            checked.stderr
        );
        let tested = folder.run("test shown.rules");
        let stdout = String::from_utf8_lossy(&tested.stdout);
        assert_eq!(
            tested.status,
            Some(0),
            "{}: {stdout}{}",
            source.place,
            tested.stderr
        );
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut documents = vec![root.join("README.md")];
    let mut entries: Vec<_> = fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    entries.sort();
    documents.append(&mut entries);
    let mut found = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        let mut line = 1;
        for (index, block) in text.split("```").enumerate() {
            let (_, body) = block.split_once('\n').unwrap_or_default();
            if index % 2 == 1 && is_rule_set(body) {
                found.push(Source {
                    place: format!("{name}, line {line}"),
                    text: body.to_owned(),
                });
            }
            line += block.matches('\n').count();
        }
    }
    found
}

/// Blocks of shell commands may hold rules as well; those start with something else.
fn is_rule_set(block: &str) -> bool {
    block
        .lines()
        .find(|line| !line.starts_with("//"))
        .is_some_and(|line| line.starts_with("ruleset "))
}
