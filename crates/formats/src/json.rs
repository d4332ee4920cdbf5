//! NDJSON and JSON: objects are rows, their members columns.

mod columns;
mod split;

pub(crate) use split::Layout;

use crate::{BadLine, Chunk, FormatError, Place, ReadOptions, Reader};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use columns::{Column, infer};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use split::{Record, Splitter};
use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

/// The types of columns follow from so many rows at the start, whatever the size of batches.
const SAMPLE_ROWS: usize = 1000;

pub(crate) fn open(
    stream: Box<dyn Read + Send>,
    options: &ReadOptions,
    layout: Layout,
) -> Result<Reader, FormatError> {
    let mut splitter = Splitter::new(stream, &options.name, layout);
    let mut sample: VecDeque<Record> = VecDeque::new();
    while sample.len() < SAMPLE_ROWS
        && let Some(record) = splitter.next()?
    {
        sample.push_back(record);
    }
    let mut columns: Vec<Column> = Vec::new();
    for record in &sample {
        // Bad lines are reported in their turn.
        let Ok(members) = members(&record.bytes) else {
            continue;
        };
        for (name, value) in members {
            match columns.iter_mut().find(|column| column.name == name) {
                Some(column) => infer(column, value.get()),
                None => {
                    let mut column = Column::new(name);
                    infer(&mut column, value.get());
                    columns.push(column);
                }
            }
        }
    }
    // Members that are null are often left out, perhaps in all rows; of a file without rows nothing is known.
    for wanted in &options.wanted {
        let is_there = columns.iter().any(|column| column.name == *wanted.name());
        if !is_there && (wanted.is_nullable() || sample.is_empty()) {
            columns.push(Column::new(wanted.name().clone()));
        }
    }
    for column in &mut columns {
        column.settle(
            options.raw_json
                || options
                    .wanted
                    .iter()
                    .any(|wanted| *wanted.name() == column.name),
        );
    }
    let schema: SchemaRef = Arc::new(Schema::new(
        columns.iter().map(Column::field).collect::<Vec<_>>(),
    ));
    let batches = Batches {
        splitter,
        sample,
        columns,
        schema: schema.clone(),
        options: options.clone(),
        is_over: false,
    };
    Ok(Reader::new(schema, batches))
}

struct Batches {
    splitter: Splitter,
    sample: VecDeque<Record>,
    columns: Vec<Column>,
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
        while n_rows < self.options.batch_rows.max(1) {
            let record = match self.sample.pop_front() {
                Some(record) => record,
                None => match self.splitter.next()? {
                    Some(record) => record,
                    None => {
                        self.is_over = true;
                        break;
                    }
                },
            };
            match self.push(&record) {
                Ok(()) => n_rows += 1,
                Err((line, message)) => {
                    self.columns
                        .iter_mut()
                        .for_each(|column| column.truncate(n_rows));
                    let line = record.line + line;
                    if !self.options.skip_bad_lines {
                        return Err(FormatError::malformed(&self.options.name, message)
                            .at(Place::Line(line)));
                    }
                    let text =
                        String::from_utf8_lossy(&record.bytes[..record.bytes.len().min(4096)])
                            .into_owned();
                    bad_lines.push(BadLine {
                        line,
                        text,
                        message,
                    });
                }
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
        Ok(Some(Chunk {
            batch,
            bad_lines,
            lines: None,
        }))
    }

    /// Adds a row. What is wrong with it, and how many lines below its start, otherwise; then columns may have a
    /// value too many.
    fn push(&mut self, record: &Record) -> Result<(), (u64, String)> {
        let mut members = members(&record.bytes)?;
        let mut n_found = 0;
        for (index, column) in self.columns.iter_mut().enumerate() {
            // Objects of one file mostly have their members in one order.
            let at = match members.get(index) {
                Some((name, _)) if *name == column.name => Some(index),
                _ => members.iter().position(|(name, _)| *name == column.name),
            };
            n_found += usize::from(at.is_some());
            column
                .push(at.map(|at| members[at].1.get()))
                .map_err(|message| (0, message))?;
        }
        if n_found < members.len() {
            members.retain(|(name, _)| !self.columns.iter().any(|column| column.name == *name));
            if let Some((name, _)) = members.first() {
                return Err((
                    0,
                    format!("`{name}` is in none of the first {SAMPLE_ROWS} rows"),
                ));
            }
            return Err((0, "a member occurs twice".to_owned()));
        }
        Ok(())
    }
}

type Members<'a> = Vec<(String, &'a RawValue)>;

/// The members of an object in order; otherwise what is wrong and how many lines below the start.
fn members(bytes: &[u8]) -> Result<Members<'_>, (u64, String)> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(map.size_hint().unwrap_or(8));
            while let Some(member) = map.next_entry::<String, &RawValue>()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let text = std::str::from_utf8(bytes).map_err(|_| (0, "it is not valid UTF-8".to_owned()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer
        .deserialize_map(Object)
        .and_then(|members| deserializer.end().map(|()| members));
    members.map_err(|error| {
        let message = error.to_string();
        let message = match message.find(" at line ") {
            Some(at) => format!("{}, at column {}", &message[..at], error.column()),
            None => message,
        };
        (error.line().saturating_sub(1) as u64, message)
    })
}
