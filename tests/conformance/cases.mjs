// The cases of `@bufbuild/cel-spec` as questions to `rulestage eval --batch`, with what each is to answer.
import { tests as conformance } from "@bufbuild/cel-spec/testdata/conformance.js";
import { tests as comprehension } from "@bufbuild/cel-spec/testdata/comprehension.js";
import { tests as parsing } from "@bufbuild/cel-spec/testdata/parsing.js";
import { tests as checking } from "@bufbuild/cel-spec/testdata/checking.js";
import { normalType, typeOfProto } from "./types.mjs";

/**
 * Every case: `id` (`file/section/name`), `file`, and either `blocked`, why it can't be asked, or `parts`: questions
 * with what is expected of the answer, one of
 * - `{ value }`: a `cel.expr.Value`
 * - `{ type }`: the deduced type, in the program's notation
 * - `{ error }`: a failed evaluation, with what the case says about it
 * - `{ invalid }`: rejected by the checker
 * - `{ syntax }`: whether the parser accepts it
 */
export function allCases() {
  const cases = [
    ...conformance.suites.flatMap((file) => (file.suites ?? []).flatMap((section) => (section.tests ?? []).map((test) => evaluation(file, section, test)))),
    ...comprehension.tests.map(comprehensionCase),
    ...parsing.tests.map(parsingCase),
    ...checking.tests.map(checkingCase),
  ];
  return numberRepeated(cases);
}

/** Of cases with one name, the second is called `name#2`. */
function numberRepeated(cases) {
  const seen = new Map();
  return cases.map((each) => {
    const n = (seen.get(each.id) ?? 0) + 1;
    seen.set(each.id, n);
    return n === 1 ? each : { ...each, id: `${each.id}#${n}` };
  });
}

function evaluation(file, section, { original }) {
  const named = { file: file.name, id: `${file.name}/${section.name}/${original.name}` };
  const question = { expr: original.expr };
  if (original.container) question.container = original.container;
  const blocked = declare(question, original.typeEnv ?? []);
  if (blocked) return { ...named, blocked };
  for (const [name, binding] of Object.entries(original.bindings ?? {})) {
    if (!binding.value) return { ...named, blocked: "variables whose values are errors or unknown" };
    question.bindings = { ...question.bindings, [name]: binding.value };
  }
  const parts = [];
  const { typedResult } = original;
  if (typedResult) parts.push({ question: { ...question, check: true }, expect: { type: typeOfProto(typedResult.deducedType) } });
  if (original.evalError) parts.push({ question, expect: { error: original.evalError.errors.map((each) => each.message).join("; ") } });
  // A case that states no result is to be true.
  else if (!original.checkOnly) parts.push({ question, expect: { value: typedResult?.result ?? original.value ?? { boolValue: true } } });
  return { ...named, parts };
}

/** Adds the declared variables to a question. Returns why that can't be. */
function declare(question, declarations) {
  for (const { name, ident, function: overloads } of declarations) {
    if (overloads) return "functions that the case declares";
    if (ident.type.typeParam) return "variables whose type is a parameter";
    question.types = { ...question.types, [name]: typeOfProto(ident.type) };
  }
  return undefined;
}

const line = (expr) => expr.replace(/\s+/g, " ").trim().slice(0, 100);

/**
 * The package has these expressions alone. What becomes of them was taken, by their order, from the tests they come
 * from (cel-go `ext/comprehensions_test.go`), and for some that a later version of these added, from their meaning:
 * each is a comparison that holds, or inserts a key twice.
 */
const COMPREHENSIONS = [
  { until: 51, expect: { value: { boolValue: true } } },
  { until: 73, expect: { invalid: true } },
  { until: 76, expect: { error: "insert failed: key already exists" } },
];

function comprehensionCase({ original: { expr } }, index) {
  const named = { file: "comprehension", id: `comprehension/${line(expr)}` };
  const part = COMPREHENSIONS.find(({ until }) => index < until);
  if (!part || /^m\./.test(expr)) return { ...named, blocked: "cases of which the package has neither result nor variables" };
  const question = part.expect.invalid ? { expr, check: true } : { expr };
  return { ...named, parts: [{ question, expect: part.expect }] };
}

const SWITCHED_OFF = /^ERROR: [^\n]*unsupported syntax/;
const LIMITS = /recursion (limit|depth)|lookahead limit|recovery attempt limit/;

/** All names are declared as `dyn`, so that what the checker says does not hide what the parser does. */
function parsingCase({ original: { expr }, ast, type, error }) {
  const named = { file: "parsing", id: `parsing/${line(expr)}` };
  if (!ast && SWITCHED_OFF.test(error)) return { ...named, blocked: "syntax that was switched off in the parser that made the expected results" };
  if (!ast && LIMITS.test(error)) return { ...named, blocked: "limits of the parser that made the expected results" };
  const names = new Set(expr.match(/(?<![\w.`"'\\])[a-zA-Z_]\w*(?![\w(`"'])/g));
  const types = Object.fromEntries([...names].map((name) => [name, "dyn"]));
  const parts = [{ question: { expr, types, check: true }, expect: { syntax: ast !== undefined } }];
  if (type) parts.push({ question: { expr, check: true }, expect: { type: normalType(type) } });
  return { ...named, parts };
}

/** Variables of the environment that the expected results were made in (cel-go `checker/checker_test.go`). */
const CHECKING_VARIABLES = { is: "string", ii: "int", iu: "uint", iz: "bool", id: "double", ix: "null_type", ib: "bytes" };

function checkingCase({ original, type, error }) {
  const named = { file: "checking", id: `checking/${line(original.expr)}` };
  if (!type && SWITCHED_OFF.test(error)) return { ...named, blocked: "syntax that was switched off in the parser that made the expected results" };
  const question = { expr: original.expr, types: CHECKING_VARIABLES, check: true };
  if (original.container) question.container = original.container;
  const blocked = declare(question, original.typeEnv ?? []);
  if (blocked) return { ...named, blocked };
  return { ...named, parts: [{ question, expect: type ? { type: normalType(type) } : { invalid: true } }] };
}
