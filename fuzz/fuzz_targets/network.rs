//! Whatever bytes are taken for a network: an error or a network that computes, never a panic, and never more memory
//! than it may take.

#![no_main]

#[path = "../../crates/inference/tests/robustness/exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|file: &[u8]| exercise::exercise(file));
