//! Models in pipelines: engines and what is said of them, cascades, and stages composed with the engine.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test: what fails is a failure, and what can't be tested says so"
)]

mod support;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use support::{Folder, Ran};

const TOLERANCE: f64 = 1e-5;
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const STAGE: &str = r#"
[[stage]]
name = "score"
component = "tabular.wasm"
params = { model = "score", columns = ["a", "b", "c", "d"], input = "features", outputs = ["p"] }
"#;

/// The tabular stage, the model `score` and `rows` rows; the manifest's `[[model]]` ends with `model`, its
/// stage with `stage`.
fn folder(model: &str, stage: &str, rows: usize) -> Folder {
    let folder = Folder::new();
    let copy = |from: &str, name: &str| {
        let bytes = fs::read(Path::new(ROOT).join(from)).unwrap();
        folder.write(name, bytes);
    };
    copy("target/components/tabular.wasm", "tabular.wasm");
    copy("tests/models/score.onnx", "score.onnx");
    let manifest = format!(
        "[pipeline]\nname = \"scores\"\n[[model]]\nname = \"score\"\nfile = \"score.onnx\"\n{model}\n{STAGE}{stage}\n"
    );
    folder.write("pipeline.toml", manifest);
    let mut csv = "row,a,b,c,d\n".to_owned();
    for row in 0..rows {
        let value = |step: usize| (row * step % 17) as f64 / 4.0 - 2.0;
        let [a, b, c, d] = [3, 5, 7, 11].map(value);
        writeln!(csv, "{row},{a},{b},{c},{d}").unwrap();
    }
    folder.write("rows.csv", csv);
    folder
}

fn run(folder: &Folder, onnxruntime: Option<&OsString>) -> Ran {
    let arguments = "run pipeline.toml --input rows.csv --output out.csv";
    let mut command = folder.command(arguments.split_whitespace());
    command.env_remove("RULESTAGE_ONNXRUNTIME");
    command.env("RULESTAGE_OPENVINO", "/no/such/openvino");
    if let Some(path) = onnxruntime {
        command.env("RULESTAGE_ONNXRUNTIME", path);
    }
    Ran::from(command.output().unwrap())
}

/// The values of one column of `out.csv`; empty cells are `None`.
fn column(folder: &Folder, name: &str) -> Vec<Option<f64>> {
    let text = String::from_utf8(folder.read("out.csv")).unwrap();
    let mut lines = text.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|known| known == name);
    let cell = |line: &str| line.split(',').nth(at.unwrap()).unwrap().parse().ok();
    lines.map(cell).collect()
}

/// The folder of ONNX Runtime, or `None` where this machine need not have it.
fn library() -> Option<OsString> {
    let path = env::var_os("RULESTAGE_TEST_ONNXRUNTIME").filter(|path| !path.is_empty());
    if path.is_none() {
        assert!(
            env::var_os("CI").is_none(),
            "run the tests with `./dev test`"
        );
        eprintln!("nothing tested: RULESTAGE_TEST_ONNXRUNTIME does not name ONNX Runtime");
    }
    path
}

#[test]
fn the_summary_says_which_engine_and_why() {
    let auto = folder("", "", 40);
    let summary = run(&auto, None).done().stderr;
    let said = "model score: rten, because it is embedded and can run it";
    assert!(summary.contains(said), "{summary}");
    let expected = column(&auto, "p");
    assert_eq!(expected.len(), 40);

    let chosen = folder("backend = \"rten\"\nthreads = 2", "", 40);
    let summary = run(&chosen, None).done().stderr;
    let said = "model score: rten, because the manifest asks for it";
    assert!(summary.contains(said), "{summary}");
    assert_eq!(column(&chosen, "p"), expected);

    let Some(library) = library() else { return };
    for (model, reason) in [
        ("backend = \"onnxruntime\"", "the manifest asks for it"),
        ("threads = 2", "its library was named"),
    ] {
        let accelerated = folder(model, "", 40);
        let summary = run(&accelerated, Some(&library)).done().stderr;
        let said = format!("model score: onnxruntime, because {reason}; from `");
        assert!(summary.contains(&said), "{summary}");
        for (left, right) in column(&accelerated, "p").iter().zip(&expected) {
            assert!((left.unwrap() - right.unwrap()).abs() <= TOLERANCE);
        }
    }
}

