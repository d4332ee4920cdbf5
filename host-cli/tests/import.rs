//! `rulestage import` and `rulestage export`: what comes of other formats runs, through the real components.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::Folder;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Each policy with its environment; its tests hold as examples. `skips.txt` names what is lost on purpose.
#[test]
fn the_tests_of_policies_hold() {
    let root = repository().join("tests/cel-policy");
    let skips = fs::read_to_string(root.join("skips.txt")).unwrap();
    let mut n_cases = 0;
    for entry in fs::read_dir(root.join("cases")).unwrap() {
        let case = entry.unwrap().path();
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let folder = Folder::copy_of(&case);
        let environment = if case.join("config.yaml").exists() {
            " --environment config.yaml"
        } else {
            ""
        };
        let ran = folder
            .run(&format!(
                "import policy.yaml --tests tests.yaml{environment} -o actual.rules"
            ))
            .done();
        for loss in ran.stderr.lines() {
            let loss = format!("{name}: {loss}");
            assert!(skips.lines().any(|skip| skip == loss), "{loss}");
        }
        let ran = folder.run("test actual.rules").done();
        let out = String::from_utf8(ran.stdout).unwrap();
        assert!(
            !out.contains("\n0 passed") && out.contains("0 failed"),
            "{name}: {out}"
        );
        folder.run("fmt --check actual.rules").done();
        n_cases += 1;
    }
    assert!(n_cases >= 9, "{n_cases}");
}

/// Runs the rules over rows; gives the rows of the columns.
fn run(folder: &Folder, rules: &str, rows: &str, columns: &str) -> String {
    folder.write("in.ndjson", rows);
    let ran = folder
        .run(&format!(
            "run {rules} --input in.ndjson --output - --columns {columns} --quiet"
        ))
        .done();
    String::from_utf8(ran.stdout).unwrap()
}

fn imported(file: &str) -> Folder {
    let folder = Folder::copy_of(&repository().join("crates/rule-import/tests/cases"));
    folder.run(&format!("import {file} -o out.rules")).done();
    folder
}

#[test]
fn a_jdm_graph_decides() {
    let folder = imported("discounts.json");
    let rows = r#"{"customer":{"turnover":20000,"country":"US"},"cart":{"total":200}}
{"customer":{"turnover":20000,"country":"US"},"cart":{"total":2}}
{"customer":{"turnover":9999.5,"country":"SK"},"cart":{"total":7}}
{"customer":{"turnover":9999.5,"country":"US"},"cart":{"total":6000}}
{"customer":{"country":"CZ"},"cart":{}}
"#;
    let expected = r#"{"discount":20.0,"reason":"ten percent","shout":"GOLD!","louder":"GOLD!!"}
{"discount":5.0,"reason":"five","shout":"GOLD!","louder":"GOLD!!"}
{"discount":5.0,"reason":"five","shout":"SILVER!","louder":"SILVER!!"}
{"discount":0.0,"reason":null,"shout":"PLAIN!","louder":"PLAIN!!"}
{"discount":0.0,"reason":null,"shout":"PLAIN!","louder":"PLAIN!!"}
"#;
    assert_eq!(
        run(&folder, "out.rules", rows, "discount,reason,shout,louder"),
        expected
    );
}

/// Lists as inputs: elements, `in`, `not in`, and closures over them.
#[test]
fn a_jdm_graph_decides_over_lists() {
    let folder = imported("lists.json");
    let rows = r#"{"tags":["x","new"],"items":[{"sku":"a","price":6.0},{"sku":"c","price":7.5},{"sku":"d","price":1.0}]}
{"tags":["z"],"items":[]}
{"tags":["z","w"],"items":[{"sku":"c","price":6.0}]}
"#;
    let expected = r#"{"offers":[{"code":"A","percent":10.0},{"code":"B","percent":2.0},{"code":"C","percent":2.0},{"code":"E","percent":7.5},{"code":"G"},{"code":"H","percent":4.0}]}
{"offers":[{"code":"D","percent":2.0},{"code":"F","percent":7.0},{"code":"G"}]}
{"offers":[{"code":"H","percent":4.0}]}
"#;
    assert_eq!(run(&folder, "out.rules", rows, "offers"), expected);
}

