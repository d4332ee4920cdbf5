//! Graphs and sessions of ONNX Runtime.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ort::session::{Session as OrtSession, SessionInputValue};
use rulestage_inference::{Graph, InferenceError, InferenceErrorKind, Session, Signature, Tensor};

use crate::OnnxRuntime;
use crate::library::failed;
use crate::tensors;

/// A file that ONNX Runtime has accepted. Its sessions don't share weights, because ONNX Runtime's own are
/// not safe to run at the same time.
pub(crate) struct OrtGraph {
    runtime: OnnxRuntime,
    file: Arc<[u8]>,
    threads: u32,
    on_gpu: bool,
    /// The session that showed that the file can be loaded, until it is asked for
    first: Mutex<Option<OrtSession>>,
}

impl OrtGraph {
    pub(crate) fn boxed(
        runtime: OnnxRuntime,
        file: &[u8],
        threads: u32,
        on_gpu: bool,
    ) -> Result<Box<dyn Graph>, InferenceError> {
        let first = runtime.session(file, threads, on_gpu)?;
        Ok(Box::new(Self {
            runtime,
            file: file.into(),
            threads,
            on_gpu,
            first: Mutex::new(Some(first)),
        }))
    }
}

impl fmt::Debug for OrtGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrtGraph")
            .field("threads", &self.threads)
            .field("on_gpu", &self.on_gpu)
            .finish_non_exhaustive()
    }
}

impl Graph for OrtGraph {
    fn session(&self) -> Result<Box<dyn Session>, InferenceError> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let session = match first {
            Some(first) => first,
            None => self
                .runtime
                .session(&self.file, self.threads, self.on_gpu)?,
        };
        Ok(Box::new(Running { session }))
    }
}

struct Running {
    session: OrtSession,
}

impl Session for Running {
    fn compute(
        &mut self,
        signature: &Signature,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (info, tensor) in signature.inputs.iter().zip(&inputs) {
            let value = tensors::value(info, tensor).map_err(|error| failed(&error))?;
            values.push((&info.name, value));
        }
        let mut results = self.session.run(values).map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::Failed,
                format!("the model failed: {error}"),
            )
        })?;
        let outputs = signature.outputs.iter().map(|info| {
            let value = results.remove(&info.name).ok_or_else(|| {
                InferenceError::new(
                    InferenceErrorKind::Failed,
                    format!("ONNX Runtime gave no output `{}`", info.name),
                )
            })?;
            tensors::tensor(info, &value)
        });
        outputs.collect()
    }
}
