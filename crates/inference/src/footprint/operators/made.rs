//! Operators whose result has a size of its own: from sizes that they are given, or from what they find.

use super::super::extent::{Dim, Extent, Kind, MOST_VALUES, Range, UNBOUNDED};
use super::{Call, Effect, Numbers, axis_of, of_sizes};

/// What engines take for one tensor of a sequence beside its elements.
const HANDLE_BYTES: u64 = 256;

pub(super) fn effect(call: &Call<'_>) -> Option<Effect> {
    let data = call.at(0);
    Some(match call.operator() {
        "Constant" => constant(call).into(),
        "ConstantOfShape" => {
            let filled = call.node.attributes.get("value");
            let filled = filled.and_then(|value| value.tensor.as_ref());
            let (kind, range) = filled.map_or((Kind::Float, Range::exactly(0.0)), |value| {
                (value.kind, value.range)
            });
            of_sizes(kind, data).with_range(range).into()
        }
        "RandomNormal" | "RandomUniform" => {
            let sizes = match call.numbers("shape", usize::MAX) {
                Numbers::Known(sizes) => sizes.iter().map(|size| size.dim()).collect(),
                _ => vec![Dim::ANY],
            };
            Extent::new(Kind::Double, sizes).into()
        }
        "Multinomial" => {
            let n = u64::try_from(call.number_or("sample_size", 1)).unwrap_or(0);
            let rows = data.dims.as_ref().and_then(|dims| dims.first().copied());
            let dims = vec![rows.unwrap_or(Dim::ANY), Dim::exactly(n)];
            Extent::new(Kind::Long, dims).into()
        }
        "Range" => range(call).into(),
        "OneHot" => one_hot(call).into(),
        "NonZero" => {
            let n_dims = data
                .dims
                .as_ref()
                .map_or(MOST_VALUES, |dims| dims.len().max(1));
            let dims = vec![Dim::exactly(n_dims as u64), Dim::at_most(data.count)];
            let found = Extent::new(Kind::Long, dims);
            let index = Dim::at_most(data.count).range();
            Effect::from(found.clone().with_range(index)).and_scratch(found.size_bytes())
        }
        "Unique" => {
            let list = Extent::new(Kind::Long, vec![Dim::at_most(data.count)]);
            let found = match call.number("axis") {
                Some(_) => Extent::shapeless(data.kind, data.count),
                None => list.clone().of_kind(data.kind),
            };
            let scratch = list.size_bytes().saturating_mul(8);
            Effect::from(vec![found, list.clone(), list.clone(), list]).and_scratch(scratch)
        }
        "TopK" => top(call),
        "NonMaxSuppression" => boxes(call),
        "Resize" | "Upsample" => resize(call).into(),
        "HannWindow" | "HammingWindow" | "BlackmanWindow" => {
            Extent::new(Kind::Double, vec![data.range.dim()]).into()
        }
        "SequenceConstruct" => {
            let parts = call.inputs.iter().flatten();
            let count = parts.fold(0_u64, |n, part| n.saturating_add(part.count));
            let kind = call.inputs.iter().flatten().map(|part| part.kind).max();
            let all = Extent::shapeless(kind.unwrap_or(Kind::Float), count);
            Effect::from(all).and_scratch(call.inputs.len() as u64 * HANDLE_BYTES)
        }
        "SequenceEmpty" => Extent::shapeless(Kind::Byte, 0).into(),
        "SequenceInsert" => {
            let added = call.at(1);
            let count = data
                .count
                .saturating_add(added.count)
                .saturating_add(HANDLE_BYTES);
            Extent::shapeless(data.kind.max(added.kind), count).into()
        }
        "SequenceErase" | "SequenceAt" | "ConcatFromSequence" => {
            Extent::shapeless(data.kind, data.count).into()
        }
        "SequenceLength" => Extent::scalar(
            Kind::Long,
            Range {
                lo: 0.0,
                hi: f64::INFINITY,
            },
        )
        .into(),
        "OptionalHasElement" => Extent::scalar(Kind::Int, Range::FLAG).into(),
        "SplitToSequence" => {
            let n = match &data.dims {
                Some(dims) => dims.iter().map(|dim| dim.hi).max().unwrap_or(1),
                None => UNBOUNDED,
            };
            let parts = Extent::shapeless(data.kind, data.count);
            Effect::from(parts).and_scratch(n.saturating_mul(HANDLE_BYTES))
        }
        _ => return None,
    })
}

