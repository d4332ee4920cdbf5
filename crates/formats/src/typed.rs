//! Parquet and Arrow IPC: files that have types.

mod rebatch;

use crate::{BatchWriter, Chunk, FormatError, FormatErrorKind, Input, Place, ReadOptions, Reader};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use rebatch::Rebatch;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::sync::Arc;

fn read_all(mut stream: impl Read, name: &str) -> Result<Vec<u8>, FormatError> {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .map_err(|error| FormatError::io(name, error))?;
    Ok(bytes)
}

pub(crate) fn open_parquet(input: Input, options: &ReadOptions) -> Result<Reader, FormatError> {
    match input {
        Input::File(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
            open_parquet_chunks(file, options)
        }
        Input::Bytes(bytes) => open_parquet_chunks(Bytes::from(bytes), options),
        // Its table of contents is at the end.
        input => {
            let bytes = read_all(input.into_stream(), &options.name)?;
            open_parquet_chunks(Bytes::from(bytes), options)
        }
    }
}

fn open_parquet_chunks<C: ChunkReader + 'static>(
    chunks: C,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let name = options.name.clone();
    let builder = ParquetRecordBatchReaderBuilder::try_new(chunks)
        .map_err(|error| parquet_error(&name, error))?;
    let metadata = builder.metadata().clone();
    let ends: Vec<u64> = metadata
        .row_groups()
        .iter()
        .scan(0, |end, group| {
            *end += u64::try_from(group.num_rows()).unwrap_or(0);
            Some(*end)
        })
        .collect();
    let roots = builder.schema().fields().iter().enumerate();
    let mask = options.columns.as_ref().map(|columns| {
        let roots = roots
            .filter(|(_, field)| columns.contains(field.name()))
            .map(|(index, _)| index);
        ProjectionMask::roots(builder.parquet_schema(), roots)
    });
    let builder = match mask {
        Some(mask) => builder.with_projection(mask),
        None => builder,
    };
    let reader = builder.with_batch_size(options.batch_rows.max(1)).build();
    let mut reader = reader.map_err(|error| parquet_error(&name, error))?;
    let schema = reader.schema();
    let mut n_rows: u64 = 0;
    let batches = std::iter::from_fn(move || {
        let batch = reader.next()?.map_err(|error| {
            // The reader does not say where it was; the rows so far do.
            let group = ends
                .partition_point(|end| *end <= n_rows)
                .min(ends.len().saturating_sub(1));
            arrow_error(&name, error).at(Place::RowGroup(group))
        });
        n_rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Some(batch)
    });
    Ok(typed_reader(schema, batches, options))
}

fn typed_reader(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, FormatError>> + Send + 'static,
    options: &ReadOptions,
) -> Reader {
    // Files carry metadata of the program that wrote them; it is not the output's.
    let schema: SchemaRef = Arc::new(Schema::new(schema.fields().clone()));
    let plain = schema.clone();
    let name = options.name.clone();
    let batches = batches.map(move |batch| {
        let batch = batch?;
        batch
            .with_schema(plain.clone())
            .map_err(|error| FormatError::arrow(&name, error))
    });
    let batches = Rebatch::new(
        batches,
        schema.clone(),
        options.batch_rows.max(1),
        options.name.clone(),
    );
    Reader::new(
        schema,
        batches.map(|batch| {
            Ok(Chunk {
                batch: batch?,
                bad_lines: Vec::new(),
                lines: None,
            })
        }),
    )
}

fn parquet_error(name: &str, error: ParquetError) -> FormatError {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => FormatError::io(name, *error),
            Err(error) => FormatError::malformed(name, error.to_string()),
        },
        ParquetError::NYI(message) => FormatError::new(FormatErrorKind::Unsupported, name, message),
        ParquetError::General(message) | ParquetError::EOF(message) => {
            FormatError::malformed(name, format!("it is not a whole Parquet file: {message}"))
        }
        error => FormatError::malformed(name, error.to_string()).with_source(error),
    }
}

fn arrow_error(name: &str, error: ArrowError) -> FormatError {
    match error {
        ArrowError::ParquetError(message) => FormatError::malformed(name, message),
        error => FormatError::arrow(name, error),
    }
}

