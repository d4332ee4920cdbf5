//! The stage `image`: the example scans and lines of text, against the models' own packages; with either engine, and
//! composed with the embedded one.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test: what fails is a failure, and what can't be tested says so"
)]

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Folder, Ran};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Of scores.
const TOLERANCE: f64 = 1e-5;
/// Decoders of JPEG may differ by 1 in a value: of the scores of a whole page, and of a box on it.
const JPEG_TOLERANCES: (f64, f64) = (1e-4, 2e-3);
/// Of corners, in pixels.
const CORNER_TOLERANCE: f64 = 0.25;

/// The file, or `None` where it was not fetched.
fn fetched(path: &str) -> Option<PathBuf> {
    let path = Path::new(ROOT).join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(
        env::var_os("CI").is_none(),
        "run the tests with `./dev test`"
    );
    eprintln!(
        "nothing tested: {} was not fetched; `./dev setup` does",
        path.display()
    );
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn rows(folder: &Folder, name: &str) -> Vec<Value> {
    let text = String::from_utf8(folder.read(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("a number, not {value}"))
}

/// The example in a folder of its own, or `None` where its models were not fetched.
fn scans() -> Option<(Folder, Value)> {
    fetched("examples/scans/orientation.onnx")?;
    fetched("examples/scans/layout.onnx")?;
    let example = Path::new(ROOT).join("examples/scans");
    let folder = Folder::copy_of(&example);
    let stage = Path::new(ROOT).join("target/components/image.wasm");
    fs::copy(stage, folder.join("image.wasm")).unwrap();
    Some((folder, json(&example.join("expected.json"))))
}

fn run(folder: &Folder, pipeline: &str, options: &str, library: Option<&str>) -> Ran {
    let arguments = format!(
        "run {pipeline} --input samples --output out.ndjson --dead-letter dead.ndjson{options}"
    );
    let mut command = folder.command(arguments.split_whitespace());
    command.env_remove("RULESTAGE_ONNXRUNTIME");
    if let Some(path) = library {
        command.env("RULESTAGE_ONNXRUNTIME", path);
    }
    Ran::from(command.output().unwrap())
}

/// The output's rows against what the packages say.
fn check(folder: &Folder, expected: &Value) {
    let expected = expected.as_object().unwrap();
    let images = expected.values().filter(|value| !value.is_null()).count();
    let found = rows(folder, "out.ndjson");
    assert_eq!(found.len(), images);
    assert!(images >= 8);
    for row in found {
        let path = row["path"].as_str().unwrap();
        let wanted = &expected[path];
        assert_eq!(row["turned"], wanted["orientation"], "{path}");
        let (of_page, of_box) = match path.ends_with(".jpg") {
            true => JPEG_TOLERANCES,
            false => (TOLERANCE, TOLERANCE),
        };
        let best = wanted["scores"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .fold(0.0, f64::max);
        let difference = (number(&row["turned_score"]) - best).abs();
        assert!(difference <= of_page, "{path}: {difference}");
        if wanted["orientation"] != "0" {
            assert!(row["layout"].is_null(), "{path}: the gate was closed");
            continue;
        }
        let boxes = row["layout"].as_array().unwrap();
        let wanted = wanted["layout"].as_array().unwrap();
        assert_eq!(boxes.len(), wanted.len(), "{path}");
        for (got, wanted) in boxes.iter().zip(wanted) {
            assert_eq!(got["label"], wanted["label"], "{path}");
            let difference = (number(&got["score"]) - number(&wanted["score"])).abs();
            assert!(difference <= of_box, "{path}: {difference}");
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| number(&got[key]));
            let corners = wanted["corners"].as_array().unwrap();
            for (got, wanted) in [x, y, x + width, y + height].iter().zip(corners) {
                let difference = (got - number(wanted)).abs();
                assert!(difference <= CORNER_TOLERANCE, "{path}: {difference}");
            }
        }
    }
    let dead = rows(folder, "dead.ndjson");
    let mut broken: Vec<(&str, &str)> = dead
        .iter()
        .map(|row| {
            (
                row["input"]["path"].as_str().unwrap(),
                row["message"].as_str().unwrap(),
            )
        })
        .collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            (
                "broken/cut_short.jpg",
                "the JPEG image is damaged or of an unsupported kind: Exhausted data in the image"
            ),
            (
                "broken/cut_short.png",
                "the PNG image is damaged or of an unsupported kind: I/O error Not enough bytes, expected 4 but found 0"
            ),
            (
                "broken/huge.png",
                "the image has 65000 x 65000 pixels, and no side may be longer than 32767"
            ),
            (
                "broken/notes.jpg",
                "it is no image: neither JPEG, PNG nor WebP"
            ),
        ]
    );
}

