//! Graphs and sessions of ONNX Runtime.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ort::session::{Session as OrtSession, SessionInputValue};
use rulestage_inference::{Graph, InferenceError, InferenceErrorKind, Session, Signature, Tensor};

use crate::OnnxRuntime;
use crate::library::failed;
use crate::run::{Concurrent, Exclusive};
use crate::tensors;

/// A file that ONNX Runtime has accepted.
pub(crate) enum OrtGraph {
    /// On the processor with one thread, which is the caller's: one session for all, so that the weights are in memory
    /// once
    Shared(Arc<Concurrent>),
    /// A session for each caller, with threads of its own
    Separate {
        runtime: OnnxRuntime,
        file: Arc<[u8]>,
        threads: u32,
        on_gpu: bool,
        /// The session that showed that the file can be loaded, until it is asked for
        first: Mutex<Option<OrtSession>>,
    },
}

impl OrtGraph {
    pub(crate) fn boxed(
        runtime: OnnxRuntime,
        file: &[u8],
        threads: u32,
        on_gpu: bool,
    ) -> Result<Box<dyn Graph>, InferenceError> {
        let first = runtime.session(file, threads, on_gpu)?;
        Ok(Box::new(match threads <= 1 && !on_gpu {
            true => Self::Shared(Arc::new(Concurrent::new(first))),
            false => Self::Separate {
                runtime,
                file: file.into(),
                threads,
                on_gpu,
                first: Mutex::new(Some(first)),
            },
        }))
    }
}

impl fmt::Debug for OrtGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OrtGraph");
        if let Self::Separate {
            threads, on_gpu, ..
        } = self
        {
            shown.field("threads", threads).field("on_gpu", on_gpu);
        }
        shown.finish_non_exhaustive()
    }
}

impl Graph for OrtGraph {
    fn session(&self) -> Result<Box<dyn Session>, InferenceError> {
        Ok(Box::new(match self {
            Self::Shared(session) => Running::Shared(Arc::clone(session)),
            Self::Separate {
                runtime,
                file,
                threads,
                on_gpu,
                first,
            } => {
                let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                let session = match first {
                    Some(first) => first,
                    None => runtime.session(file, *threads, *on_gpu)?,
                };
                Running::Own(Exclusive::new(session))
            }
        }))
    }
}

enum Running {
    Shared(Arc<Concurrent>),
    Own(Exclusive),
}

impl Session for Running {
    fn compute(
        &mut self,
        signature: &Signature,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let mut values: Vec<SessionInputValue<'_>> = Vec::with_capacity(inputs.len());
        for (info, tensor) in signature.inputs.iter().zip(&inputs) {
            values.push(tensors::value(info, tensor).map_err(|error| failed(&error))?);
        }
        let results = match self {
            Self::Shared(session) => session.run(signature, &values),
            Self::Own(session) => session.run(signature, &values),
        };
        let results = results.map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::Failed,
                format!("the model failed: {error}"),
            )
        })?;
        let outputs = signature.outputs.iter().zip(&results);
        outputs
            .map(|(info, value)| tensors::tensor(info, value))
            .collect()
    }
}
