//! The printer of WebAssembly text as a module of its own: the worker fetches it when a component is to be shown.

use wasm_bindgen::prelude::*;

/// A component or module in the text format.
#[wasm_bindgen]
pub fn print(bytes: &[u8]) -> Result<String, JsError> {
    wasmprinter::print_bytes(bytes).map_err(|error| JsError::new(&error.to_string()))
}

fn main() {}
