import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type * as utf8 from "../../src/wire/utf8.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/wire/utf8.ts";
import { forgetSecret, seeded, withSecret } from "../hash-secret.ts";
import { ascii } from "./hex.ts";

/** Long names of which no byte, every second byte, or all but one byte are valid UTF-8. */
const badNames: readonly Uint8Array[] = [
  new Uint8Array(4096).fill(0xff),
  Uint8Array.from({ length: 4096 }, (_, i) => (i % 2 === 0 ? 0x61 : 0x80)),
  new Uint8Array(4096).fill(0x61, 0, 4095).fill(0xc3, 4095),
];

/** Loads a fresh copy of the module, and counts its calls of the functions that make strings. */
async function freshAndCounted(): Promise<{
  text: typeof utf8;
  calls: { decode: number; fromCharCode: number };
}> {
  const calls = { decode: 0, fromCharCode: 0 };
  class CountingDecoder extends TextDecoder {
    override decode(bytes?: Uint8Array): string {
      calls.decode++;
      return super.decode(bytes);
    }
  }
  vi.stubGlobal("TextDecoder", CountingDecoder);
  const { fromCharCode } = String;
  vi.spyOn(String, "fromCharCode").mockImplementation((...units) => {
    calls.fromCharCode++;
    return fromCharCode(...units);
  });
  vi.resetModules();
  const text = await import("../../src/wire/utf8.ts");
  calls.fromCharCode = 0;
  return { text, calls };
}

describe("the encoding of names", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.resetModules();
  });

  it("decodes and encodes names that are not UTF-8 in one pass, without a call per byte", async () => {
    const { text, calls } = await freshAndCounted();
    expect(text.encodeUtf8(text.decodeUtf8(Uint8Array.of(0xc3, 0xa9)))).toEqual(Uint8Array.of(0xc3, 0xa9));
    expect(calls).toEqual({ decode: 1, fromCharCode: 0 });
    for (const name of badNames) expect(text.encodeUtf8(text.decodeUtf8(name))).toEqual(name);
    expect(calls).toEqual({ decode: 1, fromCharCode: badNames.length });
  });

  it("keeps short ASCII names that it has decoded, and finds them wherever they stand in a message", async () => {
    const { text, calls } = await freshAndCounted();
    const names = Array.from({ length: 4096 }, (_, i) => `node-${i}.example`);
    for (const name of names) expect(text.decodeUtf8(ascii(name))).toBe(name);
    expect(calls).toEqual({ decode: 0, fromCharCode: names.length });
    for (const [i, name] of names.entries()) {
      const bytes = Uint8Array.of(i, ...ascii(name), i >> 4);
      expect(text.decodeUtf8(bytes, 1, name.length)).toBe(name);
    }
    // Three names or more may have one hash, and there are two places for them.
    expect(calls.fromCharCode - names.length).toBeLessThan(names.length / 5);
  });

  it("distinguishes names that share a place in its memory", () => {
    const names = Array.from({ length: 40_000 }, (_, i) => i.toString(36));
    // Backwards, too: then names are kept that others begin.
    for (const all of [names, names.toReversed()]) expect(all.filter((name) => decodeUtf8(ascii(name)) !== name)).toEqual([]);
  });

  it("leaves ASCII of over 128 bytes to the runtime, and does not keep it", async () => {
    const { text, calls } = await freshAndCounted();
    text.decodeUtf8(ascii("n".repeat(128)));
    expect(calls).toEqual({ decode: 0, fromCharCode: 1 });
    for (let i = 0; i < 2; i++) expect(text.decodeUtf8(ascii("n".repeat(129)))).toBe("n".repeat(129));
    expect(calls).toEqual({ decode: 2, fromCharCode: 1 });
  });

  it("keeps a byte order mark, also at the first call", async () => {
    const { text } = await freshAndCounted();
    expect(text.decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  it("encodes the first and the last character of each length as the standard does", () => {
    const characters = [
      "\u0000",
      "\u007f",
      "\u0080",
      "\u07ff",
      "\u0800",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
    ];
    for (const character of characters) {
      expect([...encodeUtf8(`é${character}`)]).toEqual([...new TextEncoder().encode(`é${character}`)]);
    }
  });

  it.each([
    ["ASCII", [0x6e, 0x6f, 0x64, 0x65], "node"],
    ["nothing", [], ""],
    ["two, three and four bytes", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], "é€😀"],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    ["a stray byte between text", [0x61, 0xff, 0x62], "a\udcffb"],
    ["the lowest stray byte behind text", [0x61, 0x80], "a\udc80"],
    ["a sequence cut off", [0xe2, 0x82], "\udce2\udc82"],
    ["the first character of two bytes", [0xc2, 0x80], "\u0080"],
    ["an overlong slash", [0xc0, 0xaf], "\udcc0\udcaf"],
    ["an overlong slash of three bytes", [0xe0, 0x80, 0xaf], "\udce0\udc80\udcaf"],
    ["an overlong slash of four bytes", [0xf0, 0x80, 0x80, 0xaf], "\udcf0\udc80\udc80\udcaf"],
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
    const lone = [0xef, 0xbf, 0xbd];
    expect([...encodeUtf8("a\ud800b\udc00")]).toEqual([0x61, ...lone, 0x62, ...lone]);
    expect([...encodeUtf8("\udc00\udc00")]).toEqual([...lone, ...lone]);
    expect([...encodeUtf8("\ud800\ue000")]).toEqual([...lone, 0xee, 0x80, 0x80]);
    expect([...encodeUtf8("\ud800\uffff")]).toEqual([...lone, 0xef, 0xbf, 0xbf]);
  });

  it("decodes the string at an offset, up to the end of the bytes or to a given size", () => {
    expect(decodeUtf8(ascii("name"), 2)).toBe("me");
    expect(decodeUtf8(ascii("name"), 1, 2)).toBe("am");
    expect(decodeUtf8(ascii("name"), 4)).toBe("");
  });

  it("decodes long ASCII", () => {
    const text = "n".repeat(5000);
    expect(decodeUtf8(ascii(text))).toBe(text);
  });
});

