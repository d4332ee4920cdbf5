//! Operators of ONNX that only move elements.

use crate::error::{Error, Result};
use crate::node::{Arguments, Kernel, Node, axis, index, inner_axis, mixes_rows};
use crate::tensor::{Data, Tensor, n_cells};

/// Identity, and Dropout without training
pub(crate) fn identity(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| Ok(vec![arguments.need(0)?.clone()])))
}

/// Constant
pub(crate) fn constant(node: &Node<'_>) -> Result<Kernel> {
    let value = if let Some(tensor) = node.tensor("value") {
        tensor.clone()
    } else if node.has("value_float") {
        Tensor::constant(Vec::new(), Data::F32(vec![node.float("value_float", 0.0)]))
    } else if node.has("value_int") {
        Tensor::constant(Vec::new(), Data::I64(vec![node.int("value_int", 0)]))
    } else if node.has("value_floats") {
        let values = node.floats("value_floats").to_vec();
        Tensor::constant(vec![values.len()], Data::F32(values))
    } else if node.has("value_ints") {
        let values = node.ints("value_ints").to_vec();
        Tensor::constant(vec![values.len()], Data::I64(values))
    } else {
        return Err(Error::unsupported(
            "a constant of this kind is not supported",
        ));
    };
    Ok(Box::new(move |_| Ok(vec![value.clone()])))
}

/// Shape
pub(crate) fn shape(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| {
        let dims: Vec<i64> = arguments
            .need(0)?
            .dims
            .iter()
            .map(|&dim| dim as i64)
            .collect();
        Ok(vec![Tensor::constant(vec![dims.len()], Data::I64(dims))])
    }))
}

/// Reshape
pub(crate) fn reshape(node: &Node<'_>) -> Result<Kernel> {
    let of_attribute = node.ints("shape").to_vec();
    let allows_zero = node.int("allowzero", 0) != 0;
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let wanted = match arguments.get(1) {
            Some(shape) => shape.ints()?,
            None => &of_attribute,
        };
        let mut dims = Vec::new();
        for (at, &dim) in wanted.iter().enumerate() {
            dims.push(match dim {
                -1 => 1,
                0 if !allows_zero => *x
                    .dims
                    .get(at)
                    .ok_or_else(|| Error::invalid("a 0 copies no dimension"))?,
                dim => index(dim, "a dimension")?,
            });
        }
        let known = n_cells(&dims, arguments.rows)?;
        let unknown: Vec<usize> = (0..wanted.len()).filter(|&at| wanted[at] == -1).collect();
        match unknown.as_slice() {
            [] => {}
            [at] if known > 0 => dims[*at] = x.data.len() / known,
            _ => return Err(Error::invalid(format!("can't reshape to {wanted:?}"))),
        }
        if dims.iter().product::<usize>() != x.data.len() {
            return Err(Error::invalid(format!(
                "can't reshape {:?} to {wanted:?}",
                x.dims
            )));
        }
        Ok(vec![x.with_dims(dims)])
    }))
}

/// Flatten
pub(crate) fn flatten(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.int("axis", 1);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        // It may lie behind the last dimension.
        let at = axis(wanted, x.dims.len() + usize::from(wanted >= 0))?;
        if x.batched && at != 1 {
            return Err(mixes_rows());
        }
        let (first, rest) = x.dims.split_at(at);
        Ok(vec![x.with_dims(vec![
            first.iter().product(),
            rest.iter().product(),
        ])])
    }))
}

fn axes(arguments: &Arguments<'_>, of_attribute: &[i64]) -> Result<Vec<i64>> {
    match arguments.get(1) {
        Some(axes) => Ok(axes.ints()?.to_vec()),
        None => Ok(of_attribute.to_vec()),
    }
}

/// Squeeze
pub(crate) fn squeeze(node: &Node<'_>) -> Result<Kernel> {
    let of_attribute = node.ints("axes").to_vec();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let given = axes(arguments, &of_attribute)?;
        let first = usize::from(x.batched);
        let gone: Vec<usize> = match given.as_slice() {
            [] => (first..x.dims.len())
                .filter(|&at| x.dims[at] == 1)
                .collect(),
            given => given
                .iter()
                .map(|&axis| inner_axis(axis, x))
                .collect::<Result<_>>()?,
        };
        if let Some(at) = gone.iter().find(|&&at| x.dims[at] != 1) {
            return Err(Error::invalid(format!(
                "dimension {at} of {:?} is not 1",
                x.dims
            )));
        }
        let kept = x
            .dims
            .iter()
            .enumerate()
            .filter(|(at, _)| !gone.contains(at));
        Ok(vec![x.with_dims(kept.map(|(_, &dim)| dim).collect())])
    }))
}

