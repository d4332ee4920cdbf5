//! ONNX Runtime does what every engine must, and what is its own.
//!
//! `RULESTAGE_TEST_ONNXRUNTIME` names the library; `./dev test` installs it and sets the variable. Without it
//! these tests say so and pass, unless `CI` is set.

mod engine;

use engine::{assert_close, both, file, options, wide};
use rulestage_inference::{InferenceErrorKind, Model, Options, Rten, Target};
use rulestage_onnxruntime::OnnxRuntime;

/// Hostile models that it doesn't load: it wants names for the graphs in their nodes, and these have none.
const WITH_GRAPHS: [&str; 5] = [
    "a branch",
    "doubled in rounds",
    "one more in each round",
    "without end",
    "rows of all rounds",
];

/// The library, or `None` where this machine need not have it.
fn runtime() -> Option<OnnxRuntime> {
    let path = engine::library("RULESTAGE_TEST_ONNXRUNTIME")?;
    Some(OnnxRuntime::load(Some(&path)).expect("ONNX Runtime loads"))
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

/// With one thread, all callers share a session: what one computes must not reach another.
#[test]
fn one_session_computes_the_same_bits_on_many_threads() {
    let Some(runtime) = runtime() else { return };
    let model = Model::load_with(&runtime, &file("wide"), &options(1)).expect("it loads");
    let rows: Vec<u32> = (1..=32).chain([64, 100, 257]).collect();
    let alone: Vec<_> = rows
        .iter()
        .map(|rows| model.compute(wide(*rows)).expect("it computes"))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (model, rows, alone) = (&model, &rows, &alone);
            scope.spawn(move || {
                for round in 0..10 {
                    for at in 0..rows.len() {
                        // Each thread in an order of its own.
                        let at = (at * 11 + thread * 5 + round) % rows.len();
                        let outputs = model.compute(wide(rows[at])).expect("it computes");
                        assert_eq!(outputs, alone[at], "{} rows", rows[at]);
                    }
                }
            });
        }
    });
}

#[test]
fn bad_models_and_tensors_are_errors() {
    let Some(runtime) = runtime() else { return };
    engine::bad_models_and_tensors_are_errors(&runtime);
    engine::an_index_outside_is_an_error(&runtime);
}

#[test]
fn hostile_models_are_refused() {
    let Some(runtime) = runtime() else { return };
    engine::hostile::all_are_refused(&runtime, &WITH_GRAPHS);
}

#[test]
fn real_models_run() {
    let Some(runtime) = runtime() else { return };
    engine::real_models_run(&runtime, &[]);
}

#[test]
fn the_embedded_engine_runs_real_models() {
    engine::real_models_run(&Rten, &[]);
}

/// A machine with CUDA and a library for it computes; any other says why not, and never falls back.
#[test]
fn the_gpu_is_used_or_refused() {
    let Some(runtime) = runtime() else { return };
    let on_gpu = Options {
        target: Target::Gpu,
        ..options(1)
    };
    match Model::load_with(&runtime, &file("wide"), &on_gpu) {
        Ok(model) => {
            assert!(runtime.has_cuda());
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
            assert!(error.to_string().contains("asks for the GPU"), "{error}");
        }
    }
    let error = Model::load_with(&Rten, &file("wide"), &on_gpu).expect_err("rten has none");
    assert_eq!(error.kind(), InferenceErrorKind::Unavailable);
}