pub(crate) fn open_arrow(input: Input, options: &ReadOptions) -> Result<Reader, FormatError> {
    let name = options.name.clone();
    match input {
        Input::File(mut file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
            let mut magic = [0; 6];
            let is_file = file.read_exact(&mut magic).is_ok() && magic == *b"ARROW1";
            file.rewind()
                .map_err(|error| FormatError::io(&name, error))?;
            match is_file {
                true => open_arrow_file(BufReader::new(file), options),
                false => open_arrow_stream(BufReader::new(file), options),
            }
        }
        input => {
            let mut stream = input.into_stream();
            let mut start = Vec::new();
            stream
                .by_ref()
                .take(6)
                .read_to_end(&mut start)
                .map_err(|error| FormatError::io(&name, error))?;
            let is_file = start == b"ARROW1";
            let whole = Cursor::new(start).chain(stream);
            match is_file {
                // Its table of contents is at the end.
                true => open_arrow_file(Cursor::new(read_all(whole, &name)?), options),
                false => open_arrow_stream(whole, options),
            }
        }
    }
}

fn open_arrow_file<R: Read + Seek + Send + 'static>(
    file: R,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let reader = FileReader::try_new(file, None)
        .map_err(|error| FormatError::arrow(&options.name, error))?;
    let schema = reader.schema();
    arrow_reader(schema, reader, options)
}

/// Leaves out columns that nobody asked for.
fn arrow_reader(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let fields = schema.fields().iter().enumerate();
    let is_kept = |name: &String| {
        options
            .columns
            .as_ref()
            .is_none_or(|kept| kept.contains(name))
    };
    let kept: Vec<usize> = fields
        .filter(|(_, field)| is_kept(field.name()))
        .map(|(index, _)| index)
        .collect();
    let name = options.name.clone();
    let schema = schema
        .project(&kept)
        .map_err(|error| FormatError::arrow(&name, error))?;
    let batches = batches.map(move |batch| {
        let kept = batch.and_then(|batch| batch.project(&kept));
        kept.map_err(|error| FormatError::arrow(&name, error))
    });
    Ok(typed_reader(schema.into(), batches, options))
}

fn open_arrow_stream<R: Read + Send + 'static>(
    stream: R,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let reader = StreamReader::try_new(stream, None)
        .map_err(|error| FormatError::arrow(&options.name, error))?;
    let schema = reader.schema();
    arrow_reader(schema, reader, options)
}

struct ParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    name: String,
}

pub(crate) fn write_parquet<W: Write + Send + 'static>(
    sink: W,
    schema: &SchemaRef,
    name: &str,
) -> Result<Box<dyn BatchWriter + Send>, FormatError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("rulestage ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))
        .map_err(|error| parquet_error(name, error))?;
    Ok(Box::new(ParquetWriter {
        writer,
        name: name.to_owned(),
    }))
}

impl<W: Write + Send> BatchWriter for ParquetWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError> {
        self.writer
            .write(batch)
            .map_err(|error| parquet_error(&self.name, error))
    }

    fn finish(self: Box<Self>) -> Result<(), FormatError> {
        let name = self.name;
        self.writer
            .close()
            .map(|_| ())
            .map_err(|error| parquet_error(&name, error))
    }
}

/// How many rows a record batch of an Arrow file has, whatever the sizes of those written: so the bytes of the
/// file do not depend on them.
const ARROW_BATCH_ROWS: usize = 65_536;

struct ArrowFileWriter<W: Write> {
    writer: FileWriter<W>,
    batches: BatchCoalescer,
    name: String,
}

pub(crate) fn write_arrow<W: Write + Send + 'static>(
    sink: W,
    schema: &SchemaRef,
    name: &str,
) -> Result<Box<dyn BatchWriter + Send>, FormatError> {
    let writer =
        FileWriter::try_new(sink, schema).map_err(|error| FormatError::arrow(name, error))?;
    Ok(Box::new(ArrowFileWriter {
        writer,
        batches: BatchCoalescer::new(schema.clone(), ARROW_BATCH_ROWS),
        name: name.to_owned(),
    }))
}

impl<W: Write> ArrowFileWriter<W> {
    fn write_complete(&mut self) -> Result<(), ArrowError> {
        while let Some(batch) = self.batches.next_completed_batch() {
            self.writer.write(&batch)?;
        }
        Ok(())
    }
}

impl<W: Write + Send> BatchWriter for ArrowFileWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError> {
        self.batches
            .push_batch(batch.clone())
            .and_then(|()| self.write_complete())
            .map_err(|error| FormatError::arrow(&self.name, error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), FormatError> {
        self.batches
            .finish_buffered_batch()
            .and_then(|()| self.write_complete())
            .and_then(|()| self.writer.finish())
            .map_err(|error| FormatError::arrow(&self.name, error))
    }
}
