#!/bin/sh
# Prints `-p NAME` for each crate that is built for wasm32 only: the hand-written stages and the playground. The rule
# runtime is built on its own: it has no allocator, and beside the compiler its dependencies would want one.
set -eu
cd "$(dirname "$0")/.."
for manifest in crates/model-stage/Cargo.toml crates/stage-guest/Cargo.toml components/*/Cargo.toml web-ui/Cargo.toml; do
	[ -f "$manifest" ] && awk -F '"' '/^name *=/ { printf "-p %s ", $2; exit }' "$manifest"
done
echo
