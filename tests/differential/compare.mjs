// Whether two evaluators agree on an expression.
import { normalValue } from "../conformance/values.mjs";

/** What the program can't answer is no answer, and agrees with nothing. */
const NO_ANSWER = /^(rule\.lower\.|rule\.parse\.unknown-type$|invalid-question$|invalid-binding$|invalid$|failed$|crashed$)/;

/** Comparable text of an answer of cel-cpp: a value, `error`, `refused`; or of one that its checker refuses and its evaluator answers. */
export function referenceTexts({ refused, unchecked, ...answer }) {
  if (refused === undefined) return [textOf(answer)];
  return unchecked === undefined ? ["refused"] : ["refused", textOf(unchecked)];
}

/** Comparable text of an answer of the program. */
export function answerText(answer) {
  if (!answer.error) return textOf(answer);
  const { code } = answer.error;
  if (NO_ANSWER.test(code)) return `none: ${code}`;
  return code.startsWith("rule.") ? "refused" : "error";
}

const textOf = (answer) => (answer.error === undefined ? normalValue(withExactDoubles(answer)) : "error");

/** `-0.0` is not `0.0` here. */
function withExactDoubles(value) {
  if (value.doubleValue !== undefined) return { enumValue: { type: "double", value: Object.is(value.doubleValue, -0) ? "-0" : String(Number(value.doubleValue)) } };
  if (value.listValue) return { listValue: { values: (value.listValue.values ?? []).map(withExactDoubles) } };
  if (!value.mapValue) return value;
  return { mapValue: { entries: (value.mapValue.entries ?? []).map(({ key, value }) => ({ key, value: withExactDoubles(value) })) } };
}
