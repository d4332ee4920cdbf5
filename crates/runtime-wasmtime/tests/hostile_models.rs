//! Guests that misuse `wasi:nn`: each gets an error that says what is wrong, or ends alone; the host goes on.
//!
//! With either engine, where `RULESTAGE_TEST_ONNXRUNTIME` names ONNX Runtime (`./dev test` does).

#![allow(
    clippy::disallowed_methods,
    reason = "a test: it reads its environment"
)]

mod common;

use std::env;
use std::path::PathBuf;

use common::guest::{Guest, LIMITS};
use common::{file, rows};
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, StageFailureKind};
use rulestage_runtime_wasmtime::{BackendChoice, Config, ModelSource, WasmtimeRuntime};

/// A tensor of `score`'s input and a question, which is answered.
const GOOD: &str = "(call $input (i32.const 0) (i32.const 2120) (i32.const 8)
        (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32)))
    (call $ask (call $context) (i32.const 1))";

fn runtimes() -> Vec<WasmtimeRuntime> {
    let library = env::var_os("RULESTAGE_TEST_ONNXRUNTIME").filter(|path| !path.is_empty());
    let mut engines = vec![(BackendChoice::Rten, None)];
    if let Some(library) = library {
        engines.push((BackendChoice::OnnxRuntime, Some(PathBuf::from(library))));
    }
    let runtime = |(backend, onnxruntime)| {
        let model = |name: &str, file| ModelSource {
            backend,
            ..ModelSource::new(name, file)
        };
        let models = vec![
            model("score", file("tests/models/score.onnx")),
            model("broken", b"not a model".to_vec()),
        ];
        let config = Config {
            models,
            onnxruntime,
            ..Config::default()
        };
        WasmtimeRuntime::new(config).expect("wasmtime starts")
    };
    engines.into_iter().map(runtime).collect()
}

/// What two calls of one session end in.
fn calls(runtime: &WasmtimeRuntime, code: &str, limits: Limits) -> [Option<StageFailure>; 2] {
    let component = Guest::asking(code).component();
    let component = runtime.load(&component).expect("it loads");
    let mut session = runtime.open(&component, &[], limits).expect("it opens");
    [0, 1].map(|_| runtime.process(&mut session, &rows(2)).err())
}

/// The guest fails so, with any engine; afterwards a good one is answered.
#[track_caller]
fn fails_within(limits: Limits, code: &str, kind: StageFailureKind, message: &str) {
    for runtime in runtimes() {
        for failure in calls(&runtime, code, limits) {
            let failure = failure.expect("it fails");
            assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
        }
        assert_eq!(calls(&runtime, GOOD, LIMITS), [None, None]);
    }
}

/// The guest is told so by `wasi:nn`.
#[track_caller]
fn is_told(code: &str, message: &str) {
    fails_within(LIMITS, code, StageFailureKind::Failed, message);
}

/// Asks `score` with one tensor: place and number of its dimensions, type, bytes.
fn tensor(dims: u32, rank: u32, kind: u32, bytes: u32) -> String {
    format!(
        "(call $input (i32.const 0) (i32.const 2120) (i32.const 8)
            (call $of (i32.const {dims}) (i32.const {rank}) (i32.const {kind}) (i32.const {bytes})))
         (call $ask (call $context) (i32.const 1))"
    )
}

#[test]
fn a_good_question_is_answered() {
    for runtime in runtimes() {
        assert_eq!(calls(&runtime, GOOD, LIMITS), [None, None]);
    }
}

#[test]
fn models_that_the_pipeline_does_not_list() {
    is_told(
        "(drop (call $graph (i32.const 2110) (i32.const 5)))",
        "the pipeline lists no model `other`; it lists `broken`, `score`",
    );
    is_told(
        "(drop (call $graph (i32.const 2100) (i32.const 0)))",
        "the pipeline lists no model ``; it lists `broken`, `score`",
    );
}

#[test]
fn models_that_are_broken() {
    for runtime in runtimes() {
        let code = "(drop (call $graph (i32.const 2140) (i32.const 6)))";
        let failures = calls(&runtime, code, LIMITS);
        let message = &failures[0].as_ref().expect("it fails").message;
        assert!(
            message.starts_with("model `broken`: not an ONNX model"),
            "{message}"
        );
        assert_eq!(failures[0], failures[1]);
    }
}

#[test]
fn models_that_it_brings_along() {
    // One file of a kilobyte: its address and length.
    let code = "(i32.store (i32.const 2320) (i32.const 8192))
        (i32.store (i32.const 2324) (i32.const 1024))
        (call $load (i32.const 2320) (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 2304))
        (call $fail (i32.load (i32.const 2308)))";
    is_told(
        code,
        "a stage can't bring its own model; list it in the pipeline and load it by name",
    );
}

#[test]
fn tensors_of_the_wrong_type_or_shape() {
    is_told(
        &tensor(2200, 2, 5, 32),
        "model `score`: the model expects features: f32[batch, 4], and was given i32[2, 4]",
    );
    is_told(
        &tensor(2208, 2, 1, 40),
        "model `score`: the model expects features: f32[batch, 4], and was given f32[2, 5]",
    );
    is_told(
        &tensor(2204, 1, 1, 16),
        "model `score`: the model expects features: f32[batch, 4], and was given f32[4]",
    );
    is_told(
        &tensor(2200, 0, 1, 4),
        "model `score`: the model expects features: f32[batch, 4], and was given f32[]",
    );
}

