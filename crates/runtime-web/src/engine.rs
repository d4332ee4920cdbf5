//! The engine inside a composed component: calls of `wasi:nn` into its core module, as a [`ModelHost`].

use crate::instance::{Exported, Instance, Memory};
use crate::models::{ModelFailure, ModelHost, ModelTensor};
use js_sys::WebAssembly;
use rulestage_pipeline::runtime::{Limits, StageFailure};
use rulestage_stage_abi::{self as abi, Lifter, Malformed, get_u32, put_u32};

const ERRORS: &str = "wasi:nn/errors@0.2.0-rc-2024-10-28";
const GRAPH: &str = "wasi:nn/graph@0.2.0-rc-2024-10-28";
const INFERENCE: &str = "wasi:nn/inference@0.2.0-rc-2024-10-28";
const TENSOR: &str = "wasi:nn/tensor@0.2.0-rc-2024-10-28";

/// The resources that it exports, and their places in the list.
const EXPORTED: [Exported; 4] = [
    (ERRORS, "error"),
    (TENSOR, "tensor"),
    (GRAPH, "graph"),
    (INFERENCE, "graph-execution-context"),
];
const ERROR_TYPE: usize = 0;
const TENSOR_TYPE: usize = 1;
const GRAPH_TYPE: usize = 2;
const CONTEXT_TYPE: usize = 3;

/// The case of `error-code` for an engine that broke down.
const RUNTIME_ERROR: u8 = 3;

/// An instance of the engine.
pub(crate) struct Engine {
    instance: Instance,
}

/// A call that failed: the engine broke down, or answered with an `error` resource.
enum Refusal {
    Broken(StageFailure),
    Answer(u32),
}

impl From<StageFailure> for Refusal {
    fn from(failure: StageFailure) -> Self {
        Self::Broken(failure)
    }
}

impl Engine {
    pub(crate) fn new(module: &WebAssembly::Module, limits: Limits) -> Result<Self, StageFailure> {
        Ok(Self {
            instance: Instance::new(module, &EXPORTED, None, limits)?,
        })
    }

    /// Calls a function that returns `result<handle, error>`; the handle is one of `resource`.
    fn call_for(
        &self,
        interface: &str,
        name: &str,
        arguments: &[u32],
        resource: usize,
    ) -> Result<u32, Refusal> {
        let record = self.record(interface, name, arguments, 8)?;
        match record[0] {
            0 => Ok(self.instance.take(resource, get_u32(&record, 4))?),
            _ => Err(Refusal::Answer(get_u32(&record, 4))),
        }
    }

    /// Calls a function whose result is a record of `size` bytes without anything behind addresses.
    fn record(
        &self,
        interface: &str,
        name: &str,
        arguments: &[u32],
        size: u32,
    ) -> Result<Vec<u8>, StageFailure> {
        self.instance
            .call(interface, name, arguments, |lifter, at| {
                Ok(lifter.returned(at, size, 4)?.into_owned())
            })
    }

    /// Calls a function that returns one 32-bit value.
    fn value(&self, interface: &str, name: &str, arguments: &[u32]) -> Result<u32, StageFailure> {
        self.instance
            .call(interface, name, arguments, |_, value| Ok(value))
    }

    /// Calls a method that returns a list of numbers.
    fn list<T: bytemuck::Pod>(
        &self,
        interface: &str,
        name: &str,
        rep: u32,
    ) -> Result<Vec<T>, StageFailure> {
        self.instance.call(interface, name, &[rep], |lifter, at| {
            let pair = lifter.returned(at, 8, 4)?;
            Ok(lifter.numbers(&pair, 0)?)
        })
    }

    fn open(&self, name: &str) -> Result<u32, Refusal> {
        let (at, len) = abi::bytes(&mut self.instance.guest()?, name.as_bytes())?;
        let graph = self.call_for(GRAPH, "load-by-name", &[at, len], GRAPH_TYPE)?;
        let context = self.call_for(
            GRAPH,
            "[method]graph.init-execution-context",
            &[graph],
            CONTEXT_TYPE,
        );
        self.instance.destroy(GRAPH_TYPE, graph);
        context
    }

