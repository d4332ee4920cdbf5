//! Operators of ONNX that compute with single elements, and how operands of different dimensions fit together.

use crate::error::{Error, Result};
use crate::node::{Kernel, Node, mixes_rows};
use crate::scores::logistic;
use crate::tensor::{Data, Tensor, n_cells};
use std::rc::Rc;

/// For each element of the result, its place in an operand of these dimensions.
pub(super) fn broadcast_places(from: &[usize], to: &[usize], n: usize) -> Vec<usize> {
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
pub(super) fn aligned(a: &Tensor, b: &Tensor, rows: usize) -> Result<(Tensor, Tensor)> {
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

pub(super) fn pairs<T: Copy, R>(a: &[T], b: &[T], f: impl Fn(T, T) -> R) -> Vec<R> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

pub(super) fn type_mismatch(a: &Data, b: &Data) -> Error {
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
        let parse = |(at, text): (usize, &Rc<str>)| -> Result<f64> {
            match text.trim().parse() {
                Ok(number) => Ok(number),
                Err(_) => {
                    arguments.refuse(x, at, format!("`{text}` is no number"))?;
                    Ok(0.0)
                }
            }
        };
        let numbers = || -> Result<Vec<f64>> {
            match &x.data {
                Data::Text(values) => values.iter().enumerate().map(parse).collect(),
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
