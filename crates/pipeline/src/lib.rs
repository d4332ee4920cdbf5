//! Manifests, the stage graph and batches: runs stages on any host.
//!
//! ```text
//! Manifest::parse -> load -> Pipeline::bind (the input's columns) -> Executor::process (each batch)
//! ```
//!
//! **Invariant**: no files, network, clock or threads. A host gives the files ([`load::Source`]), the
//! components ([`runtime::Runtime`]) and the time ([`run::Observer`]).

pub mod bind;
pub mod cast;
pub mod cells;
pub mod coverage;
mod defaults;
pub mod dynamic;
mod gate;
pub mod graph;
pub mod load;
pub mod manifest;
mod params;
pub mod rows;
pub mod run;
pub mod runtime;
mod suggest;
pub mod wire;
