//! The input files and folders as one stream of numbered batches.

mod folder;

use super::dead_letters::DeadLetter;
use crate::args;
use crate::failure::{Failure, Result, Status};
use crate::input;
use crate::pipelines::Pipeline;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use folder::{FolderOptions, FolderReader};
use rulestage_formats::{
    FILE_BYTES, FileRows, Format, FormatError, Lines, ReadOptions, Reader, open_reader,
};
use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Rows of a batch, where nobody says how many
const BATCH_ROWS: usize = 8192;
/// Cells as text take more memory than their values, and what is used for the first time costs the system's time.
const BATCH_ROWS_OF_TEXT: usize = 2048;

/// How the input is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputOptions {
    /// `None`: by extension
    pub(crate) format: Option<Format>,
    /// `None`: as many as suit the format
    pub(crate) batch_rows: Option<usize>,
    /// Only these columns and those that stages read, where the format can leave others out
    pub(crate) columns: Vec<String>,
    /// Cells without types go to the output as they are
    pub(crate) keep_text_for: Option<Format>,
    /// Files of a folder that are larger are no rows
    pub(crate) max_file_bytes: u64,
    /// Lines and files that are no rows are reported instead of failing the run
    pub(crate) skip_bad_rows: bool,
}

/// Opened inputs.
pub(crate) struct Input {
    schema: SchemaRef,
    /// In the order given; the first one was read to know the columns
    readers: Vec<(String, Rows)>,
    /// Whether there are rows that are whole files
    has_files: bool,
    /// Whether the cells of all inputs can go to the output as they are
    pub(crate) keeps_text: bool,
}

/// Where the rows of one input come from.
enum Rows {
    /// A file or pipe
    Format(Reader),
    /// The files of a folder
    Folder(FolderReader),
}

/// What was read of one input.
struct Read {
    rows: RecordBatch,
    lines: Option<Lines>,
    /// What stood before the rows and is none
    bad_rows: Vec<DeadLetter>,
}

/// Rows that go through the stages together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Counted from 0 over all inputs
    pub(crate) first_row: u64,
    pub(crate) rows: RecordBatch,
    /// Lines and files before these rows that are none
    pub(crate) bad_rows: Vec<DeadLetter>,
    /// The rows as lines of CSV, if the output has them so
    pub(crate) lines: Option<Lines>,
    /// The column of whole files, which is too large to be told
    hidden: Option<usize>,
}

impl Batch {
    /// The rows in order, in at most so many batches of about the same size.
    pub(crate) fn cut(self, n_parts: usize) -> impl Iterator<Item = Self> {
        let n_rows = self.rows.num_rows();
        let n_parts = n_parts.clamp(1, n_rows.max(1));
        let mut bad_rows = self.bad_rows;
        (0..n_parts).map(move |part| {
            let start = part * n_rows / n_parts;
            let end = (part + 1) * n_rows / n_parts;
            Self {
                first_row: self.first_row + start as u64,
                rows: self.rows.slice(start, end - start),
                bad_rows: std::mem::take(&mut bad_rows),
                lines: self
                    .lines
                    .as_ref()
                    .map(|lines| lines.slice(start, end - start)),
                hidden: self.hidden,
            }
        })
    }

    /// The columns that are told of a row.
    pub(crate) fn told(&self) -> Result<RecordBatch> {
        let Some(hidden) = self.hidden else {
            return Ok(self.rows.clone());
        };
        let told: Vec<usize> = (0..self.rows.num_columns())
            .filter(|column| *column != hidden)
            .collect();
        self.rows
            .project(&told)
            .map_err(|error| Failure::new(Status::File, error))
    }
}

