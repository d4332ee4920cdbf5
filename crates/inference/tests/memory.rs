//! What a computation may take: models that ask for too much, and bounds that hold for what is computed.

mod hostile;

use hostile::build::{file, longs, node, value};
use rten_onnx::onnx::{DataType as Onnx, GraphProto};
use rulestage_inference::{DataType, InferenceErrorKind, Limits, Model, Rten, Tensor};

#[test]
fn hostile_models_are_refused() {
    hostile::all_are_refused(&Rten, &[]);
}

/// `y` is `x` repeated to 1000 x 4.
fn repeated() -> (Vec<u8>, Vec<(String, Tensor)>) {
    let file = file(GraphProto {
        node: vec![node("Expand", &["x", "size"], &["y"])],
        initializer: vec![longs("size", &[1000, 4])],
        input: vec![value("x", Onnx::FLOAT, Some(&[-1, 4]))],
        output: vec![value("y", Onnx::FLOAT, None)],
        ..GraphProto::default()
    });
    let x = Tensor {
        dims: vec![1, 4],
        dtype: DataType::F32,
        data: vec![0; 16],
    };
    (file, vec![("x".to_owned(), x)])
}

fn limited(compute_bytes: u64) -> Limits {
    Limits {
        compute_bytes,
        ..Limits::default()
    }
}

#[test]
fn the_limit_is_exact_and_can_be_lifted() {
    let (file, given) = repeated();
    for enough in [16_016, u64::MAX] {
        let model = Model::load(&file, limited(enough)).expect("it loads");
        let outputs = model.compute(given.clone()).expect("it fits");
        assert_eq!(outputs[0].1.dims, [1000, 4]);
    }
    let model = Model::load(&file, limited(16_015)).expect("it loads");
    let error = model.compute(given).expect_err("one byte too many");
    assert_eq!(error.kind(), InferenceErrorKind::MemoryLimit);
    assert_eq!(
        error.to_string(),
        "the model's tensors may take 16016 bytes at once, more than the 16015 bytes that one computation may take; the \
         largest tensor is that of node `y_Expand` (`Expand`), [1000, 4], 16000 bytes; the model's `max_memory` in the \
         manifest raises that"
    );
}

fn broken(graph: GraphProto, says: &str) {
    let error = Model::load(&file(graph), Limits::default()).expect_err("it is broken");
    assert_eq!(error.kind(), InferenceErrorKind::InvalidModel, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn graphs_that_are_none() {
    let graph = |nodes| GraphProto {
        node: nodes,
        input: vec![value("x", Onnx::FLOAT, Some(&[-1]))],
        output: vec![value("y", Onnx::FLOAT, None)],
        ..GraphProto::default()
    };
    broken(
        graph(vec![
            node("Add", &["x", "b"], &["a"]),
            node("Neg", &["a"], &["b"]),
            node("Neg", &["b"], &["y"]),
        ]),
        "node `a_Add` of the model needs its own result",
    );
    broken(
        graph(vec![
            node("Neg", &["x"], &["y"]),
            node("Abs", &["x"], &["y"]),
        ]),
        "the model has two values called `y`",
    );
}
