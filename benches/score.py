"""CSV to CSV: the credit model over 100,000 applicants, `rulestage run` against pandas and ONNX Runtime.

    pip install -r benches/requirements.txt
    cargo build --release --bin rulestage
    python benches/score.py target/release/rulestage examples/credit target/bench

Both read the file, compute label and probabilities and write all columns. pandas and ONNX Runtime are measured inside a
running interpreter, which spares them a second of imports; `rulestage` is measured as a whole process. They take turns;
medians, printed as Markdown. The results are compared first.
"""

import pathlib
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pandas

COPIES, REPETITIONS = 100, 7


def by_pandas(model, source, target):
    rows = pandas.read_csv(source, keep_default_na=False)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {}
    for node in session.get_inputs():
        kind = np.float32 if node.type == "tensor(float)" else object
        feeds[node.name] = rows[[node.name]].to_numpy(kind)
    label, probabilities = session.run(None, feeds)
    rows["label"], rows["p_bad"], rows["p_good"] = label, probabilities[:, 0], probabilities[:, 1]
    rows.to_csv(target, index=False)


def main(program, example, folder):
    example, folder = pathlib.Path(example), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source, model = folder / "applicants.csv", example / "credit.onnx"
    header, *lines = (example / "credit-sample.csv").read_text().splitlines(keepends=True)
    source.write_text(header + "".join(lines) * COPIES)
    n_rows = len(lines) * COPIES

    def by_rulestage(target, *options):
        command = [program, "run", model, "--input", source, "--output", target, "--quiet", *options]
        subprocess.run(command, check=True)

    ours, theirs = folder / "scored.csv", folder / "scored-pandas.csv"
    competitors = {
        "`rulestage run`": lambda: by_rulestage(ours),
        "`rulestage run --jobs 1`": lambda: by_rulestage(ours, "--jobs", "1"),
        "pandas and onnxruntime": lambda: by_pandas(model, source, theirs),
    }
    times = {name: [] for name in competitors}
    for repetition in range(REPETITIONS + 1):
        for name, run in competitors.items():
            started = time.perf_counter()
            run()
            if repetition:
                times[name].append(time.perf_counter() - started)
    found, expected = (pandas.read_csv(path, keep_default_na=False) for path in (ours, theirs))
    assert (found["label"] == expected["label"]).all()
    assert np.abs(found["p_bad"] - expected["p_bad"]).max() < 1e-5

    medians = {name: sorted(all)[REPETITIONS // 2] for name, all in times.items()}
    print(f"| {n_rows:,} rows, CSV to CSV | seconds | rows a second | to pandas |\n|---|---:|---:|---:|")
    for name, median in medians.items():
        ratio = medians["pandas and onnxruntime"] / median
        print(f"| {name} | {median:.2f} | {n_rows / median:,.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
