// Runs the conformance cases and closes with `conformance: N passed, M failed, K skipped`.
//   RULESTAGE=PATH   the program; target/release/rulestage unless given
//   BLESS=1          rewrites pending.json and docs/conformance.md
//   SHOW=TEXT        prints what is wrong with the cases whose id contains TEXT, listed or not
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { allCases } from "./cases.mjs";
import { judge } from "./judge.mjs";
import { pendingGroups, read, resolve, write } from "./lists.mjs";
import { ask } from "./program.mjs";
import { page } from "./report.mjs";

const MOST_SHOWN = 60;
const root = new URL("../../", import.meta.url);
const program = process.env.RULESTAGE || fileURLToPath(new URL("target/release/rulestage", root));
const pagePath = new URL("docs/conformance.md", root);
const isBlessing = process.env.BLESS === "1";

if (!existsSync(program)) throw new Error(`${program} is missing: \`cargo build --release --bin rulestage\``);
const cases = allCases();
const ids = cases.map(({ id }) => id);
const problems = await problemsOf(cases);
if (process.env.SHOW) show(process.env.SHOW);

const skips = resolve(read("skips"), ids);
if (isBlessing) {
  const failed = cases.filter(({ id }) => problems.has(id) && !skips.groupOf.has(id)).map(({ id }) => ({ id, problem: problems.get(id) }));
  write("pending", pendingGroups(failed.filter(({ problem }) => !problem.isFatal), read("pending"), ids));
}
const pending = resolve(read("pending"), ids);
const complaints = [...skips.problems, ...pending.problems];
const results = cases.map(resultOf);
checkPage();

for (const complaint of complaints.slice(0, MOST_SHOWN)) console.log(`FAILED ${complaint}`);
if (complaints.length > MOST_SHOWN) console.log(`… and ${complaints.length - MOST_SHOWN} more`);
const count = (state) => results.filter((each) => each.state === state).length;
console.log(`conformance: ${count("passed")} passed, ${complaints.length} failed, ${count("pending") + count("skipped")} skipped (${count("pending")} of them pending)`);
process.exitCode = complaints.length > 0 ? 1 : 0;

/** What is wrong with each case that does not pass. */
async function problemsOf(cases) {
  const parts = cases.flatMap(({ id, parts = [] }) => parts.map((part) => ({ id, part })));
  const answers = await ask(program, parts.map(({ part }) => part.question));
  const problems = new Map(cases.filter(({ blocked }) => blocked).map(({ id, blocked }) => [id, { group: blocked, detail: blocked }]));
  parts.forEach(({ id, part }, index) => {
    const problem = judge(part, answers[index]);
    const isFatal = answers[index].error?.code === "crashed";
    if (problem && (isFatal || !problems.has(id))) problems.set(id, { ...problem, isFatal });
  });
  return problems;
}

function resultOf({ id, file }) {
  const problem = problems.get(id);
  const [skipped, expected] = [skips.groupOf.get(id), pending.groupOf.get(id)];
  if (skipped && expected) complaints.push(`${id}: both skipped and pending`);
  if (!problem) {
    if (skipped) complaints.push(`${id}: passes; take it off skips.json`);
    else if (expected) complaints.push(`${id}: passes; take it off pending.json (BLESS=1)`);
    return { id, file, state: "passed" };
  }
  if (problem.isFatal) complaints.push(`${id}: ${problem.detail}`);
  else if (skipped) return { id, file, state: "skipped", group: skipped };
  else if (expected) return { id, file, state: "pending", group: expected };
  else complaints.push(`${id}: ${problem.detail}`);
  return { id, file, state: "failed" };
}

function checkPage() {
  const manifest = JSON.parse(readFileSync(new URL("node_modules/@bufbuild/cel-spec/package.json", import.meta.url), "utf8"));
  const text = page(results, { version: manifest.version, specVersion: manifest.upstreamCelSpecRef });
  if (isBlessing) writeFileSync(pagePath, text);
  else if (!existsSync(pagePath) || readFileSync(pagePath, "utf8") !== text) complaints.push("docs/conformance.md is not what this run gives (BLESS=1 rewrites it)");
}

function show(text) {
  for (const each of cases.filter(({ id }) => id.includes(text))) {
    console.log(`${each.id}: ${problems.get(each.id)?.detail ?? "passes"}`);
    for (const { question } of each.parts ?? []) console.log(`    ${JSON.stringify(question)}`);
  }
}
