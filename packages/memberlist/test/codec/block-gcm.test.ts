import { createCipheriv, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockGcm } from "../../src/codec/block-gcm.ts";
import { gcmMachine, type GcmMachine } from "../../src/codec/gcm-machine.ts";
import type { EncryptBlocks } from "../../src/codec/key-streams.ts";
import { aes, flipped, patterned } from "../wire/aes.ts";
import { fromHex, toHex } from "../wire/hex.ts";

const machine = gcmMachine() as GcmMachine;
const none = new Uint8Array(0);
const keySizes = [16, 24, 32] as const;

function encryptBlocksOf(key: Uint8Array): EncryptBlocks {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return (blocks) => cipher.update(blocks);
}

function gcmOf(key: Uint8Array, onBlocks: (blocks: Uint8Array, encrypted: Uint8Array) => void = () => {}): BlockGcm {
  const encryptBlocks = encryptBlocksOf(key);
  return new BlockGcm((blocks) => {
    const encrypted = encryptBlocks(blocks);
    onBlocks(blocks, encrypted);
    return encrypted;
  }, machine);
}

function pseudoRandom(length: number, seed: number): Uint8Array {
  const key = new Uint8Array(16);
  new DataView(key.buffer).setInt32(0, seed);
  return new Uint8Array(createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(length)));
}

/** Each side seals, and the other opens. What is wrong; empty: nothing. */
function objection(key: Uint8Array, ours: BlockGcm, plaintext: Uint8Array, additionalData: Uint8Array, headroom = 0): string {
  const isSame = (opened: Uint8Array | undefined): boolean => opened !== undefined && Buffer.compare(opened, plaintext) === 0;
  const theirs = aes(key);
  const what = `${plaintext.length} bytes with ${additionalData.length}`;
  const sealed = ours.seal(plaintext, additionalData, headroom);
  if (sealed.length !== headroom + 12 + plaintext.length + 16) return `${what}: sealed, ${sealed.length}`;
  if (sealed.subarray(0, headroom).some((byte) => byte !== 0)) return `${what}: headroom is not free`;
  if (!isSame(theirs.open(sealed.subarray(headroom), additionalData))) return `${what}: what we seal, they do not open`;
  if (!isSame(ours.open(theirs.seal(plaintext, additionalData, 0), additionalData)))
    return `${what}: what they seal, we do not open`;
  return "";
}

