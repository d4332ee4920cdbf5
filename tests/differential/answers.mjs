// The recorded answers of cel-cpp, as questions to the program.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** `{ about, cases }` of a file that remake.py made. */
export function read(path) {
  const lines = gunzipSync(readFileSync(path)).toString("utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  const [about, { types, rows }, ...answers] = lines;
  const bindings = rows.map((row) => JSON.parse(JSON.stringify(row, (key, value) => (Object.is(value, -0) ? "-0" : value))));
  if (answers.length !== about.count) throw new Error(`${path} has ${answers.length} answers, and says ${about.count}`);
  const cases = answers.map(([expr, row, reference]) => {
    const used = Object.keys(types).filter((name) => new RegExp(`\\b${name}\\b`).test(expr));
    const of = (from) => Object.fromEntries(used.map((name) => [name, from[name]]));
    return { question: { expr, types: of(types), bindings: of(bindings[row]) }, row, reference };
  });
  return { about, cases };
}
