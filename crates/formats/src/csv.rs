//! CSV: every cell as it stands, without its quotes.

mod column;
mod plain;
mod records;

use crate::lines::LinesBuilder;
use crate::{BadLine, Chunk, FormatError, ReadOptions, Reader};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use column::Column;
use records::Records;
use std::io::Read;
use std::sync::Arc;

pub(crate) fn open(
    stream: Box<dyn Read + Send>,
    options: &ReadOptions,
) -> Result<Reader, FormatError> {
    let mut records = Records::new(stream, &options.name);
    if !records.next()? {
        return Err(FormatError::malformed(
            &options.name,
            "it is empty: there is no header line",
        ));
    }
    let header = records
        .check(None)
        .map_err(|message| records.error(message))?;
    let names: Vec<&str> = records.cells(header).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(records.error(format!("the header has two columns called `{name}`")));
        }
    }
    let columns: Vec<Column> = names
        .iter()
        .map(|name| {
            let wanted = options.wanted.iter().find(|wanted| wanted.name() == name);
            let empty_is_null = wanted.is_some_and(|wanted| {
                wanted.is_nullable() || *wanted.data_type() != DataType::Utf8
            });
            Column::new(empty_is_null)
        })
        .collect();
    let fields = names
        .iter()
        .zip(&columns)
        .map(|(name, column)| Field::new(*name, DataType::Utf8, column.empty_is_null));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batches = Batches {
        records,
        columns,
        lines: options.keep_lines.then(LinesBuilder::default),
        schema: schema.clone(),
        options: options.clone(),
        is_over: false,
    };
    Ok(Reader::new(schema, batches))
}

struct Batches {
    records: Records,
    columns: Vec<Column>,
    /// The rows of the batch once more, if they are wanted
    lines: Option<LinesBuilder>,
    schema: SchemaRef,
    options: ReadOptions,
    is_over: bool,
}

impl Iterator for Batches {
    type Item = Result<Chunk, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            None
        } else {
            self.chunk().transpose()
        }
    }
}

impl Batches {
    fn chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let (mut n_rows, mut bad_lines) = (0, Vec::new());
        let batch_rows = self.options.batch_rows.max(1);
        while n_rows < batch_rows {
            let most_rows = batch_rows - n_rows;
            let lines = self.lines.as_mut();
            n_rows += self.records.take_plain(&mut self.columns, lines, most_rows);
            if n_rows == batch_rows {
                break;
            }
            if !self.records.next()? {
                self.is_over = true;
                break;
            }
            match self.records.check(Some(self.columns.len())) {
                Ok(n_cells) => {
                    for (column, cell) in self.columns.iter_mut().zip(self.records.cells(n_cells)) {
                        if !column.has_room_for(cell.len()) {
                            let message = "one batch holds more than 2 GiB of text in a column; read fewer rows at a time";
                            return Err(self.records.error(message.to_owned()));
                        }
                        column.append(cell.as_bytes(), std::iter::once((0, cell.len())));
                    }
                    if let Some(lines) = &mut self.lines {
                        lines.append_cells(self.records.cells(n_cells).map(str::as_bytes));
                    }
                    n_rows += 1;
                }
                Err(message) if self.options.skip_bad_lines => {
                    bad_lines.push(BadLine {
                        line: self.records.line,
                        text: self.records.text(),
                        message,
                    });
                }
                Err(message) => return Err(self.records.error(message)),
            }
        }
        if n_rows == 0 && bad_lines.is_empty() {
            return Ok(None);
        }
        let arrow = |error| FormatError::arrow(&self.options.name, error);
        let arrays = self
            .columns
            .iter_mut()
            .map(Column::finish)
            .collect::<Result<_, _>>()
            .map_err(arrow)?;
        let rows = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch =
            RecordBatch::try_new_with_options(self.schema.clone(), arrays, &rows).map_err(arrow)?;
        let lines = self.lines.as_mut();
        Ok(Some(Chunk {
            batch,
            bad_lines,
            lines: lines.map(|lines| lines.finish(self.columns.len())),
        }))
    }
}
