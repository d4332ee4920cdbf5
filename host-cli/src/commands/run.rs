//! `rulestage run`

use crate::args::Run;
use crate::failure::{Result, Status};
use crate::run::input::InputOptions;
use crate::run::why::{Asked, Why};
use crate::{pipelines, render, run};
use rulestage_pipeline::manifest::OnError;
use std::num::NonZero;
use std::thread;
use std::time::Instant;

/// Runs a pipeline over the inputs and writes the output.
pub(crate) fn run(args: &Run) -> Result<Status> {
    let started = Instant::now();
    let loaded = pipelines::load_with(
        &args.source.pipeline,
        &args.source.param,
        on_error(args),
        !args.source.no_cache,
    )?;
    let input = run::input::open(&args.source.input, &loaded.pipeline, &input_options(args)?)?;
    let asked = Asked {
        why: args.why.as_deref(),
        why_not: &args.why_not,
        funnel: args.funnel,
    };
    let why = Why::open(asked, &loaded)?;
    let output = run::result::open(args, &loaded, &input, why.as_ref())?;
    let n_workers = args
        .jobs
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZero::<usize>::MIN);
    let summary = run::run(loaded, input, output, why, n_workers, args.quiet, started)?;
    if !args.quiet {
        let style = render::Style::for_stream(&std::io::stderr());
        render::notify(render::summary::render(&summary, style));
    }
    Ok(Status::Done)
}

/// A file for dead letters asks for them, where nothing else can say so.
fn on_error(args: &Run) -> Option<OnError> {
    let is_asked = args.dead_letter.is_some() && !pipelines::is_manifest(&args.source.pipeline);
    let asked = is_asked.then_some(OnError::DeadLetter);
    args.on_error.map(OnError::from).or(asked)
}

fn input_options(args: &Run) -> Result<InputOptions> {
    Ok(InputOptions {
        format: args.source.format.map(Into::into),
        batch_rows: args.batch_rows.map(|rows| rows.get() as usize),
        columns: args.columns.clone(),
        keep_text_for: Some(run::result::format(args)?),
        max_file_bytes: args.source.max_file_size,
        skip_bad_rows: args.dead_letter.is_some(),
    })
}
