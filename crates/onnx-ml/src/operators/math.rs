//! Operators of ONNX that compute with single elements, and those that reduce or multiply.

use crate::error::{Error, Result};
use crate::node::{Kernel, Node, axis, inner_axis, mixes_rows};
use crate::scores::{logistic, softmax};
use crate::tensor::{Data, Tensor, n_cells};

/// For each element of the result, its place in an operand of these dimensions.
fn broadcast_places(from: &[usize], to: &[usize], n: usize) -> Vec<usize> {
    let missing = to.len() - from.len();
    let mut strides = vec![0; to.len()];
    let mut stride = 1;
    for at in (0..from.len()).rev() {
        if from[at] != 1 {
            strides[missing + at] = stride;
        }
        stride *= from[at];
    }
    let mut places = Vec::with_capacity(n);
    let mut counter = vec![0; to.len()];
    let mut place = 0;
    for _ in 0..n {
        places.push(place);
        for at in (0..to.len()).rev() {
            counter[at] += 1;
            place += strides[at];
            if counter[at] < to[at] {
                break;
            }
            place -= strides[at] * to[at];
            counter[at] = 0;
        }
    }
    places
}

fn broadcast_dims(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let n = a.len().max(b.len());
    let dim = |dims: &[usize], at: usize| match (at + dims.len()).checked_sub(n) {
        Some(at) => dims[at],
        None => 1,
    };
    (0..n)
        .map(|at| match (dim(a, at), dim(b, at)) {
            (a, b) if a == b => Ok(a),
            (1, b) => Ok(b),
            (a, 1) => Ok(a),
            _ => Err(Error::invalid(format!(
                "the dimensions {a:?} and {b:?} do not fit together"
            ))),
        })
        .collect()
}

/// Both operands with the same dimensions.
fn aligned(a: &Tensor, b: &Tensor, rows: usize) -> Result<(Tensor, Tensor)> {
    let dims = broadcast_dims(&a.dims, &b.dims)?;
    let batched = a.batched || b.batched;
    let n = n_cells(&dims, rows)?;
    // Rows stay rows: an operand of fewer dimensions must not lay its rows along the other's columns.
    for operand in [a, b] {
        if operand.batched && operand.dims.len() < dims.len() {
            return Err(mixes_rows());
        }
    }
    let expand = |x: &Tensor| {
        let data = match x.dims == dims {
            true => x.data.clone(),
            false => x.data.pick(&broadcast_places(&x.dims, &dims, n)),
        };
        Tensor {
            dims: dims.clone(),
            data,
            batched,
            classes: x.classes.clone(),
        }
    };
    Ok((expand(a), expand(b)))
}

fn pairs<T: Copy, R>(a: &[T], b: &[T], f: impl Fn(T, T) -> R) -> Vec<R> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

fn type_mismatch(a: &Data, b: &Data) -> Error {
    Error::invalid(format!(
        "can't compute with {} and {}",
        a.type_name(),
        b.type_name()
    ))
}

/// Add, Sub, Mul, Div, Pow, Min, Max over numbers.
pub(crate) fn arithmetic(node: &Node<'_>) -> Result<Kernel> {
    type Functions = (
        fn(f32, f32) -> f32,
        fn(f64, f64) -> f64,
        fn(i64, i64) -> i64,
    );
    let (f, d, i): Functions = match node.proto.op_type.as_str() {
        "Add" | "Sum" => (|a, b| a + b, |a, b| a + b, i64::wrapping_add),
        "Sub" => (|a, b| a - b, |a, b| a - b, i64::wrapping_sub),
        "Mul" => (|a, b| a * b, |a, b| a * b, i64::wrapping_mul),
        "Div" => (
            |a, b| a / b,
            |a, b| a / b,
            |a, b| a.checked_div(b).unwrap_or(0),
        ),
        "Pow" => (libm::powf, libm::pow, |a, b| {
            libm::pow(a as f64, b as f64) as i64
        }),
        // NaN if either is, as ONNX Runtime gives it.
        "Min" => (
            |a, b| if a.is_nan() || a < b { a } else { b },
            |a, b| if a.is_nan() || a < b { a } else { b },
            i64::min,
        ),
        _ => (
            |a, b| if a.is_nan() || a > b { a } else { b },
            |a, b| if a.is_nan() || a > b { a } else { b },
            i64::max,
        ),
    };
    let is_pow = node.proto.op_type == "Pow";
    Ok(Box::new(move |arguments| {
        let mut result = arguments.need(0)?.clone();
        for at in 1..arguments.values.len() {
            let (a, b) = aligned(&result, arguments.need(at)?, arguments.rows)?;
            let data = match (&a.data, &b.data) {
                (Data::F32(a), Data::F32(b)) => Data::F32(pairs(a, b, f)),
                (Data::F64(a), Data::F64(b)) => Data::F64(pairs(a, b, d)),
                (Data::I64(a), Data::I64(b)) => Data::I64(pairs(a, b, i)),
                (Data::F32(a), _) if is_pow => Data::F32(pairs(a, &b.to_f32()?, f)),
                (Data::F64(a), _) if is_pow => Data::F64(pairs(a, &b.to_f64()?, d)),
                (x, y) => return Err(type_mismatch(x, y)),
            };
            result = Tensor { data, ..a };
        }
        Ok(vec![result])
    }))
}

