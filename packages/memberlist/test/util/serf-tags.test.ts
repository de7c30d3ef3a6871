import { afterEach, describe, expect, it, vi } from "vitest";
import { encode } from "@msgpack/msgpack";
import { decodeSerfTags } from "../../src/index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

afterEach(() => vi.unstubAllGlobals());

describe("decodeSerfTags", () => {
  it("reads the tags of Serf and Consul, and returns undefined for any other metadata", () => {
    const tags = { role: "web", dc: "east" };
    expect(decodeSerfTags(new Uint8Array([0xff, ...encode(tags)]))).toEqual(tags);
    expect(decodeSerfTags(bytes('{"role":"web"}'))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array(0))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array([0xff]))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array([0xff, ...encode({ role: 1 })]))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array([0xff, ...encode(["role"])]))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array([0xff, ...Array.from({ length: 511 }, () => 0x91)]))).toBeUndefined();
    expect(decodeSerfTags(new Uint8Array([0xff, ...encode(JSON.parse('{"__proto__":"x"}'))]))).toBeUndefined();
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
    for (const meta of hostile) expect(decodeSerfTags(new Uint8Array(meta))).toBeUndefined();
    expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(512);
  });
});
