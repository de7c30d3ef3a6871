import { describe, expect, it } from "vitest";
import { packetBytes } from "../../src/wire/packet-bytes.ts";

describe("bytes for packets", () => {
  it("are zeroed, of the length that was asked for, and nobody else's", () => {
    const all = Array.from({ length: 500 }, (_, i) => packetBytes((i * 37) % 3000));
    for (const [i, bytes] of all.entries()) {
      expect(bytes).toHaveLength((i * 37) % 3000);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill((i % 255) + 1);
    }
    expect(all.every((bytes, i) => bytes.every((byte) => byte === (i % 255) + 1))).toBe(true);
  });

  it("share memory, but for long ones", () => {
    const buffers = new Set(Array.from({ length: 100 }, () => packetBytes(1400).buffer));
    expect(buffers.size).toBeLessThan(10);
    expect(packetBytes(10_000).buffer.byteLength).toBe(10_000);
  });

  it("are there, too, after somebody has transferred the buffer of others", () => {
    const { buffer } = packetBytes(100);
    structuredClone(buffer, { transfer: [buffer] });
    expect(packetBytes(100)).toEqual(new Uint8Array(100));
  });
});
