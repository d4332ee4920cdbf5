//! What the stages under `components/` share, built for wasm32 with each of them: the types of the contract and of
//! `wasi:nn`, columns, parameters, and a model behind its name.
//!
//! A stage implements [`stage::Guest`] and ends with `rulestage_stage_guest::export!(ItsType);`. Deliberately absent:
//! anything that only one stage does.

mod columns;
mod network;
mod parameters;

pub use bindings::export;
pub use bindings::exports::rulestage::stage::stage;
pub use bindings::wasi::nn::tensor::{Tensor, TensorType};
pub use columns::{bits, expect_columns, field, invalid_column, texts};
pub use network::{Network, floats};
pub use parameters::{Parameters, invalid_parameter, parameter};

#[doc(hidden)]
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from the contract in wit/, which documents it"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "inference",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "rulestage_stage_guest::bindings",
    });
}
