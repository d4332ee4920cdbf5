"""A stream of expressions of known type over the variables of rows.py."""

import json
import random

from rows import SCALARS

LITERALS = {
    "bool": ["true", "false"],
    "int": ["0", "1", "-1", "2", "3", "7", "100", "9223372036854775807", "-9223372036854775808", "0x10", "-0x1F", "9007199254740993"],
    "uint": ["0u", "1u", "3u", "18446744073709551615u", "0xFFu", "9223372036854775808u"],
    "double": ["0.0", "-0.0", "1.0", "0.5", "-2.5", "1e300", "-1e308", "1e-320", "(0.0/0.0)", "(1.0/0.0)", "9223372036854775807.0", "1e19", "0.1"],
    "bytes": ["b''", "b'a'", "b'\\xff'", "b'é'", "b'\\000z'", "b'abc'", "b'\\xf0\\x9f'"],
    "timestamp": [f"timestamp('{text}')" for text in [
        "2024-02-29T12:00:00Z", "1969-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
        "2000-02-29T23:59:59.5-11:45", "1900-03-01T00:00:00.000000001Z", "2024-12-30T00:00:00+05:30"]] + ["timestamp(0)", "timestamp(-1)"],
    "duration": [f"duration('{text}')" for text in ["1h", "-1.5s", "1ns", "0s", "9223372036s", "-9223372036s", "24h", "1h1m1.000000001s", "1500us", "87600h"]],
}
TEXTS = ["", "a", "b", "é", "abc", "1", "1h", "日本", "\U0001f600", "e\u0301", "x,y", "2024-02-29T00:00:00Z", "%s", "A\tZ", "\"'\\", "true", "0.5", "1e400", "-0",
         "0x1F", "2024-02-30T00:00:00Z", "2024-01-01", "1.5h", ".5s", "1h-1m", "1d", " 1", "1_0", "٣", "µs", "1µs", "Infinity", "-inf", "nan", "+1.5", "1.", "TRUE", "T", "10000-01-01T00:00:00Z",
         "2024-06-30T23:59:60Z", "2024-02-29t00:00:00z", "2024-02-29T24:00:00Z", "2024-02-29T00:00:00.1234567891Z", "9223372037s", "106752d"]
ZONES = ["UTC", "Europe/Prague", "America/New_York", "+01:30", "-11:45", "Asia/Kathmandu", "Nowhere", "", "02:00", "+24:00"]
FORMATS = ["%s", "%d", "%f", "%.2f", "%e", "%.3e", "%x", "%X", "%o", "%b", "%%", "é%s!", "%.0f", "%s %s", "%q"]
PATTERNS = ["a", "^a.*c$", "[0-9]+", "é", ".", "^$", "(a|b)+", "\\d{2,3}", "(?i)ABC", "\\pL", "[", "a{2}", "\\bz", "x*", "(?:b)?c", "\\s"]
PRIMITIVE_TYPES = ["int", "uint", "double", "string", "bytes", "bool", "list", "map", "null_type", "type", "google.protobuf.Timestamp", "google.protobuf.Duration"]
LISTS = ["int", "uint", "double", "string"]
# Where conversions between the kinds of numbers round
EDGES = ["9223372036854775807", "9223372036854775808u", "9223372036854775808.0", "9223372036854774784.0", "-9223372036854775808", "-9223372036854775808.0",
         "18446744073709551615u", "18446744073709551616.0", "9007199254740993", "9007199254740992.0", "9007199254740993u", "0u", "-0.0", "-1", "(0.0/0.0)", "a_int", "a_uint", "a_double"]
ORDERED = ["<", "<=", ">", ">="]


def text_literal(text):
    return json.dumps(text, ensure_ascii=False).replace("\\u0000", "\\000")


