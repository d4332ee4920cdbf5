//! Columns to one row-major tensor.

use std::collections::BTreeMap;

use crate::parameters::{Element, Parameters};
use rulestage_stage_guest::stage::{Array, Buffer, RowError, StageError};
use rulestage_stage_guest::{expect_columns, invalid_column};

/// The fewest rows of a tensor. Engines compute a single row in another way, and its last bits would differ
/// from those of the same row in a larger batch.
const MIN_ROWS: usize = 2;

/// The bytes of the tensor; memory is kept from call to call.
#[derive(Default)]
pub(crate) struct Features {
    bytes: Vec<u8>,
    rows: usize,
}

impl Features {
    /// The rows of the tensor, at least those of the batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes a tensor of zeros.
    pub(crate) fn zeros(&mut self, parameters: &Parameters, rows: usize) {
        let size = match parameters.element {
            Element::F32 | Element::I32 => 4,
            Element::F64 | Element::I64 => 8,
        };
        self.rows = rows.max(MIN_ROWS);
        self.bytes.clear();
        self.bytes
            .resize(self.rows * parameters.columns.len() * size, 0);
    }

    /// Makes the tensor of a batch. The rows that can't be put to the model are returned, and zero in it.
    pub(crate) fn fill(
        &mut self,
        parameters: &Parameters,
        rows: u32,
        columns: &[Array],
    ) -> Result<Vec<RowError>, StageError> {
        expect_columns(columns, parameters.columns.len(), rows)?;
        let rows = rows as usize;
        self.zeros(parameters, rows);
        let mut failed = BTreeMap::new();
        for (at, array) in columns.iter().enumerate() {
            self.fill_column(parameters, at, array, rows, &mut failed)?;
        }
        Ok(failed
            .into_iter()
            .map(|(row, (at, reason))| {
                RowError::of_column(row, &parameters.columns[at].name, reason)
            })
            .collect())
    }

    fn fill_column(
        &mut self,
        parameters: &Parameters,
        at: usize,
        array: &Array,
        rows: usize,
        failed: &mut BTreeMap<usize, (usize, String)>,
    ) -> Result<(), StageError> {
        let column = &parameters.columns[at];
        let mut fail = |row: usize, reason: String| {
            failed.entry(row).or_insert((at, reason));
        };
        let mut tensor = Cells {
            bytes: &mut self.bytes,
            at,
            width: parameters.columns.len(),
            element: parameters.element,
        };
        match (&column.categories, &array.values) {
            (None, Buffer::F64(values)) if values.len() == rows => {
                for (row, &value) in values.iter().enumerate() {
                    let value = match array.is_valid(row) && !value.is_nan() {
                        true => Some(value),
                        false => parameters.missing,
                    };
                    match value {
                        Some(value) if tensor.set(row, value) => {}
                        Some(_) => {
                            let kind = parameters.element.name();
                            fail(
                                row,
                                format!("`{}` is not a whole number of type {kind}", column.name),
                            );
                        }
                        None => fail(row, format!("`{}` is missing", column.name)),
                    }
                }
            }
            (Some(places), Buffer::Bytes(slices)) => {
                let places_len = places.len();
                for row in 0..rows {
                    let place = if array.is_valid(row) {
                        let text = slices
                            .text_of(row)
                            .ok_or_else(|| invalid_column(at, "malformed text"))?;
                        places.get(text).copied().unwrap_or(places_len)
                    } else if parameters.missing.is_some() {
                        places_len
                    } else {
                        fail(row, format!("`{}` is missing", column.name));
                        continue;
                    };
                    tensor.set(row, place as f64);
                }
            }
            _ => {
                return Err(invalid_column(at, "not of the type in the schema"));
            }
        }
        Ok(())
    }
}

/// One column of the row-major tensor.
struct Cells<'a> {
    bytes: &'a mut [u8],
    at: usize,
    width: usize,
    element: Element,
}

impl Cells<'_> {
    /// Whether the value can be put there.
    fn set(&mut self, row: usize, value: f64) -> bool {
        match self.element {
            Element::F32 => self.put(row, (value as f32).to_le_bytes()),
            Element::F64 => self.put(row, value.to_le_bytes()),
            Element::I32 if f64::from(value as i32) == value => {
                self.put(row, (value as i32).to_le_bytes())
            }
            Element::I64 if (value as i64) as f64 == value => {
                self.put(row, (value as i64).to_le_bytes())
            }
            Element::I32 | Element::I64 => false,
        }
    }

    fn put<const N: usize>(&mut self, row: usize, bytes: [u8; N]) -> bool {
        let start = (row * self.width + self.at) * N;
        self.bytes[start..start + N].copy_from_slice(&bytes);
        true
    }
}
