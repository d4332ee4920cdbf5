// Decides orders with compiled rules, in Node: `node decide.mjs discount.wasm orders.ndjson`.
//
// jco makes a module of the component, here at each start; a build would do it once (`npx jco transpile`). The columns are
// Arrow arrays in parts, as wit/stage.wit describes them: typed arrays go in and come out.

import { transpile } from "@bytecodealliance/jco-transpile";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The exports of a component: `{ stage, explain }`. */
async function load(path) {
  const folder = await mkdtemp(join(tmpdir(), "stage-"));
  try {
    const { files } = await transpile(path, { name: "component" });
    for (const [name, contents] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), contents);
    }
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    return await import(pathToFileURL(join(folder, "component.js")).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One Arrow array: `null` among the values is a bit that is not set in its validity. */
function array(values, tag, val) {
  let validity;
  if (values.includes(null)) {
    validity = new Uint8Array(Math.ceil(values.length / 8));
    values.forEach((value, i) => (validity[i >> 3] |= (value !== null) << (i & 7)));
  }
  return { length: values.length, validity, values: { tag, val } };
}

/** A column of texts: where each starts, and all bytes one after another. */
function texts(values) {
  const encoded = values.map((value) => Buffer.from(value));
  const offsets = new Int32Array(values.length + 1);
  encoded.forEach((bytes, i) => (offsets[i + 1] = offsets[i] + bytes.length));
  return array(values, "bytes", { offsets, bytes: new Uint8Array(Buffer.concat(encoded)) });
}

/** The decision on each order, in order. */
function* decide({ stage }, orders) {
  const defaults = stage.describe().parameters.map(() => ({ tag: "absent" }));
  const session = stage.Session.open(defaults);
  const total = orders.map((order) => order.total);
  const years = orders.map((order) => order.years);
  const { columns, errors } = session.process(orders.length, [
    array(total, "f64", Float64Array.from(total)),
    texts(orders.map((order) => order.country)),
    array(years, "s64", BigInt64Array.from(years, (value) => BigInt(value ?? 0))),
  ]);
  for (const { row, message } of errors) console.error(`order ${row}: ${message}`);
  const [percent, why, reasons] = columns.map((column) => column.values.val);
  const decoder = new TextDecoder();
  const text = (i) => decoder.decode(reasons.bytes.subarray(reasons.offsets[i], reasons.offsets[i + 1]));
  for (let row = 0; row < orders.length; row++) {
    const reasonsOfRow = [];
    for (let i = why[row]; i < why[row + 1]; i++) reasonsOfRow.push(text(i));
    yield { percent: percent[row], why: reasonsOfRow };
  }
}

const [component, file] = process.argv.slice(2);
const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
const decisions = [...decide(await load(component), lines.map((line) => JSON.parse(line)))];
process.stdout.write(decisions.map((decision) => `${JSON.stringify(decision)}\n`).join(""));
