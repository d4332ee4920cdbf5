//! Whatever bytes are taken for a model: an error or a model that computes, never a panic.

#![no_main]

#[path = "../../crates/onnx-ml/tests/onnx_reference/exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|file: &[u8]| exercise::exercise(file));
