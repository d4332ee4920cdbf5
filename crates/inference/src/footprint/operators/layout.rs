//! Operators that move elements: shapes, slices, and what repeats them.

use super::super::extent::{Dim, Extent, Kind, MOST_VALUES, Range, UNBOUNDED, product};
use super::{Call, Effect, Numbers, axis_of, broadcast};

pub(super) fn effect(call: &Call<'_>) -> Option<Effect> {
    let data = call.at(0);
    Some(match call.operator() {
        "Shape" => shape(call).into(),
        "Size" => {
            let most = Range {
                lo: if data.has_elements() { 1.0 } else { 0.0 },
                hi: Dim::at_most(data.count).range().hi,
            };
            let size = data.n_elements().map_or(most, |n| Range::exactly(n as f64));
            Extent::scalar(Kind::Long, size).into()
        }
        "Reshape" => reshape(call).into(),
        "Flatten" => flatten(call).into(),
        "Squeeze" => squeeze(call).into(),
        "Unsqueeze" => unsqueeze(call).into(),
        "Transpose" => transpose(call).into(),
        "Concat" | "com.microsoft.QLinearConcat" => concat(call).into(),
        "Slice" => slice(call).into(),
        "Gather" => gather(call).into(),
        "GatherElements" => {
            let indices = call.at(1);
            Extent {
                range: data.range,
                ..indices.shape_of().of_kind(data.kind)
            }
            .into()
        }
        "GatherND" => gather_nd(call).into(),
        "Split" => split(call).into(),
        "Expand" => expand(call).into(),
        "Tile" => tile(call).into(),
        "Pad" | "com.microsoft.Pad" => pad(call).into(),
        "Compress" => {
            // A list of what was chosen, or slices along an axis.
            let dims = data.dims.as_ref().zip(call.number("axis"));
            let chosen = dims.map(|(dims, axis)| {
                let axis = axis_of(axis, dims.len());
                let dims = dims.iter().enumerate();
                let dims = dims.map(|(at, dim)| match Some(at) == axis {
                    true => Dim::at_most(dim.hi),
                    false => *dim,
                });
                Extent::new(data.kind, dims.collect())
            });
            let list = || Extent::new(data.kind, vec![Dim::at_most(data.count)]);
            chosen.unwrap_or_else(list).into()
        }
        "DepthToSpace" | "SpaceToDepth" => blocks(call).into(),
        _ => return None,
    })
}

fn shape(call: &Call<'_>) -> Extent {
    let Some(dims) = &call.at(0).dims else {
        return Extent::new(Kind::Long, vec![Dim::at_most(MOST_VALUES as u64)]).with_range(Range {
            lo: 0.0,
            hi: f64::INFINITY,
        });
    };
    let n = dims.len() as i64;
    let place = |at: i64| if at < 0 { at.saturating_add(n) } else { at }.clamp(0, n) as usize;
    let start = place(call.number_or("start", 0));
    let end = place(call.number_or("end", i64::MAX)).max(start);
    let sizes = dims[start..end].iter().map(|dim| dim.range());
    Extent::list(Kind::Long, sizes.collect())
}

/// The same elements in another shape.
fn with_dims(data: &Extent, dims: Vec<Dim>) -> Extent {
    let reshaped = Extent::new(data.kind, dims);
    let reshaped = Extent {
        range: data.range,
        count: reshaped.count.min(data.count),
        ..reshaped
    };
    match &data.values {
        Some(values) => reshaped.with_values(values.clone()),
        None => reshaped,
    }
}

