//! The example `credit`: a model that is a stage of its own, and rules behind it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::Folder;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const TOLERANCE: f64 = 1e-5;
const RISK: &str = r#"
[[stage]]
name = "risk"
model = "credit.onnx"
outputs = ["forecast", "p_bad", "p_good"]
"#;

fn example() -> Folder {
    Folder::copy_of(&Path::new(ROOT).join("examples/credit"))
}

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    let text = String::from_utf8(folder.read(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn run(folder: &Folder, pipeline: &str, output: &str) {
    folder
        .run(&format!(
            "run {pipeline} --input credit-sample.csv --output {output}"
        ))
        .done();
}

#[test]
fn labels_are_those_of_onnx_runtime_and_decisions_are_counted() {
    let folder = example();
    run(&folder, "pipeline.toml", "out.ndjson");
    let rows = lines(&folder, "out.ndjson");
    let reference: Value = serde_json::from_slice(&folder.read("reference.json")).unwrap();
    assert_eq!(rows.len(), 1000);
    let mut decisions: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["forecast"], reference["label"][at], "row {at}");
        for name in ["p_bad", "p_good"] {
            let (ours, theirs) = (row[name].as_f64(), reference[name][at].as_f64());
            let difference = (ours.unwrap() - theirs.unwrap()).abs();
            assert!(difference <= TOLERANCE, "row {at}, {name}: {difference}");
        }
        let decision = row["decision"].as_str().unwrap();
        *decisions.entry(decision).or_default() += 1;
        let queue = row["queue"].as_str().unwrap();
        assert_eq!(decision == "review", !queue.is_empty(), "{row}");
        let reasons = row["reasons"].as_array().unwrap();
        assert_eq!(decision == "approve", reasons.is_empty(), "{row}");
    }
    let expected = [("approve", 661), ("decline", 155), ("review", 184)];
    assert_eq!(decisions, BTreeMap::from(expected));
}

#[test]
fn reasons_are_told_behind_a_compiled_model() {
    let folder = example();
    folder
        .run("run pipeline.toml -i credit-sample.csv -o out.ndjson --why --why-not desk.too_risky --funnel")
        .done();
    let rows = lines(&folder, "out.ndjson");
    let mut n_stopped = 0;
    for row in &rows {
        let fired = row["rules_fired"].as_array().unwrap();
        let stopped = row["why_not_desk.too_risky"].as_str();
        let is_fired = fired.contains(&Value::from("desk.too_risky"));
        assert_eq!(stopped.is_none(), is_fired, "{row}");
        n_stopped += u32::from(stopped.is_some());
    }
    assert!(n_stopped > 0 && n_stopped < 1000, "{n_stopped}");
}

#[test]
fn the_compiled_component_gives_the_same() {
    let folder = example();
    run(&folder, "pipeline.toml", "model.csv");
    folder
        .run("model compile credit.onnx --outputs forecast,p_bad,p_good -o credit.wasm")
        .done();
    let manifest = fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let model = "model = \"credit.onnx\"\noutputs = [\"forecast\", \"p_bad\", \"p_good\"]";
    assert!(manifest.contains(model));
    let component = manifest.replace(model, "component = \"credit.wasm\"");
    folder.write("component.toml", component);
    run(&folder, "component.toml", "component.csv");
    assert_eq!(folder.read("model.csv"), folder.read("component.csv"));
    // So does the model alone, under its own names.
    run(&folder, "credit.onnx", "alone.ndjson");
    run(&folder, "pipeline.toml", "out.ndjson");
    for (alone, whole) in lines(&folder, "alone.ndjson")
        .iter()
        .zip(lines(&folder, "out.ndjson"))
    {
        assert_eq!(alone["label"], whole["forecast"]);
        assert_eq!(alone["p_bad"], whole["p_bad"]);
    }
}

