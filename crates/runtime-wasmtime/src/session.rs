//! An open stage: one instance, made anew when it had to be thrown away.

use std::sync::Arc;

use arrow_array::RecordBatch;
use rulestage_pipeline::runtime::{
    Description, Explanation, Limits, Outcome, Outline, Reasons, StageFailure, StageFailureKind,
    StageSchema, Value,
};
use rulestage_pipeline::wire::{self, FlatArray};
use rulestage_stage_abi as abi;

use crate::component::Loaded;
use crate::explain;
use crate::failure::failure;
use crate::instance::{RawOutcome, RawRow, StageInstance};
use crate::models::Models;
use crate::row::{RowForm, RowOutcome, RowValue};

/// A stage with its parameters fixed. After a trap, a missed deadline or a broken contract its instance is
/// gone, and the next call makes another with the same parameters.
pub struct Session {
    origin: Origin,
    schema: StageSchema,
    instance: Option<Box<dyn StageInstance>>,
    /// Once a row was called alone
    row: Option<Box<RowForm>>,
    row_outcome: RowOutcome,
}

/// All that it takes to make an instance.
struct Origin {
    component: Arc<Loaded>,
    models: Arc<Models>,
    parameters: Vec<Value>,
    limits: Limits,
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
        let [inputs, outputs] = opened.schema()?;
        let schema = abi::schema(inputs, outputs)?;
        Ok(Self {
            origin,
            schema,
            instance: Some(opened),
            row: None,
            row_outcome: RowOutcome::default(),
        })
    }

    pub(crate) fn schema(&self) -> &StageSchema {
        &self.schema
    }

    /// What its instance holds: linear memories, tables, tensors; 0 while it has no instance, after a trap.
    pub fn used_bytes(&self) -> u64 {
        let opened = self.instance.as_ref();
        opened.map_or(0, |opened| opened.memory().used_bytes())
    }

    fn call<T>(
        &mut self,
        make: impl FnOnce(&mut dyn StageInstance, &StageSchema) -> Result<T, StageFailure>,
    ) -> Result<T, StageFailure> {
        call(&self.origin, &mut self.instance, |opened| {
            make(opened, &self.schema)
        })
    }

    pub(crate) fn process(&mut self, batch: &RecordBatch) -> Result<Outcome, StageFailure> {
        self.call(|opened, schema| {
            let n_rows = n_rows(batch)?;
            let outcome = opened.process(n_rows, &columns(schema, batch)?)?;
            let outcome = outcome.map_err(|error| error.failure(column_name(schema)))?;
            checked_outcome(schema, outcome, n_rows)
        })
    }

    /// Computes one row, given as one value for each input in the order of the schema, without Arrow arrays around it:
    /// the shortest way to a decision. Columns are scalars, and lists, maps and structs of columns.
    ///
    /// # Errors
    /// `InvalidColumn`: more or fewer values than columns, or one of another type. `Failed`: a column is of a type that
    /// [`RowValue`] does not have, or the results have more than 2^24 parts. Otherwise as [`Runtime::process`](rulestage_pipeline::runtime::Runtime::process). A row that
    /// fails is no error: [`RowOutcome::error`] says why.
    pub fn process_row(&mut self, row: &[RowValue<'_>]) -> Result<&RowOutcome, StageFailure> {
        let Self {
            origin,
            schema,
            instance,
            row: form,
            row_outcome: outcome,
        } = self;
        let form = match form {
            Some(form) => form,
            none => none.insert(Box::new(RowForm::new(schema)?)),
        };
        outcome.values.clear();
        outcome.error = None;
        form.write(schema, row)?;
        call(origin, instance, |opened| {
            process_row(opened, schema, form, outcome)
        })?;
        Ok(outcome)
    }

    pub(crate) fn process_with_reasons(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<(Outcome, Reasons), StageFailure> {
        let (explains, gives_reasons) = (self.explains(), self.gives_reasons());
        self.call(|opened, schema| {
            let n_rows = n_rows(batch)?;
            if !explains {
                return Err(unexplained());
            }
            let columns = columns(schema, batch)?;
            if !gives_reasons {
                let message = "this stage doesn't say which rules fired";
                return Err(failure(StageFailureKind::Failed, message));
            }
            let answer = opened.process_with_reasons(n_rows, &columns)?;
            let (outcome, reasons) = answer.map_err(|error| error.failure(column_name(schema)))?;
            let outcome = checked_outcome(schema, outcome, n_rows)?;
            Ok((outcome, reasons.checked(n_rows)?))
        })
    }

    fn explains(&self) -> bool {
        self.origin.component.explain.is_some()
    }

    /// Whether the component can say which rules fired.
    pub(crate) fn gives_reasons(&self) -> bool {
        let explain = self.origin.component.explain.as_ref();
        explain.is_some_and(explain::Indices::gives_reasons)
    }

    pub(crate) fn outline(&mut self) -> Result<Option<Outline>, StageFailure> {
        if !self.explains() {
            return Ok(None);
        }
        self.call(|opened, _| opened.outline().map(Some))
    }

    pub(crate) fn explain(
        &mut self,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        let explains = self.explains();
        self.call(|opened, schema| {
            let n_rows = n_rows(batch)?;
            if !explains {
                return Err(unexplained());
            }
            if row >= n_rows {
                let message = format!("there is no row {row} in a batch of {n_rows} rows");
                return Err(failure(StageFailureKind::Failed, message));
            }
            let answer = opened.explain(n_rows, &columns(schema, batch)?, row)?;
            answer.map_err(|error| error.failure(column_name(schema)))
        })
    }
}

/// Runs a call; a failure that leaves the instance in doubt throws it away.
fn call<T>(
    origin: &Origin,
    instance: &mut Option<Box<dyn StageInstance>>,
    make: impl FnOnce(&mut dyn StageInstance) -> Result<T, StageFailure>,
) -> Result<T, StageFailure> {
    let mut opened = match instance.take() {
        Some(opened) => opened,
        None => origin.open()?,
    };
    let result = make(&mut *opened);
    if result
        .as_ref()
        .err()
        .is_none_or(|failure| is_answer(failure.kind))
    {
        *instance = Some(opened);
    }
    result
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
    component.instance(models, limits)?.describe()
}

impl Origin {
    fn open(&self) -> Result<Box<dyn StageInstance>, StageFailure> {
        let mut instance = self.component.instance(&self.models, self.limits)?;
        match instance.open(&self.parameters)? {
            Ok(()) => Ok(instance),
            Err(error) => {
                let names = instance.describe()?.parameters;
                Err(error.failure(|index| names.get(index as usize).map(|p| p.name.clone())))
            }
        }
    }
}

fn unexplained() -> StageFailure {
    failure(
        StageFailureKind::Failed,
        "this stage doesn't explain itself",
    )
}

fn process_row(
    opened: &mut dyn StageInstance,
    schema: &StageSchema,
    form: &RowForm,
    outcome: &mut RowOutcome,
) -> Result<(), StageFailure> {
    let answer = match opened.process_row(form, &mut outcome.values) {
        Some(answer) => answer?,
        None => opened.process(1, &form.columns())?.map(RawRow::Outcome),
    };
    match answer.map_err(|error| error.failure(column_name(schema)))? {
        RawRow::Values => {}
        RawRow::Outcome(raw) => {
            let Outcome { columns, errors } = checked_outcome(schema, raw, 1)?;
            outcome.values = RowForm::values(&columns)?;
            outcome.error = errors.into_iter().next();
        }
    }
    Ok(())
}

fn checked_outcome(
    schema: &StageSchema,
    outcome: RawOutcome,
    n_rows: u32,
) -> Result<Outcome, StageFailure> {
    let errors = abi::checked_row_errors(outcome.errors, n_rows)?;
    let columns = wire::rebuild_all(&schema.outputs, outcome.arrays, n_rows as usize)?;
    Ok(Outcome { columns, errors })
}

/// The columns of a batch for a call.
fn columns<'a>(
    schema: &StageSchema,
    batch: &'a RecordBatch,
) -> Result<Vec<FlatArray<'a>>, StageFailure> {
    let expected = schema.inputs.fields().len();
    if batch.num_columns() != expected {
        let message = format!(
            "{} columns for the {expected} of the stage",
            batch.num_columns()
        );
        return Err(failure(StageFailureKind::InvalidColumn, message));
    }
    wire::flatten_all(batch, &schema.reads)
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
