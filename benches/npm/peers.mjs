// Rule engines of npm, for `just bench`: rows and answers come from a folder, commands from standard input.
// benches/src/peers.rs has the protocol.

import { readFileSync, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { Environment } from "@marcbachmann/cel-js";
import { ZenDecisionContent, ZenEngine } from "@gorules/zen-engine";
import jsonLogic from "json-logic-js";
import { Engine, Operator } from "json-rules-engine";

// Slow engines get through some of the rows in this time, and are measured on those.
const CHECKING_MS = 2000;
// Rows are gone over until this much time is over.
const TIMING_MS = 100;
// The time of at least this much work is taken at once, and the median counts: so others that run on the same cores
// are left out, mostly.
const SLICE_MS = 1;

const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

// Each compiles a workload and gives `evaluate(row)`, which may be asynchronous, and `answer(value)`, which makes the
// JSON to compare of what it returns; or null where the engine has no way to say it.
const engines = {
  [`@marcbachmann/cel-js ${version("@marcbachmann/cel-js")}`]: cel,
  [`json-logic-js ${version("json-logic-js")}`]: logic,
  [`json-rules-engine ${version("json-rules-engine")}`]: rulesEngine,
  [`@gorules/zen-engine ${version("@gorules/zen-engine")}`]: zen,
};

const lines = (path) => readFileSync(path, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));

function read(folder) {
  return {
    name: folder.split("/").at(-1),
    rows: lines(`${folder}/rows.ndjson`),
    answers: lines(`${folder}/answers.ndjson`).map(({ answer }) => answer),
    rules: existsSync(`${folder}/rules.json`) ? JSON.parse(readFileSync(`${folder}/rules.json`, "utf8")) : null,
  };
}

// The answer of a set whose rules are evaluated one by one.
function decide({ hit, rules }, fires) {
  const values = [];
  for (let rule = 0; rule < rules.length; rule++) {
    if (fires(rule)) {
      values.push(rules[rule].value);
      if (hit === "first") break;
    }
  }
  return hit === "first" ? (values[0] ?? 0) : values;
}

// The constants of rules.json as CEL writes them: ages are ints, all other numbers doubles.
const celConstant = (input, value) =>
  typeof value === "number" && input !== "age" && Number.isInteger(value) ? `${value}.0` : JSON.stringify(value);

function cel({ name, rows, rules }) {
  const types = {
    reference: { age: "int", country: "string", score: "double" },
    strings: { code: "string", email: "string" },
    "table-1000": { code: "string", amount: "double" },
  }[name] ?? (name.startsWith("items")
    ? { items: "list<map<string, dyn>>" }
    : { merchant: "string", amount: "double", age: "int", score: "dyn" });
  const environment = new Environment();
  for (const [input, type] of Object.entries(types)) environment.registerVariable(input, type);
  const int = (row, field) => (field in row ? { ...row, [field]: BigInt(row[field]) } : row);
  const own = rows.map((row) =>
    row.items ? { items: row.items.map((item) => int(item, "qty")) } : int(row, "age"));
  if (rules) {
    const programs = rules.rules.map(({ tests }) =>
      environment.parse(tests.map(([input, operator, value]) => `${input} ${operator} ${celConstant(input, value)}`).join(" && ")));
    return { evaluate: (row) => decide(rules, (rule) => programs[rule](own[row])) };
  }
  const program = environment.parse({
    reference: `age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75`,
    strings: `code.startsWith("ORD") && !code.endsWith("X")
      && email.lowerAscii().endsWith("@example.com") && !email.contains("+")
      && code.matches("^ORD-[0-9]{4}-[A-Z]$")`,
    "items-exists": "items.exists(i, i.price > 100.0 && i.qty > 0)",
    "items-map": "items.map(i, i.price * double(i.qty))",
  }[name]);
  return { evaluate: (row) => program(own[row]) };
}

function logic({ name, rows, rules }) {
  const expression = /^ORD-[0-9]{4}-[A-Z]$/;
  // It has no such operators; these are how one adds them.
  jsonLogic.add_operation("startsWith", (text, start) => text.startsWith(start));
  jsonLogic.add_operation("endsWith", (text, end) => text.endsWith(end));
  jsonLogic.add_operation("lower", (text) => text.toLowerCase());
  jsonLogic.add_operation("isOrder", (text) => expression.test(text));
  const input = (name) => ({ var: name });
  if (rules) {
    const conditions = rules.rules.map(({ tests }) => ({
      and: tests.map(([name, operator, value]) => ({ [operator.replace(/^([!=])=$/, "$1==")]: [input(name), value] })),
    }));
    return { evaluate: (row) => decide(rules, (rule) => jsonLogic.apply(conditions[rule], rows[row])) };
  }
  const rule = {
    reference: {
      and: [{ ">=": [input("age"), 18] }, { in: [input("country"), ["CZ", "DE", "FR"]] }, { ">": [input("score"), 0.75] }],
    },
    strings: {
      and: [
        { startsWith: [input("code"), "ORD"] },
        { "!": { endsWith: [input("code"), "X"] } },
        { endsWith: [{ lower: input("email") }, "@example.com"] },
        { "!": { in: ["+", input("email")] } },
        { isOrder: input("code") },
      ],
    },
    "items-exists": { some: [input("items"), { and: [{ ">": [input("price"), 100] }, { ">": [input("qty"), 0] }] }] },
    "items-map": { map: [input("items"), { "*": [input("price"), input("qty")] }] },
  }[name];
  return { evaluate: (row) => jsonLogic.apply(rule, rows[row]) };
}

