"""Neural networks through whole pipelines against ONNX Runtime called from Python: a text embedding and Magika.

    pip install -r benches/requirements.txt
    cargo build --release --bin rulestage && just components
    RULESTAGE_ONNXRUNTIME=… python benches/networks.py target/release/rulestage target/components \\
        components/text-embedding/all-minilm-l6-v2.onnx examples/upload-gate target/bench

`components/text-embedding/reference.py` makes the embedding's model. `rulestage run` is measured as a whole process, which
reads rows, makes tokens or features, computes and writes; Python has its session open and its tokens or features made, and
only computes. Another Python is measured as a whole process, too: it imports, opens its session, reads tokens or features
that are made already, and computes. They take turns on the same rows, one thread a computation; results are compared first.
Printed as Markdown: the best wall and the least processor time of all repetitions, and both to Python's. Texts are measured
for two numbers of them: what each further text costs is the steady state, and the rest is the start with the loading of the
model.
"""

import json
import pathlib
import resource
import shutil
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pandas

TEXTS, MORE_TEXTS, FILES, REPETITIONS = 512, 2048, 402, 5
RNG = np.random.default_rng(20261122)
WORDS = """the a quiet harbour lies still this morning interest rates rose in may and markets did not react my card was
charged twice please refund me order number late delivery broken screen thank you very much for quick help""".split()


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


WHOLE_PROCESS = """
import sys
import numpy as np
import onnxruntime
model, inputs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
runtime = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name = runtime.get_inputs()[0].name
for given in np.load(inputs).values():
    runtime.run(None, {name: given})
"""


def whole_process(model, inputs, path):
    """Python from its start to its end, over inputs that are made already."""
    np.savez(path, *inputs)
    command = [sys.executable, "-c", WHOLE_PROCESS, str(model), str(path)]
    return (lambda: subprocess.run(command, check=True), resource.RUSAGE_CHILDREN)


def measured(run, who):
    """Wall and processor seconds."""
    before, started = resource.getrusage(who), time.perf_counter()
    run()
    wall, after = time.perf_counter() - started, resource.getrusage(who)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(title, n, competitors):
    times = {name: [] for name in competitors}
    for _ in range(REPETITIONS):
        for name, (run, who) in competitors.items():
            times[name].append(measured(run, who))
    best = {name: [min(column) for column in zip(*all)] for name, all in times.items()}
    reference = best[next(iter(best))]
    print(f"\n| {title} | rows a second | to Python | processor ms a row | to Python |\n|---|---:|---:|---:|---:|")
    for name, (wall, cpu) in best.items():
        print(f"| {name} | {n / wall:,.0f} | {reference[0] / wall:.2f} | {cpu / n * 1000:.2f} | {reference[1] / cpu:.2f} |")
    return best


def compare_steady(few, many, n_few, n_many):
    """What each further row takes, and what is left for the start."""
    print("\n| | wall ms a further row | to Python | processor ms a further row | to Python | start, processor s |")
    print("|---|---:|---:|---:|---:|---:|")
    slopes = {name: [(b - a) / (n_many - n_few) for a, b in zip(few[name], many[name])] for name in few}
    reference = slopes[next(iter(slopes))]
    for name, (wall, cpu) in slopes.items():
        start = few[name][1] - n_few * cpu
        ratios = f"{wall * 1000:.2f} | {reference[0] / wall:.2f} | {cpu * 1000:.2f} | {reference[1] / cpu:.2f}"
        print(f"| {name} | {ratios} | {start:.2f} |")


