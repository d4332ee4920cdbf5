//! `rulestage run` over real files: formats, order, batches and workers, dead letters, interrupted and broken
//! outputs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use support::{Folder, Ran};

const RULES: &str = r#"
ruleset reference version "1.0.0" {
  input { age: int  country: string  score: double? }
  param least: double = 0.75
  output { eligible: bool = false  note: string? = null  tags: list<string> = [] merge collect }
  rule ok {
    when age >= 18 && country in ["CZ", "DE", "FR"] && score != null && score > least
    then { eligible = true, note = "ok " + country, tags = "ok" }
  }
  rule far { when !(country in ["CZ", "DE"]) then { tags = ["far", country] } }
}
"#;

/// Fails on rows whose `n` is 0.
const DIVIDES: &str = r#"
ruleset divides {
  input { n: int }
  output { share: int = -1 }
  rule all { when true then { share = 100 / n } }
}
"#;

/// People as CSV: missing scores, quotes, non-ASCII and empty texts.
fn people(n_rows: usize) -> String {
    let countries = ["CZ", "DE", "FR", "US", "\"a, \"\"b\"\"\"", "Česko", "日本"];
    let mut csv = "id,age,country,score\n".to_owned();
    for row in 0..n_rows {
        let score = match row % 5 {
            0 => String::new(),
            step => format!("{}", 0.3 * step as f64 - 0.2),
        };
        writeln!(
            csv,
            "{row},{},{},{score}",
            row * 7 % 90,
            countries[row % countries.len()]
        )
        .unwrap();
    }
    csv
}

fn folder_with_people(n_rows: usize) -> Folder {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("people.csv", people(n_rows));
    folder
}

#[test]
fn the_output_holds_the_input_and_then_the_results() {
    let folder = Folder::new();
    folder.write("reference.rules", RULES).write(
        "in.csv",
        "age,country,score,id\n33,CZ,0.9,a\n17,CZ,0.9,b\n33,US,,c\n",
    );
    folder
        .run("run reference.rules -i in.csv -o out.ndjson")
        .done();
    let expected = r#"{"age":33,"country":"CZ","score":0.9,"id":"a","eligible":true,"note":"ok CZ","tags":["ok"]}
{"age":17,"country":"CZ","score":0.9,"id":"b","eligible":false,"note":null,"tags":[]}
{"age":33,"country":"US","score":null,"id":"c","eligible":false,"note":null,"tags":["far","US"]}
"#;
    assert_eq!(
        String::from_utf8(folder.read("out.ndjson")).unwrap(),
        expected
    );
}

#[test]
fn columns_choose_and_order_the_output() {
    let folder = folder_with_people(3);
    folder
        .run("run reference.rules -i people.csv -o out.csv --columns eligible,id")
        .done();
    let out = String::from_utf8(folder.read("out.csv")).unwrap();
    assert_eq!(out, "eligible,id\nfalse,0\nfalse,1\nfalse,2\n");
    folder
        .run("run reference.rules -i people.csv -o out.csv --columns eligibel")
        .fails(2, &["`eligibel`", "did you mean `eligible`"]);
}

#[test]
fn workers_and_batches_do_not_change_a_byte() {
    let folder = folder_with_people(1_203);
    for format in ["csv", "ndjson", "json", "parquet", "arrow"] {
        let mut first = None;
        for (jobs, batch_rows) in [(1, 8192), (4, 8192), (1, 1), (3, 7), (2, 500)] {
            let columns = if format == "csv" {
                "--columns id,eligible,note"
            } else {
                ""
            };
            folder
                .run(&format!(
                    "run reference.rules -i people.csv -o out.{format} --jobs {jobs} --batch-rows {batch_rows} {columns}"
                ))
                .done();
            let bytes = folder.read(&format!("out.{format}"));
            let first = first.get_or_insert_with(|| bytes.clone());
            assert!(
                *first == bytes,
                "{format} differs with --jobs {jobs} --batch-rows {batch_rows}"
            );
        }
    }
}