fn constant(call: &Call<'_>) -> Extent {
    let attribute = |name: &str| call.node.attributes.get(name);
    let whole = |values: Vec<Range>, kind: Kind, is_list: bool| match (is_list, values.first()) {
        (false, Some(value)) => Extent::scalar(kind, *value),
        _ => Extent::list(kind, values),
    };
    let made = if let Some(value) = attribute("value") {
        value.tensor.clone()
    } else if let Some(value) = attribute("value_int").and_then(|value| value.number) {
        Some(whole(vec![Range::integer(value)], Kind::Long, false))
    } else if let Some(value) = attribute("value_ints") {
        let values = value.numbers.iter().map(|value| Range::integer(*value));
        let few = value.numbers.len() == value.n_entries;
        let long = Extent::new(Kind::Long, vec![Dim::exactly(value.n_entries as u64)]);
        Some(match few {
            true => whole(values.collect(), Kind::Long, true),
            false => long,
        })
    } else if attribute("value_float").is_some() {
        Some(Extent::new(Kind::Float, Vec::new()))
    } else if let Some(value) = attribute("value_floats").or(attribute("value_strings")) {
        Some(Extent::new(
            Kind::Other,
            vec![Dim::exactly(value.n_entries as u64)],
        ))
    } else {
        attribute("value_string").map(|_| Extent::new(Kind::Other, Vec::new()))
    };
    Extent {
        is_constant: true,
        ..made.unwrap_or(Extent::UNKNOWN)
    }
}

fn range(call: &Call<'_>) -> Extent {
    let [start, limit, step] = [0, 1, 2].map(|input| call.at(input).range);
    let kind = call.at(0).kind;
    let n = match step.lo > 0.0 || step.hi < 0.0 {
        true => limit
            .combine(start, |limit, start| limit - start)
            .combine(step, |way, step| way / step)
            .computed(Kind::Double)
            .map(f64::ceil)
            .dim(),
        false => Dim::ANY,
    };
    // Whole numbers are exact.
    let whole = start.whole().zip(limit.whole()).zip(step.whole());
    let n = match whole {
        Some(((start, limit), step)) if step != 0 => {
            let way = (limit - start).checked_div(step).unwrap_or(0);
            let rest = i64::from((limit - start).checked_rem(step).unwrap_or(0) != 0);
            let n = if (limit - start).signum() == step.signum() {
                way + rest
            } else {
                0
            };
            Dim::exactly(n.max(0) as u64)
        }
        _ => n,
    };
    let all = Extent::new(kind, vec![n]);
    match (n.exact(), whole) {
        (Some(n), Some(((start, _), step))) if n <= MOST_VALUES as u64 => {
            let values = (0..n as i64).map(|at| Range::integer(start + at * step));
            all.with_values(values.collect())
        }
        _ => all.with_range(start.join(limit)),
    }
}

fn one_hot(call: &Call<'_>) -> Extent {
    let (indices, depth, values) = (call.at(0), call.at(1), call.at(2));
    let depth_dim = depth.range.dim();
    let Some(dims) = &indices.dims else {
        return Extent::shapeless(values.kind, indices.count.saturating_mul(depth_dim.hi));
    };
    let mut dims = dims.clone();
    let axis = axis_of(call.number_or("axis", -1), dims.len() + 1);
    dims.insert(axis.unwrap_or(0), depth_dim);
    Extent::new(values.kind, dims)
}

