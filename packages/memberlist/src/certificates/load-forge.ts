import type * as forgeModule from "node-forge";

export type Forge = typeof forgeModule;

/** node-forge, loaded only when it is needed: it is large. */
export async function loadForge(): Promise<Forge> {
  const module = (await import("node-forge")) as unknown as { default?: Forge } & Forge;
  return module.default ?? module;
}
