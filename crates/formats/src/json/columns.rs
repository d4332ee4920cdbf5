//! Columns of JSON values: their type, from the first rows, and their values.

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{ArrowError, DataType, Field};
use std::collections::HashMap;
use std::sync::Arc;

/// One column while it is read.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    seen: Seen,
    values: Values,
}

/// What the values of the first rows were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Booleans,
    Integers,
    Numbers,
    Texts,
    Anything,
}

#[derive(Debug)]
enum Values {
    Booleans(Vec<Option<bool>>),
    Integers(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
    /// JSON text
    Raw(Vec<Option<String>>),
}

/// Takes one more value of the first rows into account.
pub(super) fn infer(column: &mut Column, raw: &str) {
    let found = match raw.as_bytes().first() {
        Some(b'n') | None => return,
        Some(b't' | b'f') => Seen::Booleans,
        Some(b'"') => Seen::Texts,
        Some(b'{' | b'[') => Seen::Anything,
        _ if raw.parse::<i64>().is_ok() => Seen::Integers,
        // A double would lose digits.
        _ if !raw.contains(['.', 'e', 'E']) => Seen::Anything,
        _ => Seen::Numbers,
    };
    column.seen = match (column.seen, found) {
        (Seen::Nothing, found) => found,
        (seen, found) if seen == found => seen,
        (Seen::Integers, Seen::Numbers) | (Seen::Numbers, Seen::Integers) => Seen::Numbers,
        _ => Seen::Anything,
    };
}

impl Column {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            seen: Seen::Nothing,
            values: Values::Raw(Vec::new()),
        }
    }

    /// Decides on the type.
    pub(super) fn settle(&mut self, is_raw: bool) {
        self.values = match self.seen {
            _ if is_raw => Values::Raw(Vec::new()),
            Seen::Booleans => Values::Booleans(Vec::new()),
            Seen::Integers => Values::Integers(Vec::new()),
            Seen::Numbers => Values::Numbers(Vec::new()),
            Seen::Texts => Values::Texts(Vec::new()),
            Seen::Nothing | Seen::Anything => Values::Raw(Vec::new()),
        };
    }

    pub(super) fn field(&self) -> Field {
        let data_type = match self.values {
            Values::Booleans(_) => DataType::Boolean,
            Values::Integers(_) => DataType::Int64,
            Values::Numbers(_) => DataType::Float64,
            Values::Texts(_) => DataType::Utf8,
            Values::Raw(_) => {
                let metadata =
                    HashMap::from([(EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.json".to_owned())]);
                return Field::new(&self.name, DataType::Utf8, true).with_metadata(metadata);
            }
        };
        Field::new(&self.name, data_type, true)
    }

    /// Adds a value; `None` where the row does not have the member.
    pub(super) fn push(&mut self, raw: Option<&str>) -> Result<(), String> {
        let raw = raw.filter(|raw| *raw != "null");
        let misfit = |kind: &str| {
            let raw: String = raw.unwrap_or("null").chars().take(60).collect();
            format!(
                "`{}` is {kind} in the first rows, and here it is `{raw}`",
                self.name
            )
        };
        match &mut self.values {
            Values::Booleans(values) => {
                let value = raw
                    .map(|raw| raw.parse().map_err(|_| misfit("true or false")))
                    .transpose()?;
                values.push(value);
            }
            Values::Integers(values) => {
                let value = raw
                    .map(|raw| raw.parse().map_err(|_| misfit("an integer")))
                    .transpose()?;
                values.push(value);
            }
            Values::Numbers(values) => {
                let is_exact = |raw: &str, value: f64| {
                    raw.contains(['.', 'e', 'E']) || raw.parse() == Ok(value as i128)
                };
                let parse = |raw: &str| {
                    raw.parse::<f64>()
                        .ok()
                        .filter(|value| is_exact(raw, *value))
                };
                let value = raw
                    .map(|raw| parse(raw).ok_or_else(|| misfit("a double")))
                    .transpose()?;
                values.push(value);
            }
            Values::Texts(values) => {
                let parse =
                    |raw: &str| serde_json::from_str::<String>(raw).map_err(|_| misfit("text"));
                values.push(raw.map(parse).transpose()?);
            }
            Values::Raw(values) => values.push(raw.map(str::to_owned)),
        }
        Ok(())
    }

    /// Takes back the values of rows from `n_rows` on.
    pub(super) fn truncate(&mut self, n_rows: usize) {
        match &mut self.values {
            Values::Booleans(values) => values.truncate(n_rows),
            Values::Integers(values) => values.truncate(n_rows),
            Values::Numbers(values) => values.truncate(n_rows),
            Values::Texts(values) | Values::Raw(values) => values.truncate(n_rows),
        }
    }

    /// The values so far as an array; the column is empty then.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match &mut self.values {
            Values::Booleans(values) => Arc::new(BooleanArray::from(std::mem::take(values))),
            Values::Integers(values) => Arc::new(Int64Array::from(std::mem::take(values))),
            Values::Numbers(values) => Arc::new(Float64Array::from(std::mem::take(values))),
            Values::Texts(values) | Values::Raw(values) => {
                let n_bytes: usize = values.iter().flatten().map(String::len).sum();
                if i32::try_from(n_bytes).is_err() {
                    return Err(ArrowError::OffsetOverflowError(n_bytes));
                }
                Arc::new(StringArray::from(std::mem::take(values)))
            }
        })
    }
}
