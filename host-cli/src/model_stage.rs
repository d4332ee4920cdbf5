//! ONNX models of pipelines to stages.

use rulestage_onnx_ml::Options;
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
            hint: rulestage_model_compiler::advice(&error, rulestage_model_compiler::IN_A_MANIFEST),
            message: error.to_string(),
        }),
    }
}

/// What a stage made of this file calls itself.
pub(crate) fn stage_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
