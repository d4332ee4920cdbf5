//! Between the bytes of `wasi:nn` tensors and the element types that the engine computes in.

use half::{bf16, f16};

use crate::{DataType, ElementType, InferenceError, InferenceErrorKind};

/// What the engine computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineType {
    F32,
    I32,
    I8,
    U8,
}

impl EngineType {
    /// What stands for the model's own type.
    pub(crate) fn of(element: Option<ElementType>) -> Self {
        use ElementType::{Bf16, Bool, F16, F32, F64, I8, I32, I64, U8};
        match element {
            Some(F16 | F32 | F64 | Bf16) | None => Self::F32,
            Some(Bool | I32 | I64) => Self::I32,
            Some(I8) => Self::I8,
            Some(U8) => Self::U8,
        }
    }
}

fn elements<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| read(*chunk)).collect()
}

fn bytes<const N: usize, T>(values: Vec<T>, write: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * N);
    bytes.extend(values.into_iter().flat_map(write));
    bytes
}

/// The floating-point elements of a tensor. `f64` is rounded to the nearest `f32`.
pub(crate) fn floats(dtype: DataType, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        DataType::F32 => elements(data, f32::from_le_bytes),
        DataType::F64 => elements(data, |bytes| f64::from_le_bytes(bytes) as f32),
        DataType::F16 => elements(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        DataType::Bf16 => elements(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        DataType::U8 | DataType::I32 | DataType::I64 => return None,
    })
}

/// The integer elements of a tensor. The engine has no 64-bit integers, so a value that needs more than 32
/// bits is an error that names it.
pub(crate) fn integers(
    input: &str,
    dtype: DataType,
    data: &[u8],
) -> Result<Option<Vec<i32>>, InferenceError> {
    Ok(Some(match dtype {
        DataType::I32 => elements(data, i32::from_le_bytes),
        DataType::U8 => data.iter().map(|&byte| i32::from(byte)).collect(),
        DataType::I64 => {
            let wide: Vec<i64> = elements(data, i64::from_le_bytes);
            if let Some(value) = wide.iter().find(|&&value| i32::try_from(value).is_err()) {
                return Err(InferenceError::new(
                    InferenceErrorKind::InvalidInput,
                    format!(
                        "input `{input}` holds {value}; the engine computes in 32-bit integers"
                    ),
                ));
            }
            wide.into_iter().map(|value| value as i32).collect()
        }
        DataType::F16 | DataType::F32 | DataType::F64 | DataType::Bf16 => return Ok(None),
    }))
}

/// The bytes of floating-point results, in the type that the model declares.
pub(crate) fn float_bytes(values: Vec<f32>, declared: Option<DataType>) -> (DataType, Vec<u8>) {
    match declared {
        Some(DataType::F64) => (DataType::F64, bytes(values, |v| f64::from(v).to_le_bytes())),
        Some(DataType::F16) => (
            DataType::F16,
            bytes(values, |v| f16::from_f32(v).to_le_bytes()),
        ),
        Some(DataType::Bf16) => (
            DataType::Bf16,
            bytes(values, |v| bf16::from_f32(v).to_le_bytes()),
        ),
        _ => (DataType::F32, bytes(values, f32::to_le_bytes)),
    }
}

/// The bytes of integer results, in the type that the model declares.
pub(crate) fn integer_bytes(values: Vec<i32>, declared: Option<DataType>) -> (DataType, Vec<u8>) {
    match declared {
        Some(DataType::I64) => (DataType::I64, bytes(values, |v| i64::from(v).to_le_bytes())),
        Some(DataType::U8) => (DataType::U8, bytes(values, |v| [v as u8])),
        _ => (DataType::I32, bytes(values, i32::to_le_bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_round_trips() {
        let values = vec![0.0, 1.5, -2.25, f32::INFINITY];
        for dtype in [DataType::F16, DataType::Bf16, DataType::F32, DataType::F64] {
            let (stored, data) = float_bytes(values.clone(), Some(dtype));
            assert_eq!(stored, dtype);
            assert_eq!(data.len(), values.len() * dtype.size_bytes());
            assert_eq!(floats(dtype, &data), Some(values.clone()));
        }
    }

    #[test]
    fn wide_integers_are_refused() {
        let data = (1i64 << 40).to_le_bytes();
        let error = integers("ids", DataType::I64, &data).unwrap_err();
        assert_eq!(
            error.to_string(),
            "input `ids` holds 1099511627776; the engine computes in 32-bit integers"
        );
    }
}
