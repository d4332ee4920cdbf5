//! Operators that work on elements, and those that reduce dimensions to one element.

use super::super::extent::{Dim, Extent, Kind, MOST_VALUES, Range, UNBOUNDED};
use super::{Call, Effect, Numbers, axis_of, broadcast};

pub(super) fn effect(call: &Call<'_>) -> Option<Effect> {
    if let Some(output) = unary(call) {
        return Some(output.into());
    }
    if let Some(output) = together(call) {
        return Some(output.into());
    }
    let first = call.at(0);
    Some(match call.operator() {
        "Dropout" => vec![first.clone(), first.shape_of().of_kind(Kind::Int)].into(),
        "DynamicQuantizeLinear" => {
            let scale = Extent::new(Kind::Float, Vec::new());
            let zero = Extent::new(Kind::Byte, Vec::new());
            vec![first.shape_of().of_kind(Kind::Byte), scale, zero].into()
        }
        // Statistics of the training mode have a number for each channel; of layers, for each row.
        "BatchNormalization"
        | "LayerNormalization"
        | "SimplifiedLayerNormalization"
        | "com.microsoft.SkipLayerNormalization"
        | "com.microsoft.SkipSimplifiedLayerNormalization"
        | "SkipLayerNormalization" => vec![first.shape_of(); 5].into(),
        name if name.starts_with("Reduce") => Effect::from(reduce(call)).and_scratch(
            // Some engines bring the reduced dimensions together first.
            first.size_bytes(),
        ),
        "ArgMax" | "ArgMin" => reduce_axis(call).into(),
        _ => return None,
    })
}

/// One element for each element of the first input.
fn unary(call: &Call<'_>) -> Option<Extent> {
    let first = call.at(0);
    let each = |kind: Kind, function: &dyn Fn(Range) -> Range| {
        let values = first.values.as_ref();
        let values = values.map(|values| values.iter().map(|v| function(*v)).collect());
        Extent {
            kind,
            values,
            range: function(first.range),
            ..first.clone()
        }
    };
    let same = first.kind;
    Some(match call.operator() {
        "Identity" | "com.microsoft.Identity" | "OptionalGetElement" | "Optional" => first.clone(),
        "Cast" => {
            let kind = Kind::of(call.number_or("to", 1) as i32);
            each(kind, &|v| cast(v, first.kind, kind, call.number("to")))
        }
        "CastLike" => {
            let kind = call.at(1).kind;
            each(kind, &|v| cast(v, first.kind, kind, None))
        }
        "BitCast" => first
            .shape_of()
            .of_kind(Kind::of(call.number_or("to", 1) as i32)),
        "Neg" => each(same, &|v| v.map(|v| -v).computed(same)),
        "Abs" => each(same, &|v| {
            let largest = v.lo.abs().max(v.hi.abs());
            Range {
                lo: 0.0,
                hi: largest,
            }
            .computed(same)
        }),
        "Floor" => each(same, &|v| v.map(f64::floor)),
        "Ceil" => each(same, &|v| v.map(f64::ceil)),
        "Round" => each(same, &|v| Range {
            lo: v.lo.floor(),
            hi: v.hi.ceil(),
        }),
        "Relu" => each(same, &|v| v.map(|v| v.max(0.0))),
        "Sign" => each(same, &|_| Range { lo: -1.0, hi: 1.0 }),
        "Clip" => {
            let least = call
                .given(1)
                .map_or(Range::exactly(f64::NEG_INFINITY), |bound| bound.range);
            let most = call
                .given(2)
                .map_or(Range::exactly(f64::INFINITY), |bound| bound.range);
            let is_attribute = !call.node.attributes.is_empty();
            each(same, &|v| match is_attribute {
                true => Range::ANY,
                false => v.combine(least, f64::max).combine(most, f64::min),
            })
        }
        "Not" => each(Kind::Int, &|v| {
            truth(v.whole() == Some(0), v.lo > 0.0 || v.hi < 0.0)
        }),
        "IsNaN" | "IsInf" => first.shape_of().of_kind(Kind::Int).with_range(Range::FLAG),
        "QuantizeLinear" | "com.microsoft.QuantizeLinear" => first.shape_of().of_kind(Kind::Int),
        "DequantizeLinear" | "com.microsoft.DequantizeLinear" => {
            first.shape_of().of_kind(call.at(1).kind.max(Kind::Float))
        }
        "Acos"
        | "Acosh"
        | "Asin"
        | "Asinh"
        | "Atan"
        | "Atanh"
        | "Bernoulli"
        | "BitwiseNot"
        | "Celu"
        | "Cos"
        | "Cosh"
        | "CumSum"
        | "Elu"
        | "Erf"
        | "Exp"
        | "EyeLike"
        | "Gelu"
        | "GroupNormalization"
        | "HardSigmoid"
        | "HardSwish"
        | "Hardmax"
        | "InstanceNormalization"
        | "LRN"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "Mish"
        | "RMSNormalization"
        | "RandomNormalLike"
        | "RandomUniformLike"
        | "Reciprocal"
        | "ReverseSequence"
        | "RotaryEmbedding"
        | "Scatter"
        | "ScatterElements"
        | "ScatterND"
        | "Selu"
        | "Shrink"
        | "Sigmoid"
        | "Sin"
        | "Sinh"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "Sqrt"
        | "Swish"
        | "Tan"
        | "Tanh"
        | "TensorScatter"
        | "ThresholdedRelu"
        | "Trilu" => {
            let kind = Kind::of(call.number_or("dtype", 0) as i32);
            let kind = if kind == Kind::Other { same } else { kind };
            first.shape_of().of_kind(kind)
        }
        "com.microsoft.FastGelu"
        | "com.microsoft.Gelu"
        | "com.microsoft.QuickGelu"
        | "com.microsoft.RotaryEmbedding"
        | "com.microsoft.QLinearSigmoid"
        | "com.microsoft.QLinearLeakyRelu"
        | "com.microsoft.QLinearSoftmax" => first.shape_of(),
        _ => return None,
    })
}

