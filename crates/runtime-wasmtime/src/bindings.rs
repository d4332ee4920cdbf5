//! Generated from the contract in `wit/`: what stages export, and `wasi:nn`, which they may import.
//! Parameters are borrowed, so that columns go from Arrow buffers straight into the guest's memory.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/, which documents it"
)]

/// `stage` and `explain`.
pub(crate) mod rules {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "rules",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The imports of `wasi:nn`.
pub(crate) mod nn {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasi-nn",
        world: "ml",
        imports: { default: trappable },
        with: {
            "wasi:nn/tensor.tensor": rulestage_inference::Tensor,
            "wasi:nn/graph.graph": crate::nn::Graph,
            "wasi:nn/inference.graph-execution-context": crate::nn::ExecutionContext,
            "wasi:nn/errors.error": crate::nn::NnError,
        },
    });
}
