#!/bin/sh
# Measures: the reference rule, memory, rule engines of others, compilation, start-up, and flight-desk over all
# 3 million flights, which are fetched from npm once. The report goes to standard output and to target/bench/report.md.
#
# The other engines (benches/peers, benches/npm) are built and installed by this script alone, once.
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

if ! cmp -s benches/npm/package-lock.json benches/npm/node_modules/.installed-lock.json; then
	# Not `npm ci`: where a registry lacked an engine's packages for other platforms, the lock file lacks them too.
	npm install --prefix benches/npm --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	cp benches/npm/package-lock.json benches/npm/node_modules/.installed-lock.json
fi
cargo build --release --locked --manifest-path benches/peers/Cargo.toml --target-dir target/peers
cargo build --release --bin rulestage --bin rulestage-bench
# A pipe hides how its first command ended: the file says that everything was measured.
rm -f "$work/complete"
{
	target/release/rulestage-bench target/release/rulestage examples/flight-desk "$flights" "$work"
	printf '\n## Rule engines of others\n'
	target/release/rulestage-bench peers "$work" target/peers/release/rulestage-bench-peers 'node benches/npm/peers.mjs'
	touch "$work/complete"
} | tee "$work/report.md"
[ -f "$work/complete" ]
