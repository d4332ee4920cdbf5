# Models of others that examples run, fetched because they are large.

magika_version=1.1.0
magika_sha256=fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c

# The network of examples/upload-gate, out of the crate `magika`.
need_magika() {
	model=$root/examples/upload-gate/file-type.onnx
	[ -e "$model" ] && return 0
	say "fetching the crate magika $magika_version for its model (3 MB), which upload-gate runs"
	work=$(mktemp -d)
	mkdir "$work/src"
	: >"$work/src/lib.rs"
	printf '[package]\nname = "fetch"\nedition = "2021"\n[dependencies]\nmagika = "=%s"\n[workspace]\n' $magika_version >"$work/Cargo.toml"
	crate=$(cd "$work" && cargo metadata --quiet --format-version 1 |
		tr ',' '\n' | sed -n "s|.*\"manifest_path\":\"\(.*/magika-$magika_version\)/Cargo.toml\".*|\1|p") ||
		die "the crate magika $magika_version could not be fetched"
	rm -rf "$work"
	found=$(sha256sum "$crate/src/model.onnx" 2>/dev/null || shasum -a 256 "$crate/src/model.onnx")
	[ "${found%% *}" = $magika_sha256 ] || die "the model in $crate is not the one that upload-gate was tested with"
	cp "$crate/src/model.onnx" "$model.part"
	mv "$model.part" "$model"
}
