//! OpenVINO does what every engine must, and what is its own.
//!
//! `RULESTAGE_TEST_OPENVINO` names the library; `./dev test` installs it and sets the variable. Without it these tests
//! say so and pass, unless `CI` is set.

#[path = "../../onnxruntime/tests/engine/mod.rs"]
mod engine;

use engine::{assert_close, both, file, options, wide};
use rulestage_inference::{InferenceErrorKind, Model, Options, Target};
use rulestage_openvino::OpenVino;

/// What it can't load, with the operators that it names: their inputs' ranks follow from branches.
const BEYOND: [(&str, &str); 3] = [
    ("silero_vad", "it can't convert `Conv-16`"),
    ("silero_vad_16k_op15", "it can't convert `Conv-15`"),
    ("silero_vad_half", "it can't convert `Conv-16`"),
];

/// Hostile models that it can't load either, for their sizes.
const BEYOND_MEASURE: [&str; 4] = [
    "repeated to a shape",
    "pixels far from each other",
    "a shape of nothing",
    "a branch",
];

/// The library, or `None` where this machine need not have it.
fn runtime() -> Option<OpenVino> {
    let path = engine::library("RULESTAGE_TEST_OPENVINO")?;
    Some(OpenVino::load(Some(&path)).expect("OpenVINO loads"))
}

#[test]
fn agrees_with_rten() {
    let Some(runtime) = runtime() else { return };
    engine::both_engines_agree(&runtime);
}

/// Python's ONNX Runtime made the kept answers.
#[test]
fn agrees_with_the_kept_answers() {
    let Some(runtime) = runtime() else { return };
    engine::agrees_with_the_kept_answers(&runtime);
}

#[test]
fn every_element_type_goes_in_and_out() {
    let Some(runtime) = runtime() else { return };
    engine::every_element_type_goes_in_and_out(&runtime);
}

#[test]
fn sessions_compute_at_the_same_time() {
    let Some(runtime) = runtime() else { return };
    engine::sessions_compute_at_the_same_time(&runtime);
}

#[test]
fn bad_models_and_tensors_are_errors() {
    let Some(runtime) = runtime() else { return };
    engine::bad_models_and_tensors_are_errors(&runtime);
}

#[test]
fn hostile_models_are_refused() {
    let Some(runtime) = runtime() else { return };
    engine::hostile::all_are_refused(&runtime, &BEYOND_MEASURE);
}

#[test]
fn real_models_run() {
    let Some(runtime) = runtime() else { return };
    engine::real_models_run(&runtime, &BEYOND);
}

/// A machine with one of Intel's GPUs computes; any other says why not, and never falls back.
#[test]
fn the_gpu_is_used_or_refused() {
    let Some(runtime) = runtime() else { return };
    let on_gpu = Options {
        target: Target::Gpu,
        ..options(1)
    };
    match Model::load_with(&runtime, &file("wide"), &on_gpu) {
        Ok(model) => {
            assert!(runtime.has_gpu());
            let [cpu, _] = both(&runtime, "wide");
            let expected = cpu.compute(wide(8)).expect("it computes");
            assert_close(
                &model.compute(wide(8)).expect("it computes"),
                &expected,
                1e-3,
            );
        }
        Err(error) => {
            assert_eq!(error.kind(), InferenceErrorKind::Unavailable);
            let message = error.to_string();
            assert!(
                message.contains("asks for the GPU") && message.contains("it has CPU"),
                "{message}"
            );
        }
    }
}
