//! What the tests of this crate share.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod guest;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};

pub fn runtime() -> WasmtimeRuntime {
    WasmtimeRuntime::new(Config::default()).expect("wasmtime starts")
}

/// A batch without columns.
pub fn rows(n_rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .expect("rows without columns")
}

/// A file of the repository.
pub fn file(path: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A stage that `just components` built.
pub fn built_component(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/components"
    ));
    let path = path.join(format!("{name}.wasm"));
    fs::read(&path)
        .unwrap_or_else(|_| panic!("{} is missing: run `just components`", path.display()))
}
