import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { PushNodeState } from "../../../src/wire/messages/types.ts";
import { MsgpackWriter } from "../../../src/wire/messages/msgpack-writer.ts";
import { NodeWriter } from "../../../src/wire/messages/node-writer.ts";
import { ascii } from "../hex.ts";

const sizes = fc.constantFrom(0, 1, 31, 32, 255, 256, 512, 70_000);
const numbers = (...edges: number[]): fc.Arbitrary<number> => fc.constantFrom(...edges.flatMap((edge) => [edge - 1, edge]), 0);
const nodes: fc.Arbitrary<PushNodeState> = fc.record({
  name: fc.oneof(
    sizes.map((size) => "n".repeat(size)),
    fc.string({ unit: "binary" }),
    // A byte that is not UTF-8, escaped.
    fc.constant("n\udcff"),
  ),
  isMapped: fc.constantFrom<true | undefined>(undefined, true),
  addr: fc.constantFrom("", "10.0.0.1", "255.255.255.255", "2001:db8::1", "::ffff:10.0.0.1"),
  port: numbers(128, 256, 65_536),
  meta: sizes.map((size) => new Uint8Array(size).fill(7)),
  incarnation: numbers(128, 256, 65_536, 2 ** 32),
  state: fc.nat(3),
  vsn: fc.constantFrom([], [1, 5, 2, 0, 0, 0], [255]),
});

/** The same by the writer of all other messages. */
function writtenByKey({ addr, incarnation, isMapped, meta, name, port, state, vsn }: PushNodeState): Uint8Array {
  const writer = new MsgpackWriter();
  writer.map(7);
  writer.key("Addr");
  writer.ip(addr, isMapped);
  writer.key("Incarnation");
  writer.uint(incarnation);
  writer.key("Meta");
  writer.nilableBytes(meta);
  writer.key("Name");
  writer.text(name);
  writer.key("Port");
  writer.uint(port);
  writer.key("State");
  writer.int(state);
  writer.key("Vsn");
  writer.octets(vsn);
  return writer.take();
}

it("writes nodes as they are written key by key, however little room there was reckoned to be", () => {
  fc.assert(
    fc.property(fc.array(nodes, { maxLength: 5 }), fc.nat(100), (all, capacity) => {
      const writer = new NodeWriter(ascii("head"), capacity);
      for (const node of all) writer.node(node);
      writer.raw(ascii("tail"));
      const parts = [ascii("head"), ...all.map((node) => writtenByKey(node)), ascii("tail")];
      expect(Buffer.compare(writer.view(), Buffer.concat(parts))).toBe(0);
    }),
    { numRuns: 500 },
  );
});

it("refuses an address that is none", () => {
  const writer = new NodeWriter(ascii("head"), 0);
  const node = { name: "n", addr: "localhost", port: 1, meta: ascii(""), incarnation: 1, state: 0, vsn: [] };
  expect(() => writer.node(node)).toThrow(expect.objectContaining({ code: "invalid_address" }));
});