/// Unsqueeze
pub(crate) fn unsqueeze(node: &Node<'_>) -> Result<Kernel> {
    let of_attribute = node.ints("axes").to_vec();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let given = axes(arguments, &of_attribute)?;
        let n = x.dims.len() + given.len();
        let new: Vec<usize> = given.iter().map(|&at| axis(at, n)).collect::<Result<_>>()?;
        if x.batched && new.contains(&0) {
            return Err(mixes_rows());
        }
        let mut old = x.dims.iter().copied();
        let dims: Vec<usize> = (0..n)
            .map(|at| {
                if new.contains(&at) {
                    1
                } else {
                    old.next().unwrap_or(1)
                }
            })
            .collect();
        if dims.iter().product::<usize>() != x.data.len() {
            return Err(Error::invalid("names an axis twice"));
        }
        Ok(vec![x.with_dims(dims)])
    }))
}

/// Transpose of what is no batch, or leaves the rows first
pub(crate) fn transpose(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.ints("perm").to_vec();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let n = x.dims.len();
        let order: Vec<usize> = match wanted.as_slice() {
            [] => (0..n).rev().collect(),
            given => given.iter().map(|&at| axis(at, n)).collect::<Result<_>>()?,
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted != (0..n).collect::<Vec<_>>() {
            return Err(Error::invalid("`perm` is no permutation"));
        }
        if x.batched && order.first() != Some(&0) {
            return Err(mixes_rows());
        }
        let stride = |at: usize| x.dims[at + 1..].iter().product::<usize>();
        let dims: Vec<usize> = order.iter().map(|&at| x.dims[at]).collect();
        let places: Vec<usize> = (0..x.data.len())
            .map(|mut place| {
                let mut from = 0;
                for at in (0..n).rev() {
                    from += place % dims[at] * stride(order[at]);
                    place /= dims[at];
                }
                from
            })
            .collect();
        Ok(vec![Tensor {
            dims,
            data: x.data.pick(&places),
            batched: x.batched,
            classes: None,
        }])
    }))
}

/// Concat
pub(crate) fn concat(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.int("axis", 1);
    Ok(Box::new(move |arguments| joined(arguments, wanted)))
}

/// All inputs along one axis.
fn joined(arguments: &Arguments<'_>, wanted: i64) -> Result<Vec<Tensor>> {
    let first = arguments.need(0)?;
    let n = first.dims.len();
    let at = axis(wanted, n)?;
    let mut parts = Vec::new();
    let mut width = 0usize;
    let batched =
        (0..arguments.values.len()).any(|at| arguments.get(at).is_some_and(|x| x.batched));
    if at == 0 && batched {
        return Err(mixes_rows());
    }
    for number in 0..arguments.values.len() {
        let x = arguments.need(number)?;
        let fits = x.dims.len() == n && (0..n).all(|d| d == at || x.dims[d] == first.dims[d]);
        if !fits {
            return Err(Error::invalid(format!(
                "can't join {:?} and {:?}",
                first.dims, x.dims
            )));
        }
        width = width.saturating_add(x.dims[at]);
        parts.push((x, x.dims[at..].iter().product::<usize>()));
    }
    let mut dims = first.dims.clone();
    dims[at] = width;
    let all_cells = n_cells(&dims, arguments.rows)?;
    let outer: usize = dims[..at].iter().product();
    macro_rules! of_kind {
        ($kind:ident) => {{
            let values = parts.iter().map(|(part, size)| match &part.data {
                Data::$kind(values) => Ok((values.as_slice(), *size)),
                other => Err(Error::invalid(format!(
                    "can't join {} and {}",
                    first.data.type_name(),
                    other.type_name()
                ))),
            });
            values.collect::<Result<Vec<_>>>()?
        }};
    }
    let data = match &first.data {
        Data::F32(_) => Data::F32(side_by_side(&of_kind!(F32), outer, all_cells)),
        Data::F64(_) => Data::F64(side_by_side(&of_kind!(F64), outer, all_cells)),
        Data::I64(_) => Data::I64(side_by_side(&of_kind!(I64), outer, all_cells)),
        Data::Bool(_) => Data::Bool(side_by_side(&of_kind!(Bool), outer, all_cells)),
        Data::Text(_) => {
            let parts = of_kind!(Text);
            let rows = (0..outer).flat_map(|row| {
                parts
                    .iter()
                    .flat_map(move |(values, size)| &values[row * size..][..*size])
            });
            Data::Text(rows.cloned().collect())
        }
    };
    Ok(vec![Tensor {
        dims,
        data,
        batched,
        classes: None,
    }])
}

