#!/bin/sh
# Builds each crate under components/ for wasm32, wraps it as a component in target/components/FOLDER.wasm,
# and copies it beside every pipeline that names it. Written only where the bytes changed, so that nothing
# downstream is rebuilt for nothing.
set -eu
cd "$(dirname "$0")/.."

packages=
for manifest in components/*/Cargo.toml; do
	[ -f "$manifest" ] || continue
	packages="$packages -p $(awk -F '"' '/^name *=/ { print $2; exit }' "$manifest")"
done
[ -n "$packages" ] || exit 0

if [ -n "${RULESTAGE_WASM_TOOLCHAIN-}" ]; then
	export RUSTUP_TOOLCHAIN="$RULESTAGE_WASM_TOOLCHAIN"
fi
# Vector instructions are part of WebAssembly 2.0, which every host here has; the engine is several times slower
# without. Relaxed ones are left out: their results differ from machine to machine.
# shellcheck disable=SC2086
RUSTFLAGS="-C target-feature=+simd128" cargo build --profile stage --target wasm32-unknown-unknown --target-dir target/wasm $packages
unset RUSTUP_TOOLCHAIN

cargo build --release --quiet --bin componentize
mkdir -p target/components
for manifest in components/*/Cargo.toml; do
	stage=$(basename "$(dirname "$manifest")")
	package=$(awk -F '"' '/^name *=/ { print $2; exit }' "$manifest")
	core=target/wasm/wasm32-unknown-unknown/stage/$(echo "$package" | tr - _).wasm
	target/release/componentize "$core" target/components/"$stage".wasm
	for pipeline in examples/*/pipeline.toml; do
		[ -f "$pipeline" ] && grep -Eq "^ *component *= *\"$stage.wasm\"" "$pipeline" || continue
		copy=$(dirname "$pipeline")/$stage.wasm
		cmp -s target/components/"$stage".wasm "$copy" || cp target/components/"$stage".wasm "$copy"
	done
done
