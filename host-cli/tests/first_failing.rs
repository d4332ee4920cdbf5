//! `rulestage explain --first-failing`: why rules did not fire.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use support::Folder;

const RULES: &str = r#"
ruleset a {
  input { n: int  s: string  v: double? }
  output { x: int = 0 merge sum }
  let big = n > 10
  rule one { when n > 3 && s.startsWith("a") && (v ?? 0.0) < 5.0 then { x = 1 } }
  rule two { when n > 3 || big then { x = 2 } }
  rule three { when (n >= 0 && // as a rule
      big) && !(n in [2, 3]) then { x = 3 } }
  rule four { when 6 / n == 3 && s == "b" then { x = 6 / (n - 2) } }
  table t hit first {
    | n   | s   || x   |
    | < 2 | "a" || 100 |
    | 7   | "b" || 10  |
  }
}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("a.rules", RULES).write(
        "in.ndjson",
        r#"{"n":4,"s":"b","v":1.0}
{"n":0,"s":"a"}
{"n":2,"s":"b"}
{"n":40,"s":"ab","v":7.5}
{"n":0,"s":"b"}
{"n":-1,"s":"a","v":9.0}
"#,
    );
    folder
}

#[test]
fn the_first_part_that_is_false_or_failed_stands_with_its_values() {
    let out = folder()
        .run("explain a.rules --input in.ndjson --rows 0..4 --first-failing")
        .done();
    let expected = r#"row 0
  stage a
    - rule one    s.startsWith("a")  s = "b"
    - rule three  big                big = n > 10: false, n = 4
    - rule four   6 / n == 3         6 / n = 1, n = 4
    - table t     no row matches     n = 4, s = "b"
row 1
  stage a
    - rule one    n > 3         n = 0
    - rule two    n > 3 || big  n > 3 = false, n = 0, big = n > 10: false
    - rule three  big           big = n > 10: false, n = 0
    - rule four   s == "b"      s = "a"
row 2
  stage a
    the row failed in stage `a`, `four`: divide by zero
    - rule one    n > 3           n = 2
    - rule two    n > 3 || big    n > 3 = false, n = 2, big = n > 10: false
    - rule three  big             big = n > 10: false, n = 2
    - table t     no row matches  n = 2, s = "b"
row 3
  stage a
    - rule one   (v ?? 0.0) < 5.0  v ?? 0.0 = 7.5, v = 7.5
    - rule four  6 / n == 3        6 / n = 0, n = 40
    - table t    no row matches    n = 40, s = "ab"
row 4
  stage a
    the row failed in stage `a`, `four`: divide by zero
    - rule one    n > 3           n = 0
    - rule two    n > 3 || big    n > 3 = false, n = 0, big = n > 10: false
    - rule three  big             big = n > 10: false, n = 0
    ! rule four   6 / n == 3      error: divide-by-zero, 6 / n = error: divide-by-zero, n = 0
    - table t     no row matches  n = 0, s = "b"
"#;
    let out = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out, expected);
}

#[test]
fn as_json_each_row_is_an_object() {
    let out = folder()
        .run("explain a.rules --input in.ndjson --rows 1..2 --first-failing --json")
        .done();
    let out = String::from_utf8(out.stdout).unwrap();
    let rows: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2, "{out}");
    assert_eq!(rows[1]["row"], 2);
    let stage = &rows[1]["stages"][0];
    assert!(
        stage["remark"].as_str().unwrap().contains("divide by zero"),
        "{out}"
    );
    let expected = serde_json::json!({
        "rule": "three", "verdict": "not-fired", "text": "big", "value": false,
        "offset": RULES.find("big) &&").unwrap(),
        "values": [{ "text": "big = n > 10", "value": false }, { "text": "n", "value": 2 }],
    });
    assert_eq!(stage["first_failing"][2], expected);
    let table = serde_json::json!({
        "rule": "t", "verdict": "not-fired",
        "values": [{ "text": "n", "value": 2 }, { "text": "s", "value": "b" }],
    });
    assert_eq!(stage["first_failing"][3], table);
}

#[test]
fn rows_are_within_the_input() {
    let folder = folder();
    let ran = folder
        .run("explain a.rules --input in.ndjson --rows 5..9 --json")
        .done();
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 1);
    folder
        .run("explain a.rules --input in.ndjson --rows 6..9")
        .fails(2, &["there is no row 6: the input has 6 rows"]);
    folder
        .run("explain a.rules --input in.ndjson --rows 3..2")
        .fails(2, &["the first row is behind the last one"]);
    folder
        .run("explain a.rules --input in.ndjson --rows 3")
        .fails(2, &["A..B"]);
    folder
        .run("explain a.rules --input in.ndjson")
        .fails(2, &["--row <N>|--rows <A..B>"]);
}
