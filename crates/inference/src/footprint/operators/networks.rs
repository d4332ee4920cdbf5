//! Products of matrices, convolutions, pooling, recurrent layers, attention.

use super::super::extent::{Dim, Extent, Kind, Range, UNBOUNDED, product};
use super::{Call, Effect, broadcast};

pub(super) fn effect(call: &Call<'_>) -> Option<Effect> {
    let first = call.at(0);
    let kind = first.kind.max(Kind::Float);
    Some(match call.operator() {
        "MatMul" => matmul(first, call.at(1)).into(),
        "MatMulInteger"
        | "com.microsoft.MatMulIntegerToFloat"
        | "com.microsoft.DynamicQuantizeMatMul" => {
            matmul(first, call.at(1)).of_kind(Kind::Int).into()
        }
        "com.microsoft.FusedMatMul" | "com.microsoft.TransposeMatMul" => {
            let turned = |extent: &Extent, flag: &str| match call.number_or(flag, 0) {
                0 => extent.clone(),
                _ => turned(extent),
            };
            let batches = ["transBatchA", "transBatchB"];
            if batches.iter().any(|flag| call.number_or(flag, 0) != 0) {
                return None;
            }
            matmul(&turned(first, "transA"), &turned(call.at(1), "transB")).into()
        }
        "QLinearMatMul" => matmul(first, call.at(3)).into(),
        "Gemm" | "com.microsoft.FusedGemm" => gemm(call).into(),
        "Einsum" => einsum(call),
        "Conv" | "ConvInteger" | "com.microsoft.FusedConv" | "com.microsoft.NhwcFusedConv" => {
            convolution(call, call.at(1), kind)
        }
        "QLinearConv" => convolution(call, call.at(3), kind),
        "ConvTranspose" => transposed(call),
        "MaxPool" | "AveragePool" | "LpPool" => {
            let pooled = pool(call);
            vec![pooled.clone(), pooled.of_kind(Kind::Long)].into()
        }
        "com.microsoft.QLinearAveragePool" => match call.number_or("channels_last", 0) {
            0 => pool(call).into(),
            _ => return None,
        },
        "GlobalAveragePool"
        | "GlobalMaxPool"
        | "GlobalLpPool"
        | "com.microsoft.QLinearGlobalAveragePool" => match &first.dims {
            Some(dims) => {
                let keeps = |at: usize, dim: &Dim| if at < 2 { *dim } else { Dim::ONE };
                let channels_last = call.number_or("channels_last", 0) != 0;
                let dims = dims.iter().enumerate();
                let last = dims.len() - 1;
                let dims = dims.map(|(at, dim)| match channels_last && at > 0 {
                    true if at == last => *dim,
                    true => Dim::ONE,
                    false => keeps(at, dim),
                });
                Extent::new(first.kind, dims.collect()).into()
            }
            None => Extent::shapeless(first.kind, UNBOUNDED).into(),
        },
        "LSTM" => recurrent(call, 4),
        "GRU" => recurrent(call, 3),
        "RNN" => recurrent(call, 1),
        "Attention" => attention(call),
        "com.microsoft.MultiHeadAttention" => multi_head(call)?,
        "com.microsoft.Attention" => packed_attention(call)?,
        "GridSample" => match (first.dims.as_deref(), call.at(1).dims.as_deref()) {
            (Some([n, channels, ..]), Some([_, places @ .., _])) => {
                Extent::new(first.kind, [&[*n, *channels], places].concat()).into()
            }
            _ => Extent::shapeless(first.kind, UNBOUNDED).into(),
        },
        "RoiAlign" | "MaxRoiPool" => {
            let size = |attribute: &str, at: usize| {
                let size = match call.operator() {
                    "RoiAlign" => call.number_or(attribute, 1),
                    _ => call.integer("pooled_shape", at, i64::MAX),
                };
                Dim::exactly(u64::try_from(size).unwrap_or(0))
            };
            let places = call
                .at(1)
                .dims
                .as_ref()
                .and_then(|dims| dims.first().copied());
            let channels = first.dims.as_ref().and_then(|dims| dims.get(1).copied());
            let dims = vec![
                places.unwrap_or(Dim::ANY),
                channels.unwrap_or(Dim::ANY),
                size("output_height", 0),
                size("output_width", 1),
            ];
            Extent::new(first.kind, dims).into()
        }
        _ => return None,
    })
}

