"""Tree ensembles inside a component against ONNX Runtime, LightGBM, XGBoost and lleaves, one thread each.

    pip install -r benches/requirements.txt
    cargo build --release --bin rulestage-bench
    python benches/trees.py target/release/rulestage-bench target/bench

Trains both models on random rows, writes them to the folder, and measures all competitors in turn on 10,000 rows of 30
columns; medians, printed as Markdown. Every competitor's scores are compared first. lleaves is left out where it can't be
imported.
"""

import pathlib
import subprocess
import sys
import time

import lightgbm
import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

try:
    import lleaves
except ImportError:
    lleaves = None

ROWS, COLUMNS, TRAINING_ROWS = 10_000, 30, 20_000
REPETITIONS = 15
RNG = np.random.default_rng(20261121)


class Rulestage:
    """The process that answers each line with one measurement."""

    def __init__(self, program, model, rows):
        arguments = [program, "trees", str(model), str(rows), str(COLUMNS)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("rulestage-bench ended")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(run):
    def measure():
        started = time.perf_counter_ns()
        run()
        return time.perf_counter_ns() - started

    return measure


def training_data():
    x = RNG.standard_normal((TRAINING_ROWS, COLUMNS)).astype(np.float32)
    score = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(3 * x[:, 3]) + x[:, 4:12].sum(axis=1) / 3
    return x, (score + RNG.standard_normal(TRAINING_ROWS) > 0).astype(int)


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # the exported shape of the labels is wrong, and said so each time
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def compare(name, program, path, rows_path, rows, others):
    runtime = session(path)
    feed = {runtime.get_inputs()[0].name: rows}
    expected = np.asarray(runtime.run(None, feed)[1])[:, 1].astype(np.float64).sum()
    ours = Rulestage(program, path, rows_path)
    for label, found in [("rulestage", ours.ask("sum"))] + [(label, sums()) for label, sums, _ in others]:
        assert abs(found - expected) < 1e-4 * ROWS, f"{label}: {found} instead of {expected}"
    competitors = {
        "rulestage, component in wasmtime": lambda: ours.ask("component"),
        "rulestage, the same kernel natively": lambda: ours.ask("native"),
        "onnxruntime": timed(lambda: runtime.run(None, feed)),
        **{label: timed(run) for label, _, run in others},
    }
    times = {label: [] for label in competitors}
    for repetition in range(REPETITIONS + 1):
        for label, measure in competitors.items():
            elapsed = measure()
            if repetition:
                times[label].append(elapsed)
    opening = sorted(ours.ask("open") for _ in range(REPETITIONS))[REPETITIONS // 2]
    ours.close()
    medians = {label: sorted(all)[len(all) // 2] for label, all in times.items()}
    print(f"\n{name}; the session opens in {opening / 1e6:.1f} ms\n\n| | rows a second | to onnxruntime |\n|---|---:|---:|")
    for label, median in medians.items():
        print(f"| {label} | {ROWS / median * 1e9:,.0f} | {medians['onnxruntime'] / median:.2f} |")


def main(program, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    x, y = training_data()
    rows = RNG.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    rows_path = folder / "trees.f32"
    rows_path.write_bytes(rows.tobytes())
    inputs = [("input", FloatTensorType([None, COLUMNS]))]

    light = lightgbm.LGBMClassifier(n_estimators=500, num_leaves=31, n_jobs=1, verbose=-1, random_state=1).fit(x, y)
    path = folder / "lightgbm.onnx"
    path.write_bytes(convert_lightgbm(light, initial_types=inputs, zipmap=False, target_opset=15).SerializeToString())
    booster = light.booster_
    others = [("LightGBM", lambda: booster.predict(rows, num_threads=1).sum(), lambda: booster.predict(rows, num_threads=1))]
    if lleaves:
        booster.save_model(folder / "lightgbm.txt")
        compiled = lleaves.Model(model_file=str(folder / "lightgbm.txt"))
        compiled.compile(cache=str(folder / "lightgbm.bin"))
        doubles = rows.astype(np.float64)
        others.append(("lleaves", lambda: compiled.predict(doubles, n_jobs=1).sum(), lambda: compiled.predict(doubles, n_jobs=1)))
    compare("LightGBM, 500 trees of 31 leaves", program, path, rows_path, rows, others)

    extreme = xgboost.XGBClassifier(n_estimators=200, max_depth=6, n_jobs=1, random_state=1).fit(x, y)
    path = folder / "xgboost.onnx"
    path.write_bytes(convert_xgboost(extreme, initial_types=inputs, target_opset=15).SerializeToString())
    booster = extreme.get_booster()
    others = [("XGBoost", lambda: booster.inplace_predict(rows).sum(), lambda: booster.inplace_predict(rows))]
    compare("XGBoost, 200 trees of depth 6", program, path, rows_path, rows, others)


if __name__ == "__main__":
    main(*sys.argv[1:])
