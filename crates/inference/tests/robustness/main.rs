//! Damaged models: cut short, with bytes and numbers changed, with parts twice. `fuzz/` goes on from here.

#[path = "../hostile/mod.rs"]
mod hostile;

mod exercise;

use std::fs;
use std::path::Path;

use exercise::exercise;
use hostile::build::{file, node, value};
use rten_onnx::onnx::{DataType as Onnx, GraphProto};
use rulestage_inference::{InferenceErrorKind, Limits, Model};

/// Small models that are fine, and hostile ones.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    let good = ["score", "routes", "codes", "types"];
    let good = good.iter().map(|name| folder.join(format!("{name}.onnx")));
    let good = good.map(|path| fs::read(&path).expect("a model of the tests"));
    good.chain(hostile::cases().into_iter().map(|case| case.file))
        .collect()
}

/// Always the same numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

fn damaged(whole: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        match numbers.below(5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = numbers.below(256) as u8,
            2 => bytes[at] ^= 1 << numbers.below(8),
            3 => {
                let end = (at + 1 + numbers.below(24)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ => {
                // Numbers at the edges, as little-endian integers are written.
                let edges = [0, 1, -1, i64::MAX, i64::MIN, 1 << 31, 1 << 62];
                let number = edges[numbers.below(edges.len())].to_le_bytes();
                let end = (at + 8).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn damaged_models_are_errors_or_compute() {
    let mut numbers = Numbers(20_241_028);
    for whole in corpus() {
        exercise(&whole);
        for _ in 0..60 {
            exercise(&damaged(&whole, &mut numbers));
        }
    }
}

fn refused(bytes: &[u8], kind: InferenceErrorKind, says: &str) {
    let error = Model::load(bytes, Limits::default()).expect_err(says);
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

/// A field of a message: its number, and its bytes.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let varint = |mut value: u64| {
        let mut written = Vec::new();
        while value >= 0x80 {
            written.push(value as u8 | 0x80);
            value >>= 7;
        }
        written.push(value as u8);
        written
    };
    [
        varint(u64::from(number << 3 | 2)),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

/// Parsers disagree about these, or take them for more than they are.
#[test]
fn files_that_hide_something() {
    use InferenceErrorKind::{InvalidModel, UnsupportedModel};
    let plain = file(GraphProto {
        node: vec![node("Neg", &["x"], &["y"])],
        input: vec![value("x", Onnx::FLOAT, Some(&[-1]))],
        output: vec![value("y", Onnx::FLOAT, None)],
        ..GraphProto::default()
    });
    let graph = 7;
    let twice = [plain.clone(), field(graph, b"")].concat();
    refused(
        &twice,
        InvalidModel,
        "a part that can be there once is there twice",
    );
    let functions = [plain.clone(), field(25, b"")].concat();
    refused(
        &functions,
        UnsupportedModel,
        "the model has functions of its own",
    );
    let sparse = field(graph, &field(15, b""));
    refused(&sparse, UnsupportedModel, "the model has sparse tensors");
    let elsewhere = field(graph, &field(5, &field(13, b"")));
    refused(
        &elsewhere,
        UnsupportedModel,
        "the model has weights in separate files",
    );
    // Graphs in nodes in graphs: parsers recurse.
    let mut deep = Vec::new();
    for _ in 0..100_000 {
        deep = match deep.len() > 1 << 20 {
            true => break,
            false => field(1, &field(5, &field(6, &deep))),
        };
    }
    refused(&field(graph, &deep), InvalidModel, "too deep in each other");
}

/// What the pass over a graph takes grows with the graph, not with what is in it.
#[test]
fn large_graphs_are_gone_through_once() {
    let n = 20_000;
    let names: Vec<String> = (0..=n).map(|at| format!("v{at}")).collect();
    let mut nodes: Vec<_> = names
        .windows(2)
        // Each reads the one before and the first.
        .map(|pair| node("Add", &[&pair[0], "v0"], &[&pair[1]]))
        .collect();
    nodes.reverse();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    nodes.push(node("Sum", &all, &["y"]));
    nodes.push(node("Identity", &["y"], &["z"]));
    let whole = file(GraphProto {
        node: nodes,
        input: vec![value("v0", Onnx::FLOAT, Some(&[1]))],
        output: vec![value("z", Onnx::FLOAT, None)],
        ..GraphProto::default()
    });
    let limits = Limits {
        compute_bytes: 100_000,
        ..Limits::default()
    };
    let model = Model::load(&whole, limits).expect("it loads");
    let one = rulestage_inference::Tensor {
        dims: vec![1],
        dtype: rulestage_inference::DataType::F32,
        data: 1.0_f32.to_le_bytes().to_vec(),
    };
    // All of them stay until they are summed: 20,001 times four bytes, and a little.
    model
        .compute(vec![("v0".to_owned(), one)])
        .expect("it fits");
}