/// One element for each element of inputs that are made equal by repeating.
fn together(call: &Call<'_>) -> Option<Extent> {
    use Kind::Int;
    let kind = call.at(0).kind;
    let exact = |f: fn(f64, f64) -> f64| {
        Box::new(move |a: Range, b: Range| a.combine(b, f).computed(kind))
            as Box<dyn Fn(Range, Range) -> Range>
    };
    let any = || Box::new(|_: Range, _: Range| Range::ANY) as Box<dyn Fn(Range, Range) -> Range>;
    let flag = || Box::new(|_: Range, _: Range| Range::FLAG) as Box<dyn Fn(Range, Range) -> Range>;
    let (kind, function) = match call.operator() {
        "Add" | "Sum" => (kind, exact(|a, b| a + b)),
        "Sub" => (kind, exact(|a, b| a - b)),
        "Mul" => (kind, exact(|a, b| a * b)),
        "Min" => (kind, exact(f64::min)),
        "Max" => (kind, exact(f64::max)),
        "Div" => (
            kind,
            Box::new(move |a: Range, b: Range| divide(a, b, kind)) as _,
        ),
        "Mod" => (kind, Box::new(remainder) as _),
        "Pow"
        | "Mean"
        | "BitShift"
        | "BitwiseAnd"
        | "BitwiseOr"
        | "BitwiseXor"
        | "PRelu"
        | "com.microsoft.BiasGelu"
        | "com.microsoft.BiasSplitGelu" => (kind, any()),
        "And" | "Or" | "Xor" => (Int, flag()),
        "Equal" => (Int, Box::new(equal) as _),
        "Less" => (
            Int,
            Box::new(|a: Range, b: Range| truth(a.hi < b.lo, a.lo >= b.hi)) as _,
        ),
        "Greater" => (
            Int,
            Box::new(|a: Range, b: Range| truth(a.lo > b.hi, a.hi <= b.lo)) as _,
        ),
        "LessOrEqual" => (
            Int,
            Box::new(|a: Range, b: Range| truth(a.hi <= b.lo, a.lo > b.hi)) as _,
        ),
        "GreaterOrEqual" => (
            Int,
            Box::new(|a: Range, b: Range| truth(a.lo >= b.hi, a.hi < b.lo)) as _,
        ),
        "Where" => return Some(choose(call)),
        // A, scale, zero, B, scale, zero
        "com.microsoft.QLinearAdd" | "com.microsoft.QLinearMul" => {
            return Some(pair(call.at(0), call.at(3), kind, &|_, _| Range::ANY));
        }
        _ => return None,
    };
    let mut inputs = call.inputs.iter().flatten();
    let mut joined = (*inputs.next()?).clone();
    for input in inputs {
        let either = if kind == Int {
            Int
        } else {
            joined.kind.max(input.kind)
        };
        joined = pair(&joined, input, either, &*function);
    }
    Some(joined.of_kind(kind.max(if kind == Int { Int } else { Kind::Byte })))
}

