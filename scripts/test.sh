#!/bin/sh
# test.sh [SUITE...]: runs the named suites, or all of them, and closes with `N passed, N failed`.
#   rust         unit, golden, command-line and host tests of the workspace
#   conformance  the cases of cel-spec through the compiler and real components
#   differential generated expressions, against recorded answers of cel-cpp
#   browser      the playground in Chromium, with real clicks
#   hosts        components in hosts of others: Node and Python
#   parity       the same components and inputs in Chromium and in wasmtime
# Every suite runs even when one before it failed. A suite that executed no test has failed.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- rust conformance differential hosts browser parity

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0 skipped=0 broken=

run_suite() {
	case $1 in
	rust) cargo test --release --no-fail-fast ;;
	conformance | differential | hosts | browser | parity) npm test --silent --prefix "tests/$1" ;;
	*) echo "there is no suite \`$1\`" >&2 && return 2 ;;
	esac
}

# Prints `PASSED FAILED SKIPPED`, summed over the closing lines of cargo test, node --test and plain ones.
count() {
	awk '
		/^test result: / { passed += $4; failed += $6; skipped += $8 }
		/^(#|ℹ) pass [0-9]+$/ { passed += $3 }
		/^(#|ℹ) fail [0-9]+$/ { failed += $3 }
		/^(#|ℹ) skipped [0-9]+$/ { skipped += $3 }
		/^([a-z]+: )?[0-9]+ passed, [0-9]+ failed/ {
			sub(/^[a-z]+: /, ""); passed += $1; failed += $3; skipped += $5
		}
		END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

for suite in "$@"; do
	echo "== $suite"
	{
		run_suite "$suite" 2>&1 && echo 0 >"$log/status" || echo $? >"$log/status"
	} | tee "$log/$suite"
	# shellcheck disable=SC2046
	set -- $(count "$log/$suite")
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	if [ "$(cat "$log/status")" != 0 ] || [ "$1" = 0 ]; then
		broken="$broken $suite"
		[ "$2" != 0 ] || failed=$((failed + 1))
	fi
done

[ -z "$broken" ] || echo "failed:$broken"
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed = 0 ]
