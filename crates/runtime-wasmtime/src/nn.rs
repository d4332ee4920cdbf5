//! `wasi:nn` for stages: models by name, from those that the pipeline lists.
//!
//! Written on the bindings rather than on `wasmtime-wasi-nn`, whose backend trait turns every failure into
//! the same "failed while accessing backend", keeps tensors outside any limit, and copies each several times.

#![expect(
    unreachable_pub,
    reason = "the generated bindings re-export the resources"
)]

use std::sync::Arc;

use rulestage_inference::{DataType, InferenceError, InferenceErrorKind, Model, Tensor};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::nn::wasi::nn::errors::{self, ErrorCode};
use crate::bindings::nn::wasi::nn::graph::{self, ExecutionTarget, GraphBuilder, GraphEncoding};
use crate::bindings::nn::wasi::nn::inference::{self, NamedTensor};
use crate::bindings::nn::wasi::nn::tensor::{self, TensorData, TensorDimensions, TensorType};
use crate::store::Host;

/// The interfaces that a stage may import.
pub(crate) const INTERFACES: [&str; 4] = [
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
];

pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    tensor::add_to_linker::<_, HasSelf<_>>(linker, |host| host)?;
    graph::add_to_linker::<_, HasSelf<_>>(linker, |host| host)?;
    inference::add_to_linker::<_, HasSelf<_>>(linker, |host| host)?;
    errors::add_to_linker::<_, HasSelf<_>>(linker, |host| host)
}

/// A loaded model, as guests hold it, with its name.
pub struct Graph(Arc<Model>, Arc<str>);

/// A model ready to compute, as guests hold it, with its name.
pub struct ExecutionContext(Arc<Model>, Arc<str>);

/// A failure, as guests hold it.
pub struct NnError {
    code: ErrorCode,
    message: String,
}

impl NnError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl NnError {
    /// A failure of the model called `name`.
    fn of(name: &str, error: &InferenceError) -> Self {
        let code = match error.kind() {
            InferenceErrorKind::InvalidInput => ErrorCode::InvalidArgument,
            InferenceErrorKind::InvalidModel => ErrorCode::InvalidEncoding,
            InferenceErrorKind::UnsupportedModel | InferenceErrorKind::Unavailable => {
                ErrorCode::UnsupportedOperation
            }
            InferenceErrorKind::TooLarge | InferenceErrorKind::MemoryLimit => ErrorCode::TooLarge,
            _ => ErrorCode::RuntimeError,
        };
        Self::new(code, format!("model `{name}`: {error}"))
    }
}

/// A result whose failure is a resource of the guest.
type NnResult<T> = wasmtime::Result<Result<T, Resource<NnError>>>;

/// What a handle takes on the host beside what it holds, roughly: the tables' entries.
const HANDLE_BYTES: u64 = 128;

/// What a guest holds a handle of.
trait Held: Send + 'static {
    /// What it takes on the host because the guest wanted it so.
    fn size_bytes(&self) -> u64 {
        0
    }
}

impl Held for Graph {}

impl Held for ExecutionContext {}

impl Held for Tensor {
    fn size_bytes(&self) -> u64 {
        (self.data.len() + size_of_val(self.dims.as_slice())) as u64
    }
}

impl Held for NnError {
    fn size_bytes(&self) -> u64 {
        self.message.len() as u64
    }
}

impl Host {
    fn fail<T>(&mut self, error: NnError) -> NnResult<T> {
        Ok(Err(self.hold(error)?))
    }

    /// Takes a thing in, within the memory that the stage may use.
    fn hold<T: Held>(&mut self, held: T) -> wasmtime::Result<Resource<T>> {
        let bytes = HANDLE_BYTES + held.size_bytes();
        if !self.memory.take(bytes) {
            wasmtime::bail!("no memory for {bytes} bytes of `wasi:nn`");
        }
        Ok(self.table.push(held)?)
    }

    fn release<T: Held>(&mut self, resource: Resource<T>) -> wasmtime::Result<T> {
        let held = self.table.delete(resource)?;
        self.memory.give_back(HANDLE_BYTES + held.size_bytes());
        Ok(held)
    }
}

impl graph::Host for Host {
    fn load(
        &mut self,
        _builder: Vec<GraphBuilder>,
        _encoding: GraphEncoding,
        _target: ExecutionTarget,
    ) -> NnResult<Resource<Graph>> {
        let message =
            "a stage can't bring its own model; list it in the pipeline and load it by name";
        self.fail(NnError::new(ErrorCode::Security, message))
    }