#[test]
fn every_format_goes_in_and_out() {
    let folder = folder_with_people(1_000);
    folder
        .run("run reference.rules -i people.csv -o expected.ndjson")
        .done();
    for format in ["csv", "ndjson", "json", "parquet", "arrow"] {
        // The same people, in this format; then its results as NDJSON must be the same.
        folder
            .run(&format!("run reference.rules -i people.csv -o people2.{format} --columns id,age,country,score"))
            .done();
        folder
            .run(&format!(
                "run reference.rules -i people2.{format} -o actual.ndjson"
            ))
            .done();
        assert!(
            folder.read("actual.ndjson") == folder.read("expected.ndjson"),
            "{format}"
        );
    }
}

#[test]
fn pipes_go_in_and_out() {
    let folder = folder_with_people(100);
    folder
        .run("run reference.rules -i people.csv -o expected.ndjson")
        .done();
    let out = Ran::from(
        folder
            .command([
                "run",
                "reference.rules",
                "-i",
                "-",
                "--format",
                "csv",
                "-o",
                "-",
            ])
            .stdin(fs::File::open(folder.join("people.csv")).unwrap())
            .output()
            .unwrap(),
    )
    .done();
    assert!(out.stdout == folder.read("expected.ndjson"));
    let out = Ran::from(
        folder
            .command([
                "run",
                "reference.rules",
                "-i",
                "-",
                "-o",
                "-",
                "--output-format",
                "csv",
                "--columns",
                "id",
            ])
            .stdin(fs::File::open(folder.join("expected.ndjson")).unwrap())
            .output()
            .unwrap(),
    );
    // Its columns `eligible`, … would be produced twice.
    out.fails(3, &["standard input", "`eligible`"]);
}

#[test]
fn several_inputs_are_read_one_after_another() {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("a.csv", "age,country,score\n33,CZ,0.9\n")
        .write("b.csv", "age,country,score\n34,DE,0.5\n35,FR,0.8\n");
    folder
        .run("run reference.rules -i a.csv b.csv -o out.csv --columns age,eligible")
        .done();
    assert_eq!(
        folder.read("out.csv"),
        b"age,eligible\n33,true\n34,false\n35,true\n"
    );
}

#[test]
fn parameters_are_set_without_recompiling() {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("in.csv", "age,country,score\n33,CZ,0.5\n");
    folder
        .run("run reference.rules -i in.csv -o out.csv --columns eligible --param least=0.4")
        .done();
    assert_eq!(folder.read("out.csv"), b"eligible\ntrue\n");
    folder
        .run("run reference.rules -i in.csv -o out2.csv --param laest=0.4")
        .fails(2, &["`laest`", "`least`"]);
    folder
        .run("run reference.rules -i in.csv -o out2.csv --param least=high")
        .fails(2, &["`least`", "double"]);
    assert!(!folder.join("out2.csv").exists());
}

#[test]
fn the_summary_counts_rows_and_shows_each_stage() {
    let folder = folder_with_people(1_000);
    let run = folder
        .run("run reference.rules -i people.csv -o out.parquet")
        .done();
    assert!(run.stderr.contains("1,000 rows"), "{}", run.stderr);
    assert!(run.stderr.contains("rows/s"), "{}", run.stderr);
    assert!(run.stderr.contains("reference"), "{}", run.stderr);
    let run = folder
        .run("run reference.rules -i people.csv -o out.parquet --quiet")
        .done();
    assert_eq!(run.stderr, "");
}

#[test]
fn zero_rows_are_rows() {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("in.csv", "age,country,score\n");
    folder
        .run("run reference.rules -i in.csv -o out.csv --columns age,eligible")
        .done();
    assert_eq!(folder.read("out.csv"), b"age,eligible\n");
    folder
        .run("run reference.rules -i in.csv -o out.json")
        .done();
    assert_eq!(
        String::from_utf8(folder.read("out.json"))
            .unwrap()
            .split_whitespace()
            .collect::<String>(),
        "[]"
    );
}

