//! Neural networks behind `wasi:nn`: one contract for every engine, and the embedded one.
//!
//! [`Model::load`] takes the bytes of an ONNX file, [`Model::compute`] takes and gives named tensors. An engine
//! is a [`Backend`]; the embedded one is rten, the same in every host. What engines lack is here once for all:
//! the names, types and shapes that a model declares, a check of every tensor against them before an engine sees it,
//! and a limit of what a computation takes in memory. rten computes in `f32` and `i32`, so `f16`, `bf16`, `f64` and
//! `i64` are converted at its borders.
//!
//! A model computes on one thread unless told otherwise, so that results do not depend on the machine; run
//! several batches at once to use more cores. Engines and vector units differ, so results agree to about 1e-6,
//! not in every bit.

mod backend;
mod convert;
mod error;
mod footprint;
mod model;
mod rten;
mod signature;
mod tensor;
mod weights;
mod wire;

pub use backend::{Backend, Graph, Options, Session, Signature, Target};
pub use error::{InferenceError, InferenceErrorKind};
pub use model::{Limits, Model};
pub use rten::Rten;
pub use signature::{Dimension, ElementType, TensorInfo};
pub use tensor::{DataType, Tensor};
