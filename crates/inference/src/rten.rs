//! The embedded engine, rten: loads the graph and runs it, on the threads it is given, without letting its
//! panics out.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rten::{NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::*;

use crate::convert::{self, EngineType};
use crate::{
    Backend, Graph, InferenceError, InferenceErrorKind, Options, Session, Signature, Target,
    Tensor, TensorInfo,
};

/// The embedded engine: everywhere, on the processor.
#[derive(Debug, Clone, Copy)]
pub struct Rten;

impl Backend for Rten {
    fn name(&self) -> &'static str {
        "rten"
    }

    fn load(
        &self,
        file: &[u8],
        _signature: &Signature,
        options: &Options,
    ) -> Result<Box<dyn Graph>, InferenceError> {
        if options.target == Target::Gpu {
            return Err(InferenceError::new(
                InferenceErrorKind::Unavailable,
                "the embedded engine computes on the processor only",
            ));
        }
        let load = || rten::Model::load(file.to_vec());
        let model = no_panic("loading the model", load)?.map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!("the embedded engine can't load the model: {error}"),
            )
            .with_source(error)
        })?;
        Ok(Box::new(RtenGraph {
            model: Arc::new(model),
            threads: options.threads.max(1) as usize,
        }))
    }
}

struct RtenGraph {
    model: Arc<rten::Model>,
    threads: usize,
}

impl Graph for RtenGraph {
    fn session(&self) -> Result<Box<dyn Session>, InferenceError> {
        Ok(Box::new(RtenSession {
            model: Arc::clone(&self.model),
            pool: Arc::new(ThreadPool::with_num_threads(self.threads)),
        }))
    }
}

impl fmt::Debug for RtenGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(f)
    }
}

/// The graph is shared; the pool is not, since it serves one computation at a time, and rten has no way to
/// run on the calling thread where there are threads.
struct RtenSession {
    model: Arc<rten::Model>,
    pool: Arc<ThreadPool>,
}

impl Session for RtenSession {
    fn compute(
        &mut self,
        signature: &Signature,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let mut values: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        let ids = self.model.input_ids();
        for ((tensor, info), id) in inputs.into_iter().zip(&signature.inputs).zip(ids) {
            values.push((*id, value(info, tensor)?.into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let run = || {
            self.model
                .run(values, self.model.output_ids(), Some(options))
        };
        let results = no_panic("computing", run)?.map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::Failed,
                format!("the model failed: {error}"),
            )
            .with_source(error)
        })?;
        results
            .into_iter()
            .zip(&signature.outputs)
            .map(|(value, info)| tensor(value, info))
            .collect()
    }
}

fn value(info: &TensorInfo, tensor: Tensor) -> Result<Value, InferenceError> {
    let scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
    let dims: Vec<usize> = match scalar {
        true => Vec::new(),
        false => tensor.dims.iter().map(|&dim| dim as usize).collect(),
    };
    let (dtype, data) = (tensor.dtype, tensor.data);
    let value = match EngineType::of(info.element) {
        EngineType::F32 => {
            convert::floats(dtype, &data).map(|data| Value::from_shape(dims, data).ok())
        }
        EngineType::I32 => convert::integers(&info.name, dtype, &data)?
            .map(|data| Value::from_shape(dims, data).ok()),
        EngineType::U8 => Some(Value::from_shape(dims, data).ok()),
        EngineType::I8 => {
            let data: Vec<i8> = data.into_iter().map(|byte| byte as i8).collect();
            Some(Value::from_shape(dims, data).ok())
        }
    };
    value.flatten().ok_or_else(|| {
        InferenceError::new(
            InferenceErrorKind::InvalidInput,
            format!("input `{}` can't be made of {dtype} elements", info.name),
        )
    })
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
