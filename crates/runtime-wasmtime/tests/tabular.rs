//! The tabular stage over real models, against the outputs of ONNX Runtime kept beside them.

mod common;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use common::guest::LIMITS;
use common::{built_component, file};
use rulestage_pipeline::runtime::{
    Limits, RowErrorCode, Runtime, StageFailure, StageFailureKind, Value,
};
use rulestage_runtime_wasmtime::{Config, ModelSource, Session, WasmtimeRuntime, inspect};

/// The most that two engines may differ.
const TOLERANCE: f64 = 1e-5;

fn runtime() -> WasmtimeRuntime {
    let names = ["score", "routes", "codes", "double"];
    let mut models: Vec<ModelSource> = names
        .iter()
        .map(|name| ModelSource::new(*name, file(&format!("tests/models/{name}.onnx"))))
        .collect();
    models.push(ModelSource::new("broken", b"not a model".to_vec()));
    WasmtimeRuntime::new(Config {
        models,
        ..Config::default()
    })
    .expect("wasmtime starts")
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(|&value| value.to_owned()).collect())
}

/// Opens the stage; parameters by name, the others absent.
fn open(runtime: &WasmtimeRuntime, given: &[(&str, Value)]) -> Result<Session, StageFailure> {
    open_with(runtime, given, LIMITS)
}

fn open_with(
    runtime: &WasmtimeRuntime,
    given: &[(&str, Value)],
    limits: Limits,
) -> Result<Session, StageFailure> {
    let component = runtime.load(&built_component("tabular"))?;
    let parameters = runtime.describe(&component, LIMITS)?.parameters;
    let mut values = vec![Value::Absent; parameters.len()];
    for (name, value) in given {
        let index = parameters
            .iter()
            .position(|parameter| parameter.name == *name);
        values[index.unwrap_or_else(|| panic!("a parameter `{name}`"))] = value.clone();
    }
    runtime.open(&component, &values, limits)
}

fn score() -> Vec<(&'static str, Value)> {
    vec![
        ("model", text("score")),
        ("columns", texts(&["a", "b", "c", "d"])),
        ("input", text("features")),
        ("output", text("probability")),
        ("outputs", texts(&["p"])),
    ]
}

