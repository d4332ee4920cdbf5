// Records what the real engine answers: `node record.mjs ENGINE > answers.ndjson`, where ENGINE is the folder of the
// package `@gorules/zen-engine` (`npm install --prefix benches/npm` puts one there).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { ZenEngine } = createRequire(import.meta.url)(process.argv[2]);
const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const decision = new ZenEngine().createDecision(Buffer.from(read("decision.json")));
for (const row of read("rows.ndjson").trim().split("\n")) {
  const { result } = await decision.evaluate(JSON.parse(row));
  console.log(JSON.stringify(Object.fromEntries(Object.entries(result).sort(([one], [other]) => (one < other ? -1 : 1)))));
}