    fn load_by_name(&mut self, name: String) -> NnResult<Resource<Graph>> {
        match self.models.get(&name) {
            Some(Ok(model)) => Ok(Ok(self.hold(Graph(model, name.into()))?)),
            Some(Err(error)) => self.fail(NnError::of(&name, &error)),
            None => {
                let listed = self.models.listed();
                let message = format!("the pipeline lists no model `{name}`; it lists {listed}");
                self.fail(NnError::new(ErrorCode::NotFound, message))
            }
        }
    }
}

impl graph::HostGraph for Host {
    fn init_execution_context(
        &mut self,
        graph: Resource<Graph>,
    ) -> NnResult<Resource<ExecutionContext>> {
        let Graph(model, name) = self.table.get(&graph)?;
        let context = ExecutionContext(Arc::clone(model), Arc::clone(name));
        Ok(Ok(self.hold(context)?))
    }

    fn drop(&mut self, graph: Resource<Graph>) -> wasmtime::Result<()> {
        self.release(graph)?;
        Ok(())
    }
}

impl inference::Host for Host {}

impl inference::HostGraphExecutionContext for Host {
    fn compute(
        &mut self,
        context: Resource<ExecutionContext>,
        inputs: Vec<NamedTensor>,
    ) -> NnResult<Vec<NamedTensor>> {
        let ExecutionContext(model, name) = self.table.get(&context)?;
        let (model, name) = (Arc::clone(model), Arc::clone(name));
        let mut tensors = Vec::with_capacity(inputs.len());
        for (input, tensor) in inputs {
            tensors.push((input, self.release(tensor)?));
        }
        match model.compute(tensors) {
            Ok(outputs) => {
                let mut named = Vec::with_capacity(outputs.len());
                for (output, tensor) in outputs {
                    named.push((output, self.hold(tensor)?));
                }
                Ok(Ok(named))
            }
            Err(error) => self.fail(NnError::of(&name, &error)),
        }
    }

    fn drop(&mut self, context: Resource<ExecutionContext>) -> wasmtime::Result<()> {
        self.release(context)?;
        Ok(())
    }
}

impl tensor::Host for Host {}

impl tensor::HostTensor for Host {
    fn new(
        &mut self,
        dims: TensorDimensions,
        dtype: TensorType,
        data: TensorData,
    ) -> wasmtime::Result<Resource<Tensor>> {
        self.hold(Tensor {
            dims,
            dtype: data_type(dtype),
            data,
        })
    }

    fn dimensions(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<TensorDimensions> {
        Ok(self.table.get(&tensor)?.dims.clone())
    }

    fn ty(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<TensorType> {
        Ok(tensor_type(self.table.get(&tensor)?.dtype))
    }

    fn data(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<TensorData> {
        Ok(self.table.get(&tensor)?.data.clone())
    }

    fn drop(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<()> {
        self.release(tensor)?;
        Ok(())
    }
}

impl errors::Host for Host {}

impl errors::HostError for Host {
    fn code(&mut self, error: Resource<NnError>) -> wasmtime::Result<ErrorCode> {
        Ok(self.table.get(&error)?.code)
    }

    fn data(&mut self, error: Resource<NnError>) -> wasmtime::Result<String> {
        Ok(self.table.get(&error)?.message.clone())
    }

    fn drop(&mut self, error: Resource<NnError>) -> wasmtime::Result<()> {
        self.release(error)?;
        Ok(())
    }
}

fn data_type(tensor_type: TensorType) -> DataType {
    match tensor_type {
        TensorType::Fp16 => DataType::F16,
        TensorType::Fp32 => DataType::F32,
        TensorType::Fp64 => DataType::F64,
        TensorType::Bf16 => DataType::Bf16,
        TensorType::U8 => DataType::U8,
        TensorType::I32 => DataType::I32,
        TensorType::I64 => DataType::I64,
    }
}

fn tensor_type(data_type: DataType) -> TensorType {
    match data_type {
        DataType::F16 => TensorType::Fp16,
        DataType::F32 => TensorType::Fp32,
        DataType::F64 => TensorType::Fp64,
        DataType::Bf16 => TensorType::Bf16,
        DataType::U8 => TensorType::U8,
        DataType::I32 => TensorType::I32,
        DataType::I64 => TensorType::I64,
    }
}
