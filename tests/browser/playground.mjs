// Serves the built playground and opens it in Chromium; shared by the suites.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const dist = join(root, "web-ui", "dist");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** A server and a browser; `close` ends both. */
export async function start() {
  if (!existsSync(join(dist, "index.html"))) throw new Error("web-ui/dist is missing: `just web` builds it");
  const server = spawn(process.execPath, [join(root, "scripts", "serve.mjs"), dist, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", () => reject(new Error("the server ended before it answered")));
    server.stdout.on("data", (line) => {
      const found = /http:\S+/.exec(line);
      if (found) resolve(found[0]);
    });
  });
  const browser = await chromium.launch({
    executablePath: process.env.RULESTAGE_CHROMIUM || "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
  });
  return {
    address,
    browser,
    async close() {
      await browser.close();
      server.kill();
    },
  };
}

/** Opens the page, once the browser's context is prepared; errors on it end the test. */
export async function open(playground, search = "", options = {}, prepare = async (_context) => {}) {
  const context = await playground.browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, ...options });
  await prepare(context);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.faults = faults;
  await page.goto(playground.address + search);
  return page;
}

/** Waits until a run ended well. */
export async function ran(page) {
  await page.locator("#run-state .dot-good").waitFor({ timeout: 30_000 });
}

/** The count on a chip above the table. */
export async function count(page, action) {
  const chip = page.locator(`.counts .chip[data-value="${action}"] b`);
  return (await chip.count()) ? Number((await chip.innerText()).replaceAll(",", "")) : 0;
}

/** Replaces text in the open file by typing: the editor's own find selects it. */
export async function replace(page, from, to) {
  await page.evaluate((needle) => {
    for (const line of document.querySelectorAll(".cm-content .cm-line")) {
      const start = line.textContent.indexOf(needle);
      if (start < 0) continue;
      const range = document.createRange();
      // Colours split a line into several nodes.
      let at = 0;
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; at += node.data.length, node = walker.nextNode()) {
        const inside = (offset) => offset >= at && offset <= at + node.data.length;
        if (inside(start) && start < at + node.data.length) range.setStart(node, start - at);
        if (inside(start + needle.length)) {
          range.setEnd(node, start + needle.length - at);
          break;
        }
      }
      document.querySelector(".cm-content").focus();
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      return;
    }
    throw new Error(`\`${needle}\` is not in sight`);
  }, from);
  await page.keyboard.insertText(to);
}