fn turned(extent: &Extent) -> Extent {
    let mut turned = extent.shape_of();
    if let Some(dims) = &mut turned.dims {
        let n = dims.len();
        if n >= 2 {
            dims.swap(n - 1, n - 2);
        }
    }
    turned
}

fn matmul(a: &Extent, b: &Extent) -> Extent {
    let kind = a.kind.max(b.kind);
    let (Some(a), Some(b)) = (&a.dims, &b.dims) else {
        return Extent::shapeless(kind, UNBOUNDED);
    };
    let dims = match (a.as_slice(), b.as_slice()) {
        ([_], [_]) => Vec::new(),
        ([_], [outer @ .., _, n]) => [outer, &[*n]].concat(),
        ([m, _], [_]) => vec![*m],
        ([outer @ .., m, _], [_]) => {
            // rten leaves a dimension of 1 at the end.
            let count = product(&[outer, &[*m]].concat());
            return Extent::shapeless(kind, count);
        }
        ([a_outer @ .., m, _], [b_outer @ .., _, n]) => {
            let mut dims = broadcast(a_outer, b_outer);
            dims.extend([*m, *n]);
            dims
        }
        _ => vec![Dim::ANY],
    };
    Extent::new(kind, dims)
}

fn gemm(call: &Call<'_>) -> Extent {
    let (a, b) = (call.at(0), call.at(1));
    let side = |extent: &Extent, flag: &str, at: usize| {
        let at = if call.number_or(flag, 0) == 0 {
            at
        } else {
            1 - at
        };
        let dims = extent.dims.as_ref();
        dims.and_then(|dims| dims.get(at).copied())
            .unwrap_or(Dim::ANY)
    };
    let dims = vec![side(a, "transA", 0), side(b, "transB", 1)];
    Extent::new(a.kind.max(b.kind), dims)
}

