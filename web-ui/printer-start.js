// The printer of WebAssembly text, fetched when it is first needed.

/** Resolves to the text of a component. */
export async function printComponent(bytes) {
  // The caller's memory may move while the printer is fetched.
  const copy = bytes.slice();
  const printer = await import("./printer.js");
  await printer.default();
  return printer.print(copy);
}