/// Equal, Less, LessOrEqual, Greater, GreaterOrEqual
pub(crate) fn comparison(node: &Node<'_>) -> Result<Kernel> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let accepted: &'static [std::cmp::Ordering] = match node.proto.op_type.as_str() {
        "Equal" => &[Equal],
        "Less" => &[Less],
        "LessOrEqual" => &[Less, Equal],
        "Greater" => &[Greater],
        _ => &[Greater, Equal],
    };
    fn test<T: PartialOrd>(a: &[T], b: &[T], accepted: &[std::cmp::Ordering]) -> Data {
        let holds = |(a, b): (&T, &T)| {
            a.partial_cmp(b)
                .is_some_and(|order| accepted.contains(&order))
        };
        Data::Bool(a.iter().zip(b).map(holds).collect())
    }
    Ok(Box::new(move |arguments| {
        let (a, b) = aligned(arguments.need(0)?, arguments.need(1)?, arguments.rows)?;
        let data = match (&a.data, &b.data) {
            (Data::F32(a), Data::F32(b)) => test(a, b, accepted),
            (Data::F64(a), Data::F64(b)) => test(a, b, accepted),
            (Data::I64(a), Data::I64(b)) => test(a, b, accepted),
            (Data::Bool(a), Data::Bool(b)) => test(a, b, accepted),
            (Data::Text(a), Data::Text(b)) => test(a, b, accepted),
            (x, y) => return Err(type_mismatch(x, y)),
        };
        Ok(vec![Tensor {
            data,
            classes: None,
            ..a
        }])
    }))
}

/// And, Or, Xor
pub(crate) fn logic(node: &Node<'_>) -> Result<Kernel> {
    let f: fn(bool, bool) -> bool = match node.proto.op_type.as_str() {
        "And" => |a, b| a && b,
        "Or" => |a, b| a || b,
        _ => |a, b| a != b,
    };
    Ok(Box::new(move |arguments| {
        let (a, b) = aligned(arguments.need(0)?, arguments.need(1)?, arguments.rows)?;
        let data = match (&a.data, &b.data) {
            (Data::Bool(a), Data::Bool(b)) => Data::Bool(pairs(a, b, f)),
            (x, y) => return Err(type_mismatch(x, y)),
        };
        Ok(vec![Tensor { data, ..a }])
    }))
}

/// Where
pub(crate) fn choose(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| {
        let (a, b) = aligned(arguments.need(1)?, arguments.need(2)?, arguments.rows)?;
        let (condition, a) = aligned(arguments.need(0)?, &a, arguments.rows)?;
        let (_, b) = aligned(&condition, &b, arguments.rows)?;
        let Data::Bool(condition) = &condition.data else {
            return Err(Error::invalid("its condition is not bool"));
        };
        fn chosen<T: Clone>(condition: &[bool], a: &[T], b: &[T]) -> Vec<T> {
            let pick = |((&condition, a), b): ((&bool, &T), &T)| {
                if condition { a.clone() } else { b.clone() }
            };
            condition.iter().zip(a).zip(b).map(pick).collect()
        }
        let data = match (&a.data, &b.data) {
            (Data::F32(a), Data::F32(b)) => Data::F32(chosen(condition, a, b)),
            (Data::F64(a), Data::F64(b)) => Data::F64(chosen(condition, a, b)),
            (Data::I64(a), Data::I64(b)) => Data::I64(chosen(condition, a, b)),
            (Data::Bool(a), Data::Bool(b)) => Data::Bool(chosen(condition, a, b)),
            (Data::Text(a), Data::Text(b)) => Data::Text(chosen(condition, a, b)),
            (x, y) => return Err(type_mismatch(x, y)),
        };
        Ok(vec![Tensor { data, ..a }])
    }))
}

