//! `rulestage run --why`: the rules that fired, as a column.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use support::Folder;

const FIRST: &str = r#"
ruleset first {
  input { n: int }
  output { small: bool = false  share: int = 0 merge sum }
  rule low priority 5 { when n < 3 then { small = true } else { share = 1 } }
  rule divides { when 6 / n == 3 then { share = 10 } }
  table level hit first {
    | n   || share |
    | < 2 || 100   |
  }
}
"#;

const SECOND: &str = r#"
ruleset second {
  input { small: bool  n: int }
  output { label: string? = null }
  rule low { when small then { label = "s" } }
  rule even { when n % 2 == 0 then { label = "e" } }
}
"#;

const PIPELINE: &str = r#"
[pipeline]
name = "both"
[[stage]]
name = "a"
rules = "first.rules"
on_error = "dead-letter"
[[stage]]
name = "b"
rules = "second.rules"
when = "n != 5"
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder
        .write("first.rules", FIRST)
        .write("second.rules", SECOND)
        .write("pipeline.toml", PIPELINE)
        .write("in.csv", "n\n1\n2\n0\n4\n5\n");
    folder
}

#[test]
fn names_say_what_fired_and_in_several_stages_where() {
    let folder = folder();
    for batch_rows in [1, 2, 8192] {
        folder
            .run(&format!(
                "run pipeline.toml -i in.csv -o out.ndjson --dead-letter dead.ndjson --why --columns n,rules_fired --batch-rows {batch_rows}"
            ))
            .done();
        // Row 0 divides by zero and is a dead letter; row 5 does not reach the second stage.
        assert_eq!(
            String::from_utf8(folder.read("out.ndjson")).unwrap(),
            r#"{"n":1,"rules_fired":["a.low","a.level","b.low"]}
{"n":2,"rules_fired":["a.low","a.divides","b.low","b.even"]}
{"n":4,"rules_fired":["b.even"]}
{"n":5,"rules_fired":[]}
"#
        );
    }
}

#[test]
fn one_stage_needs_no_names_of_stages_and_the_column_has_any_name() {
    let folder = folder();
    folder.write("few.csv", "n,rules_fired\n2,x\n7,y\n");
    folder
        .run("run first.rules -i few.csv -o out.csv --why=why")
        .done();
    assert_eq!(
        String::from_utf8(folder.read("out.csv")).unwrap(),
        "n,rules_fired,small,share,why\n2,x,true,10,\"[\"\"low\"\",\"\"divides\"\"]\"\n7,y,false,1,[]\n"
    );
    folder
        .run("run first.rules -i few.csv -o out.csv --why")
        .fails(2, &["already has a column `rules_fired`", "--why=COLUMN"]);
}

#[test]
fn values_are_the_same_with_and_without() {
    let folder = folder();
    let arguments = "run first.rules -i few.csv --columns n,small,share";
    folder.write("few.csv", "n\n1\n2\n3\n7\n");
    folder.run(&format!("{arguments} -o plain.csv")).done();
    folder.run(&format!("{arguments} -o why.csv --why")).done();
    assert_eq!(folder.read("plain.csv"), folder.read("why.csv"));
}

#[test]
fn a_component_without_the_function_still_explains_and_is_told_what_to_do() {
    let folder = folder();
    folder.run("compile second.rules -o second.wasm").done();
    // As of a compiler that did not know the function: its name is another one everywhere.
    let mut component = folder.read("second.wasm");
    let (name, other) = (b"process-with-reasons", b"process-with-seasons");
    let mut n_renamed = 0;
    for at in 0..component.len() - name.len() {
        if component[at..].starts_with(name) {
            component[at..at + name.len()].copy_from_slice(other);
            n_renamed += 1;
        }
    }
    assert!(n_renamed > 1, "the component has the function");
    folder.write("old.wasm", component);
    folder.write("old.csv", "small,n\ntrue,2\n");
    folder.run("run old.wasm -i old.csv -o out.csv").done();
    let explained = folder
        .run("explain old.wasm -i old.csv --row 0 --json")
        .done();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("\"even\""), "{explained}");
    folder
        .run("run old.wasm -i old.csv -o why.csv --why")
        .fails(
            4,
            &[
                "can't say which rules fired",
                "compile it again",
                "rulestage explain",
            ],
        );
    assert!(!folder.join("why.csv").exists());
}

#[test]
fn a_component_without_explanations_computes_the_same_and_says_what_it_lacks() {
    let folder = folder();
    folder.write("few.csv", "n\n1\n2\n3\n7\n");
    folder.run("compile first.rules -o full.wasm").done();
    folder
        .run("compile first.rules -o small.wasm --no-explain")
        .done();
    let (full, small) = (folder.read("full.wasm"), folder.read("small.wasm"));
    assert!(
        small.len() * 3 < full.len() * 2,
        "{} of {}",
        small.len(),
        full.len()
    );
    folder.run("run full.wasm -i few.csv -o full.csv").done();
    folder.run("run small.wasm -i few.csv -o small.csv").done();
    assert_eq!(folder.read("full.csv"), folder.read("small.csv"));
    folder
        .run("run small.wasm -i few.csv -o why.csv --why")
        .fails(4, &["doesn't explain itself", "--no-explain"]);
    let wit = folder.run("inspect small.wasm --json").done().stdout;
    let wit = String::from_utf8(wit).unwrap();
    assert!(!wit.contains("rulestage:stage/explain"), "{wit}");
}

