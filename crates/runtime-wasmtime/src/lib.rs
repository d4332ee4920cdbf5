//! Runs stages in wasmtime: compiled-code cache, limits, wasi:nn.
