//! Tabular models: ONNX files of tree ensembles, linear models, support vector machines and what prepares their
//! features, as skl2onnx, LightGBM and XGBoost export them.
//!
//! [`Model::load`] reads a file, checks every index and size in it, and computes two rows with it, so that a model that
//! loads also runs. [`Model::compute`] takes columns and gives columns. The same code runs on the host, where models
//! are compiled into stages, and inside these stages.
//!
//! **Invariant**: rows don't see each other. An operator that would mix rows is refused, so results do not depend on
//! the size of a batch.
//!
//! Source: the ONNX specification with its ai.onnx.ml operators, and ONNX Runtime where it is silent.

mod error;
mod forest;
mod graph;
mod lookup;
mod model;
mod node;
mod operators;
mod proto;
mod scores;
mod summary;
mod tensor;
mod tokens;
mod wire;

pub mod packed;

pub use error::{Error, ErrorKind, Result};
pub use lookup::KnownTexts;
pub use model::{InputColumn, Kind, Model, Options, OutputColumn};
pub use node::Refused;
pub use summary::{Summary, operator_numbers, summarize};
pub use tensor::{Data, Tensor};