#[test]
fn pages_are_read_as_the_models_own_packages_do() {
    let Some((folder, expected)) = scans() else {
        return;
    };
    run(&folder, "pipeline.toml", "", None).done();
    check(&folder, &expected);
    let all = folder.read("out.ndjson");
    run(&folder, "pipeline.toml", " --batch-rows 1 --jobs 2", None).done();
    assert!(
        all == folder.read("out.ndjson"),
        "results depend on the batch"
    );
    let library = env::var("RULESTAGE_TEST_ONNXRUNTIME").unwrap_or_default();
    if !library.is_empty() {
        let summary = run(&folder, "pipeline.toml", "", Some(&library))
            .done()
            .stderr;
        assert!(summary.contains("model layout: onnxruntime"), "{summary}");
        check(&folder, &expected);
    }
}

#[test]
fn decisions_follow_from_what_is_on_the_page() {
    let Some((folder, _)) = scans() else { return };
    run(
        &folder,
        "pipeline.toml",
        " --columns path,action,tables",
        None,
    )
    .done();
    let found: Vec<String> = rows(&folder, "out.ndjson")
        .iter()
        .map(Value::to_string)
        .collect();
    let wanted = [
        ("feeder/left.png", "turn", 0),
        ("feeder/right.jpg", "turn", 0),
        ("feeder/upside_down.jpg", "turn", 0),
        ("letter.jpg", "archive", 0),
        ("phone/noted.jpg", "archive", 0),
        ("prices.png", "extract", 2),
        ("prices.webp", "extract", 2),
        ("report.jpg", "archive", 0),
    ];
    let wanted = wanted.map(|(path, action, tables)| {
        serde_json::json!({ "path": path, "action": action, "tables": tables }).to_string()
    });
    assert_eq!(found, wanted);
    folder.run("test pipeline.toml").done();
}

#[test]
fn composed_with_the_engine_it_needs_no_host_support() {
    let Some((folder, expected)) = scans() else {
        return;
    };
    let mut manifest = String::from_utf8(folder.read("pipeline.toml")).unwrap();
    for model in ["orientation", "layout"] {
        folder
            .run(&format!(
                "compose image.wasm --with-engine --model {model}.onnx -o {model}.wasm"
            ))
            .done();
        let listed = manifest
            .find(&format!("[[model]]\nname = \"{model}\""))
            .unwrap();
        let end = listed + manifest[listed..].find("\n\n").unwrap();
        manifest.replace_range(listed..end, "");
        let stage = format!("name = \"{model}\"\ncomponent = \"");
        manifest = manifest.replace(
            &format!("{stage}image.wasm"),
            &format!("{stage}{model}.wasm"),
        );
    }
    assert!(!manifest.contains("[[model]]") && !manifest.contains("image.wasm"));
    folder.write("composed.toml", manifest);
    run(&folder, "composed.toml", "", None).done();
    check(&folder, &expected);
}

/// A row that fails, not the run: memory is asked for before the decoder needs it.
#[test]
fn images_that_there_is_no_memory_for() {
    let Some((folder, _)) = scans() else { return };
    let manifest = String::from_utf8(folder.read("pipeline.toml")).unwrap();
    folder.write("pipeline.toml", manifest.replace("256MiB", "64MiB"));
    let large = Path::new(ROOT).join("crates/vision/tests/files/large.webp");
    fs::copy(large, folder.join("samples/large.webp")).unwrap();
    run(&folder, "pipeline.toml", "", None).done();
    assert_eq!(rows(&folder, "out.ndjson").len(), 8);
    let dead = rows(&folder, "dead.ndjson");
    let large = dead.iter().find(|row| row["input"]["path"] == "large.webp");
    assert_eq!(
        large.unwrap()["message"],
        "the image has 5000 x 3000 pixels, for which 120000000 bytes of memory are needed"
    );
}

