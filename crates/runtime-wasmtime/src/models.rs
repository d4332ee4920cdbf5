//! The models that a pipeline lists, by name, and the engine that computes each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rulestage_inference::{
    Backend, InferenceError, InferenceErrorKind, Model, Options, Rten, Target,
};
use rulestage_onnxruntime::OnnxRuntime;
use rulestage_openvino::OpenVino;

/// A model as a pipeline lists it.
#[derive(Debug, Clone)]
pub struct ModelSource {
    /// The name that stages load it by
    pub name: String,
    /// The ONNX file
    pub file: Vec<u8>,
    /// Which engine computes it
    pub backend: BackendChoice,
    /// How it is computed
    pub options: Options,
}

impl ModelSource {
    /// A model that the embedded engine computes if it can.
    pub fn new(name: impl Into<String>, file: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            file,
            backend: BackendChoice::Auto,
            options: Options::default(),
        }
    }
}

/// Which engine computes a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendChoice {
    /// ONNX Runtime where its library was named; otherwise the embedded engine, so that the same pipeline gives
    /// the same numbers everywhere, and ONNX Runtime for what that engine can't do
    Auto,
    /// The embedded engine
    Rten,
    /// ONNX Runtime
    OnnxRuntime,
    /// OpenVINO; never taken unless it is asked for
    OpenVino,
}

impl BackendChoice {
    /// By its name in manifests.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "rten" => Self::Rten,
            "onnxruntime" => Self::OnnxRuntime,
            "openvino" => Self::OpenVino,
            _ => return None,
        })
    }
}

/// Which engine a model was given, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReport {
    /// The model's name
    pub name: String,
    /// The engine's name
    pub backend: &'static str,
    /// Why this one
    pub reason: String,
}

/// Models by name. A model is prepared when it is first asked for, once.
#[derive(Debug, Default)]
pub(crate) struct Models {
    by_name: BTreeMap<String, Entry>,
    libraries: Libraries,
}

/// The engines' libraries, or their folders; `None`: where they are usually installed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Libraries {
    pub(crate) onnxruntime: Option<PathBuf>,
    pub(crate) openvino: Option<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    source: ModelSource,
    prepared: OnceLock<Result<Prepared, Arc<InferenceError>>>,
}

#[derive(Debug)]
struct Prepared {
    model: Arc<Model>,
    reason: String,
}

impl Models {
    pub(crate) fn new(models: Vec<ModelSource>, libraries: Libraries) -> Self {
        let entry = |source: ModelSource| {
            let name = source.name.clone();
            let prepared = OnceLock::new();
            (name, Entry { source, prepared })
        };
        Self {
            by_name: models.into_iter().map(entry).collect(),
            libraries,
        }
    }

    /// Where the engines' libraries are.
    pub(crate) fn libraries(&self) -> Libraries {
        self.libraries.clone()
    }

    /// The model, or `None` where the pipeline lists none of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Result<Arc<Model>, Arc<InferenceError>>> {
        let entry = self.by_name.get(name)?;
        let prepared = entry
            .prepared
            .get_or_init(|| self.prepare(&entry.source).map_err(Arc::new));
        Some(match prepared {
            Ok(prepared) => Ok(Arc::clone(&prepared.model)),
            Err(error) => Err(Arc::clone(error)),
        })
    }

    /// The models that were asked for and are ready.
    pub(crate) fn reports(&self) -> Vec<ModelReport> {
        let ready = self.by_name.iter().filter_map(|(name, entry)| {
            let prepared = entry.prepared.get()?.as_ref().ok()?;
            Some(ModelReport {
                name: name.clone(),
                backend: prepared.model.backend(),
                reason: prepared.reason.clone(),
            })
        });
        ready.collect()
    }

    fn prepare(&self, source: &ModelSource) -> Result<Prepared, InferenceError> {
        let wants_gpu = source.options.target == Target::Gpu;
        match source.backend {
            BackendChoice::Rten => embedded(source, "the manifest asks for it".to_owned()),
            BackendChoice::OnnxRuntime => self.with_onnxruntime(source, "the manifest asks for it"),
            BackendChoice::OpenVino => {
                let library = OpenVino::load(self.libraries.openvino.as_deref())?;
                accelerated(source, &library, library.path(), "the manifest asks for it")
            }
            BackendChoice::Auto if wants_gpu => {
                self.with_onnxruntime(source, "the embedded engine computes on the processor only")
            }
            BackendChoice::Auto if self.libraries.onnxruntime.is_some() => {
                self.with_onnxruntime(source, "its library was named")
            }
            BackendChoice::Auto => {
                match embedded(source, "it is embedded and can run it".to_owned()) {
                    Err(lacking) if lacking.kind() == InferenceErrorKind::UnsupportedModel => self
                        .with_onnxruntime(source, &lacking.to_string())
                        .map_err(|other| {
                            InferenceError::new(lacking.kind(), format!("{lacking}; {other}"))
                                .with_source(lacking)
                        }),
                    answer => answer,
                }
            }
        }
    }

    fn with_onnxruntime(
        &self,
        source: &ModelSource,
        why: &str,
    ) -> Result<Prepared, InferenceError> {
        let library = OnnxRuntime::load(self.libraries.onnxruntime.as_deref())?;
        accelerated(source, &library, library.path(), why)
    }

    /// What there is, for people: `` `a`, `b` `` or `none`.
    pub(crate) fn listed(&self) -> String {
        let names: Vec<String> = self
            .by_name
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }
}

fn embedded(source: &ModelSource, reason: String) -> Result<Prepared, InferenceError> {
    let model = Model::load_with(&Rten, &source.file, &source.options)?;
    Ok(Prepared {
        model: Arc::new(model),
        reason,
    })
}

/// With an engine that is a library.
fn accelerated(
    source: &ModelSource,
    library: &dyn Backend,
    path: &Path,
    why: &str,
) -> Result<Prepared, InferenceError> {
    let model = Model::load_with(library, &source.file, &source.options)?;
    Ok(Prepared {
        model: Arc::new(model),
        reason: format!("{why}; from `{}`", path.display()),
    })
}
