import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/wire/utf8.ts";
import { ascii } from "./hex.ts";

/** Long names of which no byte, every second byte, or all but one byte are valid UTF-8. */
const badNames: readonly Uint8Array[] = [
  new Uint8Array(4096).fill(0xff),
  Uint8Array.from({ length: 4096 }, (_, i) => (i % 2 === 0 ? 0x61 : 0x80)),
  new Uint8Array(4096).fill(0x61, 0, 4095).fill(0xc3, 4095),
];

describe("the encoding of names", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("decodes and encodes names that are not UTF-8 in one pass, without a call per byte", async () => {
    let calls = 0;
    class CountingDecoder extends TextDecoder {
      override decode(bytes?: Uint8Array): string {
        calls++;
        return super.decode(bytes);
      }
    }
    vi.stubGlobal("TextDecoder", CountingDecoder);
    vi.resetModules();
    const text = await import("../../src/wire/utf8.ts");
    expect(text.encodeUtf8(text.decodeUtf8(Uint8Array.of(0xc3, 0xa9)))).toEqual(Uint8Array.of(0xc3, 0xa9));
    expect(calls).toBe(1);
    for (const name of badNames) expect(text.encodeUtf8(text.decodeUtf8(name))).toEqual(name);
    expect(calls).toBe(1);
  });

  it.each([
    ["ASCII", [0x6e, 0x6f, 0x64, 0x65], "node"],
    ["nothing", [], ""],
    ["two, three and four bytes", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], "é€😀"],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    ["a stray byte between text", [0x61, 0xff, 0x62], "a\udcffb"],
    ["a sequence cut off", [0xe2, 0x82], "\udce2\udc82"],
    ["an overlong slash", [0xc0, 0xaf], "\udcc0\udcaf"],
    ["a surrogate in UTF-8", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["over U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    ["valid text behind a stray byte", [0x80, 0xc3, 0xa9], "\udc80é"],
  ])("decodes %s and encodes it back", (_, bytes, text) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBe(text);
    expect([...encodeUtf8(text)]).toEqual(bytes);
  });

  it("keeps any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes);
      }),
    );
  });

  it("keeps any mix of valid sequences and stray bytes", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 3 }).map((text) => [...new TextEncoder().encode(text)]),
      fc.array(fc.integer({ min: 0x80, max: 0xff }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 15 }), (pieces) => {
        const bytes = Uint8Array.from(pieces.flat());
        const text = decodeUtf8(bytes);
        expect(encodeUtf8(text)).toEqual(bytes);
        // What is valid decodes as the standard says.
        const valid = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
        expect(text.replaceAll(/[\ud800-\udfff\ufffd]/gu, "")).toBe(valid.replaceAll("\ufffd", ""));
      }),
    );
  });

  it("keeps any well-formed text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
  });

  it("encodes a lone surrogate that escapes nothing as U+FFFD", () => {
    expect([...encodeUtf8("a\ud800b\udc00")]).toEqual([0x61, 0xef, 0xbf, 0xbd, 0x62, 0xef, 0xbf, 0xbd]);
  });

  it("decodes long ASCII", () => {
    const text = "n".repeat(5000);
    expect(decodeUtf8(ascii(text))).toBe(text);
  });
});
