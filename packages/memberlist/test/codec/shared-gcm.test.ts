import { createCipheriv } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { shareGcm } from "../../src/codec/shared-gcm.ts";
import type { AesGcm } from "../../src/ports/codec.ts";
import { aes, patterned } from "../wire/aes.ts";

const key = patterned(16, 1);
const none = new Uint8Array(0);

/** How many messages were left to the runtime's own AES-GCM. */
interface Counted extends AesGcm {
  count: number;
}

function counted(): Counted {
  const inner = aes(key);
  const native: Counted = {
    count: 0,
    seal: (...args) => {
      native.count++;
      return inner.seal(...args);
    },
    open: (...args) => {
      native.count++;
      return inner.open(...args);
    },
  };
  return native;
}

function shared(native: AesGcm, onCipher: () => void = () => {}): Pick<AesGcm, "seal" | "open"> {
  const newEncryptBlocks = (): ((blocks: Uint8Array) => Uint8Array) => {
    onCipher();
    const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    return (blocks) => cipher.update(blocks);
  };
  return shareGcm(native, { newEncryptBlocks, sealMax: 1000, openMax: 200 });
}

describe("AES-GCM that is shared", () => {
  it("leaves a key's first 16 messages, and those that are too long, to the runtime", () => {
    const native = counted();
    let ciphers = 0;
    const { seal, open } = shared(native, () => ciphers++);
    const countOf = (work: () => void): number => {
      const before = native.count;
      work();
      return native.count - before;
    };
    const sealedOf = (size: number): Uint8Array => aes(key).seal(patterned(size, 2), none, 0);
    for (let i = 0; i < 8; i++) {
      expect(countOf(() => seal(patterned(20, i), none, 0))).toBe(1);
      expect(countOf(() => expect(open(sealedOf(20), none)).toEqual(patterned(20, 2)))).toBe(1);
    }
    expect(ciphers).toBe(0);
    // One more by the runtime: the key is tried.
    expect(countOf(() => seal(patterned(20, 9), none, 0))).toBe(1);
    expect(ciphers).toBe(1);
    expect(countOf(() => aes(key).open(seal(patterned(1000, 1), none, 0), none))).toBe(0);
    expect(countOf(() => expect(open(sealedOf(200), none)).toEqual(patterned(200, 2)))).toBe(0);
    expect(countOf(() => seal(patterned(1001, 1), none, 0))).toBe(1);
    expect(countOf(() => expect(open(sealedOf(201), none)).toEqual(patterned(201, 2)))).toBe(1);
    expect(countOf(() => seal(patterned(20, 1), new Uint8Array(512), 0))).toBe(0);
    expect(countOf(() => seal(patterned(20, 1), new Uint8Array(513), 0))).toBe(1);
    expect(ciphers).toBe(1);
  });

  it("tries the runtime's AES with its AES-GCM, and leaves everything to that where they do not agree", () => {
    const ecb = (): ((blocks: Uint8Array) => Uint8Array) => {
      const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
      return (blocks) => cipher.update(blocks);
    };
    const refuses = (): never => {
      throw new Error("no such cipher");
    };
    const otherKey = (): ((blocks: Uint8Array) => Uint8Array) => {
      const cipher = createCipheriv("aes-128-ecb", patterned(16, 2), null).setAutoPadding(false);
      return (blocks) => cipher.update(blocks);
    };
    // As one that may have to take padding off.
    const keepsBack = (): ((blocks: Uint8Array) => Uint8Array) => {
      const encrypt = ecb();
      let kept: Uint8Array = none;
      return (blocks) => {
        const out = Uint8Array.from([...kept, ...encrypt(blocks)]);
        kept = out.slice(-16);
        return out.slice(0, -16);
      };
    };
    for (const newEncryptBlocks of [refuses, otherKey, keepsBack]) {
      let made = 0;
      const native = counted();
      const { seal, open } = shareGcm(native, {
        newEncryptBlocks: () => {
          made++;
          return newEncryptBlocks();
        },
        sealMax: 1000,
        openMax: 1000,
      });
      for (let i = 0; i < 50; i++) {
        expect(aes(key).open(seal(patterned(i, i), none, 0), none)).toEqual(patterned(i, i));
        expect(open(aes(key).seal(patterned(i, i), none, 0), none)).toEqual(patterned(i, i));
      }
      expect(made).toBe(1);
      expect(native.count).toBeGreaterThanOrEqual(100);
    }
  });

  describe("without WebAssembly", () => {
    afterEach(() => {
      vi.unstubAllGlobals();
      vi.resetModules();
    });

    it("leaves everything to the runtime", async () => {
      vi.stubGlobal("WebAssembly", undefined);
      vi.resetModules();
      const fresh = await import("../../src/codec/shared-gcm.ts");
      const native = counted();
      const { seal, open } = fresh.shareGcm(native, {
        newEncryptBlocks: () => expect.fail("not wanted"),
        sealMax: 1000,
        openMax: 1000,
      });
      for (let i = 0; i < 50; i++) expect(open(seal(patterned(i, i), none, 0), none)).toEqual(patterned(i, i));
      expect(native.count).toBe(100);
    });
  });
});
