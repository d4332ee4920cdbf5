# What the playground and the browser tests need: Node packages, Trunk, wasm-bindgen, Chromium.

# 0.22 needs a newer Rust than the workspace asks for.
trunk_version=0.21.14

need_node() {
	has node && has npm || die "Node.js and npm are missing; install Node.js 18 or later (https://nodejs.org), or on Debian:" \
		"apt-get install nodejs npm"
	major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
	[ "$major" -ge 18 ] || die "Node.js $(node --version) is older than 18; install a later one (https://nodejs.org)"
}

# Installs the npm packages of each folder with a lock file. Install scripts stay off: none is needed,
# and none may download a browser of its own.
need_npm() {
	need_node
	npm_options="--ignore-scripts --no-audit --no-fund --loglevel=error"
	for lock in "$root"/web-ui/package-lock.json "$root"/tests/*/package-lock.json "$root"/examples/hosts/node/package-lock.json; do
		[ -f "$lock" ] || continue
		folder=$(dirname "$lock")
		cmp -s "$lock" "$folder/node_modules/.installed-lock.json" && continue
		say "installing the npm packages of ${folder#"$root"/}"
		# Where a registry lacked packages for other platforms, the lock file lacks them, and `npm ci` refuses it.
		npm ci --prefix "$folder" $npm_options >/dev/null 2>&1 ||
			npm install --prefix "$folder" --no-save $npm_options >&2 ||
			die "npm could not install the packages; its messages stand above. By hand:" \
				"npm install --prefix ${folder#"$root"/} --no-save --ignore-scripts"
		cp "$lock" "$folder/node_modules/.installed-lock.json"
	done
}

# Trunk, and the wasm-bindgen program of exactly the version that Cargo.lock holds: their formats must agree.
need_web() {
	need_npm
	mkdir -p "$tools"
	bindgen_version=$(locked_version wasm-bindgen)
	[ -n "$bindgen_version" ] || die "Cargo.lock does not hold wasm-bindgen; the playground needs it:" \
		"cargo generate-lockfile"
	is_version wasm-bindgen "wasm-bindgen $bindgen_version" ||
		cargo_tool wasm-bindgen-cli "$bindgen_version" wasm-bindgen 5
	# Without its default features Trunk has neither TLS nor an update check: it downloads nothing here.
	is_version trunk "trunk $trunk_version" ||
		cargo_tool trunk $trunk_version trunk 10 --no-default-features
}

# Is the program on PATH with exactly this `--version` line?
is_version() {
	has "$1" && [ "$("$1" --version 2>/dev/null)" = "$2" ]
}

# The path of a Chromium or Chrome program, or nothing.
chromium_path() {
	if [ -n "${RULESTAGE_CHROMIUM-}" ]; then
		echo "$RULESTAGE_CHROMIUM"
		return 0
	fi
	for program in chromium chromium-browser google-chrome google-chrome-stable \
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
		/Applications/Chromium.app/Contents/MacOS/Chromium; do
		command -v "$program" 2>/dev/null && return 0
	done
	return 0
}

need_browser() {
	need_npm
	[ -n "$(chromium_path)" ] && return 0
	has apt-get || die "Chromium is missing; install Chromium or Chrome, and where it is not on PATH:" \
		"export RULESTAGE_CHROMIUM=/path/to/chromium"
	say "installing Chromium: the browser tests run in it"
	apt_install chromium
	[ -n "$(chromium_path)" ] || die "Chromium is still missing; install Chromium or Chrome, and then:" \
		"export RULESTAGE_CHROMIUM=/path/to/chromium"
}
