//! Bounds hold for what rten computes: every value of a graph is made an output, and compared with its bound.

#[path = "../../tests/hostile/build.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of other tests, of which this takes some"
)]
mod build;

use std::fs;
use std::path::Path;

use rten_onnx::onnx::{DataType as Onnx, GraphProto, ModelProto, NodeProto, TensorProto};

use super::*;
use crate::{Limits, Model};
use build::{
    file, flag, floats, long, longs, node, value, with_graph, with_int, with_ints, with_text,
};

/// The sizes of each input.
fn check(name: &str, file: &[u8], sizes: &[&[u32]]) {
    let mut model = ModelProto::parse_buf(file).expect("it parses");
    let graph = model.graph.as_mut().expect("a graph");
    let declared: Vec<String> = graph
        .output
        .iter()
        .filter_map(|value| value.name.clone())
        .collect();
    for node in &graph.node {
        let made = node.output.iter().filter(|name| !name.is_empty());
        for made in made.filter(|name| !declared.contains(name)) {
            graph.output.push(onnx::ValueInfoProto {
                name: Some(made.clone()),
                ..onnx::ValueInfoProto::default()
            });
        }
    }
    let bounds = Footprint::new(graph, u64::MAX - 1).expect("a graph");
    let shown = model.write_buf().expect("it is written");
    let limits = Limits {
        compute_bytes: u64::MAX,
        ..Limits::default()
    };
    let engine = Model::load(&shown, limits).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut inputs = Vec::new();
    let mut given = Vec::new();
    let values = bounds.graph.inputs.iter().zip(&bounds.graph.kinds);
    for ((info, dims), (number, kind)) in engine.inputs().iter().zip(sizes).zip(values) {
        let dtype = info.dtype.expect("a type");
        let n: u32 = dims.iter().product();
        let data: Vec<u8> = match dtype {
            DataType::F32 => (0..n)
                .flat_map(|at| ((at * 7 % 11) as f32 - 4.5).to_le_bytes())
                .collect(),
            // The rate of silero-vad.
            DataType::I64 if *dims == [1] => 16_000_i64.to_le_bytes().to_vec(),
            DataType::I64 => 1_i64.to_le_bytes().repeat(n as usize),
            DataType::I32 => 1_i32.to_le_bytes().repeat(n as usize),
            _ => vec![0; n as usize * dtype.size_bytes()],
        };
        let tensor = Tensor {
            dims: dims.to_vec(),
            dtype,
            data,
        };
        let is_scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
        let dims = dims.iter().filter(|_| !is_scalar);
        let extent = Extent::new(*kind, dims.map(|dim| Dim::exactly((*dim).into())).collect());
        given.push((
            *number,
            match integers(&tensor) {
                Some(values) => extent.with_values(values),
                None => extent,
            },
        ));
        inputs.push((info.name.clone(), tensor));
    }
    let outputs = engine
        .compute(inputs)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let walked = bounds.walk(false).graph(&bounds.graph, given);
    let walked = walked.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
    for ((output, tensor), bound) in outputs.iter().zip(&walked.outputs) {
        let found = &tensor.dims;
        let says = format!(
            "{name}: {output}: {found:?} of {:?}, bound {bound:?}",
            tensor.dtype
        );
        let n = tensor.n_elements().expect("few");
        assert!(n <= bound.count && bound.count != u64::MAX, "{says}");
        let Some(dims) = &bound.dims else { continue };
        let is_scalar = dims.is_empty() && *found == [1];
        assert!(is_scalar || dims.len() == found.len(), "{says}");
        for (dim, size) in dims.iter().zip(found) {
            assert!(
                dim.lo <= u64::from(*size) && u64::from(*size) <= dim.hi,
                "{says}"
            );
        }
        let numbers: Vec<f64> = match tensor.dtype {
            DataType::F32 => {
                let values = tensor.data.as_chunks().0.iter();
                values.map(|v| f32::from_le_bytes(*v).into()).collect()
            }
            DataType::I32 => {
                let values = tensor.data.as_chunks().0.iter();
                values.map(|v| i32::from_le_bytes(*v).into()).collect()
            }
            _ => continue,
        };
        let same = vec![bound.range; numbers.len()];
        let ranges = bound.values.as_ref().unwrap_or(&same);
        for (number, range) in numbers.iter().zip(ranges).filter(|(n, _)| !n.is_nan()) {
            assert!(
                range.lo <= *number && *number <= range.hi,
                "{says}: {number}"
            );
        }
    }
}

