//! Instances that are called through the bindings of their component: any component, also with imports.

use std::sync::Arc;

use rulestage_pipeline::runtime::{
    Description, Explanation, Limits, Outline, Reasons, StageFailure, StageFailureKind, Value,
};
use rulestage_pipeline::wire::FlatArray;
use rulestage_stage_abi::FieldRecord;
use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Module, Store};

use crate::bindings::rules::exports::rulestage::stage::stage;
use crate::component::Loaded;
use crate::failure::{call_failure, failure};
use crate::instance::{Answer, Called, RawOutcome, StageInstance};
use crate::models::Models;
use crate::store::{Host, MemoryBudget, store};
use crate::{convert, direct, engine, explain};

/// An instance of the whole component.
pub(crate) struct Instance {
    store: Store<Host>,
    stage: stage::Guest,
    explain: Option<explain::Guest>,
    session: Option<ResourceAny>,
    limits: Limits,
    instance: wasmtime::component::Instance,
}

impl Instance {
    pub(crate) fn new(component: &Loaded, models: &Arc<Models>, limits: Limits) -> Called<Self> {
        let engine: &Engine = component.instance_pre.engine();
        let mut store = store(engine, models, limits);
        store.set_epoch_deadline(engine::epochs(limits.deadline_ms));
        let instance = component
            .instance_pre
            .instantiate(&mut store)
            .map_err(|error| call_failure(&error, &store.data().memory, limits))?;
        let wrong_world = |error: wasmtime::Error| {
            let message = format!("the component's exports don't fit the contract: {error:#}");
            failure(StageFailureKind::WrongWorld, message)
        };
        let stage = component
            .stage
            .load(&mut store, &instance)
            .map_err(wrong_world)?;
        let explain = match &component.explain {
            Some(explain) => Some(explain.load(&mut store, &instance).map_err(wrong_world)?),
            None => None,
        };
        Ok(Self {
            store,
            stage,
            explain,
            session: None,
            limits,
            instance,
        })
    }

    /// The core modules that were compiled with the component, if they are among its exports.
    pub(crate) fn core_modules(mut self) -> Option<[Module; 2]> {
        let mut module = |name| self.instance.get_module(&mut self.store, name);
        Some([module(direct::EXPORT)?, module(direct::STAGED_EXPORT)?])
    }

    fn start_deadline(&mut self) {
        self.store
            .set_epoch_deadline(engine::epochs(self.limits.deadline_ms));
    }

    fn failure(&self, error: &wasmtime::Error) -> StageFailure {
        call_failure(error, &self.store.data().memory, self.limits)
    }

    fn session(&self) -> Called<ResourceAny> {
        self.session.ok_or_else(not_open)
    }
}

fn not_open() -> StageFailure {
    failure(StageFailureKind::Failed, "the stage is not open")
}

fn raw_outcome(outcome: stage::Outcome) -> RawOutcome {
    RawOutcome {
        arrays: outcome
            .columns
            .into_iter()
            .map(convert::flat_array)
            .collect(),
        errors: convert::row_errors(outcome.errors),
    }
}

fn params<'a>(columns: &'a [FlatArray<'_>]) -> Vec<stage::ArrayParam<'a>> {
    columns.iter().map(convert::array_param).collect()
}

impl StageInstance for Instance {
    fn memory(&self) -> &MemoryBudget {
        &self.store.data().memory
    }

    fn describe(&mut self) -> Called<Description> {
        self.start_deadline();
        let description = self.stage.call_describe(&mut self.store);
        description
            .map(convert::description)
            .map_err(|error| self.failure(&error))
    }

    fn open(&mut self, parameters: &[Value]) -> Called<Answer<()>> {
        let texts: Vec<Vec<&str>> = parameters.iter().map(convert::texts).collect();
        let values: Vec<_> = parameters
            .iter()
            .zip(&texts)
            .map(|(value, texts)| convert::value_param(value, texts))
            .collect();
        self.start_deadline();
        let opened = self.stage.session().call_open(&mut self.store, &values);
        let opened = opened.map_err(|error| self.failure(&error))?;
        Ok(opened
            .map(|session| self.session = Some(session))
            .map_err(convert::stage_error))
    }

    fn schema(&mut self) -> Called<[Vec<FieldRecord>; 2]> {
        let session = self.session()?;
        self.start_deadline();
        let schema = self.stage.session().call_schema(&mut self.store, session);
        let schema = schema.map_err(|error| self.failure(&error))?;
        Ok([schema.inputs, schema.outputs]
            .map(|fields| fields.into_iter().map(convert::field).collect()))
    }

    fn process(&mut self, n_rows: u32, columns: &[FlatArray<'_>]) -> Called<Answer<RawOutcome>> {
        let session = self.session()?;
        self.start_deadline();
        let result =
            self.stage
                .session()
                .call_process(&mut self.store, session, n_rows, &params(columns));
        let answer = result.map_err(|error| self.failure(&error))?;
        Ok(answer.map(raw_outcome).map_err(convert::stage_error))
    }

    fn process_with_reasons(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
    ) -> Called<Answer<(RawOutcome, Reasons)>> {
        let session = self.session()?;
        self.start_deadline();
        let explain = self.explain.as_ref().ok_or_else(not_open)?;
        let result =
            explain.process_with_reasons(&mut self.store, session, n_rows, &params(columns));
        let answer = result
            .ok_or_else(not_open)?
            .map_err(|error| self.failure(&error))?;
        let answer = answer.map_err(convert::stage_error);
        Ok(answer.map(|explained| {
            let reasons = explain::reasons(explained.fired, explained.stops);
            (raw_outcome(explained.outcome), reasons)
        }))
    }

    fn outline(&mut self) -> Called<Outline> {
        self.start_deadline();
        let explain = self.explain.as_ref().ok_or_else(not_open)?;
        let outline = explain.describe_rules(&mut self.store);
        outline
            .map(explain::outline)
            .map_err(|error| self.failure(&error))
    }

    fn explain(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
        row: u32,
    ) -> Called<Answer<Explanation>> {
        let session = self.session()?;
        self.start_deadline();
        let explain = self.explain.as_ref().ok_or_else(not_open)?;
        let result = explain.explain_row(&mut self.store, session, n_rows, &params(columns), row);
        let answer = result.map_err(|error| self.failure(&error))?;
        Ok(answer
            .map(explain::explanation)
            .map_err(convert::stage_error))
    }
}
