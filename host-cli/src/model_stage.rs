//! ONNX models to stages, and what to do about those that don't compile.

use rulestage_onnx_ml::{Error, ErrorKind, Options};
use rulestage_pipeline::load::ModelRefusal;
use rulestage_pipeline::manifest::ModelSource;
use std::path::Path;

/// The component for the model of a pipeline's stage.
pub(crate) fn compile(model: &ModelSource, file: &[u8]) -> Result<Vec<u8>, ModelRefusal> {
    let options = Options {
        features: model.features.clone(),
        outputs: model.outputs.clone(),
    };
    let name = stage_name(Path::new(&model.path));
    match rulestage_model_compiler::compile(file, &name, &options) {
        Ok((component, _)) => Ok(component),
        Err(error) => Err(ModelRefusal {
            hint: hint(
                &error,
                "`features = [\"a\", \"b\"]` and `outputs = [\"c\"]` of the stage",
            ),
            message: error.to_string(),
        }),
    }
}

/// What a stage made of this file calls itself.
pub(crate) fn stage_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// `way` is how columns are named where the model was. `None` where only another file helps.
pub(crate) fn hint(error: &Error, way: &str) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::Unsupported => {
            "it needs an engine: list it as a `[[model]]` of a pipeline and put it to the engine with `tabular.wasm`".to_owned()
        }
        ErrorKind::Unspecified => format!("name all columns, in the model's order, with {way}"),
        _ => return None,
    })
}
