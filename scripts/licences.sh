#!/bin/sh
# Checks every dependency in the lock files, offline: its licence is one of the list below, it comes from the
# registry, and it is no version that scripts/advisories.txt refuses. Where cargo-audit and an advisory
# database are installed, they are asked too.
set -eu
cd "$(dirname "$0")/.."

allowed='MIT Apache-2.0 Apache-2.0_WITH_LLVM-exception BSD-2-Clause BSD-3-Clause ISC Zlib 0BSD Unlicense BSL-1.0 CC0-1.0 Unicode-3.0 CDLA-Permissive-2.0 MIT-0 MPL-2.0'
crates=$(mktemp)
trap 'rm -f "$crates"' EXIT

# Every crate once, as `NAME VERSION<tab>LICENCE`, for all targets; the workspace's own crates have a path.
cargo tree --workspace --locked --offline --target all --edges normal,build --prefix none --format '{p}	{l}' |
	sed 's/ (\*)$//; s/ (proc-macro)//' | grep -v -e '(/' -e '^$' | sort -u >"$crates"

refused=$(awk -F '\t' -v allowed="$allowed" '
	# Is the SPDX expression satisfied? AND binds tighter than OR; parentheses group.
	function any(   value) { value = all(); while (word[at] == "OR") { at++; if (all()) value = 1 } return value }
	function all(   value) { value = one(); while (word[at] == "AND") { at++; if (!one()) value = 0 } return value }
	function one(   value, name) {
		if (word[at] == "(") { at++; value = any(); at++; return value }
		name = word[at++]
		if (word[at] == "WITH") { name = name "_WITH_" word[at + 1]; at += 2 }
		return name in ok
	}
	BEGIN { n = split(allowed, list, " "); for (i = 1; i <= n; i++) ok[list[i]] = 1 }
	{
		expression = $2
		gsub(/\//, " OR ", expression); gsub(/[()]/, " & ", expression)
		delete word; n = split(expression, word, " "); at = 1
		if (n == 0 || !any()) print "licence not allowed: " $1 " (" ($2 == "" ? "none stated" : $2) ")"
	}' "$crates")

refused="$refused$(awk '/^name = / { name = $3 } /^version = / { version = $3 }
	/^source = / && $3 !~ /^"registry\+/ { gsub(/"/, "", name); print "\nnot from the registry: " name " " version " " $3 }' Cargo.lock)"

refused="$refused$(sed 's/#.*//' scripts/advisories.txt | while read -r name version reason; do
	[ -n "$name" ] || continue
	awk -v n="$name" -v v="$version" -v r="$reason" -F '[ v\t]+' '
		$1 == n && (v == "*" || index($2 ".", v ".") == 1) { print "\nrefused: " $1 " " $2 ": " r }' "$crates"
done)"

for lock in web-ui/package-lock.json benches/npm/package-lock.json tests/*/package-lock.json; do
	[ -f "$lock" ] || continue
	refused="$refused$(awk -F '"' -v allowed="$allowed" -v lock="$lock" '
		BEGIN { n = split(allowed, list, " "); for (i = 1; i <= n; i++) ok[list[i]] = 1 }
		/^    "node_modules\// { name = $2 }
		name != "" && /^      "license":/ && !($4 in ok) { print "\nlicence not allowed: " name " in " lock " (" $4 ")" }' "$lock")"
done

if [ -n "$refused" ]; then
	printf '%s\n' "$refused" | sed '/^$/d' >&2
	exit 1
fi
if command -v cargo-audit >/dev/null && [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-db" ]; then
	cargo audit --no-fetch --stale
else
	echo "cargo-audit with its database is not installed: only scripts/advisories.txt was checked"
fi
echo "$(wc -l <"$crates" | tr -d ' ') crates: licences and sources are in order"
