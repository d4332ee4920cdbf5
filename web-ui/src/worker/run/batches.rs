//! The rows of a run through its stages, batch by batch.

use super::{Failure, MOST_PROBLEMS};
use crate::protocol::Problem;
use crate::worker::Worker;
use arrow_array::{RecordBatch, UInt32Array};
use rulestage_pipeline::bind::Binding;
use rulestage_pipeline::load::Pipeline;
use rulestage_pipeline::run::{Executor, Funnels, Observer, RunFailure, StageReasons};
use rulestage_runtime_web::WebRuntime;

/// Tells the page which stage runs, and measures.
pub(super) struct Watch<'a> {
    worker: &'a Worker,
    run: u32,
    started_ms: f64,
    pub(super) stage_ms: Vec<(String, f64)>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(worker: &'a Worker, run: u32, pipeline: &Pipeline<WebRuntime>) -> Self {
        let stage_ms = pipeline
            .stages
            .iter()
            .map(|stage| (stage.name.clone(), 0.0))
            .collect();
        Self {
            worker,
            run,
            started_ms: 0.0,
            stage_ms,
        }
    }
}

impl Observer for Watch<'_> {
    fn stage_started(&mut self, stage: usize) {
        if let Some((name, _)) = self.stage_ms.get(stage) {
            self.worker
                .doing(self.run, &format!("running stage `{name}`"));
        }
        self.started_ms = self.worker.now_ms();
    }

    fn stage_finished(&mut self, stage: usize, _: usize) {
        if let Some((_, ms)) = self.stage_ms.get_mut(stage) {
            *ms += self.worker.now_ms() - self.started_ms;
        }
    }
}

/// All batches, put together again.
pub(super) struct Ran {
    pub(super) output: RecordBatch,
    pub(super) input_rows: Vec<u32>,
    pub(super) n_dead: usize,
    pub(super) problems: Vec<Problem>,
    /// How often each rule fired, and where the others stopped
    pub(super) funnels: Funnels,
}

pub(super) fn run_batches(
    runtime: &WebRuntime,
    executor: &mut Executor<WebRuntime>,
    binding: &Binding,
    input: &RecordBatch,
    batch_rows: usize,
    reasons: &[StageReasons],
    watch: &mut Watch<'_>,
) -> Result<Ran, Failure> {
    let (mut outputs, mut input_rows, mut n_dead, mut problems) =
        (Vec::new(), Vec::new(), 0, Vec::new());
    let mut funnels = Funnels::new(reasons);
    let mut start = 0;
    // An input without rows is still a batch: stages see it, and the columns come out.
    while start < input.num_rows() || outputs.is_empty() {
        let n_rows = batch_rows.min(input.num_rows() - start);
        let outcome = executor
            .process(runtime, binding, &input.slice(start, n_rows), watch)
            .map_err(|failure| run_failure(failure, start))?;
        match &outcome.kept {
            Some(kept) => input_rows.extend(
                UInt32Array::values(kept)
                    .iter()
                    .map(|row| start as u32 + row),
            ),
            None => input_rows.extend(start as u32..(start + n_rows) as u32),
        }
        funnels.add(&outcome);
        n_dead += outcome.dead.len();
        let room = MOST_PROBLEMS - problems.len();
        problems.extend(outcome.dead.iter().take(room).map(|dead| Problem {
            place: format!("row {}", start + dead.row_in_batch as usize),
            message: dead.to_string(),
        }));
        outputs.push(outcome.output);
        start += n_rows;
    }
    let output = rulestage_pipeline::rows::concat_batches(&binding.output, &outputs)
        .map_err(|error| Failure::new("putting the batches together", error.to_string()))?;
    Ok(Ran {
        output,
        input_rows,
        n_dead,
        problems,
        funnels,
    })
}

fn run_failure(failure: RunFailure, start: usize) -> Failure {
    match failure {
        RunFailure::Row(row) => {
            let message = format!("row {}: {}", start + row.row_in_batch as usize, row.message);
            let place = if row.origin.is_empty() {
                String::new()
            } else {
                format!(", `{}`", row.origin)
            };
            Failure::new(format!("stage `{}`{place}", row.stage), message)
        }
        RunFailure::Stage { stage, failure, .. } => {
            Failure::new(format!("stage `{stage}`"), failure.message)
        }
        other => Failure::new("running the stages", other.to_string()),
    }
}
