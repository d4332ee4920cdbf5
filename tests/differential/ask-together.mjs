// Asks for many expressions with one component: compiling a component costs more than what it computes.
import { ask } from "../conformance/program.mjs";

const AT_ONCE = 32;

/**
 * The answer to each case. What the checker accepts is asked in groups over one row, as
 * `[[dyn(a)] ?? [], [dyn(b)] ?? [], …]`: an empty list is an error. A group without an answer is asked one by one.
 */
export async function askTogether(program, cases) {
  const answers = await ask(program, cases.map(({ question }) => ({ ...question, check: true })));
  const groups = groupsOf(cases.map((each, index) => ({ ...each, index })).filter(({ index }) => !answers[index].error));
  const found = await ask(program, groups.map(together));
  const alone = [];
  groups.forEach((group, at) => {
    const items = found[at].listValue?.values;
    if (items?.length !== group.length) return void alone.push(...group);
    group.forEach(({ index }, nth) => {
      const [value] = items[nth].listValue.values ?? [];
      answers[index] = value ?? { error: { code: "error", message: "some error" } };
    });
  });
  const single = await ask(program, alone.map(({ question }) => question));
  alone.forEach(({ index }, nth) => (answers[index] = single[nth]));
  return { answers, nAlone: alone.length };
}

function groupsOf(cases) {
  const groups = [];
  for (const rowCases of byRow(cases).values()) {
    for (let start = 0; start < rowCases.length; start += AT_ONCE) groups.push(rowCases.slice(start, start + AT_ONCE));
  }
  return groups;
}

function byRow(cases) {
  const found = new Map();
  for (const each of cases) {
    if (!found.has(each.row)) found.set(each.row, []);
    found.get(each.row).push(each);
  }
  return found;
}

function together(group) {
  const merged = (part) => Object.assign({}, ...group.map(({ question }) => question[part]));
  const expr = `[${group.map(({ question }) => `[dyn(${question.expr})] ?? []`).join(",\n")}]`;
  return { expr, types: merged("types"), bindings: merged("bindings") };
}
