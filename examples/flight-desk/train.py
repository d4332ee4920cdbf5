"""Trains the lateness model of this example and exports it to ONNX.

    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz package/data/flights-3m.parquet
    pip install -r requirements.txt
    python train.py package/data/flights-3m.parquet

Writes beside itself: lateness.onnx, reference.json (outputs of ONNX Runtime that both hosts are tested against),
training.json (what was measured on the held-out days) and the sample. The seed is fixed, and every fifth day is
held out whole: flights of one day share their weather, so a split by rows would flatter the model.

The model takes one f32 tensor [rows, 6] with the columns month (0-11), weekday (0 is Sunday), hour (0-23), miles,
origin and destination (places in `airports` of training.json; one past the end is any other airport), and gives p_late [rows, 1],
the probability of arriving more than 15 minutes late. Everything else (tables, scaling) is inside.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
LATE_MINUTES = 15
MIN_FLIGHTS = 500  # airports with fewer departures count as any other airport
SAMPLE_STEP = 150  # 3,000,000 / 20,000
TABLES = [("month", 12, 2), ("weekday", 7, 3), ("hour", 24, 6), ("origin", None, 8), ("destination", None, 8)]
HIDDEN = (48, 24)
EPOCHS = 8
BATCH = 4096


def main(path):
    flights = pyarrow.parquet.read_table(path)
    write_sample(flights)
    day = pc.day_of_year(flights["date"]).to_numpy()
    held_out = day % 5 == 0
    airports = frequent_airports(flights.filter(pa.array(~held_out)))
    features, late = encode(flights, airports)

    weights = train(features[~held_out], late[~held_out], len(airports) + 1)
    (FOLDER / "lateness.onnx").write_bytes(export(weights, len(airports) + 1))

    session = onnxruntime.InferenceSession(FOLDER / "lateness.onnx", providers=["CPUExecutionProvider"])
    predicted = np.concatenate([
        session.run(["p_late"], {"features": part})[0][:, 0] for part in np.array_split(features[held_out], 50)
    ])
    report = measure(predicted, late[held_out])
    report["train_flights"] = int((~held_out).sum())
    report["airports"] = airports
    (FOLDER / "training.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({key: value for key, value in report.items() if key != "airports"}, indent=1))
    write_reference(session, features, len(airports))


def write_sample(flights):
    """Every 150th flight, in order: the whole half-year in 20,000 rows."""
    sample = flights.take(np.arange(0, len(flights), SAMPLE_STEP))
    pyarrow.parquet.write_table(sample, FOLDER / "flights-sample.parquet", compression="zstd", compression_level=19)
    stamps = pc.strftime(sample["date"].cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
    options = pyarrow.csv.WriteOptions(quoting_style="none")
    pyarrow.csv.write_csv(sample.set_column(0, "date", stamps), FOLDER / "flights-sample.csv", options)


def frequent_airports(flights):
    counts = flights["origin"].value_counts().to_pylist()
    return sorted(count["values"] for count in counts if count["counts"] >= MIN_FLIGHTS)


def encode(flights, airports):
    """The features as the pipeline's first stage and the tabular stage make them, and whether each was late."""
    date, known = flights["date"], pa.array(airports, pa.large_string())

    def place(column):
        return pc.fill_null(pc.index_in(flights[column], known), len(airports))

    columns = [
        pc.subtract(pc.month(date), 1),
        pc.day_of_week(date, count_from_zero=True, week_start=7),
        pc.hour(date),
        flights["distance"],
        place("origin"),
        place("destination"),
    ]
    features = np.stack([column.to_numpy().astype(np.float32) for column in columns], axis=1)
    return features, (flights["delay"].to_numpy() > LATE_MINUTES).astype(np.float32)


def split(features):
    """Table places [rows, 5] and scaled distances [rows, 2], as the exported graph computes them."""
    miles = features[:, 3:4]
    return features[:, [0, 1, 2, 4, 5]].astype(np.int64), np.concatenate([miles / 1000, np.minimum(miles / 300, 1)], 1)


def train(features, late, airports):
    """Adam on binary cross-entropy; the learning rate falls along a cosine. Plain numpy: the network is small."""
    rng = np.random.default_rng(20010101)
    weights = {}
    for name, size, width in TABLES:
        # Zeros: a place that training never sees, a month of autumn say, stays neutral.
        weights[name] = np.zeros((size or airports, width), np.float32)
    width = sum(table[2] for table in TABLES) + 2
    for layer, size in enumerate((*HIDDEN, 1), 1):
        weights[f"w{layer}"] = (rng.standard_normal((width, size)) * np.sqrt(2 / width)).astype(np.float32)
        weights[f"b{layer}"] = np.zeros(size, np.float32)
        width = size
    weights["b3"][:] = np.log(late.mean() / (1 - late.mean()))

    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    places, numbers = split(features)
    steps = EPOCHS * (len(late) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        order, loss = rng.permutation(len(late)), 0.0
        for at in range(len(late) // BATCH):
            rows = order[at * BATCH : (at + 1) * BATCH]
            batch_loss, gradients = backward(weights, places[rows], numbers[rows], late[rows])
            loss += batch_loss
            step += 1
            rate = 0.003 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, gradient in gradients.items():
                first, second = moments[name]
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient * gradient - second)
                unbiased = first / (1 - 0.9**step), second / (1 - 0.999**step)
                weights[name] -= (rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)).astype(np.float32)
        print(f"epoch {epoch + 1}: loss {loss / (len(late) // BATCH):.5f}", file=sys.stderr)
    return weights


