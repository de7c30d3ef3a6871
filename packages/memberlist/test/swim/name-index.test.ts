import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type * as NameIndexModule from "../../src/swim/name-index.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import type * as Utf8Module from "../../src/wire/utf8.ts";
import { encodeUtf8 } from "../../src/wire/utf8.ts";

const cryptoPort = "../../src/ports/crypto.ts";

interface Modules {
  readonly index: typeof NameIndexModule;
  readonly utf8: typeof Utf8Module;
}

/** The modules with these bytes in the place of the random ones from which the secret of the hash is made. */
async function withSecret(randomBytes: (size: number) => Uint8Array): Promise<Modules> {
  vi.resetModules();
  vi.doMock(cryptoPort, async (original) => ({ ...(await original<object>()), randomBytes }));
  return { index: await import("../../src/swim/name-index.ts"), utf8: await import("../../src/wire/utf8.ts") };
}

const noSecret = (size: number): Uint8Array => new Uint8Array(size);

function seeded(seed: number): (size: number) => Uint8Array {
  const random = new SeededRandom(seed);
  return (size) => Uint8Array.from({ length: size }, () => random.next() * 256);
}

interface Item {
  readonly name: string;
}

/** Finds it by its name, and by the bytes of its name in the middle of a message. */
function found(index: NameIndexModule.NameIndex<Item>, name: string): (Item | undefined)[] {
  const bytes = encodeUtf8(name);
  return [index.get(name), index.getAt(Uint8Array.from([1, 2, ...bytes, 3]), 2, bytes.length)];
}

afterEach(() => vi.doUnmock(cryptoPort));

describe("the index of members by name", () => {
  const names = fc.oneof(
    { weight: 8, arbitrary: fc.nat(200).map((i) => `node-${i}`) },
    fc.nat(5).map((i) => `nöde-${i}`),
    // Bytes that are not UTF-8, as decoding escapes them.
    fc.nat(5).map((i) => `\udc80${i}`),
    fc.nat(5).map((i) => "long".repeat(300) + i),
    fc.nat(3).map((i) => "\0".repeat(i)),
  );
  const steps = fc.array(fc.tuple(fc.nat(3), names), { minLength: 1, maxLength: 400, size: "max" });

  it.each([
    ["by a secret", seeded(1)],
    ["by no secret, so that all have one hash", noSecret],
  ])("agrees with a map after any additions and removals of names that are hashed %s", async (_how, randomBytes) => {
    const { index: module } = await withSecret(randomBytes);
    fc.assert(
      fc.property(steps, (all) => {
        const index = new module.NameIndex<Item>();
        const model = new Map<string, Item>();
        const seen = new Set<string>();
        for (const [kind, name] of all) {
          seen.add(name);
          if (kind === 0) {
            index.delete(name);
            model.delete(name);
          } else {
            const item = { name };
            index.set(item);
            model.set(name, item);
          }
          expect(index.size).toBe(model.size);
          expect(found(index, name)).toEqual([model.get(name), model.get(name)]);
        }
        for (const name of seen) for (const item of found(index, name)) expect(item).toBe(model.get(name));
        for (const name of seen) {
          index.delete(name);
          expect(found(index, name)).toEqual([undefined, undefined]);
        }
        expect(index.size).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("hashes a name as it hashes the bytes of the name", async () => {
    const { utf8 } = await withSecret(seeded(2));
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 5_000, size: "max" }), (name) => {
        const bytes = encodeUtf8(name);
        expect(utf8.hashAt(Uint8Array.from([9, ...bytes]), 1, bytes.length)).toBe(utf8.hashOf(name));
      }),
    );
    expect(utf8.hashAt(encodeUtf8("né"), 0, 3)).toBeUndefined();
  });

  it("spreads names that differ little, or only in their length or order", async () => {
    for (const seed of [3, 4, 5]) {
      const { utf8 } = await withSecret(seeded(seed));
      const kinds: ((i: number) => string)[] = [
        (i) => `node-${i}`,
        (i) => `n${"\0".repeat(i)}`,
        (i) => `${"a".repeat(i)}b${"a".repeat(4_000 - i)}`,
        (i) => i.toString(2).padStart(12, "0").replaceAll("1", "é"),
      ];
      for (const nameOf of kinds) {
        const homes = new Set(Array.from({ length: 4_000 }, (_, i) => utf8.hashOf(nameOf(i)) >>> 19));
        // Random ones fill 3,164 of the 8,192.
        expect(homes.size).toBeGreaterThan(2_000);
      }
    }
  });

  it("gives each process a hash of its own", async () => {
    const hashes = [];
    for (const seed of [6, 7]) hashes.push((await withSecret(seeded(seed))).utf8.hashOf("node-1"));
    expect(hashes[0]).not.toBe(hashes[1]);
  });
});