#[test]
fn tensors_whose_bytes_do_not_fit_their_shape() {
    is_told(
        &tensor(2200, 2, 1, 31),
        "model `score`: input `features` is said to be f32[2, 4] but holds 31 bytes",
    );
    is_told(
        &tensor(2200, 2, 1, 0),
        "model `score`: input `features` is said to be f32[2, 4] but holds 0 bytes",
    );
    is_told(
        &tensor(2216, 2, 1, 0),
        "model `score`: input `features` is f32[0, 4], which has no elements; a dimension can't be 0",
    );
    is_told(
        &tensor(2224, 3, 1, 64),
        "model `score`: input `features` is said to be f32[4294967295, 4294967295, 4294967295] but holds 64 bytes",
    );
    is_told(
        &tensor(2200, 10_000, 1, 0),
        "model `score`: input `features` has 10000 dimensions",
    );
}

#[test]
fn inputs_that_are_unknown_missing_or_given_twice() {
    is_told(
        "(call $ask (call $context) (i32.const 0))",
        "model `score`: no tensor for input `features`",
    );
    let given = |at: u32, name: u32, len: u32| {
        format!(
            "(call $input (i32.const {at}) (i32.const {name}) (i32.const {len})
                (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32)))"
        )
    };
    let unknown = given(0, 2130, 7) + "(call $ask (call $context) (i32.const 1))";
    is_told(
        &unknown,
        "model `score`: the model has no input `nothing`; its inputs are `features`",
    );
    let twice =
        given(0, 2120, 8) + &given(1, 2120, 8) + "(call $ask (call $context) (i32.const 2))";
    is_told(&twice, "model `score`: input `features` is given twice");
}

/// Handles that are no more, or of something else: the guest ends, as with any other bad handle.
#[test]
fn handles_that_are_not_its_own() {
    let dropped =
        "(local.set $handle (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32)))
        (call $drop_tensor (local.get $handle))";
    let contexts = "(local.set $handle (call $context)) (call $drop_context (local.get $handle))";
    for code in [
        format!("{dropped} (call $drop_tensor (local.get $handle))"),
        format!("{dropped} (call $tensor_data (local.get $handle) (i32.const 2304))"),
        format!("{dropped} (call $input (i32.const 0) (i32.const 2120) (i32.const 8) (local.get $handle))
            (call $ask (call $context) (i32.const 1))"),
        format!("{contexts} (call $ask (local.get $handle) (i32.const 0))"),
        // A tensor is no context, and a context no model.
        "(call $ask (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32)) (i32.const 0))".to_owned(),
        "(call $init (call $context) (i32.const 2304))".to_owned(),
        // One tensor twice: computing takes it.
        format!("{GOOD} (call $ask (call $context) (i32.const 1))"),
        "(call $drop_error (i32.const 77))".to_owned(),
        "(call $drop_graph (i32.const 0))".to_owned(),
        "(call $init (i32.const -1) (i32.const 2304))".to_owned(),
    ] {
        for runtime in runtimes() {
            for failure in calls(&runtime, &code, LIMITS) {
                let failure = failure.expect("it fails");
                assert_eq!(failure.kind, StageFailureKind::Contract, "{code}: {failure}");
                let message = &failure.message;
                assert!(message.contains("handle index"), "{code}: {message}");
            }
            assert_eq!(calls(&runtime, GOOD, LIMITS), [None, None]);
        }
    }
}

/// Places and lengths outside of the guest's memory.
#[test]
fn lists_outside_of_its_memory() {
    for code in [
        "(drop (call $graph (i32.const 65530) (i32.const 100)))",
        "(drop (call $of (i32.const 65532) (i32.const 1000) (i32.const 1) (i32.const 0)))",
        "(drop (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const -1)))",
        "(drop (call $of (i32.const 2200) (i32.const 2) (i32.const 99) (i32.const 32)))",
        "(call $compute (call $context) (i32.const 2400) (i32.const 0x10000000) (i32.const 2304))",
    ] {
        for runtime in runtimes() {
            for failure in calls(&runtime, code, LIMITS) {
                let failure = failure.expect("it fails");
                assert_eq!(
                    failure.kind,
                    StageFailureKind::Contract,
                    "{code}: {failure}"
                );
            }
            assert_eq!(calls(&runtime, GOOD, LIMITS), [None, None]);
        }
    }
}

/// What it keeps counts as its memory, however small each thing is.
#[test]
fn things_without_end() {
    let small = Limits {
        memory_bytes: 1 << 20,
        ..LIMITS
    };
    for each in [
        "(drop (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32768)))",
        "(drop (call $of (i32.const 2200) (i32.const 0) (i32.const 1) (i32.const 0)))",
        "(drop (call $of (i32.const 2200) (i32.const 8000) (i32.const 1) (i32.const 0)))",
        "(drop (call $graph (i32.const 2100) (i32.const 5)))",
        "(drop (call $context))",
        "(call $load_by_name (i32.const 2110) (i32.const 5) (i32.const 2304))",
    ] {
        fails_within(
            small,
            &format!("(loop $again {each} (br $again))"),
            StageFailureKind::Memory,
            "stage wanted more than its 1 MiB of memory",
        );
    }
}

/// What it gives back does not count: as many as it likes, one after another.
#[test]
fn thousands_of_things_one_after_another() {
    let small = Limits {
        memory_bytes: 1 << 20,
        ..LIMITS
    };
    let code = format!(
        "(local.set $n (i32.const 3000))
        (loop $again
            (global.set $top (i32.const 4096))
            (call $drop_tensor (call $of (i32.const 2200) (i32.const 2) (i32.const 1) (i32.const 32)))
            (call $drop_graph (call $graph (i32.const 2100) (i32.const 5)))
            (call $drop_context (call $context))
            (call $load_by_name (i32.const 2110) (i32.const 5) (i32.const 2304))
            (call $drop_error (i32.load (i32.const 2308)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        {GOOD}"
    );
    for runtime in runtimes() {
        assert_eq!(calls(&runtime, &code, small), [None, None]);
    }
}