#[test]
fn openvino_computes_where_it_is_asked_for() {
    let Some(library) = env::var_os("RULESTAGE_TEST_OPENVINO").filter(|path| !path.is_empty())
    else {
        assert!(
            env::var_os("CI").is_none(),
            "run the tests with `./dev test`"
        );
        eprintln!("nothing tested: RULESTAGE_TEST_OPENVINO does not name OpenVINO");
        return;
    };
    let embedded = folder("", "", 40);
    run(&embedded, None).done();
    let expected = column(&embedded, "p");
    let asked = folder("backend = \"openvino\"", "", 40);
    let arguments = "run pipeline.toml --input rows.csv --output out.csv --batch-rows 7 --jobs 2";
    let mut command = asked.command(arguments.split_whitespace());
    command.env("RULESTAGE_OPENVINO", library);
    let summary = Ran::from(command.output().unwrap()).done().stderr;
    let said = "model score: openvino, because the manifest asks for it; from `";
    assert!(summary.contains(said), "{summary}");
    for (left, right) in column(&asked, "p").iter().zip(&expected) {
        assert!((left.unwrap() - right.unwrap()).abs() <= TOLERANCE);
    }
}

#[test]
fn an_engine_that_is_absent_is_an_error_that_says_how_to_get_it() {
    let nowhere = OsString::from("/no/such/folder");
    for (model, library, message) in [
        (
            "backend = \"onnxruntime\"",
            Some(&nowhere),
            "no ONNX Runtime at `/no/such/folder`",
        ),
        (
            "backend = \"openvino\"",
            None,
            "no OpenVINO at `/no/such/openvino`: there is no such file",
        ),
        (
            "backend = \"rten\"\ntarget = \"gpu\"",
            None,
            "the embedded engine computes on the processor only",
        ),
    ] {
        let folder = folder(model, "", 1);
        run(&folder, library).fails(2, &["model `score`", message]);
        assert!(!folder.names().contains(&"out.csv".to_owned()));
    }
    let Some(library) = library() else { return };
    let on_gpu = folder("target = \"gpu\"", "", 1);
    let ran = run(&on_gpu, Some(&library));
    // A machine that has what it takes computes; every other says what is missing.
    if ran.status != Some(0) {
        ran.fails(2, &["asks for the GPU", "no CUDA that works"]);
    }
}

#[test]
fn models_that_are_not_what_the_manifest_says() {
    let large = folder("max_size = \"100B\"", "", 1);
    run(&large, None).fails(
        3,
        &[
            "can't use `score.onnx`: it has ",
            "`max_size` for model `score` is 100",
        ],
    );
    let other = folder(&format!("sha256 = \"{}\"", "0".repeat(64)), "", 1);
    run(&other, None).fails(3, &["its SHA-256 is", "and the manifest has 0000"]);

    let truncated = folder("", "", 1);
    let half = truncated.read("score.onnx");
    truncated.write("score.onnx", &half[..half.len() / 2]);
    run(&truncated, None).fails(2, &["model `score`: not an ONNX model, or cut short"]);

    // Neither engine knows the operator: both say so, where the other is there at all.
    let unknown = folder("", "", 1);
    let mut bytes = unknown.read("score.onnx");
    let at = bytes.windows(4).position(|name| name == b"Tanh").unwrap();
    bytes[at..at + 4].copy_from_slice(b"Tahn");
    unknown.write("score.onnx", bytes);
    run(&unknown, None).fails(
        2,
        &[
            "the embedded engine can't load the model",
            "Tahn",
            "ONNX Runtime",
        ],
    );

    let zero = folder("threads = 0", "", 1);
    run(&zero, None).fails(2, &["`threads` must be a number from 1 to 256"]);
}

