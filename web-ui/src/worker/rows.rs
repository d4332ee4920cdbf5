//! Files of rows as columns: CSV as text, NDJSON and JSON as JSON values. Stages say which types they want.

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};
use rulestage_pipeline::wire::dynamic_field;
use serde_json::{Map, Value};
use std::sync::Arc;

/// All rows of a file; its name says of which format it is.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<RecordBatch, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not valid UTF-8")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => read_csv(text),
        "ndjson" | "jsonl" => read_ndjson(text),
        "json" => read_json(text),
        _ => Err(format!("`{name}` is neither CSV, NDJSON nor JSON by its name")),
    }
}

fn batch(fields: Vec<Field>, columns: Vec<ArrayRef>, n_rows: usize) -> Result<RecordBatch, String> {
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(|error| error.to_string())
}

/// RFC 4180: the first line names the columns; an empty cell without quotes is null.
fn read_csv(text: &str) -> Result<RecordBatch, String> {
    let mut reader = CsvReader { rest: text, line: 1 };
    let header = reader.record()?.ok_or("the file is empty: the first line must name the columns")?;
    let names: Vec<String> = header.into_iter().map(|name| name.unwrap_or_default()).collect();
    let mut columns: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    let mut n_rows = 0;
    loop {
        let line = reader.line;
        let Some(cells) = reader.record()? else { break };
        if cells.len() == 1 && cells[0].is_none() && names.len() != 1 {
            continue;
        }
        if cells.len() != names.len() {
            return Err(format!("line {line} has {} cells, and the first line names {} columns", cells.len(), names.len()));
        }
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.append_option(cell);
        }
        n_rows += 1;
    }
    let fields = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    batch(fields, columns, n_rows)
}

struct CsvReader<'a> {
    rest: &'a str,
    line: usize,
}

impl CsvReader<'_> {
    /// The cells of the next record; `None` at the end.
    fn record(&mut self) -> Result<Option<Vec<Option<String>>>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            let Some(separator) = self.rest.chars().next() else { return Ok(Some(cells)) };
            self.rest = &self.rest[1..];
            if separator == '\n' {
                self.line += 1;
                return Ok(Some(cells));
            }
        }
    }

    /// The next cell; what follows it is a comma, a line break or the end.
    fn cell(&mut self) -> Result<Option<String>, String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let cell = self.rest[..end].trim_end_matches('\r');
            self.rest = &self.rest[end..];
            return Ok((!cell.is_empty()).then(|| cell.to_owned()));
        };
        let start_line = self.line;
        let mut cell = String::new();
        let mut rest = quoted;
        loop {
            let Some(end) = rest.find('"') else {
                return Err(format!("line {start_line} opens a quote that is never closed"));
            };
            cell.push_str(&rest[..end]);
            self.line += rest[..end].matches('\n').count();
            rest = &rest[end + 1..];
            let Some(after) = rest.strip_prefix('"') else { break };
            cell.push('"');
            rest = after;
        }
        self.rest = rest.strip_prefix('\r').unwrap_or(rest);
        match self.rest.chars().next() {
            None | Some(',' | '\n') => Ok(Some(cell)),
            Some(_) => Err(format!("line {} has text after a closing quote", self.line)),
        }
    }
}

fn read_ndjson(text: &str) -> Result<RecordBatch, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(index, line)| match serde_json::from_str(line) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err(format!("line {} is not a JSON object", index + 1)),
        Err(error) => Err(format!("line {} is not valid JSON: {error}", index + 1)),
    });
    json_columns(&rows.collect::<Result<Vec<_>, _>>()?)
}

fn read_json(text: &str) -> Result<RecordBatch, String> {
    let rows: Vec<Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| format!("it is not a JSON array of objects: {error}"))?;
    json_columns(&rows)
}

/// One column for each key, in the order in which they appear first.
fn json_columns(rows: &[Map<String, Value>]) -> Result<RecordBatch, String> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        for name in row.keys() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let columns = names.iter().map(|name| {
        let mut column = StringBuilder::new();
        for row in rows {
            column.append_option(row.get(*name).filter(|value| !value.is_null()).map(Value::to_string));
        }
        Arc::new(column.finish()) as ArrayRef
    });
    let columns = columns.collect();
    batch(names.iter().map(|name| dynamic_field(name, true)).collect(), columns, rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::cells::text;

    fn cells(name: &str, content: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let rows = read(name, content.as_bytes())?;
        Ok((0..rows.num_rows()).map(|row| rows.columns().iter().map(|column| text(column, row)).collect()).collect())
    }

    #[test]
    fn csv_keeps_quotes_line_breaks_and_the_difference_between_empty_and_null() {
        let found = cells("a.csv", "a,b\r\n\"x, \"\"y\"\"\nz\",\r\n\"\",2").expect("it is well-formed");
        let cell = |text: &str| Some(text.to_owned());
        assert_eq!(found, [vec![cell("x, \"y\"\nz"), None], vec![cell(""), cell("2")]]);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(cells("a.csv", "a,b\n1,2\n3"), Err("line 3 has 1 cells, and the first line names 2 columns".to_owned()));
        assert_eq!(cells("a.csv", "a\n\"x"), Err("line 2 opens a quote that is never closed".to_owned()));
        assert!(cells("a.ndjson", "{\"a\":1}\n[2]").is_err_and(|message| message.starts_with("line 2 ")));
        assert!(cells("a.parquet", "").is_err());
    }

    #[test]
    fn json_rows_may_miss_keys() {
        let found = cells("a.json", r#"[{"a":1},{"b":"x","a":null}]"#).expect("it is well-formed");
        assert_eq!(found, [vec![Some("1".to_owned()), None], vec![None, Some("\"x\"".to_owned())]]);
    }
}
