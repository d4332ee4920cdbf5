//! Where the library is, and loading it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use rulestage_inference::{
    Backend, Graph, InferenceError, InferenceErrorKind, Options, Signature, Target,
};
use rulestage_native_library::NativeLibrary;

use crate::session::OrtGraph;

const LIBRARY: NativeLibrary<'_> = NativeLibrary {
    name: "ONNX Runtime",
    stem: "onnxruntime",
    folders: &["/opt/onnxruntime/lib"],
    getting: "`pip install onnxruntime`, then set RULESTAGE_ONNXRUNTIME to its folder `onnxruntime/capi`",
};

/// A loaded ONNX Runtime.
#[derive(Debug, Clone)]
pub struct OnnxRuntime {
    path: PathBuf,
    environment: Environment,
}

/// The one that this process has.
static LOADED: Mutex<Option<OnnxRuntime>> = Mutex::new(None);

impl OnnxRuntime {
    /// Loads the library: the file `named`, or that of a folder `named`, or without a name the one that is
    /// installed. Fails with [`Unavailable`](InferenceErrorKind::Unavailable) and how to get it.
    pub fn load(named: Option<&Path>) -> Result<Self, InferenceError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*loaded {
            return Ok(loaded.clone());
        }
        let path = LIBRARY.find(named)?;
        let refused = |error: String| {
            unavailable(format!(
                "ONNX Runtime can't be loaded from `{}`: {error}",
                path.display()
            ))
        };
        let environment = ort::init_from(&path)
            .map_err(|error| refused(error.to_string()))?
            .with_name("rulestage")
            .with_telemetry(false)
            // Its warnings are about its own optimisations; errors come back as errors.
            .with_logger(Arc::new(|_, _, _, _, _| {}))
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let new = Self { path, environment };
        *loaded = Some(new.clone());
        Ok(new)
    }

    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the library can compute on CUDA.
    pub fn has_cuda(&self) -> bool {
        use ort::ep::ExecutionProvider;
        ep::CUDA::is_available().unwrap_or(false)
    }

    /// A session of its own; `on_gpu` is an error where that can't be.
    pub(crate) fn session(
        &self,
        file: &[u8],
        threads: u32,
        on_gpu: bool,
    ) -> Result<Session, InferenceError> {
        let mut builder = Session::builder(&self.environment)
            .and_then(|builder| Ok(builder.with_intra_threads(threads.max(1) as usize)?))
            .and_then(|builder| Ok(builder.with_inter_threads(1)?))
            .map_err(|error| failed(&error))?;
        if on_gpu {
            let cuda = ep::CUDA::default().build().error_on_failure();
            builder = builder.with_execution_providers([cuda]).map_err(|error| {
                let path = self.path.display();
                unavailable(format!(
                    "the model asks for the GPU, and ONNX Runtime (`{path}`) has no CUDA that works: {error}"
                ))
            })?;
        }
        builder.commit_from_memory(file).map_err(|error| {
            InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!("ONNX Runtime can't load the model: {error}"),
            )
        })
    }
}

impl Backend for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn load(
        &self,
        file: &[u8],
        _signature: &Signature,
        options: &Options,
    ) -> Result<Box<dyn Graph>, InferenceError> {
        let on_gpu = match options.target {
            Target::Cpu => false,
            Target::Gpu => true,
            Target::Auto => self.has_cuda(),
        };
        OrtGraph::boxed(self.clone(), file, options.threads, on_gpu)
    }
}

pub(crate) fn failed(error: &ort::Error) -> InferenceError {
    InferenceError::new(
        InferenceErrorKind::Failed,
        format!("ONNX Runtime failed: {error}"),
    )
}

fn unavailable(message: String) -> InferenceError {
    InferenceError::new(InferenceErrorKind::Unavailable, message)
}
