//! What tests and fuzzing do with a file.

use rulestage_inference::{DataType, Dimension, Limits, Model, Tensor};

/// What a file, a tensor and a computation may take.
const LIMITS: Limits = Limits {
    model_bytes: 1 << 20,
    tensor_bytes: 1 << 20,
    compute_bytes: 16 << 20,
};

/// Loads and, where it loads, computes; errors are fine. A panic, an abort or a computation without end is not.
pub(crate) fn exercise(file: &[u8]) {
    let Ok(model) = Model::load(file, LIMITS) else {
        return;
    };
    for size in [1, 3] {
        let inputs = model.inputs().iter().map(|info| {
            let dims = info.dims.as_deref().unwrap_or(&[Dimension::Any]);
            let dims = dims.iter().map(|dim| match dim {
                Dimension::Fixed(size) => *size,
                Dimension::Named(_) | Dimension::Any => size,
            });
            let dims: Vec<u32> = match info.dims.as_deref() {
                Some([]) => vec![1],
                _ => dims.collect(),
            };
            let n = dims.iter().try_fold(1_u32, |n, dim| n.checked_mul(*dim));
            let n = n.filter(|n| *n <= 1 << 16)? as usize;
            let dtype = info.dtype.unwrap_or(DataType::F32);
            let data = match dtype {
                DataType::F32 => 1.5_f32.to_le_bytes().repeat(n),
                DataType::I64 => 2_i64.to_le_bytes().repeat(n),
                _ => vec![1; n * dtype.size_bytes()],
            };
            Some((info.name.clone(), Tensor { dims, dtype, data }))
        });
        if let Some(inputs) = inputs.collect() {
            let _ = model.compute(inputs);
        }
    }
}