function rulesEngine({ name, rows, rules }) {
  const operators = {
    ">": "greaterThan", ">=": "greaterThanInclusive", "<": "lessThan", "==": "equal", "!=": "notEqual", in: "in",
  };
  const all = {
    reference: [["age", ">=", 18], ["country", "in", ["CZ", "DE", "FR"]], ["score", ">", 0.75]],
    strings: [
      ["code", "startsWith", "ORD"], ["code", "notEndsWith", "X"], ["email", "lowerEndsWith", "@example.com"],
      ["email", "notContains", "+"], ["code", "matches", /^ORD-[0-9]{4}-[A-Z]$/],
    ],
  }[name];
  const sets = rules?.rules ?? (all && [{ tests: all, value: true }]);
  if (!sets) return null; // no operators over lists
  const engine = new Engine(
    sets.map(({ tests, value }, index) => ({
      conditions: { all: tests.map(([fact, operator, value]) => ({ fact, operator: operators[operator] ?? operator, value })) },
      event: { type: "fires", params: { index, value } },
    })),
  );
  for (const [name, holds] of [
    ["startsWith", (text, start) => text.startsWith(start)],
    ["notEndsWith", (text, end) => !text.endsWith(end)],
    ["lowerEndsWith", (text, end) => text.toLowerCase().endsWith(end)],
    ["notContains", (text, part) => !text.includes(part)],
    ["matches", (text, expression) => expression.test(text)],
  ]) engine.addOperator(new Operator(name, holds));
  return {
    evaluate: (row) => engine.run(rows[row]),
    // Rules of one priority run side by side: their order is no promise.
    answer: ({ events }) => {
      const values = events.map(({ params }) => params).sort((a, b) => a.index - b.index).map(({ value }) => value);
      if (!rules) return values.length > 0;
      return rules.hit === "first" ? (values[0] ?? 0) : values;
    },
  };
}

// Decisions of JDM: a decision table for sets of rules, an expression node otherwise.
function zen({ name, rows, rules }) {
  const node = rules ? table(rules) : expression(name);
  const nodes = [
    { id: "in", type: "inputNode", name: "in" },
    { id: "decide", name: "decide", ...node },
    { id: "out", type: "outputNode", name: "out" },
  ];
  const edge = (id, sourceId, targetId) => ({ id, type: "edge", sourceId, targetId });
  const decision = new ZenEngine().createDecision(
    new ZenDecisionContent({ nodes, edges: [edge("a", "in", "decide"), edge("b", "decide", "out")] }),
  );
  return {
    evaluate: (row) => decision.evaluate(rows[row]),
    answer: ({ result }) => {
      if (!rules) return result.answer;
      return rules.hit === "first" ? (result?.answer ?? 0) : result.map(({ answer }) => answer);
    },
  };
}

function expression(name) {
  const value = {
    reference: `age >= 18 and country in ["CZ", "DE", "FR"] and score > 0.75`,
    strings: `startsWith(code, "ORD") and not endsWith(code, "X")
      and endsWith(lower(email), "@example.com") and not contains(email, "+")
      and matches(code, "^ORD-[0-9]{4}-[A-Z]$")`,
    "items-exists": "some(items, #.price > 100 and #.qty > 0)",
    "items-map": "map(items, #.price * #.qty)",
  }[name];
  return { type: "expressionNode", content: { expressions: [{ id: "e", key: "answer", value }] } };
}

function table({ hit, rules }) {
  const inputs = [...new Set(rules.flatMap(({ tests }) => tests.map(([input]) => input)))];
  const cell = (tests) =>
    tests.map(([, operator, value]) =>
      operator === "==" ? JSON.stringify(value) : `$ ${operator} ${JSON.stringify(value)}`).join(" and ");
  return {
    type: "decisionTableNode",
    content: {
      hitPolicy: hit === "first" ? "first" : "collect",
      inputs: inputs.map((input) => ({ id: input, name: input, field: input })),
      outputs: [{ id: "answer", name: "answer", field: "answer" }],
      rules: rules.map(({ tests, value }, index) => ({
        _id: String(index),
        ...Object.fromEntries(inputs.map((input) => [input, cell(tests.filter(([name]) => name === input))])),
        answer: String(value),
      })),
    },
  };
}

const ready = {};

async function check(engine, name) {
  const workload = read(`${process.argv[2]}/${name}`);
  const compiled = engines[engine](workload);
  if (!compiled) return { skip: "no way to say it" };
  const { evaluate, answer = (value) => value } = compiled;
  const end = performance.now() + CHECKING_MS;
  let rows = 0;
  for (; rows < workload.rows.length && performance.now() < end; rows++) {
    const given = answer(await evaluate(rows));
    const expected = workload.answers[rows];
    if (!isDeepStrictEqual(given, expected)) {
      return { error: `row ${rows}: ${JSON.stringify(given)} instead of ${JSON.stringify(expected)}` };
    }
  }
  ready[engine] = { evaluate, rows };
  return { rows };
}

async function time(engine) {
  const { evaluate, rows } = ready[engine];
  const isPromised = evaluate(0) instanceof Promise;
  const start = performance.now();
  const slices = [];
  for (let sliceStart = start, evaluations = 0, row = 0; ; row = (row + 1) % rows) {
    if (isPromised) await evaluate(row);
    else evaluate(row);
    evaluations++;
    // The clock costs as much as a fast evaluation.
    if (evaluations % 16 && row + 1 < rows) continue;
    const now = performance.now();
    if (now - sliceStart >= SLICE_MS) {
      slices.push(((now - sliceStart) * 1e6) / evaluations);
      [sliceStart, evaluations] = [performance.now(), 0];
    }
    if (slices.length && now - start >= TIMING_MS) break;
  }
  slices.sort((a, b) => a - b);
  return { ns: slices[slices.length >> 1] };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split("\t");
  let answer;
  try {
    answer = { engines: () => Object.keys(engines), check, time }[command](...words);
    answer = await answer;
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
