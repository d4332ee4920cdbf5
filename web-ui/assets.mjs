// Bundles the editor and copies the examples into the folder that Trunk builds (its `build` hook).
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.TRUNK_STAGING_DIR ?? join(here, "dist");
const esbuild = join(here, "node_modules", ".bin", "esbuild");
execFileSync(
  esbuild,
  ["editor/editor.ts", "--bundle", "--splitting", "--minify", "--format=esm", "--target=es2022", "--chunk-names=editor-[name]-[hash]", `--outdir=${out}`],
  { cwd: here, stdio: ["ignore", "inherit", "pipe"] },
);

const examples = join(here, "..", "examples");
const names = [];
for (const folder of existsSync(examples) ? readdirSync(examples) : []) {
  const from = join(examples, folder);
  if (!existsSync(join(from, "pipeline.toml"))) continue;
  // What the browser reads: texts, models, components, and rows as CSV, NDJSON or JSON.
  const files = readdirSync(from).filter((file) => /\.(toml|rules|wasm|onnx|csv|ndjson|json)$/.test(file));
  const rows = files.find((file) => /sample.*\.(csv|ndjson|json)$/.test(file));
  // Examples about files have a folder of them instead of rows.
  const samples = rows || !existsSync(join(from, "samples")) ? [] : filesUnder(from, "samples");
  if (!rows && !samples.length) continue;
  const manifest = readFileSync(join(from, "pipeline.toml"), "utf8");
  const missing = [...manifest.matchAll(/^ *(?:file|component) *= *"(.+?)"/gm)].map(([, file]) => file).filter((file) => !files.includes(file));
  if (missing.length) {
    console.warn(`the playground goes without ${folder}: ${missing.join(", ")} is missing; \`./dev setup\` fetches or builds it`);
    continue;
  }
  mkdirSync(join(out, "examples", folder), { recursive: true });
  for (const file of samples) mkdirSync(join(out, "examples", folder, dirname(file)), { recursive: true });
  for (const file of [...files, ...samples]) copyFileSync(join(from, file), join(out, "examples", folder, file));
  // The rules that carry the example's name first, the pipeline last.
  const rank = (file) => (file.endsWith(".toml") ? 2 : Number(file !== `${folder.replaceAll("-", "_")}.rules`));
  const sources = files.filter((file) => /\.(toml|rules)$/.test(file)).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  names.push({ name: folder, sources, rows, files: samples });
}
mkdirSync(join(out, "examples"), { recursive: true });
// The first is the one that the page opens with.
names.sort((a, b) => Number(b.name === "flight-desk") - Number(a.name === "flight-desk") || a.name.localeCompare(b.name));
writeFileSync(join(out, "examples", "index.json"), JSON.stringify(names, null, 2));

/** The paths of all files in a folder and the folders in it, relative to `root`, as the program sorts them. */
function filesUnder(root, folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  const paths = entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(root, path) : [path];
  });
  return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
