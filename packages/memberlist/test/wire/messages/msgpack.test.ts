import { encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanObject } from "../../../src/wire/messages/msgpack.ts";
import { fromHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

describe("finding the end of an object", () => {
  it.each([
    [
      "every fixed-size head",
      "dc000f 00 ff c0 c2 c3 cc01 cd0001 ce00000001 cf0000000000000001 d001 d10001 d200000001 d30000000000000001 ca00000000 cb0000000000000000",
    ],
    ["every string", "96 a161 d90161 da000161 db0000000161 c40161 c5000161"],
    ["bin32 and the extensions", "96 c60000000161 d40161 d5016161 c7010161 c800010161 c9000000010161"],
    ["the large fixed extensions", `93 d601${"61".repeat(4)} d701${"61".repeat(8)} d801${"61".repeat(16)}`],
    [
      "the first and the last head of each fixed kind",
      `93 8f${"a000".repeat(15)} 9f${"e0".repeat(8)}${"7f".repeat(7)} bf${"61".repeat(31)}`,
    ],
    ["every container", "95 80 90 dd00000001c0 de0001a1610a df00000001a16190"],
  ])("knows %s", (_, hex) => {
    const bytes = fromHex(hex);
    expect(scanObject(bytes, 0)).toBe(bytes.length);
    expect(scanObject(fromHex(`ffff${hex}c0`), 2)).toBe(bytes.length + 2);
  });

  it("returns the least size that a cut off object can have", () => {
    expect(scanObject(fromHex(""), 0)).toBe(-1);
    expect(scanObject(fromHex("a5"), 0)).toBe(-6);
    expect(scanObject(fromHex("c0c0db00"), 2)).toBe(-5);
    expect(scanObject(fromHex("dbffffffff"), 0)).toBe(-(5 + 0xffffffff));
    expect(scanObject(fromHex("82a161"), 0)).toBe(-6);
    expect(scanObject(fromHex("df0000007f"), 0)).toBe(-(5 + 2 * 0x7f));
  });

  it("never asks for more bytes than the object has, and for more each time", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const bytes = encode(value);
        let length = 0;
        while (length < bytes.length) {
          const end = scanObject(bytes.subarray(0, length), 0);
          expect(-end).toBeGreaterThan(length);
          expect(-end).toBeLessThanOrEqual(bytes.length);
          length = -end;
        }
        expect(scanObject(bytes, 0)).toBe(bytes.length);
      }),
    );
  });

  it("rejects an array or map with too many objects as soon as its head shows it", () => {
    expect(scanObject(fromHex("dd00000100"), 0)).toBe(-(5 + 256));
    for (const hex of ["dd00000101", "ddffffffff", "df00000081", "dfffffffff", "92 dcffff", "91 91 dd00000100"]) {
      expect([hex, reasonOf(() => scanObject(fromHex(hex), 0))]).toEqual([hex, "malformed"]);
    }
    // Empty arrays by the thousand: each says little.
    const many = new Uint8Array(3 + 16 * 19).fill(0xc0);
    many.set([0xdc, 0, 16]);
    for (let i = 0; i < 16; i++) many.set([0xdc, 0, 16], 3 + i * 19);
    expect(reasonOf(() => scanObject(many, 0))).toBe("malformed");
  });

  it("rejects objects nested too deeply, and 0xc1", () => {
    expect(scanObject(fromHex(`${"91".repeat(16)}c0`), 0)).toBe(17);
    expect(reasonOf(() => scanObject(fromHex(`${"91".repeat(17)}c0`), 0))).toBe("too_deep");
    expect(reasonOf(() => scanObject(fromHex("c1"), 0))).toBe("malformed");
  });
});
