//! Operators of ONNX that compute along the columns of a row: reductions, Softmax, TopK, CumSum, LpNormalization.

use super::elementwise::broadcast_places;
use crate::error::{Error, Result};
use crate::node::{Kernel, Node, axis, index, inner_axis, mixes_rows};
use crate::scores::softmax;
use crate::tensor::{Data, Tensor};

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
        let k = index(k, "`k`")?;
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

/// CumSum along the columns of a row
pub(crate) fn cumulative_sum(node: &Node<'_>) -> Result<Kernel> {
    if node.int("exclusive", 0) != 0 || node.int("reverse", 0) != 0 {
        return Err(Error::unsupported(
            "sums forwards and with each element only",
        ));
    }
    Ok(Box::new(|arguments| {
        let (x, along) = (arguments.need(0)?, arguments.need(1)?);
        let along = along.ints()?.first().copied().unwrap_or(0);
        let at = inner_axis(along, x)?;
        let step: usize = x.dims[at + 1..].iter().product();
        let length = x.dims[at];
        fn summed<T: Copy>(values: &mut [T], length: usize, step: usize, add: impl Fn(T, T) -> T) {
            for place in step..values.len() {
                if !(place / step).is_multiple_of(length) {
                    values[place] = add(values[place - step], values[place]);
                }
            }
        }
        let mut data = x.data.clone();
        match &mut data {
            Data::F32(values) => summed(values, length, step, |a, b| a + b),
            Data::F64(values) => summed(values, length, step, |a, b| a + b),
            Data::I64(values) => summed(values, length, step, i64::wrapping_add),
            other => return Err(Error::invalid(format!("can't sum {}", other.type_name()))),
        }
        Ok(vec![x.with_data(data)])
    }))
}

/// LpNormalization along the last dimension
pub(crate) fn lp_normalization(node: &Node<'_>) -> Result<Kernel> {
    let (wanted, p) = (node.int("axis", -1), node.int("p", 2));
    if !matches!(p, 1 | 2) {
        return Err(Error::invalid(format!(
            "`p` is {p}, which is none of 1 and 2"
        )));
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let at = inner_axis(wanted, x)?;
        if at + 1 != x.dims.len() {
            return Err(Error::unsupported("only along the last dimension"));
        }
        let mut values = x.to_f64()?;
        for row in values.chunks_exact_mut(x.dims[at].max(1)) {
            let norm = match p {
                1 => row.iter().map(|value| value.abs()).sum(),
                _ => libm::sqrt(row.iter().map(|value| value * value).sum::<f64>()),
            };
            if norm != 0.0 {
                row.iter_mut().for_each(|value| *value /= norm);
            }
        }
        let data = match &x.data {
            Data::F64(_) => Data::F64(values),
            Data::F32(_) => Data::F32(values.into_iter().map(|value| value as f32).collect()),
            other => return Err(Error::invalid(format!("can't scale {}", other.type_name()))),
        };
        Ok(vec![x.with_data(data)])
    }))
}
