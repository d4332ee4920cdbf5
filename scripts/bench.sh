#!/bin/sh
# Measures: the reference rule, compilation, start-up, and flight-desk over all 3 million flights, which are
# fetched from npm once. The report goes to standard output and to target/bench/report.md.
set -eu
cd "$(dirname "$0")/.."

work=target/bench
flights=$work/flights-3m.parquet
mkdir -p "$work"
if [ ! -f "$flights" ]; then
	archive=$(cd "$work" && npm pack --silent vega-datasets@3.2.1)
	tar -xzf "$work/$archive" -C "$work" package/data/flights-3m.parquet
	mv "$work/package/data/flights-3m.parquet" "$flights"
	rm -r "$work/package" "${work:?}/$archive"
fi

cargo build --release --bin rulestage --bin rulestage-bench
target/release/rulestage-bench target/release/rulestage examples/flight-desk "$flights" "$work" | tee "$work/report.md"
