import { afterEach, describe, expect, it, vi } from "vitest";
import { encode } from "@msgpack/msgpack";
import { decodeTags, encodeTags, MemberlistError, type Tags } from "../../src/index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

afterEach(() => vi.unstubAllGlobals());

function refusal(tags: unknown): MemberlistError {
  try {
    encodeTags(tags as Tags);
  } catch (error) {
    if (error instanceof MemberlistError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("encodeTags", () => {
  it("writes the byte 0xff and a MessagePack map of strings, which decodeTags reads", () => {
    expect([...encodeTags({ role: "web" })]).toEqual([0xff, 0x81, 0xa4, ...bytes("role"), 0xa3, ...bytes("web")]);
    expect([...encodeTags({})]).toEqual([0xff, 0x80]);
    const all: Tags[] = [{}, { "": "" }, { zone: "é", note: "x".repeat(255), id: "y".repeat(200) }];
    for (const tags of all) expect(decodeTags(encodeTags(tags))).toEqual(tags);
  });

  it("accepts 512 bytes, and refuses more with the size and the limit", () => {
    expect(encodeTags({ a: "x".repeat(505) })).toHaveLength(512);
    expect(refusal({ a: "x".repeat(506) })).toMatchObject({
      code: "meta_too_large",
      message: "the tags take 513 bytes of metadata, and the limit is 512: shorten them",
      details: { size: 513, limit: 512 },
    });
  });

  it("refuses tags that decodeTags would not return", () => {
    const wrong = [{ port: 80 }, ["web"], new Map([["role", "web"]]), null, "role", JSON.parse('{"__proto__":"x"}')];
    for (const tags of wrong) expect(refusal(tags).code).toBe("invalid_argument");
  });
});

describe("decodeTags", () => {
  it("reads the tags of Serf and Consul, and returns undefined for any other metadata", () => {
    const tags = { role: "web", dc: "east" };
    expect(decodeTags(new Uint8Array([0xff, ...encode(tags)]))).toEqual(tags);
    expect(decodeTags(bytes('{"role":"web"}'))).toBeUndefined();
    expect(decodeTags(new Uint8Array(0))).toBeUndefined();
    expect(decodeTags(new Uint8Array([0xff]))).toBeUndefined();
    expect(decodeTags(new Uint8Array([0xff, ...encode({ role: 1 })]))).toBeUndefined();
    expect(decodeTags(new Uint8Array([0xff, ...encode(["role"])]))).toBeUndefined();
    expect(decodeTags(new Uint8Array([0xff, ...Array.from({ length: 511 }, () => 0x91)]))).toBeUndefined();
    expect(decodeTags(new Uint8Array([0xff, ...encode(JSON.parse('{"__proto__":"x"}'))]))).toBeUndefined();
  });

  it("allocates no array, for any length that hostile metadata announces", () => {
    const lengths: number[] = [];
    const construct = (target: ArrayConstructor, args: unknown[], newTarget: () => unknown): object => {
      if (typeof args[0] === "number") lengths.push(args[0]);
      return Reflect.construct(target, args, newTarget) as object;
    };
    vi.stubGlobal(
      "Array",
      new Proxy(Array, { construct: construct as NonNullable<ProxyHandler<ArrayConstructor>["construct"]> }),
    );
    const array = [0xdd, 0x00, 0x10, 0x00, 0x00];
    const hostile = [
      [0xff, ...array],
      [0xff, 0x81, 0xa1, 0x61, ...array, ...array],
      [0xff, 0x81, ...array],
    ];
    for (const meta of hostile) expect(decodeTags(new Uint8Array(meta))).toBeUndefined();
    expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(512);
  });
});
