# A toolchain that builds wasm32-unknown-unknown: the ordinary one with the target added, or, where a
# network offers package registries only, Debian's, whose library sources are packaged.

wasm_target=wasm32-unknown-unknown
debian_target_dir=/usr/lib/rustlib/$wasm_target

# Does this rustc have the target's standard library?
has_wasm_std() {
	set -- "$("$1" --print target-libdir --target $wasm_target 2>/dev/null)"/libstd-*.rlib
	[ -e "$1" ]
}

# Is Debian's toolchain linked as `debian`, and is its wasm32 library built by the rustc that is installed?
has_debian_wasm() {
	[ -e "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian" ] || return 1
	[ "$(cat $debian_target_dir/built-by 2>/dev/null)" = "$(/usr/bin/rustc --version 2>/dev/null)" ]
}

# The rustup toolchain that builds wasm32; empty when the current one does.
wasm_toolchain() {
	if [ -n "${RULESTAGE_WASM_TOOLCHAIN-}" ]; then
		echo "$RULESTAGE_WASM_TOOLCHAIN"
	elif ! has_wasm_std rustc && has_debian_wasm; then
		echo debian
	fi
}

need_wasm() {
	[ -n "${RULESTAGE_WASM_TOOLCHAIN-}" ] && return 0
	has_wasm_std rustc && return 0
	has_debian_wasm && return 0
	has rustup || die "this Rust has no standard library for $wasm_target, and there is no rustup to add it" \
		"install the target's library with the package manager that Rust came from, or use https://rustup.rs"
	say "adding the $wasm_target target: stages are compiled to it"
	rustup target add $wasm_target >&2 && has_wasm_std rustc && return 0
	say "rustup cannot download the target here; building it with Debian's toolchain instead"
	has apt-get || die "the $wasm_target target is missing; on a network that reaches Rust's downloads, run:" \
		"rustup target add $wasm_target"
	build_debian_wasm
}

# Installs Debian's rustc with its library sources, compiles the standard library for wasm32 from them, puts it
# where that rustc looks, with a linker beside it, and links the toolchain into rustup as `debian`.
build_debian_wasm() {
	say "installing Debian's rustc and its library sources"
	apt_install rustc-web cargo-web rust-web-src
	llvm=$(/usr/bin/rustc -vV | awk '/^LLVM version/ { split($3, v, "."); print v[1] }')
	host=$(/usr/bin/rustc -vV | awk '/^host/ { print $2 }')
	apt_install "lld-$llvm"

	say "compiling the standard library for $wasm_target, once (1-2 minutes)"
	build=$tools/build/wasm-std
	rm -rf "$build"
	mkdir -p "$build/src"
	echo '#![no_std]' >"$build/src/lib.rs"
	cat >"$build/Cargo.toml" <<-TOML
		[package]
		name = "wasm-std"
		version = "0.0.0"
		edition = "2024"
		[workspace]
	TOML
	# Bitcode is embedded so that stages built with link-time optimisation link.
	(
		cd "$build"
		RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR=$build/target \
			CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/usr/lib/llvm-$llvm/bin/wasm-ld \
			/usr/bin/cargo build -Zbuild-std=std,panic_abort --target $wasm_target --release >&2
	) || die "the standard library for $wasm_target did not compile; on a network that reaches Rust's downloads, run:" \
		"rustup target add $wasm_target"
	rm -f "$build/target/$wasm_target/release/deps/"libwasm_std-*

	as_root rm -rf $debian_target_dir
	as_root mkdir -p $debian_target_dir/lib "/usr/lib/rustlib/$host/bin"
	as_root cp "$build/target/$wasm_target/release/deps/"lib*.rlib $debian_target_dir/lib/
	as_root ln -sfn "/usr/lib/llvm-$llvm/bin/lld" "/usr/lib/rustlib/$host/bin/rust-lld"
	/usr/bin/rustc --version >"$build/built-by"
	as_root cp "$build/built-by" $debian_target_dir/built-by
	rm -rf "$build"
	# What was compiled against an earlier build of the library does not link with this one.
	rm -rf "$root/target/wasm"
	rustup toolchain link debian /usr
}
