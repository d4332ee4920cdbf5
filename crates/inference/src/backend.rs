//! What an engine has to offer to compute models here.

use std::fmt;

use crate::{InferenceError, Limits, Tensor, TensorInfo};

/// An engine for ONNX models.
pub trait Backend: fmt::Debug + Send + Sync {
    /// The name that people choose it by, such as `rten`.
    fn name(&self) -> &'static str;

    /// A graph that is ready to compute. `file` is an ONNX file whose inputs and outputs are `signature`'s.
    ///
    /// Fails with [`UnsupportedModel`](crate::InferenceErrorKind::UnsupportedModel) where the engine lacks
    /// something that the model needs, and with [`Unavailable`](crate::InferenceErrorKind::Unavailable) where
    /// this machine lacks what the options ask for.
    fn load(
        &self,
        file: &[u8],
        signature: &Signature,
        options: &Options,
    ) -> Result<Box<dyn Graph>, InferenceError>;
}

/// A model that an engine has loaded.
pub trait Graph: fmt::Debug + Send + Sync {
    /// A session of its own: sessions of one graph compute at the same time.
    fn session(&self) -> Result<Box<dyn Session>, InferenceError>;
}

/// One computation after another.
pub trait Session: Send {
    /// The outputs in the signature's order, in the types that it declares. `inputs` are in the signature's
    /// order and fit it.
    fn compute(
        &mut self,
        signature: &Signature,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, InferenceError>;
}

/// What a model takes and gives, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The inputs, without the weights that some files list among them
    pub inputs: Vec<TensorInfo>,
    /// The outputs
    pub outputs: Vec<TensorInfo>,
}

/// How a model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How much it may take
    pub limits: Limits,
    /// The threads of one computation
    pub threads: u32,
    /// Where it computes
    pub target: Target,
}

impl Default for Options {
    /// One thread of the processor, so that results do not depend on the machine.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            threads: 1,
            target: Target::Cpu,
        }
    }
}

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The processor
    Cpu,
    /// A graphics processor, or the model is refused
    Gpu,
    /// A graphics processor where there is one, otherwise the processor
    Auto,
}
