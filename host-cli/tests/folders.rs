//! Folders as input, and the example that is about files.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test: what fails is a failure, and what can't be tested says so"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use support::Folder;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How often a network may say otherwise because another engine rounds otherwise.
const SCORE_TOLERANCE: f64 = 0.002;

const RULES: &str = r#"
ruleset sizes version "1.0.0" {
  input { path: string  size: int  bytes: bytes }
  output { counted: int = 0 merge first  first: bytes = b"" merge first  share: int = 0 merge first }
  rule all { when true then { counted = size(bytes) } }
  rule some { when size > 0 then { share = 100 / (size(bytes) - 13) } }
}
"#;

const PIPELINE: &str = r#"
[pipeline]
name = "sizes"
[[stage]]
name = "sizes"
rules = "sizes.rules"
on_error = "dead-letter"
"#;

/// A pipeline over files, and a folder `in` with these.
fn folder(files: &[(&str, &[u8])]) -> Folder {
    let folder = Folder::new();
    folder.write("sizes.rules", RULES);
    folder.write("pipeline.toml", PIPELINE);
    fs::create_dir(folder.join("in")).unwrap();
    for (name, bytes) in files {
        let path = folder.join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    let text = String::from_utf8(folder.read(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    rows.iter()
        .map(|row| row[column].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_file_is_a_row_in_the_order_of_paths() {
    let folder = folder(&[
        ("b/c/deep.txt", b"12345"),
        ("b.txt", b"1"),
        (".hidden", b"12"),
        ("a b.txt", b""),
    ]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.join("sizes.rules"), folder.join("in/link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.join("in/round")).unwrap();
    }
    let run = "run pipeline.toml --input in --output";
    folder.run(&format!("{run} out.ndjson")).done();
    let rows = lines(&folder, "out.ndjson");
    assert_eq!(
        texts(&rows, "path"),
        [".hidden", "a b.txt", "b.txt", "b/c/deep.txt"]
    );
    let sizes: Vec<_> = rows.iter().map(|row| row["size"].as_i64()).collect();
    assert_eq!(sizes, [Some(2), Some(0), Some(1), Some(5)]);
    assert!(rows.iter().all(|row| row["counted"] == row["size"]));
    // Whole files are in the output only where they are asked for.
    assert!(rows.iter().all(|row| row.get("bytes").is_none()));
    folder
        .run(&format!("{run} named.ndjson --columns path,bytes"))
        .done();
    assert_eq!(lines(&folder, "named.ndjson")[3]["bytes"], "MTIzNDU=");

    for options in ["--batch-rows 1 --jobs 1", "--batch-rows 3 --jobs 3"] {
        folder.run(&format!("{run} other.ndjson {options}")).done();
        assert_eq!(folder.read("other.ndjson"), folder.read("out.ndjson"));
    }
}

#[test]
fn an_empty_folder_has_columns_and_no_rows() {
    let folder = folder(&[]);
    fs::create_dir(folder.join("in/inside")).unwrap();
    folder
        .run("run pipeline.toml --input in --output out.csv")
        .done();
    let text = String::from_utf8(folder.read("out.csv")).unwrap();
    assert_eq!(text.trim_end(), "path,size,counted,first,share");
}

#[test]
fn files_that_are_no_rows_are_dead_letters_or_end_the_run() {
    let folder = folder(&[("a", b"1"), ("broken", b"1234567890123"), ("z", b"12")]);
    let huge = fs::File::create(folder.join("in/huge")).unwrap();
    huge.set_len(65 << 20).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs::write(folder.join("in").join(name), "x").unwrap();
    }
    let run = "run pipeline.toml --input in --output out.ndjson";
    folder
        .run(&format!("{run} --dead-letter dead.ndjson"))
        .done();
    assert_eq!(texts(&lines(&folder, "out.ndjson"), "path"), ["a", "z"]);
    let dead = lines(&folder, "dead.ndjson");
    let found: Vec<_> = dead
        .iter()
        .map(|letter| {
            let code = letter["code"].as_str().unwrap();
            (letter["file"].as_str().unwrap_or("-"), code)
        })
        .collect();
    let invalid = ("in/caf\u{fffd}", "invalid-path");
    let mut expected = vec![invalid, ("in/huge", "too-large"), ("-", "divide-by-zero")];
    expected.retain(|letter| cfg!(unix) || *letter != invalid);
    assert_eq!(found, expected);
    let [.., too_large, failed] = dead.as_slice() else {
        panic!("{dead:?}")
    };
    assert_eq!(too_large["input"]["size"], 65 << 20);
    assert!(too_large["message"].as_str().unwrap().contains("67108864"));
    // The row is told without the file itself, and numbered among the rows.
    assert_eq!(failed["row"], 1);
    assert_eq!(
        failed["input"],
        serde_json::json!({"path": "broken", "size": 13})
    );

    // The first one in order ends a run that has no place for dead letters.
    let first = if cfg!(unix) { "caf" } else { "huge" };
    folder
        .run(&format!("{run} --quiet"))
        .fails(3, &["can't read `in/", first, "--dead-letter"]);
    folder
        .run(&format!(
            "{run} --max-file-size 66MiB --dead-letter dead.ndjson"
        ))
        .done();
    let paths = texts(&lines(&folder, "out.ndjson"), "path");
    assert_eq!(paths, ["a", "huge", "z"]);
    for size in ["2GiB", "much"] {
        folder
            .run(&format!("{run} --max-file-size {size}"))
            .fails(2, &["a size such as `64MiB`, at most 1GiB"]);
    }
}

#[test]
fn explain_takes_the_row_of_a_folder() {
    let folder = folder(&[("a", b"12345"), ("b", &[7; 5000])]);
    let run = "explain pipeline.toml --input in --json --row";
    let told = |row: u32| -> Value {
        let ran = folder.run(&format!("{run} {row}")).done();
        serde_json::from_slice(&ran.stdout).unwrap()
    };
    let first = told(0);
    let input = serde_json::json!({"path": "a", "size": 5});
    assert_eq!(first["input"], input);
    assert_eq!(first["stages"][0]["inputs"]["bytes"], "MTIzNDU=");
    assert_eq!(told(1)["stages"][0]["inputs"]["bytes"], "5000 bytes");
    folder
        .run(&format!("{run} 2"))
        .fails(2, &["there is no row 2: the input has 2 rows"]);
}

#[test]
fn what_a_folder_can_not_be() {
    let folder = folder(&[("a", b"1")]);
    for output in ["in/out.csv", "./in/../in/out.csv"] {
        folder
            .run(&format!("run pipeline.toml --input in --output {output}"))
            .fails(2, &["lies in `in`, which is read", "write it elsewhere"]);
    }
    folder
        .run("run pipeline.toml --input in --output out.csv --dead-letter in/dead.ndjson")
        .fails(2, &["`in/dead.ndjson` lies in `in`"]);
    folder
        .run("run pipeline.toml --input missing --format csv --output out.csv")
        .fails(3, &["missing"]);
    folder.write("rows.csv", "path,size\na,1\n");
    folder
        .run("run pipeline.toml --input in rows.csv --output out.csv")
        .fails(3, &["rows.csv"]);
    assert_eq!(
        folder.names(),
        ["in", "pipeline.toml", "rows.csv", "sizes.rules"]
    );
}

/// The example's folder, or `None` where its model was not fetched.
fn upload_gate() -> Option<PathBuf> {
    let example = Path::new(ROOT).join("examples/upload-gate");
    if example.join("file-type.onnx").exists() {
        return Some(example);
    }
    assert!(
        env::var_os("CI").is_none(),
        "run the tests with `./dev test`"
    );
    eprintln!("nothing tested: the model of upload-gate is not there; `./dev setup` fetches it");
    None
}

fn csv(text: &[u8]) -> Vec<BTreeMap<String, String>> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows = lines.map(|line| {
        let cells = line.split(',').map(str::to_owned);
        names
            .iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect()
    });
    rows.collect()
}

#[test]
fn types_are_those_of_magikas_own_implementation() {
    let Some(example) = upload_gate() else { return };
    let folder = Folder::new();
    let expected = csv(&fs::read(example.join("expected.csv")).unwrap());
    let columns =
        "path,detected_type,detected_score,detected_mime,detected_group,detected_text,decision";
    for options in ["", "--batch-rows 7 --jobs 2"] {
        let (pipeline, samples) = (example.join("pipeline.toml"), example.join("samples"));
        let arguments = format!(
            "run {} --input {} --output out.csv --columns {columns} {options}",
            pipeline.display(),
            samples.display()
        );
        folder.run(&arguments).done();
        let found = csv(&folder.read("out.csv"));
        assert_eq!((found.len(), expected.len()), (67, 67));
        for (found, expected) in found.iter().zip(&expected) {
            let path = &expected["path"];
            assert_eq!(&found["path"], path);
            for (column, reference) in [
                ("detected_type", "label"),
                ("detected_mime", "mime"),
                ("detected_group", "group"),
                ("detected_text", "is_text"),
            ] {
                assert_eq!(found[column], expected[reference], "{path}");
            }
            let score = |text: &str| text.parse::<f64>().unwrap();
            let difference = score(&found["detected_score"]) - score(&expected["score"]);
            assert!(difference.abs() <= SCORE_TOLERANCE, "{path}: {difference}");
        }
    }
}

#[test]
fn the_gate_decides_about_every_sample() {
    let Some(example) = upload_gate() else { return };
    let folder = Folder::new();
    let arguments = |command: &str| {
        let (pipeline, samples) = (example.join("pipeline.toml"), example.join("samples"));
        let (pipeline, samples) = (pipeline.display(), samples.display());
        format!("{command} {pipeline} --input {samples}")
    };
    folder
        .run(&format!("{} --output out.ndjson", arguments("run")))
        .done();
    let rows = lines(&folder, "out.ndjson");
    let told = |name: &str| {
        let row = rows.iter().find(|row| row["path"] == name).unwrap();
        let reasons = row["reasons"].as_array().unwrap().iter();
        let reasons: Vec<_> = reasons.map(|reason| reason.as_str().unwrap()).collect();
        (row["decision"].as_str().unwrap(), reasons.join("; "))
    };
    for (path, decision, reasons) in [
        (
            "inbox/avatar.png",
            "reject",
            "called .png, but it is php; code under another name",
        ),
        (
            "inbox/budget.csv",
            "quarantine",
            "called .csv, but it is xlsx",
        ),
        (
            "inbox/holiday.jpg",
            "reject",
            "called .jpg, but it is html; code under another name",
        ),
        (
            "inbox/invoice.pdf",
            "reject",
            "called .pdf, but it is elf; programs are not taken",
        ),
        ("inbox/large.bmp", "accept", ""),
        (
            "inbox/noise.dat",
            "quarantine",
            "the name does not say what it is; nobody knows what it is",
        ),
        (
            "inbox/notes.txt",
            "quarantine",
            "called .txt, but it is zip",
        ),
        ("inbox/nothing.txt", "reject", "there is nothing in it"),
        ("inbox/short.txt", "accept", ""),
        (
            "inbox/timetable.csv",
            "quarantine",
            "called .csv, but it is json",
        ),
        (
            "inbox/without-extension",
            "quarantine",
            "the name does not say what it is",
        ),
        ("docs/tides.pdf", "accept", ""),
        (
            "archives/docs.zip",
            "quarantine",
            "archives are opened before they go on",
        ),
    ] {
        assert_eq!(told(path), (decision, reasons.to_owned()), "{path}");
    }
    // Nothing outside of these is put aside or refused but archives and programs.
    for row in &rows {
        let path = row["path"].as_str().unwrap();
        let decision = match path.split('/').next().unwrap() {
            "inbox" => continue,
            "archives" => "quarantine",
            "programs" => "reject",
            _ => "accept",
        };
        assert_eq!(row["decision"], decision, "{path}");
    }

    let gate = "--param gate.max_mib=0 --output none.ndjson";
    folder.run(&format!("{} {gate}", arguments("run"))).done();
    let refused = lines(&folder, "none.ndjson");
    assert!(refused.iter().all(|row| row["decision"] == "reject"));

    let place = rows
        .iter()
        .position(|row| row["path"] == "inbox/invoice.pdf");
    let explain = format!("{} --row {} --json", arguments("explain"), place.unwrap());
    let ran = folder.run(&explain).done();
    let account: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(account["input"]["path"], "inbox/invoice.pdf");
    assert_eq!(account["stages"][1]["outputs"]["detected_type"], "elf");
    assert_eq!(account["stages"][2]["outputs"]["decision"], "reject");
}
