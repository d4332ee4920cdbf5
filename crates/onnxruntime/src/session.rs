//! Graphs and sessions of ONNX Runtime.

use std::ffi::{CString, c_char};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use ort::AsPointer;
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::sys::OrtValue;
use ort::value::DynValue;
use rulestage_inference::{Graph, InferenceError, InferenceErrorKind, Session, Signature, Tensor};

use crate::OnnxRuntime;
use crate::library::failed;
use crate::tensors;

/// A file that ONNX Runtime has accepted.
pub(crate) enum OrtGraph {
    /// On the processor with one thread, which is the caller's: one session for all, so that the weights are in memory
    /// once
    Shared(Arc<OrtSession>),
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
            true => Self::Shared(Arc::new(first)),
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
        let session = match self {
            Self::Shared(session) => Arc::clone(session),
            Self::Separate {
                runtime,
                file,
                threads,
                on_gpu,
                first,
            } => {
                let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                Arc::new(match first {
                    Some(first) => first,
                    None => runtime.session(file, *threads, *on_gpu)?,
                })
            }
        };
        Ok(Box::new(Running { session }))
    }
}

struct Running {
    session: Arc<OrtSession>,
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
        let results = run(&self.session, signature, &values).map_err(|error| {
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

/// All outputs of the signature, in its order. Several threads may run one session, which `ort`'s own `run` rules out
/// for the sake of engines other than the processor's: `OrtApi::Run` may be called concurrently, and what is run so here
/// computes on the calling thread.
fn run(
    session: &OrtSession,
    signature: &Signature,
    values: &[SessionInputValue<'_>],
) -> ort::Result<Vec<DynValue>> {
    let c_texts = |names: &mut dyn Iterator<Item = &String>| -> ort::Result<Vec<CString>> {
        let texts = names.map(|name| CString::new(name.as_str()));
        let texts: Result<_, _> = texts.collect();
        texts.map_err(|_| ort::Error::new("a name holds a zero byte"))
    };
    let inputs = c_texts(&mut signature.inputs.iter().map(|info| &info.name))?;
    let outputs = c_texts(&mut signature.outputs.iter().map(|info| &info.name))?;
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).collect()
    };
    let (input_names, output_names) = (pointers(&inputs), pointers(&outputs));
    let given: Vec<*const OrtValue> = values.iter().map(|value| value.ptr()).collect();
    let mut results: Vec<*mut OrtValue> = vec![ptr::null_mut(); outputs.len()];
    #[expect(
        unsafe_code,
        reason = "names and values are as many as it is told and live until it returns; it fills in the results, which \
                  are then owned here"
    )]
    unsafe {
        let status = (ort::api().Run)(
            session.ptr().cast_mut(),
            ptr::null(),
            input_names.as_ptr(),
            given.as_ptr(),
            given.len(),
            output_names.as_ptr(),
            output_names.len(),
            results.as_mut_ptr(),
        );
        ort::Error::result_from_status(status)?;
        let owned = |result: *mut OrtValue| {
            let result = NonNull::new(result);
            let value = result.map(|result| DynValue::from_ptr(result, Some(session.allocator())));
            value.ok_or_else(|| ort::Error::new("it gave no value for an output"))
        };
        results.into_iter().map(owned).collect()
    }
}
