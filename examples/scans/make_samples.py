"""Makes samples/: pages as a scanner delivers them, some of them turned, and files that are no pages.

    pip install pillow numpy
    python3 make_samples.py

Everything is drawn here; the letters are those of the typeface that is part of Pillow (Aileron, CC0).
"""

import io
import random
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SAMPLES = Path(__file__).parent / "samples"
WORDS = (
    "the parcel was left with a neighbour on the second floor because nobody opened the door and the driver had to go on "
    "please note that all amounts are stated without tax unless said otherwise and that the offer ends with the month "
    "measurements were taken every hour over four days with the same instrument and under the same weather as before"
).split()


def font(size):
    return ImageFont.load_default(size)


def paragraph(draw, words, left, top, width, size, lines):
    """Ragged lines of text; the place below them."""
    for _ in range(lines):
        text = words.choice(WORDS).capitalize() if words.random() < 0.3 else words.choice(WORDS)
        while True:
            longer = f"{text} {words.choice(WORDS)}"
            if draw.textlength(longer, font(size)) > width:
                break
            text = longer
        draw.text((left, top), text, fill=25, font=font(size))
        top += int(size * 1.45)
    return top


def table(draw, words, left, top, width, rows, columns):
    cell = width // columns
    for row in range(rows + 1):
        y = top + row * 30
        draw.line((left, y, left + columns * cell, y), fill=40, width=2)
        for column in range(columns):
            if row < rows:
                text = words.choice(WORDS).capitalize() if column == 0 or row == 0 else f"{words.randint(1, 9999) / 100:.2f}"
                draw.text((left + column * cell + 8, y + 6), text, fill=25, font=font(15))
    for column in range(columns + 1):
        x = left + column * cell
        draw.line((x, top, x, top + rows * 30), fill=40, width=2)
    return top + rows * 30


def figure(page, words, left, top, width, height):
    """A chart with a curve, on grey."""
    draw = ImageDraw.Draw(page)
    draw.rectangle((left, top, left + width, top + height), fill=225, outline=60, width=2)
    value = height / 2
    points = []
    for x in range(10, width - 10, 6):
        value = min(max(value + words.uniform(-18, 18), 15), height - 15)
        points.append((left + x, top + value))
    draw.line(points, fill=70, width=4)
    for bar in range(6):
        x = left + 20 + bar * (width - 40) // 6
        draw.rectangle((x, top + height - words.randint(20, height // 2), x + 22, top + height - 8), fill=130)
    return top + height


def page(seed, parts, width=620, height=877):
    words = random.Random(seed)
    image = Image.new("L", (width, height), 252)
    draw = ImageDraw.Draw(image)
    top, left, inner = 60, 62, width - 124
    for part in parts:
        if part == "title":
            draw.text((left, top), " ".join(words.sample(WORDS, 4)).title(), fill=15, font=font(30))
            top += 62
        elif part == "text":
            top = paragraph(draw, words, left, top, inner, 16, words.randint(5, 8)) + 22
        elif part == "table":
            top = table(draw, words, left, top, inner, 6, 4) + 26
        elif part == "figure":
            top = figure(image, words, left, top, inner, 190) + 14
        elif part == "caption":
            draw.text((left + 90, top), "Figure 1. " + " ".join(words.sample(WORDS, 5)), fill=25, font=font(14))
            top += 40
    return image


def scanned(image, seed):
    """Slightly soft and grainy."""
    noise = np.random.RandomState(seed).normal(0, 1.2, (image.height, image.width))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), dtype=float)
    return Image.fromarray((soft + noise).clip(0, 255).astype(np.uint8))


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def main():
    letter = ["title", "text", "text", "text", "text"]
    report = ["title", "text", "figure", "caption", "text"]
    prices = ["title", "text", "table", "text", "table"]
    turned = Image.Exif()
    turned[0x0112] = 6
    quarter = Image.Transpose
    files = {
        "letter.jpg": saved(scanned(page(1, letter), 1), "JPEG", quality=60),
        "report.jpg": saved(scanned(page(2, report), 2), "JPEG", quality=60),
        "prices.png": saved(page(3, prices).quantize(8), "PNG", optimize=True),
        "prices.webp": saved(scanned(page(4, prices), 4).convert("RGB"), "WEBP", quality=60),
        "feeder/upside_down.jpg": saved(scanned(page(5, letter), 5).transpose(quarter.ROTATE_180), "JPEG", quality=60),
        "feeder/left.png": saved(page(6, report).quantize(8).transpose(quarter.ROTATE_90), "PNG", optimize=True),
        "feeder/right.jpg": saved(scanned(page(7, letter), 7).transpose(quarter.ROTATE_270), "JPEG", quality=60, progressive=True),
        # Held upright by whoever took it: the file says how the camera was held.
        "phone/noted.jpg": saved(scanned(page(8, report), 8).transpose(quarter.ROTATE_90), "JPEG", quality=60, exif=turned),
        "broken/notes.jpg": b"These are notes in a file with the wrong name.\n",
    }
    files["broken/cut_short.jpg"] = files["letter.jpg"][:9000]
    files["broken/cut_short.png"] = files["prices.png"][:5000]
    header = bytearray(files["prices.png"][:33])
    header[16:24] = (65000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    files["broken/huge.png"] = bytes(header)
    for name, data in files.items():
        path = SAMPLES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


main()
