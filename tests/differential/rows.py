"""The variables of the expressions, and the rows of values that they are evaluated with.

The Python wrapper ends text and bytes at a zero: those are in the literals of generate.py.
"""

import datetime
import random

SCALARS = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"]

TYPES = {f"{letter}_{ty}": ty for ty in SCALARS for letter in "ab"} | {
    "l_int": "list<int>",
    "l_uint": "list<uint>",
    "l_double": "list<double>",
    "l_string": "list<string>",
    "m_int": "map<string, int>",
    "m_string": "map<int, string>",
    "d": "dyn",
    "e": "dyn",
}

INF = float("inf")

VALUES = {
    "bool": [True, False],
    "int": [0, 1, -1, 2, 3, 7, -100, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, 2**63 - 2, -(2**63), 3037000500, 1700000000],
    "uint": [0, 1, 2, 3, 10, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 2],
    "double": [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -1.5, 0.1, 1e300, -1e300, 5e-324, 1e21, 1e-7, 123456789.125, float("nan"), INF, -INF,
               2.0**63, -(2.0**63), 2.0**64, 9007199254740993.0, 9223372036854774784.0, -0.9],
    "string": ["", "a", "abc", "é", "日本語", "a\U0001f600b", "e\u0301", "ß", "1", "-5", "+7", "9223372036854775807", "9223372036854775808",
               "18446744073709551615", "1.5", "-1e3", "NaN", "inf", "true", "True", "f", " x ", "a,b,,c", "\u00a0\u2003y\n",
               "2024-02-29T12:34:56.789Z", "2023-02-29T00:00:00Z", "1999-12-31T23:59:59+01:30", "1h30m", "-1.5s", "10ms", "YWJj"],
    "bytes": [b"", b"a", b"\xff\xfe", "é".encode(), b"abc", b"\xed\xa0\x80"],
    # Microseconds since 1970. The Python wrapper goes by a double, and takes the years 1 and 9999 for infinite: what
    # that would change is in the literals.
    "timestamp": [0, -500000, 250000, 951782400000000, 1709210096750000, -62104060800000000, 253370764799500000, -11644473600500000, 4102444800000000],
    # Microseconds
    "duration": [0, 1, -1, 1500000, -1500000, 3600000000, 86400000000, -999999, 9223372036854775, -9223372036854775],
}

DYNAMIC = [None, True, 1, -1, 2**53 + 1, 2**63 - 1, 1.0, 1.5, float("nan"), -0.0, "", "a", "é", b"a", b"", [], [1, "a", 2.5], [1.0, None],
           {}, {"a": 1, "b": "x"}, {"a": {"b": [1, 2]}}, {1: "one", True: 2, "a": None}, [[1], [2, 3]], {"a": float("nan")}]

N_ROWS = 64


def rows():
    """Each row as `{name: value}`; timestamps and durations in microseconds."""
    choose = random.Random(11)
    found = []
    for _ in range(N_ROWS):
        row = {name: choose.choice(VALUES[ty]) for name, ty in TYPES.items() if ty in VALUES}
        for ty in ["int", "uint", "double", "string"]:
            row[f"l_{ty}"] = [choose.choice(VALUES[ty]) for _ in range(choose.randrange(4))]
        row["m_int"] = {key: choose.choice(VALUES["int"]) for key in choose.sample(["a", "b", "é", ""], choose.randrange(4))}
        row["m_string"] = {key: choose.choice(VALUES["string"]) for key in choose.sample([0, 1, -1, 2**63 - 1], choose.randrange(4))}
        row["d"] = choose.choice(DYNAMIC)
        row["e"] = choose.choice(DYNAMIC)
        found.append(row)
    return found


def to_python(ty, value):
    """A value as the Python wrapper of cel-cpp takes it."""
    if ty == "timestamp":
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=value)
    if ty == "duration":
        return datetime.timedelta(microseconds=value)
    return value