/// Nodes over `x` of that shape; their last output is the graph's.
fn nodes(sizes: &[u32], nodes: Vec<NodeProto>, constants: Vec<TensorProto>) {
    let name = format!(
        "{:?}",
        nodes.iter().map(|node| &node.op_type).collect::<Vec<_>>()
    );
    let last = nodes.last().and_then(|node| node.output.first().cloned());
    let open: Vec<i64> = sizes.iter().map(|_| -1).collect();
    let graph = GraphProto {
        node: nodes,
        initializer: constants,
        input: vec![value("x", Onnx::FLOAT, Some(&open))],
        output: vec![onnx::ValueInfoProto {
            name: last,
            ..onnx::ValueInfoProto::default()
        }],
        ..GraphProto::default()
    };
    check(&name, &file(graph), &[sizes]);
}

/// One node over `x`.
fn one(sizes: &[u32], node: NodeProto, constants: Vec<TensorProto>) {
    nodes(sizes, vec![node], constants);
}

#[test]
fn elements_and_reductions() {
    for operator in [
        "Neg",
        "Abs",
        "Exp",
        "Relu",
        "Sigmoid",
        "Softmax",
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Erf",
        "Sqrt",
        "Tanh",
        "HardSwish",
        "LogSoftmax",
        "Identity",
        "Shape",
        "Size",
        "NonZero",
        "Flatten",
        "Transpose",
        "GlobalAveragePool",
        "ReduceMean",
        "ReduceSum",
        "ReduceMax",
        "ArgMax",
        "IsNaN",
        "Softplus",
    ] {
        one(&[2, 3, 4, 4], node(operator, &["x"], &["y"]), vec![]);
    }
    for operator in [
        "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Greater", "Less", "Equal", "Mean", "Sum",
    ] {
        one(
            &[2, 3, 1],
            node(operator, &["x", "w"], &["y"]),
            vec![floats("w", &[3, 5], 2.0)],
        );
        one(
            &[5],
            node(operator, &["x", "w"], &["y"]),
            vec![floats("w", &[2, 1, 1], 0.5)],
        );
    }
    for keeps in [0, 1] {
        for axes in [&[0_i64][..], &[-1], &[0, 2]] {
            let reduce = with_int(node("ReduceSum", &["x", "axes"], &["y"]), "keepdims", keeps);
            one(&[2, 3, 4], reduce, vec![longs("axes", axes)]);
            let reduce = with_ints(node("ReduceMax", &["x"], &["y"]), "axes", axes);
            one(&[2, 3, 4], with_int(reduce, "keepdims", keeps), vec![]);
        }
    }
    one(
        &[2, 3, 4],
        node("Clip", &["x", "lo", "hi"], &["y"]),
        vec![floats("lo", &[], -1.0), floats("hi", &[], 2.0)],
    );
    one(
        &[2, 3, 4],
        node("LayerNormalization", &["x", "w"], &["y"]),
        vec![floats("w", &[4], 1.0)],
    );
    one(
        &[2, 3, 4],
        with_int(node("Cast", &["x"], &["y"]), "to", 7),
        vec![],
    );
}