fn reshape(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let sizes = match call.numbers("shape", 1) {
        Numbers::Known(sizes) => sizes,
        _ => {
            return Extent {
                range: data.range,
                ..Extent::shapeless(data.kind, data.count)
            };
        }
    };
    let copies_zero = call.number_or("allowzero", 0) == 0;
    let most = match data.has_elements() {
        true => data.count,
        false => UNBOUNDED,
    };
    let mut dims: Vec<Dim> = Vec::with_capacity(sizes.len());
    for (axis, size) in sizes.iter().enumerate() {
        let same = data.dims.as_ref().and_then(|dims| dims.get(axis).copied());
        dims.push(match size.whole() {
            Some(0) if copies_zero => same.unwrap_or(Dim::at_most(most)),
            // What is left; where that is not sure, the size may also be copied.
            Some(-1) => Dim::at_most(UNBOUNDED),
            Some(size) => Dim::exactly(u64::try_from(size).unwrap_or(0)),
            None if size.lo > 0.0 => Dim {
                hi: size.dim().hi.min(most),
                ..size.dim()
            },
            None => {
                let copied = same.unwrap_or(Dim::at_most(most));
                Dim::at_most(size.dim().hi.max(copied.hi).max(match size.lo < 0.0 {
                    true => data.count,
                    false => 0,
                }))
            }
        });
    }
    let left = |at: usize| sizes[at].whole() == Some(-1);
    if let Some(at) = (0..dims.len()).find(|at| left(*at)) {
        let others = dims.iter().enumerate().filter(|(other, _)| *other != at);
        let (lo, hi) = others.fold((1_u64, 1_u64), |(lo, hi), (_, dim)| {
            (lo.saturating_mul(dim.lo), hi.saturating_mul(dim.hi))
        });
        let exact = data.n_elements().filter(|_| lo == hi);
        dims[at] = match exact {
            Some(n) => Dim::exactly(n / lo.max(1)),
            None => Dim {
                lo: u64::from(data.has_elements()),
                hi: data.count / lo.max(1),
            },
        };
    }
    with_dims(data, dims)
}

fn flatten(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return Extent::shapeless(data.kind, data.count);
    };
    let n = dims.len() as i64;
    let axis = call.number_or("axis", 1);
    let axis = if axis < 0 {
        axis.saturating_add(n)
    } else {
        axis
    }
    .clamp(0, n) as usize;
    let all = |dims: &[Dim]| dims.iter().fold(Dim::ONE, |all, dim| all.times(*dim));
    with_dims(data, vec![all(&dims[..axis]), all(&dims[axis..])])
}

fn squeeze(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let shapeless = || Extent {
        range: data.range,
        ..Extent::shapeless(data.kind, data.count)
    };
    let Some(dims) = &data.dims else {
        return shapeless();
    };
    let Some(axes) = call.axes(1, dims.len()) else {
        return shapeless();
    };
    let goes = |at: usize, dim: &Dim| match axes.is_empty() {
        true => dim.exact() == Some(1),
        false => axes.contains(&at),
    };
    if axes.is_empty() && dims.iter().any(|dim| dim.exact().is_none() && dim.lo <= 1) {
        return shapeless();
    }
    let left = dims.iter().enumerate().filter(|(at, dim)| !goes(*at, dim));
    with_dims(data, left.map(|(_, dim)| *dim).collect())
}

fn unsqueeze(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let more = match call.numbers("axes", 1) {
        Numbers::Known(axes) => axes.len(),
        _ => 0,
    };
    let known = data.dims.as_ref().and_then(|dims| {
        let n = dims.len() + more;
        Some((dims, n, call.axes(1, n).filter(|_| more > 0)?))
    });
    let Some((dims, n, axes)) = known else {
        return Extent {
            range: data.range,
            ..Extent::shapeless(data.kind, data.count)
        };
    };
    let mut own = dims.iter().copied();
    let all = (0..n).map(|at| match axes.contains(&at) {
        true => Dim::ONE,
        false => own.next().unwrap_or(Dim::ONE),
    });
    with_dims(data, all.collect())
}

/// Elements in a new shape, each from the place that `place` gives; for tensors of few elements.
fn moved(data: &Extent, result: Extent, place: impl Fn(&[usize]) -> Option<Vec<usize>>) -> Extent {
    let moved = || {
        let values = data.values.as_ref()?;
        let from = data.exact_dims()?;
        let to = result.exact_dims()?;
        let n = result.n_elements()?;
        if n > MOST_VALUES as u64 {
            return None;
        }
        let mut all = Vec::with_capacity(n as usize);
        for index in 0..n as usize {
            let mut rest = index;
            let mut at = vec![0; to.len()];
            for (axis, size) in to.iter().enumerate().rev() {
                at[axis] = rest % size;
                rest /= size;
            }
            let source = place(&at)?;
            let mut flat = 0;
            for (size, at) in from.iter().zip(source) {
                flat = flat * size + at;
            }
            all.push(*values.get(flat)?);
        }
        Some(all)
    };
    let values = moved();
    let result = Extent {
        range: data.range,
        ..result
    };
    match values {
        Some(values) => result.with_values(values),
        None => result,
    }
}