fn pair(a: &Extent, b: &Extent, kind: Kind, function: &dyn Fn(Range, Range) -> Range) -> Extent {
    let (Some(a_dims), Some(b_dims)) = (&a.dims, &b.dims) else {
        return Extent::shapeless(kind, a.count.saturating_mul(b.count));
    };
    let joined = Extent::new(kind, broadcast(a_dims, b_dims));
    let values = elementwise(a, b, &joined, function);
    // Never more than each repeated for all of the other.
    let joined = Extent {
        range: function(a.range, b.range),
        count: joined.count.min(a.count.saturating_mul(b.count)),
        ..joined
    };
    match values {
        Some(values) => joined.with_values(values),
        None => joined,
    }
}

/// Elements of lists and single values, which shapes are computed from.
fn elementwise(
    a: &Extent,
    b: &Extent,
    joined: &Extent,
    function: &dyn Fn(Range, Range) -> Range,
) -> Option<Vec<Range>> {
    let n = joined.n_elements().filter(|n| *n <= MOST_VALUES as u64)? as usize;
    let each = |extent: &Extent| match &extent.values {
        Some(values) if values.len() == n => Some(values.clone()),
        Some(values) if values.len() == 1 => Some(vec![values[0]; n]),
        _ => None,
    };
    let pairs = each(a)?.into_iter().zip(each(b)?);
    Some(pairs.map(|(a, b)| function(a, b)).collect())
}

fn choose(call: &Call<'_>) -> Extent {
    let (condition, yes, no) = (call.at(0), call.at(1), call.at(2));
    let kind = yes.kind.max(no.kind);
    let either = pair(yes, no, kind, &Range::join);
    let mut chosen = pair(condition, &either, kind, &|_, v| v);
    if let (Some(flags), Some(values)) = (&condition.values, &mut chosen.values)
        && flags.len() == values.len()
    {
        let side = |extent: &Extent, at: usize| match extent.values.as_deref() {
            Some([one]) => *one,
            Some(values) if values.len() == flags.len() => values[at],
            _ => extent.range,
        };
        for (at, flag) in flags.iter().enumerate() {
            match flag.whole() {
                Some(0) => values[at] = side(no, at),
                Some(_) => values[at] = side(yes, at),
                None => {}
            }
        }
    }
    chosen
}

fn truth(yes: bool, no: bool) -> Range {
    match (yes, no) {
        (true, _) => Range::exactly(1.0),
        (_, true) => Range::exactly(0.0),
        _ => Range::FLAG,
    }
}

fn equal(a: Range, b: Range) -> Range {
    let same = a.whole().is_some() && a.whole() == b.whole();
    truth(same, a.hi < b.lo || a.lo > b.hi)
}

/// Integers are cut off towards zero.
fn divide(a: Range, b: Range, kind: Kind) -> Range {
    if b.lo <= 0.0 && b.hi >= 0.0 {
        return Range::ANY;
    }
    let quotient = a.combine(b, |a, b| a / b);
    match kind {
        Kind::Float | Kind::Double | Kind::Other => quotient.computed(kind),
        _ => quotient.map(f64::trunc).computed(kind),
    }
}

