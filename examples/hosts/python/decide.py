"""Decides orders with compiled rules, in Python: `python decide.py discount.wasm orders.ndjson`.

Needs nothing but the package `wasmtime`. The columns are Arrow arrays in parts, as wit/stage.wit describes them.
"""

import json
import sys

from wasmtime import Engine, Store
from wasmtime.component import Component, Linker, Record, Variant

STAGE = "rulestage:stage/stage@0.1.0"


class Stage:
    """A component that exports `rulestage:stage/stage` and imports nothing."""

    def __init__(self, path):
        engine = Engine()
        self.store = Store(engine)
        component = Component.from_file(engine, path)
        self.instance = Linker(engine).instantiate(self.store, component)
        self.interface = self.instance.get_export_index(self.store, STAGE)
        if self.interface is None:
            raise SystemExit(f"{path}: exports no {STAGE}")

    def call(self, name, *arguments):
        """Calls a function of the interface; an error of its own ends the program."""
        index = self.instance.get_export_index(self.store, name, self.interface)
        function = self.instance.get_func(self.store, index)
        result = function(self.store, *arguments)
        function.post_return(self.store)
        if isinstance(result, Variant) and result.tag == "err":
            raise SystemExit(f"{name}: {result.payload.tag}: {result.payload.payload}")
        return result.payload if isinstance(result, Variant) else result

    def open(self):
        """Opens a session whose parameters have their defaults."""
        parameters = self.call("describe").parameters
        return self.call("[static]session.open", [Variant("absent") for _ in parameters])


def array(values, kind, data):
    """One Arrow array: `None` among the values is a bit that is not set in its validity."""
    made = Record()
    made.length = len(values)
    made.values = Variant(kind, data)
    bits = sum(1 << i for i, value in enumerate(values) if value is not None)
    has_nulls = any(value is None for value in values)
    made.validity = bits.to_bytes((len(values) + 7) // 8, "little") if has_nulls else None
    return made


def texts(values):
    """A column of texts: where each starts, and all bytes one after another."""
    encoded = [value.encode() for value in values]
    data = Record()
    data.offsets = [0]
    for text in encoded:
        data.offsets.append(data.offsets[-1] + len(text))
    data.bytes = b"".join(encoded)
    return array(values, "bytes", data)


def decide(stage, orders):
    """The decision on each order, in order."""
    total = [float(order["total"]) for order in orders]
    country = [order["country"] for order in orders]
    years = [order["years"] for order in orders]
    session = stage.open()
    columns = [
        array(total, "f64", total),
        texts(country),
        array(years, "s64", [value or 0 for value in years]),
    ]
    outcome = stage.call("[method]session.process", session, len(orders), columns)
    for error in outcome.errors:
        print(f"order {error.row}: {error.message}", file=sys.stderr)
    percent, why, reasons = outcome.columns
    starts, bounds = why.values.payload, reasons.values.payload.offsets
    text = [
        reasons.values.payload.bytes[bounds[i] : bounds[i + 1]].decode()
        for i in range(reasons.length)
    ]
    for row in range(len(orders)):
        yield {
            "percent": percent.values.payload[row],
            "why": text[starts[row] : starts[row + 1]],
        }


def main():
    component, orders = sys.argv[1:]
    with open(orders, encoding="utf-8") as lines:
        orders = [json.loads(line) for line in lines]
    for decision in decide(Stage(component), orders):
        print(json.dumps(decision, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