def backward(weights, places, numbers, late):
    """The mean loss of a batch and its gradients."""
    looked_up = [weights[name][places[:, at]] for at, (name, _, _) in enumerate(TABLES)]
    x0 = np.concatenate([*looked_up, numbers], axis=1)
    x1 = np.maximum(x0 @ weights["w1"] + weights["b1"], 0)
    x2 = np.maximum(x1 @ weights["w2"] + weights["b2"], 0)
    logit = (x2 @ weights["w3"] + weights["b3"])[:, 0]
    loss = np.mean(np.logaddexp(0, logit) - late * logit)

    d3 = ((1 / (1 + np.exp(-logit)) - late) / len(late))[:, None]
    d2 = (d3 @ weights["w3"].T) * (x2 > 0)
    d1 = (d2 @ weights["w2"].T) * (x1 > 0)
    d0 = d1 @ weights["w1"].T
    gradients = {
        "w3": x2.T @ d3, "b3": d3.sum(0), "w2": x1.T @ d2, "b2": d2.sum(0), "w1": x0.T @ d1, "b1": d1.sum(0),
    }  # fmt: skip
    start = 0
    for at, (name, _, width) in enumerate(TABLES):
        # Summing by place is a product with the one-hot matrix, done as one bincount for each table column.
        part, size = d0[:, start : start + width], len(weights[name])
        sums = [np.bincount(places[:, at], part[:, column], size) for column in range(width)]
        gradients[name] = np.stack(sums, axis=1)
        start += width
    return loss, gradients


def export(weights, airports):
    """The ONNX graph. Places are clamped into their tables, so that no row can make a whole batch fail."""
    constants = {
        "number_columns": np.array([3], np.int64),
        "place_columns": np.array([0, 1, 2, 4, 5], np.int64),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "last_places": np.array([(size or airports) - 1 for _, size, _ in TABLES], np.float32),
        "thousand_miles": np.array(1000, np.float32),
        "short_hop": np.array(300, np.float32),
        **weights,
    }
    nodes = [
        helper.make_node("Gather", ["features", "number_columns"], ["miles"], axis=1),
        helper.make_node("Div", ["miles", "thousand_miles"], ["scaled"]),
        helper.make_node("Div", ["miles", "short_hop"], ["hop"]),
        helper.make_node("Min", ["hop", "one"], ["hop_share"]),
        helper.make_node("Gather", ["features", "place_columns"], ["raw_places"], axis=1),
        helper.make_node("Max", ["raw_places", "zero"], ["positive_places"]),
        helper.make_node("Min", ["positive_places", "last_places"], ["clamped_places"]),
        helper.make_node("Cast", ["clamped_places"], ["places"], to=TensorProto.INT64),
    ]
    for at, (name, _, _) in enumerate(TABLES):
        constants[f"{name}_column"] = np.array(at, np.int64)
        nodes.append(helper.make_node("Gather", ["places", f"{name}_column"], [f"{name}_place"], axis=1))
        nodes.append(helper.make_node("Gather", [name, f"{name}_place"], [f"{name}_row"], axis=0))
    rows = [f"{name}_row" for name, _, _ in TABLES]
    nodes += [
        helper.make_node("Concat", [*rows, "scaled", "hop_share"], ["x0"], axis=1),
        helper.make_node("Gemm", ["x0", "w1", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["x1"]),
        helper.make_node("Gemm", ["x1", "w2", "b2"], ["h2"]),
        helper.make_node("Relu", ["h2"], ["x2"]),
        helper.make_node("Gemm", ["x2", "w3", "b3"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p_late"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lateness",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 6])],
        [helper.make_tensor_value_info("p_late", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="rulestage-flight-desk"
    )
    model.doc_string = "Probability that a US flight of 2001 arrives more than 15 minutes late. See NOTICE."
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def measure(predicted, late):
    """Discrimination and calibration on the held-out days."""
    ranks = np.empty(len(predicted))
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = late.sum(dtype=np.float64)
    auc = (ranks[late == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(late) - positives))
    base = late.mean(dtype=np.float64)
    clipped = np.clip(predicted.astype(np.float64), 1e-7, 1 - 1e-7)
    by_decile = [
        {"predicted": round(float(predicted[rows].mean()), 4), "late": round(float(late[rows].mean()), 4)}
        for rows in np.array_split(np.argsort(predicted, kind="stable"), 10)
    ]
    return {
        "held_out_flights": len(late),
        "held_out_late": round(float(base), 4),
        "auc": round(float(auc), 4),
        "log_loss": round(float(-np.mean(late * np.log(clipped) + (1 - late) * np.log(1 - clipped))), 4),
        "log_loss_of_the_base_rate": round(float(-(base * np.log(base) + (1 - base) * np.log(1 - base))), 4),
        "brier": round(float(np.mean((clipped - late) ** 2)), 4),
        "calibration_by_decile": by_decile,
    }


def write_reference(session, features, other):
    """50 flights of the whole range, and a few that no schedule has."""
    odd = np.array(
        [[11, 6, 23, 5000, other, other], [0, 0, 0, 0, 0, 0], [6, 3, 12, 1e6, other, 1], [8, 1, 5, 100, 2, other]],
        np.float32,
    )
    rows = np.concatenate([features[:: len(features) // 50][:50], odd])
    p_late = session.run(["p_late"], {"features": rows})[0]

    def tensor(array):
        return {"dtype": "f32", "dims": list(array.shape), "values": array.flatten().tolist()}

    case = {"inputs": {"features": tensor(rows)}, "outputs": {"p_late": tensor(p_late)}}
    (FOLDER / "reference.json").write_text(json.dumps([case]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
