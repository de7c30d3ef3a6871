import { afterEach, describe, expect, it, vi } from "vitest";
import { SeededRandom } from "../../../src/testing/seeded-random.ts";
import { LzwCompressor, newDictionary } from "../../../src/wire/compression/lzw-compressor.ts";
import { lzwDecompress } from "../../../src/wire/compression/lzw.ts";
import { lzwMachine } from "../../../src/wire/compression/lzw-wasm.ts";
import { collidingBytes } from "./lzw-collisions.ts";

const dictionary = newDictionary();

function byTypeScript(input: Uint8Array): Uint8Array {
  const compressor = new LzwCompressor(input, dictionary);
  compressor.run(Infinity);
  return compressor.take();
}

function inWebAssembly(input: Uint8Array): Uint8Array {
  return lzwMachine()?.compress(input, 0, false) as Uint8Array;
}

const ways = [
  ["WebAssembly", inWebAssembly],
  ["TypeScript", byTypeScript],
] as const;

const chosen = [
  [1_400, collidingBytes(1_400, 12)],
  [61_440, collidingBytes(61_440, 13)],
] as const;

/** The least CPU time of some runs of `work`, in microseconds. */
function cpuTime(runs: number, work: () => void): number {
  let least = Infinity;
  for (let run = 0; run < 5; run++) {
    const before = process.cpuUsage();
    for (let i = 0; i < runs; i++) work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / runs);
  }
  return least;
}

describe("a compressor, for bytes that collide in its dictionary", () => {
  it.each(ways.flatMap(([way, compress]) => chosen.map(([size, bytes]) => ({ way, compress, size, bytes }))))(
    "takes a few times as long as for random bytes at most: $size bytes, in $way",
    ({ compress, size, bytes }) => {
      const random = new SeededRandom(1);
      const noise = new Uint8Array(size).map(() => random.next() * 256);
      const runs = Math.ceil(500_000 / size);
      const usual = cpuTime(runs, () => compress(noise));
      // Where all entries collide it is 100 to 200 times as much.
      expect(cpuTime(runs, () => compress(bytes)) / usual).toBeLessThan(10);
    },
  );

  it.each(chosen)(
    "writes the same output in WebAssembly and in TypeScript, which decompresses to the input: %i bytes",
    (size, bytes) => {
      const compressed = byTypeScript(bytes);
      expect(Buffer.compare(inWebAssembly(bytes), compressed)).toBe(0);
      expect(Buffer.compare(lzwDecompress(compressed, size), bytes)).toBe(0);
      // The copy of the table lies in the decompressor's dictionary, which has to notice.
      inWebAssembly(bytes);
      expect(Buffer.compare(lzwDecompress(compressed, size), bytes)).toBe(0);
    },
  );

  it("writes the same output if its dictionary has many other entries already", () => {
    const random = new SeededRandom(2);
    const start = new Uint8Array(2_000).map(() => random.next() * 256);
    // The bytes of the start come again, after the dictionary has changed its hash.
    const bytes = Uint8Array.of(...collidingBytes(2_600, 13, start), ...start);
    const compressed = byTypeScript(bytes);
    expect(Buffer.compare(inWebAssembly(bytes), compressed)).toBe(0);
    expect(Buffer.compare(lzwDecompress(compressed, bytes.length), bytes)).toBe(0);
  });

  it("writes the same output in chunks", () => {
    const [, bytes] = chosen[1];
    const compressor = new LzwCompressor(bytes, newDictionary());
    while (!compressor.run(1_000));
    expect(Buffer.compare(compressor.take(), byTypeScript(bytes))).toBe(0);
  });
});

describe("the secret of the dictionary's hash", () => {
  afterEach(() => {
    vi.resetModules();
  });

  it("differs between processes, and does not affect the output", async () => {
    const keys: string[] = [];
    const outputs: Uint8Array[] = [];
    const [, bytes] = chosen[1];
    for (let i = 0; i < 2; i++) {
      vi.resetModules();
      const { hashKey } = await import("../../../src/wire/compression/lzw-codes.ts");
      const { lzwMachine: freshMachine } = await import("../../../src/wire/compression/lzw-wasm.ts");
      const fresh = await import("../../../src/wire/compression/lzw-compressor.ts");
      keys.push(hashKey().join());
      const compressor = new fresh.LzwCompressor(bytes, fresh.newDictionary());
      compressor.run(Infinity);
      outputs.push(compressor.take(), freshMachine()?.compress(bytes, 0, false) as Uint8Array);
    }
    expect(keys[0]).not.toBe(keys[1]);
    for (const output of outputs) expect(Buffer.compare(output, outputs[0] as Uint8Array)).toBe(0);
  });
});
