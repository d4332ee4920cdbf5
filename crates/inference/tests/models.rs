//! The models of `tests/models` against the outputs of ONNX Runtime kept beside them, and tensors that do
//! not fit.

use std::fs;
use std::path::PathBuf;

use rulestage_inference::{DataType, InferenceErrorKind, Limits, Model, Tensor};
use serde_json::Value;

/// The most that two engines may differ.
const TOLERANCE: f64 = 1e-5;

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models")).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(name: &str) -> Model {
    Model::load(&file(&format!("{name}.onnx")), Limits::default()).expect("the model loads")
}

fn tensor(json: &Value) -> Tensor {
    let values = json["values"].as_array().expect("values");
    let (dtype, data) = match json["dtype"].as_str().expect("dtype") {
        "f32" => (
            DataType::F32,
            bytes(values, |v| (v.as_f64().expect("f32") as f32).to_le_bytes()),
        ),
        "f64" => (
            DataType::F64,
            bytes(values, |v| v.as_f64().expect("f64").to_le_bytes()),
        ),
        "i64" => (
            DataType::I64,
            bytes(values, |v| v.as_i64().expect("i64").to_le_bytes()),
        ),
        other => panic!("no case has {other}"),
    };
    let dims = json["dims"].as_array().expect("dims");
    let dims = dims
        .iter()
        .map(|dim| dim.as_u64().expect("dim") as u32)
        .collect();
    Tensor { dims, dtype, data }
}

fn bytes<const N: usize>(values: &[Value], write: impl Fn(&Value) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(write).collect()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let data = &tensor.data;
    match tensor.dtype {
        DataType::F32 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f64::from(f32::from_le_bytes(*b)))
            .collect(),
        DataType::F64 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f64::from_le_bytes(*b))
            .collect(),
        DataType::I64 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b) as f64)
            .collect(),
        other => panic!("no case gives {other}"),
    }
}

fn check(name: &str) {
    check_cases(name, &format!("{name}.json"));
}

fn check_cases(name: &str, cases: &str) {
    let model = load(name);
    let cases: Value = serde_json::from_slice(&file(cases)).expect("cases");
    for case in cases.as_array().expect("a list of cases") {
        // The other way round than the model declares them: order must not matter.
        let inputs = case["inputs"].as_object().expect("inputs");
        let inputs = inputs
            .iter()
            .rev()
            .map(|(name, json)| (name.clone(), tensor(json)))
            .collect();
        let outputs = model.compute(inputs).expect("it computes");
        assert_eq!(
            outputs.len(),
            case["outputs"].as_object().expect("outputs").len()
        );
        for (output, got) in &outputs {
            let expected = tensor(&case["outputs"][output]);
            assert_eq!(
                (got.dtype, &got.dims),
                (expected.dtype, &expected.dims),
                "{name}: {output}"
            );
            for (got, expected) in numbers(got).into_iter().zip(numbers(&expected)) {
                assert!(
                    (got - expected).abs() <= TOLERANCE,
                    "{name}: {output}: {got} for {expected}"
                );
            }
        }
    }
}

#[test]
fn one_input_of_floats() {
    check("score");
}

#[test]
fn forecast_of_the_example() {
    check_cases(
        "../../examples/flight-desk/lateness",
        "../../examples/flight-desk/reference.json",
    );
}

#[test]
fn two_inputs_and_integer_outputs() {
    check("routes");
}

#[test]
fn integers_only() {
    check("codes");
}

#[test]
fn double_precision_at_the_borders() {
    check("double");
}

#[test]
fn declares_names_types_and_shapes() {
    let model = load("routes");
    let inputs: Vec<String> = model.inputs().iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["codes: i64[batch, 2]", "numbers: f32[batch, 3]"]);
    let outputs: Vec<String> = model.outputs().iter().map(ToString::to_string).collect();
    assert_eq!(outputs, ["shares: f32[batch, 3]", "class: i64[batch]"]);
}

