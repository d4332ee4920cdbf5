"""What the makers of models share: running ONNX Runtime, and keeping model, columns and answers."""

import json
import pathlib

import numpy as np
import onnxruntime
from onnx import helper

FOLDER = pathlib.Path(__file__).parent
MADE, FAILED = [], []


def value(x):
    if isinstance(x, (float, np.floating)):
        return None if np.isnan(x) else float(x)
    if isinstance(x, np.integer):
        return int(x)
    if isinstance(x, np.bool_):
        return bool(x)
    return str(x) if isinstance(x, (str, np.str_)) else x


def reference(name, model, feeds):
    """Runs the model over `feeds` and keeps model, columns and answers."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = []
    for feed in feeds.values():
        matrix = feed.reshape(len(feed), -1)
        columns += [[value(x) for x in matrix[:, at]] for at in range(matrix.shape[1])]
    outputs = []
    for result in session.run(None, feeds):
        if isinstance(result, list) and isinstance(result[0], np.ndarray):  # SequenceConstruct
            outputs += [[value(x) for x in column] for part in result for column in part.T]
        elif isinstance(result, list):  # ZipMap
            keys = list(result[0])
            outputs += [[value(np.float32(row[key])) for row in result] for key in keys]
        else:
            matrix = np.asarray(result).reshape(len(columns[0]), -1)
            outputs += [[value(x) for x in matrix[:, at]] for at in range(matrix.shape[1])]
    keep(name, model, columns, outputs)


def keep(name, model, columns, outputs):
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    (FOLDER / f"{name}.json").write_text(json.dumps({"columns": columns, "outputs": outputs}) + "\n")
    MADE.append(name)


def attempt(name, make):
    try:
        reference(name, *make())
    except Exception as error:  # noqa: BLE001
        FAILED.append(f"{name}: {type(error).__name__} {str(error)[:200]}")


def hand(nodes, inputs, outputs, initializers=(), ml=3):
    graph = helper.make_graph(nodes, "hand", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", ml)], ir_version=9)


def info(name, kind, *dims):
    return helper.make_tensor_value_info(name, kind, list(dims))


def ml(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def report():
    print(len(MADE), "models:", " ".join(MADE))
    print("not made:\n" + "\n".join(FAILED))