#[test]
fn rules_that_did_not_fire_say_what_stopped_them() {
    let folder = folder();
    for batch_rows in [1, 2, 8192] {
        folder
            .run(&format!(
                "run pipeline.toml -i in.csv -o out.ndjson --dead-letter dead.ndjson \
                 --columns n,why_not_a.low,why_not_a.level,why_not_b.even \
                 --why-not a.low --why-not a.level --why-not b.even --batch-rows {batch_rows}"
            ))
            .done();
        assert_eq!(
            String::from_utf8(folder.read("out.ndjson")).unwrap(),
            r#"{"n":1,"why_not_a.low":null,"why_not_a.level":null,"why_not_b.even":"n % 2 == 0"}
{"n":2,"why_not_a.low":null,"why_not_a.level":"no row matches","why_not_b.even":null}
{"n":4,"why_not_a.low":"n < 3","why_not_a.level":"no row matches","why_not_b.even":null}
{"n":5,"why_not_a.low":"n < 3","why_not_a.level":"no row matches","why_not_b.even":"(not reached)"}
"#
        );
    }
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --why-not a.lo")
        .fails(2, &["no rule `a.lo`", "did you mean `a.low`?"]);
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --why-not low")
        .fails(2, &["no rule `low`", "STAGE.RULE"]);
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --why-not a.low --why-not a.low")
        .fails(2, &["already has a column `why_not_a.low`"]);
}

const CHAIN: &str = r#"
ruleset chain {
  input { n: int  country: string }
  output { hit: bool = false  all: bool = false }
  let small = n < 10
  rule deep {
    when small
      && (12 / n > 1 && country in ["CZ",
                                    "DE"])
      && n != 3
    then { hit = true }
  }
  rule always { when true then { all = true } }
}
"#;

/// Rows with an `n` from -2 to 12, each in three countries.
fn chain() -> Folder {
    let folder = Folder::new();
    let mut rows = "n,country\n".to_owned();
    for n in -2..=12 {
        for country in ["CZ", "DE", "US"] {
            rows += &format!("{n},{country}\n");
        }
    }
    folder
        .write("chain.rules", CHAIN)
        .write("rows.csv", rows)
        .write(
            "pipeline.toml",
            "[pipeline]\nname = \"p\"\n[[stage]]\nname = \"s\"\nrules = \"chain.rules\"\non_error = \"default\"\n",
        );
    folder
}

#[test]
fn a_condition_is_false_where_an_operand_is_and_fails_only_where_none_is() {
    let folder = chain();
    folder
        .run("run pipeline.toml -i rows.csv -o out.csv --columns n,country,rules_fired,why_not_deep --why-not deep --why")
        .done();
    let out = String::from_utf8(folder.read("out.csv")).unwrap();
    let cell = |row: &str| {
        let found = out.lines().find(|line| line.starts_with(row));
        found.unwrap_or_default().to_owned()
    };
    assert_eq!(cell("10,CZ"), "10,CZ,\"[\"\"always\"\"]\",small");
    assert_eq!(cell("7,US"), "7,US,\"[\"\"always\"\"]\",12 / n > 1");
    assert_eq!(
        cell("2,US"),
        "2,US,\"[\"\"always\"\"]\",\"country in [\"\"CZ\"\", \"\"DE\"\"]\""
    );
    assert_eq!(cell("3,DE"), "3,DE,\"[\"\"always\"\"]\",n != 3");
    assert_eq!(cell("2,DE"), "2,DE,\"[\"\"deep\"\",\"\"always\"\"]\",");
    // Division by zero: nothing else decides, or something does.
    assert_eq!(cell("0,CZ"), "0,CZ,\"[\"\"always\"\"]\",(failed)");
    assert_eq!(
        cell("0,US"),
        "0,US,\"[\"\"always\"\"]\",\"country in [\"\"CZ\"\", \"\"DE\"\"]\""
    );
}

#[test]
fn a_funnel_counts_every_row_once_however_it_is_run() {
    let folder = chain();
    for how in ["", "--jobs 1", "--jobs 2 --batch-rows 4", "--batch-rows 1"] {
        let run = folder
            .run(&format!(
                "run pipeline.toml -i rows.csv -o out.csv --funnel {how}"
            ))
            .done();
        let summary = run.stderr;
        let funnel = summary.find("  deep ").map(|start| &summary[start..]);
        assert_eq!(
            funnel,
            Some(
                "  deep 45 rows
     9   20.0 %  small
    15   33.3 %  12 / n > 1
     7   15.6 %  country in [\"CZ\", \"DE\"]
     2    4.4 %  n != 3
     2    4.4 %  failed
    10   22.2 %  fired
  always 45 rows
     0    0.0 %  true
    45  100.0 %  fired
"
            ),
            "{summary}"
        );
    }
    folder
        .run("run pipeline.toml -i rows.csv -o out.csv --funnel --quiet")
        .fails(2, &["--quiet"]);
}

#[test]
fn rules_of_an_index_are_counted_and_say_where_to_ask() {
    let folder = chain();
    let mut source =
        "ruleset many {\n  input { n: int }\n  output { sum: int = 0 merge sum }\n".to_owned();
    for rule in 0..70 {
        source += &format!("  rule r{rule} {{ when n == {rule} then {{ sum = 1 }} }}\n");
    }
    folder.write("many.rules", source + "}\n");
    folder
        .run("run many.rules -i rows.csv -o out.csv --why-not r3")
        .fails(2, &["rule `r3`", "index", "--first-failing"]);
    let run = folder
        .run("run many.rules -i rows.csv -o out.csv --funnel")
        .done();
    let summary = run.stderr;
    let expected =
        "  r3 45 rows\n    42   93.3 %  did not fire, or failed\n     3    6.7 %  fired\n";
    assert!(summary.contains(expected), "{summary}");
}
