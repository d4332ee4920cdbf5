// The second part of the worker's program, fetched when the first decision is made. `split-module` makes it in the
// build: it shares memory and functions with the first part, and puts its own into that one's table.
import init from "./worker.js";

let started;

/** Resolves when the part can be called. */
export function startLater() {
  started ??= load().catch((error) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function load() {
  const [first, response] = await Promise.all([init(), fetch(new URL("worker_later.wasm", import.meta.url))]);
  if (!response.ok) throw new Error(`status ${response.status}`);
  await WebAssembly.instantiate(await response.arrayBuffer(), { first });
}
