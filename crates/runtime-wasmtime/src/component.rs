//! Components, checked, compiled and linked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::rules::exports::rulestage::stage::stage;
use crate::cache::Cache;
use crate::explain;
use crate::failure::failure;
use crate::inspect::{STAGE, check_is_component, refusal};
use crate::nn;
use crate::store::Host;

/// A stage that is ready to be opened. Clones share the code.
#[derive(Clone)]
pub struct StageComponent(pub(crate) Arc<Loaded>);

impl StageComponent {
    /// How its code came to be.
    pub fn compile_stats(&self) -> CompileStats {
        self.0.stats
    }
}

/// How a component's code came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileStats {
    /// Whether the code was in the cache on disk
    pub cached: bool,
    /// The time it took to load or compile it
    pub elapsed: Duration,
}

/// A linked component and where its exports are.
pub(crate) struct Loaded {
    pub(crate) instance_pre: InstancePre<Host>,
    pub(crate) stage: stage::GuestIndices,
    /// Only stages that explain themselves have it
    pub(crate) explain: Option<explain::Indices>,
    stats: CompileStats,
}

impl Loaded {
    /// Checks what the bytes are, compiles them or finds their code in the cache, and links what is granted.
    pub(crate) fn new(
        engine: &Engine,
        linker: &Linker<Host>,
        cache: Option<&Cache>,
        digest: &crate::cache::Sha256Bytes,
        bytes: &[u8],
    ) -> Result<Self, StageFailure> {
        check_is_component(bytes)?;
        let started = Instant::now();
        let cached = cache.and_then(|cache| cache.load(engine, digest));
        let is_cached = cached.is_some();
        let component = match cached {
            Some(component) => component,
            None => {
                let component =
                    Component::new(engine, bytes).map_err(|error| refusal(bytes, &error))?;
                if let Some(cache) = cache {
                    cache.store(digest, &component);
                }
                component
            }
        };
        let stats = CompileStats {
            cached: is_cached,
            elapsed: started.elapsed(),
        };
        check_imports(engine, &component)?;
        let wrong_world = |message: String| failure(StageFailureKind::WrongWorld, message);
        let instance_pre = linker.instantiate_pre(&component).map_err(|error| {
            wrong_world(format!(
                "the component's imports don't fit what is granted: {error:#}"
            ))
        })?;
        let stage = stage::GuestIndices::new(&instance_pre).map_err(|_| {
            let exports = names(
                component
                    .component_type()
                    .exports(engine)
                    .map(|(name, _)| name),
            );
            wrong_world(format!(
                "the component is no stage: it doesn't export `{STAGE}`, but {exports}"
            ))
        })?;
        let explain = explain::Indices::new(&instance_pre);
        Ok(Self {
            instance_pre,
            stage,
            explain,
            stats,
        })
    }
}

/// Names every import that nothing grants, not only the first.
fn check_imports(engine: &Engine, component: &Component) -> Result<(), StageFailure> {
    let component_type = component.component_type();
    let refused: Vec<&str> = component_type
        .imports(engine)
        .map(|(name, _)| name)
        .filter(|name| !nn::INTERFACES.contains(name))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the component wants {}, which is not granted; granted are {}",
        names(refused.into_iter()),
        names(nn::INTERFACES.into_iter())
    );
    Err(failure(StageFailureKind::WrongWorld, message))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    }
}