/// The functions of ZEN's expressions, against what the real engine answers (`crates/rule-import/tests/zen/record.mjs`).
#[test]
fn a_jdm_graph_decides_as_its_engine_does() {
    let root = repository().join("crates/rule-import/tests/zen");
    let folder = Folder::copy_of(&root);
    let ran = folder
        .run("import decision.json --strict -o out.rules")
        .done();
    assert_eq!(ran.stderr, "");
    folder
        .run("run out.rules --input rows.ndjson --output out.ndjson --quiet")
        .done();
    let lines = |name: &str| -> Vec<serde_json::Map<String, serde_json::Value>> {
        let text = String::from_utf8(folder.read(name)).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    };
    let (actual, answers) = (lines("out.ndjson"), lines("answers.ndjson"));
    assert_eq!(actual.len(), answers.len());
    for (row, (actual, answer)) in actual.iter().zip(&answers).enumerate() {
        assert!(answer.len() > 20);
        for (name, wanted) in answer {
            let is_same = match (&actual[name], wanted.as_f64()) {
                // Whole numbers are written without a fraction there.
                (found, Some(wanted)) => found.as_f64() == Some(wanted),
                (serde_json::Value::Array(found), None) => {
                    let number = |value: &serde_json::Value| {
                        value.as_f64().map_or_else(|| value.clone(), Into::into)
                    };
                    let wanted = wanted.as_array().unwrap().iter().map(number);
                    found.iter().map(number).eq(wanted)
                }
                (found, None) => found == wanted,
            };
            assert!(
                is_same,
                "row {row}: `{name}` is {}, not {wanted}",
                actual[name]
            );
        }
    }
}

/// FEEL's functions and tests behind `in`; the expected values are those of the DMN specification.
#[test]
fn functions_of_feel_decide() {
    let folder = Folder::copy_of(&repository().join("crates/rule-import/tests/cases"));
    let ran = folder.run("import functions.dmn -o out.rules").done();
    for lost in ["`now()` reads the clock", "the duration \"P1Y\" is none of"] {
        assert!(ran.stderr.contains(lost), "{}", ran.stderr);
    }
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    let rows = r#"{"n":2.25,"text":"abcd","when":"2024-01-10T12:00:01Z"}
{"n":5,"text":"b","when":"2024-01-10T00:00:00Z"}
"#;
    let expected: [&[(&str, &str)]; 2] = [
        &[
            ("in_closed", "true"),
            ("in_open", "false"),
            ("in_tests", "false"),
            ("not_in", "false"),
            ("middle", "\"cd\""),
            ("start", "\"ab\""),
            ("end", "\"cd\""),
            ("from_n", "\"bc\""),
            ("joined", "\"a-abcd-c\""),
            ("run_on", "\"aabcd\""),
            ("before", "\"a\""),
            ("after", "\"cd\""),
            ("length", "4.0"),
            ("has_b", "true"),
            ("upper", "\"ABCD\""),
            // 2.2 + 2.3 + 2.2 + 2.3 + 2.2
            ("rounded", "11.2"),
            ("whole", "7.25"),
            ("rest", "0.75"),
            ("total", "5.25"),
            ("total_of_all", "5.25"),
            ("average", "3.625"),
            ("center", "3.5"),
            ("size", "4.0"),
            ("every", "true"),
            ("listed", "false"),
            ("later", "true"),
            ("soon", "true"),
        ],
        &[
            ("in_closed", "true"),
            ("in_open", "true"),
            ("in_tests", "false"),
            ("not_in", "false"),
            ("middle", "\"\""),
            ("start", "\"b\""),
            ("end", "\"b\""),
            ("from_n", "\"\""),
            ("before", "\"\""),
            ("after", "\"\""),
            ("has_b", "false"),
            ("rounded", "25.0"),
            ("whole", "15.0"),
            ("rest", "1.0"),
            ("center", "3.5"),
            ("later", "false"),
            ("soon", "true"),
        ],
    ];
    let columns: Vec<&str> = expected[0].iter().map(|(name, _)| *name).collect();
    let out = run(&folder, "out.rules", rows, &columns.join(","));
    for (line, expected) in out.lines().zip(expected) {
        let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        for (name, wanted) in expected {
            assert_eq!(row[*name].to_string(), *wanted, "{name} in {line}");
        }
    }
    assert_eq!(out.lines().count(), 2);
}

