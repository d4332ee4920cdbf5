//! Runs stages on the browser's WebAssembly: the same [`Runtime`] as on the wasmtime host, for the same bytes.
//!
//! A component of the `rules` or `inference` world is one core module with the canonical ABI around it. The
//! binder takes that module out, hands it to the browser, and lifts and lowers exactly the types of the
//! contract by hand, with bulk copies. There is no generic glue, so a call costs little more than its copies. A
//! component that `rulestage compose` made has two such modules; the engine's serves the stage's `wasi:nn`.
//!
//! **Invariant**: a component gets nothing but `wasi:nn`, and that only from a [`ModelHost`]. Nothing read from
//! its memory is believed unchecked.
//!
//! Deadlines are not kept here: a browser can't interrupt a call. Whoever owns the worker that runs this ends it.

mod component;
mod engine;
mod instance;
mod models;

pub use component::Interfaces;
pub use models::{ModelFailure, ModelHost, ModelTensor};

use arrow_array::RecordBatch;
use component::{EXPLAIN, STAGE};
use engine::Engine;
use instance::{Instance, SESSION};
use js_sys::{Uint8Array, WebAssembly};
use rulestage_compose::Parts;
use rulestage_pipeline::runtime::{
    Description, Explanation, Limits, Outcome, Outline, Reasons, Runtime, StageFailure,
    StageFailureKind, StageSchema, Value,
};
use rulestage_pipeline::wire;
use rulestage_stage_abi::{self as abi, Lifter, StageError, checked_row_errors, get_u32, layout};
use std::cell::RefCell;
use std::rc::Rc;

/// The function of `explain` that older components lack.
const WITH_REASONS: &str = "process-with-reasons";

/// Instantiates stages in this thread.
#[derive(Default)]
pub struct WebRuntime {
    model_host: Option<Rc<dyn ModelHost>>,
}

/// A component whose modules the browser has compiled.
pub struct WebComponent {
    interfaces: Interfaces,
    stage: CoreModule,
    /// Inside composed components: what serves the stage's `wasi:nn`
    engine: Option<CoreModule>,
}

/// A core module of a component.
struct CoreModule {
    bytes: Vec<u8>,
    /// Compiled with the memory limit of its last use, because the limit is part of the module
    compiled: RefCell<Option<(u64, WebAssembly::Module)>>,
}

impl CoreModule {
    fn of(component: &[u8], interfaces: &Interfaces) -> Self {
        Self {
            bytes: component[interfaces.main_module.clone()].to_vec(),
            compiled: RefCell::default(),
        }
    }

    fn compiled(&self, limits: Limits) -> Result<WebAssembly::Module, StageFailure> {
        let mut compiled = self.compiled.borrow_mut();
        if let Some((memory_bytes, module)) = &*compiled
            && *memory_bytes == limits.memory_bytes
        {
            return Ok(module.clone());
        }
        let limited = component::limit_memory(&self.bytes, limits.memory_bytes)?;
        let module = compile(&limited)?;
        *compiled = Some((limits.memory_bytes, module.clone()));
        Ok(module)
    }
}

/// An open session in an instance of its own.
pub struct WebSession {
    instance: Instance,
    /// The core value behind the `session` resource
    rep: u32,
    schema: StageSchema,
    explains: bool,
}

impl Drop for WebSession {
    fn drop(&mut self) {
        self.instance.destroy(0, self.rep);
    }
}

impl WebRuntime {
    /// A runtime for stages without imports.
    pub fn new() -> Self {
        Self::default()
    }

    /// A runtime that also serves `wasi:nn`.
    pub fn with_models(model_host: Rc<dyn ModelHost>) -> Self {
        Self {
            model_host: Some(model_host),
        }
    }

    fn instantiate(
        &self,
        component: &WebComponent,
        limits: Limits,
    ) -> Result<Instance, StageFailure> {
        let own_engine: Option<Rc<dyn ModelHost>> = match &component.engine {
            Some(engine) => Some(Rc::new(Engine::new(&engine.compiled(limits)?, limits)?)),
            None => None,
        };
        let model_host = own_engine.as_ref().or(self.model_host.as_ref());
        if model_host.is_none() && !component.interfaces.imports.is_empty() {
            return Err(StageFailure {
                kind: StageFailureKind::WrongWorld,
                message: "the component wants a model, and the pipeline lists none".to_owned(),
            });
        }
        Instance::new(
            &component.stage.compiled(limits)?,
            &SESSION,
            model_host,
            limits,
        )
    }
}

fn compile(module: &[u8]) -> Result<WebAssembly::Module, StageFailure> {
    WebAssembly::Module::new(&Uint8Array::from(module)).map_err(|thrown| StageFailure {
        kind: StageFailureKind::Malformed,
        message: format!(
            "the component's module is not valid: {}",
            instance::text_of(&thrown)
        ),
    })
}

impl WebComponent {
    /// What it imports and exports.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }
}

impl Runtime for WebRuntime {
    type Component = WebComponent;
    type Session = WebSession;

    fn load(&self, component: &[u8]) -> Result<WebComponent, StageFailure> {
        let (stage, engine) = match Parts::of(component) {
            Some(parts) => (parts.stage, Some(parts.engine)),
            None => (component, None),
        };
        let mut interfaces = Interfaces::of(stage)?;
        let engine = match engine {
            Some(engine) => {
                // What the stage imports, the engine beside it exports.
                interfaces.imports.clear();
                Some(CoreModule::of(engine, &Interfaces::of_engine(engine)?))
            }
            None => None,
        };
        Ok(WebComponent {
            stage: CoreModule::of(stage, &interfaces),
            interfaces,
            engine,
        })
    }

