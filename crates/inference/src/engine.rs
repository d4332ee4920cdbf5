//! rten: loads the graph and runs it, on one thread, without letting its panics out.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::*;

use crate::convert::{self, EngineType};
use crate::{InferenceError, InferenceErrorKind, Tensor, TensorInfo};

pub(crate) struct Engine {
    model: Model,
    input_types: Vec<EngineType>,
    /// Pools of one thread. A pool serves one computation at a time: several computations at once must not
    /// wait for each other. rten has no way to run on the calling thread.
    idle_pools: Mutex<Vec<Arc<ThreadPool>>>,
}

impl Engine {
    pub(crate) fn load(
        bytes: Vec<u8>,
        input_types: Vec<EngineType>,
    ) -> Result<Self, InferenceError> {
        let model = no_panic("loading the model", || Model::load(bytes))?.map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!("the embedded engine can't load the model: {error}"),
            )
            .with_source(error)
        })?;
        Ok(Self {
            model,
            input_types,
            idle_pools: Mutex::default(),
        })
    }

    /// The outputs in the model's order. `tensors` are in the model's order and fit its inputs.
    pub(crate) fn run(
        &self,
        inputs: &[TensorInfo],
        tensors: &[Tensor],
        outputs: &[TensorInfo],
    ) -> Result<Vec<Tensor>, InferenceError> {
        let mut values: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        for (index, tensor) in tensors.iter().enumerate() {
            let value = self.value(index, &inputs[index], tensor)?;
            values.push((self.model.input_ids()[index], value.into()));
        }
        let pool = self.take_pool();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&pool)));
        let results = no_panic("computing", || {
            self.model
                .run(values, self.model.output_ids(), Some(options))
        });
        self.idle_pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pool);
        let results = results?.map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::Failed,
                format!("the model failed: {error}"),
            )
            .with_source(error)
        })?;
        results
            .into_iter()
            .zip(outputs)
            .map(|(value, info)| tensor(value, info))
            .collect()
    }

    fn take_pool(&self) -> Arc<ThreadPool> {
        let idle = self
            .idle_pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)))
    }

    fn value(
        &self,
        index: usize,
        info: &TensorInfo,
        tensor: &Tensor,
    ) -> Result<Value, InferenceError> {
        let scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
        let dims: Vec<usize> = match scalar {
            true => Vec::new(),
            false => tensor.dims.iter().map(|&dim| dim as usize).collect(),
        };
        let data = &tensor.data;
        let value = match self.input_types[index] {
            EngineType::F32 => {
                convert::floats(tensor.dtype, data).map(|data| Value::from_shape(dims, data).ok())
            }
            EngineType::I32 => convert::integers(&info.name, tensor.dtype, data)?
                .map(|data| Value::from_shape(dims, data).ok()),
            EngineType::U8 => Some(Value::from_shape(dims, data.clone()).ok()),
            EngineType::I8 => {
                let data: Vec<i8> = data.iter().map(|&byte| byte as i8).collect();
                Some(Value::from_shape(dims, data).ok())
            }
        };
        value.flatten().ok_or_else(|| {
            InferenceError::new(
                InferenceErrorKind::InvalidInput,
                format!(
                    "input `{}` can't be made of {} elements",
                    info.name, tensor.dtype
                ),
            )
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(f)
    }
}

/// One result of the engine as a tensor of the declared type.
fn tensor(value: Value, info: &TensorInfo) -> Result<Tensor, InferenceError> {
    let mut dims: Vec<u32> = value.shape().iter().map(|&dim| dim as u32).collect();
    if dims.is_empty() {
        dims.push(1);
    }
    let (dtype, data) = match value {
        Value::FloatTensor(tensor) => convert::float_bytes(tensor.into_data(), info.dtype),
        Value::Int32Tensor(tensor) => convert::integer_bytes(tensor.into_data(), info.dtype),
        Value::UInt8Tensor(tensor) => (crate::DataType::U8, tensor.into_data()),
        Value::Int8Tensor(tensor) => {
            let bytes = tensor
                .into_data()
                .into_iter()
                .map(|value| value as u8)
                .collect();
            (crate::DataType::U8, bytes)
        }
        _ => {
            return Err(InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!(
                    "output `{}` is a sequence; only tensors can leave a model",
                    info.name
                ),
            ));
        }
    };
    Ok(Tensor { dims, dtype, data })
}

/// The engine reports what it does not support as errors, mostly; a model must not be able to take its host
/// down with the rest.
fn no_panic<T>(doing: &str, work: impl FnOnce() -> T) -> Result<T, InferenceError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        InferenceError::new(
            InferenceErrorKind::Failed,
            format!("the embedded engine gave up {doing}: {reason}"),
        )
    })
}
