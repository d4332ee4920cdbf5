//! The embedded neural-network engine behind `wasi:nn`, the same in every host.
//!
//! [`Model::load`] takes the bytes of an ONNX file, [`Model::compute`] takes and gives named tensors. The
//! engine is rten; what it lacks is added here: the model's own element types (rten keeps only those it
//! computes in), a check of names, types and shapes before the engine sees a tensor, and conversions of
//! `f16`, `bf16`, `f64` and `i64`.
//!
//! A model computes on one thread, so that results do not depend on the machine; run several batches at
//! once to use more cores. Hosts differ in their vector units, so results agree to about 1e-6, not in
//! every bit.

mod convert;
mod engine;
mod error;
mod model;
mod tensor;

pub use error::{InferenceError, InferenceErrorKind};
pub use model::{Dimension, Limits, Model, TensorInfo};
pub use tensor::{DataType, Tensor};
