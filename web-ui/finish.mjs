// Makes what Trunk built small (its `post_build` hook): what can wait until the first decision is made comes out of the
// worker, and scripts and styles lose what people read.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.TRUNK_STAGING_DIR ?? join(here, "dist");
const run = (program, args) => execFileSync(program, args, { cwd: here, stdio: ["ignore", "inherit", "pipe"] });

run(join(here, "..", "target", "release", "split-module"), [join(out, "worker_bg.wasm"), join(out, "worker_later.wasm")]);

const esbuild = join(here, "node_modules", ".bin", "esbuild");
const texts = readdirSync(out).filter((file) => /\.(js|css)$/.test(file));
run(esbuild, [...texts.map((file) => join(out, file)), "--minify", "--target=es2022", `--outdir=${out}`, "--allow-overwrite", "--log-level=warning"]);
