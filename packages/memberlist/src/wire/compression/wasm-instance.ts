/** What is used here of the global; the types of Node and of Deno do not agree on it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/**
 * Makes an instance of a module that imports nothing.
 *
 * @param base64 the module
 * @returns what it exports; undefined where WebAssembly, or a feature of it that the module uses, is absent or forbidden (Node's `--jitless`)
 */
function instantiate(base64: string): unknown {
  if (typeof WebAssembly === "undefined") return undefined;
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch {
    return undefined;
  }
}

/**
 * What a module's exports are driven by, one for all who ask: it is made when somebody asks first.
 *
 * @returns undefined where {@link instantiate} has nothing
 */
export function sharedMachine<Machine>(base64: string, create: (exports: unknown) => Machine): () => Machine | undefined {
  let machine: Machine | undefined;
  let isTried = false;
  return () => {
    if (!isTried) {
      isTried = true;
      const exports = instantiate(base64);
      if (exports !== undefined) machine = create(exports);
    }
    return machine;
  };
}
