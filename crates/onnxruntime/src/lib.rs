//! ONNX Runtime as a [`Backend`](rulestage_inference::Backend): the accelerated engine, on the processor and on
//! CUDA.
//!
//! The library is not part of this program. [`OnnxRuntime::load`] loads it from where the user says, or from
//! where it is usually installed; nothing is downloaded, and its telemetry is off. A process has one ONNX
//! Runtime: the first that was loaded.
//!
//! With one thread on the processor, all callers share a session, and so the weights; otherwise each has a session with
//! threads of its own. Tensors go in without a copy where their bytes are aligned as the element type wants, and come
//! out with one.

mod library;
mod run;
mod session;
mod tensors;

pub use library::OnnxRuntime;
