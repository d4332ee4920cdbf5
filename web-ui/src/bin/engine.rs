//! The neural-network engine as a module of its own: the worker fetches it when a pipeline has a model.

use rulestage_inference::{DataType, InferenceError, InferenceErrorKind, Limits, Model, Tensor};
use wasm_bindgen::prelude::*;

/// A model ready to compute.
#[wasm_bindgen]
pub struct Engine {
    model: Model,
}

/// A named tensor on its way in or out.
#[wasm_bindgen]
pub struct Named {
    name: String,
    tensor: Tensor,
}

#[wasm_bindgen]
impl Named {
    /// `element` is the case of `wasi:nn`'s `tensor-type`.
    #[wasm_bindgen(constructor)]
    pub fn new(name: String, dims: Vec<u32>, element: u8, data: Vec<u8>) -> Result<Named, JsValue> {
        let dtype = ELEMENTS
            .get(usize::from(element))
            .copied()
            .ok_or_else(|| error(0, "there is no such element type"))?;
        Ok(Self {
            name,
            tensor: Tensor { dims, dtype, data },
        })
    }

    /// The name of the input or output.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// The size of each dimension.
    #[wasm_bindgen(getter)]
    pub fn dims(&self) -> Vec<u32> {
        self.tensor.dims.clone()
    }

    /// The case of `tensor-type`.
    #[wasm_bindgen(getter)]
    pub fn element(&self) -> u8 {
        ELEMENTS
            .iter()
            .position(|dtype| *dtype == self.tensor.dtype)
            .unwrap_or_default() as u8
    }

    /// The elements, taken out.
    pub fn take(self) -> Vec<u8> {
        self.tensor.data
    }
}

/// In the order of `tensor-type`.
const ELEMENTS: [DataType; 7] = [
    DataType::F16,
    DataType::F32,
    DataType::F64,
    DataType::Bf16,
    DataType::U8,
    DataType::I32,
    DataType::I64,
];

#[wasm_bindgen]
impl Engine {
    /// A model from the bytes of an ONNX file; throws `[error code, message]`.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>) -> Result<Engine, JsValue> {
        let model = Model::load(&bytes, Limits::default()).map_err(|failure| thrown(&failure))?;
        Ok(Self { model })
    }

    /// All outputs; throws `[error code, message]`.
    pub fn compute(&self, inputs: Vec<Named>) -> Result<Vec<Named>, JsValue> {
        let inputs = inputs
            .into_iter()
            .map(|input| (input.name, input.tensor))
            .collect();
        let outputs = self
            .model
            .compute(inputs)
            .map_err(|failure| thrown(&failure))?;
        Ok(outputs
            .into_iter()
            .map(|(name, tensor)| Named { name, tensor })
            .collect())
    }
}

/// The case of `wasi:nn`'s `error-code` beside the message.
fn thrown(failure: &InferenceError) -> JsValue {
    let code = match failure.kind() {
        InferenceErrorKind::InvalidModel => 1,
        InferenceErrorKind::UnsupportedModel => 4,
        InferenceErrorKind::InvalidInput => 0,
        InferenceErrorKind::TooLarge | InferenceErrorKind::MemoryLimit => 5,
        _ => 3,
    };
    error(code, &failure.to_string())
}

fn error(code: u8, message: &str) -> JsValue {
    js_sys::Array::of2(&code.into(), &message.into()).into()
}

fn main() {}
