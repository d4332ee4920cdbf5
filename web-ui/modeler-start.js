// The compiler of tabular models, fetched when there is one.
let modeler;

function start() {
  modeler ??= load().catch((error) => {
    modeler = undefined;
    throw error;
  });
  return modeler;
}

async function load() {
  const module = await import("./modeler.js");
  await module.default();
  return module;
}

/** Resolves to a component; throws `[message, advice]`. */
export async function compileModel(bytes, name, features, outputs) {
  // The caller's memory may move while the compiler is fetched.
  const copy = bytes.slice();
  return (await start()).compile(copy, name, features, outputs);
}

/** Resolves to JSON: what the file holds, and whether it compiles. */
export async function describeModel(bytes) {
  const copy = bytes.slice();
  return (await start()).describe(copy);
}