/// Opens every input and reads the columns.
pub(crate) fn open(
    paths: &[PathBuf],
    pipeline: &Pipeline,
    options: &InputOptions,
) -> Result<Input> {
    let formats = paths.iter().map(|path| match path.is_dir() {
        true if options.format.is_none() => Ok(None),
        _ => format_of(path, options.format, "--format").map(Some),
    });
    let formats = formats.collect::<Result<Vec<_>>>()?;
    let has_files = formats.contains(&None);
    let keeps_text = options.keep_text_for.is_some_and(|output| {
        let keeps = |input: &Option<_>| input.is_some_and(|input| output.keeps_text_of(input));
        formats.iter().all(keeps)
    });
    let wanted: Vec<_> = pipeline
        .externals
        .iter()
        .map(|external| external.field.clone())
        .collect();
    let mut columns = options.columns.clone();
    columns.extend(wanted.iter().map(|field| field.name().clone()));
    let mut readers: Vec<(String, Rows)> = Vec::with_capacity(paths.len());
    for (path, format) in paths.iter().zip(formats) {
        let name = input::name(path);
        let Some(format) = format else {
            let options = FolderOptions {
                batch_rows: options.batch_rows.unwrap_or(BATCH_ROWS),
                max_file_bytes: options.max_file_bytes,
                skip_unreadable: options.skip_bad_rows,
            };
            readers.push((name, Rows::Folder(folder::open(path, options)?)));
            continue;
        };
        let options = ReadOptions {
            name: name.clone(),
            batch_rows: options.batch_rows.unwrap_or(match format.is_text() {
                true => BATCH_ROWS_OF_TEXT,
                false => BATCH_ROWS,
            }),
            wanted: wanted.clone(),
            columns: (!options.columns.is_empty()).then(|| columns.clone()),
            raw_json: keeps_text,
            skip_bad_lines: options.skip_bad_rows,
            keep_lines: keeps_text
                && options.columns.is_empty()
                && options.keep_text_for == Some(Format::Csv),
        };
        let reader =
            open_reader(format, source(path)?, &options).map_err(|error| unreadable(&error))?;
        readers.push((name, Rows::Format(reader)));
    }
    let schema = match readers.first() {
        Some((_, first)) => first.schema(),
        None => Arc::new(Schema::empty()),
    };
    for (name, reader) in readers.iter().skip(1) {
        check_same_columns(&readers[0].0, &schema, name, &reader.schema())?;
    }
    Ok(Input {
        schema,
        readers,
        has_files,
        keeps_text,
    })
}

fn source(path: &Path) -> Result<rulestage_formats::Input> {
    if path == Path::new("-") {
        return Ok(rulestage_formats::Input::Stream(Box::new(std::io::stdin())));
    }
    let file = File::open(path).map_err(|error| input::cannot_read(path, &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(input::cannot_read(
            path,
            &std::io::ErrorKind::IsADirectory.into(),
        )),
        Ok(metadata) if !metadata.is_file() => Ok(rulestage_formats::Input::Stream(Box::new(file))),
        _ => Ok(rulestage_formats::Input::File(file)),
    }
}

/// The format asked for, or that of the extension; pipes are NDJSON unless told otherwise.
pub(super) fn format_of(path: &Path, asked: Option<Format>, option: &str) -> Result<Format> {
    let is_stream = path == Path::new("-")
        || path
            .metadata()
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    let by_path = || Format::from_path(&path.to_string_lossy());
    let format = asked
        .or_else(by_path)
        .or_else(|| is_stream.then_some(Format::Ndjson));
    format.ok_or_else(|| {
        let message = format!("can't tell the format of `{}`", input::name(path));
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        Failure::new(Status::Usage, message)
            .with_hint(format!("say it with {option}, one of {}", names.join(", ")))
    })
}

fn check_same_columns(first: &str, schema: &Schema, name: &str, other: &Schema) -> Result<()> {
    let refuse = |message: String| Err(Failure::new(Status::File, message));
    for field in schema.fields() {
        match other.field_with_name(field.name()) {
            Err(_) => {
                return refuse(format!(
                    "`{name}` has no column `{}`, which `{first}` has",
                    field.name()
                ));
            }
            Ok(found) if found.data_type() != field.data_type() => {
                let column = field.name();
                return refuse(format!(
                    "column `{column}` of `{name}` has another type than that of `{first}`"
                ));
            }
            Ok(_) => {}
        }
    }
    match other
        .fields()
        .iter()
        .find(|field| schema.field_with_name(field.name()).is_err())
    {
        Some(extra) => refuse(format!(
            "`{name}` has a column `{}`, which `{first}` does not have",
            extra.name()
        )),
        None => Ok(()),
    }
}

/// What is wrong with a file, as a failure.
pub(crate) fn unreadable(error: &FormatError) -> Failure {
    Failure::new(Status::File, error)
}

/// The time that reading has taken, while it goes on elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadClock(Arc<AtomicU64>);

impl ReadClock {
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn time<T>(&self, read: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let value = read();
        self.0
            .fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        value
    }
}

/// A failure because of something that is no row.
fn unreadable_row(message: impl Display) -> Failure {
    Failure::new(Status::File, message)
        .with_hint("to go on without it and keep the reason, name a file with --dead-letter FILE")
}

impl Rows {
    fn schema(&self) -> SchemaRef {
        match self {
            Self::Format(reader) => reader.schema().clone(),
            Self::Folder(_) => FileRows::schema(),
        }
    }

    /// The next rows of the input that messages call `name`.
    fn next(&mut self, name: &str) -> Option<Result<Read>> {
        match self {
            Self::Format(reader) => {
                let chunk = reader.next()?.map_err(|error| unreadable(&error));
                Some(chunk.map(|chunk| {
                    let letters = chunk.bad_lines.iter();
                    let letters = letters.map(|line| DeadLetter::bad_line(name, line));
                    Read {
                        bad_rows: letters.collect(),
                        rows: chunk.batch,
                        lines: chunk.lines,
                    }
                }))
            }
            Self::Folder(reader) => {
                let files = reader.next()?;
                Some(files.map(|files| Read {
                    rows: files.rows,
                    lines: None,
                    bad_rows: files.unread,
                }))
            }
        }
    }
}

impl Input {
    /// The columns of all batches.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The column of whole files, which outputs have only where they ask for it.
    pub(crate) fn hidden(&self) -> Option<usize> {
        let found = self.schema.index_of(FILE_BYTES).ok();
        found.filter(|_| self.has_files)
    }

    /// The batches, numbered over all inputs, and the clock of their reading.
    pub(crate) fn into_batches(
        self,
    ) -> (
        impl Iterator<Item = Result<Batch>> + Send + 'static,
        ReadClock,
    ) {
        let clock = ReadClock::default();
        let batches = Batches {
            hidden: self.hidden(),
            schema: self.schema,
            readers: self.readers.into_iter(),
            current: None,
            n_rows: 0,
            clock: clock.clone(),
        };
        (batches, clock)
    }
}

struct Batches {
    schema: SchemaRef,
    hidden: Option<usize>,
    readers: std::vec::IntoIter<(String, Rows)>,
    current: Option<(String, Rows)>,
    n_rows: u64,
    clock: ReadClock,
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let clock = self.clock.clone();
        clock.time(|| {
            loop {
                if self.current.is_none() {
                    self.current = Some(self.readers.next()?);
                }
                let (name, reader) = self.current.as_mut()?;
                match reader.next(name) {
                    None => self.current = None,
                    Some(Err(failure)) => return Some(Err(failure)),
                    Some(Ok(Read {
                        rows,
                        lines,
                        bad_rows,
                    })) => {
                        let first_row = self.n_rows;
                        self.n_rows += rows.num_rows() as u64;
                        let lines = lines.filter(|_| rows.schema_ref() == &self.schema);
                        let rows = in_order_of(&self.schema, rows);
                        return Some(rows.map(|rows| Batch {
                            first_row,
                            rows,
                            bad_rows,
                            lines,
                            hidden: self.hidden,
                        }));
                    }
                }
            }
        })
    }
}