/// Rows that are those of the parts side by side; each part has so many elements in a row, and all have `n_cells`. Four
/// elements are moved at a time, because a copy of any number is a call of the host in WebAssembly; those that are too many
/// are written over by what comes next.
fn side_by_side<T: Copy + Default>(
    parts: &[(&[T], usize)],
    n_rows: usize,
    n_cells: usize,
) -> Vec<T> {
    const FEW: usize = 4;
    let mut all = vec![T::default(); n_cells + FEW];
    let mut at = 0;
    for row in 0..n_rows {
        for &(values, size) in parts {
            for done in (0..size).step_by(FEW) {
                let (from, to) = (&values[row * size + done..], &mut all[at + done..]);
                match (from.first_chunk::<FEW>(), to.first_chunk_mut()) {
                    (Some(few), Some(place)) => *place = *few,
                    _ => to[..size - done].copy_from_slice(&from[..size - done]),
                }
            }
            at += size;
        }
    }
    all.truncate(n_cells);
    all
}

/// Elements along one axis by number.
fn take(x: &Tensor, at: usize, wanted: &[usize], new_dims: Vec<usize>) -> Tensor {
    let outer: usize = x.dims[..at].iter().product();
    let inner: usize = x.dims[at + 1..].iter().product();
    let mut places = Vec::with_capacity(outer * wanted.len() * inner);
    for o in 0..outer {
        for w in wanted {
            let start = (o * x.dims[at] + w) * inner;
            places.extend(start..start + inner);
        }
    }
    Tensor {
        dims: new_dims,
        data: x.data.pick(&places),
        batched: x.batched,
        classes: None,
    }
}

/// Gather: from columns by constant numbers, or from a constant by the rows' numbers
pub(crate) fn gather(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.int("axis", 0);
    Ok(Box::new(move |arguments| {
        let (x, numbers) = (arguments.need(0)?, arguments.need(1)?);
        let at = inner_axis(wanted, x)?;
        if numbers.batched && (x.batched || at != 0) {
            return Err(mixes_rows());
        }
        let places: Vec<usize> = numbers
            .ints()?
            .iter()
            .map(|&number| axis(number, x.dims[at]))
            .collect::<Result<_>>()?;
        let mut dims = x.dims[..at].to_vec();
        dims.extend_from_slice(&numbers.dims);
        dims.extend_from_slice(&x.dims[at + 1..]);
        n_cells(&dims, arguments.rows)?;
        let mut taken = take(x, at, &places, dims);
        taken.batched |= numbers.batched;
        Ok(vec![taken])
    }))
}

/// Slice
pub(crate) fn slice(node: &Node<'_>) -> Result<Kernel> {
    let attributes = (
        node.ints("starts").to_vec(),
        node.ints("ends").to_vec(),
        node.ints("axes").to_vec(),
    );
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let list = |at: usize, default: &[i64]| match arguments.get(at) {
            Some(values) => Ok(values.ints()?.to_vec()),
            None => Ok::<_, Error>(default.to_vec()),
        };
        let (starts, ends) = (list(1, &attributes.0)?, list(2, &attributes.1)?);
        let all: Vec<i64> = (0..starts.len() as i64).collect();
        let axes = list(
            3,
            if attributes.2.is_empty() {
                &all
            } else {
                &attributes.2
            },
        )?;
        let steps = list(4, &vec![1; starts.len()])?;
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(Error::invalid(
                "its starts, ends, axes and steps differ in number",
            ));
        }
        let mut sliced = x.clone();
        for (number, &wanted) in axes.iter().enumerate() {
            let at = axis(wanted, sliced.dims.len())?;
            let size = sliced.dims[at] as i64;
            let step = usize::try_from(steps[number]).ok().filter(|&step| step > 0);
            let step = step.ok_or_else(|| Error::unsupported("slices backwards"))?;
            let bound = |value: i64| if value < 0 { value.saturating_add(size).max(0) } else { value.min(size) } as usize;
            let (start, end) = (bound(starts[number]), bound(ends[number]));
            if at == 0 && x.batched {
                if start == 0 && end == sliced.dims[0] && step == 1 {
                    continue;
                }
                return Err(mixes_rows());
            }
            let places: Vec<usize> = (start..end.max(start)).step_by(step).collect();
            let mut dims = sliced.dims.clone();
            dims[at] = places.len();
            sliced = take(&sliced, at, &places, dims);
        }
        Ok(vec![sliced])
    }))
}

