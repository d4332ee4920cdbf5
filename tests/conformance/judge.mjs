// Whether an answer of the program is the expected one, and in a few words why not.
import { normalType } from "./types.mjs";
import { normalValue } from "./values.mjs";

/** Codes that say nothing about the expression: the program could not answer. */
const NO_ANSWER = /^(rule\.lower\.|rule\.parse\.unknown-type$|invalid-question$|invalid-binding$|invalid$|failed$|crashed$)/;

/** What a checker may find before the evaluation would, and the codes that say so. */
const OVERLOAD = ["no-such-overload", "rule.check.no-overload", "rule.check.type-mismatch", "rule.check.no-field", "rule.check.invalid-macro"];
const CHECKED_FIRST = [
  [/overload|Type conversion error|conversion/i, OVERLOAD],
  [/undeclared reference|unknown variable|unbound function/, ["rule.check.unknown-name", "rule.check.unknown-function"]],
  [/key type/, ["rule.check.map-key", ...OVERLOAD]],
  [/repeated key/, ["rule.check.map-key"]],
  [/field selection|no_such_field|unsupported field type/, ["rule.check.no-field", "rule.check.no-overload"]],
  [/formatting/, ["rule.check.invalid-format"]],
];

/** The row error code where the text of a case tells it. */
const CODES = [
  [/divi(de|sion) by zero/, ["divide-by-zero"]],
  [/modulus by zero/, ["modulus-by-zero"]],
  [/overflow/, ["overflow"]],
  [/no such key/, ["no-such-key"]],
  [/index .*out of range/, ["index-out-of-bounds", "invalid-argument"]],
  [/no.(such|matching).overload/, ["no-such-overload"]],
];

/** Whether an evaluation that fails with `code` is the failure that a case describes. */
export function isExpectedError(described, code, expr = "") {
  if (NO_ANSWER.test(code)) return false;
  // Of `true && 1/0 != 0` the suite says "no matching overload", and accepts any error.
  if (code === "divide-by-zero" && /\b1 ?\/ ?0\b/.test(expr)) return true;
  // A `Struct` is the map itself, in which the name of the message's field is no key; any error will do there.
  if (code === "no-such-key" && /^google\.protobuf\.(Struct|Value)\{/.test(expr)) return true;
  if (code.startsWith("rule.")) return CHECKED_FIRST.some(([text, codes]) => text.test(described) && codes.includes(code));
  const told = CODES.find(([text]) => text.test(described));
  return told ? told[1].includes(code) : true;
}

/** Nothing where the answer is the expected one; otherwise what is wrong: `group` is common to cases of one cause. */
export function judge({ question, expect }, answer) {
  const { error } = answer;
  if (expect.syntax !== undefined) return judgeSyntax(expect.syntax, error);
  if (expect.error !== undefined) {
    if (!error) return wrong(`a value where an error is expected: ${expect.error}`, shown(answer));
    return isExpectedError(expect.error, error.code, question.expr) ? undefined : errorProblem(error, `expected an error: ${expect.error}`);
  }
  if (expect.invalid) {
    if (!error) return wrong("accepted where the checker is to refuse", shown(answer));
    return NO_ANSWER.test(error.code) || !error.code.startsWith("rule.") ? errorProblem(error, "expected an invalid expression") : undefined;
  }
  if (error) return errorProblem(error, `expected ${expect.type ?? shown(expect.value)}`);
  if (expect.type !== undefined) {
    const deduced = answer.type === undefined ? undefined : normalType(answer.type);
    return deduced === expect.type ? undefined : wrong(`another type: ${deduced}, expected ${expect.type}`);
  }
  const [is, expected] = [answeredValue(answer), normalValue(expect.value)];
  return is === expected ? undefined : wrong(`another value: ${is}, expected ${expected}`);
}

/** An answer that is no value is a wrong one, and no reason to stop. */
function answeredValue(answer) {
  try {
    return normalValue(answer);
  } catch (error) {
    return `no value (${error.message})`;
  }
}

/** Macros are expanded by the parser in CEL, by the checker here. */
function judgeSyntax(isAccepted, error) {
  if (error?.code === "crashed") return errorProblem(error, "expected an answer");
  const isRejected = error !== undefined && /^rule\.(parse\.|check\.invalid-macro$)/.test(error.code);
  if (isRejected !== isAccepted) return undefined;
  if (isRejected) return errorProblem(error, "expected to be accepted by the parser");
  if (!error) return wrong("accepted where the parser is to refuse");
  return wrong("refused where the parser is to refuse, but for another reason first", `${error.code}: ${error.message}`);
}

/** A wrong answer: what is wrong is the group, so that each stands on the page. */
const wrong = (group, more) => ({ group: shortened(group), detail: more ? `${group}: ${more}` : group });

/** Cases that fail with one code and one message, but for the quoted parts of it, have one cause. */
function errorProblem({ code, message }, expected) {
  const general = message.replace(/(?<!functions of )`[^`]*`/g, "…").replace(/\s+/g, " ");
  return { group: shortened(`${code}: ${general}`), detail: `${code}: ${message}; ${expected}` };
}

const shortened = (text) => (text.length > 160 ? `${text.slice(0, 159)}…` : text);

const shown = (answer) => JSON.stringify(answer).slice(0, 200);
