// What the playground says while people write, and about tables, rules and components.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { open, ran, replace, start } from "./playground.mjs";

let playground;
before(async () => {
  playground = await start();
});
after(async () => {
  await playground?.close();
});

/** The text of the file that is open; only what is in sight is in the page, so the file is short. */
const text = (page) => page.locator(".cm-content .cm-line").allInnerTexts().then((lines) => lines.map((line) => line.replaceAll("\n", "")).join("\n"));

const TABLE = `ruleset flight_desk version "1.0.0" {
  input { delay: int?  distance: int }
  param most: double = 100.0
  output { refund: double = 0.0 merge sum }
  // At most so much.
  func capped(x: double) -> double = if x > most { most } else { x }
  table refunds hit first {
    | distance | delay ?? 0 || refund |
    | < 500 | > 60 || 50.0 |
    | - | > 60 || capped(double(distance) / 10.0) |
  }
  rule late { when (delay ?? 0) > 15 then { refund = 1.0 } }
}
`;

/** Waits for a line that starts with this, blanks and all. */
async function line(page, start) {
  await page.waitForFunction((start) => [...document.querySelectorAll(".cm-line")].some((line) => line.textContent.startsWith(start)), start, { timeout: 20_000 });
}

/** Where a word is on the screen: its first letters, in the first line that has `mark` in it. */
function place(page, mark, word) {
  return page.evaluate(
    ([mark, word]) => {
      const line = [...document.querySelectorAll(".cm-line")].find((line) => line.textContent.includes(mark));
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const start = node.data.indexOf(word);
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, start + 3);
        const { x, y, width, height } = range.getBoundingClientRect();
        return { x: x + width / 2, y: y + height / 2 };
      }
      throw new Error(`\`${word}\` is not in the line`);
    },
    [mark, word],
  );
}

/** Takes a completion; gives what the list shows for it. */
async function accept(page, label) {
  const option = page.locator(".cm-tooltip-autocomplete li[aria-selected]", { hasText: label });
  await option.waitFor();
  const text = await option.innerText();
  // A list that has just opened takes no keys, lest it take one that was meant for the text.
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  return text;
}

