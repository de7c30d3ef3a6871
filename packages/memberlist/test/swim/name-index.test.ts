import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type * as NameIndexModule from "../../src/swim/name-index.ts";
import { encodeUtf8 } from "../../src/wire/utf8.ts";
import { forgetSecret, noSecret, seeded, withSecret } from "../hash-secret.ts";

interface Item {
  readonly name: string;
}

/** Finds it by its name, and by the bytes of its name in the middle of a message. */
function found(index: NameIndexModule.NameIndex<Item>, name: string): (Item | undefined)[] {
  const bytes = encodeUtf8(name);
  return [index.get(name), index.getAt(Uint8Array.from([1, 2, ...bytes, 3]), 2, bytes.length)];
}

afterEach(forgetSecret);

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
});
