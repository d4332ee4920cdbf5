//! The playground's parts: what the page, its worker and the engine have in common.
//!
//! Three programs are built from this package. `app` is the page, `worker` compiles and runs pipelines beside
//! it, and `engine` holds the neural-network engine, which the worker fetches when a pipeline has a model.

pub mod protocol;

#[cfg(target_arch = "wasm32")]
pub mod app;
#[cfg(target_arch = "wasm32")]
pub mod worker;
