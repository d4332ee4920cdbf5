//! Where the library is, and loading it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs};

use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use rulestage_inference::{
    Backend, Graph, InferenceError, InferenceErrorKind, Options, Signature, Target,
};

use crate::session::OrtGraph;

/// Where package managers and the archives of the project put it.
const FOLDERS: [&str; 6] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/onnxruntime/lib",
];

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
        let path = match named {
            Some(named) => find_named(named)?,
            None => find_installed()?,
        };
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

fn find_named(named: &Path) -> Result<PathBuf, InferenceError> {
    if named.is_file() {
        return Ok(named.to_owned());
    }
    library_in(named).ok_or_else(|| {
        let message = match named.is_dir() {
            true => "that folder holds no ONNX Runtime library",
            false => "there is no such file",
        };
        unavailable(format!(
            "no ONNX Runtime at `{}`: {message}",
            named.display()
        ))
    })
}

fn find_installed() -> Result<PathBuf, InferenceError> {
    let beside = env::current_exe().ok();
    let beside = beside.as_deref().and_then(Path::parent).map(Path::to_owned);
    let loader = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = beside
        .into_iter()
        .chain(env::split_paths(&loader).filter(|path| path.is_absolute()))
        .chain(FOLDERS.map(PathBuf::from));
    folders
        .filter_map(|folder| library_in(&folder))
        .next()
        .ok_or_else(|| {
            unavailable(format!(
                "ONNX Runtime is not installed: `pip install onnxruntime`, then set RULESTAGE_ONNXRUNTIME to its \
                 folder `onnxruntime/capi`, or install its library in {}",
                FOLDERS[0]
            ))
        })
}

/// The library in a folder: `libonnxruntime.so`, with a version behind it or not.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let (start, end) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let plain = format!("{start}onnxruntime{end}");
    let versioned = |name: &str| {
        // `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`
        name.strip_prefix(&plain)
            .or_else(|| {
                name.strip_prefix(&format!("{start}onnxruntime"))?
                    .strip_suffix(end)
            })
            .is_some_and(|version| {
                version.is_empty()
                    || version.starts_with('.')
                        && version.bytes().all(|b| b == b'.' || b.is_ascii_digit())
            })
    };
    let mut names: Vec<String> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| versioned(name))
        .collect();
    // The order of a folder is anything.
    names.sort();
    Some(folder.join(names.first()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        let error = find_named(Path::new("/no/such/libonnxruntime.so")).expect_err("there is none");
        assert_eq!(error.kind(), InferenceErrorKind::Unavailable);
        assert_eq!(
            error.to_string(),
            "no ONNX Runtime at `/no/such/libonnxruntime.so`: there is no such file"
        );
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let error = find_named(here).expect_err("there is none");
        assert!(
            error.to_string().ends_with("holds no ONNX Runtime library"),
            "{error}"
        );
    }
}
