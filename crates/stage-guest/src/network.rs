//! A model behind its name.

use crate::bindings::wasi::nn::errors::Error;
use crate::bindings::wasi::nn::graph::load_by_name;
use crate::bindings::wasi::nn::inference::GraphExecutionContext;
use crate::stage::StageError;
use crate::{Tensor, TensorType};

/// A model of the pipeline, ready to compute.
pub struct Network {
    context: GraphExecutionContext,
}

impl Network {
    /// The model that the pipeline lists under `name`.
    pub fn open(name: &str) -> Result<Self, StageError> {
        let graph = load_by_name(name).map_err(|error| refused(&error))?;
        let context = graph
            .init_execution_context()
            .map_err(|error| refused(&error))?;
        Ok(Self { context })
    }

    /// All outputs of the model by name, in its own order.
    pub fn compute(
        &self,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>, StageError> {
        self.context
            .compute(inputs)
            .map_err(|error| refused(&error))
    }
}

/// The elements of a tensor of `f32`; `None` of any other.
pub fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    if tensor.ty() != TensorType::Fp32 {
        return None;
    }
    let data = tensor.data();
    let (values, _) = data.as_chunks::<4>();
    let value = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    Some(values.iter().map(value).collect())
}

fn refused(error: &Error) -> StageError {
    StageError::Model(error.data())
}