#[test]
fn layouts() {
    let longs_of = |values: &[i64]| vec![longs("n", values)];
    for sizes in [&[-1_i64][..], &[4, -1], &[0, 2, -1], &[3, 8], &[1, 24, 1]] {
        one(
            &[2, 3, 4],
            node("Reshape", &["x", "n"], &["y"]),
            longs_of(sizes),
        );
    }
    for axes in [&[0_i64][..], &[1, 2], &[-1]] {
        one(
            &[2, 3],
            node("Unsqueeze", &["x", "n"], &["y"]),
            longs_of(axes),
        );
    }
    one(
        &[1, 3, 1],
        node("Squeeze", &["x", "n"], &["y"]),
        longs_of(&[0]),
    );
    one(&[1, 3, 1], node("Squeeze", &["x"], &["y"]), vec![]);
    one(
        &[2, 3, 4],
        with_ints(node("Transpose", &["x"], &["y"]), "perm", &[1, 2, 0]),
        vec![],
    );
    for axis in [0, 1, -1] {
        one(
            &[2, 3, 4],
            with_int(node("Concat", &["x", "x", "x"], &["y"]), "axis", axis),
            vec![],
        );
        one(
            &[2, 3, 4],
            with_int(node("Gather", &["x", "n"], &["y"]), "axis", axis),
            longs_of(&[1, 0, -1, 1]),
        );
        one(
            &[2, 3, 4],
            with_int(node("TopK", &["x", "n"], &["y", "at"]), "axis", axis),
            longs_of(&[2]),
        );
    }
    one(
        &[6, 2],
        node("Split", &["x", "n"], &["y", "z"]),
        longs_of(&[4, 2]),
    );
    one(&[6, 2], node("Split", &["x"], &["y", "z", "w"]), vec![]);
    one(
        &[1, 3],
        node("Expand", &["x", "n"], &["y"]),
        longs_of(&[4, 1, 3]),
    );
    one(
        &[1, 3],
        node("Tile", &["x", "n"], &["y"]),
        longs_of(&[4, 2]),
    );
    one(
        &[2, 3],
        node("Pad", &["x", "n"], &["y"]),
        longs_of(&[1, 0, 2, 3]),
    );
    one(
        &[2, 3],
        node("Pad", &["x", "n"], &["y"]),
        longs_of(&[0, -1, 0, 2]),
    );
    for [from, to, by] in [
        [0, 2, 1],
        [1, i64::MAX, 1],
        [-2, i64::MAX, 1],
        [-1, i64::MIN, -1],
        [0, 100, 3],
        [5, 1, -2],
        [3, 1, 1],
    ] {
        let constants = vec![
            longs("from", &[from]),
            longs("to", &[to]),
            longs("at", &[1]),
            longs("by", &[by]),
        ];
        one(
            &[2, 7],
            node("Slice", &["x", "from", "to", "at", "by"], &["y"]),
            constants,
        );
    }
    one(
        &[2, 8, 3, 3],
        with_int(node("DepthToSpace", &["x"], &["y"]), "blocksize", 2),
        vec![],
    );
    for (scales, sizes) in [
        ([1.0, 1.0, 2.0, 1.5], None),
        ([1.0, 1.0, 0.3, 0.7], None),
        ([0.0; 4], Some([1, 2, 7, 3])),
    ] {
        let mut scale = floats("scales", &[4], 0.0);
        scale.raw_data = Some(scales.map(f32::to_le_bytes).concat().into());
        let resize = match sizes {
            None => node("Resize", &["x", "", "scales"], &["y"]),
            Some(_) => node("Resize", &["x", "", "", "sizes"], &["y"]),
        };
        one(
            &[1, 2, 5, 4],
            resize,
            vec![scale, longs("sizes", &sizes.unwrap_or_default())],
        );
    }
}

#[test]
fn networks() {
    let weights = |dims: &[i64]| vec![floats("w", dims, 0.25)];
    one(
        &[5, 3],
        node("MatMul", &["x", "w"], &["y"]),
        weights(&[2, 1, 3, 4]),
    );
    one(
        &[7, 5, 3],
        node("MatMul", &["x", "w"], &["y"]),
        weights(&[3]),
    );
    one(&[5, 3], node("Gemm", &["x", "w"], &["y"]), weights(&[3, 4]));
    let gemm = with_int(node("Gemm", &["x", "w"], &["y"]), "transB", 1);
    one(&[5, 3], gemm, weights(&[4, 3]));
    for equation in ["ab,bc->ac", "ab,bc->abc", "ab,bc", "ab,bc->"] {
        one(
            &[5, 3],
            with_text(node("Einsum", &["x", "w"], &["y"]), "equation", equation),
            weights(&[3, 4]),
        );
    }
    for (stride, pad, dilation) in [(1, 0, 1), (2, 1, 1), (3, 2, 2)] {
        let conv = |operator: &str, inputs: &[&str]| {
            let conv = with_ints(node(operator, inputs, &["y"]), "strides", &[stride, stride]);
            let conv = with_ints(conv, "pads", &[pad; 4]);
            with_ints(conv, "dilations", &[dilation; 2])
        };
        one(
            &[1, 2, 11, 9],
            conv("Conv", &["x", "w"]),
            weights(&[5, 2, 3, 3]),
        );
        let pooled = with_ints(
            node("MaxPool", &["x"], &["y"]),
            "strides",
            &[stride, stride],
        );
        let pooled = with_ints(
            with_ints(pooled, "kernel_shape", &[3, 3]),
            "pads",
            &[pad.min(1); 4],
        );
        for up in [0, 1] {
            one(
                &[1, 2, 11, 9],
                with_int(pooled.clone(), "ceil_mode", up),
                vec![],
            );
        }
        let back = with_ints(
            node("ConvTranspose", &["x", "w"], &["y"]),
            "strides",
            &[stride, stride],
        );
        let back = with_ints(back, "dilations", &[1, 1]);
        one(
            &[1, 2, 5, 4],
            with_ints(back, "pads", &[pad.min(1); 4]),
            weights(&[2, 3, 3, 3]),
        );
    }
    let same = with_text(node("Conv", &["x", "w"], &["y"]), "auto_pad", "SAME_UPPER");
    let same = with_ints(same, "dilations", &[1, 1]);
    one(
        &[1, 2, 11, 9],
        with_ints(same, "strides", &[2, 2]),
        weights(&[5, 2, 3, 3]),
    );
    for (operator, gates) in [("LSTM", 4), ("GRU", 3)] {
        let constants = vec![
            floats("w", &[1, gates * 6, 3], 0.1),
            floats("r", &[1, gates * 6, 6], 0.1),
        ];
        let layer = with_int(
            node(operator, &["x", "w", "r"], &["y", "h"]),
            "hidden_size",
            6,
        );
        let layer = match operator {
            "GRU" => with_int(layer, "linear_before_reset", 1),
            _ => layer,
        };
        one(&[5, 2, 3], layer, constants);
    }
}