#[test]
fn a_failing_row_fails_the_run_unless_the_manifest_says_otherwise() {
    let folder = Folder::new();
    folder
        .write("divides.rules", DIVIDES)
        .write("in.csv", "n\n5\n0\n2\n");
    folder
        .run("run divides.rules -i in.csv -o out.csv")
        .fails(1, &["row 1", "divide", "divides"]);
    assert_eq!(folder.names(), ["divides.rules", "in.csv"]);

    let manifest = |on_error: &str| {
        format!(
            "[pipeline]\nname = \"divides\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"share\"\nrules = \"divides.rules\"\non_error = \"{on_error}\"\n"
        )
    };
    folder.write("pipeline.toml", manifest("default"));
    folder.run("run pipeline.toml -i in.csv -o out.csv").done();
    assert_eq!(folder.read("out.csv"), b"n,share\n5,20\n0,-1\n2,50\n");

    folder.write("pipeline.toml", manifest("dead-letter"));
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --dead-letter dead.ndjson")
        .done();
    assert_eq!(folder.read("out.csv"), b"n,share\n5,20\n2,50\n");
    let dead: serde_json::Value = serde_json::from_slice(&folder.read("dead.ndjson")).unwrap();
    assert_eq!(dead["row"], 1);
    assert_eq!(dead["stage"], "share");
    assert_eq!(dead["code"], "divide-by-zero");
    assert_eq!(dead["input"], serde_json::json!({ "n": "0" }));
    assert!(dead["origin"].is_string() && dead["message"].is_string());
}

#[test]
fn the_policy_for_failed_rows_can_be_given_with_the_run() {
    let folder = Folder::new();
    folder
        .write("divides.rules", DIVIDES)
        .write("in.csv", "n\n5\n0\n2\n")
        .write(
            "pipeline.toml",
            "[pipeline]\nname = \"divides\"\n\n[[stage]]\nname = \"share\"\nrules = \"divides.rules\"\non_error = \"default\"\n",
        );
    folder
        .run("run divides.rules -i in.csv -o out.csv --dead-letter dead.ndjson")
        .done();
    assert_eq!(folder.read("out.csv"), b"n,share\n5,20\n2,50\n");
    assert!(
        String::from_utf8(folder.read("dead.ndjson"))
            .unwrap()
            .contains("divide-by-zero")
    );
    folder
        .run("run divides.rules -i in.csv -o out.csv --on-error default")
        .done();
    assert_eq!(folder.read("out.csv"), b"n,share\n5,20\n0,-1\n2,50\n");
    // What the command line says goes before the manifest; a file for dead letters says nothing.
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --on-error fail --dead-letter dead.ndjson")
        .fails(1, &["row 1", "--on-error default"]);
    folder
        .run("run pipeline.toml -i in.csv -o kept.csv --dead-letter dead.ndjson")
        .done();
    assert_eq!(folder.read("kept.csv"), b"n,share\n5,20\n0,-1\n2,50\n");
    folder
        .run("run divides.rules -i in.csv -o out.csv --on-error dead-letter")
        .fails(1, &["row 1", "--dead-letter FILE"]);
    folder
        .run("run divides.rules -i in.csv -o out.csv --on-error defalt")
        .fails(2, &["defalt", "default"]);
}

#[test]
fn members_that_are_null_may_be_left_out() {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("in.ndjson", "{\"age\": 33, \"country\": \"CZ\"}\n")
        .write("in.csv", "age,country\n33,CZ\n")
        .write("bare.ndjson", "{\"age\": 33, \"score\": 0.9}\n");
    folder
        .run("run reference.rules -i in.ndjson -o out.ndjson --columns age,score,eligible")
        .done();
    assert_eq!(
        folder.read("out.ndjson"),
        b"{\"age\":33,\"score\":null,\"eligible\":false}\n"
    );
    folder
        .run("run reference.rules -i in.csv -o out.csv")
        .fails(3, &["no column `score`"]);
    folder
        .run("run reference.rules -i bare.ndjson -o out.csv")
        .fails(3, &["no column `country`"]);
}