class Generator:
    """Expressions with a fixed seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.scope = []
        self.stray = False

    def pick(self, items):
        return self.random.choice(items)

    def below(self, limit):
        return self.random.randrange(limit)

    def question(self):
        """The next expression."""
        self.stray = self.below(12) == 0
        depth = self.pick([1, 1, 2, 2, 2, 3])
        kind = self.below(14)
        if kind == 0:
            return self.list(self.pick(SCALARS), depth)
        if kind == 1:
            return self.map(self.pick(SCALARS), depth)
        if kind < 4:
            return self.dynamic(depth)
        if kind == 4:
            return f"type({self.any(depth)})"
        return self.of(self.pick(SCALARS + ["bool", "bool", "int", "string"]), depth)

    def any(self, depth):
        kind = self.below(10)
        if kind == 0:
            return self.list(self.pick(SCALARS), depth)
        if kind == 1:
            return self.map(self.pick(SCALARS), depth)
        if kind < 4:
            return self.dynamic(depth)
        if kind == 4:
            return "null"
        return self.of(self.pick(SCALARS), depth)

    def literal(self, ty):
        return text_literal(self.pick(TEXTS)) if ty == "string" else self.pick(LITERALS[ty])

    def leaf(self, ty):
        known = [name for name, each in self.scope if each == ty]
        if known and self.below(2):
            return self.pick(known)
        return self.literal(ty) if self.below(5) < 2 else f"{self.pick('ab')}_{ty}"

    def of(self, ty, depth):
        """An expression of a scalar type; in stray expressions now and then of another."""
        if self.stray and self.below(9) == 0:
            other = self.any(max(depth - 1, 0))
            return other if self.below(4) == 0 else f"dyn({other})"
        if depth <= 0:
            return self.leaf(ty)
        below = depth - 1
        kind = self.below(14)
        if kind == 0:
            return f"({self.of('bool', below)} ? {self.of(ty, below)} : {self.of(ty, below)})"
        if kind == 1:
            return self.leaf(ty)
        if kind == 2:
            return f"{self.list(ty, below)}[{self.pick(['0', '1', '2', '-1', 'dyn(1u)', 'dyn(0.0)', 'dyn(0.5)', 'a_int'])}]"
        if kind == 3:
            return f"{self.map(ty, below)}{self.pick(['.a', '.b', '.zz', '[a_string]', '[string(a_int)]'])}"
        if kind == 4:
            return f"{self.optional(ty, below)}.orValue({self.of(ty, below)})"
        if kind == 5 and self.below(2):
            return f"{self.optional(ty, below)}.value()"
        if kind == 6:
            other = self.pick(SCALARS)
            value = self.of(other, below)
            return self.binding(other, lambda x: f"cel.bind({x}, {value}, {self.of(ty, below)})")
        return getattr(self, f"{ty}_of")(below)

    def binding(self, ty, make):
        name = f"x{len(self.scope)}"
        self.scope.append((name, ty))
        made = make(name)
        self.scope.pop()
        return made

    def bool_of(self, n):
        of = self.of
        kind = self.below(22)
        if kind < 4:
            return f"({of('bool', n)} {self.pick(['&&', '||'])} {of('bool', n)})"
        if kind == 4:
            return f"!({of('bool', n)})"
        if kind < 7:
            ty = self.pick(SCALARS)
            return f"({of(ty, n)} {self.pick(ORDERED)} {of(ty, n)})"
        if kind == 7 and self.below(2):
            return f"(dyn({self.pick(EDGES)}) {self.pick(ORDERED + ['==', '!='])} dyn({self.pick(EDGES)}))"
        if kind < 9:
            a, b = (self.pick(["int", "uint", "double"]) for _ in "ab")
            return f"(dyn({of(a, n)}) {self.pick(ORDERED + ['==', '!='])} dyn({of(b, n)}))"
        if kind < 11:
            ty = self.pick(SCALARS)
            return f"({of(ty, n)} {self.pick(['==', '!='])} {of(ty, n)})"
        if kind == 11:
            return f"(dyn({self.any(n)}) {self.pick(['==', '!=', '<', '>='])} dyn({self.any(n)}))"
        if kind == 12:
            ty = self.pick(SCALARS)
            return f"({of(ty, n)} in {self.list(ty, n)})"
        if kind == 13:
            return f"(dyn({self.any(n)}) in {self.pick(['l_int', 'm_int', 'm_string', 'd', '[1, 2u, 3.0, null]', '{1: 1, 2u: 2, true: 3}'])})"
        if kind == 14:
            ty = self.pick(SCALARS)
            return f"({self.list(ty, n)} {self.pick(['==', '!='])} {self.list(ty, n)})"
        if kind == 15:
            ty = self.pick(SCALARS)
            return f"({self.map(ty, n)} {self.pick(['==', '!='])} {self.map(ty, n)})"
        if kind < 18:
            macro = self.pick(["all", "exists", "exists_one"])
            if self.below(4) == 0:
                return self.binding("string", lambda x: f"{self.map('int', n)}.{macro}({x}, {of('bool', n)})")
            ty = self.pick(SCALARS)
            return self.binding(ty, lambda x: f"{self.list(ty, n)}.{macro}({x}, {of('bool', n)})")
        if kind == 18:
            name = self.pick(["contains", "startsWith", "endsWith"])
            return f"({of('string', n)}).{name}({of('string', n)})"
        if kind == 19:
            return f"({of('string', n)}).matches({text_literal(self.pick(PATTERNS))})"
        if kind == 20:
            return self.pick([f"bool({of('string', n)})", f"{self.optional('int', n)}.hasValue()", f"has({self.map('int', n)}.a)", "has(d.a)", "has(e.a.b)",
                              f"(type({self.any(n)}) == {self.pick(PRIMITIVE_TYPES)})"])
        return f"math.{self.pick(['isNaN', 'isInf', 'isFinite'])}({of('double', n)})"

    def number(self, ty, n):
        of = self.of
        return self.pick([
            lambda: f"math.{self.pick(['greatest', 'least'])}({of(ty, n)}, {of(ty, n)}{self.pick(['', ', ' + self.leaf(ty)])})",
            lambda: f"math.{self.pick(['greatest', 'least'])}([{of(ty, n)}, {of(ty, n)}])",
            lambda: f"math.{self.pick(['abs', 'sign'])}({of(ty, n)})",
        ])()

    def bits(self, ty, n):
        of = self.of
        return self.pick([
            lambda: f"math.bit{self.pick(['And', 'Or', 'Xor'])}({of(ty, n)}, {of(ty, n)})",
            lambda: f"math.bitNot({of(ty, n)})",
            lambda: f"math.bitShift{self.pick(['Left', 'Right'])}({of(ty, n)}, {self.pick(['0', '1', '31', '63', '64', '-1', 'a_int'])})",
        ])()

    def int_of(self, n):
        of = self.of
        kind = self.below(16)
        if kind < 5:
            return f"({of('int', n)} {self.pick('+-*/%')} {of('int', n)})"
        if kind == 5:
            return f"-({of('int', n)})"
        if kind == 6:
            return self.number("int", n)
        if kind == 7:
            return self.bits("int", n)
        if kind < 10:
            return f"int({of(self.pick(['uint', 'double', 'string', 'timestamp', 'double', 'string']), n)})"
        if kind == 10:
            return f"size({self.pick([self.list('int', n), self.map('string', n), of('string', n), of('bytes', n)])})"
        if kind < 13:
            zone = self.pick(["", "", text_literal(self.pick(ZONES))])
            return f"({of('timestamp', n)}).get{self.pick(['FullYear', 'Month', 'Date', 'DayOfMonth', 'DayOfWeek', 'DayOfYear', 'Hours', 'Minutes', 'Seconds', 'Milliseconds'])}({zone})"
        if kind == 13:
            return f"({of('duration', n)}).get{self.pick(['Hours', 'Minutes', 'Seconds', 'Milliseconds'])}()"
        name = self.pick(["indexOf", "lastIndexOf"])
        return f"({of('string', n)}).{name}({of('string', n)}{self.pick(['', '', ', 1', ', ' + self.leaf('int')])})"

    def uint_of(self, n):
        kind = self.below(9)
        if kind < 4:
            return f"({self.of('uint', n)} {self.pick('+-*/%')} {self.of('uint', n)})"
        if kind == 4:
            return self.number("uint", n)
        if kind == 5:
            return self.bits("uint", n)
        return f"uint({self.of(self.pick(['int', 'double', 'string']), n)})"

    def double_of(self, n):
        kind = self.below(10)
        if kind < 4:
            return f"({self.of('double', n)} {self.pick('+-*/')} {self.of('double', n)})"
        if kind == 4:
            return f"-({self.of('double', n)})"
        if kind == 5:
            return self.number("double", n)
        if kind == 6:
            return f"math.{self.pick(['ceil', 'floor', 'round', 'trunc', 'sqrt'])}({self.of('double', n)})"
        return f"double({self.of(self.pick(['int', 'uint', 'string', 'string']), n)})"

    def string_of(self, n):
        of = self.of
        kind = self.below(20)
        if kind < 3:
            return f"({of('string', n)} + {of('string', n)})"
        if kind < 8:
            return f"string({of(self.pick(['int', 'uint', 'double', 'double', 'bytes', 'timestamp', 'duration', 'bool']), n)})"
        if kind == 8:
            return f"({of('string', n)}).charAt({of('int', 0)})"
        if kind < 11:
            return f"({of('string', n)}).substring({of('int', 0)}{self.pick(['', ', 2', ', ' + self.leaf('int')])})"
        if kind == 11:
            return f"({of('string', n)}).replace({of('string', 0)}, {of('string', 0)}{self.pick(['', ', 1', ', -1', ', 0'])})"
        if kind < 14:
            return f"({of('string', n)}).{self.pick(['lowerAscii', 'upperAscii', 'trim', 'reverse'])}()"
        if kind == 14:
            return f"{self.list('string', n)}.join({self.pick(['', of('string', 0)])})"
        if kind == 15:
            return f"base64.encode({of('bytes', n)})"
        if kind == 16:
            return f"strings.quote({of('string', n)})"
        values = [self.any(n) for _ in range(self.pick([1, 1, 1, 2, 0]))]
        return f"{text_literal(self.pick(FORMATS) + self.pick(['', '', self.pick(FORMATS)]))}.format([{', '.join(values)}])"

    def bytes_of(self, n):
        return self.pick([
            lambda: f"({self.of('bytes', n)} + {self.of('bytes', n)})",
            lambda: f"bytes({self.of('string', n)})",
            lambda: f"base64.decode({self.of('string', n)})",
            lambda: f"base64.decode({text_literal(self.pick(['YWJj', 'YWI', 'YWI=', 'Y', 'w6k=', '-_-_', '//++', ' YWI=', 'YWJj=']))})",
        ])()

    def timestamp_of(self, n):
        return self.pick([
            lambda: f"({self.of('timestamp', n)} {self.pick('+-')} {self.of('duration', n)})",
            lambda: f"({self.of('duration', n)} + {self.of('timestamp', n)})",
            lambda: f"timestamp({self.of('string', n)})",
            lambda: f"timestamp({self.of('int', n)})",
            lambda: f"timestamp({self.of('timestamp', n)})",
        ])()

    def duration_of(self, n):
        return self.pick([
            lambda: f"({self.of('duration', n)} {self.pick('+-')} {self.of('duration', n)})",
            lambda: f"({self.of('timestamp', n)} - {self.of('timestamp', n)})",
            lambda: f"duration({self.of('string', n)})",
        ])()

    def list(self, ty, depth):
        """An expression of type `list<ty>`."""
        variable = [f"l_{ty}"] if ty in LISTS else []
        if depth <= 0:
            return self.pick(variable + [f"[{self.leaf(ty)}, {self.leaf(ty)}]", f"[{self.leaf(ty)}]"])
        n = depth - 1
        kind = self.below(9)
        if kind == 0:
            return f"({self.list(ty, n)} + {self.list(ty, n)})"
        if kind == 1:
            return self.binding(ty, lambda x: f"{self.list(ty, n)}.filter({x}, {self.of('bool', n)})")
        if kind < 4:
            other = self.pick(SCALARS)
            condition = self.pick(["", "true, ", "", None])
            return self.binding(other, lambda x: f"{self.list(other, n)}.map({x}, {self.of('bool', n) + ', ' if condition is None else condition}{self.of(ty, n)})")
        if kind == 4:
            return f"[{self.of(ty, n)}, ?{self.optional(ty, n)}]"
        if kind == 5 and ty == "string":
            return f"({self.of('string', n)}).split({self.of('string', 0)}{self.pick(['', ', 2', ', -1', ', 0', ', 1'])})"
        if variable and kind == 6:
            return variable[0]
        return f"[{self.of(ty, n)}, {self.of(ty, n)}]"

    def map(self, ty, depth):
        """An expression of type `map<string, ty>`."""
        n = depth - 1
        a, b = self.of(ty, n), self.of(ty, n)
        if depth > 0 and self.below(3) == 0:
            return f"{{'a': {a}, {self.of('string', 0)}: {b}, ?'c': {self.optional(ty, n)}}}"
        return "m_int" if ty == "int" and self.below(3) == 0 else f"{{'a': {a}, 'b': {b}}}"

    def optional(self, ty, depth):
        """An expression of type `optional<ty>`."""
        n = depth - 1
        if depth <= 0:
            return f"optional.of({self.leaf(ty)})"
        return self.pick([
            lambda: f"optional.ofNonZeroValue({self.of(ty, n)})",
            lambda: f"{self.list(ty, n)}[?{self.below(3)}]",
            lambda: f"{self.map(ty, n)}.?{self.pick(['a', 'zz'])}",
            lambda: f"{self.map(ty, n)}[?{self.of('string', 0)}]",
            lambda: f"{self.optional(ty, n)}.or({self.optional(ty, n)})",
            lambda: self.binding(ty, lambda x: f"{self.optional(ty, n)}.optMap({x}, {self.of(ty, n)})"),
            lambda: self.binding(ty, lambda x: f"{self.optional(ty, n)}.optFlatMap({x}, {self.optional(ty, n)})"),
            lambda: f"optional.of({self.of(ty, n)})",
        ])()

    def dynamic(self, depth):
        """An expression of type `dyn`."""
        if depth <= 0:
            return self.pick("de")
        n = depth - 1
        a, b = self.dynamic(n), self.dynamic(n)
        return self.pick([
            lambda: f"(dyn({a}) {self.pick('+-*/%')} dyn({b}))",
            lambda: f"(dyn({a}) + dyn({self.any(n)}))",
            lambda: f"{self.pick('de')}[{self.pick(['0', '1', '0.0', 'dyn(1u)', '1.5', 'true', a, 'a_string'])}]",
            lambda: f"{self.pick('de')}.a{self.pick(['', '', '.b'])}",
            lambda: f"-(dyn({a}))",
            lambda: f"!(dyn({a}))",
            lambda: f"dyn({self.any(n)})",
            lambda: f"(dyn({a}) ? 1 : 2)",
            lambda: f"(dyn({a}) {self.pick(['&&', '||'])} {self.of('bool', n)})",
            lambda: f"d.{self.pick(['all', 'exists', 'exists_one'])}(y, {self.pick(['y == 1', 'y != e', self.of('bool', n), 'y'])})",
            lambda: f"{self.pick(['int', 'uint', 'double', 'string', 'bytes', 'bool', 'timestamp', 'duration', 'size'])}({a})",
            lambda: f"[{a}, {b}, {self.any(n)}]",
            lambda: f"{{{self.pick(['1', '1u', '1.0', 'true', 'null', a, chr(39) + 'k' + chr(39)])}: {b}, {self.pick(['2', 'dyn(1)', 'dyn(1u)', 'e'])}: {self.any(n)}}}",
        ])()
