//! One worker: its own instances of all stages.

use super::dead_letters::{DeadLetter, Place};
use super::input::Batch;
use super::why::Why;
use crate::failure::{Failure, Result, Status};
use crate::host::{self, Host};
use crate::pipelines::{Loaded, Pipeline};
use crate::render::value::code_name;
use arrow_array::RecordBatch;
use rulestage_formats::Lines;
use rulestage_pipeline::bind::Binding;
use rulestage_pipeline::load::LoadError;
use rulestage_pipeline::run::{Executor, Funnels, Observer, RunFailure};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The open stages and what they are joined to.
pub(super) struct Worker {
    host: Host,
    pipeline: Arc<Pipeline>,
    binding: Binding,
    executor: Executor<Host>,
    why: Option<Why>,
}

/// What became of a batch.
pub(super) struct Done {
    pub(super) n_rows: u64,
    pub(super) output: RecordBatch,
    /// The input's part of the output as lines of CSV, if the output has them so
    pub(super) lines: Option<Lines>,
    pub(super) dead: Vec<DeadLetter>,
    pub(super) stages: Vec<Part>,
    /// The time that did not go into stages: columns to the types of stages, gates, joining results
    pub(super) conversion: Duration,
    /// How far the rows came in conditions, where that is asked for
    pub(super) funnels: Option<Funnels>,
}

/// What one stage did with a batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) n_rows: u64,
    pub(super) elapsed: Duration,
}

impl Worker {
    pub(super) fn open(loaded: &Loaded, binding: &Binding, why: Option<&Why>) -> Result<Self> {
        let mut executor = open_stages(loaded)?;
        if why.is_some() {
            let kept = executor.keep_reasons(&loaded.host);
            kept.map_err(|failure| run_failure(failure, 0))?;
        }
        Ok(Self {
            why: why.cloned(),
            host: loaded.host.clone(),
            pipeline: loaded.pipeline.clone(),
            binding: binding.clone(),
            executor,
        })
    }

    pub(super) fn process(&mut self, batch: Batch) -> Result<Done> {
        let started = Instant::now();
        let mut clock = Clock {
            parts: vec![Part::default(); self.pipeline.stages.len()],
            started: Instant::now(),
        };
        let outcome = self
            .executor
            .process(&self.host, &self.binding, &batch.rows, &mut clock)
            .map_err(|failure| run_failure(failure, batch.first_row))?;
        let in_stages: Duration = clock.parts.iter().map(|part| part.elapsed).sum();
        let conversion = started.elapsed().saturating_sub(in_stages);
        let told = batch.told()?;
        let dead = outcome.dead.iter().map(|dead| {
            Ok(DeadLetter {
                place: Place::Row(batch.first_row + u64::from(dead.row_in_batch)),
                input: super::result::row_as_json(&told, dead.row_in_batch as usize)?,
                code: code_name(dead.code),
                stage: dead.stage.clone(),
                origin: dead.origin.clone(),
                message: dead.message.clone(),
            })
        });
        let funnels = self.why.as_ref().and_then(|why| why.count(&outcome));
        let lines = match (batch.lines, &outcome.kept) {
            (Some(lines), Some(kept)) => Some(lines.take(kept)),
            (lines, _) => lines,
        };
        let output = match &self.why {
            Some(why) => why.add_to(&outcome)?,
            None => outcome.output,
        };
        Ok(Done {
            n_rows: batch.rows.num_rows() as u64,
            output,
            lines,
            dead: batch
                .bad_rows
                .into_iter()
                .map(Ok)
                .chain(dead)
                .collect::<Result<_>>()?,
            stages: clock.parts,
            conversion,
            funnels,
        })
    }
}

/// Opens every stage.
pub(super) fn open_stages(loaded: &Loaded) -> Result<Executor<Host>> {
    let opened = loaded.pipeline.open(&loaded.host);
    opened.map_err(|error| match error {
        LoadError::Stage { stage, failure, .. } => {
            host::stage_failure(&format!("stage `{stage}`"), failure)
        }
        other => Failure::new(Status::Component, other),
    })
}

/// Takes the time of each stage.
struct Clock {
    parts: Vec<Part>,
    started: Instant,
}

impl Observer for Clock {
    fn stage_started(&mut self, _: usize) {
        self.started = Instant::now();
    }

    fn stage_finished(&mut self, stage: usize, n_rows: usize) {
        let elapsed = self.started.elapsed();
        if let Some(part) = self.parts.get_mut(stage) {
            *part = Part {
                n_rows: n_rows as u64,
                elapsed,
            };
        }
    }
}

/// Why a batch failed, with the row counted over the whole input.
pub(crate) fn run_failure(failure: RunFailure, first_row: u64) -> Failure {
    match failure {
        RunFailure::Row(row) => {
            let number = first_row + u64::from(row.row_in_batch);
            Failure::new(Status::Refused, format!("row {number} failed in {row}")).with_hint(format!(
                "`rulestage explain` shows why with `--row {number}`; to go on without such rows, add \
                 `--on-error default`, or `--on-error dead-letter --dead-letter FILE`"
            ))
        }
        RunFailure::Stage {
            stage,
            n_rows,
            failure,
        } => {
            let last = first_row + (n_rows as u64).saturating_sub(1);
            host::stage_failure(
                &format!("stage `{stage}`, in rows {first_row} to {last}"),
                failure,
            )
        }
        other => Failure::new(Status::Component, other),
    }
}
