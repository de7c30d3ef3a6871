import { describe, expect, it } from "vitest";
import { KeptMeta, metaAt, sizeOf, startOf } from "../../src/swim/kept-meta.ts";

interface Place {
  readonly bytes: Uint8Array;
  readonly place: number;
}

function keep(kept: KeptMeta, meta: Uint8Array): Place {
  return { bytes: kept.keep(meta), place: kept.place };
}

describe("kept metadata", () => {
  it("stays a separate copy beside all other kept metadata", () => {
    const kept = new KeptMeta();
    const given = Array.from({ length: 600 }, (_, i) => new Uint8Array((i * 7) % 513).fill(i));
    const places = given.map((meta) => keep(kept, meta));
    const expected = given.map((meta) => meta.slice());
    for (const meta of given) meta.fill(0xee);
    expect(places.map(({ bytes, place }) => metaAt(bytes, place))).toEqual(expected);
    expect(places.map(({ place }) => sizeOf(place))).toEqual(expected.map(({ length }) => length));
  });

  it("takes bounded memory", () => {
    const kept = new KeptMeta();
    const buffers = Array.from({ length: 100 }, () => kept.keep(new Uint8Array(25)).buffer);
    expect(new Set(buffers).size).toBeLessThan(5);
    expect(Math.max(...buffers.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(1024);
    expect(kept.keep(new Uint8Array(300)).buffer.byteLength).toBe(300);
    expect(kept.keep(new Uint8Array(129)).buffer.byteLength).toBe(129);
    expect(kept.keep(new Uint8Array(0)).buffer.byteLength).toBe(0);
  });

  it("fills its shared memory to the last byte", () => {
    const kept = new KeptMeta();
    const places = Array.from({ length: 16 }, () => keep(kept, new Uint8Array(128)));
    expect(new Set(places.slice(0, 8).map(({ bytes }) => bytes)).size).toBe(1);
    expect(new Set(places.map(({ bytes }) => bytes)).size).toBe(2);
    expect(places.slice(6, 10).map(({ place }) => startOf(place))).toEqual([768, 896, 0, 128]);
  });

  it("survives the transfer of another node's metadata buffer", () => {
    const kept = new KeptMeta();
    const lost = keep(kept, new Uint8Array(25));
    const { buffer } = lost.bytes;
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    const next = keep(kept, Uint8Array.of(1, 2, 3));
    expect(metaAt(next.bytes, next.place)).toEqual(Uint8Array.of(1, 2, 3));
    expect(metaAt(lost.bytes, lost.place)).toHaveLength(0);
  });
});
