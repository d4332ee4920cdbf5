//! Compiles a tabular ONNX model to a stage: a component without imports that runs in any host.
//!
//! The build makes one component of `model-stage`, and a table of which functions and statics of it some operators alone
//! reach. Compiling a model checks it, puts it behind the component's memory, writes its place into the component and
//! leaves out what its operators don't reach; no code is generated, because tables walk faster than branches.
//!
//! **Invariant**: pure, and the same on the host and in the browser.

mod splice;

use rulestage_onnx_ml::{Error, ErrorKind, Model, Options, operator_numbers, packed};

/// The stage without a model.
const TEMPLATE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/model_stage.wasm"));

/// The component for an ONNX file, and the model that is in it.
///
/// `name` is what the stage calls itself.
///
/// # Errors
///
/// If the file is malformed, or has an operator or shape that does not compile; the message names the node.
pub fn compile(file: &[u8], name: &str, options: &Options) -> Result<(Vec<u8>, Model), Error> {
    let model = Model::load(file, options)?;
    let doc = "A tabular model, compiled from ONNX";
    let operators = operator_numbers(file)?;
    let data = packed::write(name, doc, options, file);
    let component = splice::place(TEMPLATE, &data, &operators);
    Ok((component, model))
}

/// How a manifest names the columns of a stage's model.
pub const IN_A_MANIFEST: &str = "`features = [\"a\", \"b\"]` and `outputs = [\"c\"]` of the stage";

/// What to do about a model that does not compile; `None` where only another file helps. `way` is how columns are named
/// where the model was.
pub fn advice(error: &Error, way: &str) -> Option<String> {
    match error.kind() {
        ErrorKind::Unsupported => Some(
            "it needs an engine: list it as a `[[model]]` of a pipeline and put it to the engine with `tabular.wasm`"
                .to_owned(),
        ),
        ErrorKind::Unspecified => Some(format!("name all columns, in the model's order, with {way}")),
        _ => None,
    }
}
