//! Batches to files, streaming.

mod cell;
mod value;

pub use cell::cell_text;
pub(crate) use value::push_csv;

use crate::{Format, FormatError, Lines};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use cell::Cells;
use std::io::Write;

/// Takes the batches of a file in order.
pub trait BatchWriter {
    /// Adds the rows of a batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError>;

    /// The same where the first columns of the batch are those of `lines`, row by row.
    fn write_lines(&mut self, _: &Lines, batch: &RecordBatch) -> Result<(), FormatError> {
        self.write(batch)
    }

    /// Writes what is left and the end of the file.
    fn finish(self: Box<Self>) -> Result<(), FormatError>;
}

/// Starts a file with these columns; `name` is what messages call it. Writes in large pieces: `sink` needs no
/// buffer.
///
/// # Errors
/// Also columns of types that the format can't hold.
pub fn open_writer<W: Write + Send + 'static>(
    format: Format,
    sink: W,
    schema: &SchemaRef,
    name: &str,
) -> Result<Box<dyn BatchWriter + Send>, FormatError> {
    let text = |sink, layout| -> Result<Box<dyn BatchWriter + Send>, FormatError> {
        for field in schema.fields() {
            cell::check(field).map_err(|message| {
                FormatError::new(crate::FormatErrorKind::Unsupported, name, message)
            })?;
        }
        let names = schema
            .fields()
            .iter()
            .map(|field| json_key(field.name()))
            .collect();
        let mut writer = TextWriter {
            sink,
            layout,
            name: name.to_owned(),
            names,
            buffer: Vec::new(),
            n_rows: 0,
        };
        writer.start(schema)?;
        Ok(Box::new(writer))
    };
    match format {
        Format::Csv => text(sink, Layout::Csv),
        Format::Ndjson => text(sink, Layout::Ndjson),
        Format::Json => text(sink, Layout::Json),
        #[cfg(feature = "parquet")]
        Format::Parquet => crate::typed::write_parquet(sink, schema, name),
        #[cfg(feature = "parquet")]
        Format::Arrow => crate::typed::write_arrow(sink, schema, name),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet | Format::Arrow => Err(FormatError::not_built_in(format, name)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Csv,
    Ndjson,
    Json,
}

struct TextWriter<W> {
    sink: W,
    layout: Layout,
    name: String,
    /// `"name":` for each column
    names: Vec<String>,
    buffer: Vec<u8>,
    n_rows: u64,
}

/// What is gathered before the system is called.
const WRITE_BYTES: usize = 256 << 10;

impl<W: Write> TextWriter<W> {
    fn start(&mut self, schema: &SchemaRef) -> Result<(), FormatError> {
        match self.layout {
            Layout::Csv => {
                for (index, field) in schema.fields().iter().enumerate() {
                    if index > 0 {
                        self.buffer.push(b',');
                    }
                    push_csv(&mut self.buffer, field.name().as_bytes());
                }
                self.buffer.push(b'\n');
            }
            Layout::Ndjson => {}
            Layout::Json => self.buffer.push(b'['),
        }
        Ok(())
    }

    /// Adds the rows of a batch, whose first columns may be there as lines.
    fn add(&mut self, lines: Option<&Lines>, batch: &RecordBatch) -> Result<(), FormatError> {
        let schema = batch.schema_ref();
        let columns: Vec<Cells<'_>> = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .skip(lines.map_or(0, Lines::n_columns))
            .map(|(column, field)| {
                let mut cells = Cells::new(column, field);
                match self.layout {
                    Layout::Csv => cells.look_for(value::is_special_in_csv),
                    Layout::Ndjson | Layout::Json => cells.look_for(value::is_special_in_json),
                }
                cells
            })
            .collect();
        for row in 0..batch.num_rows() {
            match self.layout {
                Layout::Csv => {
                    if let Some(lines) = lines {
                        let [start, end] = lines.span(row);
                        self.buffer.extend_from_slice(&lines.bytes()[start..end]);
                    }
                    for (index, column) in columns.iter().enumerate() {
                        if index > 0 || lines.is_some() {
                            self.buffer.push(b',');
                        }
                        column.push_csv(&mut self.buffer, row);
                    }
                    // A line with nothing on it is no record.
                    if matches!(self.buffer.last(), Some(b'\n') | None) && batch.num_columns() == 1
                    {
                        self.buffer.extend_from_slice(b"\"\"");
                    }
                    self.buffer.push(b'\n');
                }
                Layout::Ndjson | Layout::Json => {
                    if self.layout == Layout::Json {
                        self.buffer.extend_from_slice(if self.n_rows == 0 {
                            b"\n"
                        } else {
                            b",\n"
                        });
                    }
                    self.buffer.push(b'{');
                    for (index, (column, name)) in columns.iter().zip(&self.names).enumerate() {
                        if index > 0 {
                            self.buffer.push(b',');
                        }
                        self.buffer.extend_from_slice(name.as_bytes());
                        column.push_json(&mut self.buffer, row);
                    }
                    self.buffer.push(b'}');
                    if self.layout == Layout::Ndjson {
                        self.buffer.push(b'\n');
                    }
                }
            }
            self.n_rows += 1;
            if self.buffer.len() >= WRITE_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        let written = self.sink.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| FormatError::io(&self.name, error))
    }
}

impl<W: Write> BatchWriter for TextWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError> {
        self.add(None, batch)
    }

    fn write_lines(&mut self, lines: &Lines, batch: &RecordBatch) -> Result<(), FormatError> {
        self.add(Some(lines).filter(|_| self.layout == Layout::Csv), batch)
    }

    fn finish(mut self: Box<Self>) -> Result<(), FormatError> {
        if self.layout == Layout::Json {
            self.buffer
                .extend_from_slice(if self.n_rows == 0 { b"]\n" } else { b"\n]\n" });
        }
        self.flush()?;
        self.sink
            .flush()
            .map_err(|error| FormatError::io(&self.name, error))
    }
}

fn json_key(name: &str) -> String {
    let mut key = Vec::new();
    value::push_json_text(&mut key, name);
    key.push(b':');
    String::from_utf8(key).unwrap_or_default()
}