fn top(call: &Call<'_>) -> Effect {
    let data = call.at(0);
    let k = match call.numbers("k", 1) {
        Numbers::Known(k) => k.first().map_or(Dim::ANY, |k| k.dim()),
        _ => Dim::ANY,
    };
    let found = match &data.dims {
        Some(dims) => {
            let mut dims = dims.clone();
            if let Some(axis) = axis_of(call.number_or("axis", -1), dims.len()) {
                // More than there are is an error.
                dims[axis] = Dim {
                    lo: k.lo.min(dims[axis].lo),
                    hi: k.hi.min(dims[axis].hi),
                };
            }
            Extent::new(data.kind, dims)
        }
        None => Extent::shapeless(data.kind, data.count),
    };
    let indices = found.shape_of().of_kind(Kind::Long);
    // Values with their places are sorted.
    let scratch = data.count.saturating_mul(16);
    Effect::from(vec![found, indices]).and_scratch(scratch)
}

/// `NonMaxSuppression`: for each image and class at most as many boxes as there are, or as are asked for.
fn boxes(call: &Call<'_>) -> Effect {
    let (boxes, scores) = (call.at(0), call.at(1));
    let each = match boxes.dims.as_deref() {
        Some([_, n, _]) => n.hi,
        _ => boxes.count,
    };
    let (asked, groups) = match scores.dims.as_deref() {
        Some([images, classes, _]) => {
            let asked = call.given(2).map_or(0, |most| most.range.dim().hi);
            (asked, images.hi.saturating_mul(classes.hi))
        }
        _ => (UNBOUNDED, scores.count),
    };
    let n = groups.saturating_mul(each.min(asked));
    let found = Extent::new(Kind::Long, vec![Dim::at_most(n), Dim::exactly(3)]);
    let scratch = scores.count.saturating_mul(32);
    Effect::from(found).and_scratch(scratch)
}

/// `Resize` and `Upsample`: sizes, or factors of the sizes that there are.
fn resize(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return Extent::shapeless(data.kind, UNBOUNDED);
    };
    let axes = match call.numbers("axes", usize::MAX) {
        Numbers::Absent => Some((0..dims.len()).collect()),
        _ => call.axes(usize::MAX, dims.len()),
    };
    let Some(axes) = axes else {
        return Extent::shapeless(data.kind, UNBOUNDED);
    };
    let sizes = call.given(3).filter(|sizes| sizes.count > 0);
    let factors = match call.inputs.len() {
        2 => 1,
        _ => 2,
    };
    let mut resized = dims.clone();
    if let Some(sizes) = sizes {
        let entries = sizes.entries().unwrap_or_default();
        let size = |at: usize| entries.get(at).map_or(Dim::ANY, |size| size.dim());
        let policy = call.text("keep_aspect_ratio_policy");
        let keeps_ratio = !matches!(policy, "" | "stretch");
        // As much larger as any side may get.
        let most = axes
            .iter()
            .enumerate()
            .map(|(at, axis)| size(at).range().hi / dims[*axis].range().lo.max(1.0));
        let most = most.fold(0.0, f64::max);
        for (at, &axis) in axes.iter().enumerate() {
            resized[axis] = match keeps_ratio {
                true => Dim {
                    lo: 0,
                    hi: Range::exactly(dims[axis].range().hi * most + 1.0).dim().hi,
                },
                false => size(at),
            };
        }
    } else {
        let entries = match call.numbers("scales", factors) {
            Numbers::Known(entries) => entries,
            _ => Vec::new(),
        };
        for (at, &axis) in axes.iter().enumerate() {
            let factor = entries.get(at).copied().unwrap_or(Range::ANY);
            let size = dims[axis]
                .range()
                .combine(factor, |size, factor| size * factor);
            // Engines multiply in 32 bits.
            resized[axis] = match factor.lo == factor.hi {
                true if size.lo == size.hi && size.lo.fract() == 0.0 => size.dim(),
                _ => size.computed(Kind::Float).dim(),
            };
        }
    }
    Extent::new(data.kind, resized)
}