#[test]
fn only_the_rows_that_pass_a_gate_reach_the_model() {
    let everything = folder("", "", 1000);
    run(&everything, None).done();
    let expected = column(&everything, "p");
    let gated = folder("", "when = \"a > 0.5\"", 1000);
    for options in ["", " --batch-rows 7 --jobs 3"] {
        let arguments = format!("run pipeline.toml --input rows.csv --output out.csv{options}");
        let summary = gated.run(&arguments).done().stderr;
        let passes: Vec<bool> = column(&gated, "a")
            .iter()
            .map(|a| a.unwrap() > 0.5)
            .collect();
        let n_passed = passes.iter().filter(|passes| **passes).count();
        assert!(n_passed > 100 && n_passed < 900);
        let line = summary
            .lines()
            .find(|line| line.contains("stage score"))
            .unwrap();
        assert!(line.contains(&format!("  {n_passed} rows")), "{line}");
        let rows: Vec<f64> = column(&gated, "row").into_iter().flatten().collect();
        assert!(rows.is_sorted() && rows.len() == 1000);
        for (row, got) in column(&gated, "p").into_iter().enumerate() {
            let wanted = expected[row].filter(|_| passes[row]);
            assert_eq!(got.is_some(), wanted.is_some(), "row {row}");
            let (got, wanted) = (got.unwrap_or(0.0), wanted.unwrap_or(0.0));
            assert!(
                (got - wanted).abs() <= TOLERANCE,
                "row {row}: {got} for {wanted}"
            );
        }
    }
}

/// The flight desk with its forecast composed: no model in the manifest, and the same forecasts.
#[test]
fn a_composed_stage_needs_no_host_support() {
    let desk = Folder::copy_of(&Path::new(ROOT).join("examples/flight-desk"));
    desk.run("run pipeline.toml --input flights-sample.csv --output out.csv --quiet")
        .done();
    let expected = column(&desk, "p_late");
    desk.run("compose tabular.wasm --with-engine --model lateness.onnx -o lateness.wasm")
        .done();
    let facts = String::from_utf8(desk.run("inspect lateness.wasm").done().stdout).unwrap();
    assert!(!facts.contains("wasi:nn"), "{facts}");

    let manifest = String::from_utf8(desk.read("pipeline.toml")).unwrap();
    let listed = "[[model]]\nname = \"lateness\"\nfile = \"lateness.onnx\"\n";
    let composed = manifest
        .replace(listed, "")
        .replace("tabular.wasm", "lateness.wasm");
    assert!(!composed.contains("[[model]]") && composed.contains("lateness.wasm"));
    desk.write("composed.toml", composed);
    for options in ["", " --batch-rows 777 --jobs 2"] {
        let arguments = format!(
            "run composed.toml --input flights-sample.csv --output out.csv{options} --quiet"
        );
        desk.run(&arguments).done();
        let got = column(&desk, "p_late");
        assert_eq!(got.len(), 20_000);
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got.unwrap() - expected.unwrap()).abs() <= TOLERANCE);
        }
    }
}

#[test]
fn what_can_not_be_composed_is_said() {
    let folder = folder("", "", 1);
    let engine = "--with-engine --model score.onnx -o out.wasm";
    let compose = |arguments: &str| folder.run(&format!("compose {arguments}"));
    compose(&format!("score.onnx {engine}")).fails(
        3,
        &["can't compose `score.onnx`: not a WebAssembly component"],
    );
    folder.write(
        "plain.rules",
        "ruleset plain { input { a: int } output { b: int = 0 } }",
    );
    folder.run("compile plain.rules").done();
    compose(&format!("plain.wasm {engine}")).fails(3, &["the stage imports nothing"]);
    let wrong = "--with-engine=tabular.wasm --model score.onnx -o out.wasm";
    compose(&format!("tabular.wasm {wrong}"))
        .fails(3, &["`tabular.wasm`: the component is no engine"]);
    folder.write("broken.onnx", "not a model");
    let broken = "--with-engine --model broken.onnx -o out.wasm";
    compose(&format!("tabular.wasm {broken}"))
        .fails(3, &["can't use the model `broken.onnx`: not an ONNX model"]);
    let twice = "--with-engine --model score.onnx --model score.onnx -o out.wasm";
    compose(&format!("tabular.wasm {twice}")).fails(2, &["there are two models called `score`"]);
    assert!(!folder.names().contains(&"out.wasm".to_owned()));

    // A name that was not put in.
    compose(&format!(
        "tabular.wasm {} ",
        engine.replace("score.onnx", "other=score.onnx")
    ))
    .done();
    let manifest = format!(
        "[pipeline]\nname = \"x\"\n{}",
        STAGE.replace("tabular.wasm", "out.wasm")
    );
    folder.write("pipeline.toml", manifest);
    run(&folder, None).fails(2, &["the component has no model `score`; it has `other`"]);
}

