//! An open stage: one instance, made anew when it had to be thrown away.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use rulestage_pipeline::runtime::{
    Description, Explanation, FiredRules, Limits, Outcome, Outline, StageFailure, StageFailureKind,
    StageSchema, Value,
};
use rulestage_pipeline::wire;
use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Store};

use crate::bindings::rules::exports::rulestage::stage::stage;
use crate::component::Loaded;
use crate::failure::{call_failure, failure};
use crate::models::Models;
use crate::store::{Host, store};
use crate::{convert, engine, explain};

/// A stage with its parameters fixed. After a trap, a missed deadline or a broken contract its instance is
/// gone, and the next call makes another with the same parameters.
pub struct Session {
    origin: Origin,
    schema: StageSchema,
    instance: Option<Opened>,
}

/// All that it takes to make an instance.
struct Origin {
    component: Arc<Loaded>,
    models: Arc<Models>,
    parameters: Vec<Value>,
    limits: Limits,
}

/// An instance.
struct Instance {
    store: Store<Host>,
    stage: stage::Guest,
    explain: Option<explain::Guest>,
    limits: Limits,
}

/// An instance with an open session.
struct Opened {
    instance: Instance,
    session: ResourceAny,
}

impl Session {
    pub(crate) fn open(
        component: &Arc<Loaded>,
        models: &Arc<Models>,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<Self, StageFailure> {
        let origin = Origin {
            component: Arc::clone(component),
            models: Arc::clone(models),
            parameters: parameters.to_vec(),
            limits,
        };
        let mut opened = origin.open()?;
        let schema = opened.schema()?;
        Ok(Self {
            origin,
            schema,
            instance: Some(opened),
        })
    }

    pub(crate) fn schema(&self) -> &StageSchema {
        &self.schema
    }

    /// What its instance holds: linear memories, tables, tensors; 0 while it has no instance, after a trap.
    pub fn used_bytes(&self) -> u64 {
        let opened = self.instance.as_ref();
        opened.map_or(0, |opened| opened.instance.store.data().memory.used_bytes())
    }

    /// Runs a call; a failure that leaves the instance in doubt throws it away.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Opened, &StageSchema) -> Result<T, StageFailure>,
    ) -> Result<T, StageFailure> {
        let mut opened = match self.instance.take() {
            Some(opened) => opened,
            None => self.origin.open()?,
        };
        let result = call(&mut opened, &self.schema);
        if result
            .as_ref()
            .err()
            .is_none_or(|failure| is_answer(failure.kind))
        {
            self.instance = Some(opened);
        }
        result
    }

    pub(crate) fn process(&mut self, batch: &RecordBatch) -> Result<Outcome, StageFailure> {
        self.call(|opened, schema| opened.process(schema, batch))
    }

    pub(crate) fn process_with_reasons(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<(Outcome, FiredRules), StageFailure> {
        self.call(|opened, schema| opened.process_with_reasons(schema, batch))
    }

    /// Whether the component can say which rules fired.
    pub(crate) fn gives_reasons(&self) -> bool {
        let explain = self.origin.component.explain.as_ref();
        explain.is_some_and(explain::Indices::gives_reasons)
    }

    pub(crate) fn outline(&mut self) -> Result<Option<Outline>, StageFailure> {
        self.call(|opened, _| opened.instance.outline())
    }

    pub(crate) fn explain(
        &mut self,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        self.call(|opened, schema| opened.explain(schema, batch, row))
    }
}

/// Whether the stage itself answered so, and stays usable.
fn is_answer(kind: StageFailureKind) -> bool {
    use StageFailureKind::{Failed, InvalidColumn, InvalidParameter, Model};
    matches!(kind, InvalidParameter | InvalidColumn | Model | Failed)
}

/// Calls `describe` in an instance of its own.
pub(crate) fn describe(
    component: &Arc<Loaded>,
    models: &Arc<Models>,
    limits: Limits,
) -> Result<Description, StageFailure> {
    let mut instance = Instance::new(component, models, limits)?;
    instance.describe()
}

impl Origin {
    fn open(&self) -> Result<Opened, StageFailure> {
        let mut instance = Instance::new(&self.component, &self.models, self.limits)?;
        let texts: Vec<Vec<&str>> = self.parameters.iter().map(convert::texts).collect();
        let values: Vec<_> = self
            .parameters
            .iter()
            .zip(&texts)
            .map(|(value, texts)| convert::value_param(value, texts))
            .collect();
        instance.start_deadline();
        let opened = instance
            .stage
            .session()
            .call_open(&mut instance.store, &values);
        match opened.map_err(|error| instance.failure(&error))? {
            Ok(session) => Ok(Opened { instance, session }),
            Err(error) => {
                let names = instance.describe()?.parameters;
                let name = |index: u32| names.get(index as usize).map(|p| p.name.clone());
                Err(convert::stage_failure(error, name))
            }
        }
    }
}

impl Instance {
    fn new(component: &Loaded, models: &Arc<Models>, limits: Limits) -> Result<Self, StageFailure> {
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
            limits,
        })
    }

    fn start_deadline(&mut self) {
        self.store
            .set_epoch_deadline(engine::epochs(self.limits.deadline_ms));
    }

    fn failure(&self, error: &wasmtime::Error) -> StageFailure {
        call_failure(error, &self.store.data().memory, self.limits)
    }

    fn describe(&mut self) -> Result<Description, StageFailure> {
        self.start_deadline();
        let description = self.stage.call_describe(&mut self.store);
        description
            .map(convert::description)
            .map_err(|error| self.failure(&error))
    }

    fn outline(&mut self) -> Result<Option<Outline>, StageFailure> {
        self.start_deadline();
        let Some(explain) = &self.explain else {
            return Ok(None);
        };
        let outline = explain.describe_rules(&mut self.store);
        outline
            .map(|outline| Some(explain::outline(outline)))
            .map_err(|error| self.failure(&error))
    }
}

