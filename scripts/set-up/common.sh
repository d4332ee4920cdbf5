# What the set-up steps share: messages, root rights, Debian packages, tools from crates.
# Sourced by ./dev, which sets `root` (the repository) and `tools` (the cache folder of installed tools).

# One line for each step: what is done and why.
say() {
	echo "dev: $*" >&2
}

# Ends the run: the first line says what is missing, the others which command fixes it.
die() {
	printf 'dev: %s\n' "$1" >&2
	shift
	for line in "$@"; do
		printf '       %s\n' "$line" >&2
	done
	exit 1
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# Runs a command as root: directly, or with sudo. Fails, naming the command, where neither is possible.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif has sudo; then
		sudo "$@"
	else
		die "this needs root rights, and there is no sudo; as root, run:" "$*"
	fi
}

apt_updated=no

# Installs Debian packages; fails with the command where that is not possible.
apt_install() {
	if [ $apt_updated = no ]; then
		as_root apt-get update -qq || say "apt-get update failed; trying with the package lists at hand"
		apt_updated=yes
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
		die "these Debian packages could not be installed; as root, run:" "apt-get update && apt-get install $*"
}

# The version of a crate in Cargo.lock, or nothing.
locked_version() {
	[ -f "$root/Cargo.lock" ] || return 0
	awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/version = |"/, ""); print; exit }' "$root/Cargo.lock"
}

# cargo_tool CRATE VERSION PROGRAM MINUTES [CARGO ARGS]: installs a program from the crate registry into
# $tools/CRATE-VERSION. The programs run for seconds, so they are built fast rather than optimised.
# The build folder is kept until the end: an interrupted installation goes on where it stopped.
cargo_tool() {
	crate=$1 version=$2 program=$3 minutes=$4
	shift 4
	[ -x "$tools/$crate-$version/bin/$program" ] && return 0
	say "building $crate $version from source, once (about $minutes minutes on two cores)"
	started=$(date +%s)
	for lock in --locked ""; do
		# Registry mirrors may lack the newest release that the crate's own lock file names.
		if (
			cd "$tools" &&
				CARGO_TARGET_DIR=$tools/build/$crate CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
					CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
					cargo install "$crate" --version "$version" $lock --root "$tools/$crate-$version" "$@" >&2
		); then
			rm -rf "$tools/build/$crate"
			say "$crate $version is installed ($(($(date +%s) - started)) s)"
			return 0
		fi
	done
	die "$crate $version could not be built; its messages stand above. By hand:" \
		"cargo install $crate --version $version --root $tools/$crate-$version $*"
}
