//! `wasi:nn` without a host: the embedded engine as a component that exports it.
//!
//! `rulestage compose` puts the models into a copy of this component, see [`models`], and joins it with a stage
//! that imports `wasi:nn`. The result imports nothing, and computes the same bits wherever WebAssembly runs.

mod models;

use std::cell::RefCell;
use std::rc::Rc;

use bindings::exports::wasi::nn::errors::{self, Error, ErrorCode, GuestError};
use bindings::exports::wasi::nn::graph::{
    self, ExecutionTarget, Graph, GraphBuilder, GraphEncoding, GuestGraph,
};
use bindings::exports::wasi::nn::inference::{
    self, GraphExecutionContext, GuestGraphExecutionContext, NamedTensor,
};
use bindings::exports::wasi::nn::tensor::{self, GuestTensor, TensorType};
use rulestage_inference::{DataType, InferenceError, InferenceErrorKind, Limits, Model, Tensor};

#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from the contract in wit/, which documents it"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "engine",
        generate_all,
    });
    use super::Engine;
    export!(Engine);
}

struct Engine;

/// A tensor, as its callers hold it.
struct EngineTensor(Tensor);

/// A loaded model.
struct EngineGraph(Rc<Model>);

/// The same model: it has no state.
struct EngineContext(Rc<Model>);

/// A failure.
struct EngineError {
    code: ErrorCode,
    message: String,
}

thread_local! {
    /// Each model is loaded once.
    static LOADED: RefCell<Vec<(&'static str, Rc<Model>)>> = const { RefCell::new(Vec::new()) };
}

fn error(code: ErrorCode, message: String) -> Error {
    Error::new(EngineError { code, message })
}

fn model_error(error: &InferenceError, name: Option<&str>) -> Error {
    let code = match error.kind() {
        InferenceErrorKind::InvalidInput => ErrorCode::InvalidArgument,
        InferenceErrorKind::InvalidModel => ErrorCode::InvalidEncoding,
        InferenceErrorKind::UnsupportedModel => ErrorCode::UnsupportedOperation,
        InferenceErrorKind::TooLarge | InferenceErrorKind::MemoryLimit => ErrorCode::TooLarge,
        _ => ErrorCode::RuntimeError,
    };
    let message = match name {
        Some(name) => format!("model `{name}`: {error}"),
        None => error.to_string(),
    };
    self::error(code, message)
}

impl graph::Guest for Engine {
    type Graph = EngineGraph;

    fn load(
        _builder: Vec<GraphBuilder>,
        _encoding: GraphEncoding,
        _target: ExecutionTarget,
    ) -> Result<Graph, Error> {
        let message =
            "a stage can't bring its own model; compose it with the model and load it by name";
        Err(error(ErrorCode::Security, message.to_owned()))
    }

    fn load_by_name(name: String) -> Result<Graph, Error> {
        LOADED.with_borrow_mut(|loaded| {
            if let Some((_, model)) = loaded.iter().find(|(known, _)| *known == name) {
                return Ok(Graph::new(EngineGraph(Rc::clone(model))));
            }
            let models = models::all();
            let Some((name, file)) = models.iter().find(|(known, _)| *known == name) else {
                let listed: Vec<String> =
                    models.iter().map(|(name, _)| format!("`{name}`")).collect();
                let listed = match listed.is_empty() {
                    true => "none".to_owned(),
                    false => listed.join(", "),
                };
                let message = format!("the component has no model `{name}`; it has {listed}");
                return Err(error(ErrorCode::NotFound, message));
            };
            // The limit is that of the stage: this memory is part of its.
            let limits = Limits {
                compute_bytes: u64::MAX,
                ..Limits::default()
            };
            let model =
                Model::load(file, limits).map_err(|error| model_error(&error, Some(name)))?;
            let model = Rc::new(model);
            loaded.push((name, Rc::clone(&model)));
            Ok(Graph::new(EngineGraph(model)))
        })
    }
}

impl GuestGraph for EngineGraph {
    fn init_execution_context(&self) -> Result<GraphExecutionContext, Error> {
        Ok(GraphExecutionContext::new(EngineContext(Rc::clone(
            &self.0,
        ))))
    }
}

impl inference::Guest for Engine {
    type GraphExecutionContext = EngineContext;
}

impl GuestGraphExecutionContext for EngineContext {
    fn compute(&self, inputs: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, Error> {
        let inputs = inputs
            .into_iter()
            .map(|(name, tensor)| (name, tensor.into_inner::<EngineTensor>().0))
            .collect();
        let outputs = self
            .0
            .compute(inputs)
            .map_err(|error| model_error(&error, None))?;
        Ok(outputs
            .into_iter()
            .map(|(name, tensor)| (name, tensor::Tensor::new(EngineTensor(tensor))))
            .collect())
    }
}

impl tensor::Guest for Engine {
    type Tensor = EngineTensor;
}

impl GuestTensor for EngineTensor {
    fn new(dims: Vec<u32>, dtype: TensorType, data: Vec<u8>) -> Self {
        let dtype = match dtype {
            TensorType::Fp16 => DataType::F16,
            TensorType::Fp32 => DataType::F32,
            TensorType::Fp64 => DataType::F64,
            TensorType::Bf16 => DataType::Bf16,
            TensorType::U8 => DataType::U8,
            TensorType::I32 => DataType::I32,
            TensorType::I64 => DataType::I64,
        };
        Self(Tensor { dims, dtype, data })
    }

    fn dimensions(&self) -> Vec<u32> {
        self.0.dims.clone()
    }

    fn ty(&self) -> TensorType {
        match self.0.dtype {
            DataType::F16 => TensorType::Fp16,
            DataType::F32 => TensorType::Fp32,
            DataType::F64 => TensorType::Fp64,
            DataType::Bf16 => TensorType::Bf16,
            DataType::U8 => TensorType::U8,
            DataType::I32 => TensorType::I32,
            DataType::I64 => TensorType::I64,
        }
    }

    fn data(&self) -> Vec<u8> {
        self.0.data.clone()
    }
}

impl errors::Guest for Engine {
    type Error = EngineError;
}

impl GuestError for EngineError {
    fn code(&self) -> ErrorCode {
        self.code
    }

    fn data(&self) -> String {
        self.message.clone()
    }
}
