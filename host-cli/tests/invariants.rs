//! Invariants and cost bounds as `check` and `test` report them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use support::Folder;

const RULES: &str = r#"ruleset fares {
  input { fare: double  delay: int?  items: list<int> }
  output { refund: double = 0.0 merge sum  note: string = "none" }
  rule late { when delay != null && delay > 60 then { refund = fare, note = "late" } }
  rule many { when items.exists(i, i > 3) then { refund = 10.0 } }
  invariant "refunds stay below the fare" { when fare >= 0.0 assert refund <= fare }
  invariant "a note says late" { when note == "late" assert delay != null && delay > 60 }
  example "late" { given { fare: 5.0, delay: 100, items: [] } expect { refund: 5.0 } }
}
"#;

#[test]
fn a_violated_invariant_fails_with_a_counterexample() {
    let folder = Folder::new();
    folder.write("a.rules", RULES);
    folder.run("check a.rules").fails(
        1,
        &[
            "rule.analysis.invariant-violated",
            "`refund` = 10.0",
            "held for",
        ],
    );
    let ran = folder.run("check --json a.rules");
    assert_eq!(ran.status, Some(1));
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        text.contains(r#""output":{"note":"none","refund":10.0}"#),
        "{text}"
    );
    let ran = folder.run("test a.rules");
    assert_eq!(ran.status, Some(1));
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        text.contains("FAIL invariant refunds stay below the fare"),
        "{text}"
    );
    assert!(
        text.contains("pass invariant a note says late (1 example, held for"),
        "{text}"
    );
}

#[test]
fn what_only_compares_with_constants_is_proven() {
    let folder = Folder::new();
    let rules = RULES
        .replace("refund = fare,", "refund = 4.0,")
        .replace("items.exists(i, i > 3)", "fare > 100.0")
        .replace("refund <= fare", "refund <= 14.0");
    folder.write("a.rules", rules.replace("refund: 5.0", "refund: 4.0"));
    folder.run("check a.rules").done();
    let ran = folder.run("test a.rules").done();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        text.contains(
            "pass invariant refunds stay below the fare (1 example, holds for all inputs)"
        ),
        "{text}"
    );
}

#[test]
fn the_cost_of_a_row_is_bounded() {
    let folder = Folder::new();
    folder.write("a.rules", RULES.replace("refund <= fare }", "true }"));
    let ran = folder.run("check --cost a.rules").done();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        text.contains("in all") && text.contains("·|items|"),
        "{text}"
    );
    folder
        .run("check --max-cost 100 a.rules")
        .fails(1, &["rule.analysis.cost", "many"]);
    folder
        .run("check --max-cost 100 --list-size 2 a.rules")
        .done();
}
