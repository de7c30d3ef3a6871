import { encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { decodeMeta } from "../src/index.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("decodeMeta", () => {
  it("decodes JSON objects and arrays", () => {
    expect(decodeMeta(utf8('{"role":"web","port":80}'))).toEqual({ format: "json", value: { role: "web", port: 80 } });
    expect(decodeMeta(utf8(" [1,2]"))).toEqual({ format: "json", value: [1, 2] });
  });

  it("decodes the tags of Serf", () => {
    const tags = { role: "web", dc: "east", "": "" };
    expect(decodeMeta(Uint8Array.of(0xff, ...encode(tags)))).toEqual({ format: "tags", tags });
    expect(decodeMeta(Uint8Array.of(0xff, 0x80))).toEqual({ format: "tags", tags: {} });
  });

  it("decodes numbers and other text as text", () => {
    expect(decodeMeta(utf8("zone=a\tgrün\n"))).toEqual({ format: "text", text: "zone=a\tgrün\n" });
    expect(decodeMeta(utf8("42"))).toEqual({ format: "text", text: "42" });
    expect(decodeMeta(utf8("{broken"))).toEqual({ format: "text", text: "{broken" });
  });

  it("shows other bytes in hex, cut to 64 bytes", () => {
    expect(decodeMeta(Uint8Array.of(0, 1, 254))).toEqual({ format: "binary", bytes: 3, hex: "0001fe" });
    expect(decodeMeta(new Uint8Array(512))).toEqual({ format: "binary", bytes: 512, hex: "00".repeat(64) });
    expect(decodeMeta(utf8("\u001b[31mred"))).toMatchObject({ format: "binary" });
    expect(decodeMeta(new Uint8Array(5_000).fill(65))).toMatchObject({ format: "binary", bytes: 5_000 });
  });

  it("decodes empty metadata", () => {
    expect(decodeMeta(new Uint8Array(0))).toEqual({ format: "empty" });
  });

  it.each([
    ["tags with a value that is not a string", [0xff, ...encode({ role: 1 })]],
    ["tags that are a list", [0xff, ...encode(["a"])]],
    ["tags that end early", [0xff, 0x81, 0xa4, 0x72]],
    ["tags that want a prototype", [0xff, ...encode({ ["__proto__"]: "x" })]],
    ["tags that announce four billion entries", [0xff, 0xdf, 0xff, 0xff, 0xff, 0xff]],
  ])("shows %s in hex", (_, bytes) => {
    expect(decodeMeta(Uint8Array.from(bytes))).toMatchObject({ format: "binary", bytes: bytes.length });
  });

  it("shows deep JSON as text, and keeps __proto__ an ordinary key", () => {
    const deep = "[".repeat(200) + "]".repeat(200);
    expect(decodeMeta(utf8(deep))).toEqual({ format: "text", text: deep });
    const own = decodeMeta(utf8('{"__proto__":{"polluted":true}}'));
    expect(JSON.stringify(own)).toBe('{"format":"json","value":{"__proto__":{"polluted":true}}}');
    expect("polluted" in {}).toBe(false);
  });
});