/// Sizes that are computed from sizes, as exporters write them.
#[test]
fn sizes_from_sizes() {
    let constants = || {
        vec![
            longs("at", &[1]),
            longs("two", &[2]),
            longs("left", &[-1]),
            long("first", 0),
            long("one", 1),
            flag("yes", true),
        ]
    };
    nodes(
        &[3, 8, 2],
        vec![
            node("Shape", &["x"], &["shape"]),
            node("Gather", &["shape", "at"], &["size"]),
            node("Div", &["size", "two"], &["half"]),
            node("Mul", &["size", "half"], &["more"]),
            node("Sub", &["more", "size"], &["less"]),
            with_int(node("Concat", &["half", "left"], &["to"]), "axis", 0),
            node("Reshape", &["x", "to"], &["reshaped"]),
            node("ConstantOfShape", &["less"], &["filled"]),
            node("Gather", &["shape", "first"], &["end"]),
            node("Range", &["first", "end", "one"], &["counted"]),
            node("Equal", &["counted", "one"], &["is"]),
            node("Where", &["is", "counted", "first"], &["chosen"]),
            node("ReduceMax", &["chosen"], &["most"]),
            with_int(node("Cast", &["size"], &["float"]), "to", 1),
            node("NonZero", &["x"], &["found"]),
            node("Shape", &["found"], &["n"]),
            node("Gather", &["n", "at"], &["n_found"]),
            node("ConstantOfShape", &["n_found"], &["y"]),
        ],
        constants(),
    );
    let round = vec![
        value("round", Onnx::INT64, Some(&[])),
        value("on", Onnx::BOOL, Some(&[])),
        value("state", Onnx::FLOAT, None),
    ];
    let body = GraphProto {
        node: vec![
            node("Identity", &["on"], &["still"]),
            with_int(node("Concat", &["state", "x"], &["more"]), "axis", 0),
            node("ReduceSum", &["more"], &["sum"]),
        ],
        input: round,
        output: ["still", "more", "sum"]
            .map(|name| value(name, Onnx::FLOAT, None))
            .to_vec(),
        ..GraphProto::default()
    };
    let repeat = with_graph(
        node("Loop", &["rounds", "yes", "x"], &["y", "sums"]),
        "body",
        body,
    );
    nodes(
        &[2, 3],
        vec![repeat],
        vec![long("rounds", 5), flag("yes", true)],
    );
}

/// Models of others, as far as they are there.
#[test]
fn real_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let models: [(&str, &[&[u32]]); 10] = [
        ("tests/models/score.onnx", &[&[5, 4]]),
        ("tests/models/routes.onnx", &[&[3, 2], &[3, 3]]),
        ("tests/models/wide.onnx", &[&[4, 64]]),
        ("tests/models/double.onnx", &[&[3, 2]]),
        ("examples/flight-desk/lateness.onnx", &[&[6, 6]]),
        ("examples/upload-gate/file-type.onnx", &[&[1, 2048]]),
        ("tests/models/fetched/ppocr_cls.onnx", &[&[1, 3, 80, 160]]),
        ("tests/models/fetched/ppocr_det.onnx", &[&[1, 3, 64, 96]]),
        ("tests/models/fetched/ppocr_rec.onnx", &[&[1, 3, 48, 64]]),
        (
            "tests/models/fetched/silero_vad.onnx",
            &[&[1, 576], &[2, 1, 128], &[1]],
        ),
    ];
    for (path, sizes) in models {
        // The fetched ones are not in the repository.
        if let Ok(file) = fs::read(root.join(path)) {
            check(path, &file, sizes);
        } else {
            assert!(!path.starts_with("tests/models/s"), "{path} is missing");
        }
    }
}
