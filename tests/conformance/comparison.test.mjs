// The comparison itself: a case must fail where an answer is wrong.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { allCases } from "./cases.mjs";
import { isExpectedError, judge } from "./judge.mjs";
import { patterns, pendingGroups, resolve } from "./lists.mjs";
import { ask } from "./program.mjs";
import { page } from "./report.mjs";
import { normalType, typeOfProto } from "./types.mjs";
import { normalValue } from "./values.mjs";

const any = (name, value) => ({ objectValue: { "@type": `type.googleapis.com/google.protobuf.${name}`, value } });
const entry = (key, value) => ({ key: { stringValue: key }, value });
const map = (...entries) => ({ mapValue: { entries } });
const list = (...values) => ({ listValue: { values } });
const int = (value) => ({ int64Value: String(value) });
const double = (value) => ({ doubleValue: value });

for (const [name, one, other] of [
  ["NaN", double("NaN"), double(NaN)],
  ["infinity", double("-Infinity"), double(-Infinity)],
  ["negative zero", double(-0), double(0)],
  ["integers as text and as number", int(7), { int64Value: 7 }],
  ["order of map entries", map(entry("a", int(1)), entry("b", int(2))), map(entry("b", int(2)), entry("a", int(1)))],
  ["empty list", { listValue: {} }, list()],
  ["empty map", { mapValue: {} }, map()],
  ["digits of a timestamp", any("Timestamp", "2026-01-31T12:00:00.5Z"), any("Timestamp", "2026-01-31T12:00:00.500Z")],
  ["offset of a timestamp", any("Timestamp", "2026-01-31T12:00:00+01:00"), any("Timestamp", "2026-01-31T11:00:00Z")],
  ["digits of a duration", any("Duration", "-1.5s"), any("Duration", "-1.500s")],
  ["wrapper", any("Int32Value", 3), int(3)],
  ["struct", any("Struct", { a: [1, null] }), map(entry("a", list(double(1), { nullValue: null })))],
]) {
  test(`same: ${name}`, () => assert.equal(normalValue(one), normalValue(other)));
}

for (const [name, one, other] of [
  ["int and uint", int(1), { uint64Value: "1" }],
  ["int and double", int(1), double(1)],
  ["string and bytes", { stringValue: "a" }, { bytesValue: "YQ==" }],
  ["string and type", { stringValue: "int" }, { typeValue: "int" }],
  ["null and false", { nullValue: null }, { boolValue: false }],
  ["integers beyond doubles", int("9007199254740993"), int("9007199254740992")],
  ["doubles one bit apart", double(0.1), double(0.10000000000000002)],
  ["NaN and zero", double(NaN), double(0)],
  ["infinities", double("Infinity"), double("-Infinity")],
  ["order of a list", list(int(1), int(2)), list(int(2), int(1))],
  ["value in a map", map(entry("a", int(1))), map(entry("a", int(2)))],
  ["entry twice", map(entry("a", int(1))), map(entry("a", int(1)), entry("a", int(1)))],
  ["nanoseconds", any("Timestamp", "2026-01-31T12:00:00Z"), any("Timestamp", "2026-01-31T12:00:00.000000001Z")],
  ["sign of a duration", any("Duration", "-0.5s"), any("Duration", "0.5s")],
  ["list of one list", list(list(int(1))), list(int(1))],
]) {
  test(`different: ${name}`, () => assert.notEqual(normalValue(one), normalValue(other)));
}

test("no value, or two, is an error of the answer", () => {
  assert.throws(() => normalValue({}));
  assert.throws(() => normalValue({ int64Value: "1", boolValue: true }));
});

test("types in the three notations", () => {
  const nested = { mapType: { keyType: { primitive: "STRING" }, valueType: { listType: { elemType: { wrapper: "INT64" } } } } };
  assert.equal(typeOfProto(nested), "map<string, list<int?>>");
  assert.equal(normalType("map(string, list(wrapper(int)))"), typeOfProto(nested));
  assert.equal(normalType("map<string,list<int?>>"), typeOfProto(nested));
  assert.equal(normalType("optional_type(dyn)"), typeOfProto({ abstractType: { name: "optional_type", parameterTypes: [{ dyn: {} }] } }));
  assert.equal(normalType("null"), typeOfProto({ null: null }));
  assert.equal(normalType("type(list(int))"), typeOfProto({ type: { primitive: "INT64" } }));
  assert.equal(normalType("google.protobuf.Timestamp"), typeOfProto({ wellKnown: "TIMESTAMP" }));
  assert.notEqual(normalType("list(int)"), normalType("list(uint)"));
  assert.throws(() => normalType("list(int"));
  assert.throws(() => normalType("int)"));
});

test("an error is the expected one by its code, and never for want of support", () => {
  assert.ok(isExpectedError("divide by zero", "divide-by-zero"));
  assert.ok(!isExpectedError("divide by zero", "overflow"));
  assert.ok(isExpectedError("no such overload", "rule.check.no-overload"));
  assert.ok(!isExpectedError("divide by zero", "rule.check.no-overload"));
  assert.ok(!isExpectedError("no such overload", "rule.check.unknown-function"));
  assert.ok(isExpectedError("range", "overflow"));
  for (const code of ["rule.lower.not-supported-yet", "failed", "invalid-binding", "invalid-question", "crashed"]) {
    assert.ok(!isExpectedError("no such overload", code), code);
    assert.ok(!isExpectedError("foo", code), code);
  }
});

