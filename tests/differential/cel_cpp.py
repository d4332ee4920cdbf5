"""cel-cpp, by the package cel-expr-python: its answers in the form of `rulestage eval --batch`."""

import base64
import math
import re

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

from rows import TYPES, to_python

T = cel.Type
CEL_TYPES = {
    "bool": T.BOOL, "int": T.INT, "uint": T.UINT, "double": T.DOUBLE, "string": T.STRING, "bytes": T.BYTES,
    "timestamp": T.TIMESTAMP, "duration": T.DURATION, "dyn": T.DYN,
    "list<int>": T.List(T.INT), "list<uint>": T.List(T.UINT), "list<double>": T.List(T.DOUBLE), "list<string>": T.List(T.STRING),
    "map<string, int>": T.Map(T.STRING, T.INT), "map<int, string>": T.Map(T.INT, T.STRING),
}
EXTENSIONS = [ext_bindings.ExtBindings(), ext_encoders.ExtEncoders(), ext_math.ExtMath(), ext_optional.ExtOptional(), ext_strings.ExtStrings()]
UNITS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class Unreadable(Exception):
    """A result that the Python package can't hand out, such as an optional or text that is not UTF-8."""


class Evaluator:
    def __init__(self, rows):
        self.environment = cel.NewEnv(variables={name: CEL_TYPES[ty] for name, ty in TYPES.items()}, extensions=EXTENSIONS)
        self.rows = [{name: to_python(TYPES[name], value) for name, value in row.items()} for row in rows]

    def answer(self, expression, row):
        """A `cel.expr.Value`, `{"error": text}`, or `{"refused": text, "unchecked": answer}`."""
        try:
            compiled = self.environment.compile(expression)
        except RuntimeError as error:
            refused = first_line(error)
        else:
            return self.evaluate(compiled, row)
        try:
            compiled = self.environment.compile(expression, disable_check=True)
        except RuntimeError:
            return {"refused": refused}
        return {"refused": refused, "unchecked": self.evaluate(compiled, row)}

    def evaluate(self, compiled, row):
        try:
            result = compiled.eval(data=self.rows[row])
        except RuntimeError as error:
            # A failure of the evaluation as a whole, which nothing absorbs.
            return {"error": first_line(error)}
        if result.type() == T.ERROR:
            return {"error": first_line(message(result))}
        try:
            return to_json(result)
        except (TypeError, SystemError) as error:
            raise Unreadable from error


def message(result):
    try:
        return result.value()
    except TypeError:
        raise Unreadable from None


def first_line(error):
    return re.sub(r"^[A-Z_]+: (ERROR: <input>:\d+:\d+: )?", "", str(error).split("\n")[0])[:160]


def to_json(value):
    ty = value.type()
    name = ty.name()
    if name == "NULL" or name == "null_type":
        return {"nullValue": None}
    if ty == T.BOOL:
        return {"boolValue": value.plain_value()}
    if ty == T.INT:
        return {"int64Value": str(value.plain_value())}
    if ty == T.UINT:
        return {"uint64Value": str(value.plain_value() % 2**64)}
    if ty == T.DOUBLE:
        number = value.plain_value()
        if math.isnan(number):
            return {"doubleValue": "NaN"}
        if math.isinf(number):
            return {"doubleValue": "Infinity" if number > 0 else "-Infinity"}
        return {"doubleValue": number}
    if ty == T.STRING:
        return {"stringValue": value.plain_value()}
    if ty == T.BYTES:
        return {"bytesValue": base64.b64encode(bytes(value.plain_value())).decode()}
    # The package cuts times to microseconds; the debug text has all nine digits.
    if ty == T.TIMESTAMP:
        return message_json("Timestamp", re.sub(r"^\d+", lambda year: year[0].zfill(4), repr(value)))
    if ty == T.DURATION:
        return message_json("Duration", seconds_text(nanoseconds(repr(value))))
    if ty == T.TYPE:
        return {"typeValue": re.sub(r"<.*>$", "", repr(value))}
    if name.startswith("LIST"):
        return {"listValue": {"values": [to_json(each) for each in value.value()]}}
    if name.startswith("MAP"):
        entries = value.value()
        # To Python, `1`, `1u` and `true` are one key: an entry may be lost.
        if any(key in (0, 1) for key in entries):
            raise Unreadable(name)
        return {"mapValue": {"entries": [{"key": key_json(key, repr(value)), "value": to_json(each)} for key, each in entries.items()]}}
    raise Unreadable(name)


def key_json(key, text):
    """Python has one type for whole numbers: maps with uint keys are told by the debug text."""
    if isinstance(key, bool):
        return {"boolValue": key}
    if isinstance(key, int):
        return {"uint64Value": str(key)} if re.search(rf"[{{ ]{key}u: ", text) else {"int64Value": str(key)}
    return {"stringValue": key}


def message_json(name, text):
    return {"objectValue": {"@type": f"type.googleapis.com/google.protobuf.{name}", "value": text}}


def nanoseconds(text):
    """Of `-1h1m1.5s`."""
    total = 0
    for whole, fraction, unit in re.findall(r"(\d+)(?:\.(\d+))?(h|ms|m|us|ns|s)", text):
        scale = UNITS[unit]
        total += int(whole) * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)
    return -total if text.startswith("-") else total


def seconds_text(total):
    seconds, rest = divmod(abs(total), 1_000_000_000)
    return f"{'-' if total < 0 else ''}{seconds}.{rest:09}s"
