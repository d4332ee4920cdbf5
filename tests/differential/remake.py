"""Writes expressions, the row of values each is asked with, and what cel-cpp answers.

    python remake.py COUNT SEED FILE.ndjson.gz

The first line says what made it, the second holds the rows; then one `[expression, row, answer]` a line.
"""

import base64
import gzip
import importlib.metadata
import json
import math
import sys

from cel_cpp import Evaluator, Unreadable, message_json, seconds_text
from generate import Generator
from rows import TYPES, rows, to_python

LONGEST = 400


def main(count, seed, path):
    # No time in the file: the same answers are the same bytes.
    with open(path, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
        write(count, seed, file)


def write(count, seed, file):
    values = rows()
    evaluator = Evaluator(values)
    generator = Generator(seed)
    seen = set()
    version = importlib.metadata.version("cel-expr-python")
    emit(file, {"reference": f"cel-expr-python {version}", "count": count, "seed": seed})
    emit(file, {"types": TYPES, "rows": [to_plain(row) for row in values]})
    while len(seen) < count:
        expression = generator.question()
        row = generator.below(len(values))
        if len(expression) > LONGEST or expression in seen:
            continue
        try:
            answer = evaluator.answer(expression, row)
        except Unreadable:
            continue
        seen.add(expression)
        emit(file, [expression, row, answer])


def to_plain(row):
    return {name: value_json(TYPES[name], value) for name, value in row.items()}


def value_json(ty, value):
    """A binding as a `cel.expr.Value`."""
    if ty.startswith("list<"):
        return {"listValue": {"values": [value_json(ty[5:-1], each) for each in value]}}
    if ty.startswith("map<"):
        key, inner = ty[4:-1].split(", ")
        return {"mapValue": {"entries": [{"key": value_json(key, k), "value": value_json(inner, v)} for k, v in value.items()]}}
    if ty == "timestamp":
        return message_json("Timestamp", to_python(ty, value).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27))
    if ty == "duration":
        return message_json("Duration", seconds_text(value * 1000))
    if ty == "uint":
        return {"uint64Value": str(value)}
    if value is None:
        return {"nullValue": None}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"int64Value": str(value)}
    if isinstance(value, float):
        if math.isnan(value):
            return {"doubleValue": "NaN"}
        return {"doubleValue": value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"listValue": {"values": [value_json("dyn", each) for each in value]}}
    return {"mapValue": {"entries": [{"key": value_json("dyn", k), "value": value_json("dyn", v)} for k, v in value.items()]}}


def emit(file, line):
    file.write((json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode())


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
