import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SeededRandom } from "../../../src/testing/seeded-random.ts";
import { lzwCompress, lzwDecompress } from "../../../src/wire/compression/lzw.ts";
import { LzwCompressor, newDictionary } from "../../../src/wire/compression/lzw-compressor.ts";
import { LzwDecompressor, newExpansions } from "../../../src/wire/compression/lzw-decompressor.ts";
import { lzwMachine, lzwMachineFor } from "../../../src/wire/compression/lzw-wasm.ts";
import { fromHex, toHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

const machine = lzwMachine();

interface WebAssemblyLike {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer } } };
}

/** The output in hex, or the reason of the refusal. */
type Outcome = string | undefined;

function byMachine(input: Uint8Array, maxBytes: number): Outcome {
  let output: Uint8Array | undefined;
  const reason = reasonOf(() => (output = machine?.decompress(input, maxBytes)));
  return reason === "" ? output && toHex(output) : reason;
}

function byTypeScript(input: Uint8Array, maxBytes: number): Outcome {
  const decompressor = new LzwDecompressor(input, maxBytes, newExpansions());
  const reason = reasonOf(() => decompressor.run(Infinity));
  return reason === "" ? toHex(decompressor.take()) : reason;
}

/** Codes of 9 bits first, as a decompressor takes them; it need not like them. */
function packed(codes: readonly number[]): Uint8Array {
  const bits: number[] = [];
  let width = 9;
  let next = 257;
  for (const code of codes) {
    const limited = code % (1 << width);
    for (let i = 0; i < width; i++) bits.push((limited >> i) & 1);
    next = limited === 256 ? 257 : Math.min(next + 1, 4096);
    if (limited === 256) width = 9;
    else if (next === 1 << width && width < 12) width++;
  }
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
    bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum | (bit << i), 0),
  );
}

