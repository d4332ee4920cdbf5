# The Rust toolchain for the host, its linker, its lints, and just.

need_rust() {
	has cargo || die "Rust is missing; install it with rustup (https://rustup.rs):" \
		"curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
	wanted=$(awk -F '"' '/^rust-version/ { print $2; exit }' "$root/Cargo.toml")
	found=$(rustc --version | awk '{ print $2 }')
	echo "$found ${wanted:-1.95}" | awk '{ split($1, f, "."); split($2, w, "."); exit !(f[1] > w[1] || f[1] == w[1] && f[2] + 0 >= w[2] + 0) }' ||
		die "Rust $found is older than $wanted; update it:" "rustup update stable"
	has cc || {
		has apt-get || die "a C compiler is missing (\`cc\`): the linker of Rust programs. Install gcc or clang"
		say "installing a C compiler: Rust programs are linked with it"
		apt_install build-essential
	}
}

need_just() {
	has just || [ -x "$tools/just/bin/just" ] && return 0
	mkdir -p "$tools"
	if has python3 && python3 -m pip --version >/dev/null 2>&1; then
		say "installing just, which runs the recipes"
		python3 -m pip install --quiet --disable-pip-version-check --target "$tools/just" rust-just >&2 && return 0
	fi
	cargo_tool just 1.40.0 just 2
	ln -sfn "just-1.40.0" "$tools/just"
}

# rustfmt and clippy, for the host and for the toolchain that builds wasm32.
need_lint() {
	for component in fmt clippy; do
		[ -x "$(dirname "$(rustup which cargo 2>/dev/null || command -v cargo)")/cargo-$component" ] && continue
		has "cargo-$component" && ! has rustup && continue
		name=$component
		[ $component = fmt ] && name=rustfmt
		say "installing $name"
		rustup component add "$name" >&2 || die "$name is missing; install it:" "rustup component add $name"
	done
	if [ "$(wasm_toolchain)" = debian ] && ! [ -x /usr/bin/cargo-clippy ]; then
		say "installing clippy for the toolchain that builds wasm32"
		apt_install rust-web-clippy
	fi
}
