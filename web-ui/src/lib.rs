//! The playground's parts: what the page, its worker and what the worker fetches have in common.
//!
//! Five programs are built from this package. `app` is the page; `worker` compiles and runs pipelines beside it and
//! answers what the editor asks; the build takes a second part out of it, which is fetched when the first decision is made.
//! The worker fetches three more when they are needed: `engine`, the neural-network engine, for pipelines with a model,
//! `modeler`, the compiler of tabular models, and `printer`, which shows components as text.

pub mod protocol;

#[cfg(target_arch = "wasm32")]
pub mod app;
#[cfg(target_arch = "wasm32")]
pub mod worker;
