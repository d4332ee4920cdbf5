//! Models that others published, loaded and run by both engines: PP-OCR (text detection, recognition and line
//! orientation) and silero-vad (speech detection), against the answers of Python's onnxruntime in
//! `tests/models/fetched.json`.
//!
//! `./dev test` fetches the models and ONNX Runtime. Without them these tests say so and pass, unless `CI` is set.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test: it reads its environment and says why it did nothing"
)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rulestage_inference::{Backend, DataType, Model, Options, Rten, Tensor};
use rulestage_onnxruntime::OnnxRuntime;
use serde_json::Value;

/// The most that two engines may differ.
const TOLERANCE: f64 = 1e-5;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models"))
}

fn file(model: &str) -> Option<Vec<u8>> {
    let path = folder().join("fetched").join(format!("{model}.onnx"));
    match fs::read(&path) {
        Ok(file) => Some(file),
        Err(_) => {
            assert!(
                env::var_os("CI").is_none(),
                "run the tests with `./dev test`"
            );
            eprintln!("nothing tested: {model}.onnx was not fetched; `./dev setup` does");
            None
        }
    }
}

fn cases() -> Vec<Value> {
    let text = fs::read(folder().join("fetched.json")).expect("the answers");
    let cases: Value = serde_json::from_slice(&text).expect("JSON");
    cases.as_array().expect("a list").clone()
}

fn dims(json: &Value) -> Vec<u32> {
    let dims = json["dims"].as_array().expect("dimensions").iter();
    dims.map(|dim| dim.as_u64().expect("a dimension") as u32)
        .collect()
}

/// The generator of `fetched.py`.
fn noise(n: u32, low: f64, high: f64) -> Vec<u8> {
    let mut state = 12_345_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) * (high - low) + low
    };
    (0..n).flat_map(|_| (next() as f32).to_le_bytes()).collect()
}

fn inputs(case: &Value) -> Vec<(String, Tensor)> {
    let inputs = case["inputs"].as_object().expect("inputs").iter();
    let tensors = inputs.map(|(name, input)| {
        let dims = dims(input);
        let tensor = match input["int"].as_i64() {
            Some(value) => Tensor {
                dims,
                dtype: DataType::I64,
                data: value.to_le_bytes().to_vec(),
            },
            None => {
                let number = |key: &str| input[key].as_f64().expect("a number");
                let n = dims.iter().product();
                Tensor {
                    dims,
                    dtype: DataType::F32,
                    data: noise(n, number("low"), number("high")),
                }
            }
        };
        (name.clone(), tensor)
    });
    tensors.collect()
}

/// The largest difference of any kept element.
#[track_caller]
fn check(case: &Value, model: &Model) {
    let name = case["model"].as_str().expect("a name");
    let engine = model.backend();
    let outputs = model
        .compute(inputs(case))
        .unwrap_or_else(|error| panic!("{name}, {engine}: {error}"));
    let expected = case["outputs"].as_object().expect("outputs");
    assert_eq!(outputs.len(), expected.len());
    for (output, tensor) in outputs {
        let expected = &expected[&output];
        assert_eq!(
            (tensor.dtype, &tensor.dims),
            (DataType::F32, &dims(expected)),
            "{name}: {output}"
        );
        let step = expected["step"].as_u64().expect("a step") as usize;
        let (elements, _) = tensor.data.as_chunks::<4>();
        let kept: Vec<f64> = elements
            .iter()
            .step_by(step)
            .map(|b| f32::from_le_bytes(*b).into())
            .collect();
        let wanted = expected["values"].as_array().expect("values");
        assert_eq!(kept.len(), wanted.len());
        let differences = kept
            .iter()
            .zip(wanted)
            .map(|(got, wanted)| (got - wanted.as_f64().expect("a number")).abs());
        let largest = differences.fold(0.0, f64::max);
        assert!(
            largest <= TOLERANCE,
            "{name}, {engine}: {output} differs by {largest}"
        );
    }
}

fn run_all(backend: &dyn Backend) {
    for case in cases() {
        let name = case["model"].as_str().expect("a name");
        let Some(file) = file(name) else { return };
        let model = Model::load_with(backend, &file, &Options::default());
        check(
            &case,
            &model.unwrap_or_else(|error| panic!("{name}: {error}")),
        );
    }
}

#[test]
fn the_embedded_engine_runs_them() {
    run_all(&Rten);
}

#[test]
fn onnx_runtime_runs_them() {
    let Some(path) = env::var_os("RULESTAGE_TEST_ONNXRUNTIME").filter(|path| !path.is_empty())
    else {
        assert!(
            env::var_os("CI").is_none(),
            "run the tests with `./dev test`"
        );
        eprintln!("nothing tested: RULESTAGE_TEST_ONNXRUNTIME does not name ONNX Runtime");
        return;
    };
    run_all(&OnnxRuntime::load(Some(Path::new(&path))).expect("ONNX Runtime loads"));
}
