//! An expression that compiles runs without a trap, gives the same in batches of any size, and what the independent
//! evaluator gives.

#![no_main]
#![allow(dead_code, reason = "the modules of the reference tests have more than is called here")]

#[path = "../../crates/rule-compiler/tests/reference/calendar.rs"]
mod calendar;
#[path = "../../crates/rule-compiler/tests/reference/evaluate.rs"]
mod evaluate;
#[path = "../../crates/rule-compiler/tests/reference/fuzz.rs"]
mod fuzz;
#[path = "../../crates/rule-compiler/tests/reference/generate.rs"]
mod generate;
#[path = "../../crates/rule-compiler/tests/reference/stage.rs"]
mod stage;
#[path = "../../crates/rule-compiler/tests/reference/values.rs"]
mod values;

use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::sync::LazyLock;

static RUNTIME: LazyLock<WasmtimeRuntime> =
    LazyLock::new(|| WasmtimeRuntime::new(Config::default()).expect("wasmtime starts"));

libfuzzer_sys::fuzz_target!(|source: &str| {
    fuzz::exercise(&RUNTIME, source);
});
