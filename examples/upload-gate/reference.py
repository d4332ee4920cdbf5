"""Asks Magika's own implementation for the type of every sample: writes expected.csv.

    pip install magika==1.0.3 onnxruntime==1.31.1 && python3 reference.py
"""

import csv
import pathlib

from magika import Magika

FOLDER = pathlib.Path(__file__).parent
SAMPLES = FOLDER / "samples"

magika = Magika()
assert magika.get_model_name() == "standard_v3_3"
paths = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file())
with open(FOLDER / "expected.csv", "w", newline="") as out:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["path", "label", "score", "mime", "group", "is_text"])
    for path in paths:
        found = magika.identify_bytes((SAMPLES / path).read_bytes())
        kind = found.output
        table.writerow([path, kind.label, found.score, kind.mime_type, kind.group, str(kind.is_text).lower()])
