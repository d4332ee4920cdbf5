//! What every engine must do, against rten and against what Python's onnxruntime answered.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests: each engine's use this, read their environment and say why they did nothing"
)]

#[path = "../../../inference/tests/hostile/mod.rs"]
pub mod hostile;

use std::env;
use std::fs;
use std::path::PathBuf;

use half::{bf16, f16};
use rulestage_inference::{
    Backend, DataType, InferenceErrorKind, Limits, Model, Options, Rten, Tensor,
};
use serde_json::Value;

/// The most that two engines may differ.
pub const TOLERANCE: f64 = 1e-5;

/// The library that a variable names, or `None` where this machine need not have it.
pub fn library(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).filter(|path| !path.is_empty());
    if path.is_none() {
        assert!(
            env::var_os("CI").is_none(),
            "{variable} is not set: run the tests with `./dev test`"
        );
        eprintln!("nothing tested: {variable} names no library");
    }
    path.map(PathBuf::from)
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models"))
}

pub fn file(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.onnx"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn options(threads: u32) -> Options {
    Options {
        threads,
        ..Options::default()
    }
}

/// The engine's model, and rten's.
pub fn both(backend: &dyn Backend, name: &str) -> [Model; 2] {
    let file = file(name);
    [
        Model::load_with(backend, &file, &options(1)).expect("the engine takes the model"),
        Model::load_with(&Rten, &file, &options(1)).expect("rten takes the model"),
    ]
}

fn tensor(dtype: DataType, dims: &[u32], data: Vec<u8>) -> Tensor {
    Tensor {
        dims: dims.to_vec(),
        dtype,
        data,
    }
}

fn bytes<const N: usize, T: Copy>(values: &[T], write: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| write(*value)).collect()
}

/// Always the same numbers from -2 to 2.
fn floats(n: u32) -> Vec<u8> {
    let mut state = 12_345_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..n).flat_map(|_| next().to_le_bytes()).collect()
}

pub fn wide(rows: u32) -> Vec<(String, Tensor)> {
    let tensor = tensor(DataType::F32, &[rows, 64], floats(rows * 64));
    vec![("x".to_owned(), tensor)]
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let (words, _) = tensor.data.as_chunks::<4>();
    let (longs, _) = tensor.data.as_chunks::<8>();
    match tensor.dtype {
        DataType::F32 => words
            .iter()
            .map(|b| f32::from_le_bytes(*b).into())
            .collect(),
        DataType::I64 => longs
            .iter()
            .map(|b| i64::from_le_bytes(*b) as f64)
            .collect(),
        other => panic!("no model here gives {other}"),
    }
}

#[track_caller]
pub fn assert_close(left: &[(String, Tensor)], right: &[(String, Tensor)], tolerance: f64) {
    assert_eq!(left.len(), right.len());
    for ((name, left), (other, right)) in left.iter().zip(right) {
        let shapes = [
            (name, left.dtype, &left.dims),
            (other, right.dtype, &right.dims),
        ];
        assert_eq!(shapes[0], shapes[1]);
        for (left, right) in numbers(left).iter().zip(numbers(right)) {
            assert!((left - right).abs() <= tolerance, "{name}: {left}, {right}");
        }
    }
}

pub fn both_engines_agree(backend: &dyn Backend) {
    for rows in [1_u32, 2, 7, 64] {
        let score = tensor(DataType::F32, &[rows, 4], floats(rows * 4));
        let codes: Vec<i64> = (0..i64::from(rows) * 2).map(|n| n % 6).collect();
        let codes = tensor(DataType::I64, &[rows, 2], bytes(&codes, i64::to_le_bytes));
        let three = tensor(DataType::F32, &[rows, 3], floats(rows * 3));
        let cases = [
            ("score", vec![("features".to_owned(), score)]),
            ("wide", wide(rows)),
            // Not in the model's order.
            (
                "routes",
                vec![("numbers".to_owned(), three), ("codes".to_owned(), codes)],
            ),
        ];
        for (name, given) in cases {
            let [ort, rten] = both(backend, name);
            let expected = rten.compute(given.clone()).expect("rten computes");
            let outputs = ort.compute(given).expect("the engine computes");
            assert_close(&outputs, &expected, TOLERANCE);
        }
    }
}

/// Python's ONNX Runtime made the kept answers.
pub fn agrees_with_the_kept_answers(backend: &dyn Backend) {
    let cases = fs::read(folder().join("wide.json")).expect("the answers");
    let cases: Value = serde_json::from_slice(&cases).expect("JSON");
    let read = |json: &Value| {
        let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_f64().expect("a number");
        let values: Vec<f32> = list("values").iter().map(|v| number(v) as f32).collect();
        let dims: Vec<u32> = list("dims").iter().map(|v| number(v) as u32).collect();
        tensor(DataType::F32, &dims, bytes(&values, f32::to_le_bytes))
    };
    for case in cases.as_array().expect("cases") {
        let expected = [("y".to_owned(), read(&case["outputs"]["y"]))];
        for model in both(backend, "wide") {
            let given = vec![("x".to_owned(), read(&case["inputs"]["x"]))];
            assert_close(
                &model.compute(given).expect("it computes"),
                &expected,
                TOLERANCE,
            );
        }
    }
}

