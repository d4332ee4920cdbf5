//! The engine of `run`: reader, workers and writer, with bounded queues between them, in the order of the input.

mod dead_letters;
mod in_order;
pub(crate) mod input;
mod progress;
pub(crate) mod result;
pub(crate) mod why;
mod worker;

use crate::failure::Result;
use crate::pipelines::Loaded;
use crate::render::summary::{StageTime, Summary};
use in_order::in_order;
use input::{Batch, Input};
use progress::Progress;
use result::ResultWriter;
use rulestage_pipeline::run::Funnels;
use std::num::NonZero;
use std::time::{Duration, Instant};
use why::Why;
use worker::{Done, Worker};

pub(crate) use worker::run_failure;

/// Sends the input through the pipeline and into the output, and says what was done. Nothing is left of the
/// output when it fails.
pub(crate) fn run(
    loaded: Loaded,
    input: Input,
    mut output: ResultWriter,
    why: Option<Why>,
    n_workers: NonZero<usize>,
    quiet: bool,
    started: Instant,
) -> Result<Summary> {
    let mut totals = Totals::new(&loaded);
    totals.summary.prepared = started.elapsed();
    totals.summary.n_workers = n_workers.get();
    let progress = Progress::start(quiet);
    let (batches, reading) = input.into_batches();
    // Where a network takes milliseconds for a row, a batch is work for all workers; else it is soon done.
    let n_parts = match loaded.host.model_reports().is_empty() {
        true => 1,
        false => n_workers.get(),
    };
    let batches = batches.flat_map(move |batch: Result<Batch>| match batch {
        Ok(batch) => batch.cut(n_parts).map(Ok).collect(),
        Err(failure) => vec![Err(failure)],
    });
    let binding = output.binding();
    let asked = why.clone();
    let make_worker = move || {
        let mut worker = Worker::open(&loaded, &binding, asked.as_ref())?;
        Ok(move |batch| worker.process(batch))
    };
    in_order(batches, n_workers, make_worker, |done: Done| {
        let writing = Instant::now();
        output.write(&done)?;
        totals.add(&done, writing.elapsed());
        progress.add(done.n_rows);
        Ok(())
    })?;
    let writing = Instant::now();
    totals.summary.dead_letters = output.finish()?;
    totals.summary.writing += writing.elapsed();
    totals.summary.reading = reading.elapsed();
    totals.summary.elapsed = started.elapsed();
    if let (Some(why), Some(funnels)) = (&why, &totals.funnels) {
        totals.summary.funnels = why.told(funnels);
    }
    Ok(totals.summary)
}

/// The summary as it grows.
struct Totals {
    summary: Summary,
    funnels: Option<Funnels>,
}

impl Totals {
    fn new(loaded: &Loaded) -> Self {
        let stages = loaded.pipeline.stages.iter().map(|stage| StageTime {
            name: stage.name.clone(),
            ..StageTime::default()
        });
        let pipeline = loaded.pipeline.manifest.name.clone();
        let models = loaded.host.model_reports().into_iter();
        let models = models.map(|model| {
            let (name, backend, reason) = (model.name, model.backend, model.reason);
            format!("model {name}: {backend}, because {reason}")
        });
        Self {
            summary: Summary {
                pipeline,
                models: models.collect(),
                stages: stages.collect(),
                ..Summary::default()
            },
            funnels: None,
        }
    }

    fn add(&mut self, done: &Done, writing: Duration) {
        let summary = &mut self.summary;
        summary.n_rows_in += done.n_rows;
        summary.n_rows_out += done.output.num_rows() as u64;
        summary.n_rows_failed += done.n_rows - done.output.num_rows() as u64;
        summary.n_dead_letters += done.dead.len() as u64;
        summary.writing += writing;
        summary.conversion += done.conversion;
        match (&mut self.funnels, &done.funnels) {
            (Some(funnels), Some(more)) => funnels.merge(more),
            (funnels @ None, more) => funnels.clone_from(more),
            (Some(_), None) => {}
        }
        for (total, part) in summary.stages.iter_mut().zip(&done.stages) {
            total.n_rows += part.n_rows;
            total.elapsed += part.elapsed;
        }
    }
}
