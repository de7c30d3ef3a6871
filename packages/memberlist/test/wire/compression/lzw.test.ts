import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/wire/crc.ts";
import { lzwCompress, lzwDecompress, lzwShortened } from "../../../src/wire/compression/lzw.ts";
import { LzwCompressor, newDictionary } from "../../../src/wire/compression/lzw-compressor.ts";
import { LzwDecompressor, newExpansions } from "../../../src/wire/compression/lzw-decompressor.ts";
import golden from "../../vectors/lzw.json" with { type: "json" };
import { fromHex, toHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

interface Vector {
  readonly name: string;
  readonly size: number;
  readonly input?: string;
  readonly recipe?: string;
  readonly seed?: number;
  readonly alphabet?: number;
  readonly compressed?: string;
  readonly compressedLength: number;
  readonly compressedCrc32: number;
}

const vectors: readonly Vector[] = golden.vectors;
const limit = 1 << 20;

/** The recipes are described in the vectors' file. */
function inputOf(vector: Vector): Uint8Array {
  const { recipe, size, seed = 0, alphabet = 256 } = vector;
  switch (recipe) {
    case "lcg": {
      let x = seed;
      return Uint8Array.from({ length: size }, () => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return (x >>> 24) % alphabet;
      });
    }
    case "pairs":
      return Uint8Array.from({ length: size }, (_, i) => ((i & 0xff) * ((i >> 8) * 2 + 1)) & 0xff);
    case "repeat":
      return Uint8Array.from({ length: size }, (_, i) => i % 7);
    default:
      return fromHex(vector.input ?? "");
  }
}

describe(`LZW against vectors made by ${golden.generator}`, () => {
  it.each(vectors)("compresses as Go does: $name", (vector) => {
    const compressed = lzwCompress(inputOf(vector));
    expect(compressed).toHaveLength(vector.compressedLength);
    expect(crc32(compressed)).toBe(vector.compressedCrc32);
  });

  it.each(vectors.filter(({ compressed }) => compressed !== undefined))("produces the exact bytes of $name", (vector) => {
    expect(toHex(lzwCompress(inputOf(vector)))).toBe(vector.compressed);
    expect(toHex(lzwDecompress(fromHex(vector.compressed ?? ""), limit))).toBe(toHex(inputOf(vector)));
  });

  it.each(vectors)("decompresses its own: $name", (vector) => {
    const input = inputOf(vector);
    const output = lzwDecompress(lzwCompress(input), limit);
    expect(output).toHaveLength(input.length);
    expect(crc32(output)).toBe(crc32(input));
  });
});