describe("AES-GCM with the runtime's AES and WebAssembly", () => {
  it("opens the test vectors of McGrew and Viega, and no tag but theirs", () => {
    const key = "feffe9928665731c6d6a8f9467308308";
    const message = fromHex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
    );
    const data = fromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    // Cases 1 to 4, 7 to 10 and 13 to 16: key, nonce, ciphertext and tag, length of the message, additional data or not.
    const zeros = "00".repeat(12);
    const nonce = "cafebabefacedbaddecaf888";
    const vectors = [
      ["00".repeat(16), zeros, "58e2fccefa7e3061367f1d57a4e7455a", none, none],
      ["00".repeat(16), zeros, "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf", new Uint8Array(16), none],
      [
        key,
        nonce,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f59854d5c2af327cd64a62cf35abd2ba6fab4",
        message,
        none,
      ],
      [
        key,
        nonce,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
        message.subarray(0, 60),
        data,
      ],
      ["00".repeat(24), zeros, "cd33b28ac773f74ba00ed1f312572435", none, none],
      ["00".repeat(24), zeros, "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb", new Uint8Array(16), none],
      [
        key + key.slice(0, 16),
        nonce,
        "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c",
        message.subarray(0, 60),
        data,
      ],
      ["00".repeat(32), zeros, "530f8afbc74536b9a963b4f1c4cb738b", none, none],
      ["00".repeat(32), zeros, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919", new Uint8Array(16), none],
      [
        key + key,
        nonce,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        message.subarray(0, 60),
        data,
      ],
    ] as const;
    for (const [secret, iv, ciphertextAndTag, plaintext, additionalData] of vectors) {
      const gcm = gcmOf(fromHex(secret));
      const sealed = fromHex(iv + ciphertextAndTag);
      expect(gcm.open(sealed, additionalData)).toEqual(plaintext);
      for (let bit = 0; bit < 128; bit++) {
        const at = sealed.length - 16 + (bit >> 3);
        expect(gcm.open(flipped(sealed, at, 1 << (bit & 7)), additionalData)).toBeUndefined();
      }
    }
  });

  it.each(keySizes)("is the standard's at each length up to 300, with a key of %i bytes", (size) => {
    const key = patterned(size, size);
    const gcm = gcmOf(key);
    for (let length = 0; length <= 300; length++) {
      expect(objection(key, gcm, patterned(length, length), none)).toBe("");
      expect(objection(key, gcm, patterned(length, 1), patterned(1 + (length % 40), length), 3)).toBe("");
    }
  });

  it.each(keySizes)(
    "is the standard's around whole blocks and fours of them, up to what fits, with a key of %i bytes",
    (size) => {
      const key = patterned(size, 3);
      const gcm = gcmOf(key);
      const multiples = [512, 528, 1024, 1280, 1456, 1472, 1488, 2048, 4096, 16_384, 32_768];
      for (const length of [...multiples.flatMap((n) => [n - 1, n, n + 1]), 65_519, 65_535, machine.dataMax]) {
        expect(objection(key, gcm, patterned(length, 5), none)).toBe("");
        expect(objection(key, gcm, patterned(length, 6), patterned(length % 500, 7))).toBe("");
      }
      for (let length = 0; length <= machine.additionalMax; length++) {
        expect(objection(key, gcm, patterned(20, 8), patterned(length, length))).toBe("");
      }
    },
  );

  it("is the standard's for whatever bytes, with many keys in turn", () => {
    const keys = Array.from({ length: 12 }, (_, i) => randomBytes(keySizes[i % 3] as number));
    const ours = keys.map((key) => gcmOf(key));
    const bytesUpTo = (max: number): fc.Arbitrary<Uint8Array> =>
      fc.tuple(fc.nat(max), fc.nat()).map(([length, seed]) => pseudoRandom(length, seed));
    const plaintext = fc.oneof(bytesUpTo(100), bytesUpTo(1600), bytesUpTo(5000));
    const additionalData = fc.oneof(fc.constant(none), bytesUpTo(512));
    fc.assert(
      fc.property(fc.nat(11), plaintext, additionalData, fc.nat(20), (index, bytes, data, headroom) => {
        const before = [bytes.slice(), data.slice()];
        expect(objection(keys[index] as Uint8Array, ours[index] as BlockGcm, bytes, data, headroom)).toBe("");
        expect([bytes, data].map((now, i) => Buffer.compare(now, before[i] as Uint8Array))).toEqual([0, 0]);
      }),
      { numRuns: 3000 },
    );
  });

  it("is refused with any bit of nonce, ciphertext, tag or additional data changed, shortened, or under another key", () => {
    const gcm = gcmOf(patterned(32, 1));
    const data = patterned(19, 2);
    for (const length of [0, 1, 16, 33, 100]) {
      const sealed = gcm.seal(patterned(length, 3), data, 0).slice();
      for (let bit = 0; bit < 8 * sealed.length; bit++) {
        expect(gcm.open(flipped(sealed, bit >> 3, 1 << (bit & 7)), data)).toBeUndefined();
      }
      for (let bit = 0; bit < 8 * data.length; bit++) {
        expect(gcm.open(sealed, flipped(data, bit >> 3, 1 << (bit & 7)))).toBeUndefined();
      }
      for (let size = 28; size < sealed.length; size++) expect(gcm.open(sealed.subarray(0, size), data)).toBeUndefined();
      for (const other of [none, data.subarray(1), Uint8Array.from([...data, 0])])
        expect(gcm.open(sealed, other)).toBeUndefined();
      expect(gcmOf(flipped(patterned(32, 1), 31)).open(sealed, data)).toBeUndefined();
      expect(gcm.open(sealed, data)).toEqual(patterned(length, 3));
    }
  });

  it("lets nothing of a plaintext out before the tag is known to be right", () => {
    const outputs: Uint8Array[] = [];
    const gcm = gcmOf(patterned(16, 1), (_, encrypted) => void outputs.push(encrypted));
    const secret = "this must not be seen by anybody";
    const sealed = aes(patterned(16, 1)).seal(new TextEncoder().encode(secret.repeat(10)), none, 0);
    const stream = machine.counterBlocks(new Uint8Array(12), 30);
    const memory = Buffer.from(stream.buffer);
    outputs.length = 0;
    expect(gcm.open(flipped(sealed, 50), none)).toBeUndefined();
    expect(memory.includes(secret)).toBe(false);
    // Nor is there a key stream that would make one of the ciphertext.
    expect(outputs.map((output) => Math.max(...output))).toEqual([0]);
    expect(Math.max(...stream.subarray(0, 16 * 21))).toBe(0);
    expect(new TextDecoder().decode(gcm.open(sealed, none))).toBe(secret.repeat(10));
    expect(memory.includes(secret)).toBe(true);
  });

  it("gives plain arrays, no view of what came in or goes on, and keeps what it was made with", () => {
    const gcm = gcmOf(patterned(16, 1));
    const sealed = gcm.seal(patterned(64, 2), none, 0);
    const opened = gcm.open(sealed, none) as Uint8Array;
    expect([sealed.constructor, opened.constructor]).toEqual([Uint8Array, Uint8Array]);
    sealed.fill(0);
    gcm.open(gcm.seal(new Uint8Array(64), none, 0), none);
    expect(opened).toEqual(patterned(64, 2));
  });
});