impl Opened {
    fn schema(&mut self) -> Result<StageSchema, StageFailure> {
        let instance = &mut self.instance;
        instance.start_deadline();
        let schema = instance
            .stage
            .session()
            .call_schema(&mut instance.store, self.session);
        let schema = schema.map_err(|error| instance.failure(&error))?;
        let arrow = |fields: Vec<stage::Field>| -> Result<SchemaRef, StageFailure> {
            let field = |field: stage::Field| {
                let nodes: Vec<_> = field.nodes.into_iter().map(convert::field_node).collect();
                wire::nodes_to_field(&field.name, &nodes, &field.doc)
            };
            let fields = fields
                .into_iter()
                .map(field)
                .collect::<Result<Vec<Field>, _>>()?;
            Ok(Arc::new(Schema::new(fields)))
        };
        Ok(StageSchema {
            inputs: arrow(schema.inputs)?,
            outputs: arrow(schema.outputs)?,
        })
    }

    fn process(
        &mut self,
        schema: &StageSchema,
        batch: &RecordBatch,
    ) -> Result<Outcome, StageFailure> {
        let rows = n_rows(batch)?;
        let instance = &mut self.instance;
        instance.start_deadline();
        let result = with_columns(schema, batch, |columns| {
            let session = instance.stage.session();
            session.call_process(&mut instance.store, self.session, rows, columns)
        })?;
        let outcome = result
            .map_err(|error| instance.failure(&error))?
            .map_err(|error| convert::stage_failure(error, column_name(schema)))?;
        checked_outcome(schema, outcome, rows)
    }

    fn process_with_reasons(
        &mut self,
        schema: &StageSchema,
        batch: &RecordBatch,
    ) -> Result<(Outcome, FiredRules), StageFailure> {
        let rows = n_rows(batch)?;
        let instance = &mut self.instance;
        instance.start_deadline();
        let Some(explain) = &instance.explain else {
            return Err(unexplained());
        };
        let result = with_columns(schema, batch, |columns| {
            let store = &mut instance.store;
            explain.process_with_reasons(store, self.session, rows, columns)
        })?;
        let Some(result) = result else {
            return Err(failure(
                StageFailureKind::Failed,
                "this stage doesn't say which rules fired",
            ));
        };
        let explained = result
            .map_err(|error| instance.failure(&error))?
            .map_err(|error| convert::stage_failure(error, column_name(schema)))?;
        let outcome = checked_outcome(schema, explained.outcome, rows)?;
        let fired = explained.fired;
        Ok((
            outcome,
            FiredRules::checked(fired.offsets, fired.rules, rows)?,
        ))
    }

    fn explain(
        &mut self,
        schema: &StageSchema,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        let rows = n_rows(batch)?;
        let instance = &mut self.instance;
        let Some(explain) = &instance.explain else {
            return Err(unexplained());
        };
        if row >= rows {
            let message = format!("there is no row {row} in a batch of {rows} rows");
            return Err(failure(StageFailureKind::Failed, message));
        }
        instance
            .store
            .set_epoch_deadline(engine::epochs(instance.limits.deadline_ms));
        let result = with_columns(schema, batch, |columns| {
            explain.explain_row(&mut instance.store, self.session, rows, columns, row)
        })?;
        result
            .map_err(|error| instance.failure(&error))?
            .map(explain::explanation)
            .map_err(|error| convert::stage_failure(error, column_name(schema)))
    }
}

fn unexplained() -> StageFailure {
    failure(
        StageFailureKind::Failed,
        "this stage doesn't explain itself",
    )
}

fn checked_outcome(
    schema: &StageSchema,
    outcome: stage::Outcome,
    rows: u32,
) -> Result<Outcome, StageFailure> {
    let errors = convert::row_errors(outcome.errors, rows)?;
    let arrays = outcome.columns.into_iter().map(convert::flat_array);
    let columns = wire::rebuild_all(&schema.outputs, arrays, rows as usize)?;
    Ok(Outcome { columns, errors })
}

/// Lends the columns of a batch to a call.
fn with_columns<T>(
    schema: &StageSchema,
    batch: &RecordBatch,
    call: impl FnOnce(&[stage::ArrayParam<'_>]) -> T,
) -> Result<T, StageFailure> {
    let expected = schema.inputs.fields().len();
    if batch.num_columns() != expected {
        let message = format!(
            "{} columns for the {expected} of the stage",
            batch.num_columns()
        );
        return Err(failure(StageFailureKind::InvalidColumn, message));
    }
    let mut arrays = Vec::with_capacity(expected);
    for column in batch.columns() {
        arrays.append(&mut wire::flatten(column)?);
    }
    let columns: Vec<_> = arrays.iter().map(convert::array_param).collect();
    Ok(call(&columns))
}

fn n_rows(batch: &RecordBatch) -> Result<u32, StageFailure> {
    let rows = batch.num_rows();
    u32::try_from(rows).map_err(|_| {
        failure(
            StageFailureKind::Failed,
            format!("a batch of {rows} rows is more than a call takes"),
        )
    })
}

fn column_name(schema: &StageSchema) -> impl Fn(u32) -> Option<String> + '_ {
    |index| {
        schema
            .inputs
            .fields()
            .get(index as usize)
            .map(|field| field.name().clone())
    }
}
