// The same component bytes over the same rows in Chromium and in wasmtime: what rules give is compared bit for
// bit, what models give within 1e-5, and neither changes with the size of batches or the number of workers.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, root, start } from "../browser/playground.mjs";

const MODEL_TOLERANCE = 1e-5;
const program = join(root, "target", "release", "rulestage");
const desk = join(root, "examples", "flight-desk");
const cases = join(root, "tests", "parity", "cases");

let playground, page, folder;
before(async () => {
  assert.ok(existsSync(program), "target/release/rulestage is missing: `cargo build --release -p rulestage`");
  playground = await start();
  page = await open(playground);
  folder = mkdtempSync(join(tmpdir(), "rulestage-parity-"));
});
after(async () => {
  await playground?.close();
  if (folder) rmSync(folder, { recursive: true });
});

/** Runs a project in a worker of its own over a file of rows (`text`) or files that are `rows`, paths and bytes in base64: columns as bits, the report, how often rules fired, and the components by stage. */
async function inBrowser(files, { text = "", rows = [], ...data }, { example = "flight-desk", batchRows = 0, stages = [] } = {}) {
  return page.evaluate(
    async ({ files, data, text, rows, example, batchRows, stages }) => {
      const worker = new Worker("./worker-start.js", { type: "module" });
      const messages = [];
      let wake = () => {};
      worker.onmessage = (event) => {
        messages.push([JSON.parse(event.data[0]), event.data[1]]);
        wake();
      };
      const receive = async (kind) => {
        for (;;) {
          const [response, payload] = messages.shift() ?? [];
          if (response === undefined) await new Promise((resolve) => (wake = resolve));
          else if (response === kind) return [response, payload];
          else if (response.Failed) throw new Error(`${response.Failed.during}: ${response.Failed.message}`);
          else if (response.Compiled && !response.Compiled.report.is_ok) throw new Error(JSON.stringify(response.Compiled.report.files));
          else if (response[kind]) return [response[kind], payload];
        }
      };
      const send = (request, blob) => worker.postMessage([JSON.stringify(request), blob]);
      try {
        await receive("Ready");
        const project = { example, files, params: [] };
        const source = { id: 1, name: data.name, url: null, files: rows.map(([path]) => ({ path, url: null })) };
        const bytes = (base64) => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
        const beside = rows.length ? rows.map(([, base64]) => new Blob([bytes(base64)])) : new Blob([text]);
        send({ Run: { run: 1, project, data: source, batch_rows: batchRows, is_compile_only: false } }, beside);
        const [{ report }] = await receive("Ran");
        send("Bits");
        const [bits] = await receive("Bits");
        send("Firings");
        const [firings] = await receive("Firings");
        const components = {};
        for (const stage of stages) {
          send({ Artifact: { stage } });
          const [, bytes] = await receive("Artifact");
          components[stage] = Array.from(bytes);
        }
        return { columns: Object.fromEntries(bits.columns), report, firings, components };
      } finally {
        worker.terminate();
      }
    },
    { files, data, text, rows, example, batchRows, stages },
  );
}