/// The batch with the columns in the order of the first input.
fn in_order_of(schema: &SchemaRef, batch: RecordBatch) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let columns = schema
        .fields()
        .iter()
        .map(|field| batch.column_by_name(field.name()).cloned());
    let columns: Vec<_> = columns.flatten().collect();
    let nullable: Vec<_> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| {
            let nullable = field.is_nullable() || column.null_count() > 0;
            field.as_ref().clone().with_nullable(nullable)
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(nullable)), columns)
        .map_err(|error| Failure::new(Status::File, error))
}

impl From<args::Format> for Format {
    fn from(format: args::Format) -> Self {
        match format {
            args::Format::Csv => Self::Csv,
            args::Format::Ndjson => Self::Ndjson,
            args::Format::Json => Self::Json,
            args::Format::Parquet => Self::Parquet,
            args::Format::Arrow => Self::Arrow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int64Array;

    #[test]
    fn the_parts_of_a_batch_are_all_its_rows_in_order() {
        for (n_rows, n_parts, sizes) in [
            (7, 3, vec![2, 2, 3]),
            (2, 8, vec![1, 1]),
            (4, 1, vec![4]),
            (0, 4, vec![0]),
        ] {
            let column = Int64Array::from_iter_values(0..n_rows);
            let rows = RecordBatch::try_from_iter([("n", Arc::new(column) as _)]).unwrap();
            let batch = Batch {
                first_row: 100,
                rows: rows.clone(),
                bad_rows: Vec::new(),
                lines: None,
                hidden: None,
            };
            let mut next = 0;
            let mut found = Vec::new();
            for part in batch.cut(n_parts) {
                assert_eq!(part.first_row, 100 + next as u64);
                assert_eq!(part.rows, rows.slice(next, part.rows.num_rows()));
                next += part.rows.num_rows();
                found.push(part.rows.num_rows());
            }
            assert_eq!(found, sizes);
        }
    }
}
