// The playground with real clicks, in Chromium.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { count, open, ran, replace, root, start } from "./playground.mjs";

let playground;
before(async () => {
  playground = await start();
});
after(async () => {
  await playground?.close();
});

const dropFile = (page, name, content) => dropFiles(page, [[name, Buffer.from(content)]]);

/** Drops files, each a name and its bytes. */
async function dropFiles(page, files) {
  const data = await page.evaluateHandle(
    (files) => {
      const transfer = new DataTransfer();
      for (const [name, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
      }
      return transfer;
    },
    files.map(([name, bytes]) => [name, bytes.toString("base64")]),
  );
  await page.locator(".page").dispatchEvent("drop", { dataTransfer: data });
}

test("opens with the example already run, model included", async () => {
  const page = await open(playground);
  await ran(page);
  assert.match(await page.locator("#compile-state").innerText(), /^compiled in .*, [\d.]+ KB$/);
  assert.match(await page.locator("#run-state").innerText(), /^20,000 rows in /);
  assert.ok((await page.locator(".table tbody tr[tabindex]").count()) > 10, "rows are in sight");
  assert.ok((await count(page, "notify")) > 0, "the forecast leads to notifications");
  const visible = await page.locator(".table tbody tr[tabindex]").count();
  assert.ok(visible < 400, `only rows in sight are in the page, not ${visible}`);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a changed threshold changes the counts at once", async () => {
  const page = await open(playground);
  await ran(page);
  const before = await count(page, "rebook");
  await replace(page, "180", "120");
  await page.waitForFunction(
    (before) => {
      const chip = document.querySelector('.counts .chip[data-value="rebook"] b');
      return chip && Number(chip.textContent.replaceAll(",", "")) > before;
    },
    before,
    { timeout: 60_000 },
  );
  assert.ok((await count(page, "rebook")) > before);
  await page.context().close();
});

test("a parameter changes the counts with the same component", async () => {
  const page = await open(playground);
  await ran(page);
  await page.getByRole("tab", { name: "Component" }).click();
  const digest = await page.locator('[data-stage="desk"] .digest').innerText();
  await page.getByRole("tab", { name: "Decisions" }).click();
  const before = await count(page, "notify");
  await page.getByRole("tab", { name: "parameters" }).click();
  await page.getByLabel("threshold", { exact: false }).last().fill("0.3");
  await page.waitForFunction(
    (before) => {
      const chip = document.querySelector('.counts .chip[data-value="notify"] b');
      return chip && Number(chip.textContent.replaceAll(",", "")) > before;
    },
    before,
    { timeout: 60_000 },
  );
  await page.getByRole("tab", { name: "Component" }).click();
  assert.equal(await page.locator('[data-stage="desk"] .digest').innerText(), digest);
  await page.context().close();
});

test("an error stands under its line, and the last decisions stay", async () => {
  const page = await open(playground);
  await ran(page);
  await replace(page, "reported", "raported");
  const message = page.locator(".cm-content .message-error").first();
  await message.waitFor({ timeout: 60_000 });
  assert.match(await message.innerText(), /reported/);
  assert.match(await page.locator("#compile-state").innerText(), /error/);
  assert.ok((await page.locator(".table tbody tr[tabindex]").count()) > 10);
  await replace(page, "raported", "reported");
  await ran(page);
  assert.equal(await page.locator(".cm-content .message-error").count(), 0);
  await page.context().close();
});

test("a click on a row shows why, and a count filters", async () => {
  const page = await open(playground);
  await ran(page);
  await page.locator('.counts .chip[data-value="rebook"]').click();
  await page.waitForFunction(() => {
    const row = document.querySelector(".table tbody tr[tabindex]");
    return row?.textContent.includes("rebook");
  });
  await page.locator(".table tbody tr[tabindex]").first().click();
  const severe = page.locator(".rule", { hasText: "severe" }).first();
  await severe.waitFor();
  assert.match(await severe.locator(".verdict").innerText(), /^fired$/);
  assert.match(await severe.innerText(), /late > severe_minutes/);
  assert.ok((await severe.locator(".tree .is-true").count()) > 0, "the condition shows its values");
  await page.context().close();
});

test("the examples in the rules are tests", async () => {
  const page = await open(playground);
  await ran(page);
  await page.getByRole("tab", { name: /^Tests/ }).click();
  const total = await page.locator(".test").count();
  assert.ok(total >= 7);
  assert.equal(await page.locator(".test.is-failed").count(), 0, await page.locator(".tests").innerText());
  await page.context().close();
});

test("a dropped CSV takes the place of the sample", async () => {
  const page = await open(playground);
  await ran(page);
  const rows = "date,delay,distance,origin,destination\n2001-02-05T11:30:00Z,210,215,ATL,SAV\n2001-02-05T11:30:00Z,,215,ATL,SAV\n";
  await dropFile(page, "mine.csv", rows);
  await page.locator(".data-name", { hasText: "mine.csv" }).waitFor();
  await page.waitForFunction(() => /^2 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 60_000 });
  assert.equal(await count(page, "rebook"), 1);
  await dropFile(page, "other.csv", "delay,distance,origin,destination\n1,2,A,B\n");
  const problem = page.locator(".problem");
  await problem.waitFor();
  assert.match(await problem.innerText(), /`date`/);
  await dropFile(page, "none.csv", "date,delay,distance,origin,destination\n");
  await page.locator(".empty", { hasText: "no rows" }).waitFor({ timeout: 60_000 });
  await page.context().close();
});