const problem = (expect, answer) => judge({ question: { expr: "x" }, expect }, answer)?.group;
const error = (code) => ({ error: { code, message: "of `x`" } });

test("answers are judged by what is expected", () => {
  assert.equal(problem({ value: int(1) }, int(1)), undefined);
  assert.equal(problem({ value: int(1) }, int(2)), "another value: 2, expected 1");
  assert.equal(problem({ value: int(1) }, error("overflow")), "overflow: of …");
  assert.match(problem({ value: int(1) }, { type: "int" }), /another value: no value/);
  assert.match(problem({ value: int(1) }, { objectValue: {} }), /another value: no value/);
  assert.equal(problem({ error: "overflow" }, error("overflow")), undefined);
  assert.equal(problem({ error: "overflow" }, int(1)), "a value where an error is expected: overflow");
  assert.equal(problem({ type: "list<int>" }, { type: "list<int>" }), undefined);
  assert.equal(problem({ type: "list<int>" }, { type: "list<dyn>" }), "another type: list<dyn>, expected list<int>");
  assert.equal(problem({ type: "int" }, int(1)), "another type: undefined, expected int");
  assert.equal(problem({ invalid: true }, error("rule.check.no-overload")), undefined);
  assert.equal(problem({ invalid: true }, { type: "int" }), "accepted where the checker is to refuse");
  assert.notEqual(problem({ invalid: true }, error("rule.lower.not-supported-yet")), undefined);
  assert.notEqual(problem({ invalid: true }, error("overflow")), undefined);
  assert.equal(problem({ syntax: true }, error("rule.check.unknown-function")), undefined);
  assert.notEqual(problem({ syntax: true }, error("rule.parse.expected")), undefined);
  assert.equal(problem({ syntax: false }, error("rule.parse.expected")), undefined);
  assert.equal(problem({ syntax: false }, { type: "int" }), "accepted where the parser is to refuse");
  assert.match(problem({ syntax: false }, error("rule.check.unknown-name")), /another reason first/);
  assert.notEqual(problem({ syntax: true }, error("crashed")), undefined);
});

test("lists: wildcards for whole files and sections, and what is wrong in a list", () => {
  const ids = ["a/s/1", "a/s/2", "a/t/1", "b/s/1", "b/s/2", "b/t/1", "b/t/2", "parsing/x / y", "parsing/x / z", "parsing/w"];
  assert.deepEqual(patterns(["a/s/1", "a/s/2", "b/s/1", "b/s/2", "b/t/1"], ids), ["a/s/*", "b/s/*", "b/t/1"]);
  assert.deepEqual(patterns(["a/s/1", "a/s/2", "a/t/1"], ids), ["a/*"]);
  assert.deepEqual(patterns(["parsing/x / y", "parsing/x / z"], ids), ["parsing/x / y", "parsing/x / z"]);
  const { groupOf, problems } = resolve([{ reason: "why", cases: ["a/s/*", "a/s/2", "c/s/1"] }, { reason: "", cases: ["b/t/1"] }], ids);
  assert.deepEqual([...groupOf.keys()], ["a/s/1", "a/s/2", "b/t/1"]);
  assert.equal(problems.length, 3);
});

test("a blessed list keeps the reasons that people gave", () => {
  const failed = [{ id: "a/s/1", problem: { group: "one" } }, { id: "a/s/2", problem: { group: "two" } }];
  const groups = pendingGroups(failed, [{ error: "two", reason: "because", cases: ["a/s/2", "a/s/3"] }], ["a/s/1", "a/s/2", "a/s/3"]);
  assert.deepEqual(groups, [
    { error: "one", reason: "one", cases: ["a/s/1"] },
    { error: "two", reason: "because", cases: ["a/s/2"] },
  ]);
});

test("the page counts by file and by reason", () => {
  const group = { reason: "because a | b" };
  const results = [
    { id: "a/s/1", file: "a", state: "passed" },
    { id: "a/s/2", file: "a", state: "pending", group },
    { id: "b/s/1", file: "b", state: "skipped", group },
  ];
  const text = page(results, { version: "1", specVersion: "v2" });
  assert.match(text, /\| a \| 2 \| 1 \| 1 \| 0 \|\n\| b \| 1 \| 0 \| 0 \| 1 \|\n\| \*\*All\*\* \| 3 \| 1 \| 1 \| 1 \|/);
  assert.match(text, /\| 1 \| because a \\\| b \|/);
  assert.match(text, /50\.0 % pass/);
});

test("the package has the cases: every one with a name of its own, and something to compare or a reason why not", () => {
  const cases = allCases();
  assert.ok(cases.length > 2700, `${cases.length} cases`);
  assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
  for (const { id, blocked, parts } of cases) assert.ok(blocked || parts.length > 0, id);
});

test("a program that ends on a question has that one unanswered, and goes on", { skip: process.platform === "win32" }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "rulestage-conformance-"));
  try {
    const program = join(folder, "program");
    writeFileSync(program, '#!/bin/sh\nwhile read -r line; do case $line in *crash*) echo broken >&2; exit 3 ;; esac; echo "$line"; done\n');
    chmodSync(program, 0o755);
    const questions = ["a", "crash", "b", "c", "crash"].map((expr) => ({ expr }));
    const answers = await ask(program, questions, 1);
    assert.deepEqual(answers.map(({ expr, error }) => expr ?? error.code), ["a", "crashed", "b", "c", "crashed"]);
    assert.match(answers[1].error.message, /3.*broken/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
