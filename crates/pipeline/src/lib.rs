//! Manifests, the stage graph and batches: runs stages on any host.

pub mod runtime;
pub mod wire;