test("the credit example compiles its model in the page; the compiler is no part of the first load", async () => {
  const fetched = [];
  const page = await open(playground);
  page.on("request", (request) => fetched.push(request.url()));
  await ran(page);
  const isCompiler = (url) => url.includes("modeler_bg.wasm");
  assert.ok(!fetched.some(isCompiler));
  const compiler = page.waitForEvent("request", (request) => isCompiler(request.url()));
  await page.locator(".picker select").selectOption("credit");
  await compiler;
  await page.waitForFunction(() => /^1,000 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 60_000 });
  await page.getByRole("tab", { name: "Component" }).click();
  const risk = page.locator('.component[data-stage="risk"]');
  await risk.waitFor();
  assert.match(await risk.innerText(), /credit\.onnx/);
  assert.match(await risk.innerText(), /p_bad\s+f32/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a dropped model says what it is, becomes a stage and runs over the rows", async () => {
  const page = await open(playground);
  await ran(page);
  await page.locator(".picker select").selectOption("credit");
  await page.waitForFunction(() => /^1,000 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 60_000 });
  await dropFile(page, "mine.onnx", readFileSync(join(root, "examples", "credit", "credit.onnx")));
  const report = page.locator(".model");
  await report.waitFor();
  const text = await report.innerText();
  assert.match(text, /mine\.onnx is a stage/);
  assert.match(text, /checking: string/);
  assert.match(text, /p_bad: f32/);
  assert.match(text, /compiles to a stage\s+yes/);
  assert.match(text, /runs in the embedded engine\s+no/);
  await page.waitForFunction(() => /^1,000 rows/.test(document.querySelector("#run-state .dot-good")?.parentElement?.textContent ?? ""), null, { timeout: 60_000 });
  await page.locator(".table th", { hasText: "p_bad" }).first().waitFor();
  // One that no stage can be made of leaves the project as it is.
  await dropFile(page, "types.onnx", readFileSync(join(root, "tests", "models", "types.onnx")));
  await page.locator(".model", { hasText: "types.onnx is no stage by itself" }).waitFor();
  assert.match(await report.innerText(), /runs in the embedded engine\s+yes/);
  // And one that is none is said to be none.
  await dropFile(page, "none.onnx", "no model");
  await page.locator(".problem", { hasText: "none.onnx" }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

const gate = join(root, "examples", "upload-gate");
const hasModel = existsSync(join(gate, "file-type.onnx"));
if (!hasModel && process.env.CI) throw new Error("run the tests with `./dev test`");
const withoutModel = hasModel ? false : "the model of upload-gate is not there; `./dev setup` fetches it";

test("dropped files are rows: the gate says what they are, and nothing leaves the browser", { skip: withoutModel }, async () => {
  const page = await open(playground);
  const requests = [];
  page.context().on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await ran(page);
  assert.ok(!requests.some((request) => request.includes("upload-gate")), "nothing of the example is fetched before it is opened");
  await page.locator("select", { has: page.locator('option[value="upload-gate"]') }).selectOption("upload-gate");
  await page.locator(".data-name", { hasText: "67 files" }).waitFor();
  await page.waitForFunction(() => /^67 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 600_000 });
  assert.ok(requests.includes("GET /examples/upload-gate/file-type.onnx"));
  assert.deepEqual([await count(page, "reject"), await count(page, "quarantine"), await count(page, "accept")], [6, 10, 51]);

  requests.length = 0;
  const sample = (path) => readFileSync(join(gate, "samples", path));
  await dropFiles(page, [
    ["report.pdf", sample("docs/tides.pdf")],
    ["holiday.png", sample("programs/stop")],
    ["leer – é.txt", Buffer.alloc(0)],
    ["table.csv", sample("data/readings.csv")],
  ]);
  await page.locator(".data-name", { hasText: "4 files" }).waitFor();
  await page.waitForFunction(() => /^4 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 60_000 });
  assert.deepEqual([await count(page, "reject"), await count(page, "accept")], [2, 2]);
  const cells = await page.locator(".table tbody tr[tabindex]").allInnerTexts();
  assert.equal(cells.length, 4);
  assert.match(cells[0], /holiday\.png[^]*elf/);
  assert.match(cells[3], /table\.csv[^]*csv/);
  await page.locator(".table tbody tr[tabindex]").first().click();
  await page.locator(".why", { hasText: "programs are not taken" }).first().waitFor();
  assert.deepEqual(requests, [], "nothing leaves the browser");
  assert.deepEqual(page.faults, []);

  // Another example takes rows again.
  await page.locator("select", { has: page.locator('option[value="upload-gate"]') }).selectOption("flight-desk");
  await page.waitForFunction(() => /^20,000 rows/.test(document.querySelector("#run-state")?.textContent ?? ""), null, { timeout: 60_000 });
  await dropFile(page, "none.csv", "date,delay,distance,origin,destination\n");
  await page.locator(".empty", { hasText: "no rows" }).waitFor({ timeout: 60_000 });
  await page.context().close();
});

