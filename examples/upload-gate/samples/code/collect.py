"""Collects readings from the gauge."""

import argparse
import sys
import time
from dataclasses import dataclass


@dataclass
class Reading:
    sensor: str
    value: float


def parse(line):
    """One line of the gauge, or None."""
    parts = line.strip().split(";")
    if len(parts) != 2:
        return None
    return Reading(parts[0], float(parts[1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="/dev/ttyUSB0")
    args = parser.parse_args()
    with open(args.port) as port:
        for line in port:
            reading = parse(line)
            if reading is None:
                print("bad line", file=sys.stderr)
                continue
            print(time.time(), reading.sensor, reading.value)


if __name__ == "__main__":
    main()