/// Operators of one element: Abs, Neg, Sqrt, Exp, Log, Sigmoid, Tanh, Relu, Floor, Ceil, Round, Sign, Reciprocal, Not,
/// IsNaN.
pub(crate) fn unary(node: &Node<'_>) -> Result<Kernel> {
    type Functions = (fn(f32) -> f32, fn(f64) -> f64);
    let functions: Option<Functions> = match node.proto.op_type.as_str() {
        "Abs" => Some((f32::abs, f64::abs)),
        "Neg" => Some((|x| -x, |x| -x)),
        "Sqrt" => Some((libm::sqrtf, libm::sqrt)),
        "Exp" => Some((libm::expf, libm::exp)),
        "Log" => Some((libm::logf, libm::log)),
        "Sigmoid" => Some((logistic, |x| 1.0 / (1.0 + libm::exp(-x)))),
        "Tanh" => Some((libm::tanhf, libm::tanh)),
        "Relu" => Some((
            |x| if x < 0.0 { 0.0 } else { x },
            |x| if x < 0.0 { 0.0 } else { x },
        )),
        "Floor" => Some((libm::floorf, libm::floor)),
        "Ceil" => Some((libm::ceilf, libm::ceil)),
        "Round" => Some((libm::rintf, libm::rint)),
        "Sign" => Some((
            |x| {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            },
            |x| {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            },
        )),
        "Reciprocal" => Some((|x| 1.0 / x, |x| 1.0 / x)),
        _ => None,
    };
    let operator = node.proto.op_type.clone();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let data = match (operator.as_str(), &x.data, functions) {
            ("Not", Data::Bool(values), _) => {
                Data::Bool(values.iter().map(|value| !value).collect())
            }
            ("IsNaN", Data::F32(values), _) => {
                Data::Bool(values.iter().map(|value| value.is_nan()).collect())
            }
            ("IsNaN", Data::F64(values), _) => {
                Data::Bool(values.iter().map(|value| value.is_nan()).collect())
            }
            ("Abs", Data::I64(values), _) => {
                Data::I64(values.iter().map(|value| value.wrapping_abs()).collect())
            }
            ("Neg", Data::I64(values), _) => {
                Data::I64(values.iter().map(|value| value.wrapping_neg()).collect())
            }
            ("Sign", Data::I64(values), _) => {
                Data::I64(values.iter().map(|value| value.signum()).collect())
            }
            (_, Data::F32(values), Some((f, _))) => {
                Data::F32(values.iter().map(|&value| f(value)).collect())
            }
            (_, Data::F64(values), Some((_, f))) => {
                Data::F64(values.iter().map(|&value| f(value)).collect())
            }
            (_, other, _) => {
                return Err(Error::invalid(format!(
                    "can't compute with {}",
                    other.type_name()
                )));
            }
        };
        Ok(vec![x.with_data(data)])
    }))
}

/// Clip
pub(crate) fn clip(node: &Node<'_>) -> Result<Kernel> {
    let (low, high) = (node.float("min", f32::MIN), node.float("max", f32::MAX));
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let bound = |at: usize, default: f32| match arguments.get(at) {
            Some(bound) => Ok(bound
                .to_f64()?
                .first()
                .copied()
                .unwrap_or(f64::from(default))),
            None => Ok(f64::from(default)),
        };
        let (low, high) = (bound(1, low)?, bound(2, high)?);
        let clip = |value: f64| {
            if value < low {
                low
            } else if value > high {
                high
            } else {
                value
            }
        };
        let data = match &x.data {
            Data::F32(values) => Data::F32(
                values
                    .iter()
                    .map(|&value| clip(value.into()) as f32)
                    .collect(),
            ),
            Data::F64(values) => Data::F64(values.iter().map(|&value| clip(value)).collect()),
            Data::I64(values) => Data::I64(
                values
                    .iter()
                    .map(|&value| clip(value as f64) as i64)
                    .collect(),
            ),
            other => return Err(Error::invalid(format!("can't clip {}", other.type_name()))),
        };
        Ok(vec![x.with_data(data)])
    }))
}