#[test]
fn dead_letters_need_a_place_to_go() {
    let folder = Folder::new();
    folder.write("divides.rules", DIVIDES).write("in.csv", "n\n5\n0\n2\n").write(
        "pipeline.toml",
        "[pipeline]\nname = \"divides\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"share\"\nrules = \"divides.rules\"\non_error = \"dead-letter\"\n",
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv")
        .fails(1, &["row 1", "--dead-letter"]);
    assert!(!folder.join("out.csv").exists());
}

#[test]
fn lines_that_are_no_rows_are_dead_letters_too() {
    let folder = Folder::new();
    folder
        .write("reference.rules", RULES)
        .write("in.csv", "age,country,score\n33,CZ,0.9\n34,DE\n35,FR,0.8\n");
    folder
        .run("run reference.rules -i in.csv -o out.csv --columns age --dead-letter dead.ndjson")
        .done();
    assert_eq!(folder.read("out.csv"), b"age\n33\n35\n");
    let dead: serde_json::Value = serde_json::from_slice(&folder.read("dead.ndjson")).unwrap();
    assert_eq!(
        (&dead["file"], &dead["line"], &dead["input"]),
        (&"in.csv".into(), &3.into(), &"34,DE".into())
    );
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let folder = folder_with_people(10_000);
    folder
        .run("run reference.rules -i people.csv -o /dev/full --output-format ndjson")
        .fails(3, &["can't write `/dev/full`", "space"]);
    // A dead-letter file that can't be written stops the run as well, and the output with it.
    folder.write("divides.rules", DIVIDES).write("in.csv", "n\n5\n0\n2\n").write(
        "pipeline.toml",
        "[pipeline]\nname = \"divides\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"share\"\nrules = \"divides.rules\"\non_error = \"dead-letter\"\n",
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --dead-letter /dev/full")
        .fails(3, &["can't write `/dev/full`"]);
    assert!(!folder.join("out.csv").exists());
}

#[test]
fn a_failed_run_keeps_the_output_of_the_one_before() {
    let folder = Folder::new();
    folder
        .write("divides.rules", DIVIDES)
        .write("in.csv", "n\n5\n0\n2\n")
        .write("out.csv", "old");
    folder
        .run("run divides.rules -i in.csv -o out.csv")
        .fails(1, &[]);
    assert_eq!(folder.read("out.csv"), b"old");
    assert_eq!(folder.names(), ["divides.rules", "in.csv", "out.csv"]);
}

#[test]
fn a_closed_output_pipe_ends_the_run_quietly() {
    let folder = folder_with_people(100_000);
    let mut child = folder
        .command(["run", "reference.rules", "-i", "people.csv", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("{\"id\":\"0\","), "{first}");
    // The pipe's reading end is closed now.
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(141), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_output() {
    let folder = folder_with_people(10);
    for signal in ["INT", "TERM"] {
        let mut child = folder
            .command([
                "run",
                "reference.rules",
                "-i",
                "-",
                "--format",
                "csv",
                "-o",
                "out.csv",
            ])
            .args(["--columns", "id", "--batch-rows", "1"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays open: the run is in the middle, with a temporary file beside the target.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(people(10).as_bytes()).unwrap();
        stdin.flush().unwrap();
        while !folder.names().iter().any(|name| name.ends_with(".part")) {
            assert!(
                child.try_wait().unwrap().is_none(),
                "ended before it was interrupted"
            );
            std::thread::yield_now();
        }
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(kill.success());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        drop(stdin);
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert_eq!(folder.names(), ["people.csv", "reference.rules"]);
    }
}

#[test]
fn compiled_code_is_kept_unless_told_otherwise() {
    let folder = folder_with_people(3);
    folder
        .run("run reference.rules -i people.csv -o out.ndjson --no-cache")
        .done();
    assert!(!folder.join(".cache").exists());
    folder
        .run("run reference.rules -i people.csv -o out.ndjson")
        .done();
    assert!(folder.join(".cache").exists());
    let first = folder.read("out.ndjson");
    folder
        .run("run reference.rules -i people.csv -o out.ndjson")
        .done();
    assert_eq!(folder.read("out.ndjson"), first);
}
