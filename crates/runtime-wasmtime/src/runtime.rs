//! The [`Runtime`] over wasmtime.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use rulestage_pipeline::runtime::{
    Description, Explanation, Limits, Outcome, Outline, Reasons, Runtime, StageFailure,
    StageFailureKind, StageSchema, Value,
};
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::cache::{Cache, Sha256Bytes, sha256};
use crate::component::{Calls, Loaded, StageComponent};
use crate::failure::failure;
use crate::models::{Libraries, ModelReport, ModelSource, Models};
use crate::session::{self, Session};
use crate::store::Host;
use crate::{engine, nn};

/// What a [`WasmtimeRuntime`] is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where compiled code is kept, see [`default_cache_dir`](crate::default_cache_dir); `None`: nowhere
    pub cache_dir: Option<PathBuf>,
    /// The models that stages may load
    pub models: Vec<ModelSource>,
    /// The library of ONNX Runtime, or its folder; `None`: where it is usually installed, if a model needs it
    pub onnxruntime: Option<PathBuf>,
    /// The library of OpenVINO, or its folder; `None`: where it is usually installed, if a model asks for it
    pub openvino: Option<PathBuf>,
    /// The most instances at a time, where they come from a pool
    pub max_instances: u32,
    /// How stages are called
    pub calls: Calls,
}

impl Default for Config {
    /// No cache, no models, 256 instances, the fastest calls.
    fn default() -> Self {
        Self {
            cache_dir: None,
            models: Vec::new(),
            onnxruntime: None,
            openvino: None,
            max_instances: 256,
            calls: Calls::Direct,
        }
    }
}

/// Runs stages in wasmtime. Clones share everything; any number of threads may use them.
#[derive(Clone)]
pub struct WasmtimeRuntime {
    shared: Arc<Shared>,
    models: Arc<Models>,
}

struct Shared {
    engine: Engine,
    linker: Linker<Host>,
    cache: Option<Cache>,
    calls: Calls,
    /// Components that were loaded already, by their digest
    loaded: Mutex<BTreeMap<Sha256Bytes, Arc<Loaded>>>,
}

impl WasmtimeRuntime {
    /// A runtime. Fails where this machine can't run compiled code.
    pub fn new(config: Config) -> Result<Self, StageFailure> {
        let broken = |error: wasmtime::Error| {
            failure(
                StageFailureKind::Failed,
                format!("can't start wasmtime: {error:#}"),
            )
        };
        let engine = engine::engine(config.max_instances).map_err(broken)?;
        let mut linker = Linker::new(&engine);
        nn::add_to_linker(&mut linker).map_err(broken)?;
        let cache = config.cache_dir.map(|folder| Cache::new(folder, &engine));
        let shared = Shared {
            engine,
            linker,
            cache,
            calls: config.calls,
            loaded: Mutex::default(),
        };
        let libraries = Libraries {
            onnxruntime: config.onnxruntime,
            openvino: config.openvino,
        };
        Ok(Self {
            shared: Arc::new(shared),
            models: Arc::new(Models::new(config.models, libraries)),
        })
    }

    /// The same runtime for a pipeline with other models; code and engine are shared.
    pub fn with_models(&self, models: Vec<ModelSource>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            models: Arc::new(Models::new(models, self.models.libraries())),
        }
    }

    /// Which engines the models got that stages have loaded so far.
    pub fn model_reports(&self) -> Vec<ModelReport> {
        self.models.reports()
    }
}

impl Runtime for WasmtimeRuntime {
    type Component = StageComponent;
    type Session = Session;

    fn load(&self, component: &[u8]) -> Result<StageComponent, StageFailure> {
        let Shared {
            engine,
            linker,
            cache,
            calls,
            loaded,
        } = &*self.shared;
        let digest = sha256(component);
        let known = loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&digest)
            .cloned();
        if let Some(known) = known {
            return Ok(StageComponent(known));
        }
        // Not under the lock: others may load something else meanwhile.
        let new = Arc::new(Loaded::new(
            engine,
            linker,
            cache.as_ref(),
            &digest,
            component,
            *calls,
        )?);
        loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest, Arc::clone(&new));
        Ok(StageComponent(new))
    }

    fn describe(
        &self,
        component: &StageComponent,
        limits: Limits,
    ) -> Result<Description, StageFailure> {
        session::describe(&component.0, &self.models, limits)
    }

    fn open(
        &self,
        component: &StageComponent,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<Session, StageFailure> {
        Session::open(&component.0, &self.models, parameters, limits)
    }

    fn schema<'a>(&self, session: &'a Session) -> &'a StageSchema {
        session.schema()
    }

    fn process(&self, session: &mut Session, batch: &RecordBatch) -> Result<Outcome, StageFailure> {
        session.process(batch)
    }

    fn gives_reasons(&self, session: &Session) -> bool {
        session.gives_reasons()
    }

    fn process_with_reasons(
        &self,
        session: &mut Session,
        batch: &RecordBatch,
    ) -> Result<(Outcome, Reasons), StageFailure> {
        session.process_with_reasons(batch)
    }

    fn outline(&self, session: &mut Session) -> Result<Option<Outline>, StageFailure> {
        session.outline()
    }

    fn explain(
        &self,
        session: &mut Session,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        session.explain(batch, row)
    }
}
