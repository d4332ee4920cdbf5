// Makes what Trunk built small (its `post_build` hook): what can wait until the first decision is made comes out of the
// worker, and scripts and styles lose what people read.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.TRUNK_STAGING_DIR ?? join(here, "dist");
const run = (program, args) => execFileSync(program, args, { cwd: here, stdio: ["ignore", "inherit", "pipe"] });

run(join(here, "..", "target", "release", "split-module"), [join(out, "worker_bg.wasm"), join(out, "worker_later.wasm")]);

const esbuild = join(here, "node_modules", ".bin", "esbuild");
const texts = readdirSync(out).filter((file) => /\.(js|css)$/.test(file));
run(esbuild, [...texts.map((file) => join(out, file)), "--minify", "--target=es2022", `--outdir=${out}`, "--allow-overwrite", "--log-level=warning"]);

// The hashes in the names of imports are random digits, twice; numbers of the same length tell the imports apart as well.
for (const module of texts.map((file) => file.replace(/\.js$/, "")).filter((name) => readdirSync(out).includes(`${name}_bg.wasm`))) {
  const numbers = new Map();
  const renamed = (text) =>
    text.replace(/(__wbg_\w+?_)([0-9a-f]{16})(?![0-9a-z_])/g, (whole, name) => {
      if (!numbers.has(whole)) numbers.set(whole, name + String(numbers.size).padStart(16, "0"));
      return numbers.get(whole);
    });
  for (const [file, encoding] of [[`${module}.js`, "utf8"], [`${module}_bg.wasm`, "latin1"]]) {
    const path = join(out, file);
    writeFileSync(path, renamed(readFileSync(path, encoding)), encoding);
  }
}