describe("LZW", () => {
  it("round-trips any bytes", () => {
    const few = fc.array(fc.constantFrom(0, 1, 255), { maxLength: 3000 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), few), (bytes) => {
        expect(lzwDecompress(lzwCompress(bytes), bytes.length)).toEqual(bytes);
      }),
    );
  });

  it("keeps no state from one input to the next", () => {
    let x = 1;
    const next = (): number => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      return x >>> 30;
    };
    for (let i = 0; i < 10_000; i++) {
      const input = Uint8Array.from({ length: 12 }, next);
      expect(toHex(lzwDecompress(lzwCompress(input), limit))).toBe(toHex(input));
    }
  });

  it("gives the same result in chunks of any size, interleaved with others", () => {
    const inputs = ["repeat", "pairs", "lcg"].map((recipe) =>
      inputOf({ ...(vectors[0] as Vector), recipe, size: 90_000, seed: 5 }),
    );
    for (const part of [1, 7, 1_000, 70_000]) {
      const compressors = inputs.map((input) => new LzwCompressor(input, newDictionary()));
      const unfinished = new Set(compressors);
      while (unfinished.size > 0) for (const one of unfinished) if (one.run(part)) unfinished.delete(one);
      const compressed = compressors.map((one) => one.take());
      for (const [i, bytes] of compressed.entries()) expect(same(bytes, lzwCompress(inputs[i] as Uint8Array))).toBe(true);

      const decompressors = compressed.map((bytes) => new LzwDecompressor(bytes, limit, newExpansions()));
      const packed = new Set(decompressors);
      while (packed.size > 0) for (const one of packed) if (one.run(part)) packed.delete(one);
      for (const [i, one] of decompressors.entries()) expect(same(one.take(), inputs[i] as Uint8Array)).toBe(true);
    }
  });

  it("does no more than the requested work in one chunk, even with little output", () => {
    const clearCodes = new Uint8Array(9_000).map((_, i) => (1 << (i % 9)) >>> 1);
    const decompressor = new LzwDecompressor(clearCodes, limit, newExpansions());
    let parts = 1;
    while (reasonOf(() => (decompressor.run(1_000) ? undefined : parts++)) === "") expect(parts).toBeLessThan(20);
    expect(parts).toBeGreaterThan(8);
    const bomb = new LzwDecompressor(lzwCompress(new Uint8Array(limit)), limit, newExpansions());
    for (parts = 1; !bomb.run(100_000); parts++) expect(parts).toBeLessThan(20);
    expect(parts).toBeGreaterThan(9);
  });

  it("leaves headroom before its output", () => {
    for (const size of [0, 10, 200_000]) {
      const input = new Uint8Array(size).map((_, i) => i >> 3);
      const bytes = lzwCompress(input, 17);
      expect(same(bytes.subarray(17), lzwCompress(input))).toBe(true);
    }
  });

  it("gives up early only when allowed to, on random bytes", () => {
    const random = inputOf({ name: "", size: 1400, recipe: "lcg", seed: 5, compressedLength: 0, compressedCrc32: 0 });
    expect(lzwCompress(random).length).toBeGreaterThan(random.length);
    expect(lzwShortened(random, 0)).toBeUndefined();
    expect(lzwShortened(fromHex("616263"), 0)).toBeUndefined();
    const text = inputOf({ name: "", size: 1400, recipe: "lcg", seed: 5, alphabet: 20, compressedLength: 0, compressedCrc32: 0 });
    const compressed = lzwCompress(text);
    expect(compressed.length).toBeLessThan(text.length);
    expect(lzwShortened(text, 3)?.subarray(3)).toEqual(compressed);
    // It would get shorter, but does not look so from its start.
    const mixed = Uint8Array.from([...random, ...new Uint8Array(5_000)]);
    expect(lzwCompress(mixed).length).toBeLessThan(mixed.length);
    expect(lzwShortened(mixed, 0)).toBeUndefined();
  });

  it("returns shortened output only if it is shorter than the input, with any headroom", () => {
    const even = Array.from({ length: 100 }, (_, size) => size).findLastIndex(
      (size) => size > 0 && lzwCompress(new Uint8Array(size)).length === size,
    );
    expect(even).toBeGreaterThan(0);
    const shortened = [even, even + 1].map((size) => lzwShortened(new Uint8Array(size), 17)?.length);
    expect(shortened).toEqual([undefined, 17 + lzwCompress(new Uint8Array(even + 1)).length]);
  });

  it("compresses any input that shrinks by a quarter, however it starts", () => {
    const start = fc.uint8Array({ maxLength: 200 });
    const rest = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 20, max: 60 }));
    fc.assert(
      fc.property(start, rest, (random, [unit, times]) => {
        const bytes = Uint8Array.from([...random, ...Array.from({ length: times }, () => [...unit]).flat()]);
        const all = lzwCompress(bytes);
        fc.pre(all.length < bytes.length * 0.75);
        expect(lzwShortened(bytes, 0)).toEqual(all);
      }),
    );
  });

  it("distinguishes a cut off end from trailing zeros, after any input", () => {
    const compressed = lzwCompress(fromHex("6162636162636162636465666768"));
    lzwDecompress(lzwCompress(new Uint8Array(300).fill(0xff)), limit);
    for (let length = 0; length < compressed.length; length++) {
      expect(reasonOf(() => lzwDecompress(compressed.subarray(0, length), limit))).toBe("bad_lzw");
    }
  });

  it("stops above its limit, and accepts output of exactly that size", () => {
    const compressed = lzwCompress(new Uint8Array(100_000));
    expect(lzwDecompress(compressed, 100_000)).toHaveLength(100_000);
    expect(reasonOf(() => lzwDecompress(compressed, 99_999))).toBe("too_large");
    expect(reasonOf(() => lzwDecompress(compressed, 0))).toBe("too_large");
    expect(lzwDecompress(lzwCompress(new Uint8Array(0)), 0)).toHaveLength(0);
  });

  it("refuses input that ends early, at any length", () => {
    const compressed = lzwCompress(fromHex("616263616263616263"));
    for (let length = 0; length < compressed.length; length++) {
      expect(reasonOf(() => lzwDecompress(compressed.subarray(0, length), limit))).toBe("bad_lzw");
    }
  });

  it("ignores bytes after the end code, and needs no clear code at the start", () => {
    expect(toHex(lzwDecompress(fromHex("00c30404ffff"), limit))).toBe("61");
    // 9-bit codes 0x61, 257.
    expect(toHex(lzwDecompress(fromHex("610202"), limit))).toBe("61");
  });

  it("rejects a code that is not yet defined", () => {
    // 9-bit codes 258 first; then 0x61, 260.
    expect(reasonOf(() => lzwDecompress(fromHex("0201"), limit))).toBe("bad_lzw");
    expect(reasonOf(() => lzwDecompress(fromHex("610802"), limit))).toBe("bad_lzw");
  });

  it("continues with a full dictionary that is never cleared", () => {
    const codes = Array.from({ length: 5000 }, (_, i) => i & 0xff);
    const compressed = packCodes([...codes, 257]);
    expect(lzwDecompress(compressed, limit)).toEqual(Uint8Array.from(codes));
  });
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Packs codes as a compressor would that has nothing but literals to say and never clears. */
function packCodes(codes: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  let next = 257;
  let width = 9;
  let bits = 0;
  let bitCount = 0;
  for (const code of codes) {
    bits |= code << bitCount;
    bitCount += width;
    for (; bitCount >= 8; bitCount -= 8) {
      bytes.push(bits & 0xff);
      bits >>>= 8;
    }
    next++;
    if (next === 1 << width && width < 12) width++;
  }
  bytes.push(bits & 0xff);
  return Uint8Array.from(bytes);
}