def pipeline(folder, model, component, parameters=""):
    """A pipeline of one stage; the path of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(component, folder)
    target = folder / "model.onnx"
    if not target.exists():
        target.symlink_to(model.resolve())
    manifest = folder / "pipeline.toml"
    manifest.write_text(
        f'[pipeline]\nname = "bench"\n[[model]]\nname = "{component.stem}"\nfile = "model.onnx"\nbackend = "onnxruntime"\n'
        f'[[stage]]\nname = "network"\ncomponent = "{component.name}"\n{parameters}\n'
        'limits = { memory = "512MiB", deadline = "600s" }\n'
    )
    return manifest


def rulestage(program, manifest, source, target, jobs):
    command = [program, "run", manifest, "--input", source, "--output", target, "--jobs", str(jobs), "--quiet"]
    return (lambda: subprocess.run(command, check=True), resource.RUSAGE_CHILDREN)


def embeddings(program, components, model, folder, n_texts):
    """Best times by competitor, for so many texts."""
    vocabulary = pathlib.Path(__file__).parent.parent / "crates" / "wordpiece" / "src" / "vocab.txt"
    numbers = {word: number for number, word in enumerate(vocabulary.read_text().splitlines())}
    # Words that are one token each, so that Python needs no tokenizer
    words = [word for word in WORDS if word in numbers]
    texts = [" ".join(RNG.choice(words, RNG.integers(4, 38))) for _ in range(n_texts)]
    source = folder / "texts.ndjson"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokens = [np.array([[101, *(numbers[word] for word in text.split()), 102]], np.int32) for text in texts]
    runtime = session(model)

    def alone():
        return [runtime.run(None, {"input_ids": each})[0][0] for each in tokens]

    def together():
        groups = {}
        for each in tokens:
            groups.setdefault(each.shape[1], []).append(each)
        for group in groups.values():
            runtime.run(None, {"input_ids": np.concatenate(group)})

    component = components / "text-embedding.wasm"
    ours = {}
    for parameters in ["", "params = { together = 64 }"]:
        name = "together" if parameters else "alone"
        manifest = pipeline(folder / f"texts-{name}", model, component, parameters)
        for jobs in [1, 2]:
            target = folder / f"vectors-{name}.ndjson"
            ours[f"`rulestage run --jobs {jobs}`, {name}"] = rulestage(program, manifest, source, target, jobs)
    expected = np.array(alone())
    for (run, _), name in zip(ours.values(), ["alone", "alone", "together", "together"]):
        run()
        rows = (folder / f"vectors-{name}.ndjson").read_text().splitlines()
        difference = np.abs(np.array([json.loads(row)["embedding"] for row in rows]) - expected).max()
        assert difference < 1e-5, difference
    competitors = {"onnxruntime from Python, one text at a time": (alone, resource.RUSAGE_SELF), **ours}
    competitors["onnxruntime from Python, texts of a length together"] = (together, resource.RUSAGE_SELF)
    process = whole_process(model, tokens, folder / "tokens.npz")
    competitors["onnxruntime from Python, one text at a time, whole process"] = process
    return compare(f"{n_texts:,} texts of 6 to 39 tokens, all-MiniLM-L6-v2", n_texts, competitors)


def features(content):
    """What Magika's network sees: both ends without white space, 256 where there is nothing."""
    first, last = content[:4096].lstrip(), content[-4096:].rstrip()
    seen = np.full((1, 2048), 256, np.int32)
    start, end = np.frombuffer(first[:1024], np.uint8), np.frombuffer(last[-1024:], np.uint8)
    seen[0, : len(start)], seen[0, 2048 - len(end) :] = start, end
    return seen


def files(program, components, example, folder):
    inputs = folder / "files"
    samples = sorted(path for path in (example / "samples").rglob("*") if path.is_file() and path.stat().st_size >= 64)
    if not inputs.exists():
        inputs.mkdir()
        for number in range(FILES):
            sample = samples[number % len(samples)]
            shutil.copy(sample, inputs / f"{number:04}-{sample.name}")
    contents = [features(path.read_bytes()) for path in sorted(inputs.iterdir())]
    runtime = session(example / "file-type.onnx")

    def alone():
        return [runtime.run(None, {"bytes": each})[0][0] for each in contents]

    def together():
        for start in range(0, len(contents), 32):
            runtime.run(None, {"bytes": np.concatenate(contents[start : start + 32])})

    manifest = pipeline(folder / "file-types", example / "file-type.onnx", components / "file-type.wasm")
    target = folder / "types.csv"
    ours = {}
    for jobs in [1, 2]:
        ours[f"`rulestage run --jobs {jobs}`"] = rulestage(program, manifest, inputs, target, jobs)
    for run, _ in ours.values():
        run()
        found = pandas.read_csv(target, keep_default_na=False).sort_values("path")["detected_score"].to_numpy()
        difference = np.abs(found - [scores.max() for scores in alone()])
        # Files that are ruled without the network have the score 1.
        assert (difference[found < 1] < 1e-4).all(), difference.max()
    competitors = {"onnxruntime from Python, one file at a time": (alone, resource.RUSAGE_SELF), **ours}
    competitors["onnxruntime from Python, 32 files at a time"] = (together, resource.RUSAGE_SELF)
    process = whole_process(example / "file-type.onnx", contents, folder / "features.npz")
    competitors["onnxruntime from Python, one file at a time, whole process"] = process
    compare(f"{FILES} files, Magika", FILES, competitors)


def main(program, components, model, example, folder):
    components, folder = pathlib.Path(components), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    few, many = (embeddings(program, components, pathlib.Path(model), folder, n) for n in (TEXTS, MORE_TEXTS))
    compare_steady(few, many, TEXTS, MORE_TEXTS)
    files(program, components, pathlib.Path(example), folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