fn transpose(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return data.shape_of();
    };
    let n = dims.len();
    let order = (0..n).map(|at| {
        let from = call.integer("perm", at, (n - 1 - at) as i64);
        usize::try_from(from).ok().filter(|from| *from < n)
    });
    let Some(order) = order.collect::<Option<Vec<usize>>>() else {
        return data.shape_of();
    };
    let turned = Extent::new(data.kind, order.iter().map(|from| dims[*from]).collect());
    let turned = Extent {
        count: turned.count.max(data.count),
        ..turned
    };
    moved(data, turned, |at| {
        let mut source = vec![0; n];
        for (index, from) in at.iter().zip(&order) {
            source[*from] = *index;
        }
        Some(source)
    })
}

fn concat(call: &Call<'_>) -> Extent {
    // The quantized one has a scale and a zero point first, and two more with each part.
    let parts: Vec<&Extent> = match call.operator() {
        "Concat" => call.inputs.iter().flatten().copied().collect(),
        _ => call
            .inputs
            .iter()
            .skip(2)
            .step_by(3)
            .flatten()
            .copied()
            .collect(),
    };
    let kind = parts
        .iter()
        .map(|part| part.kind)
        .max()
        .unwrap_or(Kind::Other);
    let count = parts
        .iter()
        .fold(0_u64, |n, part| n.saturating_add(part.count));
    let range = parts.iter().map(|part| part.range).reduce(Range::join);
    let range = range.unwrap_or(Range::ANY);
    let first = parts.iter().find_map(|part| part.dims.as_ref());
    let axis = first.and_then(|dims| axis_of(call.number_or("axis", 0), dims.len()));
    let (Some(first), Some(axis)) = (first, axis) else {
        return Extent {
            range,
            ..Extent::shapeless(kind, count)
        };
    };
    let mut dims = first.clone();
    dims[axis] = Dim::exactly(0);
    for part in &parts {
        let Some(own) = part.dims.as_ref().filter(|own| own.len() == dims.len()) else {
            return Extent {
                range,
                ..Extent::shapeless(kind, count)
            };
        };
        dims[axis] = dims[axis].plus(own[axis]);
        for at in (0..dims.len()).filter(|at| *at != axis) {
            // They are the same.
            dims[at] = Dim {
                lo: dims[at].lo.max(own[at].lo),
                hi: dims[at].hi.min(own[at].hi),
            };
        }
    }
    let joined = Extent::new(kind, dims);
    let joined = Extent {
        count: joined.count.min(count),
        range,
        ..joined
    };
    let is_list = joined.dims.as_ref().is_some_and(|dims| dims.len() == 1);
    let values: Option<Vec<Vec<Range>>> = parts.iter().map(|part| part.entries()).collect();
    match values {
        Some(values) if is_list => joined.with_values(values.concat()),
        _ => joined,
    }
}

fn slice(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return Extent {
            range: data.range,
            ..Extent::shapeless(data.kind, UNBOUNDED)
        };
    };
    let list = |attribute: &str, input: usize| match call.numbers(attribute, input) {
        Numbers::Known(values) => Some(values),
        _ => None,
    };
    let (starts, ends) = (list("starts", 1), list("ends", 2));
    let n_axes = starts.as_ref().or(ends.as_ref()).map_or(0, Vec::len);
    let axes = match call.numbers("axes", 3) {
        Numbers::Absent => Some((0..n_axes.min(dims.len())).collect()),
        _ => call.axes(3, dims.len()),
    };
    let (Some(starts), Some(ends), Some(axes)) = (starts, ends, axes) else {
        let any = dims.iter().map(|dim| Dim::at_most(dim.hi)).collect();
        return Extent {
            range: data.range,
            ..Extent::new(data.kind, any)
        };
    };
    let steps = match call.numbers("steps", 4) {
        Numbers::Known(steps) => steps,
        Numbers::Absent => vec![Range::exactly(1.0); axes.len()],
        Numbers::Unknown => vec![Range::ANY; axes.len()],
    };
    let mut left = dims.clone();
    // Where each axis starts and how it goes on
    let mut walk: Vec<Option<(i64, i64)>> = vec![Some((0, 1)); dims.len()];
    for (at, &axis) in axes.iter().enumerate() {
        let any = &Range::ANY;
        let [start, end, step] = [&starts, &ends, &steps].map(|list| list.get(at).unwrap_or(any));
        let (dim, way) = slice_axis(dims[axis], *start, *end, *step);
        left[axis] = dim;
        walk[axis] = way;
    }
    moved(data, Extent::new(data.kind, left), |at| {
        let mut source = Vec::with_capacity(at.len());
        for (index, way) in at.iter().zip(&walk) {
            let (start, step) = (*way)?;
            source.push(usize::try_from(start + *index as i64 * step).ok()?);
        }
        Some(source)
    })
}

