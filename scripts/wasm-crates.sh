#!/bin/sh
# Prints `-p NAME` for each crate that is built for wasm32 only: the rule runtime, the hand-written stages
# and the playground.
set -eu
cd "$(dirname "$0")/.."
for manifest in crates/rule-runtime/Cargo.toml crates/model-stage/Cargo.toml components/*/Cargo.toml web-ui/Cargo.toml; do
	[ -f "$manifest" ] && awk -F '"' '/^name *=/ { printf "-p %s ", $2; exit }' "$manifest"
done
echo
