import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCompound, makeCompounds, PartList, splitCompound } from "../../src/wire/compound.ts";
import { encodePing } from "../../src/wire/messages/encode.ts";
import { fromHex, toHex } from "./hex.ts";
import { reasonOf } from "./reason.ts";

const ping = encodePing({ seqNo: 100, node: "", sourceAddr: "", sourcePort: 0, sourceNode: "" });

describe("compound messages", () => {
  it("puts count, lengths and messages together [MakeCompoundMessage]", () => {
    const message = makeCompound([ping, ping, ping]);
    expect(message).toHaveLength(3 * ping.length + 3 * 2 + 2);
    expect(toHex(makeCompound([fromHex("0b80"), fromHex("08616263")]))).toBe("07020002 0004 0b80 08616263".replaceAll(" ", ""));
    expect(toHex(makeCompound([]))).toBe("0700");
  });

  it("takes them apart again [DecodeCompoundMessage]", () => {
    const { parts, truncated } = splitCompound(makeCompound([ping, ping, ping]).subarray(1));
    expect(truncated).toBe(0);
    expect(parts).toEqual([ping, ping, ping]);
  });

  it("rejects a count larger than the table of lengths [DecodeCompoundMessage_NumberOfPartsOverflow]", () => {
    expect(reasonOf(() => splitCompound(fromHex("80")))).toBe("truncated");
    expect(reasonOf(() => splitCompound(fromHex("02000100")))).toBe("truncated");
    expect(reasonOf(() => splitCompound(fromHex("")))).toBe("truncated");
  });

  it("delivers the whole parts of a truncated compound, and counts the rest [DecodeCompoundMessage_Trunc]", () => {
    const body = makeCompound([ping, ping, ping]).subarray(1);
    const { parts, truncated } = splitCompound(body.subarray(0, body.length - ping.length - 1));
    expect(parts).toEqual([ping]);
    expect(truncated).toBe(2);
  });

  it("stops at the first part that exceeds the packet, even if a later one would fit", () => {
    expect(splitCompound(fromHex("0200050001 61"))).toEqual({ parts: [], truncated: 2 });
  });

  it("splits over 255 parts into several messages", () => {
    const parts = Array.from({ length: 600 }, (_, i) => Uint8Array.of(8, i >> 8, i));
    const messages = makeCompounds(parts);
    expect(messages.map((message) => message[1])).toEqual([255, 255, 90]);
    expect(messages.flatMap((message) => splitCompound(message.subarray(1)).parts)).toEqual(parts);
    expect(makeCompounds(parts.slice(0, 255))).toHaveLength(1);
    expect(makeCompounds([])).toEqual([]);
  });

  it("refuses to encode counts or lengths beyond its fields", () => {
    expect(() => makeCompound(Array.from({ length: 256 }, () => ping))).toThrow(RangeError);
    expect(() => makeCompound([new Uint8Array(65536)])).toThrow(RangeError);
    const largest = new Uint8Array(65535).fill(7);
    expect(splitCompound(makeCompound([largest]).subarray(1))).toEqual({ parts: [largest], truncated: 0 });
  });

  it("round-trips any parts", () => {
    const anyParts = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 255 });
    fc.assert(
      fc.property(anyParts, (parts) => {
        expect(splitCompound(makeCompound(parts).subarray(1))).toEqual({ parts, truncated: 0 });
      }),
    );
  });
});

it("copies parts that are next to each other, or not, or in other arrays, each whole and in order", () => {
  const one = Uint8Array.from({ length: 12 }, (_, i) => i);
  const other = Uint8Array.from({ length: 4 }, (_, i) => 20 + i);
  const list = new PartList();
  for (const [start, end] of [
    [0, 3],
    [3, 3],
    [3, 5],
    [6, 8],
    [8, 9],
  ] as const)
    list.add(one, start, end);
  list.add(other, 0, 4);
  list.add(other, 1, 2);
  list.add(one, 0, 12);
  for (const [array, start, end] of [
    [one, 2, 4],
    [one, 0, 2],
    [one, 2, 3],
    [other, 3, 4],
    [one, 9, 12],
  ] as const)
    list.add(array, start, end);
  const views = Array.from({ length: list.count }, (_, i) => list.part(i));
  expect(views.map((part) => [...part])).toEqual([
    [0, 1, 2],
    [],
    [3, 4],
    [6, 7],
    [8],
    [20, 21, 22, 23],
    [21],
    [...one],
    [2, 3],
    [0, 1],
    [2],
    [23],
    [9, 10, 11],
  ]);
  for (const [from, to] of [
    [0, 13],
    [0, 8],
    [8, 10],
    [12, 13],
    [1, 4],
    [2, 3],
    [4, 7],
    [5, 5],
  ] as const) {
    expect(list.compound(from, to)).toEqual(makeCompound(views.slice(from, to).map((part) => new Uint8Array(part))));
    expect(splitCompound(list.compound(from, to).subarray(1)).parts).toEqual(views.slice(from, to));
  }
});