#[test]
fn a_dmn_model_decides() {
    let folder = imported("loan.dmn");
    let rows = r#"{"Applicant_Age":17,"income":0,"purpose":"car"}
{"Applicant_Age":24,"income":1000,"purpose":"house"}
{"Applicant_Age":25,"income":200000,"purpose":"boat"}
{"Applicant_Age":25,"income":2500,"purpose":null}
"#;
    let expected = r#"{"risk":"high","rate":10.0,"desk":"branch","yearly_cost":100.0,"letter":false}
{"risk":"high","rate":9.0,"desk":"branch","yearly_cost":100.0,"letter":true}
{"risk":"low","rate":5.5,"desk":"private","yearly_cost":2000.0,"letter":false}
{"risk":"medium","rate":4.5,"desk":"branch","yearly_cost":100.0,"letter":false}
"#;
    assert_eq!(
        run(
            &folder,
            "out.rules",
            rows,
            "risk,rate,desk,yearly_cost,letter"
        ),
        expected
    );
}

#[test]
fn losses_and_errors_have_their_exit_codes() {
    let folder = imported("discounts.json");
    folder
        .run("import discounts.json")
        .done()
        .fails(0, &["discounts.json:", "`functionNode` can't be imported"]);
    folder
        .run("import discounts.json --strict -o strict.rules")
        .fails(1, &["warning"]);
    assert!(!folder.join("strict.rules").exists());
    folder
        .write("unknown.txt", "hello")
        .write("broken.json", "{\n\"nodes\": [}")
        .write("broken.rules", "ruleset a { input { x: int } }")
        .run("import unknown.txt")
        .fails(2, &["--from"]);
    folder
        .run("import broken.json")
        .fails(3, &["broken.json:2"]);
    folder
        .run("import --from dmn unknown.txt")
        .fails(3, &["unknown.txt:1"]);
    folder
        .run("import loan.dmn --tests broken.json")
        .fails(2, &["CEL Policy"]);
    folder
        .run("export broken.rules --to cel-policy")
        .fails(3, &["broken.rules:1"]);
}

/// Lets in any order, priorities, `else`, `if`, pipes and null.
const ONE_OUTPUT: &str = r#"
// Who carries
// a "parcel".
ruleset carriers {
  input { weight: double  country: string  value: double?  tags: list<string> }
  output { result: string = "post" }
  let is_heavy = weight > limit
  let limit = if country == "CZ" { 30.0 } else { 20.0 }
  rule last { when size(tags) > 1 then { result = tags[1] } else { result = "else" } }
  rule heavy priority 5 { when is_heavy && !(country in ["DE"]) then { result = country |> lowerAscii() } }
  rule dear priority 9 { when value != null && value > 100.0 then { result = "insured" } }
}
"#;

const MORE_OUTPUTS: &str = r#"
ruleset fees {
  input { weight: double  country: string  value: double?  tags: list<string> }
  output { fee: double = 1.0  desk: string = "none" merge last }
  rule a { when weight > 20.0 then { fee = 5.0, desk = "a" } }
  rule b priority 1 { when country == "CZ" then { fee = 3.5 } else { desk = "b" } }
  rule c { when value == null then { desk = "c" } }
}
"#;

/// A table in one output: null is in no order, and rows without a value still count.
const TABLE: &str = r#"
ruleset desks {
  input { weight: double  country: string  value: double?  tags: list<string> }
  output { result: string = "post" }
  func near(code: string) -> bool = code in ["CZ", "SK"]
  func heavy(x: double, most: double) -> bool = x > most && !near(country_of_all)
  param country_of_all: string = "DE"
  rule b priority -1 { when (value ?? 0.0) > 100.0 && near(country) then { result = "b" } }
  table t hit first {
    | weight      | value             | size(tags) || result      |
    | < 1         | -                 | 0          || "light"     |
    | 20..25      | null              | -          || -           |
    | (20..31]    | not(null, < 101)  | -          || country     |
    | -           | 100, > 100        | [1..3)     || "dear " + tags[0] |
    | 20          | -                 | -          || "twenty"    |
  }
  rule c { when weight |> heavy(30.0) then { result = "c" } else { result = "not c" } }
}
"#;

