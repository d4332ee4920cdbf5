//! A model's output to columns.

use crate::parameters::Parameters;
use rulestage_stage_guest::{Tensor, TensorType};

/// One vector of `rows` values for each output column.
pub(crate) fn columns(
    parameters: &Parameters,
    name: &str,
    tensor: &Tensor,
    rows: usize,
) -> Result<Vec<Vec<f64>>, String> {
    let dims = tensor.dimensions();
    let width = dims
        .iter()
        .skip(1)
        .map(|&dim| dim as usize)
        .product::<usize>();
    if dims.first() != Some(&(rows as u32)) {
        return Err(format!(
            "output `{name}` of model `{}` has the shape {dims:?} for {rows} rows; the first dimension \
             must be the rows",
            parameters.model
        ));
    }
    if width != parameters.outputs.len() {
        return Err(format!(
            "output `{name}` of model `{}` has {width} values for each row, and `outputs` names {} columns",
            parameters.model,
            parameters.outputs.len()
        ));
    }
    let data = tensor.data();
    Ok(match tensor.ty() {
        TensorType::Fp32 => split(&data, width, |bytes| f64::from(f32::from_le_bytes(bytes))),
        TensorType::Fp64 => split(&data, width, f64::from_le_bytes),
        TensorType::I32 => split(&data, width, |bytes| f64::from(i32::from_le_bytes(bytes))),
        TensorType::I64 => split(&data, width, |bytes| i64::from_le_bytes(bytes) as f64),
        TensorType::U8 => split(&data, width, |[byte]| f64::from(byte)),
        TensorType::Fp16 | TensorType::Bf16 => {
            return Err(format!(
                "output `{name}` of model `{}` is in half precision, which this stage does not read",
                parameters.model
            ));
        }
    })
}

fn split<const N: usize>(
    data: &[u8],
    width: usize,
    read: impl Fn([u8; N]) -> f64,
) -> Vec<Vec<f64>> {
    let (elements, _) = data.as_chunks::<N>();
    (0..width)
        .map(|at| {
            elements
                .iter()
                .skip(at)
                .step_by(width)
                .map(|bytes| read(*bytes))
                .collect()
        })
        .collect()
}