test("a run without end is stopped, says in which stage, and the page stays alive", async () => {
  const page = await open(playground, "?deadline=6000", { serviceWorkers: "block" });
  // A component of the same world whose `process` never returns, in the place of the model's stage.
  await page.context().route("**/examples/flight-desk/tabular.wasm", (route) => route.fulfill({ body: endless(), contentType: "application/wasm" }));
  await page.reload();
  const problem = page.locator(".problem");
  await problem.waitFor({ timeout: 60_000 });
  assert.match(await problem.innerText(), /Stopped after 6 s while running stage `lateness`/);
  await page.context().unroute("**/examples/flight-desk/tabular.wasm");
  await page.getByRole("button", { name: "Run again" }).click();
  await ran(page);
  assert.match(await page.locator("#run-state").innerText(), /^20,000 rows/);
  await page.context().close();
});

test("the download is what the program compiles", async () => {
  const program = join(root, "target", "release", "rulestage");
  assert.ok(existsSync(program), "target/release/rulestage is missing: `cargo build --release -p rulestage`");
  const page = await open(playground);
  await ran(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#download").click()]);
  assert.equal(download.suggestedFilename(), "desk.wasm");
  const folder = mkdtempSync(join(tmpdir(), "rulestage-"));
  try {
    const out = join(folder, "desk.wasm");
    execFileSync(program, ["compile", join(root, "examples", "flight-desk", "flight_desk.rules"), "-o", out]);
    const downloaded = readFileSync(await download.path());
    assert.ok(downloaded.equals(readFileSync(out)), "the bytes differ");
  } finally {
    rmSync(folder, { recursive: true });
  }
  await page.context().close();
});

/** The tabular stage with the body of `session.process` replaced by a loop without end. */
function endless() {
  return loopIn(readFileSync(join(root, "target", "components", "tabular.wasm")), "rulestage:stage/stage@0.1.0#[method]session.process");
}

/** Replaces the body of an exported function of the first core module with `loop br 0 end unreachable`. */
function loopIn(component, name) {
  const bytes = new Uint8Array(component);
  const read = (at) => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return [value, at];
    }
  };
  const sections = (at, end) => {
    const found = [];
    while (at < end) {
      const id = bytes[at];
      const [size, body] = read(at + 1);
      found.push({ id, at: body, end: body + size });
      at = body + size;
    }
    return found;
  };
  for (const module of sections(8, bytes.length).filter((section) => section.id === 1)) {
    const parts = sections(module.at + 8, module.end);
    const index = exportedFunction(parts.find((part) => part.id === 7), name);
    if (index === undefined) continue;
    let [n, at] = read(parts.find((part) => part.id === 10).at);
    const nImported = importedFunctions(parts.find((part) => part.id === 2));
    for (let body = 0; body < n; body++) {
      const [size, start] = read(at);
      if (body === index - nImported) {
        // No locals, then the loop; what is left of the body is filled with `nop` before its `end`.
        bytes.fill(0x01, start, start + size);
        bytes.set([0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00], start);
        bytes[start + size - 1] = 0x0b;
        return Buffer.from(bytes);
      }
      at = start + size;
    }
  }
  throw new Error(`no module exports ${name}`);

  function exportedFunction(section, name) {
    if (!section) return undefined;
    let [n, at] = read(section.at);
    for (; n > 0; n--) {
      const [length, start] = read(at);
      const text = Buffer.from(bytes.subarray(start, start + length)).toString();
      const kind = bytes[start + length];
      const [index, next] = read(start + length + 1);
      if (kind === 0 && text === name) return index;
      at = next;
    }
    return undefined;
  }

  function importedFunctions(section) {
    if (!section) return 0;
    let [n, at] = read(section.at);
    let functions = 0;
    for (; n > 0; n--) {
      for (let part = 0; part < 2; part++) {
        const [length, start] = read(at);
        at = start + length;
      }
      if (bytes[at] !== 0) throw new Error("only functions are expected among the imports");
      functions++;
      at = read(at + 1)[1];
    }
    return functions;
  }
}