describe("LZW in WebAssembly", () => {
  it("runs on this machine", () => {
    expect(machine).toBeDefined();
  });

  it("decompresses as TypeScript does, up to the limit", () => {
    const few = fc.array(fc.constantFrom(0, 1, 255), { maxLength: 9000 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 9000 }), few), (bytes) => {
        const compressed = lzwCompress(bytes);
        expect(byMachine(compressed, bytes.length)).toBe(toHex(bytes));
        const oneMore = lzwCompress(Uint8Array.from([...bytes, 0]));
        expect(byMachine(oneMore, bytes.length)).toBe("too_large");
      }),
    );
  });

  it("handles arbitrary input as TypeScript does, errors included", () => {
    const code = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 256, max: 600 }),
      fc.integer({ min: 0, max: 4095 }),
      fc.constantFrom(256, 257, 258, 259),
    );
    const codes = fc.array(code, { maxLength: 400 }).map(packed);
    // The code that is just being given out, again and again: each makes one byte more than the one before.
    const steps = fc
      .integer({ min: 1, max: 600 })
      .map((count) => packed([65, ...Array.from({ length: count }, (_, i) => 258 + i), 257]));
    fc.assert(
      fc.property(
        fc.oneof(codes, steps, fc.uint8Array({ maxLength: 600 })),
        fc.integer({ min: 0, max: 300_000 }),
        (bytes, max) => {
          expect(byMachine(bytes, max)).toBe(byTypeScript(bytes, max));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("continues with a full dictionary, whose last code stays unchanged", () => {
    const codes = [
      65,
      ...Array.from({ length: 5000 }, (_, i) => (i < 3900 ? 66 + (i % 7) : i % 3 === 0 ? 4095 : 300 + i / 2)),
      257,
    ].map(Math.floor);
    const bytes = packed(codes);
    expect(byMachine(bytes, 400_000)).toBe(byTypeScript(bytes, 400_000));
  });

  it("compresses to the same bytes as TypeScript where codes widen and where the dictionary is cleared", () => {
    const noise = new SeededRandom(7);
    const kinds: ((i: number) => number)[] = [
      () => 0,
      () => noise.next() * 256,
      () => noise.next() * 3,
      (i) => i >> 4,
      (i) => i % 251,
    ];
    const sizes = [
      1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 766, 767, 768, 1023, 1790, 1791, 1792, 2047, 2048, 2049, 3837, 3838, 3839, 3840,
      9000, 131_072,
    ];
    for (const [kind, byte] of kinds.entries()) {
      for (const size of sizes) {
        const input = new Uint8Array(size).map((_, i) => byte(i));
        const compressor = new LzwCompressor(input, newDictionary());
        compressor.run(Infinity);
        const compressed = machine?.compress(input, 0, false);
        expect(Buffer.compare(compressed as Uint8Array, compressor.take()), `${kind}, ${size} bytes`).toBe(0);
      }
    }
    const few = fc.array(fc.constantFrom(0, 1, 255), { minLength: 1, maxLength: 6000 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 6000 }), few), fc.boolean(), (input, givesUp) => {
        const compressor = new LzwCompressor(input, newDictionary(), 5, givesUp);
        const expected = compressor.run(Infinity) ? toHex(compressor.take().subarray(5)) : "hopeless";
        const compressed = machine?.compress(input, 5, givesUp);
        expect(compressed instanceof Uint8Array ? toHex(compressed.subarray(5)) : compressed).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("leaves input that is empty or too long to TypeScript", () => {
    expect(machine?.compress(new Uint8Array(1_572_864), 0, false)).toBeInstanceOf(Uint8Array);
    expect(reasonOf(() => machine?.decompress(new Uint8Array(1_572_864), 2_000_000))).toBe("bad_lzw");
    expect(machine?.compress(new Uint8Array(1_572_865), 0, false)).toBeUndefined();
    expect(machine?.compress(new Uint8Array(0), 0, false)).toBeUndefined();
  });

  it("reports input that exceeds its memory", () => {
    expect(machine?.decompress(lzwCompress(new Uint8Array(5_000_000)), 5_000_000)).toBeUndefined();
    expect(machine?.decompress(new Uint8Array(1_572_865), 1_000_000)).toBeUndefined();
    expect(machine?.decompress(lzwCompress(new Uint8Array(300_000)), 1_000_000)).toHaveLength(300_000);
    // Codes 258 and 97, 260: more room would not help.
    for (const hex of ["0201", "610802"]) {
      expect(reasonOf(() => machine?.decompress(fromHex(hex), 5_000_000))).toBe("bad_lzw");
    }
  });

  it("grows for a long input and a long output, with correct results", () => {
    const noise = new SeededRandom(3);
    const short = lzwCompress(Uint8Array.of(1, 2, 3));
    for (const size of [1_500_000, 40_000, 700_000]) {
      const input = new Uint8Array(size).map(() => noise.next() * 20);
      const compressed = lzwCompress(input);
      expect(Buffer.compare(machine?.decompress(compressed, size) as Uint8Array, input)).toBe(0);
      expect(reasonOf(() => machine?.decompress(compressed, size - 1))).toBe("too_large");
      expect(machine?.decompress(short, 10)).toEqual(Uint8Array.of(1, 2, 3));
    }
  });

  it("gives up on input that repeats nothing", () => {
    const noise = new SeededRandom(4);
    const random = new Uint8Array(1_000).map(() => noise.next() * 256);
    expect(machine?.compress(random, 0, true)).toBe("hopeless");
    expect(machine?.compress(random, 0, false)).toBeInstanceOf(Uint8Array);
  });

  it("fills its memory to the end, and no further", () => {
    const noise = new SeededRandom(6);
    const long = lzwCompress(new Uint8Array(4_000_000).map(() => noise.next() * 4));
    expect(long.length).toBeLessThan(1_572_864);
    expect(machine?.decompress(long, 4_000_000)).toBeUndefined();
  });

  it("returns bytes that later calls do not overwrite", () => {
    const first = machine?.decompress(lzwCompress(Uint8Array.of(1, 2, 3)), 10);
    machine?.decompress(lzwCompress(Uint8Array.of(9, 9, 9)), 10);
    expect(first).toEqual(Uint8Array.of(1, 2, 3));
    expect(first?.buffer.byteLength).toBe(3);
  });
});

describe("a new machine", () => {
  const noise = new SeededRandom(5);
  const random = new Uint8Array(400_000).map(() => noise.next() * 256);
  const text = new Uint8Array(300_000).map(() => noise.next() * 4);
  const newMachine = async (): Promise<typeof machine> => {
    vi.resetModules();
    return (await import("../../../src/wire/compression/lzw-wasm.ts")).lzwMachine();
  };

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("takes memory for the longest output of an input", async () => {
    const compressed = (await newMachine())?.compress(random, 0, false) as Uint8Array;
    expect(Buffer.compare(compressed, lzwCompress(random))).toBe(0);
  });

  it("takes memory for a usual output of an input, for any limit", async () => {
    const small = await newMachine();
    expect(() => small?.decompress(lzwCompress(text), 10)).toThrow(expect.objectContaining({ reason: "too_large" }));
    expect(small?.decompress(lzwCompress(Uint8Array.of(1)), 20_000_000)).toEqual(Uint8Array.of(1));
    const view = small?.compress(Uint8Array.of(1), 0, false) as Uint8Array;
    expect(view.buffer.byteLength).toBe(512 * 1024);
    const compressed = lzwCompress(text);
    // Together they exceed the 512 KiB that it starts with.
    const long = Uint8Array.from([...text, ...text]);
    expect(compressed.length).toBeGreaterThan(50_000);
    const output = (await newMachine())?.decompress(lzwCompress(long), 20_000_000);
    expect(Buffer.compare(output as Uint8Array, long)).toBe(0);
  });

  it("leaves long input to TypeScript if its memory cannot grow", async () => {
    const { Instance, Module } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyLike }).WebAssembly;
    class Small {
      readonly exports: object;
      constructor(module: object) {
        const { exports } = new Instance(module);
        const grow = (): never => {
          throw new RangeError("no more memory");
        };
        this.exports = { ...exports, memory: { buffer: exports.memory.buffer, grow } };
      }
    }
    vi.stubGlobal("WebAssembly", { Module, Instance: Small });
    const small = await newMachine();
    expect(small?.compress(text, 0, false)).toBeUndefined();
    expect(small?.compress(new Uint8Array(1_000_000), 0, false)).toBeUndefined();
    expect(small?.decompress(new Uint8Array(1_000_000), 2_000_000)).toBeUndefined();
    expect(small?.compress(Uint8Array.of(1), 0, false)).toEqual(lzwCompress(Uint8Array.of(1)));
  });
});

describe("a long message", () => {
  const noise = new SeededRandom(9);
  // Its compressed form is long, too.
  const long = new Uint8Array(2_000_000).map(() => noise.next() * 64);
  const expected = new LzwCompressor(long, newDictionary());
  expected.run(Infinity);
  const compressed = expected.take();
  const sharedInputMax = 1536 * 1024;

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("leaves the memory of the shared machine as it is", async () => {
    expect(compressed.length).toBeGreaterThan(sharedInputMax);
    vi.resetModules();
    const fresh = await import("../../../src/wire/compression/lzw.ts");
    const { lzwMachine: freshMachine } = await import("../../../src/wire/compression/lzw-wasm.ts");
    expect(Buffer.compare(fresh.lzwCompress(long), compressed)).toBe(0);
    expect(Buffer.compare(fresh.lzwDecompress(compressed, long.length), long)).toBe(0);
    const tooLarge = expect.objectContaining({ reason: "too_large" });
    expect(() => fresh.lzwDecompress(compressed, long.length - 1)).toThrow(tooLarge);
    const view = freshMachine()?.compress(Uint8Array.of(1), 0, false) as Uint8Array;
    expect(view.buffer.byteLength).toBe(512 * 1024);
  });

  it("stays with WebAssembly", () => {
    expect(lzwMachineFor(long)).not.toBe(machine);
    expect(Buffer.compare(lzwMachineFor(long)?.compress(long, 0, false) as Uint8Array, compressed)).toBe(0);
    expect(Buffer.compare(lzwMachineFor(compressed)?.decompress(compressed, long.length) as Uint8Array, long)).toBe(0);
  });

  it("grows if it is random", () => {
    const random = new Uint8Array(2_000_000).map(() => noise.next() * 256);
    const longer = lzwMachineFor(random)?.compress(random, 3, false) as Uint8Array;
    expect(longer.length).toBeGreaterThan(random.length);
    expect(Buffer.compare(lzwDecompress(longer.subarray(3), random.length), random)).toBe(0);
  });

  it("goes to TypeScript without memory for a second machine", async () => {
    const { Instance, Module } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyLike }).WebAssembly;
    let made = 0;
    class Once {
      readonly exports: object;
      constructor(module: object) {
        if (++made > 1) throw new RangeError("no more memory");
        this.exports = new Instance(module).exports;
      }
    }
    vi.stubGlobal("WebAssembly", { Module, Instance: Once });
    vi.resetModules();
    const fresh = await import("../../../src/wire/compression/lzw.ts");
    expect(fresh.lzwCompress(Uint8Array.of(1))).toEqual(lzwCompress(Uint8Array.of(1)));
    expect(Buffer.compare(fresh.lzwCompress(long), compressed)).toBe(0);
    expect(Buffer.compare(fresh.lzwDecompress(compressed, long.length), long)).toBe(0);
    expect(made).toBeGreaterThan(1);
  });
});

describe("without WebAssembly", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("compresses and decompresses all the same", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    vi.resetModules();
    const fresh = await import("../../../src/wire/compression/lzw.ts");
    const { lzwMachine: freshMachine } = await import("../../../src/wire/compression/lzw-wasm.ts");
    expect(freshMachine()).toBeUndefined();
    const bytes = new Uint8Array(5000).map((_, i) => i >> 4);
    expect(fresh.lzwDecompress(fresh.lzwCompress(bytes), 5000)).toEqual(bytes);
    expect(fresh.lzwShortened(bytes, 0)).toEqual(fresh.lzwCompress(bytes));
    const { compressInParts, decompressInParts } = await import("../../../src/wire/compression/compress.ts");
    const yieldNow = async (): Promise<void> => {};
    const message = await compressInParts(bytes, yieldNow);
    expect(await decompressInParts(message.subarray(1), 5000, yieldNow)).toEqual(bytes);
  });
});
