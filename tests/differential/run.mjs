// Asks the program what cel-cpp was asked, and closes with `differential: N passed, M failed`.
//   RULESTAGE=PATH   the program; target/release/rulestage unless given
//   ANSWERS=PATH     another file that remake.py made
//   SHOW=ID          prints the disagreements that one entry of allowed.json covers
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { read } from "./answers.mjs";
import { askTogether } from "./ask-together.mjs";
import { answerText, referenceTexts } from "./compare.mjs";

const MOST_SHOWN = 40;
const local = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = process.env.RULESTAGE || local("../../target/release/rulestage");
const path = process.env.ANSWERS || local("answers.ndjson.gz");

if (!existsSync(program)) throw new Error(`${program} is missing: \`cargo build --release --bin rulestage\``);
const allowed = JSON.parse(readFileSync(local("allowed.json"), "utf8"));
for (const each of allowed) each.uses = 0;
const { about, cases } = read(path);
const { answers, nAlone } = await askTogether(program, cases);

const failures = [];
const agreed = { values: 0, errors: 0, refused: 0 };
cases.forEach(({ question, reference }, index) => {
  const [is, expected] = [answerText(answers[index]), referenceTexts(reference)];
  if (expected.includes(is)) return void agreed[is === "error" ? "errors" : is === "refused" ? "refused" : "values"]++;
  const texts = { expression: question.expr, reference: JSON.stringify(reference), answer: JSON.stringify(answers[index]) };
  const reason = allowed.find(({ where }) => Object.entries(where).every(([part, pattern]) => new RegExp(pattern, "us").test(texts[part])));
  const shown = `${question.expr}\n    with    ${JSON.stringify(question.bindings)}\n    cel-cpp ${texts.reference}\n    is      ${texts.answer}`;
  if (!reason) return void failures.push(shown);
  reason.uses++;
  if (process.env.SHOW === reason.id) console.log(shown);
});

failures.sort((a, b) => a.length - b.length);
for (const failure of failures.slice(0, Number(process.env.MOST_SHOWN) || MOST_SHOWN)) console.log(`FAILED ${failure}`);
if (failures.length > MOST_SHOWN) console.log(`… and ${failures.length - MOST_SHOWN} more`);
// The committed answers use each reason, but for those that only larger runs have met.
const unused = process.env.ANSWERS ? [] : allowed.filter(({ uses, isRare }) => uses === 0 && !isRare);
for (const { id } of unused) console.log(`FAILED allowed.json: nothing needs \`${id}\` any more`);
for (const { id, uses } of allowed) console.log(`${String(uses).padStart(6)} allowed: ${id}`);
const nAgreed = agreed.values + agreed.errors + agreed.refused;
console.log(`${nAlone} expressions were asked one by one`);
console.log(`${about.reference}: the same value ${agreed.values} times, both an error ${agreed.errors} times, both refused ${agreed.refused} times`);
console.log(`differential: ${nAgreed} passed, ${failures.length + unused.length} failed, ${allowed.reduce((sum, { uses }) => sum + uses, 0)} skipped`);
process.exitCode = failures.length + unused.length > 0 ? 1 : 0;
