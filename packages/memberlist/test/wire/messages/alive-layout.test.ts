import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanAlive, scanPushNode } from "../../../src/wire/messages/alive-layout.ts";
import { decodeAlive } from "../../../src/wire/messages/decode.ts";
import { encodeAlive } from "../../../src/wire/messages/encode.ts";
import { bytesField, ipField, readFields, textField, uintField, versionsField } from "../../../src/wire/messages/fields.ts";
import type { Alive, PushNodeState } from "../../../src/wire/messages/types.ts";
import { decodePushNode, encodePushPull, pushNodeOf } from "../../../src/wire/messages/push-pull.ts";
import { ascii, fromHex } from "../hex.ts";

/** By the general decoder alone. */
function decodeInGeneral(body: Uint8Array): Alive {
  const fields = readFields(body);
  return {
    incarnation: uintField(fields, "Incarnation", 0xffffffff),
    node: textField(fields, "Node"),
    addr: ipField(fields, "Addr"),
    port: uintField(fields, "Port", 0xffff),
    meta: bytesField(fields, "Meta"),
    vsn: versionsField(fields, "Vsn"),
  };
}

const alives: fc.Arbitrary<Alive> = fc.record({
  incarnation: fc.oneof(fc.nat(0x1ff), fc.nat(0xffffffff)),
  node: fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom("n1", "n".repeat(200))),
  addr: fc.constantFrom("", "10.0.0.1", "255.255.255.255", "::1", "2001:db8::1"),
  port: fc.nat(0xffff),
  meta: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(600))),
  vsn: fc.array(fc.nat(255), { maxLength: 8 }),
});

describe("the usual layout of an alive message", () => {
  it("is read, whatever the fields hold", () => {
    fc.assert(
      fc.property(alives, fc.nat(3), (alive, trailing) => {
        const body = new Uint8Array([...encodeAlive(alive).subarray(1), ...new Uint8Array(trailing)]);
        expect(scanAlive(body, 0, body.length)).toBeDefined();
        expect(decodeAlive(body)).toEqual(decodeInGeneral(body));
      }),
    );
  });

  it("is never seen in what the general decoder refuses, or reads otherwise", () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(alives, fc.array(change, { minLength: 1, maxLength: 3 }), fc.option(fc.nat()), (alive, changes, cut) => {
        const whole = encodeAlive(alive).slice(1);
        for (const [at, byte] of changes) whole[at % whole.length] = byte;
        const body = cut === null ? whole : whole.subarray(0, cut % whole.length);
        const isUsual = scanAlive(body, 0, body.length) !== undefined;
        expect(isUsual ? decodeAlive(body) : undefined).toEqual(isUsual ? decodeInGeneral(body) : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it("ends where it is told to, also in the middle of more bytes", () => {
    const body = encodeAlive({ incarnation: 1, node: "n1", addr: "10.0.0.1", port: 1, meta: ascii("m"), vsn: [1] }).subarray(1);
    const within = new Uint8Array([7, 7, ...body, 7]);
    expect(scanAlive(within, 2, 2 + body.length)).toMatchObject({ nameSize: 2, metaSize: 1, vsnSize: 1, port: 1 });
    for (let end = 2; end < 2 + body.length; end++) expect(scanAlive(within, 2, end)).toBeUndefined();
  });

  it("is not that of keys in another order, which are read all the same", () => {
    const body = fromHex("82a44e6f6465a26e31ab496e6361726e6174696f6e01");
    expect(scanAlive(body, 0, body.length)).toBeUndefined();
    expect(decodeAlive(body)).toMatchObject({ node: "n1", incarnation: 1 });
  });
});

describe("the usual layout of a node of a push/pull", () => {
  const nodes: fc.Arbitrary<PushNodeState> = fc
    .record({ alive: alives, state: fc.nat(127) })
    .map(({ alive: { node, ...rest }, state }) => ({ ...rest, name: node, state }));
  const headSize = encodePushPull(false, [], new Uint8Array(0)).length;
  const encoded = (node: PushNodeState): Uint8Array => encodePushPull(false, [node], new Uint8Array(0)).slice(headSize);

  it("is read, whatever the fields hold, and up to its end", () => {
    fc.assert(
      fc.property(nodes, fc.nat(3), (node, trailing) => {
        const bytes = encoded(node);
        const within = new Uint8Array([9, ...bytes, ...new Uint8Array(trailing)]);
        const layout = scanPushNode(within, 1, within.length);
        expect(layout).toMatchObject({ end: 1 + bytes.length, state: node.state });
        const read = { ...node, vsn: node.vsn.slice(0, 6) };
        expect(layout && pushNodeOf(within, layout)).toEqual(read);
        expect(decodePushNode(bytes)).toEqual(read);
        for (let end = 0; end < bytes.length; end++) expect(scanPushNode(bytes, 0, end)).toBeUndefined();
      }),
    );
  });

  it("is never seen in what the general decoder refuses, or reads otherwise", () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(nodes, fc.array(change, { minLength: 1, maxLength: 3 }), (node, changes) => {
        const bytes = encoded(node);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const layout = scanPushNode(bytes, 0, bytes.length);
        const seen = layout && pushNodeOf(bytes, layout);
        expect(seen).toEqual(layout && decodePushNode(bytes.subarray(0, layout.end)));
      }),
      { numRuns: 2000 },
    );
  });
});