/// Another model, another way to prepare images: lines of text, upright or upside down.
#[test]
fn lines_are_read_as_pp_ocr_does() {
    let Some(model) = fetched("tests/models/fetched/ppocr_cls.onnx") else {
        return;
    };
    let component = Path::new(ROOT).join("components/image");
    let folder = Folder::new();
    folder.add(&component.join("lines"), &folder.join("lines"));
    fs::copy(model, folder.join("lines.onnx")).unwrap();
    fs::copy(
        Path::new(ROOT).join("target/components/image.wasm"),
        folder.join("image.wasm"),
    )
    .unwrap();
    let pipeline = |parameters: &str| {
        format!(
            "[pipeline]\nname = \"lines\"\n[[model]]\nname = \"lines\"\nfile = \"lines.onnx\"\n\
             [[stage]]\nname = \"lines\"\ncomponent = \"image.wasm\"\nlimits = {{ deadline = \"60s\" }}\n[stage.params]\n\
             model = \"lines\"\ninput = \"x\"\nwidth = 192\nheight = 48\n{parameters}\n"
        )
    };
    let usual = "fit = \"line\"\nchannels = \"bgr\"\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\npadding = 127.5\n\
                 labels = [\"0\", \"180\"]\ntop = 2";
    folder.write("lines.toml", pipeline(usual));
    let cases = json(&component.join("lines.json"));
    folder
        .run("run lines.toml --input lines --output out.ndjson")
        .done();
    let found = rows(&folder, "out.ndjson");
    assert_eq!(found.len(), 8);
    for row in &found {
        let file = &row["path"];
        let mut cases = cases.as_array().unwrap().iter();
        let case = cases.find(|case| case["file"] == *file).unwrap();
        assert_eq!(row["label"], case["label"], "{file}");
        let top = row["top"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["label"]), (2, &case["label"]));
        assert_eq!(top[0]["score"], row["score"]);
        for each in top {
            let class = usize::from(each["label"] == "180");
            let difference = (number(&each["score"]) - number(&case["scores"][class])).abs();
            assert!(difference <= TOLERANCE, "{file}: {difference}");
        }
    }

    for (parameters, message) in [
        (
            "labels = [\"0\"]",
            "model `lines` has 2 classes, and `labels` names 1",
        ),
        (
            "output = \"y\"",
            "model `lines` has no output `y`; its outputs are `save_infer_model/scale_0.tmp_1`",
        ),
        (
            "layout = \"nhwc\"",
            "the model expects x: f32[?, 3, ?, ?], and was given f32[1, 48, 192, 3]",
        ),
        ("element = \"u8\"", "and was given u8[1, 3, 48, 192]"),
        (
            "task = \"detect\"",
            "`decode` expects one output [1, 4 + classes, boxes], and the model gives [1, 2]",
        ),
        (
            "task = \"detect\"\ndecode = \"picodet\"",
            "`decode` expects scores [1, cells, classes]",
        ),
        (
            "fit = \"zoom\"",
            "`zoom` is none of stretch, crop, letterbox, line",
        ),
        ("filter = \"nearest\"", "`nearest` is none of opencv-linear"),
        (
            "mean = [0.5]",
            "must be a list of 3 numbers, like [0.5, 0.5, 0.5]",
        ),
        ("std = [1, 0, 1]", "must not contain 0"),
        ("min_score = 2", "must be a number from 0 to 1"),
        ("top = 0", "must be a number from 1 to 1000"),
        ("outputs = [\"a\"]", "must name 2 columns, for label, score"),
        (
            "task = \"segment\"",
            "`segment` is none of classify, detect",
        ),
    ] {
        // `min_score` belongs to detectors.
        let parameters = match parameters.starts_with("min_score") {
            true => format!("task = \"detect\"\n{parameters}"),
            false => parameters.to_owned(),
        };
        folder.write("lines.toml", pipeline(&parameters));
        let ran = folder.run("run lines.toml --input lines --output no.ndjson");
        assert_eq!(ran.status, Some(2), "{parameters}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{parameters}: {}", ran.stderr);
    }
}
