import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteStringHeadSize, encodeDead, MessageWriter } from "../../../src/wire/messages/encode.ts";
import { ackSchema, errSchema, pushNodeSchema, pushPullSchema } from "../../../src/wire/messages/schema.ts";
import type { PushNodeState } from "../../../src/wire/messages/types.ts";
import { encodeUtf8 } from "../../../src/wire/utf8.ts";
import { ascii, toHex } from "../hex.ts";

const none = new Uint8Array(0);
const sizes = fc.constantFrom(0, 1, 31, 32, 255, 256, 512, 70_000);
const numbers = (...edges: number[]): fc.Arbitrary<number> =>
  fc.constantFrom(...edges.flatMap((edge) => [edge - 1, edge]), 0, 65_535);
const addresses: Readonly<Record<string, string>> = {
  "": "c0",
  "10.0.0.1": "a40a000001",
  "255.255.255.255": "a4ffffffff",
  "2001:db8::1": "b020010db8000000000000000000000001",
  "::ffff:10.0.0.1": "a40a000001",
};
const nodes: fc.Arbitrary<PushNodeState> = fc.record({
  name: fc.oneof(
    sizes.map((size) => "n".repeat(size)),
    fc.string({ unit: "binary" }),
    // A byte that is not UTF-8, escaped.
    fc.constantFrom("n\udcff", "n\u0080"),
  ),
  addr: fc.constantFrom(...Object.keys(addresses)),
  port: numbers(128, 256),
  meta: sizes.map((size) => new Uint8Array(size).fill(7)),
  incarnation: fc.oneof(numbers(128, 256, 65_536), fc.constant(0xffffffff)),
  state: fc.nat(3),
  vsn: fc.constantFrom([], [1, 5, 2, 0, 0, 0], [255]),
});

/** The bytes of a node, put together by hand. */
function nodeInHex({ addr, incarnation, meta, name, port, state, vsn }: PushNodeState): string {
  const number = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const bytes = (value: Uint8Array): string => {
    const { length } = value;
    const head = length < 32 ? number(0xa0 + length, 2) : length < 65_536 ? `da${number(length, 4)}` : `db${number(length, 8)}`;
    return head + toHex(value);
  };
  const nilable = (value: Uint8Array): string => (value.length === 0 ? "c0" : bytes(value));
  const uint = (value: number): string => {
    if (value < 128) return number(value, 2);
    return value < 256 ? `cc${number(value, 2)}` : value < 65_536 ? `cd${number(value, 4)}` : `ce${number(value, 8)}`;
  };
  const entries: readonly (readonly [string, string])[] = [
    ["Addr", addresses[addr] as string],
    ["Incarnation", uint(incarnation)],
    ["Meta", nilable(meta)],
    ["Name", bytes(encodeUtf8(name))],
    ["Port", uint(port)],
    ["State", number(state, 2)],
    ["Vsn", nilable(Uint8Array.from(vsn))],
  ];
  return `87${entries.map(([key, value]) => bytes(ascii(key)) + value).join("")}`;
}

describe("the writer of messages", () => {
  it("writes nodes one after the other, and grows if the estimated size was too small", () => {
    fc.assert(
      fc.property(fc.array(nodes, { maxLength: 5 }), fc.nat(100), (all, capacity) => {
        const writer = new MessageWriter(capacity);
        writer.raw(ascii("head"));
        for (const node of all) writer.write(pushNodeSchema, node);
        writer.raw(ascii("tail"));
        const parts = [toHex(ascii("head")), ...all.map((node) => nodeInHex(node)), toHex(ascii("tail"))];
        expect(toHex(writer.view()) === parts.join("")).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it("writes an IPv4 address in 16 bytes if it was received so", () => {
    const writer = new MessageWriter(0);
    const node = {
      name: "",
      addr: "10.0.0.1",
      isMapped: true as const,
      port: 0,
      meta: ascii(""),
      incarnation: 0,
      state: 0,
      vsn: [],
    };
    writer.write(pushNodeSchema, node);
    expect(toHex(writer.view())).toContain("a441646472b000000000000000000000ffff0a000001ab");
  });

  it("writes Go's int in its smallest signed form", () => {
    const written = (nodes: number): string => {
      const writer = new MessageWriter(0);
      writer.write(pushPullSchema, { join: true, nodes, userStateLen: 0 });
      return toHex(writer.view());
    };
    expect([127, 128, 32_767, 32_768, 2 ** 31 - 1].map(written)).toEqual(
      ["7f", "d10080", "d17fff", "d200008000", "d27fffffff"].map(
        (value) => `0683a44a6f696ec3a54e6f646573${value}ac5573657253746174654c656e00`,
      ),
    );
  });

  it("knows the size of a byte string's head", () => {
    expect([0, 31, 32, 65_535, 65_536].map(byteStringHeadSize)).toEqual([1, 1, 3, 3, 5]);
  });

  it("lets memory over 64 KiB go when it is cleared", () => {
    const writer = new MessageWriter(10);
    const memory = (): number => writer.view().buffer.byteLength;
    writer.raw(new Uint8Array(64 * 1024));
    expect(memory()).toBe(64 * 1024 + 5);
    writer.clear();
    expect([writer.view().length, memory()]).toEqual([0, 2048]);
    const kept = new MessageWriter(64 * 1024);
    kept.raw(Uint8Array.of(1));
    kept.clear();
    expect(kept.view().buffer.byteLength).toBe(64 * 1024);
  });

  it("reserves the memory that a message needs, and grows only when it is full", () => {
    const memory = (writer: MessageWriter): number => writer.view().buffer.byteLength;
    const full = new MessageWriter(5);
    full.raw(new Uint8Array(5));
    expect(memory(full)).toBe(5);
    const short = new MessageWriter(0);
    short.write(ackSchema, { seqNo: 1, payload: none });
    const long = new MessageWriter(0);
    long.write(ackSchema, { seqNo: 1, payload: new Uint8Array(1_000) });
    expect(memory(long) - memory(short)).toBe(1_000);
    const wide = new MessageWriter(0);
    wide.write(errSchema, { error: "€".repeat(1_000) });
    expect(wide.view().length).toBe(1 + 1 + 6 + 3 + 3_000);
  });

  it("rejects an invalid address, and writes the next message as usual", () => {
    const node = { name: "n", addr: "localhost", port: 1, meta: ascii(""), incarnation: 1, state: 0, vsn: [] };
    const writer = new MessageWriter(0);
    expect(() => writer.write(pushNodeSchema, node)).toThrow(expect.objectContaining({ code: "invalid_address" }));
    const dead = toHex(encodeDead({ incarnation: 1, node: "a", from: "b" }));
    writer.clear();
    writer.write(pushNodeSchema, { ...node, addr: "" });
    expect(toHex(writer.view())).toBe(nodeInHex({ ...node, addr: "" }));
    expect(dead).toBe("0583a446726f6da162ab496e6361726e6174696f6e01a44e6f6465a161");
  });
});
