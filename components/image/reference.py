"""Makes lines/ and lines.json: what PP-OCR's own preprocessing and model say of a few lines of text.

    pip install onnxruntime==1.31.1 opencv-python-headless pillow numpy omegaconf colorlog six shapely pyclipper pyyaml requests tqdm
    pip install --no-deps rapidocr==3.10.0
    python3 reference.py

The letters are those of the typeface that is part of Pillow (Aileron, CC0).
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import rapidocr
from PIL import Image, ImageDraw, ImageFont
from rapidocr.ch_ppocr_cls.main import TextClassifier

HERE = Path(__file__).parent
TEXTS = {"short": "Hello", "long": "the quick brown fox jumps over the lazy dog and back again", "price": "Total: 1,234.50", "date": "21 November"}


def line(text, size):
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 16, int(bottom - top) + 12), (250, 248, 240))
    ImageDraw.Draw(image).text((8 - left, 6 - top), text, fill=(30, 30, 60), font=font)
    return image


def main():
    (HERE / "lines").mkdir(exist_ok=True)
    session = onnxruntime.InferenceSession(Path(rapidocr.__file__).parent / "models" / "ch_ppocr_mobile_v2.0_cls_mobile.onnx")
    shape = SimpleNamespace(cls_image_shape=[3, 48, 192])
    cases = []
    for at, (name, text) in enumerate(TEXTS.items()):
        upright = line(text, 22 + 9 * at)
        for turned, image in [("", upright), ("_turned", upright.transpose(Image.Transpose.ROTATE_180))]:
            file = f"{name}{turned}.png"
            image.save(HERE / "lines" / file, optimize=True)
            pixels = np.asarray(Image.open(HERE / "lines" / file).convert("RGB"))[:, :, ::-1]
            tensor = TextClassifier.resize_norm_img(shape, np.ascontiguousarray(pixels))[None]
            scores = session.run(None, {"x": tensor})[0][0]
            cases.append({"file": file, "label": ["0", "180"][int(np.argmax(scores))], "scores": [float(score) for score in scores]})
    (HERE / "lines.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(cases)


main()