/// Operands are joined from left to right; each result keeps the labels that are wanted later. An operand may be brought
/// into another order before.
fn einsum(call: &Call<'_>) -> Effect {
    let kind = call.inputs.iter().flatten().map(|input| input.kind).max();
    let kind = kind.unwrap_or(Kind::Float);
    let unclear = || {
        let counts = call.inputs.iter().flatten().map(|input| input.count);
        let count = counts.fold(1_u64, u64::saturating_mul);
        Effect::from(Extent::shapeless(kind, count))
            .and_scratch(count.saturating_mul(kind.size_bytes()))
    };
    let equation: String = call.text("equation").split_whitespace().collect();
    let (terms, output) = match equation.split_once("->") {
        Some((terms, output)) => (terms.to_owned(), Some(output.to_owned())),
        None => (equation, None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    let output = output.unwrap_or_else(|| {
        // Labels that occur once, in the order of the alphabet.
        let all = terms.concat();
        let mut once: Vec<char> = all
            .chars()
            .filter(|label| all.matches(*label).count() == 1)
            .collect();
        once.sort_unstable();
        once.into_iter().collect()
    });
    if terms.len() != call.inputs.len() || terms.concat().contains('.') || output.len() > 52 {
        return unclear();
    }
    let mut sizes: Vec<(char, Dim)> = Vec::new();
    for (term, input) in terms.iter().zip(call.inputs) {
        let dims = input.and_then(|input| input.dims.as_ref());
        let Some(dims) = dims.filter(|dims| dims.len() == term.chars().count()) else {
            return unclear();
        };
        for (label, dim) in term.chars().zip(dims) {
            match sizes.iter_mut().find(|(known, _)| *known == label) {
                Some((_, size)) => *size = size.broadcast(*dim),
                None => sizes.push((label, *dim)),
            }
        }
    }
    let dims_of = |labels: &str| -> Vec<Dim> {
        let size = |label: char| sizes.iter().find(|(known, _)| *known == label);
        let dims = labels
            .chars()
            .map(|label| size(label).map_or(Dim::ONE, |(_, dim)| *dim));
        dims.collect()
    };
    let bytes_of = |labels: &str| product(&dims_of(labels)).saturating_mul(kind.size_bytes());
    let mut joined = terms[0].to_owned();
    let mut scratch = bytes_of(&joined);
    for (at, term) in terms.iter().enumerate().skip(1) {
        let wanted = format!("{output}{}", terms[at + 1..].concat());
        let mut labels: Vec<char> = joined.chars().chain(term.chars()).collect();
        labels.sort_unstable();
        labels.dedup();
        // A product of many labels in one operand is made after these are summed.
        joined = labels
            .into_iter()
            .filter(|label| wanted.contains(*label))
            .collect();
        scratch = scratch
            .saturating_add(bytes_of(term))
            .saturating_add(bytes_of(&joined).saturating_mul(2));
    }
    Effect::from(Extent::new(kind, dims_of(&output))).and_scratch(scratch)
}

/// The size after a window of `kernel` has gone over a dimension.
fn windows(call: &Call<'_>, size: Dim, kernel: Dim, at: usize, n: usize) -> Dim {
    let positive = |number: i64| u64::try_from(number).unwrap_or(1).max(1);
    let stride = positive(call.integer("strides", at, 1));
    let dilation = positive(call.integer("dilations", at, 1));
    let pads = [at, at + n].map(|at| call.integer("pads", at, 0) as f64);
    let end = |size: u64, kernel: u64| -> u64 {
        if size == UNBOUNDED {
            return UNBOUNDED;
        }
        if call.text("auto_pad").starts_with("SAME") {
            return size.div_ceil(stride);
        }
        let reach = (kernel.max(1) - 1).saturating_mul(dilation) as f64 + 1.0;
        let room = size as f64 + pads[0] + pads[1] - reach;
        let up = call.number_or("ceil_mode", 0) != 0;
        match room {
            room if room < 0.0 => 0,
            room => {
                Range::exactly(room / stride as f64 + 1.0 + f64::from(u8::from(up)))
                    .dim()
                    .hi
            }
        }
    };
    Dim {
        lo: end(size.lo, kernel.hi)
            .min(end(size.lo, kernel.lo))
            .saturating_sub(1),
        hi: end(size.hi, kernel.lo),
    }
    .exact_where(|| {
        let is_exact = size.exact().is_some() && kernel.exact().is_some();
        is_exact && call.number_or("ceil_mode", 0) == 0
    })
}

impl Dim {
    /// The upper bound where it is known to be reached.
    fn exact_where(self, is_exact: impl Fn() -> bool) -> Self {
        match is_exact() {
            true => Self::exactly(self.hi),
            false => self,
        }
    }
}

/// ONNX Runtime computes with channels in blocks of this size.
const CHANNEL_BLOCK: u64 = 16;

fn convolution(call: &Call<'_>, weights: &Extent, kind: Kind) -> Effect {
    let data = call.at(0);
    let (Some([n, _, spatial @ ..]), Some([filters, _, kernel @ ..])) =
        (data.dims.as_deref(), weights.dims.as_deref())
    else {
        return Extent::shapeless(kind, UNBOUNDED).into();
    };
    if call.operator() == "com.microsoft.NhwcFusedConv" || spatial.len() != kernel.len() {
        return Extent::shapeless(kind, UNBOUNDED).into();
    }
    let mut dims = vec![*n, *filters];
    for (at, (size, kernel)) in spatial.iter().zip(kernel).enumerate() {
        dims.push(windows(call, *size, *kernel, at, spatial.len()));
    }
    let output = Extent::new(kind, dims);
    let blocked = filters
        .hi
        .max(1)
        .div_ceil(CHANNEL_BLOCK)
        .saturating_mul(CHANNEL_BLOCK);
    let padded = (output.count / filters.hi.max(1)).saturating_mul(blocked);
    // The weights in another order, and output channels that only fill a block.
    let scratch = weights
        .size_bytes()
        .saturating_add((padded - output.count.min(padded)).saturating_mul(4));
    Effect::from(output).and_scratch(scratch)
}

fn transposed(call: &Call<'_>) -> Effect {
    let (data, weights) = (call.at(0), call.at(1));
    let (Some([n, _, spatial @ ..]), Some([_, filters, kernel @ ..])) =
        (data.dims.as_deref(), weights.dims.as_deref())
    else {
        return Extent::shapeless(data.kind, UNBOUNDED).into();
    };
    let groups = u64::try_from(call.number_or("group", 1))
        .unwrap_or(1)
        .max(1);
    let mut dims = vec![*n, filters.times(Dim::exactly(groups))];
    for (at, (size, kernel)) in spatial.iter().zip(kernel).enumerate() {
        let whole = |attribute: &str, at: usize, otherwise: i64| {
            u64::try_from(call.integer(attribute, at, otherwise)).unwrap_or(0)
        };
        let negative = |at: usize| call.integer("pads", at, 0).min(0).unsigned_abs();
        let grown = (size.hi.saturating_sub(1))
            .saturating_mul(whole("strides", at, 1))
            .saturating_add((kernel.hi.saturating_sub(1)).saturating_mul(whole("dilations", at, 1)))
            .saturating_add(1)
            .saturating_add(whole("output_padding", at, 0))
            .saturating_add(negative(at))
            .saturating_add(negative(at + spatial.len()));
        let said = whole("output_shape", at, 0);
        let pads = [at, at + spatial.len()].map(|at| whole("pads", at, 0));
        let is_plain = said == 0 && matches!(call.text("auto_pad"), "" | "NOTSET" | "VALID");
        // Padding takes away; a shape that is said is the shape.
        dims.push(match is_plain && size.exact().is_some() {
            true => Dim::exactly(grown.saturating_sub(pads[0]).saturating_sub(pads[1])),
            false => Dim::at_most(grown.max(said)),
        });
    }
    let columns = product(spatial)
        .saturating_mul(filters.hi)
        .saturating_mul(product(kernel))
        .saturating_mul(groups);
    let scratch = columns.saturating_mul(data.kind.size_bytes());
    Effect::from(Extent::new(data.kind, dims)).and_scratch(scratch)
}

fn pool(call: &Call<'_>) -> Extent {
    let data = call.at(0);
    let Some([n, channels, spatial @ ..]) = data.dims.as_deref() else {
        return Extent::shapeless(data.kind, UNBOUNDED);
    };
    let mut dims = vec![*n, *channels];
    for (at, size) in spatial.iter().enumerate() {
        let kernel = u64::try_from(call.integer("kernel_shape", at, 1)).unwrap_or(1);
        dims.push(windows(
            call,
            *size,
            Dim::exactly(kernel),
            at,
            spatial.len(),
        ));
    }
    Extent::new(data.kind, dims)
}

/// `gates` for each unit; X, W, R as ONNX has them.
fn recurrent(call: &Call<'_>, gates: u64) -> Effect {
    let (data, weights) = (call.at(0), call.at(2));
    let (Some([seq, batch, _]), Some([directions, _, hidden])) =
        (data.dims.as_deref(), weights.dims.as_deref())
    else {
        return vec![Extent::shapeless(data.kind, UNBOUNDED); 3].into();
    };
    let is_batch_first = call.number_or("layout", 0) != 0;
    let [all, last] = match is_batch_first {
        // The first two dimensions of the data are the other way round.
        true => [
            vec![*seq, *batch, *directions, *hidden],
            vec![*seq, *directions, *hidden],
        ],
        false => [
            vec![*seq, *directions, *batch, *hidden],
            vec![*directions, *batch, *hidden],
        ],
    };
    let all = Extent::new(data.kind, all);
    let scratch = all.size_bytes().saturating_mul(2 * gates);
    let last = Extent::new(data.kind, last);
    Effect::from(vec![all, last.clone(), last]).and_scratch(scratch)
}

/// Scores of each place for each other, as a copy, with a mask and after the softmax.
fn scores_bytes(batch: Dim, heads: u64, queries: Dim, keys: Dim) -> u64 {
    let count = product(&[batch, Dim::exactly(heads), queries, keys]);
    count.saturating_mul(4 * 3)
}

/// ONNX' own: Q, K, V of 3 or 4 dimensions, a mask, and what was computed before.
fn attention(call: &Call<'_>) -> Effect {
    let [q, k, v, past_k, past_v] = [0, 1, 2, 4, 5].map(|input| call.given(input));
    let heads = |attribute: &str| u64::try_from(call.number_or(attribute, 0)).unwrap_or(0);
    let dims = |extent: Option<&'_ Extent>| extent.and_then(|extent| extent.dims.clone());
    let (q_heads, kv_heads) = (heads("q_num_heads"), heads("kv_num_heads"));
    let kind = call.at(0).kind;
    let past = match dims(past_k).as_deref() {
        Some([_, _, seq, _]) => *seq,
        _ if past_k.is_some() => Dim::ANY,
        _ => Dim::exactly(0),
    };
    let (batch, n_heads, queries, keys, out) =
        match (dims(q).as_deref(), dims(k).as_deref(), dims(v).as_deref()) {
            (Some([b, h, s, _]), Some([_, _, t, _]), Some([_, _, _, d])) => {
                (*b, h.hi, *s, *t, vec![*b, *h, *s, *d])
            }
            (Some([b, s, _]), Some([_, t, _]), Some([_, _, d])) => {
                // Heads of the values are repeated for those of the queries.
                let times = q_heads.div_ceil(kv_heads.max(1)).max(1);
                (
                    *b,
                    q_heads,
                    *s,
                    *t,
                    vec![*b, *s, d.times(Dim::exactly(times))],
                )
            }
            _ => (Dim::ANY, UNBOUNDED, Dim::ANY, Dim::ANY, vec![Dim::ANY]),
        };
    let keys = keys.plus(past);
    let together = |now: Option<&Extent>, past: Option<&Extent>| {
        let count = now.map_or(0, |now| now.count);
        Extent::shapeless(
            kind,
            count.saturating_add(past.map_or(0, |past| past.count)),
        )
    };
    let (present_k, present_v) = (together(k, past_k), together(v, past_v));
    let scores = Extent::new(kind, vec![batch, Dim::exactly(n_heads), queries, keys]);
    let repeated = present_k
        .size_bytes()
        .saturating_add(present_v.size_bytes())
        .saturating_mul(q_heads.div_ceil(kv_heads.max(1)).max(1));
    let scratch = scores_bytes(batch, n_heads, queries, keys).saturating_add(repeated);
    Effect::from(vec![Extent::new(kind, out), present_k, present_v, scores]).and_scratch(scratch)
}

/// Without what was computed before, whose forms are many.
fn multi_head(call: &Call<'_>) -> Option<Effect> {
    let (q, k, v) = (call.given(0)?, call.given(1)?, call.given(2)?);
    if call.given(6).is_some() || call.given(7).is_some() {
        return None;
    }
    let heads = u64::try_from(call.number_or("num_heads", 1)).ok()?;
    let (Some([b, s, _]), Some([_, t, _]), Some([_, _, d])) =
        (q.dims.as_deref(), k.dims.as_deref(), v.dims.as_deref())
    else {
        return None;
    };
    let scratch = scores_bytes(*b, heads, *s, *t)
        .saturating_add(q.size_bytes())
        .saturating_add(k.size_bytes())
        .saturating_add(v.size_bytes());
    let out = Extent::new(q.kind, vec![*b, *s, *d]);
    let present = |extent: &Extent| extent.shape_of();
    Some(Effect::from(vec![out, present(k), present(v)]).and_scratch(scratch))
}

/// One product for queries, keys and values.
fn packed_attention(call: &Call<'_>) -> Option<Effect> {
    let (data, weights) = (call.given(0)?, call.given(1)?);
    let heads = u64::try_from(call.number_or("num_heads", 1)).ok()?;
    if call.given(4).is_some() {
        return None;
    }
    let (Some([b, s, _]), Some([_, wide])) = (data.dims.as_deref(), weights.dims.as_deref()) else {
        return None;
    };
    let all = Extent::new(data.kind, vec![*b, *s, *wide]);
    let scratch =
        scores_bytes(*b, heads, *s, *s).saturating_add(all.size_bytes().saturating_mul(2));
    Some(Effect::from(vec![all.clone(), all]).and_scratch(scratch))
}
