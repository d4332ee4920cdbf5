//! What a model may take in memory: by the manifest, by row, and composed with the engine.

#![allow(clippy::unwrap_used, reason = "a test: what fails is a failure")]

#[path = "../../crates/inference/tests/hostile/build.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of other tests, of which this takes some"
)]
mod build;
mod support;

use std::fs;
use std::path::Path;

use build::{file, longs, node, value, with_int, with_ints};
use rten_onnx::onnx::{DataType, GraphProto};
use support::Folder;

const COMPONENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/components");

/// Texts of n tokens take n * n * n floats: 64 MiB for 256 tokens.
fn cubic() -> Vec<u8> {
    let unsqueeze = |axes: &str, output: &str| node("Unsqueeze", &["ids", axes], &[output]);
    let mean = with_ints(node("ReduceMean", &["cube"], &["mean"]), "axes", &[1, 2, 3]);
    file(GraphProto {
        node: vec![
            with_int(node("Cast", &["input_ids"], &["ids"]), "to", 1),
            unsqueeze("behind", "a"),
            unsqueeze("around", "b"),
            unsqueeze("before", "c"),
            node("Mul", &["a", "b"], &["square"]),
            node("Mul", &["square", "c"], &["cube"]),
            with_int(mean, "keepdims", 0),
            node("Unsqueeze", &["mean", "last"], &["column"]),
            node("Expand", &["column", "width"], &["embedding"]),
        ],
        initializer: vec![
            longs("behind", &[2, 3]),
            longs("around", &[1, 3]),
            longs("before", &[1, 2]),
            longs("last", &[1]),
            longs("width", &[1, 4]),
        ],
        input: vec![value("input_ids", DataType::INT32, Some(&[-1, -1]))],
        output: vec![value("embedding", DataType::FLOAT, Some(&[-1, 4]))],
        ..GraphProto::default()
    })
}

/// Three texts, the second of 256 tokens; the manifest's `[[model]]` ends with `model`, its stage with `stage`.
fn folder(model: &str, stage: &str) -> Folder {
    let folder = Folder::new();
    let component = Path::new(COMPONENTS).join("text-embedding.wasm");
    folder.write("text-embedding.wasm", fs::read(component).unwrap());
    folder.write("cubic.onnx", cubic());
    folder.write(
        "pipeline.toml",
        format!(
            "[pipeline]\nname = \"texts\"\n[[model]]\nname = \"text-embedding\"\nfile = \"cubic.onnx\"\n{model}\n\
             [[stage]]\nname = \"embed\"\ncomponent = \"text-embedding.wasm\"\n{stage}\n"
        ),
    );
    let long = "word ".repeat(300);
    folder.write("rows.csv", format!("text\nshort\n{long}\nlast\n"));
    folder
}

const RUN: &str =
    "run pipeline.toml --input rows.csv --output out.ndjson --dead-letter dead.ndjson";

#[test]
fn a_text_that_takes_too_much_fails_its_row() {
    for together in [1, 3] {
        let params = format!("params = {{ together = {together} }}\n");
        let strict = folder("max_memory = \"1MiB\"", &params);
        strict.run(RUN).fails(
            1,
            &[
                "model `text-embedding`: node `cube_Mul` (`Mul`) needs 64.0 MiB for [1, 256, 256, 256]",
                "more than the 1.0 MiB that one computation may take",
                "the model's `max_memory` in the manifest raises that",
            ],
        );
        assert!(!strict.names().contains(&"out.ndjson".to_owned()));

        let lenient = folder(
            "max_memory = \"1MiB\"",
            &format!("{params}on_error = \"dead-letter\""),
        );
        lenient.run(RUN).done();
        let out = String::from_utf8(lenient.read("out.ndjson")).unwrap();
        assert_eq!(out.lines().count(), 2, "{out}");
        let dead = String::from_utf8(lenient.read("dead.ndjson")).unwrap();
        assert_eq!(dead.lines().count(), 1, "{dead}");
        assert!(dead.contains("needs 64.0 MiB"), "{dead}");
    }
}

#[test]
fn the_manifest_raises_and_lifts_the_limit() {
    for model in ["", "max_memory = \"1GiB\"", "max_memory = \"unlimited\""] {
        let enough = folder(model, "");
        enough.run(RUN).done();
        let out = String::from_utf8(enough.read("out.ndjson")).unwrap();
        assert_eq!(out.lines().count(), 3);
    }
    folder("max_memory = \"much\"", "")
        .run(RUN)
        .fails(2, &["`much` is not a size such as `4GiB`, or `unlimited`"]);
}

/// The engine's memory is the stage's: what it is refused ends the stage, and nothing else.
#[test]
fn a_composed_engine_is_held_to_the_memory_of_its_stage() {
    let folder = folder("", "");
    folder
        .run("compose text-embedding.wasm --with-engine --model text-embedding=cubic.onnx -o all.wasm")
        .done();
    let manifest = |memory: &str| {
        format!(
            "[pipeline]\nname = \"texts\"\n[[stage]]\nname = \"embed\"\ncomponent = \"all.wasm\"\n\
             limits = {{ memory = \"{memory}\", deadline = \"60s\" }}\n"
        )
    };
    folder.write("pipeline.toml", manifest("64MiB"));
    folder.run(RUN).fails(4, &["stage `embed`", "memory", "64"]);
    folder.write("pipeline.toml", manifest("512MiB"));
    folder.run(RUN).done();
}
