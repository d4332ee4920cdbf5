//! Every model of `tests/models/tabular` against ONNX Runtime's answers beside it, and broken files.

#[path = "onnx_reference/exercise.rs"]
mod exercise;

use exercise::exercise;
use rulestage_onnx_ml::{Data, Kind, Model, Options};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The most that two engines may differ, relative to values above 1.
const TOLERANCE: f64 = 1e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models/tabular")
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the models")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.onnx"))).expect("a model")
}

fn column(kind: Kind, values: &[Value]) -> Data {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    match kind {
        Kind::F32 => Data::F32(values.iter().map(|value| number(value) as f32).collect()),
        Kind::F64 => Data::F64(values.iter().map(number).collect()),
        Kind::I64 => Data::I64(
            values
                .iter()
                .map(|value| value.as_i64().expect("an int"))
                .collect(),
        ),
        Kind::Bool => Data::Bool(
            values
                .iter()
                .map(|value| value.as_bool().expect("a bool"))
                .collect(),
        ),
        Kind::Text => Data::Text(
            values
                .iter()
                .map(|value| Rc::from(value.as_str().expect("a text")))
                .collect(),
        ),
    }
}

fn check(found: &Data, expected: &[Value]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!(
            "{} values instead of {}",
            found.len(),
            expected.len()
        ));
    }
    for (row, expected) in expected.iter().enumerate() {
        let is_equal = match found {
            Data::Text(values) => expected.as_str() == Some(&*values[row]),
            Data::I64(values) => expected.as_i64() == Some(values[row]),
            Data::Bool(values) => expected.as_bool() == Some(values[row]),
            Data::F32(values) => is_near(values[row].into(), expected),
            Data::F64(values) => is_near(values[row], expected),
        };
        if !is_equal {
            return Err(format!("row {row}: {found:?} instead of {expected}"));
        }
    }
    Ok(())
}

fn is_near(found: f64, expected: &Value) -> bool {
    match expected.as_f64() {
        Some(expected) => (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0),
        None => found.is_nan(),
    }
}

fn compare(name: &str) -> Result<(), String> {
    let model = Model::load(&file(name), &Options::default()).map_err(|error| error.to_string())?;
    let case = fs::read(folder().join(format!("{name}.json"))).expect("answers");
    let case: Value = serde_json::from_slice(&case).expect("answers");
    let given = case["columns"].as_array().expect("columns");
    let expected = case["outputs"].as_array().expect("outputs");
    let values = |at: usize| given[at].as_array().expect("values");
    let rows = values(0).len();
    let columns = model.inputs().iter().enumerate();
    let columns = columns
        .map(|(at, input)| column(input.kind, values(at)))
        .collect();
    let found = model
        .compute(rows, columns)
        .map_err(|error| error.to_string())?;
    if found.len() != expected.len() {
        return Err(format!(
            "{} columns instead of {}",
            found.len(),
            expected.len()
        ));
    }
    for ((found, expected), output) in found.iter().zip(expected).zip(model.outputs()) {
        check(found, expected.as_array().expect("values"))
            .map_err(|error| format!("`{}`: {error}", output.name))?;
    }
    Ok(())
}

#[test]
fn agrees_with_onnx_runtime() {
    let names = names();
    assert!(names.len() >= 90, "{} models", names.len());
    let failures: Vec<String> = names
        .iter()
        .filter_map(|name| compare(name).err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        names.len(),
        failures.join("\n")
    );
}

#[test]
fn a_file_cut_at_any_length_is_an_error() {
    for name in [
        "tree_binary",
        "mixed_logistic",
        "svc_three",
        "label_encoder_4_tensors",
    ] {
        let whole = file(name);
        for length in 0..whole.len() {
            exercise(&whole[..length]);
        }
    }
}

#[test]
fn a_damaged_file_does_no_harm() {
    for name in names() {
        let whole = file(&name);
        let mut state = 1_u64;
        for _ in 0..400 {
            let mut damaged = whole.clone();
            for _ in 0..3 {
                // Knuth's generator: any fixed sequence will do.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % damaged.len();
                damaged[at] = (state >> 20) as u8;
            }
            exercise(&damaged);
        }
    }
}

/// Each file beside the message that refuses it.
#[test]
fn broken_models_are_refused_with_a_reason() {
    let mut n_models = 0;
    for entry in fs::read_dir(folder().join("broken")).expect("the broken models") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        n_models += 1;
        let expected = fs::read_to_string(path.with_extension("txt")).expect("a message");
        let broken = Model::load(&fs::read(&path).expect("a model"), &Options::default());
        let message = broken
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            message.contains(expected.trim()),
            "{}: `{message}`",
            path.display()
        );
    }
    assert!(n_models >= 8, "{n_models} models");
}