/// Expand and ConstantOfShape are only known to matter for constants beside rows.
pub(crate) fn constant_of_shape(node: &Node<'_>) -> Result<Kernel> {
    let value = match node.tensor("value") {
        Some(value) if value.data.len() == 1 => value.data.clone(),
        Some(_) => return Err(Error::invalid("`value` is not one element")),
        None => Data::F32(vec![0.0]),
    };
    Ok(Box::new(move |arguments| {
        let dims: Vec<usize> = arguments
            .need(0)?
            .ints()?
            .iter()
            .map(|&dim| index(dim, "a dimension"))
            .collect::<Result<_>>()?;
        let places = vec![0; n_cells(&dims, arguments.rows)?];
        Ok(vec![Tensor::constant(dims, value.pick(&places))])
    }))
}

/// Split along the columns
pub(crate) fn split(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.int("axis", 0);
    let of_attribute = node.ints("split").to_vec();
    let n_parts = node.proto.outputs.len().max(1);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let at = inner_axis(wanted, x)?;
        let sizes = match arguments.get(1) {
            Some(sizes) => sizes.ints()?,
            None => &of_attribute,
        };
        let size = x.dims[at];
        let sizes = match sizes {
            [] => {
                // Equal parts, of which the last may be smaller.
                let part = size.div_ceil(n_parts);
                (0..n_parts)
                    .map(|number| part.min(size.saturating_sub(number * part)))
                    .collect()
            }
            sizes => sizes
                .iter()
                .map(|&size| index(size, "an entry of `split`"))
                .collect::<Result<Vec<_>>>()?,
        };
        let total = sizes
            .iter()
            .try_fold(0usize, |all, &size| all.checked_add(size));
        if total != Some(size) || sizes.len() != n_parts {
            return Err(Error::invalid(format!(
                "can't split {size} columns into {n_parts} parts of {sizes:?}"
            )));
        }
        let mut start = 0;
        let parts = sizes.into_iter().map(|size| {
            let places: Vec<usize> = (start..start + size).collect();
            start += size;
            let mut dims = x.dims.clone();
            dims[at] = size;
            take(x, at, &places, dims)
        });
        Ok(parts.collect())
    }))
}

/// SequenceConstruct of matrices of rows: their columns side by side, since columns are what a model's outputs become
pub(crate) fn sequence(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| joined(arguments, 1)))
}

/// GatherElements along the columns
pub(crate) fn gather_elements(node: &Node<'_>) -> Result<Kernel> {
    let wanted = node.int("axis", 0);
    Ok(Box::new(move |arguments| {
        let (x, numbers) = (arguments.need(0)?, arguments.need(1)?);
        let at = inner_axis(wanted, x)?;
        let fits = numbers.dims.len() == x.dims.len()
            && numbers.batched == x.batched
            && (0..x.dims.len()).all(|d| d == at || numbers.dims[d] == x.dims[d]);
        if !fits {
            return Err(Error::unsupported(format!(
                "picks {:?} elements from {:?}",
                numbers.dims, x.dims
            )));
        }
        let inner: usize = x.dims[at + 1..].iter().product();
        let width = numbers.dims[at];
        let places = numbers.ints()?.iter().enumerate().map(|(place, &number)| {
            let outer = place / inner / width.max(1);
            Ok((outer * x.dims[at] + axis(number, x.dims[at])?) * inner + place % inner)
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        Ok(vec![Tensor {
            dims: numbers.dims.clone(),
            data: x.data.pick(&places),
            batched: x.batched,
            classes: None,
        }])
    }))
}
