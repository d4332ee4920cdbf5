"""Makes reference.json and files/: what OpenCV and Pillow make of a few small images.

    pip install opencv-python-headless pillow numpy
    python3 reference.py

The images are made here; nothing is taken from elsewhere.
"""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
FILES = HERE / "files"


def picture(width, height, seed):
    """A gradient with noise and a few hard edges."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * y) % 256], axis=2)
    rgb = (rgb + random.randint(0, 40, rgb.shape)) % 256
    rgb[height // 3 : height // 2, width // 4 : width // 2] = [250, 5, 128]
    return rgb.astype(np.uint8)


def flat(rgb):
    return {"width": rgb.shape[1], "height": rgb.shape[0], "rgb": rgb.tobytes().hex()}


def resized():
    opencv = {"opencv-linear": cv2.INTER_LINEAR, "opencv-cubic": cv2.INTER_CUBIC, "opencv-lanczos4": cv2.INTER_LANCZOS4}
    pillow = {
        "pillow-bilinear": Image.Resampling.BILINEAR,
        "pillow-bicubic": Image.Resampling.BICUBIC,
        "pillow-lanczos": Image.Resampling.LANCZOS,
    }
    for (width, height), sizes in [
        ((23, 17), [(8, 8), (23, 9), (40, 31), (11, 17), (1, 1), (23, 17)]),
        ((5, 3), [(9, 7), (2, 2)]),
        ((1, 1), [(4, 3)]),
        ((60, 7), [(16, 16)]),
    ]:
        source = picture(width, height, width * height)
        for size in sizes:
            for name, flag in opencv.items():
                yield {"filter": name, "from": flat(source), "to": flat(cv2.resize(source, size, interpolation=flag))}
            for name, flag in pillow.items():
                result = np.asarray(Image.fromarray(source).resize(size, flag))
                yield {"filter": name, "from": flat(source), "to": flat(result)}


def smooth(width, height):
    """Without noise, as photographs are: what is lossy stays near."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + k) * 60 + np.cos(y / 7 - k) * 60 + 128 for k in range(3)]
    return Image.fromarray(np.stack(waves, axis=2).clip(0, 255).astype(np.uint8))


def files():
    """Name, bytes, and the most by which decoders may differ."""
    image = smooth(37, 29)
    draw = ImageDraw.Draw(image)
    draw.rectangle((3, 4, 12, 9), fill=(220, 30, 40))

    def saved(format, of=image, **options):
        buffer = io.BytesIO()
        of.save(buffer, format, **options)
        return buffer.getvalue()

    turned = Image.Exif()
    turned[0x0112] = 6
    mirrored = Image.Exif()
    mirrored[0x0112] = 5
    alpha = image.copy()
    alpha.putalpha(90)
    deep = Image.fromarray((np.mgrid[0:29, 0:37][1] * 1700).astype(np.uint16))
    yield "plain.jpg", saved("JPEG", quality=95, subsampling=0), 3
    yield "subsampled.jpg", saved("JPEG", quality=90, subsampling=2), 12
    yield "progressive.jpg", saved("JPEG", quality=90, subsampling=0, progressive=True), 3
    yield "grey.jpg", saved("JPEG", of=image.convert("L"), quality=92), 3
    yield "turned.jpg", saved("JPEG", quality=95, subsampling=0, exif=turned), 3
    yield "plain.png", saved("PNG"), 0
    yield "mirrored.png", saved("PNG", exif=mirrored), 0
    yield "palette.png", saved("PNG", of=image.quantize(16)), 0
    yield "bits.png", saved("PNG", of=image.convert("1")), 0
    yield "alpha.png", saved("PNG", of=alpha), 0
    yield "grey_alpha.png", saved("PNG", of=alpha.convert("LA")), 0
    yield "deep.png", saved("PNG", of=deep), 0
    yield "lossless.webp", saved("WEBP", lossless=True), 0
    yield "lossy.webp", saved("WEBP", quality=80), 12
    yield "alpha.webp", saved("WEBP", of=alpha, lossless=True, exact=True), 0


def decoded(data):
    image = Image.open(io.BytesIO(data))
    orientation = image.getexif().get(0x0112)
    turn = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270}.get(orientation)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    return np.asarray(image.transpose(turn) if turn is not None else image)


def main():
    FILES.mkdir(exist_ok=True)
    # A small file of a large image, which tests give too little memory.
    Image.new("RGB", (5000, 3000), (200, 220, 240)).save(FILES / "large.webp", lossless=True)
    reference = {"made_by": f"opencv {cv2.__version__}, Pillow {PIL.__version__}", "resized": list(resized()), "decoded": []}
    for name, data, tolerance in files():
        (FILES / name).write_bytes(data)
        reference["decoded"].append({"file": name, "tolerance": tolerance, "picture": flat(decoded(data))})
    lines = [f'"made_by": {json.dumps(reference["made_by"])}']
    for key in ["resized", "decoded"]:
        cases = ",\n".join(json.dumps(case, separators=(",", ":")) for case in reference[key])
        lines.append(f'"{key}": [\n{cases}\n]')
    (HERE / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
