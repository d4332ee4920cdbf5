//! Formatting is stable, and what it writes says the same.

#![no_main]

#[path = "../../crates/rule-compiler/tests/robustness/exercise.rs"]
#[allow(dead_code, reason = "each target calls one of its functions")]
mod exercise;

libfuzzer_sys::fuzz_target!(|source: &str| exercise::formatting(source));
