//! Why one row came out as it did, stage by stage.

use super::{DeadRow, Executor, RunFailure, Sessions, arrow_failure, record_batch, step};
use crate::bind::Binding;
use crate::load::Stage;
use crate::runtime::{Explanation, Outline, Runtime};
use arrow_array::{ArrayRef, RecordBatch};

/// What happened to the row in one stage.
#[derive(Debug, Clone)]
pub struct StageExplanation {
    /// The stage
    pub stage: String,
    /// Whether its condition let the row through; `None`: it has no condition
    pub gate_passed: Option<bool>,
    /// What the stage was given: one row, or none if the row did not reach it
    pub inputs: Option<RecordBatch>,
    /// What it gave back, as `inputs`
    pub outputs: Option<RecordBatch>,
    /// Why the row has no result
    pub failure: Option<DeadRow>,
    /// The stage's rules; `None` where it does not explain
    pub outline: Option<Outline>,
    /// What the rules did
    pub explanation: Option<Explanation>,
}

impl<R: Runtime> Executor<R> {
    /// Explains row `row` of a batch in every stage it reaches: after a stage whose policy takes the row out of the
    /// run there are none.
    pub fn explain(
        &mut self,
        runtime: &R,
        binding: &Binding,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<Vec<StageExplanation>, RunFailure> {
        let batch = batch.slice(row, usize::from(row < batch.num_rows()));
        let mut work = step::Work::new(&batch);
        let mut explanations = Vec::with_capacity(self.sessions.len());
        for (index, sessions) in self.sessions.iter_mut().enumerate() {
            let stage = &self.pipeline.stages[index];
            let mut explanation = StageExplanation {
                stage: stage.name.clone(),
                gate_passed: None,
                inputs: None,
                outputs: None,
                failure: None,
                outline: None,
                explanation: None,
            };
            step::run(
                runtime,
                stage,
                sessions,
                &binding.stages[index],
                &mut work,
                step::Watch {
                    observer: &mut (),
                    stage: index,
                    record: Some(&mut explanation),
                },
            )?;
            explanations.push(explanation);
            if work.is_over() {
                break;
            }
        }
        Ok(explanations)
    }
}

/// Adds what the stage itself has to say about its one row.
pub(super) fn record<R: Runtime>(
    runtime: &R,
    stage: &Stage<R>,
    sessions: &mut Sessions<R>,
    batch: RecordBatch,
    columns: &[ArrayRef],
    record: &mut StageExplanation,
) -> Result<(), RunFailure> {
    let failed = |failure| RunFailure::Stage {
        stage: stage.name.clone(),
        n_rows: 1,
        failure,
    };
    record.outline = runtime.outline(&mut sessions.stage).map_err(failed)?;
    if batch.num_rows() == 0 {
        return Ok(());
    }
    if record.outline.is_some() {
        record.explanation = Some(
            runtime
                .explain(&mut sessions.stage, &batch, 0)
                .map_err(failed)?,
        );
    }
    let outputs = record_batch(
        stage.schema.outputs.clone(),
        columns.to_vec(),
        batch.num_rows(),
    );
    record.outputs = Some(outputs.map_err(|error| failed(arrow_failure(&error)))?);
    record.inputs = Some(batch);
    Ok(())
}