describe("the hash of a string", () => {
  afterEach(forgetSecret);

  it("hashes a name as it hashes the bytes of the name", async () => {
    const { utf8 } = await withSecret(seeded(2));
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 5_000, size: "max" }), (name) => {
        const bytes = encodeUtf8(name);
        expect(utf8.hashAt(Uint8Array.from([9, ...bytes]), 1, bytes.length)).toBe(utf8.hashOf(name));
      }),
    );
    expect(utf8.hashAt(encodeUtf8("né"), 0, 3)).toBeUndefined();
  });

  it("spreads names that differ little, or only in their length or order", async () => {
    for (const seed of [3, 4, 5]) {
      const { utf8 } = await withSecret(seeded(seed));
      const kinds: ((i: number) => string)[] = [
        (i) => `node-${i}`,
        (i) => `n${"\0".repeat(i)}`,
        (i) => `${"a".repeat(i)}b${"a".repeat(4_000 - i)}`,
        (i) => i.toString(2).padStart(12, "0").replaceAll("1", "é"),
      ];
      for (const nameOf of kinds) {
        const homes = new Set(Array.from({ length: 4_000 }, (_, i) => utf8.hashOf(nameOf(i)) >>> 19));
        // Random ones fill 3,164 of the 8,192.
        expect(homes.size).toBeGreaterThan(2_000);
      }
    }
  });

  it("gives each process a hash of its own", async () => {
    const hashes = [];
    for (const seed of [6, 7]) hashes.push((await withSecret(seeded(seed))).utf8.hashOf("node-1"));
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it("equals 0 for no characters, and for other values than strings", async () => {
    const { utf8 } = await withSecret(seeded(8));
    for (const value of [undefined, "", {}, 5]) expect(utf8.hashOf(value as string)).toBe(0);
  });
});
