# The tasks of this repository. `./dev RECIPE` first installs what the recipe needs and this machine lacks
# (named in its `# needs:` line; see scripts/set-up/), then runs it; CI calls the same recipes.
# Everything on the host is built with one profile, release, so that the large dependencies are built once.

set shell := ["sh", "-eu", "-c"]

# The toolchain that builds wasm32-unknown-unknown; empty when the current one does.
wasm_toolchain := env('RULESTAGE_WASM_TOOLCHAIN', '')
wasm_env := if wasm_toolchain == '' { '' } else { 'RUSTUP_TOOLCHAIN=' + wasm_toolchain }
wasm_args := '--release --target wasm32-unknown-unknown --target-dir target/wasm'

[private]
default:
    @just --list --unsorted

# needs: wasm lint web browser onnxruntime openvino wasmtime_python magika scans real_models
# Install everything that any recipe needs
setup:
    @echo "everything is installed; \`./dev\` lists the recipes"

# needs: wasm
# Run flight-desk over its sample: the decisions, their counts, and why for one row
demo: components
    cargo build --release --bin rulestage
    @scripts/demo.sh

# needs: wasm npm web browser onnxruntime openvino wasmtime_python magika scans real_models
# Run all tests: unit, command line, conformance, cel-cpp, other hosts, browser, parity
test: components web
    @scripts/test.sh

# needs: wasm lint npm web browser onnxruntime openvino wasmtime_python magika scans real_models
# Everything that must pass before a change lands: format, lints, docs, licences, tests
ready: fmt-check clippy doc licences test

# needs: wasm
# Build the stages under components/ into target/components, and beside the examples that use them
components:
    @scripts/components.sh

# needs: wasm web magika scans
# Build the playground into web-ui/dist
web: components
    cargo build --release --quiet --bin split-module
    cargo fetch --quiet --target wasm32-unknown-unknown
    cd web-ui && CARGO_TARGET_DIR="$PWD/../target/wasm" {{ wasm_env }} trunk build --release --offline

# needs: wasm web magika scans
# Build the playground and serve it at http://127.0.0.1:8080
serve: web
    node scripts/serve.mjs web-ui/dist 8080

# needs: wasm web magika scans
# Serve the playground at http://127.0.0.1:8080 and rebuild it when a file changes
watch: components
    cargo build --release --quiet --bin split-module
    cd web-ui && CARGO_TARGET_DIR="$PWD/../target/wasm" {{ wasm_env }} trunk serve --release --offline --address 127.0.0.1 --port 8080

# needs: wasm npm
# Measure: the reference rule, memory, other rule engines, and flight-desk over all 3 million flights
bench: components
    @scripts/bench.sh

# needs: wasm npm
# Run the conformance cases of CEL (BLESS=1 rewrites docs/conformance.md and the list of what fails for now)
conformance:
    cargo build --release --bin rulestage
    @scripts/test.sh conformance

# needs: wasm
# Compare 20,000 generated expressions with the recorded answers of cel-cpp
differential:
    cargo build --release --bin rulestage
    @scripts/test.sh differential

# needs: python_cel
# Record the answers of cel-cpp again
differential-remake count="20000" seed="20261121":
    "$RULESTAGE_PYTHON_CEL" tests/differential/remake.py {{ count }} {{ seed }} tests/differential/answers.ndjson.gz

# needs: wasm python_cel
# Compare COUNT other expressions with cel-cpp, made with SEED
differential-more count="100000" seed="1":
    cargo build --release --bin rulestage
    "$RULESTAGE_PYTHON_CEL" tests/differential/remake.py {{ count }} {{ seed }} target/answers-{{ seed }}.ndjson.gz
    ANSWERS=target/answers-{{ seed }}.ndjson.gz node tests/differential/run.mjs

# needs: wasm web browser magika scans
# Compare the browser with the wasmtime host, bit for bit
parity: components web
    @scripts/test.sh parity

# needs: wasm web browser magika scans
# Test the playground with real clicks in Chromium
browser: components web
    @scripts/test.sh browser

# needs: lint
# Format the code
fmt:
    cargo fmt --all

[private]
fmt-check:
    cargo fmt --all --check

# needs: wasm lint
# Lint everything, warnings denied
clippy: components
    cargo clippy --release --all-targets -- -D warnings
    {{ wasm_env }} cargo clippy {{ wasm_args }} $(scripts/wasm-crates.sh) -- -D warnings
    {{ wasm_env }} cargo clippy {{ wasm_args }} -p rulestage-rule-runtime -- -D warnings

# needs: wasm
# Build the API documentation, warnings denied
doc: components
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps

# Check licences, sources and known-bad versions of all dependencies, offline
licences:
    @scripts/licences.sh

# Remove what was built (not the installed tools)
clean:
    cargo clean
    rm -rf web-ui/dist web-ui/node_modules tests/*/node_modules examples/hosts/node/node_modules