fn with(
    mut base: Vec<(&'static str, Value)>,
    name: &'static str,
    value: Value,
) -> Vec<(&'static str, Value)> {
    base.retain(|(other, _)| *other != name);
    base.push((name, value));
    base
}

fn batch(runtime: &WasmtimeRuntime, session: &Session, columns: Vec<ArrayRef>) -> RecordBatch {
    let inputs: &Arc<Schema> = &runtime.schema(session).inputs;
    RecordBatch::try_new(Arc::clone(inputs), columns).expect("columns of the session's schema")
}

/// The features of a reference case, column by column, and the expected probabilities.
fn cases() -> Vec<(Vec<Vec<f64>>, Vec<f64>)> {
    let cases: serde_json::Value =
        serde_json::from_slice(&file("tests/models/score.json")).expect("cases");
    let numbers = |json: &serde_json::Value| -> Vec<f64> {
        let values = json["values"].as_array().expect("values");
        values
            .iter()
            .map(|value| value.as_f64().expect("a number"))
            .collect()
    };
    let case = |case: &serde_json::Value| {
        let features = numbers(&case["inputs"]["features"]);
        let column = |at: usize| features.iter().skip(at).step_by(4).copied().collect();
        (
            (0..4).map(column).collect(),
            numbers(&case["outputs"]["probability"]),
        )
    };
    cases.as_array().expect("cases").iter().map(case).collect()
}

fn floats(columns: &[Vec<f64>]) -> Vec<ArrayRef> {
    columns
        .iter()
        .map(|column| Arc::new(Float64Array::from(column.clone())) as ArrayRef)
        .collect()
}

#[test]
fn imports_nothing_but_wasi_nn() {
    let info = inspect(&built_component("tabular")).expect("a component");
    assert_eq!(info.world, Some("inference"));
    assert!(
        info.imports
            .iter()
            .all(|import| import.starts_with("wasi:nn/")),
        "{:?}",
        info.imports
    );
    assert_eq!(info.exports, ["rulestage:stage/stage@0.1.0"]);
}

#[test]
fn agrees_with_onnx_runtime() {
    let runtime = runtime();
    let mut session = open(&runtime, &score()).expect("it opens");
    for (columns, expected) in cases() {
        let batch = batch(&runtime, &session, floats(&columns));
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        assert_eq!(outcome.errors, []);
        let got = outcome.columns[0].as_primitive::<Float64Type>().values();
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got - expected).abs() <= TOLERANCE, "{got} for {expected}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_batch() {
    let runtime = runtime();
    let mut session = open(&runtime, &score()).expect("it opens");
    let (columns, _) = cases().pop().expect("the largest case");
    let n_rows = columns[0].len();
    let mut scores = |start: usize, len: usize| -> Vec<u64> {
        let part: Vec<Vec<f64>> = columns
            .iter()
            .map(|c| c[start..start + len].to_vec())
            .collect();
        let batch = batch(&runtime, &session, floats(&part));
        let outcome = runtime.process(&mut session, &batch).expect("it runs");
        let values = outcome.columns[0].as_primitive::<Float64Type>().values();
        values.iter().map(|value| value.to_bits()).collect()
    };
    let whole = scores(0, n_rows);
    for len in 1..n_rows {
        let parts: Vec<u64> = (0..n_rows)
            .step_by(len)
            .flat_map(|start| scores(start, len.min(n_rows - start)))
            .collect();
        assert_eq!(parts, whole, "in batches of {len} rows");
    }
}

#[test]
fn no_rows() {
    let runtime = runtime();
    let mut session = open(&runtime, &score()).expect("it opens");
    let batch = batch(&runtime, &session, floats(&vec![Vec::new(); 4]));
    let outcome = runtime.process(&mut session, &batch).expect("it runs");
    assert_eq!((outcome.columns[0].len(), outcome.errors.len()), (0, 0));
}

#[test]
fn rows_with_missing_values_fail_alone() {
    let runtime = runtime();
    let mut session = open(&runtime, &score()).expect("it opens");
    let holes: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(0.5),
        None,
        Some(f64::NAN),
        Some(0.5),
    ]));
    let full: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 4]));
    let columns = vec![Arc::clone(&full), holes, Arc::clone(&full), full];
    let with_holes = batch(&runtime, &session, columns);
    let outcome = runtime.process(&mut session, &with_holes).expect("it runs");
    let errors: Vec<_> = outcome
        .errors
        .iter()
        .map(|error| {
            (
                error.row,
                error.code,
                error.origin.as_str(),
                error.message.as_str(),
            )
        })
        .collect();
    let missing = (RowErrorCode::InvalidArgument, "b", "`b` is missing");
    assert_eq!(
        errors,
        [
            (1, missing.0, missing.1, missing.2),
            (2, missing.0, missing.1, missing.2)
        ]
    );
    let scores = outcome.columns[0].as_primitive::<Float64Type>().values();
    assert!(scores[1].is_nan() && scores[2].is_nan());
    assert_eq!(scores[0], scores[3]);

    // With a value for them they are rows like any other.
    let mut filled =
        open(&runtime, &with(score(), "missing", Value::Double(0.5))).expect("it opens");
    let outcome = runtime.process(&mut filled, &with_holes).expect("it runs");
    assert_eq!(outcome.errors, []);
    let scores = outcome.columns[0].as_primitive::<Float64Type>().values();
    assert!(scores.iter().all(|score| *score == scores[0]));
}

