//! OpenVINO as a [`Backend`](rulestage_inference::Backend): Intel's engine, on the processor and on its GPUs.
//!
//! The library is not part of this program. [`OpenVino::load`] loads it from where the user says, or from where it is
//! usually installed; nothing is downloaded. Its C interface is bound by hand: the few functions that models need.
//!
//! A graph is compiled once, and its sessions share the weights. Tensors go in without a copy where their bytes are
//! aligned as the element type wants, and come out with one. Computation is in 32 bits, also where a processor could
//! do with fewer.

mod api;
mod library;
mod session;

pub use library::OpenVino;
