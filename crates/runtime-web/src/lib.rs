//! Runs stages on the browser's WebAssembly.