/// `types.onnx` transposes each input.
pub fn every_element_type_goes_in_and_out(backend: &dyn Backend) {
    let numbers = [1.5_f32, -0.25, 96.0, 0.0, 2.0, -3.5];
    let ints = [0_i32, 1, 7, 100, 3, 255];
    let inputs: Vec<(&str, DataType, Vec<u8>)> = vec![
        (
            "half",
            DataType::F16,
            bytes(&numbers, |v| f16::from_f32(v).to_le_bytes()),
        ),
        (
            "brain",
            DataType::Bf16,
            bytes(&numbers, |v| bf16::from_f32(v).to_le_bytes()),
        ),
        ("single", DataType::F32, bytes(&numbers, f32::to_le_bytes)),
        (
            "double",
            DataType::F64,
            bytes(&numbers, |v| f64::from(v).to_le_bytes()),
        ),
        ("flag", DataType::U8, vec![1, 0, 0, 1, 1, 0]),
        ("byte", DataType::U8, bytes(&ints, |v| [v as u8])),
        ("short", DataType::I32, bytes(&ints, |v| (-v).to_le_bytes())),
        (
            "long",
            DataType::I64,
            bytes(&ints, |v| (-i64::from(v)).to_le_bytes()),
        ),
    ];
    for model in both(backend, "types") {
        // Backwards: order must not matter.
        let given = inputs
            .iter()
            .rev()
            .map(|(name, dtype, data)| ((*name).to_owned(), tensor(*dtype, &[2, 3], data.clone())));
        let outputs = model.compute(given.collect()).expect("it computes");
        assert_eq!(outputs.len(), inputs.len());
        for ((name, output), (input, dtype, data)) in outputs.iter().zip(&inputs) {
            let size = dtype.size_bytes();
            let cells: Vec<&[u8]> = data.chunks_exact(size).collect();
            let turned = [0, 3, 1, 4, 2, 5].map(|cell| cells[cell]).concat();
            let expected = tensor(*dtype, &[3, 2], turned);
            let engine = model.backend();
            assert_eq!(
                (name, output),
                (&format!("{input}_turned"), &expected),
                "{engine}"
            );
        }
    }
}

pub fn sessions_compute_at_the_same_time(backend: &dyn Backend) {
    for threads in [1, 2] {
        let model = Model::load_with(backend, &file("wide"), &options(threads)).expect("it loads");
        let alone = model.compute(wide(64)).expect("it computes");
        std::thread::scope(|scope| {
            let run = || (0..20).map(|_| model.compute(wide(64))).collect::<Vec<_>>();
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            for run in runs {
                for outputs in run.join().expect("no panic") {
                    assert_close(&outputs.expect("it computes"), &alone, TOLERANCE);
                }
            }
        });
    }
}

pub fn bad_models_and_tensors_are_errors(backend: &dyn Backend) {
    let whole = file("wide");
    for bytes in [&whole[..whole.len() / 2], b"not a model", b""] {
        let error = Model::load_with(backend, bytes, &options(1)).expect_err("no model");
        assert_eq!(error.kind(), InferenceErrorKind::InvalidModel, "{error}");
    }
    let limits = Limits {
        model_bytes: 1000,
        ..Limits::default()
    };
    let small = Options {
        limits,
        ..options(1)
    };
    let error = Model::load_with(backend, &whole, &small).expect_err("too large");
    assert_eq!(error.kind(), InferenceErrorKind::TooLarge);

    // A graph that parses, with an operator that nobody has.
    let mut unknown = file("score");
    let at = unknown
        .windows(4)
        .position(|name| name == b"Tanh")
        .expect("a Tanh");
    unknown[at..at + 4].copy_from_slice(b"Tahn");
    let error = Model::load_with(backend, &unknown, &options(1)).expect_err("no such operator");
    assert_eq!(
        error.kind(),
        InferenceErrorKind::UnsupportedModel,
        "{error}"
    );
}

/// An index outside the embedding reaches the engine; the next computation is fine.
pub fn an_index_outside_is_an_error(backend: &dyn Backend) {
    let model = Model::load_with(backend, &file("codes"), &options(1)).expect("it loads");
    let codes = |code: i64| {
        let tensor = tensor(
            DataType::I64,
            &[1, 2],
            bytes(&[code, code], i64::to_le_bytes),
        );
        vec![("codes".to_owned(), tensor)]
    };
    let error = model.compute(codes(99)).expect_err("no such row");
    assert_eq!(error.kind(), InferenceErrorKind::Failed, "{error}");
    model.compute(codes(1)).expect("it goes on");
}

/// A model that `./dev` fetches.
pub fn fetched(model: &str) -> Option<Vec<u8>> {
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

/// PP-OCR and silero-vad, where `./dev` fetched them.
/// `beyond` names models that the engine can't load, with what it says of them.
pub fn real_models_run(backend: &dyn Backend, beyond: &[(&str, &str)]) {
    for case in cases() {
        let name = case["model"].as_str().expect("a name");
        let Some(file) = fetched(name) else { return };
        let model = Model::load_with(backend, &file, &Options::default());
        if let Some((_, said)) = beyond.iter().find(|(beyond, _)| *beyond == name) {
            let error = model.expect_err("something is missing");
            assert_eq!(error.kind(), InferenceErrorKind::UnsupportedModel);
            assert!(error.to_string().contains(said), "{name}: {error}");
            continue;
        }
        check(
            &case,
            &model.unwrap_or_else(|error| panic!("{name}: {error}")),
        );
    }
}
