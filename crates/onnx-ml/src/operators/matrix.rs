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

/// The distance of each row to each constant row.
fn distances_to(a: &Tensor, b: &Tensor, rows: usize, is_squared: bool) -> Result<Tensor> {
    if b.batched {
        return Err(mixes_rows());
    }
    let ((n_a, width), (n_b, b_width)) = match (a.dims.as_slice(), b.dims.as_slice()) {
        (&[n_a, width], &[n_b, b_width]) => ((n_a, width), (n_b, b_width)),
        (a, b) => {
            return Err(Error::unsupported(format!(
                "measures between rows of matrices, and was given {a:?} and {b:?}"
            )));
        }
    };
    if width != b_width {
        return Err(Error::invalid(format!(
            "can't measure between rows of {width} and {b_width} columns"
        )));
    }
    let n = n_cells(&[n_a, n_b], rows)?;
    macro_rules! measured {
        ($kind:ident, $x:expr, $y:expr, $zero:expr, $sqrt:expr) => {{
            let (x, y) = ($x, $y);
            let mut all = Vec::with_capacity(n);
            for a in 0..n_a {
                let a = &x[a * width..][..width];
                for b in 0..n_b {
                    let b = &y[b * width..][..width];
                    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
                    let sum = squares.fold($zero, |all, square| all + square);
                    all.push(if is_squared { sum } else { $sqrt(sum) });
                }
            }
            Data::$kind(all)
        }};
    }
    let data = match a.data {
        Data::F64(_) => measured!(F64, a.to_f64()?, b.to_f64()?, 0f64, libm::sqrt),
        _ => measured!(F32, a.to_f32()?, b.to_f32()?, 0f32, libm::sqrtf),
    };
    Ok(Tensor {
        dims: vec![n_a, n_b],
        data,
        batched: a.batched,
        classes: None,
    })
}

/// CDist (com.microsoft)
pub(crate) fn distances(node: &Node<'_>) -> Result<Kernel> {
    let is_squared = match node.text("metric", "sqeuclidean") {
        "sqeuclidean" => true,
        "euclidean" => false,
        other => {
            return Err(Error::unsupported(format!(
                "`metric` is `{other}`, and euclidean and sqeuclidean are supported"
            )));
        }
    };
    Ok(Box::new(move |arguments| {
        let (a, b) = (arguments.need(0)?, arguments.need(1)?);
        Ok(vec![distances_to(a, b, arguments.rows, is_squared)?])
    }))
}

/// Scan, where it measures squared distances to constant rows, one at a time: what exporters write for neighbours and
/// kernels. Its second output is a row of distances for each constant row; here it is the other way round, which
/// [`Form::Transposed`](crate::node::Form) says.
pub(crate) fn scan(node: &Node<'_>) -> Result<Kernel> {
    if !measures_distances(node) {
        return Err(Error::unsupported(
            "its body is none that compiles into a stage: that of distances to constant rows alone does",
        ));
    }
    Ok(Box::new(|arguments| {
        let (x, rows) = (arguments.need(0)?, arguments.need(1)?);
        let distances = distances_to(x, rows, arguments.rows, true)?;
        Ok(vec![x.clone(), distances])
    }))
}

/// Whether the body gives the sum of squares over `state - row`, and the state again.
fn measures_distances(node: &Node<'_>) -> bool {
    let Some(body) = node.graph("body") else {
        return false;
    };
    let ([state, row], [next_state, distance]) = (body.inputs.as_slice(), body.outputs.as_slice())
    else {
        return false;
    };
    let maker = |value: &str| {
        let mut nodes = body.nodes.iter();
        nodes.find(|node| node.domain.is_empty() && node.outputs.iter().any(|out| out == value))
    };
    // What a value is but for Identity; the number of nodes bounds the way.
    let origin = |value: &'_ str| {
        let mut value = value.to_owned();
        for _ in 0..body.nodes.len() {
            match maker(&value) {
                Some(node) if node.op_type == "Identity" && !node.inputs.is_empty() => {
                    value.clone_from(&node.inputs[0]);
                }
                _ => break,
            }
        }
        value
    };
    let Some(sum) = maker(&origin(distance)).filter(|sum| sum.op_type == "ReduceSumSquare") else {
        return false;
    };
    let difference = sum.inputs.first().and_then(|input| maker(&origin(input)));
    let Some(difference) = difference.filter(|node| node.op_type == "Sub") else {
        return false;
    };
    let attribute = |name: &str| sum.attributes.iter().find(|a| a.name == name);
    let axes = match sum.inputs.get(1) {
        None => attribute("axes").map(|axes| axes.ints.clone()),
        Some(name) => {
            let own = body.initializers.iter().find(|(other, _)| other == name);
            let axes = own.map(|(_, axes)| axes).or(node.initializer(name));
            axes.and_then(|axes| Some(axes.ints().ok()?.to_vec()))
        }
    };
    let mut operands: Vec<String> = difference
        .inputs
        .iter()
        .map(|input| origin(input))
        .collect();
    operands.sort();
    let mut expected = vec![state.clone(), row.clone()];
    expected.sort();
    let is_plain = [
        "scan_input_axes",
        "scan_input_directions",
        "scan_output_axes",
        "scan_output_directions",
    ]
    .iter()
    .all(|name| node.ints(name).iter().all(|&value| value == 0));
    node.int("num_scan_inputs", 0) == 1
        && node.proto.inputs.len() == 2
        && is_plain
        && state != row
        && origin(next_state) == *state
        && operands == expected
        && matches!(axes.as_deref(), Some([1] | [-1]))
        && attribute("keepdims").and_then(|a| a.int) == Some(0)
}
