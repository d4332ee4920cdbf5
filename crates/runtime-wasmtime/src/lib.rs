//! Runs stages in wasmtime.
//!
//! [`WasmtimeRuntime`] is the [`Runtime`](rulestage_pipeline::runtime::Runtime) of the command line: one
//! engine whose instances come from a pool, code that was compiled once for this machine, deadlines by
//! epochs, memory counted over all that an instance has, and `wasi:nn` over the embedded engine or ONNX Runtime.
//!
//! A stage gets what it is granted and nothing else: `wasi:nn` with the models that the pipeline lists, no
//! WASI. An instance that trapped, passed its deadline or broke the contract is thrown away; its session
//! goes on with another.

#![allow(
    clippy::disallowed_methods,
    reason = "a host: clocks and threads are its job"
)]

mod bindings;
mod cache;
mod component;
mod convert;
mod direct;
mod engine;
mod explain;
mod failure;
mod inspect;
mod instance;
mod linked;
mod models;
mod nn;
mod row;
mod runtime;
mod session;
mod store;

pub use cache::default_cache_dir;
pub use component::{Calls, CompileStats, StageComponent};
pub use inspect::{ComponentInfo, inspect};
pub use models::{BackendChoice, ModelReport, ModelSource};
pub use row::{RowOutcome, RowResult, RowValue};
pub use runtime::{Config, WasmtimeRuntime};
pub use session::Session;