/// The size that is left of a dimension, and the first index and the step where they are known.
fn slice_axis(dim: Dim, start: Range, end: Range, step: Range) -> (Dim, Option<(i64, i64)>) {
    let place = |at: Range, size: i64| -> Option<i64> {
        // Beyond 32 bits is beyond every dimension that can be exact here.
        let at = match at.whole() {
            Some(at) => at,
            None if at.lo >= 1e9 => i64::MAX,
            None if at.hi <= -1e9 => i64::MIN,
            None => return None,
        };
        Some(if at < 0 { at.saturating_add(size) } else { at })
    };
    let size = dim.exact().and_then(|size| i64::try_from(size).ok());
    if let (Some(size), Some(step)) = (size.filter(|size| *size < 1_000_000_000), step.whole())
        && let (Some(start), Some(end)) = (place(start, size), place(end, size))
        && step != 0
    {
        let (start, end) = match step > 0 {
            true => (start.clamp(0, size), end.clamp(0, size)),
            false => (start.clamp(-1, size - 1), end.clamp(-1, size - 1)),
        };
        let n = match step > 0 {
            true => (end - start + step - 1).max(0) / step,
            false => (start - end - step - 1).max(0) / -step,
        };
        return (Dim::exactly(n as u64), Some((start, step)));
    }
    let mut most = dim.hi;
    if step.lo >= 1.0 && start.lo >= 0.0 && end.lo >= 0.0 {
        most = most.min(Range::exactly(end.hi - start.lo).dim().hi);
    }
    (Dim::at_most(most), None)
}

fn gather(call: &Call<'_>) -> Extent {
    let (data, indices) = (call.at(0), call.at(1));
    let axis = data
        .dims
        .as_ref()
        .and_then(|dims| axis_of(call.number_or("axis", 0), dims.len()));
    let (Some(dims), Some(axis), Some(places)) = (&data.dims, axis, &indices.dims) else {
        return Extent {
            range: data.range,
            ..Extent::shapeless(data.kind, UNBOUNDED)
        };
    };
    let all = [&dims[..axis], places, &dims[axis + 1..]].concat();
    let gathered = Extent::new(data.kind, all);
    let n_places = places.len();
    let Some(chosen) = indices.values.as_ref().zip(indices.exact_dims()) else {
        return Extent {
            range: data.range,
            ..gathered
        };
    };
    let (chosen, shape) = chosen;
    moved(data, gathered, |at| {
        let mut flat = 0;
        for (size, at) in shape.iter().zip(&at[axis..]) {
            flat = flat * size + at;
        }
        let size = data.dims.as_ref()?[axis].exact()?;
        let index = axis_of(chosen.get(flat)?.whole()?, size as usize)?;
        Some([&at[..axis], &[index], &at[axis + n_places..]].concat())
    })
}

fn gather_nd(call: &Call<'_>) -> Extent {
    let (data, indices) = (call.at(0), call.at(1));
    let n_batch = usize::try_from(call.number_or("batch_dims", 0)).unwrap_or(usize::MAX);
    let known = data.dims.as_ref().zip(indices.dims.as_ref());
    let dims = known.and_then(|(dims, places)| {
        let (last, outer) = places.split_last()?;
        let depth = usize::try_from(last.exact()?).ok()?;
        let rest = dims.get(n_batch.checked_add(depth)?..)?;
        Some([outer, rest].concat())
    });
    match dims {
        Some(dims) => Extent {
            range: data.range,
            ..Extent::new(data.kind, dims)
        },
        None => Extent::shapeless(data.kind, UNBOUNDED),
    }
}

