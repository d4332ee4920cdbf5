"""Makes the models that the tests of the hosts use, and their reference outputs from ONNX Runtime.

    pip install onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 && python make.py

The seeds are fixed, so a second run gives the same bytes.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
RNG = np.random.default_rng(20241028)


def weights(name, *shape):
    scale = 1 / np.sqrt(shape[0]) if len(shape) > 1 else 0.1
    return numpy_helper.from_array((RNG.standard_normal(shape) * scale).astype(np.float32), name)


def save(name, nodes, inputs, outputs, initializers):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="rulestage-tests"
    )
    onnx.checker.check_model(model, full_check=True)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def value(name, dtype, *dims):
    return helper.make_tensor_value_info(name, dtype, list(dims))


def reference(name, cases):
    """Runs each case and keeps inputs and outputs; floats as the shortest text that reads back equal."""
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    kept = []
    for inputs in cases:
        results = session.run(names, inputs)
        kept.append({
            "inputs": {key: as_json(array) for key, array in inputs.items()},
            "outputs": {key: as_json(array) for key, array in zip(names, results)},
        })
    (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def as_json(array):
    dtype = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "uint8": "u8"}[array.dtype.name]
    return {"dtype": dtype, "dims": list(array.shape), "values": array.flatten().tolist()}


# Four features, two hidden layers, one probability.
save(
    "score",
    [
        helper.make_node("Gemm", ["features", "w1", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Gemm", ["r1", "w2", "b2"], ["h2"]),
        helper.make_node("Tanh", ["h2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ],
    [value("features", TensorProto.FLOAT, "batch", 4)],
    [value("probability", TensorProto.FLOAT, "batch", 1)],
    [weights("w1", 4, 16), weights("b1", 16), weights("w2", 16, 8), weights("b2", 8), weights("w3", 8, 1), weights("b3", 1)],
)
reference("score", [{"features": RNG.uniform(-3, 3, (rows, 4)).astype(np.float32)} for rows in (1, 7, 33)])

# Category numbers through an embedding; two inputs, three classes and their largest.
save(
    "routes",
    [
        helper.make_node("Gather", ["embedding", "codes"], ["looked_up"], axis=0),
        helper.make_node("Flatten", ["looked_up"], ["flat"], axis=1),
        helper.make_node("Concat", ["flat", "numbers"], ["all"], axis=1),
        helper.make_node("Gemm", ["all", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["shares"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["class"], axis=1, keepdims=0),
    ],
    [value("codes", TensorProto.INT64, "batch", 2), value("numbers", TensorProto.FLOAT, "batch", 3)],
    [value("shares", TensorProto.FLOAT, "batch", 3), value("class", TensorProto.INT64, "batch")],
    [weights("embedding", 6, 4), weights("w", 11, 3), weights("b", 3)],
)
reference("routes", [
    {
        "codes": RNG.integers(0, 6, (rows, 2)).astype(np.int64),
        "numbers": RNG.uniform(-3, 3, (rows, 3)).astype(np.float32),
    }
    for rows in (1, 5)
])

# One input of category numbers only.
save(
    "codes",
    [
        helper.make_node("Gather", ["embedding", "codes"], ["looked_up"], axis=0),
        helper.make_node("ReduceSum", ["looked_up", "axes"], ["summed"], keepdims=0),
    ],
    [value("codes", TensorProto.INT64, "batch", 2)],
    [value("summed", TensorProto.FLOAT, "batch", 4)],
    [weights("embedding", 4, 4), numpy_helper.from_array(np.array([1], np.int64), "axes")],
)
reference("codes", [{"codes": np.array([[0, 1], [2, 3], [3, 3]], np.int64)}])

# Double precision at the borders.
save(
    "double",
    [
        helper.make_node("Cast", ["x"], ["narrow"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["narrow", "w"], ["product"]),
        helper.make_node("Cast", ["product"], ["y"], to=TensorProto.DOUBLE),
    ],
    [value("x", TensorProto.DOUBLE, "batch", 2)],
    [value("y", TensorProto.DOUBLE, "batch", 2)],
    [weights("w", 2, 2)],
)
reference("double", [{"x": np.array([[0.5, -1.25], [3.0, 1e-3]])}])

# Every element type that wasi:nn has tensors for, transposed: the values go through unchanged.
TYPES = {
    "half": TensorProto.FLOAT16, "brain": TensorProto.BFLOAT16, "single": TensorProto.FLOAT, "double": TensorProto.DOUBLE,
    "flag": TensorProto.BOOL, "byte": TensorProto.UINT8, "short": TensorProto.INT32, "long": TensorProto.INT64,
}
save(
    "types",
    [helper.make_node("Transpose", [name], [f"{name}_turned"], perm=[1, 0]) for name in TYPES],
    [value(name, dtype, "batch", 3) for name, dtype in TYPES.items()],
    [value(f"{name}_turned", dtype, 3, "batch") for name, dtype in TYPES.items()],
    [],
)

# Some work: 64 features through three layers of 256.
save(
    "wide",
    [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Gemm", ["r1", "w2", "b2"], ["h2"]),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["h3"]),
        helper.make_node("Softmax", ["h3"], ["y"], axis=1),
    ],
    [value("x", TensorProto.FLOAT, "batch", 64)],
    [value("y", TensorProto.FLOAT, "batch", 16)],
    [weights("w1", 64, 256), weights("b1", 256), weights("w2", 256, 256), weights("b2", 256), weights("w3", 256, 16), weights("b3", 16)],
)
reference("wide", [{"x": RNG.uniform(-3, 3, (rows, 64)).astype(np.float32)} for rows in (1, 5)])