/// Vectors of texts against ONNX Runtime and the reference tokenizer, where the 90 MB were fetched.
#[test]
fn texts_become_the_vectors_of_the_reference() {
    let component = Path::new(ROOT).join("components/text-embedding");
    let model = component.join("all-minilm-l6-v2.onnx");
    if !model.exists() {
        eprintln!(
            "nothing tested: components/text-embedding/reference.py makes all-minilm-l6-v2.onnx"
        );
        return;
    }
    let reference = fs::read(component.join("texts.json")).unwrap();
    let reference: Vec<serde_json::Value> = serde_json::from_slice(&reference).unwrap();
    let folder = Folder::new();
    fs::copy(&model, folder.join("model.onnx")).unwrap();
    let stage = Path::new(ROOT).join("target/components/text-embedding.wasm");
    fs::copy(stage, folder.join("text-embedding.wasm")).unwrap();
    let manifest = |parameters: &str| {
        format!(
            "[pipeline]\nname = \"texts\"\n[[model]]\nname = \"text-embedding\"\nfile = \"model.onnx\"\n\
             [[stage]]\nname = \"embed\"\ncomponent = \"text-embedding.wasm\"\n{parameters}\n\
             limits = {{ deadline = \"60s\" }}\n"
        )
    };
    folder.write("pipeline.toml", manifest(""));
    let row = |text: &serde_json::Value| format!("{}\n", serde_json::json!({ "text": text }));
    let mut rows: String = reference.iter().map(|case| row(&case["text"])).collect();
    rows += &row(&serde_json::Value::Null);
    folder.write("rows.ndjson", rows);
    folder
        .run("run pipeline.toml --input rows.ndjson --output out.ndjson --batch-rows 5")
        .done();
    let output = String::from_utf8(folder.read("out.ndjson")).unwrap();
    let found: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), reference.len() + 1);
    assert!(found.last().unwrap()["embedding"].is_null());
    let compare = |found: &[serde_json::Value]| {
        for (found, case) in found.iter().zip(&reference) {
            let vector = |row: &serde_json::Value| -> Vec<f64> {
                let values = row["embedding"].as_array().unwrap().iter();
                values.map(|value| value.as_f64().unwrap()).collect()
            };
            let (found, wanted) = (vector(found), vector(case));
            assert_eq!((found.len(), wanted.len()), (384, 384));
            let differences = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
            let largest = differences.fold(0.0, f64::max);
            assert!(largest <= TOLERANCE, "{}: {largest}", case["text"]);
        }
    };
    compare(&found);
    // Each text is computed alone: no bit depends on the batch.
    folder
        .run("run pipeline.toml --input rows.ndjson --output whole.ndjson")
        .done();
    assert!(folder.read("whole.ndjson") == folder.read("out.ndjson"));
    // Together, what engines round differently is all that neighbours change; here each text stands there twice.
    folder.write("pipeline.toml", manifest("params = { together = 8 }"));
    let input = String::from_utf8(folder.read("rows.ndjson")).unwrap();
    folder.write("twice.ndjson", input.repeat(2));
    folder
        .run("run pipeline.toml --input twice.ndjson --output together.ndjson")
        .done();
    let output = String::from_utf8(folder.read("together.ndjson")).unwrap();
    let found: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), 2 * (reference.len() + 1));
    compare(&found);
    compare(&found[reference.len() + 1..]);
    folder.write("pipeline.toml", manifest("params = { together = 65 }"));
    folder
        .run("run pipeline.toml --input rows.ndjson --output none.ndjson")
        .fails(2, &["together", "a number from 1 to 64"]);
    folder.write("pipeline.toml", manifest("params = { max_tokens = 1 }"));
    folder
        .run("run pipeline.toml --input rows.ndjson --output none.ndjson")
        .fails(2, &["max_tokens", "a number from 2 to 512"]);
}
