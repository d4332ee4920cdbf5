//! Arrow columns to the model's, and back.

use crate::bindings::exports::rulestage::stage::stage::{
    Array, Buffer, ByteSlices, InvalidItem, Outcome, RowError, RowErrorCode, StageError,
};
use rulestage_onnx_ml::{Data, Kind, KnownTexts, Model};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Rows that have no result: the column concerned and why.
type Failed = BTreeMap<usize, (String, String)>;

/// Computes one batch.
pub(crate) fn process(
    model: &Model,
    rows: usize,
    columns: Vec<Array>,
) -> Result<Outcome, StageError> {
    let inputs = model.inputs();
    if columns.len() != inputs.len() {
        let message = format!("{} columns for {}", columns.len(), inputs.len());
        return Err(misfit(columns.len(), message));
    }
    let mut failed = Failed::new();
    let mut missing = vec![None; rows];
    let mut given = Vec::new();
    for (at, (array, input)) in columns.into_iter().zip(inputs).enumerate() {
        let mut refuse = |row: usize, reason: String| {
            failed.entry(row).or_insert((input.name.clone(), reason));
        };
        let data =
            read(&array, input.kind, rows, &mut refuse).map_err(|message| misfit(at, message))?;
        match &data {
            Data::F32(values) => note(&mut missing, at, values.iter().map(|value| value.is_nan())),
            Data::F64(values) => note(&mut missing, at, values.iter().map(|value| value.is_nan())),
            _ => {}
        }
        given.push(data);
    }
    let (results, refused) = model
        .compute_rows(rows, given)
        .map_err(|error| StageError::Failed(error.to_string()))?;
    for (row, reason) in refused {
        failed.entry(row).or_insert(reason);
    }
    // A model that can't do without a value has no number to give for the row.
    for result in &results {
        let is_nan: Vec<bool> = match result {
            Data::F32(values) => values.iter().map(|value| value.is_nan()).collect(),
            Data::F64(values) => values.iter().map(|value| value.is_nan()).collect(),
            _ => continue,
        };
        for (row, at) in missing.iter().enumerate() {
            let Some(at) = at.filter(|_| is_nan[row]) else {
                continue;
            };
            let name = &inputs[at].name;
            failed
                .entry(row)
                .or_insert_with(|| (name.clone(), format!("`{name}` is missing")));
        }
    }
    let columns = results
        .into_iter()
        .map(|result| write(result, rows, &failed))
        .collect();
    let errors = failed.into_iter().map(|(row, (origin, message))| RowError {
        row: row as u32,
        code: RowErrorCode::InvalidArgument,
        origin,
        message,
    });
    Ok(Outcome {
        columns,
        errors: errors.collect(),
    })
}

fn misfit(index: usize, message: String) -> StageError {
    StageError::InvalidColumn(InvalidItem {
        index: index as u32,
        message,
    })
}

/// Notes the first column that is NaN, for each row.
fn note(missing: &mut [Option<usize>], at: usize, is_nan: impl Iterator<Item = bool>) {
    for (slot, is_nan) in missing.iter_mut().zip(is_nan) {
        if is_nan {
            slot.get_or_insert(at);
        }
    }
}

/// The values of a column; null numbers are NaN, and other nulls are refused.
fn read(
    array: &Array,
    kind: Kind,
    rows: usize,
    refuse: &mut dyn FnMut(usize, String),
) -> Result<Data, String> {
    if array.length as usize != rows {
        return Err(format!("{} values for {rows} rows", array.length));
    }
    let validity = array.validity.as_deref();
    if validity.is_some_and(|bits| bits.len() < rows.div_ceil(8)) {
        return Err("the validity bitmap is too short".to_owned());
    }
    let is_null = |row: usize| validity.is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 0);
    let mut value_or = |row: usize, refused: bool| {
        if refused {
            refuse(row, "a value is missing that the model needs".to_owned());
        }
        !refused
    };
    Ok(match (kind, &array.values) {
        (Kind::F32, Buffer::F64(values)) if values.len() == rows => {
            let value =
                |(row, &value): (usize, &f64)| if is_null(row) { f32::NAN } else { value as f32 };
            Data::F32(values.iter().enumerate().map(value).collect())
        }
        (Kind::F64, Buffer::F64(values)) if values.len() == rows => {
            let value = |(row, &value): (usize, &f64)| if is_null(row) { f64::NAN } else { value };
            Data::F64(values.iter().enumerate().map(value).collect())
        }
        (Kind::I64, Buffer::S64(values)) if values.len() == rows => {
            let mut value = |(row, &value): (usize, &i64)| {
                if value_or(row, is_null(row)) {
                    value
                } else {
                    0
                }
            };
            Data::I64(values.iter().enumerate().map(&mut value).collect())
        }
        (Kind::Bool, Buffer::Bits(bits)) if bits.len() >= rows.div_ceil(8) => {
            let mut value =
                |row: usize| value_or(row, is_null(row)) && bits[row / 8] >> (row % 8) & 1 == 1;
            Data::Bool((0..rows).map(&mut value).collect())
        }
        (Kind::Text, Buffer::Bytes(slices)) => {
            let empty: Rc<str> = Rc::from("");
            let mut known = KnownTexts::default();
            let mut texts = Vec::with_capacity(rows);
            for row in 0..rows {
                if !value_or(row, is_null(row)) {
                    texts.push(empty.clone());
                    continue;
                }
                let bytes = bytes(slices, row).ok_or("malformed text")?;
                texts.push(known.text(bytes).map_err(|_| "malformed text")?);
            }
            Data::Text(texts)
        }
        _ => return Err("not of the type in the schema".to_owned()),
    })
}

fn bytes(slices: &ByteSlices, row: usize) -> Option<&[u8]> {
    let start = usize::try_from(*slices.offsets.get(row)?).ok()?;
    let end = usize::try_from(*slices.offsets.get(row + 1)?).ok()?;
    slices.bytes.get(start..end)
}

/// A column of results; failed rows hold NaN, 0 or nothing.
fn write(mut data: Data, rows: usize, failed: &Failed) -> Array {
    for &row in failed.keys() {
        match &mut data {
            Data::F32(values) => values[row] = f32::NAN,
            Data::F64(values) => values[row] = f64::NAN,
            Data::I64(values) => values[row] = 0,
            Data::Bool(values) => values[row] = false,
            Data::Text(values) => values[row] = Rc::from(""),
        }
    }
    let values = match data {
        Data::F32(values) => Buffer::F32(values),
        Data::F64(values) => Buffer::F64(values),
        Data::I64(values) => Buffer::S64(values),
        Data::Bool(values) => {
            let mut bits = vec![0; rows.div_ceil(8)];
            for (row, value) in values.into_iter().enumerate() {
                bits[row / 8] |= u8::from(value) << (row % 8);
            }
            Buffer::Bits(bits)
        }
        Data::Text(values) => {
            let mut slices = ByteSlices {
                offsets: vec![0],
                bytes: Vec::new(),
            };
            for value in values {
                slices.bytes.extend_from_slice(value.as_bytes());
                slices.offsets.push(slices.bytes.len() as i32);
            }
            Buffer::Bytes(slices)
        }
    };
    Array {
        length: rows as u32,
        validity: None,
        values,
    }
}
