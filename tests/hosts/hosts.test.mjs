// The hosts of examples/hosts that are not Rust: each runs the very component that `rulestage compile` writes, and decides
// as `rulestage run` does. (The Rust one has a test of its own.)

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url).pathname;
const example = join(root, "examples/hosts");
const program = join(root, "target/release/rulestage");
const orders = join(example, "orders.ndjson");
const folder = mkdtempSync(join(tmpdir(), "hosts-"));
const component = join(folder, "discount.wasm");
const silent = join(folder, "silent.wasm");

// The folder that has the package `wasmtime`, where it is not installed.
const env = { ...process.env, PYTHONPATH: process.env.RULESTAGE_PYTHON_WASMTIME ?? "" };

const decisions = (text) => text.trim().split("\n").map((line) => JSON.parse(line));
const expected = decisions(readFileSync(join(example, "decisions.ndjson"), "utf8"));

before(() => {
  const rules = join(example, "discount.rules");
  execFileSync(program, ["compile", rules, "-o", component]);
  execFileSync(program, ["compile", rules, "-o", silent, "--no-explain"]);
});
after(() => rmSync(folder, { recursive: true }));

test("rulestage itself", () => {
  const args = ["run", component, "--input", orders, "--output", "-", "--columns", "percent,why"];
  assert.deepEqual(decisions(execFileSync(program, args, { stdio: ["ignore", "pipe", "ignore"] }).toString()), expected);
});

const skip = Number(process.versions.node.split(".")[0]) < 20 && "jco needs Node.js 20 or later";
const hosts = {
  "Node, through jco": { command: "node", script: "node/decide.mjs", skip },
  "Python, through wasmtime": { command: "python3", script: "python/decide.py" },
};

for (const [name, { command, script, skip = false }] of Object.entries(hosts)) {
  const run = (file) => spawnSync(command, [join(example, script), file, orders], { encoding: "utf8", env });
  test(name, { skip }, () => {
    for (const file of [component, silent]) {
      const { stdout, stderr, status } = run(file);
      assert.equal(status, 0, stderr);
      assert.deepEqual(decisions(stdout), expected);
    }
  });
  test(`${name}: a file that is no component`, { skip }, () => {
    const { stderr, status } = run(join(example, "discount.rules"));
    assert.notEqual(status, 0);
    assert.notEqual(stderr, "");
  });
}
