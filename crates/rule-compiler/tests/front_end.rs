//! What each phase makes of the sources under `tests/cases`, with the expected output beside them. `BLESS=1` rewrites it.

#![allow(clippy::print_stdout, reason = "a test shows what differs")]

use rulestage_diagnostics::{Diagnostic, Severity, SourceMap};
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{check, check_expression, dump, format, parse, parse_type};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[test]
fn parse_errors() {
    check_folder("parse", "rules", "diagnostics", |source| {
        render(&parse(source).diagnostics, source)
    });
}

#[test]
fn check_errors() {
    check_folder("check", "rules", "diagnostics", |source| {
        render(&check(source).diagnostics, source)
    });
}

#[test]
fn intermediate_representations() {
    check_folder("ir", "rules", "ir", |source| {
        let checked = check(source);
        match checked.ruleset {
            Some(ruleset) => dump(&ruleset),
            None => render(&checked.diagnostics, source),
        }
    });
}

#[test]
fn formatted_sources() {
    check_folder("format", "rules", "formatted", |source| {
        match format(source) {
            Ok(formatted) => {
                assert_eq!(
                    format(&formatted).as_ref(),
                    Ok(&formatted),
                    "formatting twice changes nothing"
                );
                formatted
            }
            Err(diagnostics) => render(&diagnostics, source),
        }
    });
}

/// Every source of the repository and generated ones: what is formatted stays as it is, whatever its width and wherever
/// its comments stand.
#[test]
fn formatting_again_changes_nothing() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = Vec::new();
    for folder in ["crates", "examples", "tests", "benches", "host-cli"] {
        collect_sources(&root.join(folder), &mut sources);
    }
    assert!(sources.len() > 30, "{} sources", sources.len());
    for source in &sources {
        assert_stable(source);
    }
    for n_entries in 1..8 {
        for name_length in 1..30 {
            for entry in [
                "1.0",
                "\"a b\"",
                "[1, 2, 3]",
                "{\"k\": [1], \"l\": []}",
                "\"\"\"a\nb\"\"\"",
            ] {
                assert_stable(&wide_example(n_entries, name_length, entry));
            }
        }
    }
    for source in [
        wide_example(2, 3, "[1]"),
        wide_example(5, 20, "{\"k\": [1]}"),
    ] {
        for comment in ["// c\n", "\n// c\n", "\n\n// c\n// d\n"] {
            // Blanks only, so that no token is cut
            for (at, _) in source.match_indices([' ', '\n']) {
                if source[..at].matches('"').count() % 2 == 0 {
                    assert_stable(&format!("{} {comment}{}", &source[..at], &source[at..]));
                }
            }
        }
    }
}

fn wide_example(n_entries: usize, name_length: usize, entry: &str) -> String {
    let entries: Vec<String> = (0..n_entries)
        .map(|index| format!("{}{index}: {entry}", "n".repeat(name_length)))
        .collect();
    let entries = entries.join(", ");
    let assigned: Vec<String> = (0..n_entries)
        .map(|index| format!("{}{index} = {entry}", "n".repeat(name_length)))
        .collect();
    let assigned = assigned.join(", ");
    format!(
        "ruleset r {{\n  example \"e\" {{ given {{ {entries} }} params {{ {entries} }}\n expect {{ {entries}, }} }}\n\
         rule a {{ when n0 == 1 && n1 == 2 then {{ {assigned} }} else {{ }} }}\n}}\n"
    )
}

fn collect_sources(folder: &Path, sources: &mut Vec<String>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder of the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.ends_with("node_modules"))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect_sources(&path, sources);
        } else if path.extension().is_some_and(|found| found == "rules") {
            // Some are no text on purpose.
            sources.extend(std::fs::read_to_string(&path));
        }
    }
}

/// A source with errors is not formatted, and none of this test's business.
fn assert_stable(source: &str) {
    if let Ok(formatted) = format(source) {
        let again = format(&formatted);
        assert_eq!(again.as_ref(), Ok(&formatted), "from:\n{source}");
    }
}

/// One expression a line, over the variables named after their types.
#[test]
fn expressions() {
    let mut variables: Vec<(String, Type)> = Vec::new();
    for name in [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "timestamp",
        "duration",
    ] {
        let ty = parse_type(name).expect("a type");
        variables.push((format!("a_{name}"), ty.clone()));
        variables.push((format!("b_{name}"), ty.clone()));
        variables.push((format!("n_{name}"), Type::Nullable(Box::new(ty))));
    }
    for (name, ty) in [
        ("a_dyn", "dyn"),
        ("a_list", "list<int>"),
        ("a_map", "map<string, int>"),
        ("pkg.x", "int"),
        ("pkg.sub.y", "string"),
        ("z", "double"),
    ] {
        variables.push((name.to_owned(), parse_type(ty).expect("a type")));
    }
    check_folder("expression", "cel", "out", |source| {
        let mut out = String::new();
        for line in source
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
        {
            let checked = check_expression(line, &variables, "pkg.sub");
            let _ = writeln!(out, "{line}");
            match checked.ruleset {
                Some(ruleset) => {
                    let text = dump(&ruleset);
                    let value = text
                        .lines()
                        .find_map(|line| line.strip_prefix("  then result = "))
                        .unwrap_or_default();
                    let _ = writeln!(out, "  {}: {value}", ruleset.outputs[0].ty);
                }
                None => {
                    for each in render(&checked.diagnostics, line).lines() {
                        let _ = writeln!(out, "  {each}");
                    }
                }
            }
        }
        out
    });
}

/// Compares what `run` makes of each source in a folder with the file beside it.
fn check_folder(
    folder: &str,
    extension: &str,
    expected_extension: &str,
    run: impl Fn(&str) -> String,
) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(folder);
    let mut sources: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    sources.sort();
    assert!(!sources.is_empty(), "no cases in {}", folder.display());
    let mut failed = Vec::new();
    for path in sources {
        let source = std::fs::read_to_string(&path).expect("a readable source");
        let actual = run(&source);
        let expected_path = path.with_extension(expected_extension);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected_path, &actual).expect("a writable folder");
        } else if std::fs::read_to_string(&expected_path).unwrap_or_default() != actual {
            println!("--- {} should be:\n{actual}", expected_path.display());
            failed.push(name_of(&path));
        }
    }
    assert!(
        failed.is_empty(),
        "different from what is expected: {failed:?}; BLESS=1 rewrites"
    );
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn render(diagnostics: &[Diagnostic], source: &str) -> String {
    let map = SourceMap::new(source);
    let mut out = String::new();
    let place = |span: rulestage_diagnostics::Span| {
        let (start, text) = (map.position(span.start), span.text(source));
        let text = if text.len() > 40 || text.contains('\n') {
            String::new()
        } else {
            format!(" `{text}`")
        };
        format!("{}:{}{text}", start.line, start.column)
    };
    for each in diagnostics {
        let severity = match each.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let _ = writeln!(
            out,
            "{severity} {} at {}: {}",
            each.code,
            place(each.span),
            each.message
        );
        for label in &each.labels {
            let _ = writeln!(out, "    at {}: {}", place(label.span), label.message);
        }
        for hint in &each.hints {
            let _ = writeln!(out, "    hint: {hint}");
        }
    }
    out
}