/// Softmax along the last dimension
pub(crate) fn softmax_operator(node: &Node<'_>) -> Result<Kernel> {
    let default = if node.opset < 13 { 1 } else { -1 };
    let wanted = node.int("axis", default);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let axis = inner_axis(wanted, x)?;
        if axis + 1 != x.dims.len() {
            return Err(Error::unsupported("only along the last dimension"));
        }
        let mut values = x.to_f32()?;
        values
            .chunks_exact_mut(x.dims[axis].max(1))
            .for_each(softmax);
        Ok(vec![x.with_data(Data::F32(values))])
    }))
}

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

/// The axes of a reduction, from its attribute or its second input.
fn reduced_axes(x: &Tensor, given: &[i64]) -> Result<Vec<usize>> {
    if given.is_empty() {
        return match x.batched {
            true => Err(mixes_rows()),
            false => Ok((0..x.dims.len()).collect()),
        };
    }
    given.iter().map(|&axis| inner_axis(axis, x)).collect()
}

/// ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceSumSquare, ReduceL1, ReduceL2, and ArgMax, ArgMin.
pub(crate) fn reduce(node: &Node<'_>) -> Result<Kernel> {
    let operator = node.proto.op_type.clone();
    let is_arg = operator.starts_with("Arg");
    let keep = node.int("keepdims", 1) != 0;
    let takes_last = node.int("select_last_index", 0) != 0;
    let of_attribute = match is_arg {
        true => vec![node.int("axis", 0)],
        false => node.ints("axes").to_vec(),
    };
    let keeps_all = node.int("noop_with_empty_axes", 0) != 0;
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let given = match arguments.get(1) {
            Some(axes) => axes.ints()?.to_vec(),
            None => of_attribute.clone(),
        };
        if given.is_empty() && keeps_all {
            return Ok(vec![x.clone()]);
        }
        let axes = reduced_axes(x, &given)?;
        let kept: Vec<usize> = x
            .dims
            .iter()
            .enumerate()
            .map(|(at, &dim)| if axes.contains(&at) { 1 } else { dim })
            .collect();
        let n: usize = kept.iter().product();
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); n];
        let values = x.to_f64()?;
        // Places in the result of all elements: dimensions that go count as size 1.
        for (value, place) in values
            .into_iter()
            .zip(broadcast_places(&kept, &x.dims, x.data.len()))
        {
            groups[place].push(value);
        }
        let best = |group: &[f64], larger: bool| {
            let mut best = 0;
            for (at, value) in group.iter().enumerate().skip(1) {
                let wins = if larger {
                    *value > group[best]
                } else {
                    *value < group[best]
                };
                if wins || (takes_last && *value == group[best]) {
                    best = at;
                }
            }
            best
        };
        let results = groups.iter().map(|group| match operator.as_str() {
            "ReduceSum" => group.iter().sum(),
            "ReduceMean" => group.iter().sum::<f64>() / group.len() as f64,
            "ReduceMax" => group.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            "ReduceMin" => group.iter().copied().fold(f64::INFINITY, f64::min),
            "ReduceSumSquare" => group.iter().map(|value| value * value).sum(),
            "ReduceProd" => group.iter().product(),
            "ReduceLogSumExp" => {
                let max = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = group.iter().map(|value| libm::exp(value - max)).sum();
                max + libm::log(sum)
            }
            "ReduceL1" => group.iter().map(|value| value.abs()).sum(),
            "ReduceL2" => libm::sqrt(group.iter().map(|value| value * value).sum()),
            "ArgMax" => best(group, true) as f64,
            _ => best(group, false) as f64,
        });
        let data = match &x.data {
            _ if is_arg => Data::I64(results.map(|value| value as i64).collect()),
            Data::F64(_) => Data::F64(results.collect()),
            Data::I64(_) => Data::I64(results.map(|value| value as i64).collect()),
            _ => Data::F32(results.map(|value| value as f32).collect()),
        };
        let dims = match keep {
            true => kept,
            false => x
                .dims
                .iter()
                .enumerate()
                .filter(|(at, _)| !axes.contains(at))
                .map(|(_, &dim)| dim)
                .collect(),
        };
        Ok(vec![Tensor {
            dims,
            data,
            batched: x.batched,
            classes: None,
        }])
    }))
}