fn split(call: &Call<'_>) -> Vec<Extent> {
    let data = call.at(0);
    let n = call.node.outputs.len().max(1);
    let axis = data
        .dims
        .as_ref()
        .and_then(|dims| axis_of(call.number_or("axis", 0), dims.len()));
    let (Some(dims), Some(axis)) = (&data.dims, axis) else {
        return vec![Extent::shapeless(data.kind, data.count); n];
    };
    let sizes: Vec<Dim> = match call.numbers("split", 1) {
        Numbers::Known(sizes) => sizes
            .iter()
            .map(|size| Dim {
                lo: 0,
                hi: size.dim().hi.min(dims[axis].hi),
            })
            .collect(),
        Numbers::Absent => {
            let part = |size: u64| match size {
                UNBOUNDED => UNBOUNDED,
                size => size.div_ceil(n as u64),
            };
            let hi = part(dims[axis].hi);
            vec![Dim { lo: 0, hi }; n]
        }
        Numbers::Unknown => vec![Dim::at_most(dims[axis].hi); n],
    };
    // Where all fit, each is exactly as large as it is said to be.
    let whole = sizes
        .iter()
        .fold(0_u64, |all, dim| all.saturating_add(dim.hi));
    let fits = dims[axis].exact() == Some(whole);
    let mut start = 0_usize;
    let mut parts = Vec::with_capacity(n);
    for index in 0..n {
        let mut size = sizes
            .get(index)
            .copied()
            .unwrap_or(Dim::at_most(dims[axis].hi));
        if fits {
            size.lo = size.hi;
        }
        let mut own = dims.clone();
        own[axis] = size;
        let first = start;
        start = start.saturating_add(size.hi as usize);
        parts.push(moved(data, Extent::new(data.kind, own), |at| {
            let mut source = at.to_vec();
            source[axis] = source[axis].saturating_add(first);
            fits.then_some(source)
        }));
    }
    parts
}

fn expand(call: &Call<'_>) -> Extent {
    let (data, shape) = (call.at(0), call.at(1));
    let (Some(dims), Some(sizes)) = (&data.dims, shape.entries()) else {
        return Extent {
            range: data.range,
            ..Extent::shapeless(data.kind, UNBOUNDED)
        };
    };
    let sizes: Vec<Dim> = sizes.iter().map(|size| size.dim()).collect();
    Extent::new(data.kind, broadcast(dims, &sizes)).with_range(data.range)
}

fn tile(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let (Some(dims), Some(repeats)) = (&data.dims, call.at(1).entries()) else {
        return Extent {
            range: data.range,
            ..Extent::shapeless(data.kind, UNBOUNDED)
        };
    };
    let repeat = |at: usize| repeats.get(at).map_or(Dim::ANY, |repeat| repeat.dim());
    let dims = dims.iter().enumerate();
    let dims = dims.map(|(at, dim)| dim.times(repeat(at))).collect();
    Extent::new(data.kind, dims).with_range(data.range)
}

fn pad(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let pads = match call.numbers("pads", 1) {
        Numbers::Known(pads) => Some(pads),
        _ => None,
    };
    let axes = data
        .dims
        .as_ref()
        .and_then(|dims| match call.numbers("axes", 3) {
            Numbers::Absent => Some((0..dims.len()).collect()),
            _ => call.axes(3, dims.len()),
        });
    let (Some(dims), Some(pads), Some(axes)) = (&data.dims, pads, axes) else {
        return Extent::shapeless(data.kind, UNBOUNDED);
    };
    let mut padded = dims.clone();
    for (at, &axis) in axes.iter().enumerate() {
        let pad = |at: usize| pads.get(at).copied().unwrap_or(Range::ANY);
        let more = pad(at).combine(pad(at + axes.len()), |a, b| a + b);
        padded[axis] = dims[axis].range().combine(more, |a, b| a + b).dim();
    }
    Extent::new(data.kind, padded)
}

/// Blocks of pixels become channels, or the other way round.
fn blocks(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let block = u64::try_from(call.number_or("blocksize", 1))
        .unwrap_or(1)
        .max(1);
    match data.dims.as_deref() {
        Some([n, channels, height, width]) => {
            let down = |dim: &Dim, by: u64| Dim {
                lo: dim.lo / by,
                hi: if dim.hi == UNBOUNDED {
                    UNBOUNDED
                } else {
                    dim.hi / by
                },
            };
            let up = |dim: &Dim, by: u64| dim.times(Dim::exactly(by));
            let square = block.saturating_mul(block);
            let dims = match call.operator() {
                "DepthToSpace" => vec![
                    *n,
                    down(channels, square),
                    up(height, block),
                    up(width, block),
                ],
                _ => vec![
                    *n,
                    up(channels, square),
                    down(height, block),
                    down(width, block),
                ],
            };
            let count = product(&dims).min(data.count);
            Extent {
                count,
                ..Extent::new(data.kind, dims)
            }
        }
        _ => Extent::shapeless(data.kind, data.count),
    }
}
