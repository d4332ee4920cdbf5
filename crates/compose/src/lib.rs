//! A stage that imports `wasi:nn`, the engine component and some models, as one component without imports.
//!
//! [`with_models`] puts models into a copy of the engine, [`join`] wraps stage and engine, and [`Parts::of`] takes a
//! joined component apart again, for hosts that run the two core modules themselves. The outer component is
//! the same few bytes each time, so `Parts::of` recognises exactly what `join` made and nothing else.

mod error;
mod join;
mod module;

pub use error::{ComposeError, ComposeErrorKind};
pub use join::{Parts, join};
pub use module::with_models;

/// The interfaces that the engine exports and a stage imports, in the order of their dependencies.
pub const INTERFACES: [&str; 4] = [
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
];

/// The interface that every stage exports.
pub const STAGE: &str = "rulestage:stage/stage@0.1.0";