    fn describe(
        &self,
        component: &WebComponent,
        limits: Limits,
    ) -> Result<Description, StageFailure> {
        self.instantiate(component, limits)?
            .call(STAGE, "describe", &[], |lifter, at| {
                Ok(lifter.description(at)?)
            })
    }

    fn open(
        &self,
        component: &WebComponent,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<WebSession, StageFailure> {
        let instance = self.instantiate(component, limits)?;
        let (at, len) = abi::values(&mut instance.guest()?, parameters)?;
        let handle = instance.call(STAGE, "[static]session.open", &[at, len], |lifter, at| {
            let record = lifter.result(at, layout::RESULT)?;
            Ok(record.map(|record| get_u32(&record, 4)))
        })?;
        let handle = handle.map_err(|error| {
            let names = self.describe(component, limits).map(|own| own.parameters);
            error.failure(|index| Some(names.as_ref().ok()?.get(index as usize)?.name.clone()))
        })?;
        let rep = instance.take(0, handle)?;
        let [inputs, outputs] =
            instance.call(STAGE, "[method]session.schema", &[rep], |lifter, at| {
                Ok(lifter.schema(at)?)
            })?;
        let schema = abi::schema(inputs, outputs)?;
        Ok(WebSession {
            instance,
            rep,
            schema,
            explains: component.interfaces.explains(),
        })
    }

    fn schema<'a>(&self, session: &'a WebSession) -> &'a StageSchema {
        &session.schema
    }

    fn process(
        &self,
        session: &mut WebSession,
        batch: &RecordBatch,
    ) -> Result<Outcome, StageFailure> {
        let (outcome, _) =
            session.compute(STAGE, "[method]session.process", batch, |_, _| Ok(()))?;
        Ok(outcome)
    }

    fn gives_reasons(&self, session: &WebSession) -> bool {
        session.instance.has(EXPLAIN, WITH_REASONS)
    }

    fn process_with_reasons(
        &self,
        session: &mut WebSession,
        batch: &RecordBatch,
    ) -> Result<(Outcome, Reasons), StageFailure> {
        if !self.gives_reasons(session) {
            return Err(broken("the component does not say which rules fired"));
        }
        let (outcome, reasons) = session.compute(EXPLAIN, WITH_REASONS, batch, |lifter, at| {
            let record = lifter.returned(at, layout::EXPLAINED_RESULT, 4)?;
            Ok(lifter.reasons(&record, 20)?)
        })?;
        Ok((outcome, reasons.checked(rows_of(batch)?)?))
    }

    fn outline(&self, session: &mut WebSession) -> Result<Option<Outline>, StageFailure> {
        if !session.explains {
            return Ok(None);
        }
        session
            .instance
            .call(EXPLAIN, "describe-rules", &[], |lifter, at| {
                Ok(lifter.outline(at)?)
            })
            .map(Some)
    }

    fn explain(
        &self,
        session: &mut WebSession,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        if !session.explains {
            return Err(broken("the component does not explain"));
        }
        let n_rows = rows_of(batch)?;
        let columns = wire::flatten_all(batch, &session.schema.reads)?;
        let (at, len) = abi::arrays(&mut session.instance.guest()?, &columns)?;
        let explanation = session.instance.call(
            EXPLAIN,
            "explain-row",
            &[session.rep, n_rows, at, len, row],
            |lifter, at| match lifter.result(at, layout::RESULT)? {
                Ok(record) => Ok(Ok(lifter.explanation(&record, 4)?)),
                Err(error) => Ok(Err(error)),
            },
        )?;
        explanation.map_err(|error| session.failure(error))
    }
}

impl WebSession {
    /// Computes a batch with a function that answers with an outcome, and reads the rest of its answer with `rest`.
    fn compute<T>(
        &self,
        interface: &str,
        name: &str,
        batch: &RecordBatch,
        rest: impl FnOnce(&Lifter<'_, instance::Memory>, u32) -> Result<T, StageFailure>,
    ) -> Result<(Outcome, T), StageFailure> {
        let n_rows = rows_of(batch)?;
        let columns = wire::flatten_all(batch, &self.schema.reads)?;
        let (at, len) = abi::arrays(&mut self.instance.guest()?, &columns)?;
        let arguments = [self.rep, n_rows, at, len];
        let answer = self
            .instance
            .call(interface, name, &arguments, |lifter, at| {
                let record = match lifter.result(at, layout::RESULT)? {
                    Ok(record) => record,
                    Err(error) => return Ok(Err(error)),
                };
                let (arrays, errors) =
                    (lifter.arrays(&record, 4)?, lifter.row_errors(&record, 12)?);
                Ok(Ok((arrays, errors, rest(lifter, at)?)))
            })?;
        let (arrays, errors, rest) = answer.map_err(|error| self.failure(error))?;
        let errors = checked_row_errors(errors, n_rows)?;
        let columns = wire::rebuild_all(&self.schema.outputs, arrays, batch.num_rows())?;
        Ok((Outcome { columns, errors }, rest))
    }

    /// The failure that an answer of this session stands for.
    fn failure(&self, error: StageError) -> StageFailure {
        let inputs = self.schema.inputs.fields();
        error.failure(|index| Some(inputs.get(index as usize)?.name().clone()))
    }
}

/// A guest that broke the contract.
fn broken(message: impl Into<String>) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Contract,
        message: message.into(),
    }
}

fn rows_of(batch: &RecordBatch) -> Result<u32, StageFailure> {
    u32::try_from(batch.num_rows()).map_err(|_| {
        broken(format!(
            "{} rows are more than one batch can hold",
            batch.num_rows()
        ))
    })
}