    fn run(&self, context: u32, inputs: &[ModelTensor]) -> Result<Vec<ModelTensor>, Refusal> {
        let mut records = vec![0_u8; inputs.len() * 12];
        for (input, record) in inputs.iter().zip(records.chunks_exact_mut(12)) {
            let guest = &mut self.instance.guest()?;
            let dims: Vec<u8> = input
                .dimensions
                .iter()
                .flat_map(|dim| dim.to_le_bytes())
                .collect();
            let dims_at = abi::store(guest, &dims, 4)?;
            let (data_at, data_len) = abi::bytes(guest, &input.data)?;
            let (name_at, name_len) = abi::bytes(guest, input.name.as_bytes())?;
            let n_dims = input.dimensions.len() as u32;
            let element = u32::from(input.element);
            let handle = self.value(
                TENSOR,
                "[constructor]tensor",
                &[dims_at, n_dims, element, data_at, data_len],
            )?;
            put_u32(record, 0, name_at);
            put_u32(record, 4, name_len);
            put_u32(record, 8, handle);
        }
        let at = abi::store(&mut self.instance.guest()?, &records, 4)?;
        let compute = "[method]graph-execution-context.compute";
        let arguments = [context, at, inputs.len() as u32];
        let answer = self
            .instance
            .call(INFERENCE, compute, &arguments, |lifter, at| {
                let record = lifter.returned(at, 12, 4)?;
                match record[0] {
                    0 => Ok(Ok(named(lifter, &record)?)),
                    _ => Ok(Err(get_u32(&record, 4))),
                }
            })?;
        let named = answer.map_err(Refusal::Answer)?;
        let mut outputs = Vec::with_capacity(named.len());
        for (name, handle) in named {
            let rep = self.instance.take(TENSOR_TYPE, handle)?;
            outputs.push(ModelTensor {
                name,
                dimensions: self.list(TENSOR, "[method]tensor.dimensions", rep)?,
                element: self.value(TENSOR, "[method]tensor.ty", &[rep])? as u8,
                data: self.list(TENSOR, "[method]tensor.data", rep)?,
            });
            self.instance.destroy(TENSOR_TYPE, rep);
        }
        Ok(outputs)
    }

    /// What the engine says of a failure.
    fn failure(&self, refusal: Refusal) -> ModelFailure {
        let read = |handle| -> Result<ModelFailure, StageFailure> {
            let rep = self.instance.take(ERROR_TYPE, handle)?;
            let code = self.value(ERRORS, "[method]error.code", &[rep])? as u8;
            let message = self.list::<u8>(ERRORS, "[method]error.data", rep)?;
            self.instance.destroy(ERROR_TYPE, rep);
            let message = String::from_utf8_lossy(&message).into_owned();
            Ok(ModelFailure { code, message })
        };
        let answer = match refusal {
            Refusal::Answer(handle) => read(handle),
            Refusal::Broken(failure) => Err(failure),
        };
        answer.unwrap_or_else(|failure| ModelFailure {
            code: RUNTIME_ERROR,
            message: format!("the engine in the component gave up: {failure}"),
        })
    }
}

/// The list of names and tensors behind the result of `compute`.
fn named(lifter: &Lifter<'_, Memory>, record: &[u8]) -> Result<Vec<(String, u32)>, Malformed> {
    lifter.records(record, 4, 12, 4, |record| {
        Ok((lifter.text(record, 0)?, get_u32(record, 8)))
    })
}

impl ModelHost for Engine {
    fn load_by_name(&self, name: &str) -> Result<u32, ModelFailure> {
        self.open(name).map_err(|refusal| self.failure(refusal))
    }

    fn compute(
        &self,
        model: u32,
        inputs: Vec<ModelTensor>,
    ) -> Result<Vec<ModelTensor>, ModelFailure> {
        self.run(model, &inputs)
            .map_err(|refusal| self.failure(refusal))
    }
}