#[test]
fn text_becomes_its_category() {
    let runtime = runtime();
    let mut session = open(
        &runtime,
        &[
            ("model", text("codes")),
            ("columns", texts(&["from", "to"])),
            (
                "categories",
                Value::Json(r#"{"from": ["ATL", "BOS"], "to": ["Ü", "é\n", "x"]}"#.into()),
            ),
            ("missing", Value::Double(0.0)),
            ("input", text("codes")),
            ("element", text("i64")),
            ("outputs", texts(&["s0", "s1", "s2", "s3"])),
        ],
    )
    .expect("it opens");
    let from = StringArray::from(vec![Some("ATL"), Some("nowhere"), None]);
    let to = StringArray::from(vec!["é\n", "é\n", "é\n"]);
    let batch = batch(&runtime, &session, vec![Arc::new(from), Arc::new(to)]);
    let outcome = runtime.process(&mut session, &batch).expect("it runs");
    // The first reference case is the codes 0 and 1.
    let cases: serde_json::Value =
        serde_json::from_slice(&file("tests/models/codes.json")).expect("cases");
    for (column, expected) in outcome.columns.iter().zip(0..) {
        let got = column.as_primitive::<Float64Type>().values();
        let expected = &cases[0]["outputs"]["summed"]["values"][expected];
        assert!((got[0] - expected.as_f64().expect("a number")).abs() <= TOLERANCE);
        // An unknown text is 2 and so is a missing one.
        assert_eq!(got[1], got[2]);
        assert_ne!(got[0], got[1]);
    }
}

#[track_caller]
fn refused(given: Vec<(&'static str, Value)>, kind: StageFailureKind, message: &str) {
    let Err(failure) = open(&runtime(), &given) else {
        panic!("it opens")
    };
    assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
}

#[test]
fn parameters_that_do_not_fit() {
    let invalid = StageFailureKind::InvalidParameter;
    refused(Vec::new(), invalid, "parameter `columns`: must be given");
    refused(
        with(score(), "model", Value::Int(3)),
        invalid,
        "parameter `model`: must be a string",
    );
    refused(
        with(score(), "columns", texts(&["a", "b", "a"])),
        invalid,
        "parameter `columns`: names `a` twice",
    );
    refused(
        with(score(), "categories", Value::Json(r#"{"e": []}"#.into())),
        invalid,
        "parameter `categories`: `e` is not among the columns",
    );
    refused(
        with(score(), "categories", Value::Json("[1]".into())),
        invalid,
        "parameter `categories`: must be an object of lists of strings, like {\"origin\": [\"ATL\"]}",
    );
    refused(
        with(score(), "element", text("f8")),
        invalid,
        "parameter `element`: `f8` is none of f32, f64, i32 and i64",
    );
}

#[test]
fn models_that_do_not_fit() {
    let model = StageFailureKind::Model;
    refused(
        with(score(), "model", text("scores")),
        model,
        "the pipeline lists no model `scores`; it lists `broken`, `codes`, `double`, `routes`, `score`",
    );
    refused(
        with(score(), "columns", texts(&["a", "b"])),
        model,
        "model `score`: the model expects features: f32[batch, 4], and was given f32[2, 2]",
    );
    refused(
        with(score(), "element", text("i64")),
        model,
        "model `score`: the model expects features: f32[batch, 4], and was given i64[2, 4]",
    );
    refused(
        with(score(), "input", text("rows")),
        model,
        "model `score`: the model has no input `rows`; its inputs are `features`",
    );
    refused(
        with(score(), "output", text("q")),
        model,
        "model `score` has no output `q`; its outputs are `probability`",
    );
    refused(
        with(score(), "outputs", texts(&["p", "q"])),
        model,
        "output `probability` of model `score` has 1 values for each row, and `outputs` names 2 columns",
    );
    let Err(failure) = open(&runtime(), &with(score(), "model", text("broken"))) else {
        panic!("it opens");
    };
    assert_eq!(failure.kind, model);
    assert!(
        failure
            .message
            .starts_with("model `broken`: not an ONNX model"),
        "{failure}"
    );
}

#[test]
fn tensors_count_as_memory() {
    let runtime = runtime();
    let limits = Limits {
        memory_bytes: 2 << 20,
        ..LIMITS
    };
    let mut session = open_with(&runtime, &score(), limits).expect("it opens");
    let n_rows = 200_000;
    let large = batch(&runtime, &session, floats(&vec![vec![0.5; n_rows]; 4]));
    let failure = runtime
        .process(&mut session, &large)
        .expect_err("it is too large");
    assert_eq!(failure.kind, StageFailureKind::Memory);
    assert_eq!(
        failure.message,
        "stage wanted more than its 2 MiB of memory"
    );
    let small = batch(&runtime, &session, floats(&vec![vec![0.5; 2]; 4]));
    runtime
        .process(&mut session, &small)
        .expect("the session goes on");
}

#[test]
fn workers_share_a_model() {
    let runtime = runtime();
    let (columns, expected) = cases().pop().expect("the largest case");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = open(&runtime, &score()).expect("it opens");
                let batch = batch(&runtime, &session, floats(&columns));
                for _ in 0..20 {
                    let outcome = runtime.process(&mut session, &batch).expect("it runs");
                    let got = outcome.columns[0].as_primitive::<Float64Type>().values();
                    assert!((got[0] - expected[0]).abs() <= TOLERANCE);
                }
            });
        }
    });
}