/// Cast
pub(crate) fn cast(node: &Node<'_>) -> Result<Kernel> {
    let to = node.int("to", 0);
    if !matches!(to, 1 | 2 | 3 | 5 | 6 | 7 | 8 | 9 | 11) {
        return Err(Error::unsupported(format!(
            "casts to type {to}, which is not supported"
        )));
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let parse = |text: &str| -> Result<f64> {
            text.trim()
                .parse()
                .map_err(|_| Error::invalid(format!("`{text}` is no number")))
        };
        let numbers = || -> Result<Vec<f64>> {
            match &x.data {
                Data::Text(values) => values.iter().map(|value| parse(value)).collect(),
                _ => x.to_f64(),
            }
        };
        let data = match (to, &x.data) {
            (1, Data::F32(_))
            | (7, Data::I64(_))
            | (8, Data::Text(_))
            | (9, Data::Bool(_))
            | (11, Data::F64(_)) => x.data.clone(),
            (1, Data::I64(values)) => Data::F32(values.iter().map(|&value| value as f32).collect()),
            (1, _) => Data::F32(numbers()?.into_iter().map(|value| value as f32).collect()),
            (11, _) => Data::F64(numbers()?),
            (9, _) => Data::Bool(numbers()?.into_iter().map(|value| value != 0.0).collect()),
            (8, Data::I64(values)) => Data::Text(
                values
                    .iter()
                    .map(|value| value.to_string().into())
                    .collect(),
            ),
            (8, Data::Bool(values)) => Data::Text(
                values
                    .iter()
                    .map(|&value| u8::from(value).to_string().into())
                    .collect(),
            ),
            (8, _) => {
                return Err(Error::unsupported(
                    "casts floats to texts, which engines write in different ways",
                ));
            }
            (_, Data::I64(values)) => {
                // Whole numbers are computed with 64 bits; narrower ones must hold the value.
                let bits = match to {
                    2 | 3 => 8,
                    5 => 16,
                    _ => 32,
                };
                Data::I64(
                    values
                        .iter()
                        .map(|&value| narrow(value, bits, to == 2))
                        .collect(),
                )
            }
            (7, _) => Data::I64(numbers()?.into_iter().map(|value| value as i64).collect()),
            _ => Data::I64(
                numbers()?
                    .into_iter()
                    .map(|value| i64::from(value as i32))
                    .collect(),
            ),
        };
        Ok(vec![x.with_data(data)])
    }))
}

fn narrow(value: i64, bits: u32, unsigned: bool) -> i64 {
    let shift = 64 - bits;
    match unsigned {
        true => ((value.cast_unsigned() << shift) >> shift).cast_signed(),
        false => (value << shift) >> shift,
    }
}

/// TopK along the last dimension
pub(crate) fn top_k(node: &Node<'_>) -> Result<Kernel> {
    let wanted_axis = node.int("axis", -1);
    let largest = node.int("largest", 1) != 0;
    let of_attribute = node.int("k", 1);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let at = axis(wanted_axis, x.dims.len())?;
        inner_axis(wanted_axis, x)?;
        if at + 1 != x.dims.len() {
            return Err(Error::unsupported("only along the last dimension"));
        }
        let k = match arguments.get(1) {
            Some(k) => k.ints()?.first().copied().unwrap_or(0),
            None => of_attribute,
        };
        let width = x.dims[at].max(1);
        let k = crate::node::index(k, "`k`")?;
        if k > width {
            return Err(Error::invalid(format!("`k` is {k} of {width}")));
        }
        let values = x.to_f64()?;
        let (mut places, mut found) = (Vec::new(), Vec::new());
        for (row, group) in values.chunks_exact(width).enumerate() {
            let mut order: Vec<usize> = (0..width).collect();
            order.sort_by(|&a, &b| {
                let order = group[a].total_cmp(&group[b]);
                if largest { order.reverse() } else { order }
            });
            for &place in &order[..k] {
                places.push(row * width + place);
                found.push(place as i64);
            }
        }
        let mut dims = x.dims.clone();
        dims[at] = k;
        let top = |data| Tensor {
            dims: dims.clone(),
            data,
            batched: x.batched,
            classes: None,
        };
        Ok(vec![top(x.data.pick(&places)), top(Data::I64(found))])
    }))
}
