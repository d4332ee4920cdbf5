//! Operators of ONNX that multiply with matrices or measure distances to constant rows.

use super::elementwise::{aligned, pairs, type_mismatch};
use crate::error::{Error, Result};
use crate::node::{Kernel, Node, mixes_rows};
use crate::tensor::{Data, Tensor, n_cells};

/// MatMul with a constant, and Gemm
pub(crate) fn matmul(node: &Node<'_>) -> Result<Kernel> {
    let is_gemm = node.proto.op_type == "Gemm";
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let transposed = is_gemm && node.int("transB", 0) != 0;
    if is_gemm && node.int("transA", 0) != 0 {
        return Err(mixes_rows());
    }
    Ok(Box::new(move |arguments| {
        let (a, b) = (arguments.need(0)?, arguments.need(1)?);
        if b.batched {
            return Err(mixes_rows());
        }
        let (rows, inner) = match *a.dims.as_slice() {
            [rows, inner] => (rows, inner),
            _ => {
                return Err(Error::unsupported(format!(
                    "multiplies matrices, and was given {:?}",
                    a.dims
                )));
            }
        };
        let (b_inner, n, keeps) = match (b.dims.as_slice(), transposed) {
            (&[inner], _) => (inner, 1, false),
            (&[inner, n], false) => (inner, n, true),
            (&[n, inner], true) => (inner, n, true),
            _ => {
                return Err(Error::unsupported(format!(
                    "multiplies matrices, and was given {:?}",
                    b.dims
                )));
            }
        };
        if inner != b_inner {
            return Err(Error::invalid(format!(
                "can't multiply {:?} with {:?}",
                a.dims, b.dims
            )));
        }
        n_cells(&[rows, n], arguments.rows)?;
        let place = |k: usize, at: usize| {
            if transposed {
                at * inner + k
            } else {
                k * n + at
            }
        };
        let cells = (0..rows).flat_map(|row| (0..n).map(move |at| (row, at)));
        let data = if matches!(a.data, Data::F64(_)) {
            let (x, y) = (a.to_f64()?, b.to_f64()?);
            let cell = |(row, at)| {
                (0..inner)
                    .map(|k| x[row * inner + k] * y[place(k, at)])
                    .sum::<f64>()
            };
            Data::F64(cells.map(|at| cell(at) * f64::from(alpha)).collect())
        } else {
            let (x, y) = (a.to_f32()?, b.to_f32()?);
            let cell = |(row, at)| {
                (0..inner)
                    .map(|k| x[row * inner + k] * y[place(k, at)])
                    .sum::<f32>()
            };
            Data::F32(cells.map(|at| cell(at) * alpha).collect())
        };
        let dims = if keeps { vec![rows, n] } else { vec![rows] };
        let product = Tensor {
            dims,
            data,
            batched: a.batched,
            classes: None,
        };
        let Some(c) = arguments.get(2).filter(|_| is_gemm) else {
            return Ok(vec![product]);
        };
        let (product, c) = aligned(&product, c, arguments.rows)?;
        let data = match (&product.data, &c.data) {
            (Data::F32(x), Data::F32(c)) => Data::F32(pairs(x, c, |x, c| x + beta * c)),
            (Data::F64(x), Data::F64(c)) => Data::F64(pairs(x, c, |x, c| x + f64::from(beta) * c)),
            (x, y) => return Err(type_mismatch(x, y)),
        };
        Ok(vec![Tensor { data, ..product }])
    }))
}
