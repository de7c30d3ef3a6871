import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeText, encodeText } from "../../src/wire/text.ts";
import { ascii } from "./hex.ts";

describe("names as text", () => {
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
    expect(decodeText(Uint8Array.from(bytes))).toBe(text);
    expect([...encodeText(text)]).toEqual(bytes);
  });

  it("keeps any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(encodeText(decodeText(bytes))).toEqual(bytes);
      }),
    );
  });

  it("keeps any well-formed text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(decodeText(encodeText(text))).toBe(text);
      }),
    );
  });

  it("encodes a lone surrogate that escapes nothing as U+FFFD", () => {
    expect([...encodeText("a\ud800b\udc00")]).toEqual([0x61, 0xef, 0xbf, 0xbd, 0x62, 0xef, 0xbf, 0xbd]);
  });

  it("decodes long ASCII", () => {
    const text = "n".repeat(5000);
    expect(decodeText(ascii(text))).toBe(text);
  });
});
