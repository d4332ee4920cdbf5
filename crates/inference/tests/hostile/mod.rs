//! Small models that ask for more memory than there is, or never end: what every engine must refuse.

#![allow(dead_code, unreachable_pub, reason = "tests: each engine's use this")]

pub mod build;

use build::{
    file, flag, floats, long, longs, node, value, with_graph, with_int, with_ints, with_text,
};
use rten_onnx::onnx::{DataType as Onnx, GraphProto, NodeProto, TensorProto, ValueInfoProto};
use rulestage_inference::{Backend, DataType, InferenceErrorKind, Limits, Model, Options, Tensor};

/// What a computation may take in these tests.
const LIMIT: u64 = 64 << 20;

/// A model that must be refused, what it is given, and what the refusal says.
pub struct Case {
    name: &'static str,
    pub file: Vec<u8>,
    given: Vec<(String, Tensor)>,
    says: &'static str,
}

/// `x` is 1 x 4 floats, `n` a list of integers.
fn case(
    name: &'static str,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    says: &'static str,
) -> Case {
    case_of(name, nodes, constants, &[1, 4], None, says)
}

fn case_of(
    name: &'static str,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    dims: &[u32],
    sizes: Option<&[i64]>,
    says: &'static str,
) -> Case {
    let open: Vec<i64> = dims.iter().map(|_| -1).collect();
    let mut input = vec![value("x", Onnx::FLOAT, Some(&open))];
    let n: u32 = dims.iter().product();
    let tensor = |dims: &[u32], dtype, data| Tensor {
        dims: dims.to_vec(),
        dtype,
        data,
    };
    let x = tensor(dims, DataType::F32, vec![0; n as usize * 4]);
    let mut given = vec![("x".to_owned(), x)];
    if let Some(sizes) = sizes {
        input.push(value("n", Onnx::INT64, Some(&[sizes.len() as i64])));
        let data = sizes.iter().flat_map(|size| size.to_le_bytes());
        let sizes = tensor(&[sizes.len() as u32], DataType::I64, data.collect());
        given.push(("n".to_owned(), sizes));
    }
    let output = vec![value("y", Onnx::FLOAT, None)];
    let file = file(GraphProto {
        node: nodes,
        initializer: constants,
        input,
        output,
        ..GraphProto::default()
    });
    Case {
        name,
        file,
        given,
        says,
    }
}

fn body(
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: &[&str],
) -> GraphProto {
    GraphProto {
        node: nodes,
        initializer: constants,
        input: inputs,
        output: outputs
            .iter()
            .map(|name| value(name, Onnx::FLOAT, None))
            .collect(),
        ..GraphProto::default()
    }
}

/// A loop over `state`, which starts as `x`; `rounds` is the number of rounds.
fn looped(
    rounds: i64,
    nodes: Vec<NodeProto>,
    outputs: &[&str],
) -> (Vec<NodeProto>, Vec<TensorProto>) {
    let inputs = vec![
        value("round", Onnx::INT64, Some(&[])),
        value("on", Onnx::BOOL, Some(&[])),
        value("state", Onnx::FLOAT, None),
    ];
    let mut nodes = nodes;
    nodes.insert(0, node("Identity", &["on"], &["still"]));
    let body = body(nodes, vec![longs("wide", &[1, 1 << 16])], inputs, outputs);
    let made: &[&str] = if outputs.len() > 2 {
        &["last", "y"]
    } else {
        &["y"]
    };
    let repeat = with_graph(node("Loop", &["rounds", "go", "x"], made), "body", body);
    (vec![repeat], vec![long("rounds", rounds), flag("go", true)])
}

