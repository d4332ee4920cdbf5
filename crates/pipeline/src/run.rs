//! Batches through the stages. What comes out depends on the rows alone, not on how they are cut into batches.

mod explain;
mod funnel;
mod reasons;
mod step;
#[cfg(test)]
mod tests;

pub use explain::StageExplanation;
pub use funnel::{Funnel, Funnels};
pub use reasons::{ExplainedRule, RuleNames, StageReasons, WhyNot};

use crate::bind::Binding;
use crate::load::{LoadError, Pipeline};
use crate::runtime::{Reasons, RowErrorCode, Runtime, StageFailure, StageFailureKind};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use std::fmt;
use std::sync::Arc;

/// The open stages of a pipeline, used by one worker.
pub struct Executor<R: Runtime> {
    pipeline: Arc<Pipeline<R>>,
    sessions: Vec<Sessions<R>>,
}

struct Sessions<R: Runtime> {
    stage: R::Session,
    gate: Option<R::Session>,
    /// Whether the stage is asked which rules fired
    keeps_reasons: bool,
}

/// What a host learns while a batch runs; `stage` counts in the order of the run. `()` ignores it.
pub trait Observer {
    /// The columns of a stage are ready, and its component is called.
    fn stage_started(&mut self, stage: usize);
    /// It has returned: `n_rows` rows reached it.
    fn stage_finished(&mut self, stage: usize, n_rows: usize);
}

impl Observer for () {
    fn stage_started(&mut self, _: usize) {}
    fn stage_finished(&mut self, _: usize, _: usize) {}
}

/// What became of a batch. Each of its rows is in `output` or in `dead`.
#[derive(Debug, Clone)]
pub struct BatchOutcome {
    /// The input's columns and the produced fields (`Binding::output`), without the dead rows
    pub output: RecordBatch,
    /// For each row of `output`, its row in the batch; `None`: they are the same
    pub kept: Option<UInt32Array>,
    /// Ascending by row
    pub dead: Vec<DeadRow>,
    /// How many rows reached each stage, in the order of the run
    pub stage_rows: Vec<usize>,
    /// For each stage in the order of the run, where [`Executor::keep_reasons`] asked for it: the rules that fired in
    /// each row of the batch, none in rows that did not reach the stage, and where the others stopped
    pub reasons: Vec<Option<Reasons>>,
}

impl BatchOutcome {
    /// The row in the batch that a row of `output` is.
    pub(crate) fn row_in_batch(&self, place: usize) -> usize {
        match &self.kept {
            Some(kept) => kept.value(place) as usize,
            None => place,
        }
    }
}

/// A row that a stage could not compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRow {
    /// Row of the batch
    pub row_in_batch: u32,
    /// The stage
    pub stage: String,
    /// Sort of error
    pub code: RowErrorCode,
    /// The rule, let, output or column concerned; may be empty
    pub origin: String,
    /// For people
    pub message: String,
}

impl fmt::Display for DeadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin.as_str() {
            "" => write!(f, "stage `{}`: {}", self.stage, self.message),
            origin => write!(f, "stage `{}`, `{origin}`: {}", self.stage, self.message),
        }
    }
}

/// Why a run can't go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunFailure {
    /// A row failed in a stage whose policy is `fail`: the first such row of the batch
    Row(DeadRow),
    /// A stage failed as a whole
    Stage {
        /// The stage
        stage: String,
        /// How many rows it was given
        n_rows: usize,
        /// Why
        failure: StageFailure,
    },
}

impl fmt::Display for RunFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row) => write!(f, "row {} of the batch failed in {row}", row.row_in_batch),
            Self::Stage { stage, failure, .. } => write!(f, "stage `{stage}`: {failure}"),
        }
    }
}

impl std::error::Error for RunFailure {}

impl<R: Runtime> Pipeline<R> {
    /// Opens every stage for one worker.
    pub fn open(self: &Arc<Self>, runtime: &R) -> Result<Executor<R>, LoadError> {
        let sessions = self.stages.iter().map(|stage| {
            let failed = |failure| LoadError::Stage {
                stage: stage.name.clone(),
                path: stage.path.clone(),
                failure,
            };
            let session = runtime
                .open(&stage.component, &stage.parameters, stage.limits)
                .map_err(failed)?;
            if *runtime.schema(&session) != stage.schema {
                return Err(failed(StageFailure {
                    kind: StageFailureKind::Contract,
                    message: "the component's columns change from session to session".to_owned(),
                }));
            }
            let gate = stage
                .gate
                .as_ref()
                .map(|gate| runtime.open(&gate.component, &[], stage.limits));
            Ok(Sessions {
                stage: session,
                gate: gate.transpose().map_err(failed)?,
                keeps_reasons: false,
            })
        });
        Ok(Executor {
            sessions: sessions.collect::<Result<_, _>>()?,
            pipeline: self.clone(),
        })
    }
}

impl<R: Runtime> Executor<R> {
    /// Computes one batch. Its columns are those that `binding` was made for.
    ///
    /// # Errors
    /// After an error the sessions may be unusable: open another executor.
    pub fn process(
        &mut self,
        runtime: &R,
        binding: &Binding,
        batch: &RecordBatch,
        observer: &mut dyn Observer,
    ) -> Result<BatchOutcome, RunFailure> {
        let mut work = step::Work::new(batch);
        let mut stage_rows = Vec::with_capacity(self.sessions.len());
        for (index, sessions) in self.sessions.iter_mut().enumerate() {
            let stage = &self.pipeline.stages[index];
            let n_rows = step::run(
                runtime,
                stage,
                sessions,
                &binding.stages[index],
                &mut work,
                step::Watch {
                    observer,
                    stage: index,
                    record: None,
                },
            )?;
            stage_rows.push(n_rows);
        }
        if let Some(row) = work.first_fatal() {
            return Err(RunFailure::Row(row));
        }
        work.finish(binding, stage_rows)
            .map_err(|error| self.internal(&error))
    }

    fn internal(&self, error: &ArrowError) -> RunFailure {
        let stage = self
            .pipeline
            .stages
            .last()
            .map(|stage| stage.name.clone())
            .unwrap_or_default();
        RunFailure::Stage {
            stage,
            n_rows: 0,
            failure: arrow_failure(error),
        }
    }
}

/// Arrow refused what was made of a stage's columns.
fn arrow_failure(error: &ArrowError) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Contract,
        message: format!("its columns don't fit: {error}"),
    }
}

fn record_batch(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    n_rows: usize,
) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new_with_options(
        schema,
        columns,
        &RecordBatchOptions::new().with_row_count(Some(n_rows)),
    )
}