describe("a key stream", () => {
  /** Lengths of all kinds: drawn ahead, short and long, and not. */
  const lengths = [0, 5, 100, 128, 129, 700, 1371, 1472, 1473, 3000];

  it("is used once, and so is its nonce, whoever has the key", () => {
    const key = patterned(32, 4);
    const used = new Set<string>();
    const gcms = [gcmOf(key), gcmOf(key)];
    const count = 4000;
    for (let i = 0; i < count; i++) {
      const sealed = (gcms[i & 1] as BlockGcm).seal(new Uint8Array(16 + (lengths[i % 10] as number)), none, 0);
      used.add(`nonce ${toHex(sealed.subarray(0, 12))}`);
      // The plaintext is zeros: this is the stream's first block.
      used.add(`stream ${toHex(sealed.subarray(12, 28))}`);
    }
    expect(used.size).toBe(2 * count);
  });

  it("is of counters that are asked for once, and all of the nonces that were sent", () => {
    const asked = new Set<string>();
    let blocksAsked = 0;
    const gcm = gcmOf(patterned(16, 4), (blocks) => {
      for (let at = 0; at < blocks.length; at += 16) asked.add(toHex(blocks.subarray(at, at + 16)));
      blocksAsked += blocks.length / 16;
    });
    for (let i = 0; i < 1000; i++) {
      const length = lengths[i % 10] as number;
      const nonce = toHex(gcm.seal(new Uint8Array(length), none, 0).subarray(0, 12));
      const counters = Array.from(
        { length: 1 + Math.ceil(length / 16) },
        (_, n) => nonce + (n + 1).toString(16).padStart(8, "0"),
      );
      expect(counters.filter((block) => !asked.has(block))).toEqual([]);
    }
    expect(asked.size).toBe(blocksAsked);
  });

  it("is not used again after AES failed", () => {
    const encryptBlocks = encryptBlocksOf(patterned(16, 4));
    let fails = false;
    const gcm = new BlockGcm((blocks) => {
      if (fails) throw new Error("no AES today");
      return encryptBlocks(blocks);
    }, machine);
    const nonces = new Set<string>();
    const failures: unknown[] = [];
    for (let i = 0; i < 300; i++) {
      fails = i % 3 === 0;
      try {
        nonces.add(toHex(gcm.seal(patterned(i % 2 === 0 ? 100 : 2000, i), none, 0).subarray(0, 12)));
      } catch (error) {
        failures.push(error);
      }
    }
    expect(failures.length).toBeGreaterThan(50);
    expect(nonces.size).toBe(300 - failures.length);
  });

  it("that is too short for a message encrypts none of it", () => {
    const encryptBlocks = encryptBlocksOf(patterned(16, 4));
    let missing = 0;
    const gcm = new BlockGcm((blocks) => {
      const encrypted = encryptBlocks(blocks);
      return encrypted.subarray(0, encrypted.length - missing);
    }, machine);
    missing = 1;
    expect(() => gcm.seal(patterned(3008, 1), none, 0)).toThrow(RangeError);
    // Of those that are drawn ahead, the last.
    for (let i = 0; i < 15; i++) expect(gcm.seal(patterned(128, i), none, 0)).toHaveLength(156);
    expect(() => gcm.seal(patterned(128, 1), none, 0)).toThrow(RangeError);
    missing = 0;
    const sealed = gcm.seal(patterned(128, 1), none, 0);
    expect(aes(patterned(16, 4)).open(sealed, none)).toEqual(patterned(128, 1));
  });

  it("is drawn 16 at a time, and wiped when it has been used", () => {
    const drawn: Uint8Array[] = [];
    const gcm = gcmOf(patterned(16, 4), (_, encrypted) => void drawn.push(encrypted));
    drawn.length = 0;
    for (let i = 0; i < 160; i++) gcm.seal(patterned(1371, i), none, 0);
    expect(drawn).toHaveLength(10);
    expect(drawn.map((streams) => Math.max(...streams))).toEqual(Array.from({ length: 10 }, () => 0));
    gcm.seal(patterned(1371, 1), none, 0);
    const size = (drawn[10] as Uint8Array).length / 16;
    expect(Math.max(...(drawn[10] as Uint8Array).subarray(0, size))).toBe(0);
    expect(Math.max(...(drawn[10] as Uint8Array).subarray(size))).toBeGreaterThan(0);
  });
});
