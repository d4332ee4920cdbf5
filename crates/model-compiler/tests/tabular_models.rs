//! Every model of `tests/models/tabular` as a component in wasmtime, against ONNX Runtime's answers.

#[path = "../src/splice.rs"]
mod splice;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::DataType;
use rulestage_model_compiler::compile;
use rulestage_onnx_ml::{Options, operator_numbers, packed};
use rulestage_pipeline::runtime::{Limits, Outcome, Runtime};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime, inspect};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TOLERANCE: f64 = 1e-5;
const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 60_000,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models/tabular")
}

fn component(name: &str) -> Vec<u8> {
    let file = fs::read(folder().join(format!("{name}.onnx"))).expect("a model");
    compile(&file, name, &Options::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
        .0
}

/// A column of the session's type; null stands for null.
fn column(data_type: &DataType, values: &[Value]) -> ArrayRef {
    match data_type {
        DataType::Float64 => Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>()),
        DataType::Int64 => Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>()),
        DataType::Boolean => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        DataType::Utf8 => Arc::new(values.iter().map(Value::as_str).collect::<StringArray>()),
        other => panic!("an input of type {other}"),
    }
}

fn is_equal(found: &ArrayRef, row: usize, expected: &Value) -> bool {
    let near = |found: f64| match expected.as_f64() {
        Some(expected) => (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0),
        None => found.is_nan(),
    };
    match found.data_type() {
        DataType::Utf8 => expected.as_str() == Some(found.as_string::<i32>().value(row)),
        DataType::Int64 => expected.as_i64() == Some(found.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => near(found.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => near(found.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => expected.as_bool() == Some(found.as_boolean().value(row)),
        other => panic!("an output of type {other}"),
    }
}

/// The model beside the code of all operators.
fn component_with_all_operators(name: &str) -> Vec<u8> {
    const TEMPLATE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/model_stage.wasm"));
    let file = fs::read(folder().join(format!("{name}.onnx"))).expect("a model");
    let doc = "A tabular model, compiled from ONNX";
    let data = packed::write(name, doc, &Options::default(), &file);
    splice::place(TEMPLATE, &data, &(0..u64::BITS as usize).collect())
}

/// The names of all models.
fn models() -> Vec<String> {
    let files = fs::read_dir(folder()).expect("the models");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let models = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "onnx")
    });
    let names = models.map(|path| {
        path.file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert!(names.len() >= 90, "{} models", names.len());
    names
}

/// What ONNX Runtime was given, and its answers.
fn case(name: &str) -> Value {
    let case = fs::read(folder().join(format!("{name}.json"))).expect("answers");
    serde_json::from_slice(&case).expect("answers")
}

fn run(runtime: &WasmtimeRuntime, component: &[u8], given: &[Value]) -> Outcome {
    let component = runtime.load(component).expect("it loads");
    let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
    let schema = runtime.schema(&session).inputs.clone();
    let columns = schema.fields().iter().zip(given);
    let columns = columns
        .map(|(field, values)| column(field.data_type(), values.as_array().expect("values")));
    let batch =
        RecordBatch::try_new(schema.clone(), columns.collect()).expect("the session's columns");
    runtime.process(&mut session, &batch).expect("it runs")
}

#[test]
fn every_component_agrees_with_onnx_runtime() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    for name in models() {
        let case = case(&name);
        let given = case["columns"].as_array().expect("columns");
        let outcome = run(&runtime, &component(&name), given);
        let expected = case["outputs"].as_array().expect("outputs");
        assert_eq!(outcome.columns.len(), expected.len(), "{name}");
        let failed: Vec<u32> = outcome.errors.iter().map(|error| error.row).collect();
        for (found, expected) in outcome.columns.iter().zip(expected) {
            for (row, expected) in expected.as_array().expect("values").iter().enumerate() {
                // A row without a number for a missing value fails; ONNX Runtime gives NaN there.
                let holds = is_equal(found, row, expected)
                    || (failed.contains(&(row as u32)) && expected.is_null());
                assert!(holds, "{name}, row {row}: {found:?} instead of {expected}");
            }
        }
    }
}

#[test]
fn the_code_that_is_left_out_changes_no_bit() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    // What is left out depends on the operators alone.
    let mut compared = BTreeSet::new();
    for name in models() {
        let file = fs::read(folder().join(format!("{name}.onnx"))).expect("a model");
        if !compared.insert(operator_numbers(&file).expect("a model")) {
            continue;
        }
        let (component, whole) = (component(&name), component_with_all_operators(&name));
        assert!(component.len() < whole.len(), "{name}");
        let case = case(&name);
        let given = case["columns"].as_array().expect("columns");
        let [found, expected] = [component, whole].map(|each| run(&runtime, &each, given));
        assert_eq!(found.errors, expected.errors, "{name}");
        // Buffers are compared as bytes, so that NaN is what it is.
        let columns = |outcome: Outcome| -> Vec<_> {
            let columns = outcome.columns.iter();
            columns.map(|column| column.to_data()).collect()
        };
        assert_eq!(columns(found), columns(expected), "{name}");
    }
}

#[test]
fn components_import_nothing_and_name_their_columns() {
    let component = component("mixed_forest");
    let info = inspect(&component).expect("a component");
    assert!(info.imports.is_empty(), "{:?}", info.imports);
    assert_eq!(info.exports, ["rulestage:stage/stage@0.1.0"]);
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let component = runtime.load(&component).expect("it loads");
    let session = runtime.open(&component, &[], LIMITS).expect("it opens");
    let names = |schema: &arrow_schema::Schema| -> Vec<String> {
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    let schema = runtime.schema(&session);
    assert_eq!(names(&schema.inputs), ["age", "income", "colour", "city"]);
    assert_eq!(names(&schema.outputs), ["label", "p_no", "p_yes"]);
}

#[test]
fn components_have_the_code_of_their_own_operators() {
    let [linear, trees] = ["logistic_binary", "forest_binary"].map(|name| component(name).len());
    assert!(linear < 250_000, "{linear} bytes");
    assert!(
        linear < trees && trees < 400_000,
        "{linear} and {trees} bytes"
    );
}