/// Everything that must be refused.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "sizes in the file",
            vec![
                node("ConstantOfShape", &["size"], &["c"]),
                node("Add", &["x", "c"], &["y"]),
            ],
            vec![longs("size", &[1 << 20, 1 << 20])],
            "node `c_ConstantOfShape` (`ConstantOfShape`) needs 4.0 TiB for [1048576, 1048576]",
        ),
        case(
            "more elements than can be counted",
            vec![
                node("ConstantOfShape", &["size"], &["c"]),
                node("Add", &["x", "c"], &["y"]),
            ],
            vec![longs("size", &[1 << 30, 1 << 30, 1 << 30])],
            "`ConstantOfShape`) can't be held to",
        ),
        case_of(
            "sizes in an input",
            vec![
                node("ConstantOfShape", &["n"], &["c"]),
                node("Add", &["x", "c"], &["y"]),
            ],
            vec![],
            &[1, 1],
            Some(&[1 << 20, 1 << 20]),
            "(`ConstantOfShape`) needs 4.0 TiB for [1048576, 1048576]",
        ),
        case(
            "sizes that wrap around",
            vec![
                node("Mul", &["big", "big"], &["wrapped"]),
                node("Add", &["wrapped", "more"], &["size"]),
                node("ConstantOfShape", &["size"], &["c"]),
                node("Add", &["x", "c"], &["y"]),
            ],
            vec![
                longs("big", &[65536, 65536]),
                longs("more", &[1 << 20, 1 << 20]),
            ],
            "(`ConstantOfShape`) can't be held to the 64.0 MiB",
        ),
        case(
            "repeated to a shape",
            vec![
                node("Expand", &["x", "size"], &["big"]),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![longs("size", &[1 << 30, 4])],
            "(`Expand`) needs 16.0 GiB for [1073741824, 4]",
        ),
        case(
            "tiles of tiles",
            vec![
                node("Tile", &["x", "times"], &["a"]),
                node("Tile", &["a", "times"], &["b"]),
                node("ReduceSum", &["b"], &["y"]),
            ],
            vec![longs("times", &[1 << 16, 1])],
            "node `b_Tile` (`Tile`) needs",
        ),
        case(
            "a range",
            vec![
                node("Range", &["from", "to", "by"], &["big"]),
                node("ReduceMax", &["big"], &["y"]),
            ],
            vec![long("from", 0), long("to", 1 << 40), long("by", 1)],
            "(`Range`) needs 8.0 TiB for",
        ),
        case(
            "a range up to what is computed",
            vec![
                node("ReduceSum", &["x"], &["sum"]),
                with_int(node("Cast", &["sum"], &["whole"]), "to", 7),
                node("Squeeze", &["whole"], &["to"]),
                node("Range", &["from", "to", "by"], &["big"]),
                node("ReduceMax", &["big"], &["most"]),
                with_int(node("Cast", &["most"], &["y"]), "to", 1),
            ],
            vec![long("from", 0), long("by", 1)],
            "node `big_Range` (`Range`) can't be held to the 64.0 MiB that one computation may take: its size depends on \
             what the model computes; `max_memory = \"unlimited\"`",
        ),
        case_of(
            "an image enlarged",
            vec![
                node("Resize", &["x", "", "scales"], &["big"]),
                node("GlobalAveragePool", &["big"], &["y"]),
            ],
            vec![{
                let mut scales = floats("scales", &[4], 1.0);
                scales.raw_data = Some(
                    [1.0_f32, 1.0, 65536.0, 65536.0]
                        .map(f32::to_le_bytes)
                        .concat()
                        .into(),
                );
                scales
            }],
            &[1, 1, 4, 4],
            None,
            "(`Resize`) needs 256.0 GiB for [1, 1, 262144, 262144]",
        ),
        case(
            "padding",
            vec![
                node("Pad", &["x", "pads"], &["big"]),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![longs("pads", &[0, 0, 0, 1 << 40])],
            "(`Pad`) needs 4.0 TiB",
        ),
        case_of(
            "each with each",
            vec![
                node("Transpose", &["x"], &["turned"]),
                node("Mul", &["x", "turned"], &["big"]),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![],
            &[1 << 16, 1],
            None,
            "(`Mul`) needs 16.0 GiB for [65536, 65536]",
        ),
        case_of(
            "a product of vectors",
            vec![
                node("Transpose", &["x"], &["turned"]),
                node("MatMul", &["x", "turned"], &["big"]),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![],
            &[1 << 16, 1],
            None,
            "(`MatMul`) needs 16.0 GiB for [65536, 65536]",
        ),
        case_of(
            "a product by its equation",
            vec![
                with_text(
                    node("Einsum", &["x", "x"], &["big"]),
                    "equation",
                    "ab,cd->abcd",
                ),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![],
            &[1 << 16, 1],
            None,
            "(`Einsum`) needs 16.0 GiB for [65536, 1, 65536, 1]",
        ),
        case(
            "as many classes as there are numbers",
            vec![
                with_int(node("Cast", &["x"], &["indices"]), "to", 7),
                node("OneHot", &["indices", "depth", "values"], &["y"]),
            ],
            vec![long("depth", 1 << 40), floats("values", &[2], 0.0)],
            "(`OneHot`) needs 16.0 TiB",
        ),
        case(
            "where something is",
            vec![
                node("Expand", &["x", "size"], &["many"]),
                node("NonZero", &["many"], &["found"]),
                with_int(node("Cast", &["found"], &["y"]), "to", 1),
            ],
            vec![longs("size", &[1 << 21, 4])],
            "(`NonZero`) needs 128.0 MiB for [2, up to 8388608]",
        ),
        case_of(
            "rows taken again and again",
            vec![
                node("ConstantOfShape", &["many"], &["zeros"]),
                with_int(node("Cast", &["zeros"], &["indices"]), "to", 7),
                node("Gather", &["x", "indices"], &["big"]),
                node("ReduceSum", &["big"], &["y"]),
            ],
            vec![longs("many", &[1 << 20])],
            &[1, 1 << 12],
            None,
            "(`Gather`) needs 16.0 GiB for [1048576, 4096]",
        ),
        case_of(
            "pixels far from each other",
            vec![
                with_ints(
                    node("ConvTranspose", &["x", "weights"], &["big"]),
                    "strides",
                    &[1 << 20, 1 << 20],
                ),
                node("GlobalAveragePool", &["big"], &["y"]),
            ],
            vec![floats("weights", &[1, 1, 1, 1], 1.0)],
            &[1, 1, 4, 4],
            None,
            "(`ConvTranspose`) needs 36.0 TiB",
        ),
        case(
            "a shape of nothing",
            vec![
                node("Slice", &["x", "zero", "zero", "zero"], &["none"]),
                node("Expand", &["none", "size"], &["wide"]),
                with_int(node("ReduceSum", &["wide", "one"], &["y"]), "keepdims", 0),
            ],
            vec![
                longs("zero", &[0]),
                longs("one", &[1]),
                longs("size", &[1 << 40, 1, 4]),
            ],
            "needs 16.0 TiB for",
        ),
        case_of(
            "a branch",
            vec![{
                let taken = body(
                    vec![
                        node("Expand", &["x", "size"], &["big"]),
                        node("ReduceSum", &["big"], &["t"]),
                    ],
                    vec![longs("size", &[1 << 30, 4])],
                    vec![],
                    &["t"],
                );
                let other = body(
                    vec![node("Identity", &["x"], &["e"])],
                    vec![],
                    vec![],
                    &["e"],
                );
                let choice = node("If", &["yes"], &["y"]);
                with_graph(
                    with_graph(choice, "then_branch", taken),
                    "else_branch",
                    other,
                )
            }],
            vec![flag("yes", true)],
            &[1, 4],
            None,
            "node `big_Expand` (`Expand`) needs 16.0 GiB",
        ),
    ];
    cases.push({
        // 1 x 4 doubled forty times.
        let names: Vec<String> = (0..=40).map(|at| format!("c{at}")).collect();
        let mut nodes = vec![node("Identity", &["x"], &["c0"])];
        for pair in names.windows(2) {
            let [before, after] = [pair[0].as_str(), pair[1].as_str()];
            nodes.push(with_int(
                node("Concat", &[before, before], &[after]),
                "axis",
                0,
            ));
        }
        nodes.push(node("ReduceSum", &["c40"], &["y"]));
        case(
            "doubled",
            nodes,
            vec![],
            "(`Concat`) needs 128.0 MiB for [8388608, 4]",
        )
    });
    cases.push({
        // Each fits; all of them may be there before the first is read.
        let mut nodes = Vec::new();
        let names: Vec<[String; 2]> = (0..40)
            .map(|at| [format!("b{at}"), format!("s{at}")])
            .collect();
        for [big, sum] in &names {
            nodes.push(node("Expand", &["x", "size"], &[big]));
            nodes.push(node("ReduceSum", &[big], &[sum]));
        }
        let sums: Vec<&str> = names.iter().map(|[_, sum]| sum.as_str()).collect();
        nodes.push(node("Sum", &sums, &["y"]));
        case(
            "many at once",
            nodes,
            vec![longs("size", &[1 << 18, 4])],
            "the model's tensors may take",
        )
    });
    cases.push({
        // Each small tensor stays, in the buffer of the large one before it.
        let mut nodes = vec![node("Identity", &["x"], &["r0"])];
        let names: Vec<[String; 4]> = (0..40)
            .map(|at| {
                [
                    format!("r{at}"),
                    format!("b{at}"),
                    format!("k{at}"),
                    format!("r{}", at + 1),
                ]
            })
            .collect();
        for [before, big, small, after] in &names {
            nodes.push(node("Expand", &[before, "size"], &[big]));
            nodes.push(node("ReduceSum", &[big], &[after]));
            nodes.push(node("Expand", &[after, "few"], &[small]));
        }
        let mut parts: Vec<&str> = names
            .iter()
            .map(|[_, _, small, _]| small.as_str())
            .collect();
        parts.push("r40");
        nodes.push(node("Sum", &parts, &["y"]));
        case(
            "buffers that small tensors hold",
            nodes,
            vec![longs("size", &[1 << 20, 4]), longs("few", &[64])],
            "an engine may keep",
        )
    });
    let (nodes, constants) = looped(
        40,
        vec![with_int(
            node("Concat", &["state", "state"], &["twice"]),
            "axis",
            0,
        )],
        &["still", "twice"],
    );
    cases.push(case(
        "doubled in rounds",
        nodes,
        constants,
        "(`Concat`) needs",
    ));
    let (nodes, constants) = looped(
        100_000,
        vec![with_int(
            node("Concat", &["state", "x"], &["more"]),
            "axis",
            0,
        )],
        &["still", "more"],
    );
    cases.push(case(
        "one more in each round",
        nodes,
        constants,
        "(`Loop`) can't be held to the 64.0 MiB that one computation may take: its tensors grow from round to round",
    ));
    let (nodes, constants) = looped(
        i64::MAX,
        vec![node("Neg", &["state"], &["other"])],
        &["still", "other"],
    );
    cases.push(case(
        "without end",
        nodes,
        constants,
        "node `y_Loop` (`Loop`) may go round without end, which can't be interrupted",
    ));
    let (nodes, constants) = looped(
        1 << 12,
        vec![
            node("ReduceSum", &["state"], &["sum"]),
            node("Expand", &["sum", "wide"], &["row"]),
            node("Neg", &["state"], &["other"]),
        ],
        &["still", "other", "row"],
    );
    cases.push(case(
        "rows of all rounds",
        nodes,
        constants,
        "(`Loop`) needs 1.0 GiB",
    ));
    cases
}

fn options() -> Options {
    Options {
        limits: Limits {
            compute_bytes: LIMIT,
            ..Limits::default()
        },
        ..Options::default()
    }
}

/// Every case is refused by name before the engine computes it; a harmless model computes afterwards.
/// `beyond` are cases that the engine itself can't load.
pub fn all_are_refused(backend: &dyn Backend, beyond: &[&str]) {
    let mut wrong = Vec::new();
    for case in cases() {
        let model = Model::load_with(backend, &case.file, &options());
        let error = match model {
            Ok(model) => model.compute(case.given).expect_err(case.name),
            Err(error) => error,
        };
        let said = error.to_string();
        let is_refused = error.kind() == InferenceErrorKind::MemoryLimit
            && said.contains(case.says)
            && said.contains("max_memory");
        let is_beyond = beyond.contains(&case.name);
        let as_expected = match is_beyond {
            true => error.kind() == InferenceErrorKind::UnsupportedModel,
            false => is_refused,
        };
        if !as_expected {
            wrong.push(format!("{}: {said}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let harmless = case("", vec![node("Neg", &["x"], &["y"])], vec![], "");
    let model = Model::load_with(backend, &harmless.file, &options()).expect("it loads");
    model.compute(harmless.given).expect("it computes");
}
