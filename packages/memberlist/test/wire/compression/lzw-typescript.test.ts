import { describe, expect, it, vi } from "vitest";
import { SeededRandom } from "../../../src/testing/seeded-random.ts";
import { hashBitsFor, hashKey, maxCode, outputOf } from "../../../src/wire/compression/lzw-codes.ts";
import { LzwCompressor, newDictionary } from "../../../src/wire/compression/lzw-compressor.ts";
import { LzwDecompressor, newExpansions } from "../../../src/wire/compression/lzw-decompressor.ts";
import { lzwMachine } from "../../../src/wire/compression/lzw-wasm.ts";
import { fromHex, toHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

const KiB = 1024;

function compressed(input: Uint8Array, part: number = Infinity): Uint8Array {
  const compressor = new LzwCompressor(input, newDictionary());
  while (!compressor.run(part));
  return compressor.take();
}

function decompressed(input: Uint8Array, maxBytes: number, part: number = Infinity): Uint8Array {
  const decompressor = new LzwDecompressor(input, maxBytes, newExpansions());
  while (!decompressor.run(part));
  return decompressor.take();
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Bytes of so many values. */
function noiseOf(size: number, values: number, seed: number = 1): Uint8Array {
  const random = new SeededRandom(seed);
  return new Uint8Array(size).map(() => random.next() * values);
}

/** Of 4,000 bytes in a row no two neighbours are those of others: each byte takes a code. */
function leastCompressible(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => ((i & 0xff) * (((i >> 8) & 0xff) * 2 + 1)) & 0xff);
}

/** Zeros, but for some other bytes at the sizes at which the buffer of the output grows. */
function growing(other: Uint8Array, ahead: number): Uint8Array {
  const bytes = new Uint8Array(130 * KiB);
  for (const end of [64 * KiB - 8, 128 * KiB]) bytes.set(other, end - ahead);
  return bytes;
}

/** What the arrays cost that `work` makes, and the copies between them. */
async function costOf(work: () => Promise<void>): Promise<{ largestArray: number; largestCopy: number; copied: number }> {
  const cost = { largestArray: 0, largestCopy: 0, copied: 0 };
  class Counted extends Uint8Array {
    constructor(...given: [number]) {
      super(...given);
      if (typeof given[0] === "number") cost.largestArray = Math.max(cost.largestArray, given[0]);
    }
    override set(bytes: ArrayLike<number>, at?: number): void {
      cost.largestCopy = Math.max(cost.largestCopy, bytes.length);
      cost.copied += bytes.length;
      super.set(bytes, at);
    }
  }
  vi.stubGlobal("Uint8Array", Counted);
  try {
    await work();
  } finally {
    vi.unstubAllGlobals();
  }
  return cost;
}

describe("a decompressor in TypeScript", () => {
  it("refuses input that ends early, at any length", () => {
    for (const input of ["6162636162636162636465666768", "616161616161616161616161", "00000000ffffff"].map(fromHex)) {
      const whole = compressed(input);
      expect(toHex(decompressed(whole, 100))).toBe(toHex(input));
      for (let size = 0; size < whole.length; size++) {
        expect(reasonOf(() => decompressed(whole.subarray(0, size), 100))).toBe("bad_lzw");
      }
    }
  });

  it("restores input of any length, and refuses it without its last byte, wherever the end code stands in its bytes", () => {
    const input = leastCompressible(1_500);
    for (let size = 0; size <= input.length; size++) {
      const whole = compressed(input.subarray(0, size));
      expect(isSame(decompressed(whole, size), input.subarray(0, size))).toBe(true);
      expect(reasonOf(() => decompressed(whole.subarray(0, -1), size))).toBe("bad_lzw");
    }
  });

  it("restores input at whose end codes widen, and the end code fills its last byte", () => {
    const input = leastCompressible(4_093);
    expect(isSame(decompressed(compressed(input), input.length), input)).toBe(true);
  });

  it("needs no clear code, ignores bytes after the end code, and rejects a code before it is defined", () => {
    // 9-bit codes: 0x61, 257; then 258; then 0x61, 260; then 0x61, 300, 257; then 0x61, 258, 257.
    expect(toHex(decompressed(fromHex("610202ffff"), 10))).toBe("61");
    expect(reasonOf(() => decompressed(fromHex("0201"), 10))).toBe("bad_lzw");
    expect(reasonOf(() => decompressed(fromHex("610802"), 10))).toBe("bad_lzw");
    expect(reasonOf(() => decompressed(fromHex("61580604"), 10))).toBe("bad_lzw");
    expect(toHex(decompressed(fromHex("61040604"), 10))).toBe("616161");
  });

  it.each([
    ["bytes that repeat nothing", leastCompressible(10_000)],
    ["zeros", new Uint8Array(100_000)],
    ["bytes of three values", noiseOf(100_000, 3)],
  ])("accepts output of exactly its limit, and no byte more: %s", (_, input) => {
    for (const size of [1, 2, 3, 100, 1_000, input.length]) {
      const whole = compressed(input.subarray(0, size));
      expect(isSame(decompressed(whole, size), input.subarray(0, size))).toBe(true);
      expect(reasonOf(() => decompressed(whole, size - 1))).toBe("too_large");
    }
  });

  it.each([
    ["one byte", Uint8Array.of(1)],
    ["few repetitions", noiseOf(500, 250)],
    ["short repetitions", noiseOf(1_000, 20)],
    ["longer repetitions", noiseOf(1_000, 2)],
  ])("grows its output at any place: %s", (_, other) => {
    for (let ahead = -10; ahead <= 10; ahead++) {
      const input = growing(other, other.length === 1 ? ahead : 100 + ahead);
      expect(isSame(decompressed(compressed(input), input.length), input)).toBe(true);
    }
  });

  it("grows its output to exactly its limit at the last code", () => {
    // Of so many zeros the last code stands for 362, and crosses the end of the first buffer.
    const zeros = new Uint8Array((362 * 363) / 2);
    expect(isSame(decompressed(compressed(zeros), zeros.length), zeros)).toBe(true);
  });

  it("grows its output by bytes that do not repeat after it has grown by those that do", () => {
    const input = new Uint8Array(140 * KiB);
    input.set(noiseOf(8 * KiB, 256), 124 * KiB);
    expect(isSame(decompressed(compressed(input), 10 * input.length), input)).toBe(true);
  });

  it("copies its output about twice while it grows, and takes memory for its output, not for its limit", async () => {
    const size = 2 * KiB * KiB;
    const bomb = compressed(new Uint8Array(size));
    const { copied, largestArray } = await costOf(async () => void decompressed(bomb, 100 * size));
    expect(copied).toBeLessThan(3 * size);
    expect(largestArray).toBeLessThan(3 * size);
  });

  it("copies no more than 512 KiB at once if it makes room before each part", async () => {
    const size = 1.5 * KiB * KiB;
    const bomb = compressed(new Uint8Array(size));
    for (const part of [60, 61, 64, 90, 100, 128, 250].map((kib) => kib * KiB)) {
      let yields = 0;
      const { copied, largestArray, largestCopy } = await costOf(async () => {
        const decompressor = new LzwDecompressor(bomb, 100 * size, newExpansions());
        do await decompressor.makeRoom(part, async () => void yields++);
        while (!decompressor.run(part));
        expect(decompressor.take()).toHaveLength(size);
      });
      expect(largestCopy).toBeLessThanOrEqual(512 * KiB);
      expect(copied).toBeLessThan(3 * size);
      expect(largestArray).toBeLessThan(3 * size);
      expect(yields).toBeLessThan(30);
    }
  });

  it("leaves an output as it is when it makes the next", () => {
    for (const size of [100, 60_000, 100_000]) {
      const [first, second] = [noiseOf(size, 3, 1), noiseOf(size, 3, 2)];
      const output = decompressed(compressed(first), size);
      decompressed(compressed(second), size);
      expect(isSame(output, first)).toBe(true);
    }
  });
});

describe("a compressor in TypeScript", () => {
  it("takes room for input that does not shrink, in parts of any size", () => {
    const input = leastCompressible(3_000_000);
    const whole = compressed(input);
    expect(whole.length).toBeGreaterThan(input.length + KiB * KiB);
    const compressor = new LzwCompressor(input, newDictionary());
    // The buffer is full after some 2,550,000 bytes.
    expect(compressor.run(2_500_000)).toBe(false);
    while (!compressor.run(1));
    expect(isSame(compressor.take(), whole)).toBe(true);
  });

  it("takes 1 MiB more than its input at most, if that gets shorter", async () => {
    const input = new Uint8Array(4 * KiB * KiB);
    const { largestArray } = await costOf(async () => void compressed(input, 64 * KiB));
    expect(largestArray).toBeLessThanOrEqual(5 * KiB * KiB);
  });

  it("ends where codes widen, or where the dictionary is cleared, as the machine does", () => {
    for (const size of [254, 255, 256, 766, 767, 768, 1790, 1791, 1792, 3836, 3837, 3838, 3839, 7675, 7676, 7677]) {
      const input = leastCompressible(size);
      const whole = compressed(input);
      expect([size, isSame(lzwMachine()?.compress(input, 0, false) as Uint8Array, whole)]).toEqual([size, true]);
      expect(isSame(decompressed(whole, size), input)).toBe(true);
    }
  });

  it("gives up on input that repeats as little as the input on which the machine does", () => {
    const headroom = 100;
    const counts = { machine: 0, typeScript: 0 };
    for (let repeated = 0; repeated < 250; repeated++) {
      const input = leastCompressible(600).copyWithin(repeated, 0, repeated);
      if (lzwMachine()?.compress(input, headroom, true) === "hopeless") counts.machine++;
      if (!new LzwCompressor(input, newDictionary(), headroom, true).run(Infinity)) counts.typeScript++;
    }
    expect(counts.machine).toBeGreaterThan(30);
    expect(counts.machine).toBeLessThan(100);
    // They write their output by different numbers of bytes.
    expect(Math.abs(counts.typeScript - counts.machine)).toBeLessThanOrEqual(4);
  });

  it("leaves an output as it is when it makes the next", () => {
    for (const size of [100, 40_000, 100_000]) {
      const input = leastCompressible(size);
      const output = compressed(input);
      const copy = output.slice();
      compressed(noiseOf(size, 256));
      expect(isSame(output, copy)).toBe(true);
    }
  });

  it("fills less than half of its dictionary", () => {
    for (let size = 1; size < 10_000; size++) {
      const entriesMax = Math.min(size - 1, 4095 - 257);
      expect(entriesMax * 2).toBeLessThan(1 << hashBitsFor(size));
    }
  });
});

it("draws a secret number for each code and each byte, once in a process", () => {
  const key = hashKey();
  expect(key).toHaveLength(maxCode + 1 + 256);
  expect(hashKey()).toBe(key);
});

it("returns a long output without a copy if it fills three quarters of its buffer", () => {
  const buffer = noiseOf(100_000, 256);
  const nearlyFull = outputOf(buffer, 75_000);
  expect([nearlyFull.length, nearlyFull.buffer === buffer.buffer]).toEqual([75_000, true]);
  const rest = outputOf(buffer, 74_999);
  expect([rest.length, rest.buffer.byteLength, isSame(rest, buffer.subarray(0, 74_999))]).toEqual([74_999, 74_999, true]);
});
