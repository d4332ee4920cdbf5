//! Loading the library, and models with it.

#![allow(unsafe_code, reason = "objects of a shared library")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use rulestage_inference::{
    Backend, Graph, InferenceError, InferenceErrorKind, Options, Signature, Target,
};
use rulestage_native_library::NativeLibrary;

use crate::api::{Api, Element, Handle, c_text};
use crate::session::OpenVinoGraph;

const LIBRARY: NativeLibrary<'_> = NativeLibrary {
    name: "OpenVINO",
    stem: "openvino_c",
    folders: &["/opt/intel/openvino/runtime/lib/intel64"],
    getting: "`pip install openvino`, then set RULESTAGE_OPENVINO to its folder `openvino/libs`",
};

/// A loaded OpenVINO.
#[derive(Debug, Clone)]
pub struct OpenVino(Arc<Loaded>);

pub(crate) struct Loaded {
    path: PathBuf,
    api: Api,
    core: Handle,
}

// SAFETY: `ov::Core` may be used by any number of threads, and moved between them (its documentation says so).
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: graphs hold the library, so that none is left.
        unsafe { self.api.free_core(self.core) }
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenVino")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }
}

/// The one that this process has: a second would have threads of its own.
static LOADED: Mutex<Option<OpenVino>> = Mutex::new(None);

impl OpenVino {
    /// Loads the library: the file `named`, or that of a folder `named`, or without a name the one that is installed.
    /// Fails with [`Unavailable`](InferenceErrorKind::Unavailable) and how to get it.
    pub fn load(named: Option<&Path>) -> Result<Self, InferenceError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*loaded {
            return Ok(loaded.clone());
        }
        let path = LIBRARY.find(named)?;
        let refused = |why: String| {
            unavailable(format!(
                "OpenVINO can't be loaded from `{}`: {why}",
                path.display()
            ))
        };
        let api = Api::load(&path).map_err(|error| refused(error.to_string()))?;
        let version = api.version().map_err(refused)?;
        // The numbers of the element types have changed before.
        for element in Element::ALL {
            if api.size_of_two(element) != Ok(2 * element.size_bytes()) {
                return Err(refused(format!(
                    "it is version {version}; 2025 or later is needed"
                )));
            }
        }
        let core = api.core().map_err(refused)?.into_handle();
        let new = Self(Arc::new(Loaded { path, api, core }));
        *loaded = Some(new.clone());
        Ok(new)
    }

    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether there is a GPU that the library can compute on.
    pub fn has_gpu(&self) -> bool {
        let devices = self.0.api.devices(self.0.core).unwrap_or_default();
        devices.iter().any(|device| device.starts_with("GPU"))
    }
}

impl Backend for OpenVino {
    fn name(&self) -> &'static str {
        "openvino"
    }

    fn load(
        &self,
        file: &[u8],
        _signature: &Signature,
        options: &Options,
    ) -> Result<Box<dyn Graph>, InferenceError> {
        let device = match options.target {
            Target::Cpu => c"CPU",
            Target::Gpu if !self.has_gpu() => {
                let devices = self.0.api.devices(self.0.core).unwrap_or_default();
                return Err(unavailable(format!(
                    "the model asks for the GPU, and OpenVINO (`{}`) finds none; it has {}",
                    self.path().display(),
                    devices.join(", ")
                )));
            }
            Target::Gpu => c"GPU",
            Target::Auto if self.has_gpu() => c"GPU",
            Target::Auto => c"CPU",
        };
        // A stream computes one thing at a time, so there is one for each computation that can run at once; `threads` are
        // those of one.
        let threads = options.threads.max(1) as usize;
        let cores = available_parallelism().map_or(1, usize::from);
        let streams = (cores / threads).max(1);
        let numbers = [streams * threads, streams].map(|number| c_text(&number.to_string()));
        let unsupported = |why: String| {
            InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!("OpenVINO can't load the model: {why}"),
            )
        };
        let [Ok(n_threads), Ok(n_streams)] = numbers else {
            return Err(unsupported("numbers are no texts".to_owned()));
        };
        let properties = match device == c"CPU" {
            true => [
                (c"INFERENCE_NUM_THREADS", n_threads.as_c_str()),
                (c"NUM_STREAMS", n_streams.as_c_str()),
                // Else it takes 16 bits where the processor has them.
                (c"INFERENCE_PRECISION_HINT", c"f32"),
                (c"ENABLE_CPU_PINNING", c"NO"),
            ],
            false => [
                (c"NUM_STREAMS", n_streams.as_c_str()),
                (c"INFERENCE_PRECISION_HINT", c"f32"),
                (c"PERFORMANCE_HINT_NUM_REQUESTS", c"0"),
                (c"PERF_COUNT", c"NO"),
            ],
        };
        let loaded = &self.0;
        let compiled = loaded
            .api
            .compile(loaded.core, file, device, properties)
            .map_err(unsupported)?;
        let compiled = compiled.into_handle();
        Ok(Box::new(OpenVinoGraph::new(Arc::clone(loaded), compiled)))
    }
}

fn unavailable(message: String) -> InferenceError {
    InferenceError::new(InferenceErrorKind::Unavailable, message)
}
