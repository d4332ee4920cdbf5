//! ONNX Runtime as a [`Backend`](rulestage_inference::Backend): the accelerated engine, on the processor and on
//! CUDA.
//!
//! The library is not part of this program. [`OnnxRuntime::load`] loads it from where the user says, or from
//! where it is usually installed; nothing is downloaded, and its telemetry is off. A process has one ONNX
//! Runtime: the first that was loaded.
//!
//! A session computes for one caller at a time and has its own threads. Tensors go in without a copy where their
//! bytes are aligned as the element type wants, and come out with one.

mod library;
mod session;
mod tensors;

pub use library::OnnxRuntime;
