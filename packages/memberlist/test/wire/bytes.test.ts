import { describe, expect, it, vi } from "vitest";
import {
  bytesToHex,
  equalBytes,
  keepable,
  packetBytes,
  plainView,
  readU32,
  readU48,
  writeU32,
  writeU48,
} from "../../src/wire/bytes.ts";

const large = new Uint8Array(4 * 1024 * 1024).map((_, i) => i);

describe("keepable", () => {
  it("copies bytes that are less than half of their buffer, and leaves others", () => {
    const few = large.subarray(10, 20);
    expect(keepable(few)).toEqual(few);
    expect(keepable(few).buffer.byteLength).toBe(10);
    const half = large.subarray(large.length / 2);
    expect(keepable(half) === half).toBe(true);
    expect(keepable(large) === large).toBe(true);
  });

  it("keeps a view of a packet of usual length, and copies views of the runtime's pool", () => {
    const packet = new Uint8Array(1400);
    const part = packet.subarray(3, 7);
    expect(keepable(part)).toBe(part);
    const largest = new Uint8Array(2048).subarray(3, 7);
    expect(keepable(largest)).toBe(largest);
    const larger = new Uint8Array(2049).subarray(3, 7);
    expect(keepable(larger)).not.toBe(larger);
    const pooled = Buffer.from("pooled");
    expect(pooled.buffer.byteLength).toBeGreaterThan(2048);
    expect(keepable(pooled).buffer.byteLength).toBe(6);
  });
});

describe("keepableInParts", () => {
  it("copies long bytes in chunks, and yields between them", async () => {
    vi.resetModules();
    const { copiedInOneGo, keepableInParts } = await import("../../src/wire/bytes.ts");
    let yields = 0;
    const yieldNow = async (): Promise<void> => void yields++;
    const long = large.subarray(1, 1 + 3 * copiedInOneGo);
    const copy = await keepableInParts(long, yieldNow);
    expect(equalBytes(copy, long)).toBe(true);
    expect(copy.buffer.byteLength).toBe(long.length);
    expect(yields).toBe(2);
    expect((await keepableInParts(large, yieldNow)) === large).toBe(true);
    expect((await keepableInParts(large.subarray(0, 9), yieldNow)).buffer.byteLength).toBe(9);
    expect(yields).toBe(2);
    expect(equalBytes(await keepableInParts(long, undefined), long)).toBe(true);
  });
});

describe("plainView", () => {
  it("returns the same memory without the runtime's own methods", () => {
    const pooled = Buffer.from("pooled");
    const view = plainView(pooled);
    expect(Object.getPrototypeOf(view)).toBe(Uint8Array.prototype);
    expect([view.buffer, view.byteOffset, view.length]).toEqual([pooled.buffer, pooled.byteOffset, 6]);
  });
});

describe("bytesToHex", () => {
  it("writes two lower-case digits for each byte", () => {
    expect(bytesToHex(Uint8Array.of(0, 9, 0x0a, 0x10, 0xff))).toBe("00090a10ff");
  });
});

describe("numbers of 4 and 6 bytes", () => {
  it("reads back each of them, and writes no further byte", () => {
    const bytes = new Uint8Array(14).fill(0xee);
    expect([writeU32(bytes, 1, 0xfedcba98), writeU48(bytes, 7, 0xfedcba987654)]).toEqual([5, 13]);
    expect(bytesToHex(bytes)).toBe("eefedcba98eeeefedcba987654ee");
    expect([readU32(bytes, 1), readU48(bytes, 7)]).toEqual([0xfedcba98, 0xfedcba987654]);
  });
});

describe("packetBytes", () => {
  it("returns zeroed bytes of the requested length that no other packet shares", () => {
    const all = Array.from({ length: 500 }, (_, i) => packetBytes((i * 37) % 3000));
    for (const [i, bytes] of all.entries()) {
      expect(bytes).toHaveLength((i * 37) % 3000);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill((i % 255) + 1);
    }
    expect(all.every((bytes, i) => bytes.every((byte) => byte === (i % 255) + 1))).toBe(true);
  });

  it("takes short packets from shared memory, and gives long ones an array of their own", () => {
    const buffers = new Set(Array.from({ length: 100 }, () => packetBytes(1400).buffer));
    expect(buffers.size).toBeLessThan(10);
    expect(packetBytes(10_000).buffer.byteLength).toBe(10_000);
    expect(packetBytes(8_193).buffer.byteLength).toBe(8_193);
  });

  it("fills its first 64 KiB to the last byte before it takes more", async () => {
    vi.resetModules();
    const { packetBytes: fresh } = await import("../../src/wire/bytes.ts");
    const buffers = Array.from({ length: 9 }, () => fresh(8_192).buffer);
    expect([new Set(buffers.slice(0, 8)).size, new Set(buffers).size]).toEqual([1, 2]);
  });

  it("continues after a buffer with other packets was transferred", () => {
    const { buffer } = packetBytes(100);
    structuredClone(buffer, { transfer: [buffer] });
    expect(packetBytes(100)).toEqual(new Uint8Array(100));
  });
});
