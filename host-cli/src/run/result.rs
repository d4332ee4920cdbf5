//! What a run writes: the output and the dead letters, both whole or not at all.

use super::dead_letters::DeadLetters;
use super::input::{Input, format_of, unreadable};
use super::why::Why;
use super::worker::Done;
use crate::args;
use crate::failure::{Failure, Result, Status};
use crate::output::Output;
use crate::pipelines::Loaded;
use crate::{input, render};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use rulestage_formats::{BatchWriter, Format, FormatError, open_writer};
use rulestage_pipeline::bind::{BindOptions, BindProblem, Binding};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The output in the making.
pub(crate) struct ResultWriter {
    output: Output,
    writer: Box<dyn BatchWriter + Send>,
    binding: Binding,
    /// Columns of the run's output, in the order of the file; `None`: all
    columns: Option<Vec<usize>>,
    dead_letters: Option<(String, DeadLetters)>,
}

/// The format of the output.
pub(crate) fn format(args: &args::Run) -> Result<Format> {
    format_of(
        &args.output,
        args.output_format.map(Format::from),
        "--output-format",
    )
}

/// Joins the pipeline to the input, and starts the files.
pub(crate) fn open(
    args: &args::Run,
    loaded: &Loaded,
    input: &Input,
    why: Option<&Why>,
) -> Result<ResultWriter> {
    for path in std::iter::once(&args.output).chain(&args.dead_letter) {
        check_outside(path, &args.source.input)?;
    }
    let binding = bind(loaded, input, &args.source.input)?;
    let whole = match why {
        Some(why) => why.schema(&binding.output)?,
        None => binding.output.clone(),
    };
    let columns = match args.columns.as_slice() {
        [] => input.hidden().map(|hidden| {
            let all = 0..whole.fields().len();
            all.filter(|column| *column != hidden).collect()
        }),
        names => Some(pick(&whole, names)?),
    };
    let schema = match &columns {
        None => whole,
        Some(columns) => {
            let schema = whole.project(columns);
            Arc::new(schema.map_err(|error| Failure::new(Status::Usage, error))?)
        }
    };
    let dead_letters = args.dead_letter.as_ref().map(|path| {
        let name = input::name(path);
        DeadLetters::create(path).map(|letters| (name, letters))
    });
    let output = Output::create(&args.output)?;
    let name = match args.output.as_path() == Path::new("-") {
        true => "standard output".into(),
        false => args.output.display().to_string(),
    };
    let writer = open_writer(format(args)?, output.sink()?, &schema, &name)
        .map_err(|error| output.failure().unwrap_or_else(|| unwritable(&error)))?;
    Ok(ResultWriter {
        output,
        writer,
        binding,
        columns,
        dead_letters: dead_letters.transpose()?,
    })
}

/// Joins the pipeline to the columns of the input; every problem is shown.
pub(crate) fn bind(
    loaded: &Loaded,
    input: &Input,
    paths: &[std::path::PathBuf],
) -> Result<Binding> {
    let options = BindOptions {
        typed: !input.keeps_text,
    };
    loaded
        .pipeline
        .bind(input.schema(), options)
        .map_err(|problems| {
            let name = paths
                .first()
                .map_or_else(String::new, |path| input::name(path));
            misfit(&name, &problems)
        })
}

fn misfit(name: &str, problems: &[BindProblem]) -> Failure {
    let (last, others) = match problems.split_last() {
        Some((last, others)) => (last, others),
        None => return Failure::new(Status::File, format!("`{name}` does not fit the pipeline")),
    };
    let failure = |problem: &BindProblem| {
        let failure = Failure::new(Status::File, format!("`{name}`: {}", problem.message));
        match problem.hints.as_slice() {
            [] => failure,
            hints => failure.with_hint(hints.join("; ")),
        }
    };
    others
        .iter()
        .for_each(|problem| render::failure(&failure(problem)));
    failure(last)
}

