"""Makes fetched.json: what onnxruntime answers for the models of PP-OCR and silero-vad.

    pip install onnxruntime==1.31.1 numpy
    ./dev setup                        # fetches the models into fetched/
    python3 tests/models/fetched.py

Inputs are numbers from a generator that the tests repeat; of large outputs every so many-th element is kept.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
MOST_VALUES = 300


def noise(n, low, high):
    """The generator: a linear congruential one, its upper 24 bits."""
    values, state = np.empty(n, np.float64), 12345
    for at in range(n):
        state = (state * 1664525 + 1013904223) % 2**32
        values[at] = (state >> 8) / 2**24
    return (values * (high - low) + low).astype(np.float32)


def case(model, **inputs):
    """Inputs are shapes and ranges of noise, or whole tensors of integers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(HERE / "fetched" / f"{model}.onnx", options)
    tensors, stated = {}, {}
    for name, given in inputs.items():
        if isinstance(given, int):
            tensors[name] = np.array(given, np.int64)
            stated[name] = {"dims": [1], "int": given}
        else:
            dims, low, high = given
            tensors[name] = noise(int(np.prod(dims)), low, high).reshape(dims)
            stated[name] = {"dims": dims, "low": low, "high": high}
    outputs = {}
    for output, value in zip(session.get_outputs(), session.run(None, tensors)):
        flat = value.reshape(-1).astype(np.float64)
        step = max(1, len(flat) // MOST_VALUES)
        outputs[output.name] = {"dims": list(value.shape), "step": step, "values": [float(v) for v in flat[::step]]}
    return {"model": model, "inputs": stated, "outputs": outputs}


def main():
    state = ([2, 1, 128], -0.5, 0.5)
    cases = [
        case("ppocr_cls", x=([3, 3, 48, 192], -1.0, 1.0)),
        case("ppocr_det", x=([1, 3, 96, 160], -2.0, 2.0)),
        case("ppocr_rec", x=([2, 3, 48, 96], -1.0, 1.0)),
        case("silero_vad", input=([1, 576], -0.8, 0.8), state=state, sr=16000),
        case("silero_vad", input=([1, 288], -0.8, 0.8), state=state, sr=8000),
        case("silero_vad_16k_op15", input=([1, 576], -0.8, 0.8), state=state, sr=16000),
        case("silero_vad_op18_ifless", input=([2, 576], -0.8, 0.8), state=([2, 2, 128], -0.5, 0.5), sr=16000),
        case("silero_vad_half", input=([1, 576], -0.8, 0.8), state=state),
        case("silero_vad_openvino_16k", input=([1, 576], -0.8, 0.8), state=state),
        case("silero_vad_16k_sequence", input=([4, 576], -0.8, 0.8), h=([1, 1, 128], -0.5, 0.5), c=([1, 1, 128], -0.5, 0.5)),
    ]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in cases)
    (HERE / "fetched.json").write_text(f"[\n{lines}\n]\n")


main()