/// Every merge that CEL can say, hit policies that order rows, functions in functions.
const MERGES: &str = r#"
ruleset merges {
  input { weight: double  country: string  value: double?  tags: list<string> }
  output {
    n:     int = -1          merge sum
    sum:   double = 0.0      merge sum
    least: double = 9.0      merge min
    most:  int = 7           merge max
    all:   list<string> = [] merge collect
    once:  list<string> = [] merge unique
    end:   string = "?"      merge last
    desk:  string = "none"
  }
  func twice(x: double) -> double = x + x
  func fee(x: double, y: double) -> double = twice(x) + (if y > 100.0 { twice(y) } else { 1.0 })
  rule a { when weight > 20.0 then { n = 1, sum = fee(weight, value ?? 0.0), least = 3.0, most = 2, all = ["a", "b"], once = "x" } }
  rule b { when country == "CZ" then { n = 2, sum = 0.5, least = 2.5, most = 1, all = "c", once = ["x", "y"] } else { end = "b" } }
  table first_row hit first {
    | weight | country || end    | n  | once |
    | > 30   | -       || "t1"   | 10 | "z"  |
    | > 20   | "CZ"    || -      | 20 | "x"  |
    | > 0.5  | -       || "t3"   | 30 | "y"  |
  }
  table every_row priority 2 hit collect {
    | size(tags) | weight || all | n   |
    | 2          | -      || "e" | 100 |
    | -          | 20..25 || "f" | 200 |
  }
  table by_desk hit priority {
    | weight | country          || desk in ["own", "partner", "far"] |
    | > 1    | -                || "far"                             |
    | -      | "DE", "US"       || "partner"                         |
    | >= 25  | not("CZ", "US")  || "own"                             |
  }
}
"#;

#[test]
fn what_is_exported_decides_the_same() {
    let mut rows = String::new();
    for weight in ["0.5", "20.0", "25.0", "31.0"] {
        for country in ["CZ", "DE", "US"] {
            for value in ["null", "100.0", "101.0"] {
                for tags in ["[]", "[\"a\",\"b\"]"] {
                    rows += &format!(
                        "{{\"weight\":{weight},\"country\":\"{country}\",\"value\":{value},\"tags\":{tags}}}\n"
                    );
                }
            }
        }
    }
    let sources = [
        (ONE_OUTPUT, "result"),
        (MORE_OUTPUTS, "fee,desk"),
        (TABLE, "result"),
        (MERGES, "n,sum,least,most,all,once,end,desk"),
    ];
    for (source, columns) in sources {
        let folder = Folder::new();
        folder.write("in.rules", source);
        let ran = folder
            .run("export in.rules --to cel-policy -o policy.yaml --environment config.yaml")
            .done();
        let is_parameter = |line: &str| line.contains("the parameter `country_of_all` becomes");
        assert!(ran.stderr.lines().all(is_parameter), "{}", ran.stderr);
        folder
            .run("import policy.yaml --environment config.yaml --strict -o back.rules")
            .done();
        let before = run(&folder, "in.rules", &rows, columns);
        let after = run(&folder, "back.rules", &rows, "result");
        for (before, after) in before.lines().zip(after.lines()) {
            let after = match columns {
                "result" => after.to_owned(),
                // The only result is a map of the outputs.
                _ => after
                    .strip_prefix("{\"result\":")
                    .and_then(|rest| rest.strip_suffix('}'))
                    .unwrap()
                    .to_owned(),
            };
            assert_eq!(before, after);
        }
        assert_eq!(before.lines().count(), 72);
        assert_eq!(after.lines().count(), 72);
    }
}

#[test]
fn what_no_policy_says_is_named() {
    let folder = Folder::new();
    folder.write(
        "in.rules",
        "ruleset a version \"1\" {\n input { x: int  xs: list<int> }\n param p: int = 1\n \
         output { n: string = \"\" merge min  s: string = \"\"  k: int = 0  l: list<int> merge collect }\n \
         func f(v: int) -> bool = [v].exists(x, x > v)\n \
         rule r { when f(x) then { n = \"a\", s = string(x / p ?? 1), l = xs, k = xs.sum() } }\n \
         table t { | x || s |\n | 1 || \"2\" |\n }\n \
         table c hit collect count { | x || k |\n | 1 ||\n }\n \
         example \"e\" { given { x: 2, xs: [] } expect { s: \"2\" } }\n}\n",
    );
    folder.run("export in.rules --to cel-policy").fails(
        0,
        &[
            "in.rules:3: warning: the parameter `p`",
            "in.rules:4: warning: the output `n` is left out",
            "the output `l` is left out: no policy says `merge collect` of values that may be",
            "in.rules:6: warning: `f` is no CEL",
            "in.rules:6: warning: `??` becomes a question for null",
            "in.rules:6: warning: `sum` is no function of CEL",
            "rows of `t` of which several match are no error",
            "in.rules:10: warning: the table `c` is left out",
            "the example `e`",
            "the version",
        ],
    );
}
