import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemberlistError } from "../../src/api/errors.ts";
import { Keyring } from "../../src/encryption/keyring.ts";

const key = (seed: number, size = 16): Uint8Array => Uint8Array.from({ length: size }, (_, index) => (seed * 31 + index) & 255);
const [a, b, c] = [key(1), key(2, 24), key(3, 32)];

describe("Keyring", () => {
  it("allows an empty ring: no encryption [Keyring_EmptyRing]", () => {
    const ring = new Keyring();
    expect([ring.size, ring.getKeys(), ring.getPrimaryKey()]).toEqual([0, [], undefined]);
  });

  it("allows a primary key alone [Keyring_PrimaryOnly]", () => {
    const ring = new Keyring([], a);
    expect(ring.getKeys()).toEqual([a]);
  });

  it("lists the primary key first and once, at any place of the list [Keyring_GetPrimaryKey]", () => {
    const ring = new Keyring([a, b, c], b);
    expect(ring.getPrimaryKey()).toEqual(b);
    expect(ring.getKeys()).toEqual([b, a, c]);
  });

  it("adds, uses and removes keys [Keyring_AddRemoveUse]", () => {
    const ring = new Keyring([], b);
    expect(() => ring.useKey(c)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    ring.addKey(c);
    expect(ring.getKeys()).toEqual([b, c]);
    ring.useKey(c);
    expect(ring.getKeys()).toEqual([c, b]);
    expect(() => ring.removeKey(c)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    ring.removeKey(b);
    expect(ring.getKeys()).toEqual([c]);
  });

  it("adds a key once, however often it is added [Keyring_AddConcurrentKeys]", async () => {
    const ring = new Keyring([], a);
    await Promise.all(Array.from({ length: 10 }, async () => ring.addKey(b.slice())));
    expect(ring.getKeys()).toEqual([a, b]);
  });

  it("takes the first key added to an empty ring for its primary one", () => {
    const ring = new Keyring();
    ring.removeKey(a);
    ring.addKey(a);
    ring.addKey(b);
    expect(ring.getKeys()).toEqual([a, b]);
  });

  it.each([1, 15, 17, 23, 25, 31, 33, 64])("refuses a key of %i bytes", (size) => {
    const refusal = expect.objectContaining({ code: "invalid_argument" });
    expect(() => new Keyring([], key(1, size))).toThrow(refusal);
    expect(() => new Keyring([key(1, size)], a)).toThrow(refusal);
    const ring = new Keyring([], a);
    expect(() => ring.addKey(key(1, size))).toThrow(refusal);
    expect(ring.size).toBe(1);
  });

  it("refuses keys without a primary one", () => {
    expect(() => new Keyring([a])).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("ignores the removal of a key it has not", () => {
    const ring = new Keyring([b], a);
    ring.removeKey(c);
    expect(ring.getKeys()).toEqual([a, b]);
  });

  it("counts changes, and nothing else, in its revision", () => {
    const ring = new Keyring([b], a);
    const revisions = [ring.revision];
    ring.addKey(b);
    ring.useKey(a);
    ring.removeKey(c);
    revisions.push(ring.revision);
    ring.addKey(c);
    ring.useKey(c);
    ring.removeKey(a);
    revisions.push(ring.revision);
    expect(revisions).toEqual([2, 2, 5]);
  });

  it("shares no memory with its callers", () => {
    const given = a.slice();
    const ring = new Keyring([], given);
    given.fill(0);
    ring.getPrimaryKey()?.fill(0);
    ring.getKeys()[0]?.fill(0);
    expect(ring.getPrimaryKey()).toEqual(a);
  });

  it("shows how many keys it has, and never the keys", () => {
    const ring = new Keyring([b], a);
    expect([String(ring), inspect(ring), JSON.stringify({ ring })]).toEqual([
      "Keyring(2 keys; bytes: 16, 24)",
      "Keyring(2 keys; bytes: 16, 24)",
      '{"ring":{"keys":2,"sizes":[16,24]}}',
    ]);
    expect(inspect(ring, { showHidden: true, customInspect: false, depth: 9 })).not.toContain(a.slice(0, 4).join(", "));
    expect(Object.keys(ring)).toEqual([]);
    expect(String(new Keyring())).toBe("Keyring(0 keys; bytes: none)");
  });

  it("keeps its keys distinct and the primary key first, through any changes", () => {
    const action = fc.tuple(fc.constantFrom("add" as const, "use" as const, "remove" as const), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const ring = new Keyring([], key(0));
        const model = [0];
        for (const [what, id] of actions) {
          const at = model.indexOf(id);
          const refused = (what === "use" && at < 0) || (what === "remove" && at === 0);
          const act = (): string | undefined => {
            try {
              ring[`${what}Key`](key(id));
              return undefined;
            } catch (error) {
              return (error as MemberlistError).code;
            }
          };
          expect(act()).toBe(refused ? "invalid_argument" : undefined);
          if (what === "add" && at < 0) model.push(id);
          if (what === "use" && at > 0) model.unshift(...model.splice(at, 1));
          if (what === "remove" && at > 0) model.splice(at, 1);
          expect(ring.getKeys()).toEqual(model.map((member) => key(member)));
        }
      }),
    );
  });
});
