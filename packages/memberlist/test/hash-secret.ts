import { vi } from "vitest";
import type * as NameIndexModule from "../src/swim/name-index.ts";
import { SeededRandom } from "../src/testing/seeded-random.ts";
import type * as Utf8Module from "../src/wire/utf8.ts";

const cryptoPort = "../src/ports/crypto.ts";

interface Modules {
  readonly index: typeof NameIndexModule;
  readonly utf8: typeof Utf8Module;
}

/** The modules with these bytes in the place of the random ones from which the secret of the hash is made. */
export async function withSecret(randomBytes: (size: number) => Uint8Array): Promise<Modules> {
  vi.resetModules();
  vi.doMock(cryptoPort, async (original) => ({ ...(await original<object>()), randomBytes }));
  return { index: await import("../src/swim/name-index.ts"), utf8: await import("../src/wire/utf8.ts") };
}

/** After each test that calls {@link withSecret}. */
export function forgetSecret(): void {
  vi.doUnmock(cryptoPort);
  vi.resetModules();
}

export const noSecret = (size: number): Uint8Array => new Uint8Array(size);

export function seeded(seed: number): (size: number) => Uint8Array {
  const random = new SeededRandom(seed);
  return (size) => Uint8Array.from({ length: size }, () => random.next() * 256);
}
