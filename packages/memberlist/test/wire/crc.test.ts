import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { crc32 } from "../../src/wire/crc.ts";
import { ascii } from "./hex.ts";

/** Bit by bit, as the polynomial is defined. */
function slowCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

describe("CRC-32", () => {
  it("returns the check value of the IEEE polynomial", () => {
    expect(crc32(ascii("123456789"))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  it("returns the right value at the first call of a process, which makes the tables", async () => {
    vi.resetModules();
    const { crc32: fresh } = await import("../../src/wire/crc.ts");
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    const bytes = new Uint8Array([...every, ...every.toReversed(), 1, 2, 3]);
    expect(fresh(bytes)).toBe(slowCrc32(bytes));
    // Each value at each of the eight places that have a table.
    for (let at = 0; at < 8; at++) {
      for (const value of every) {
        const word = new Uint8Array(8).fill(value, at, at + 1);
        expect(fresh(word)).toBe(slowCrc32(word));
      }
    }
  });

  it("gives the same result eight bytes at a time, from any offset", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, from) => {
        expect(crc32(bytes, from)).toBe(slowCrc32(bytes.subarray(from)));
      }),
    );
  });
});
