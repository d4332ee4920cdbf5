# What comes from PyPI: cel-cpp, which only the recipes that ask it need, wasmtime, ONNX Runtime and OpenVINO.

python_cel_version=0.1.3

# The Python of the virtual environment that has the package.
python_cel() {
	echo "$tools/cel-expr-python-$python_cel_version/bin/python"
}

need_python_cel() {
	"$(python_cel)" -c 'import cel_expr_python' 2>/dev/null && return 0
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
		die "this recipe needs Python 3.11 or later; on Debian and Ubuntu, as root, run:" "apt-get install python3 python3-venv"
	say "installing cel-expr-python $python_cel_version from PyPI, which the answers are recorded with"
	venv=$(dirname "$(dirname "$(python_cel)")")
	python3 -m venv "$venv" >&2 ||
		die "Python can't make a virtual environment; on Debian and Ubuntu, as root, run:" "apt-get install python3-venv"
	"$(python_cel)" -m pip install --quiet --disable-pip-version-check "cel-expr-python==$python_cel_version" >&2 ||
		die "cel-expr-python $python_cel_version could not be installed; by hand:" \
			"$(python_cel) -m pip install cel-expr-python==$python_cel_version"
}

# Wasmtime for Python, which runs the example of a host in Python.

wasmtime_python_version=50.0.1

wasmtime_python_folder() {
	echo "$tools/wasmtime-python-$wasmtime_python_version"
}

need_wasmtime_python() {
	[ -e "$(wasmtime_python_folder)" ] && return 0
	say "installing wasmtime $wasmtime_python_version from PyPI (9 MB), which the example of a host in Python uses"
	wheel "$(wasmtime_python_folder)" "wasmtime==$wasmtime_python_version"
}

# ONNX Runtime's library out of its Python package, which the tests of that engine load. Nothing of Python runs.

onnxruntime_version=1.31.1

# The folder that holds the library.
onnxruntime_folder() {
	echo "$tools/onnxruntime-$onnxruntime_version/onnxruntime/capi"
}

need_onnxruntime() {
	[ -e "$(onnxruntime_folder)" ] && return 0
	say "installing onnxruntime $onnxruntime_version from PyPI, whose library the tests load"
	wheel "$tools/onnxruntime-$onnxruntime_version" "onnxruntime==$onnxruntime_version"
}

# OpenVINO's library, out of its Python package too: 59 MB to fetch, 240 MB unpacked.

openvino_version=2026.4.1

# The folder that holds the library, and what it loads itself.
openvino_folder() {
	echo "$tools/openvino-$openvino_version/openvino/libs"
}

need_openvino() {
	[ -e "$(openvino_folder)" ] && return 0
	say "installing openvino $openvino_version from PyPI (59 MB), whose library the tests load"
	wheel "$tools/openvino-$openvino_version" "openvino==$openvino_version"
}

# wheel FOLDER PACKAGE==VERSION: unpacks a package of PyPI, alone, into a folder.
wheel() {
	if ! python3 -m pip --version >/dev/null 2>&1; then
		has apt-get || die "Python's pip is missing, which gets $2 for the tests; install Python 3 with pip"
		apt_install python3-pip
	fi
	PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$1" "$2" >&2 ||
		die "$2 could not be installed; by hand:" "python3 -m pip install --no-deps --target $1 $2"
}