/// A folder that is read must not change while it is.
fn check_outside(path: &Path, inputs: &[std::path::PathBuf]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    // What can't be found is reported where it is opened.
    let Ok(folder) = folder.canonicalize() else {
        return Ok(());
    };
    let holds = |input: &&std::path::PathBuf| {
        let is_folder = input.is_dir() && path != Path::new("-");
        is_folder
            && input
                .canonicalize()
                .is_ok_and(|input| folder.starts_with(input))
    };
    match inputs.iter().find(holds) {
        None => Ok(()),
        Some(input) => {
            let (path, input) = (path.display(), input.display());
            let message = format!("`{path}` lies in `{input}`, which is read");
            Err(Failure::new(Status::Usage, message).with_hint("write it elsewhere"))
        }
    }
}

fn pick(schema: &Schema, names: &[String]) -> Result<Vec<usize>> {
    let index = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let known = schema.fields().iter().map(|field| field.name().as_str());
            let failure = Failure::new(Status::Usage, format!("the output has no column `{name}`"));
            match input::nearest_name(name, known.clone()) {
                Some(nearest) => failure.with_hint(format!("did you mean `{nearest}`?")),
                None => {
                    failure.with_hint(format!("it has {}", known.collect::<Vec<_>>().join(", ")))
                }
            }
        })
    };
    names.iter().map(index).collect()
}

fn unwritable(error: &FormatError) -> Failure {
    let status = match error.kind() {
        rulestage_formats::FormatErrorKind::Unsupported => Status::Usage,
        _ => Status::File,
    };
    let failure = Failure::new(status, error);
    match status {
        Status::Usage => {
            failure.with_hint("choose columns with --columns, or another --output-format")
        }
        _ => failure,
    }
}

impl ResultWriter {
    pub(super) fn binding(&self) -> Binding {
        self.binding.clone()
    }

    /// Adds the rows of a batch, and those that failed to the dead letters.
    pub(super) fn write(&mut self, done: &Done) -> Result<()> {
        match (&mut self.dead_letters, done.dead.first()) {
            (Some((_, letters)), _) => {
                done.dead
                    .iter()
                    .try_for_each(|letter| letters.write(letter))?;
            }
            (None, Some(first)) => {
                let message = format!("{first}; there is no place for dead letters");
                return Err(Failure::new(Status::Refused, message)
                    .with_hint("name a file for them with --dead-letter FILE"));
            }
            (None, None) => {}
        }
        let projected = self
            .columns
            .as_ref()
            .map(|columns| done.output.project(columns));
        let batch = match projected.transpose() {
            Ok(projected) => projected.unwrap_or_else(|| done.output.clone()),
            Err(error) => return Err(Failure::new(Status::File, error)),
        };
        let written = match &done.lines {
            Some(lines) => self.writer.write_lines(lines, &batch),
            None => self.writer.write(&batch),
        };
        written.map_err(|error| self.failure(&error))
    }

    /// Ends the files and puts them in their places. Returns the name of the dead letters' file.
    pub(super) fn finish(self) -> Result<Option<String>> {
        let Self {
            output,
            writer,
            dead_letters,
            ..
        } = self;
        writer
            .finish()
            .map_err(|error| output.failure().unwrap_or_else(|| unwritable(&error)))?;
        let dead_letters = match dead_letters {
            Some((name, letters)) => Some((name, letters.finish()?)),
            None => None,
        };
        output.commit()?;
        match dead_letters {
            Some((name, letters)) => letters.commit().map(|()| Some(name)),
            None => Ok(None),
        }
    }

    fn failure(&self, error: &FormatError) -> Failure {
        self.output.failure().unwrap_or_else(|| unwritable(error))
    }
}

/// One row of a batch as a JSON object, its columns in their order.
pub(crate) fn row_as_json(batch: &RecordBatch, row: usize) -> Result<String> {
    let buffer = Buffer::default();
    let row = batch.slice(row, 1);
    let schema: SchemaRef = row.schema();
    let mut writer = open_writer(Format::Ndjson, buffer.clone(), &schema, "the row")
        .map_err(|error| unreadable(&error))?;
    writer
        .write(&row)
        .and_then(|()| writer.finish())
        .map_err(|error| unreadable(&error))?;
    let bytes = std::mem::take(&mut *buffer.0.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// Bytes in memory that a writer can own.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
