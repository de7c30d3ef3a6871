import { describe, expect, it, vi } from "vitest";
import {
  bytesToHex,
  equalBytes,
  inPacket,
  keepable,
  packetBytes,
  packetSent,
  plainView,
  readU32,
  readU48,
  reusePacket,
  takePacketBack,
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
  it("returns bytes of the requested length that no other packet shares", () => {
    const all = Array.from({ length: 500 }, (_, i) => packetBytes((i * 37) % 3000));
    for (const [i, bytes] of all.entries()) {
      expect(bytes).toHaveLength((i * 37) % 3000);
      bytes.fill((i % 255) + 1);
    }
    expect(all.every((bytes, i) => bytes.every((byte) => byte === (i % 255) + 1))).toBe(true);
  });

  it("takes packets from shared memory, and gives longer bytes an array of their own", () => {
    const buffers = new Set(Array.from({ length: 100 }, () => packetBytes(1400).buffer));
    expect(buffers.size).toBeLessThan(10);
    expect(packetBytes(64 * 1024).buffer.byteLength).toBe(132 * 1024);
    expect(packetBytes(64 * 1024 + 1).buffer.byteLength).toBe(64 * 1024 + 1);
  });

  it("fills its first 132 KiB to the last byte before it takes more", async () => {
    vi.resetModules();
    const { packetBytes: fresh } = await import("../../src/wire/bytes.ts");
    const buffers = [...Array.from({ length: 16 }, () => fresh(8_160).buffer), fresh(4_064).buffer, fresh(1).buffer];
    expect([new Set(buffers.slice(0, 17)).size, new Set(buffers).size]).toEqual([1, 2]);
  });

  it("continues after a buffer with other packets was transferred", () => {
    const { buffer } = packetBytes(100);
    structuredClone(buffer, { transfer: [buffer] });
    expect(packetBytes(100)).toEqual(new Uint8Array(100));
  });
});

describe("takePacketBack", () => {
  it("gives the memory of the last bytes out again, and then of those before them", () => {
    const [first, second, third] = [packetBytes(100), packetBytes(3), packetBytes(1400)];
    takePacketBack(first);
    takePacketBack(third);
    takePacketBack(second);
    expect(packetBytes(7).byteOffset).toBe(second.byteOffset);
    expect(packetBytes(7).byteOffset).toBeGreaterThan(second.byteOffset);
    takePacketBack(new Uint8Array(100));
    takePacketBack(packetBytes(100_000));
    expect(packetBytes(7).byteOffset).toBeGreaterThan(second.byteOffset + 64);
  });
});

describe("inPacket", () => {
  it("puts up to 32 bytes in front of the last bytes, where no other packet is", () => {
    const before = packetBytes(33).fill(1);
    const message = packetBytes(50).fill(2);
    for (const overhead of [0, 5, 32]) {
      const packet = inPacket(message, overhead);
      expect(packet?.subarray(overhead)).toEqual(message);
      expect(packet?.fill(3, 0, overhead)).toHaveLength(50 + overhead);
      expect(before).toEqual(new Uint8Array(33).fill(1));
    }
    expect(inPacket(message, 33)).toBeUndefined();
    expect(inPacket(before, 5)).toBeUndefined();
    expect(inPacket(new Uint8Array(50), 5)).toBeUndefined();
  });

  it("makes a packet that is taken back with its message", () => {
    const message = packetBytes(50);
    const packet = inPacket(message, 32) as Uint8Array;
    takePacketBack(packet);
    expect(packetBytes(9).byteOffset).toBe(message.byteOffset);
  });
});

describe("packetSent", () => {
  it("gives a packet's memory out again once, if its sender has allowed that last", () => {
    const [first, second] = [packetBytes(100), packetBytes(100)];
    reusePacket(first);
    reusePacket(second);
    expect(packetSent(first)).toBe(false);
    expect(packetSent(second.subarray())).toBe(false);
    expect(packetSent(second)).toBe(true);
    expect(packetSent(second)).toBe(false);
    const third = packetBytes(100);
    expect(third.byteOffset).toBe(second.byteOffset);
    expect(packetSent(third)).toBe(false);
  });
});