/// Paddle's exporter names every open dimension `?`: they are not all the same.
#[test]
fn question_marks_are_no_names() {
    let mut file = file("routes.onnx");
    let at = |file: &[u8]| file.windows(5).position(|name| name == b"batch");
    while let Some(at) = at(&file) {
        file[at..at + 5].copy_from_slice(b"?????");
    }
    let model = Model::load(&file, Limits::default()).expect("it loads");
    let inputs: Vec<String> = model.inputs().iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["codes: i64[?, 2]", "numbers: f32[?, 3]"]);
}

fn floats(dims: &[u32]) -> Tensor {
    let n = dims.iter().product::<u32>() as usize;
    Tensor {
        dims: dims.to_vec(),
        dtype: DataType::F32,
        data: vec![0; n * 4],
    }
}

fn codes(rows: u32) -> Tensor {
    Tensor {
        dims: vec![rows, 2],
        dtype: DataType::I64,
        data: vec![0; rows as usize * 16],
    }
}

#[track_caller]
fn refused(model: &str, inputs: Vec<(&str, Tensor)>, message: &str) {
    let inputs = inputs
        .into_iter()
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .collect();
    let error = load(model).compute(inputs).expect_err("it is refused");
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), InferenceErrorKind::InvalidInput);
}

#[test]
fn tensors_that_do_not_fit() {
    let mut wrong_type = floats(&[2, 4]);
    wrong_type.dtype = DataType::I32;
    refused(
        "score",
        vec![("features", wrong_type)],
        "the model expects features: f32[batch, 4], and was given i32[2, 4]",
    );
    refused(
        "score",
        vec![("features", floats(&[2, 5]))],
        "the model expects features: f32[batch, 4], and was given f32[2, 5]",
    );
    refused(
        "score",
        vec![("feature", floats(&[2, 4]))],
        "the model has no input `feature`; its inputs are `features`",
    );
    refused(
        "routes",
        vec![("codes", codes(1))],
        "no tensor for input `numbers`",
    );
    refused(
        "routes",
        vec![("codes", codes(2)), ("numbers", floats(&[3, 3]))],
        "dimension `batch` is 2 in input `codes` and 3 in input `numbers`",
    );
    refused(
        "score",
        vec![("features", floats(&[1, 4])), ("features", floats(&[1, 4]))],
        "input `features` is given twice",
    );
    let mut short = floats(&[2, 4]);
    short.data.pop();
    refused(
        "score",
        vec![("features", short)],
        "input `features` is said to be f32[2, 4] but holds 31 bytes",
    );
    refused(
        "score",
        vec![("features", floats(&[0, 4]))],
        "input `features` is f32[0, 4], which has no elements; a dimension can't be 0",
    );
    let huge = Tensor {
        dims: vec![u32::MAX; 3],
        dtype: DataType::F32,
        data: Vec::new(),
    };
    refused(
        "score",
        vec![("features", huge)],
        "input `features` is said to be f32[4294967295, 4294967295, 4294967295] but holds 0 bytes",
    );
}

#[test]
fn an_index_outside_the_embedding_is_an_error() {
    let codes = Tensor {
        dims: vec![1, 2],
        dtype: DataType::I64,
        data: [99i64.to_le_bytes(); 2].concat(),
    };
    let error = load("codes")
        .compute(vec![("codes".into(), codes)])
        .expect_err("no such row");
    assert_eq!(error.kind(), InferenceErrorKind::Failed);
}

#[test]
fn bytes_that_are_no_model() {
    let whole = file("score.onnx");
    for bytes in [
        whole[..whole.len() / 2].to_vec(),
        b"not a model".to_vec(),
        Vec::new(),
    ] {
        let error = Model::load(&bytes, Limits::default()).expect_err("no model");
        assert_eq!(error.kind(), InferenceErrorKind::InvalidModel, "{error}");
    }
    let limits = Limits {
        model_bytes: 100,
        ..Limits::default()
    };
    let error = Model::load(&whole, limits).expect_err("too large");
    assert_eq!(error.kind(), InferenceErrorKind::TooLarge);
}

#[test]
fn several_threads_share_a_model() {
    let model = load("score");
    let alone = model
        .compute(vec![("features".into(), floats(&[64, 4]))])
        .expect("it computes");
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| model.compute(vec![("features".into(), floats(&[64, 4]))])))
            .collect();
        for run in runs {
            assert_eq!(run.join().expect("no panic").expect("it computes"), alone);
        }
    });
}