/** Puts a text in the place of the open file's. */
async function write(page, source) {
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

/** Opens the playground with [`TABLE`] and waits for its result. */
async function openTable() {
  const page = await open(playground);
  await ran(page);
  await write(page, TABLE);
  await page.waitForFunction(() => [...document.querySelectorAll(".table th.made")].some((head) => head.textContent.includes("refund")) && !document.querySelector(".table th")?.parentElement.textContent.includes("action"), null, { timeout: 60_000 });
  await ran(page);
  return page;
}

test("completion, types under the pointer, signatures and declarations come from the language services", async () => {
  const page = await openTable();
  await replace(page, "then { refund = 1.0 }", "then { ref");
  await page.keyboard.type("u");
  assert.match(await accept(page, "refund"), /refund\s*double/);
  await page.keyboard.type(" = cap");
  assert.match(await accept(page, "capped"), /capped/);
  const signature = page.locator(".told-signature");
  await signature.waitFor();
  assert.match(await signature.innerText(), /capped\(x: double\) -> double/);
  await page.keyboard.insertText("1.0");
  await page.keyboard.press("End");
  await page.keyboard.insertText(" }");
  await ran(page);
  assert.match(await text(page), /then \{ refund = capped\(1\.0\) \}/);

  await page.keyboard.press("Escape");
  const header = await place(page, "| distance", "distance");
  await page.mouse.move(header.x, header.y);
  const hover = page.locator(".told-hover");
  await hover.waitFor();
  assert.match(await hover.innerText(), /input distance: int/);

  const call = await place(page, "| - |", "capped");
  await page.mouse.click(call.x, call.y);
  await page.keyboard.press("F12");
  await page.locator(".pointed-at", { hasText: "capped" }).waitFor();
  assert.match(await page.locator(".cm-activeLine").innerText(), /func capped/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a key and a button format the file, and keep it when it can't be read", async () => {
  const page = await openTable();
  await page.keyboard.press("Shift+Alt+F");
  await line(page, "    | < 500    | > 60       || 50.0");
  await replace(page, "param most: double", "param   most:   double");
  await page.getByRole("button", { name: "Format" }).click();
  await line(page, "  param most: double = 100.0");
  await replace(page, "param most", "parm most(");
  await page.locator(".cm-content .message-error").first().waitFor();
  const broken = await text(page);
  await page.getByRole("button", { name: "Format" }).click();
  await page.locator(".cm-line", { hasText: "parm most(" }).waitFor();
  assert.equal(await text(page), broken);
  await page.context().close();
});

test("F8 goes from error to error", async () => {
  const page = await openTable();
  await replace(page, "most: double = 100.0", "most: double = 100.0 \n let a = unknown_one \n let b = unknown_two");
  await page.locator(".cm-content .message-error").nth(1).waitFor();
  await page.keyboard.press("F8");
  const first = await page.locator(".pointed-at").innerText();
  await page.keyboard.press("F8");
  const second = await page.locator(".pointed-at").innerText();
  assert.deepEqual([first, second].sort(), ["unknown_one", "unknown_two"]);
  assert.equal(await page.locator(".squiggle-error").count(), 2);
  await page.context().close();
});

test("a table shows the rows that matched, and bars show how often each rule fires", async () => {
  const page = await openTable();
  await page.locator(".table th button", { hasText: "refund" }).click();
  await page.locator(".table th button", { hasText: "refund" }).click();
  await page.locator(".table tbody tr[tabindex]").first().click();
  const table = page.locator(".rule", { hasText: "refunds" }).first();
  await table.waitFor();
  assert.match(await table.locator(".rule-name").innerText(), /^table refunds$/);
  const hits = table.locator(".hits");
  assert.match(await hits.locator("thead").innerText(), /distance/);
  assert.equal(await hits.locator("tbody tr").count(), 1);
  assert.match(await hits.locator("tbody tr").innerText(), /^2\s+-\s+> 60\s+100$/);
  await hits.locator("tbody button").click();
  await page.locator(".pointed-at", { hasText: "capped(double(distance)" }).waitFor();

  await page.getByRole("tab", { name: "Summary" }).click();
  const bars = page.locator('.firings [data-rule]');
  await bars.first().waitFor();
  assert.deepEqual(await page.locator(".firings").first().locator("[data-rule] .bar-name").allInnerTexts(), ["table refunds", "late"]);
  const late = Number((await page.locator('.firings [data-rule="late"] .bar-count').innerText()).replaceAll(",", ""));
  assert.ok(late > 0, "some flights of the sample are late");
  const number = (text) => Number(text.replaceAll(",", "").replace("\u2212", ""));
  const lateSteps = page.locator('.firings li:has([data-rule="late"]) .step');
  const stopped = (await lateSteps.locator(".bar-count").allInnerTexts()).map(number);
  assert.equal(stopped.reduce((sum, n) => sum + n, late), 20_000, "every row fires or stops somewhere");
  await page.getByRole("button", { name: "conditions", exact: true }).first().click();
  assert.equal(await page.locator(".step").count(), 0);
  await page.getByRole("button", { name: "conditions", exact: true }).first().click();
  await page.locator('.firings [data-rule="late"]').click();
  await page.locator(".pointed-at", { hasText: "late" }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

const ODD = `ruleset odd {
  input { distance: int }
  output { refund: double = 0.0 merge sum }
  rule near { when distance < 500 && distance < 900 then { refund = 50.0 } }
  rule far { when distance >= 500 then { refund = 120.0 } }
  invariant "at most 100" { assert refund <= 100.0 }
  invariant "never less than nothing" { assert refund >= 0.0 }
  invariant "idle" { when distance < 3 && distance > 7 assert false }
  example "near" { given { distance: 100 } expect { refund: 50.0 } }
}
`;

test("what is found in rules that compile stands under its line, with a counterexample; invariants are tests", async () => {
  const page = await open(playground);
  await ran(page);
  await write(page, ODD);
  const violated = page.locator(".cm-content .message-error", { hasText: "at most 100" });
  await violated.waitFor();
  assert.match(await violated.innerText(), /`distance` = \d+, the rules give `refund` = 120\.0/);
  assert.match(await page.locator(".cm-content .message-warning", { hasText: "changes nothing" }).innerText(), /distance < 900/);
  assert.match(await page.locator(".cm-content .message-warning", { hasText: "idle" }).innerText(), /applies to none of/);
  // A message is no wider than what is in sight of the text.
  const [message, editor] = await Promise.all([violated.boundingBox(), page.locator(".cm-editor").boundingBox()]);
  assert.ok(message.x + message.width <= editor.x + editor.width, JSON.stringify([message, editor]));

  await page.getByRole("tab", { name: /^Tests/ }).click();
  const states = await page.locator(".invariant .verdict").allInnerTexts();
  assert.deepEqual(states, ["violated", "proven", "unreached"]);
  assert.match(await page.locator(".invariant.is-failed").innerText(), /refund\s+120\.0/);
  assert.match(await page.locator(".invariant.is-unreached").innerText(), /hint: /);
  assert.match(await page.getByRole("tab", { name: /^Tests/ }).innerText(), /1/);

  // Findings move with the text; what is repaired goes.
  await replace(page, "refund = 120.0", "refund = 90.0");
  await violated.waitFor({ state: "detached" });
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("coverage is marked beside the lines and told in words", async () => {
  const page = await open(playground);
  await ran(page);
  await write(page, ODD);
  await page.locator(".cm-content .message-error").first().waitFor();
  const marks = (kind) => page.locator(`.cm-coverage .coverage-${kind}`);
  // Of the rules one side is shown each; the default never is.
  assert.equal(await marks("part").count(), 2);
  assert.equal(await marks("none").count(), 1);
  assert.match(await marks("part").nth(1).getAttribute("title"), /1 of 2 shown by examples\n`far` never fires/);
  await page.getByRole("tab", { name: /^Tests/ }).click();
  const told = page.locator(".coverage-of", { hasText: "flight_desk.rules" });
  await told.getByText("`far` never fires").waitFor();
  await told.getByRole("button", { name: "line 5" }).click();
  assert.match(await page.locator(".pointed-at").first().innerText(), /rule far/);

  // The gutter keeps its width when another example adds to what is shown.
  const width = async () => (await page.locator(".cm-coverage").boundingBox()).width;
  const before = await width();
  await replace(page, "distance: 100 } expect { refund: 50.0", "distance: 600 } expect { refund: 120.0");
  await page.waitForFunction(() => document.querySelector(".cm-coverage .coverage-all, .cm-coverage .coverage-part")?.title.includes("never fires"));
  assert.equal(await width(), before);
  await page.context().close();
});

test("a component shows its sections and its text", async () => {
  const page = await open(playground);
  const fetched = [];
  page.on("request", (request) => fetched.push(request.url()));
  await ran(page);
  assert.ok(!fetched.some((url) => url.includes("printer_bg.wasm")), "the printer is not part of the first load");
  await page.getByRole("tab", { name: "Component" }).click();
  const desk = page.locator('[data-stage="desk"]');
  assert.match(await desk.locator(".sections").innerText(), /code/);
  await desk.getByRole("button", { name: "Show WAT" }).click();
  const wat = desk.locator(".wat");
  await wat.waitFor({ timeout: 60_000 });
  assert.match(await wat.innerText(), /^\(component/);
  await desk.getByRole("button", { name: "Hide WAT" }).click();
  assert.equal(await wat.count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("the first load stays within its budget", async (t) => {
  const page = await open(playground, "about:blank");
  const bodies = new Map();
  page.context().on("response", (response) => bodies.set(new URL(response.url()).pathname, response.body()));
  await page.goto(playground.address);
  await ran(page);
  let [brotli, gzip] = [0, 0];
  for (const [path, body] of bodies) {
    // What belongs to the example: its files, and the engine that its model needs. What comes later: the next test.
    if (path.includes("/examples/") || path.includes("engine") || path.endsWith("/worker_later.wasm")) continue;
    const bytes = await body;
    const size = brotliCompressSync(bytes).length;
    t.diagnostic(`${path}: ${size} bytes`);
    brotli += size;
    gzip += gzipSync(bytes, { level: 9 }).length;
  }
  t.diagnostic(`${brotli} bytes with brotli, ${gzip} with gzip`);
  assert.ok(bodies.size > 6, `the page, its parts and the worker's are among ${[...bodies.keys()]}`);
  // See "The playground's first load" in BENCHMARKS.md.
  assert.ok(brotli <= 1_000_000, `${brotli} bytes`);
  await page.context().close();
});

test("decisions wait neither for what studies rules nor for what helps to write them", async () => {
  const asked = [];
  let letThrough;
  const held = new Promise((resolve) => (letThrough = resolve));
  const holdBack = async (route) => {
    asked.push(new URL(route.request().url()).pathname);
    await held;
    await route.continue();
  };
  const page = await open(playground, "", {}, (context) => context.route(/worker_later\.wasm|editor-assist/, holdBack));
  await ran(page);
  await write(page, ODD);
  await page.locator(".table th", { hasText: "action" }).waitFor({ state: "detached" });
  await ran(page);
  assert.deepEqual([...new Set(asked.map((path) => path.replace(/-\w+\.js/, ".js")))].sort(), ["/editor-assist.js", "/worker_later.wasm"]);
  assert.equal(await page.locator(".cm-content .message-error").count(), 0);
  letThrough();
  await page.locator(".cm-content .message-error", { hasText: "at most 100" }).waitFor();
  await page.keyboard.press("ControlOrMeta+f");
  await page.locator(".cm-search").waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a part that can't be fetched is told, and fetched again", async () => {
  let isAway = true;
  const answer = (route) => (isAway ? route.fulfill({ status: 503 }) : route.continue());
  const page = await open(playground, "", {}, (context) => context.route(/worker_later\.wasm/, answer));
  await page.getByText("a part of the playground can't be fetched: ").waitFor({ timeout: 60_000 });
  isAway = false;
  await write(page, ODD);
  await page.locator(".cm-content .message-error", { hasText: "at most 100" }).waitFor();
  await page.context().close();
});
