//! Components, checked, compiled and linked.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rulestage_pipeline::runtime::{Limits, StageFailure, StageFailureKind};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::rules::exports::rulestage::stage::stage;
use crate::cache::Cache;
use crate::direct::{self, Shape, with_exported_modules};
use crate::failure::failure;
use crate::inspect::{STAGE, check_is_component, refusal};
use crate::instance::StageInstance;
use crate::models::Models;
use crate::store::Host;
use crate::{explain, linked, nn};

/// Numbers are copied as they are in linear memory.
const IS_LITTLE_ENDIAN: bool = cfg!(target_endian = "little");

/// How stages are called. The answers are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Calls {
    /// In their core module, where a component is nothing but that: the fastest. Others through their component
    #[default]
    Direct,
    /// Always through their component
    Linked,
}

/// A stage that is ready to be opened. Clones share the code.
#[derive(Clone)]
pub struct StageComponent(pub(crate) Arc<Loaded>);

impl StageComponent {
    /// How its code came to be.
    pub fn compile_stats(&self) -> CompileStats {
        self.0.stats
    }

    /// Whether its core module is called, rather than the component around it.
    pub fn is_called_directly(&self) -> bool {
        self.0.direct.is_some()
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
    /// Only components that are nothing but their core module have it
    direct: Option<Direct>,
    stats: CompileStats,
}

/// How the core module of a component is called.
struct Direct {
    shape: Shape,
    linker: wasmtime::Linker<Host>,
    /// Once the types of the component's functions were checked
    modules: OnceLock<direct::Modules>,
}

impl Loaded {
    /// Checks what the bytes are, compiles them or finds their code in the cache, and links what is granted.
    pub(crate) fn new(
        engine: &Engine,
        linker: &Linker<Host>,
        cache: Option<&Cache>,
        digest: &crate::cache::Sha256Bytes,
        bytes: &[u8],
        calls: Calls,
    ) -> Result<Self, StageFailure> {
        check_is_component(bytes)?;
        let started = Instant::now();
        let shape = Shape::of(bytes);
        let cached = cache.and_then(|cache| cache.load(engine, digest));
        let is_cached = cached.is_some();
        let component = match cached {
            Some(component) => component,
            None => {
                let compiled = match shape {
                    Some(shape) => Component::new(engine, with_exported_modules(bytes, shape)),
                    None => Component::new(engine, bytes),
                };
                let component = compiled.map_err(|error| refusal(bytes, &error))?;
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
        let direct = match shape.filter(|_| calls == Calls::Direct && IS_LITTLE_ENDIAN) {
            Some(shape) => {
                let mut linker = wasmtime::Linker::new(engine);
                direct::link(&mut linker).map_err(|error| refusal(bytes, &error))?;
                Some(Direct {
                    shape,
                    linker,
                    modules: OnceLock::new(),
                })
            }
            None => None,
        };
        Ok(Self {
            instance_pre,
            stage,
            explain,
            direct,
            stats,
        })
    }

    /// An instance, called by the shortest way.
    pub(crate) fn instance(
        &self,
        models: &Arc<Models>,
        limits: Limits,
    ) -> Result<Box<dyn StageInstance>, StageFailure> {
        let Some(direct) = &self.direct else {
            return Ok(Box::new(linked::Instance::new(self, models, limits)?));
        };
        let modules = match direct.modules.get() {
            Some(modules) => modules,
            None => {
                // The bindings check the types.
                let modules = linked::Instance::new(self, models, limits)?.core_modules();
                let [stage, staged] = modules.ok_or_else(|| no_modules("it is not there"))?;
                let stage = direct.linker.instantiate_pre(&stage);
                let stage = stage.map_err(|error| no_modules(&format!("{error:#}")))?;
                let modules = direct::Modules { stage, staged };
                direct.modules.get_or_init(|| modules)
            }
        };
        let instance = direct::Instance::new(modules, direct.shape, models, limits)?;
        Ok(Box::new(instance))
    }
}

fn no_modules(reason: &str) -> StageFailure {
    let message = format!("the component's core module can't be linked: {reason}");
    failure(StageFailureKind::WrongWorld, message)
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
