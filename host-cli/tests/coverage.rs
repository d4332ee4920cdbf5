//! `rulestage test --coverage` and `--min-coverage`: what the examples of a rule set show, through its component.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use support::Folder;

/// One example shows the left side of `&&`, one side of each rule, and no row of the table.
const PARTLY: &str = r#"
ruleset partly {
  input { n: int  m: int }
  output { a: int = 0  b: int = 0 }
  rule both { when n > 1 && m > 1 then { a = 1 } }
  rule always { when true then { b = 1 } }
  table sizes hit first {
    | n     || b |
    | > 100 || 2 |
  }
  example "small" { given { n: 0, m: 0 } expect { a: 0, b: 1 } }
EXAMPLES}
"#;

/// With these, every side was seen.
const MORE: &str = r#"
  example "both" { given { n: 2, m: 2 } expect { a: 1 } }
  example "left" { given { n: 200, m: 0 } expect { a: 0 } }
"#;

#[test]
fn what_no_example_shows_is_listed_with_its_place() {
    let folder = Folder::new();
    folder.write("partly.rules", PARTLY.replace("EXAMPLES", ""));
    let ran = folder.run("test partly.rules --coverage").done();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(
        out.contains("partly.rules:5:20: `both` never fires"),
        "{out}"
    );
    assert!(out.contains("`n > 1` is never true in `both`"), "{out}");
    assert!(out.contains("`sizes` never fires"), "{out}");
    assert!(!out.contains("`always`"), "{out}");
    assert!(!out.contains("`n > 1` is never false"), "{out}");
    // What no row reached counts as well, so that the number of points stays.
    assert!(out.contains("`m > 1` is never true in `both`"), "{out}");
    assert!(out.contains("`m > 1` is never false in `both`"), "{out}");
    assert!(
        out.contains("partly.rules:9:5: row `1 in line 9: | > 100 || 2 |` of `sizes` never counts"),
        "{out}"
    );
    // A rule that always fires assigns it.
    assert!(!out.contains("`b` never has its default"), "{out}");
    assert!(!out.contains("`a` never has its default"), "{out}");
    assert!(out.contains("coverage 45.5%: 5 of 11 "), "{out}");
}

#[test]
fn too_little_coverage_fails() {
    let folder = Folder::new();
    folder
        .write("partly.rules", PARTLY.replace("EXAMPLES", ""))
        .write("wholly.rules", PARTLY.replace("EXAMPLES", MORE))
        .write("none.rules", "ruleset none { input { n: int } output { a: int = 0 } rule r { when n > 1 then { a = 1 } } }");
    folder
        .run("test partly.rules --min-coverage 90")
        .fails(1, &["less than 90%", "--coverage"]);
    folder
        .run("test none.rules --min-coverage 1")
        .fails(1, &["the examples cover 0.0%"]);
    folder
        .run("test partly.rules --min-coverage 101")
        .fails(2, &["101"]);
    let ran = folder
        .run("test wholly.rules --coverage --min-coverage 100")
        .done();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(out.contains("coverage 100.0%"), "{out}");
}

#[test]
fn lcov_has_rules_and_branches() {
    let folder = Folder::new();
    folder.write("partly.rules", PARTLY.replace("EXAMPLES", ""));
    folder.run("test partly.rules --lcov out.info").done();
    let lcov = String::from_utf8(folder.read("out.info")).unwrap();
    assert!(
        lcov.starts_with("TN:\nSF:partly.rules\nFN:5,both\nFNDA:0,both\n"),
        "{lcov}"
    );
    assert!(lcov.contains("FNDA:1,always\n"), "{lcov}");
    assert!(
        lcov.ends_with("FNF:3\nFNH:1\nBRF:11\nBRH:5\nend_of_record\n"),
        "{lcov}"
    );
}

#[test]
fn explain_calls_a_table_a_table() {
    let folder = Folder::new();
    folder
        .write("partly.rules", PARTLY.replace("EXAMPLES", ""))
        .write("in.ndjson", "{\"n\":200,\"m\":0}\n");
    let ran = folder
        .run("explain partly.rules --input in.ndjson --row 0")
        .done();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(out.contains("+ table sizes: fired"), "{out}");
    assert!(out.contains("- rule both: not fired"), "{out}");
}