/** Runs a pipeline in the program: rows of cells as text; `null` is null. */
function inWasmtime(pipeline, input, columns, options = []) {
  const output = join(folder, "out.csv");
  execFileSync(program, ["run", pipeline, "--input", input, "--output", output, "--columns", columns.join(","), "--quiet", ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [header, ...rows] = parseCsv(readFileSync(output, "utf8"));
  assert.deepEqual(header, columns);
  return rows;
}

/** RFC 4180; a cell that is empty without quotes is null. */
function parseCsv(text) {
  const rows = [];
  let row = [];
  for (let at = 0; at < text.length; ) {
    let cell;
    if (text[at] === '"') {
      cell = "";
      for (at++; ; at++) {
        if (text[at] !== '"') cell += text[at];
        else if (text[at + 1] === '"') cell += text[at++];
        else break;
      }
      at++;
    } else {
      const end = /[,\r\n]|$/.exec(text.slice(at)).index + at;
      cell = text.slice(at, end) || null;
      at = end;
    }
    row.push(cell);
    if (text[at] === "\r") at++;
    if (text[at] === "\n" || at >= text.length) {
      rows.push(row);
      row = [];
    }
    at++;
  }
  return rows;
}

const view = new DataView(new ArrayBuffer(8));

/** A double's bits from the text that the program writes; every NaN is the same. */
function bitsOf(text) {
  const value = Number(text);
  assert.ok(!Number.isNaN(value) || text === "NaN", `\`${text}\` is no double`);
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

function doubleOf(bits) {
  view.setBigUint64(0, BigInt(`0x${bits}`));
  return view.getFloat64(0);
}

const isNan = (bits) => Number.isNaN(doubleOf(bits));

/** Nanoseconds, microseconds…: the browser tells units since the epoch, the program a date. */
function sameInstant(units, text) {
  const digits = units.replace("-", "");
  const match = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text);
  assert.ok(match, `\`${text}\` is no timestamp`);
  const nanoseconds = BigInt(Date.parse(`${match[1]}Z`)) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
  return [1n, 1_000n, 1_000_000n, 1_000_000_000n].some((factor) => BigInt(units) * factor === nanoseconds) || digits === text;
}

/** Fails where a value of the browser is not, to the last bit, that of the program. */
function compare(name, type, browser, wasmtime, where) {
  const differ = (row) => `${where}: row ${row}, ${name} (${type}): ${browser[row]} in the browser, ${wasmtime[row]} in wasmtime`;
  assert.equal(browser.length, wasmtime.length, `${where}: rows of ${name}`);
  for (let row = 0; row < browser.length; row++) {
    // Text that is never null is empty where its cell is.
    const [here, there] = [browser[row], wasmtime[row] ?? (type === "string" ? "" : null)];
    if (here === null || there === null) {
      assert.ok(here === there, differ(row));
    } else if (type.startsWith("double")) {
      const bits = bitsOf(there);
      assert.ok(here === bits || (isNan(here) && isNan(bits)), differ(row));
    } else if (type === "f32") {
      view.setFloat32(0, Number(there));
      assert.ok(here === view.getUint32(0).toString(16).padStart(8, "0"), differ(row));
    } else if (type.startsWith("timestamp")) {
      assert.ok(sameInstant(here, there), differ(row));
    } else if (type.startsWith("list")) {
      assert.deepEqual(JSON.parse(here), JSON.parse(there), differ(row));
    } else {
      assert.ok(here === there, differ(row));
    }
  }
}

function typesOf(report) {
  return Object.fromEntries(report.columns.map((column) => [column.name, column.type_name]));
}

const manifest = (stage, source, extra = "") => `[pipeline]\nname = "parity"\n\n[[stage]]\nname = "${stage}"\n${source}\n${extra}`;

/** The rules through both hosts: the browser compiles, and the program runs the bytes that the browser ran. */
async function compareRules(stage, text, columns, { extra = "", options = [], batchRows = 0 } = {}) {
  const rules = readFileSync(join(cases, `${stage}.rules`), "utf8");
  const files = [
    { path: "pipeline.toml", text: manifest(stage, `rules = "${stage}.rules"`, extra) },
    { path: `${stage}.rules`, text: rules },
  ];
  const browser = await inBrowser(files, { name: "rows.ndjson", text }, { batchRows, stages: [stage] });
  const component = join(folder, `${stage}.wasm`);
  writeFileSync(component, Buffer.from(browser.components[stage]));
  const pipeline = join(folder, "pipeline.toml");
  writeFileSync(pipeline, manifest(stage, `component = "${stage}.wasm"`, extra));
  const input = join(folder, "rows.ndjson");
  writeFileSync(input, text);
  const rows = inWasmtime(pipeline, input, columns, options);
  const types = typesOf(browser.report);
  columns.forEach((name, index) => {
    compare(name, types[name], browser.columns[name], rows.map((row) => row[index]), `${stage} ${options.join(" ")}`);
  });
  return { browser, rows, component };
}

const OUTPUTS = [
  "total", "quotient", "rest", "ratio", "scaled", "least", "joined", "length", "digits", "whole", "day", "later", "maybe", "marks", "flag",
];

/** Rows of values at and beyond the edges, and everything between, always the same ones. */
function generatedRows(n) {
  let state = 0x2545f491;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const pick = (values) => values[Math.floor(random() * values.length)];
  const ints = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "-7", "86400"];
  const uints = ["0", "1", "18446744073709551615", "9223372036854775808", "42"];
  const doubles = [
    "0.0", "-0.0", "0.1", "-1.5", "\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308",
    "9007199254740993.0", "-9.3e18", "1e-7", "123456789.12345678", "0.30000000000000004",
  ];
  const texts = ["", "a", "žluťoučký kůň", "é", "日本語", "👩‍👩‍👧", "line\nbreak", "\"quoted\", comma", " spaces ", "\u0000", "x".repeat(300)];
  const times = ["2001-02-28T23:59:59.999999Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-29T12:00:00.5Z"];
  const int = () => (random() < 0.7 ? pick(ints) : String(Math.floor((random() - 0.5) * 2e6)));
  const double = () => (random() < 0.7 ? pick(doubles) : String((random() - 0.5) * 10 ** Math.floor(random() * 30 - 15)));
  const maybe = (value) => (random() < 0.25 ? "null" : value());
  const lines = [];
  for (let row = 0; row < n; row++) {
    const values = {
      i: maybe(int), j: int(), u: maybe(() => pick(uints)), d: maybe(double), x: double(),
      s: maybe(() => JSON.stringify(pick(texts))), w: JSON.stringify(pick(texts)),
      b: maybe(() => pick(["true", "false"])), t: maybe(() => JSON.stringify(pick(times))),
    };
    lines.push(`{${Object.entries(values).map(([name, value]) => `"${name}":${value}`).join(",")}}`);
  }
  return `${lines.join("\n")}\n`;
}

test("generated values: nulls, NaN, infinities, extreme integers, empty and non-ASCII text", async () => {
  const { browser } = await compareRules("values", generatedRows(3000), OUTPUTS);
  const bits = [...browser.columns.ratio, ...browser.columns.scaled];
  assert.ok(bits.some(isNan) && bits.some((value) => doubleOf(value) === Infinity), "the rows reach NaN and infinity");
  assert.ok(browser.columns.maybe.includes(null) && browser.columns.maybe.includes("-9223372036854775808"));
});

test("the browser's compiler and the program's make the same bytes", async () => {
  const { browser } = await compareRules("values", generatedRows(10), OUTPUTS);
  const compiled = join(folder, "compiled.wasm");
  execFileSync(program, ["compile", join(cases, "values.rules"), "-o", compiled], { stdio: "ignore" });
  assert.ok(readFileSync(compiled).equals(Buffer.from(browser.components.values)));
});

for (const [batchRows, options] of [
  [1, ["--batch-rows", "1", "--jobs", "1"]],
  [7, ["--batch-rows", "1000", "--jobs", "2"]],
  [100000, ["--batch-rows", "64", "--jobs", "4"]],
]) {
  test(`results do not depend on batches and workers: ${batchRows} rows in the browser, ${options.join(" ")}`, async () => {
    await compareRules("values", generatedRows(500), OUTPUTS, { batchRows, options });
  });
}

test("one row, and rows that all are null where they may be", async () => {
  await compareRules("values", '{"i":null,"j":0,"u":null,"d":null,"x":-0.0,"s":null,"w":"","b":null,"t":null}\n', OUTPUTS);
});

test("rows that fail are the same ones", async () => {
  const extra = 'on_error = "dead-letter"\n';
  const ints = ["0", "1", "9223372036854775807", "-9223372036854775808", "-1", "null"];
  const text = ints.flatMap((i) => ints.filter((j) => j !== "null").map((j) => `{"i":${i},"j":${j}}\n`)).join("");
  const deadLetter = join(folder, "dead.ndjson");
  const { browser } = await compareRules("failing", text, ["i", "j", "sum"], { extra, options: ["--dead-letter", deadLetter] });
  const n_dead = readFileSync(deadLetter, "utf8").trim().split("\n").length;
  assert.ok(n_dead > 0, "some rows overflow");
  assert.equal(browser.report.n_failed, n_dead);
});

test("no rows", async () => {
  const columns = ["date", "delay", "distance", "origin", "destination"];
  const text = `${columns.join(",")}\n`;
  const files = ["pipeline.toml", "features.rules", "flight_desk.rules"].map((path) => ({ path, text: readFileSync(join(desk, path), "utf8") }));
  const browser = await inBrowser(files, { name: "rows.csv", text });
  assert.equal(browser.report.n_rows, 0);
  const input = join(folder, "rows.csv");
  writeFileSync(input, text);
  assert.deepEqual(inWasmtime(join(desk, "pipeline.toml"), input, ["action", "p_late"]), []);
  assert.deepEqual(browser.columns.action, []);
});

test("flight-desk over its sample: the forecast within 1e-5, the rules bit for bit", async () => {
  const files = ["pipeline.toml", "features.rules", "flight_desk.rules"].map((path) => ({ path, text: readFileSync(join(desk, path), "utf8") }));
  const sample = join(desk, "flights-sample.csv");
  const browser = await inBrowser(files, { name: "flights.csv", text: readFileSync(sample, "utf8") });
  const types = typesOf(browser.report);
  const columns = ["month", "weekday", "hour", "miles", "p_late", "action", "reasons", "refund", "urgency", "standby_crew"];
  for (const options of [[], ["--batch-rows", "777", "--jobs", "3"]]) {
    const rows = inWasmtime(join(desk, "pipeline.toml"), sample, columns, options);
    assert.equal(rows.length, 20_000);
    const forecast = browser.columns.p_late.map(doubleOf);
    let largest = 0;
    rows.forEach((row, index) => (largest = Math.max(largest, Math.abs(forecast[index] - Number(row[4])))));
    assert.ok(largest <= MODEL_TOLERANCE, `forecasts differ by ${largest}`);
    // A forecast this close to a rule's threshold may fall on either side of it.
    const isClear = (index) => [0.1, 0.35, 0.5].every((threshold) => Math.abs(forecast[index] - threshold) > MODEL_TOLERANCE);
    const clear = rows.map((_, index) => index).filter(isClear);
    assert.ok(clear.length > 19_900);
    columns.forEach((name, column) => {
      if (name === "p_late") return;
      compare(name, types[name], clear.map((index) => browser.columns[name][index]), clear.map((index) => rows[index][column]), "flight-desk");
    });
  }
});

const deskFiles = (manifest) => [
  { path: "pipeline.toml", text: manifest },
  ...["features.rules", "flight_desk.rules"].map((path) => ({ path, text: readFileSync(join(desk, path), "utf8") })),
];

test("a forecast composed with its engine: bit for bit, decisions too", async () => {
  const served = join(root, "web-ui", "dist", "examples", "flight-desk", "composed.wasm");
  const sample = join(desk, "flights-sample.csv");
  const listed = '[[model]]\nname = "lateness"\nfile = "lateness.onnx"\n';
  const original = readFileSync(join(desk, "pipeline.toml"), "utf8");
  assert.ok(original.includes(listed));
  const manifest = original.replace(listed, "").replace("tabular.wasm", "composed.wasm");
  const composed = join(folder, "composed.wasm");
  const compose = ["compose", join(desk, "tabular.wasm"), "--with-engine", "--model", join(desk, "lateness.onnx"), "-o", composed];
  execFileSync(program, compose, { stdio: ["ignore", "ignore", "pipe"] });
  for (const path of ["features.rules", "flight_desk.rules"]) copyFileSync(join(desk, path), join(folder, path));
  const pipeline = join(folder, "pipeline.toml");
  writeFileSync(pipeline, manifest);
  copyFileSync(composed, served);
  try {
    const browser = await inBrowser(deskFiles(manifest), { name: "flights.csv", text: readFileSync(sample, "utf8") }, { stages: ["lateness"] });
    assert.ok(readFileSync(composed).equals(Buffer.from(browser.components.lateness)), "the browser ran the same file");
    const types = typesOf(browser.report);
    const columns = ["p_late", "action", "reasons", "refund", "urgency"];
    const rows = inWasmtime(pipeline, sample, columns, ["--jobs", "2"]);
    assert.equal(rows.length, 20_000);
    columns.forEach((name, column) => {
      compare(name, types[name], browser.columns[name], rows.map((row) => row[column]), "composed");
    });
    const ordinary = inWasmtime(join(desk, "pipeline.toml"), sample, ["p_late"]);
    const largest = Math.max(...ordinary.map(([p], row) => Math.abs(Number(p) - Number(rows[row][0]))));
    assert.ok(largest <= MODEL_TOLERANCE, `the embedded engine on this machine differs by ${largest}`);
  } finally {
    rmSync(served, { force: true });
  }
});

test("rules stop at the same conditions in the same number of rows", async () => {
  const rules = `ruleset stops {
  input { i: int  country: string?  x: double }
  output { hits: list<string> = [] merge collect }
  rule chain { when i >= 18 && (country != null && country in ["CZ", "DE"]) && x > 0.5 then { hits = "chain" } }
  rule fails { when 100 / i > 2 && x < 0.9 && country != "US" then { hits = "fails" } else { hits = "less" } }
  table level hit first {
    | x     || hits  |
    | < 0.2 || "low" |
  }
}`;
  const manifest = '[pipeline]\nname = "stops"\n[[stage]]\nname = "stops"\nrules = "stops.rules"\nwhen = "i != 7"\non_error = "default"\n';
  const files = [{ path: "pipeline.toml", text: manifest }, { path: "stops.rules", text: rules }];
  const countries = ['"CZ"', '"DE"', '"US"', "null"];
  const lines = Array.from({ length: 600 }, (_, n) => `{"i":${n % 61},"country":${countries[n % 4]},"x":${(n % 11) / 10}}\n`);
  const { firings } = await inBrowser(files, { name: "rows.ndjson", text: lines.join("") }, { batchRows: 77 });
  for (const { path, text } of files) writeFileSync(join(folder, path), text);
  const input = join(folder, "stops.ndjson");
  writeFileSync(input, lines.join(""));
  const columns = firings.rules.map(({ name }) => `why_not_${name}`);
  assert.deepEqual(columns, ["why_not_chain", "why_not_fails", "why_not_level"]);
  const options = [...firings.rules.flatMap(({ name }) => ["--why-not", name]), "--batch-rows", "130", "--jobs", "2"];
  const rows = inWasmtime(join(folder, "pipeline.toml"), input, columns, options);
  assert.equal(rows.length, 600);
  let n_stops = 0;
  firings.rules.forEach(({ name, n_fired, n_failed, n_reached, steps }, column) => {
    const count = (cell) => rows.filter((row) => row[column] === cell).length;
    assert.equal(n_fired, count(null), name);
    assert.equal(n_failed, count("(failed)"), name);
    assert.equal(n_reached, 600 - count("(not reached)"), name);
    for (const [text, n] of steps) assert.equal(n, count(text), `${name}: ${text}`);
    n_stops += steps.filter(([, n]) => n > 0).length;
  });
  assert.equal(n_stops, 8, "conditions stop at each of their parts, and so does the table");
  assert.ok(firings.rules[1].n_failed > 0 && firings.rules[1].n_reached < 600);
});

test("credit: a model compiled to a stage and the rules behind it, bit for bit", async () => {
  const credit = join(root, "examples", "credit");
  const files = ["pipeline.toml", "terms.rules", "credit.rules"].map((path) => ({ path, text: readFileSync(join(credit, path), "utf8") }));
  const sample = join(credit, "credit-sample.csv");
  const data = { name: "credit.csv", text: readFileSync(sample, "utf8") };
  const columns = ["forecast", "p_bad", "p_good", "band", "rate", "limit", "decision", "queue", "reasons", "granted", "monthly"];
  for (const [batchRows, options] of [[0, []], [77, ["--batch-rows", "13", "--jobs", "3"]]]) {
    const browser = await inBrowser(files, data, { example: "credit", batchRows, stages: ["risk"] });
    const rows = inWasmtime(join(credit, "pipeline.toml"), sample, columns, options);
    assert.equal(rows.length, 1000);
    const types = typesOf(browser.report);
    assert.equal(types.p_bad, "f32");
    columns.forEach((name, column) => {
      compare(name, types[name], browser.columns[name], rows.map((row) => row[column]), "credit");
    });
    const compiled = join(folder, "credit.wasm");
    const compile = ["model", "compile", join(credit, "credit.onnx"), "--outputs", "forecast,p_bad,p_good", "-o", compiled];
    execFileSync(program, compile, { stdio: ["ignore", "ignore", "pipe"] });
    assert.ok(readFileSync(compiled).equals(Buffer.from(browser.components.risk)), "both compilers make the same bytes");
  }
});

test("a cascade: only the rows that pass a gate reach the model, in order, in both hosts", async () => {
  const original = readFileSync(join(desk, "pipeline.toml"), "utf8");
  const stage = 'name = "lateness"\ncomponent = "tabular.wasm"';
  assert.ok(original.includes(stage));
  // Without the desk, which takes no nulls.
  const [forecasts] = original.split('[[stage]]\nname = "desk"');
  const manifest = forecasts.replace(stage, `name = "lateness"\nwhen = "miles > 1000.0"\ncomponent = "tabular.wasm"`);
  const header = readFileSync(join(desk, "flights-sample.csv"), "utf8").split("\n").slice(0, 2001);
  const text = `${header.join("\n")}\n`;
  const browser = await inBrowser(deskFiles(manifest), { name: "flights.csv", text }, { batchRows: 300 });
  for (const path of ["features.rules", "flight_desk.rules", "tabular.wasm", "lateness.onnx"]) copyFileSync(join(desk, path), join(folder, path));
  const pipeline = join(folder, "pipeline.toml");
  writeFileSync(pipeline, manifest);
  const input = join(folder, "rows.csv");
  writeFileSync(input, text);
  const rows = inWasmtime(pipeline, input, ["miles", "p_late"], ["--batch-rows", "64", "--jobs", "3"]);
  assert.equal(rows.length, 2000);
  const forecast = browser.columns.p_late;
  const passed = rows.map(([miles]) => Number(miles) > 1000);
  assert.ok(passed.includes(true) && passed.includes(false));
  rows.forEach(([, there], row) => {
    const here = forecast[row];
    assert.equal(here !== null, passed[row], `row ${row}: ${here} in the browser`);
    assert.equal(there !== null, passed[row], `row ${row}: ${there} in wasmtime`);
    if (passed[row]) assert.ok(Math.abs(doubleOf(here) - Number(there)) <= MODEL_TOLERANCE, `row ${row}: ${doubleOf(here)} and ${there}`);
  });
});

const gate = join(root, "examples", "upload-gate");
const hasModel = existsSync(join(gate, "file-type.onnx"));
if (!hasModel && process.env.CI) throw new Error("run the tests with `./dev test`");
const withoutModel = hasModel ? false : "the model of upload-gate is not there; `./dev setup` fetches it";

test("upload-gate over its samples: types and decisions equal, scores within 0.002", { skip: withoutModel }, async () => {
  const SCORE_TOLERANCE = 0.002;
  const files = ["pipeline.toml", "claims.rules", "upload_gate.rules"].map((path) => ({ path, text: readFileSync(join(gate, path), "utf8") }));
  const columns = [
    "path", "size", "extension", "claimed_types", "detected_type", "detected_mime", "detected_group", "detected_text", "decision", "reasons",
    "claim", "detected_score",
  ];
  const there = inWasmtime(join(gate, "pipeline.toml"), join(gate, "samples"), columns);
  assert.equal(there.length, 67);
  const rows = there.map(([path]) => [path, readFileSync(join(gate, "samples", path)).toString("base64")]);
  for (const batchRows of [0, 50]) {
    const browser = await inBrowser(files, { name: "67 files", rows }, { example: "upload-gate", batchRows });
    assert.ok(!("bytes" in browser.columns), "whole files stay out of results");
    const types = typesOf(browser.report);
    columns.forEach((name, index) => {
      const here = browser.columns[name];
      if (name !== "detected_score") return compare(name, types[name], here, there.map((row) => row[index]), "upload-gate");
      const largest = Math.max(...there.map((row, at) => Math.abs(doubleOf(here[at]) - Number(row[index]))));
      assert.ok(largest <= SCORE_TOLERANCE, `scores differ by ${largest}`);
    });
  }
});

const scans = join(root, "examples", "scans");
const hasScans = ["orientation", "layout"].every((model) => existsSync(join(scans, `${model}.onnx`)));
if (!hasScans && process.env.CI) throw new Error("run the tests with `./dev test`");
const withoutScans = hasScans ? false : "the models of scans are not there; `./dev setup` fetches them";

test("scans over its samples: labels and decisions equal, scores within 0.00001", { skip: withoutScans }, async () => {
  const SCORE_TOLERANCE = 1e-5;
  const files = ["pipeline.toml", "scans.rules"].map((path) => ({ path, text: readFileSync(join(scans, path), "utf8") }));
  const columns = ["path", "turned", "action", "tables", "reasons", "turned_score"];
  // What is no image is set aside in both hosts.
  const setAside = ["--dead-letter", join(folder, "no-images.ndjson")];
  const there = inWasmtime(join(scans, "pipeline.toml"), join(scans, "samples"), columns, setAside);
  assert.equal(there.length, 8);
  const rows = there.map(([path]) => [path, readFileSync(join(scans, "samples", path)).toString("base64")]);
  const browser = await inBrowser(files, { name: "8 files", rows }, { example: "scans" });
  const types = typesOf(browser.report);
  columns.forEach((name, index) => {
    const here = browser.columns[name];
    const expected = there.map((row) => row[index]);
    if (name !== "turned_score") return compare(name, types[name], here, expected, "scans");
    const largest = Math.max(...expected.map((score, at) => Math.abs(doubleOf(here[at]) - Number(score))));
    assert.ok(largest <= SCORE_TOLERANCE, `scores differ by ${largest}`);
  });
});