#[test]
fn it_is_checked_tested_and_inspected() {
    let folder = example();
    let checked = folder
        .run("check pipeline.toml terms.rules credit.rules")
        .done();
    assert!(
        checked.stderr.contains("pipeline.toml: no problems"),
        "{}",
        checked.stderr
    );
    folder.run("fmt --check terms.rules credit.rules").done();
    let tested = folder.run("test pipeline.toml").done();
    let text = String::from_utf8(tested.stdout).unwrap();
    for invariant in [
        "high risk is never large",
        "nothing is granted above the limit",
    ] {
        assert!(text.contains(invariant), "{text}");
    }
    let inspected = folder.run("inspect pipeline.toml").done();
    let text = String::from_utf8(inspected.stdout).unwrap();
    assert!(
        text.contains("credit.onnx") && text.contains("p_bad: f32"),
        "{text}"
    );
    folder
        .run("model compile credit.onnx -o credit.wasm")
        .done();
    let inspected = folder.run("inspect credit.wasm").done();
    let text = String::from_utf8(inspected.stdout).unwrap();
    for column in ["checking: string?", "months: double?", "p_good: f32"] {
        assert!(text.contains(column), "{text}");
    }
}

#[test]
fn one_applicant_is_explained() {
    let folder = example();
    let ran = folder
        .run("explain pipeline.toml --input credit-sample.csv --row 1")
        .done();
    let text = String::from_utf8(ran.stdout).unwrap();
    for part in [
        "stage risk",
        "p_bad",
        "this stage does not explain itself",
        "stage desk",
        "table limits",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let ran = folder
        .run("explain pipeline.toml --input credit-sample.csv --row 1 --json")
        .done();
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let risk = &told["stages"][0];
    assert_eq!(risk["stage"], "risk");
    assert!(risk["outputs"]["p_bad"].as_f64().is_some(), "{risk}");
    assert!(risk.get("rules").is_none(), "a model has no trace");
}

#[test]
fn only_rows_that_pass_a_gate_reach_the_model() {
    let folder = example();
    let manifest = format!("[pipeline]\nname = \"gated\"\n{RISK}when = \"amount > 5000.0\"\n");
    folder.write("gated.toml", manifest);
    run(&folder, "gated.toml", "out.ndjson");
    let rows = lines(&folder, "out.ndjson");
    let n_passed = rows
        .iter()
        .filter(|row| row["amount"].as_f64().unwrap() > 5000.0)
        .count();
    assert!(n_passed > 0 && n_passed < rows.len());
    for row in &rows {
        let passed = row["amount"].as_f64().unwrap() > 5000.0;
        assert_eq!(row["p_bad"].is_null(), !passed, "{row}");
        assert_eq!(row["forecast"].is_null(), !passed, "{row}");
    }
}

#[test]
fn a_missing_text_fails_its_row() {
    let folder = example();
    let text = fs::read_to_string(folder.join("credit-sample.csv")).unwrap();
    let head: Vec<&str> = text.lines().take(3).collect();
    let broken = format!(
        "{}\n{}\n{}\n",
        head[0],
        head[1],
        head[2].replace("0 <= ... < 200 DM", "")
    );
    folder.write("broken.csv", broken);
    folder
        .run("run credit.onnx --input broken.csv --output out.csv")
        .fails(1, &["checking", "row 1"]);
}

#[test]
fn models_that_are_no_stages_are_refused_with_their_place() {
    let folder = example();
    let path = Path::new(ROOT).join("tests/models/types.onnx");
    fs::copy(path, folder.join("network.onnx")).unwrap();
    let stage = |lines: &str| {
        folder.write(
            "bad.toml",
            format!("[pipeline]\nname = \"bad\"\n\n[[stage]]\nname = \"risk\"\n{lines}\n"),
        );
        folder.run("run bad.toml --input credit-sample.csv --output out.csv")
    };
    stage("model = \"network.onnx\"").fails(3, &["bad.toml:6:9", "`half`", "[[model]]"]);
    folder.write("cut.onnx", &folder.read("credit.onnx")[..5000]);
    stage("model = \"cut.onnx\"").fails(3, &["bad.toml:6:9", "can't compile `cut.onnx`"]);
    stage("model = \"credit.onnx\"\noutputs = [\"one\"]").fails(3, &["bad.toml:6:9", "1"]);
    stage("model = \"lost.onnx\"").fails(3, &["can't use `lost.onnx`"]);
    stage("rules = \"credit.rules\"\nfeatures = [\"a\"]")
        .fails(2, &["`features` names the columns"]);
    folder
        .run("run cut.onnx --input credit-sample.csv --output out.csv")
        .fails(3, &["can't compile `cut.onnx`"]);
    let checked = folder.run("check bad.toml");
    assert_eq!(checked.status, Some(1), "{}", checked.stderr);
}
