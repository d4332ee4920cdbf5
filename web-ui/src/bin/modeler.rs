//! The compiler of tabular models as a module of its own: the worker fetches it when there is a model.

use rulestage_model_compiler::{IN_A_MANIFEST, advice};
use rulestage_onnx_ml::{Error, ErrorKind, Model, Options, summarize};
use serde_json::json;
use wasm_bindgen::prelude::*;

/// The component for an ONNX file; throws `[message, advice]`.
#[wasm_bindgen]
pub fn compile(
    bytes: &[u8],
    name: &str,
    features: Vec<String>,
    outputs: Vec<String>,
) -> Result<Vec<u8>, JsValue> {
    let options = Options { features, outputs };
    let compiled = rulestage_model_compiler::compile(bytes, name, &options);
    compiled
        .map(|(component, _)| component)
        .map_err(|error| thrown(&error))
}

/// What an ONNX file holds and whether it compiles, as the JSON of `[name, [line, …]]` pairs and a verdict; throws
/// `[message, advice]` where it is no such file.
#[wasm_bindgen]
pub fn describe(bytes: &[u8]) -> Result<String, JsValue> {
    let summary = summarize(bytes).map_err(|error| thrown(&error))?;
    let operators: Vec<String> = summary
        .operators
        .into_iter()
        .map(|(operator, n)| format!("{operator} x {n}"))
        .collect();
    let mut facts = vec![
        ("inputs", summary.inputs),
        ("outputs", summary.outputs),
        ("operators", operators),
    ];
    let loaded = Model::load(bytes, &Options::default());
    let verdict = match &loaded {
        Ok(_) => "yes".to_owned(),
        Err(error) if error.kind() == ErrorKind::Unspecified => {
            format!("with names for its columns: {error}")
        }
        Err(error) => format!("no: {error}"),
    };
    facts.push(("compiles to a stage", vec![verdict]));
    if let Ok(model) = &loaded {
        let inputs = model.inputs().iter().map(ToString::to_string);
        let outputs = model.outputs().iter().map(ToString::to_string);
        facts.push(("stage takes", inputs.collect()));
        facts.push(("stage gives", outputs.collect()));
    }
    Ok(json!({ "facts": facts, "compiles": loaded.is_ok() }).to_string())
}

fn thrown(error: &Error) -> JsValue {
    let advice = advice(error, IN_A_MANIFEST).map_or(JsValue::NULL, JsValue::from);
    js_sys::Array::of2(&error.to_string().into(), &advice).into()
}

fn main() {}
