// The inference engine, fetched when it is first needed, and calls into it.

/** Resolves to the engine's exports. */
export async function startEngine() {
  const engine = await import("./engine.js");
  await engine.default();
  return engine;
}

export function loadModel(engine, bytes) {
  return new engine.Engine(bytes);
}

export function computeModel(engine, model, inputs) {
  const tensors = inputs.map(([name, dims, element, data]) => new engine.Named(name, dims, element, data));
  return model.compute(tensors).map((output) => {
    const { name, dims, element } = output;
    return [name, dims, element, output.take()];
  });
}