fn remainder(a: Range, b: Range) -> Range {
    match (a.whole(), b.whole()) {
        (Some(a), Some(b)) if a >= 0 && b > 0 => Range::exactly((a % b) as f64),
        _ => {
            let most = b.lo.abs().max(b.hi.abs());
            Range {
                lo: -most,
                hi: most,
            }
        }
    }
}

fn cast(value: Range, from: Kind, to: Kind, exact: Option<i64>) -> Range {
    let is_float = matches!(to, Kind::Float | Kind::Double);
    if is_float {
        return value.computed(to);
    }
    if exact == Some(9) {
        return truth(value.lo > 0.0 || value.hi < 0.0, value.whole() == Some(0));
    }
    let whole = value.map(f64::trunc);
    match (from, to) {
        // 64 bits hold all that an integer of the file can be.
        (Kind::Long, Kind::Long) => value,
        (_, Kind::Byte) => Range {
            lo: -128.0,
            hi: 255.0,
        },
        // 16 bits or booleans, where the type is not known.
        (_, Kind::Int) if exact != Some(6) => match value.lo >= 0.0 && value.hi < 32_768.0 {
            true => whole,
            false => Range::ANY,
        },
        _ => whole.computed(Kind::Int),
    }
}

fn reduce(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return Extent::shapeless(data.kind, UNBOUNDED);
    };
    let keeps = call.number_or("keepdims", 1) != 0;
    let axes = match call.numbers("axes", 1) {
        Numbers::Unknown => None,
        _ => call.axes(1, dims.len()),
    };
    let Some(axes) = axes else {
        // Without an axis it is smaller, unless one of size 0 goes.
        let dims: Vec<Dim> = dims
            .iter()
            .map(|dim| Dim {
                lo: 0,
                hi: dim.hi.max(1),
            })
            .collect();
        return match keeps {
            true => Extent::new(data.kind, dims),
            false => Extent::shapeless(data.kind, super::super::extent::product(&dims)),
        };
    };
    let is_noop = axes.is_empty() && call.number_or("noop_with_empty_axes", 0) != 0;
    if is_noop {
        return data.shape_of();
    }
    let goes = |axis: usize| axes.is_empty() || axes.contains(&axis);
    let left = dims
        .iter()
        .enumerate()
        .filter_map(|(axis, dim)| match goes(axis) {
            true => keeps.then_some(Dim::ONE),
            false => Some(*dim),
        });
    let reduced = Extent::new(data.kind, left.collect());
    let reduced = Extent {
        count: match data.has_elements() {
            true => reduced.count.min(data.count),
            false => reduced.count,
        },
        ..reduced
    };
    let of_one = |name: &str| call.operator() == name;
    match &data.values {
        // The size of a tensor, as some exporters compute it.
        Some(values) if reduced.n_elements() == Some(1) => {
            let fold = |f: fn(f64, f64) -> f64, start: f64| {
                let product = values.iter().fold(Range::exactly(start), |all, value| {
                    all.combine(*value, f).computed(data.kind)
                });
                vec![product]
            };
            if of_one("ReduceProd") {
                reduced.with_values(fold(|a, b| a * b, 1.0))
            } else if of_one("ReduceSum") {
                reduced.with_values(fold(|a, b| a + b, 0.0))
            } else if of_one("ReduceMax") || of_one("ReduceMin") {
                reduced.with_range(data.range)
            } else {
                reduced
            }
        }
        _ if (of_one("ReduceMax") || of_one("ReduceMin")) && data.has_elements() => {
            reduced.with_range(data.range)
        }
        _ => reduced,
    }
}

fn reduce_axis(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some(dims) = &data.dims else {
        return Extent::shapeless(Kind::Long, UNBOUNDED);
    };
    let keeps = call.number_or("keepdims", 1) != 0;
    let axis = axis_of(call.number_or("axis", 0), dims.len());
    let left = dims
        .iter()
        .enumerate()
        .filter_map(|(at, dim)| match axis == Some(at) {
            true => keeps.then_some(Dim::ONE),
            false => Some(*dim),
        });
    let most = axis.map_or(Dim::ANY, |axis| dims[axis]);
    let index = Range {
        lo: 0.0,
        hi: most.range().hi,
    };
    Extent::new(Kind::Long, left.collect()).with_range(index)
}
