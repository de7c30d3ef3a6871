import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeAckResp, encodePing } from "../../../src/wire/messages/encode.ts";
import { bytesField, ipField, readFields, textField, uintField } from "../../../src/wire/messages/fields.ts";
import type { AckResp, Ping } from "../../../src/wire/messages/types.ts";
import { scanAck, scanPing } from "../../../src/wire/messages/ping-layout.ts";
import { fromHex } from "../hex.ts";

/** By the general decoder alone. */
function pingInGeneral(body: Uint8Array): Ping {
  const fields = readFields(body);
  return {
    seqNo: uintField(fields, "SeqNo", 0xffffffff),
    node: textField(fields, "Node"),
    sourceAddr: ipField(fields, "SourceAddr"),
    sourcePort: uintField(fields, "SourcePort", 0xffff),
    sourceNode: textField(fields, "SourceNode"),
  };
}

function ackInGeneral(body: Uint8Array): AckResp {
  const fields = readFields(body);
  return { seqNo: uintField(fields, "SeqNo", 0xffffffff), payload: bytesField(fields, "Payload") };
}

const numbers = fc.oneof(fc.nat(0x1ff), fc.nat(0xffffffff));
const texts = fc.oneof(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), fc.constantFrom("n1", "n".repeat(200)));
const pings: fc.Arbitrary<Ping> = fc.record({
  seqNo: numbers,
  node: texts,
  sourceAddr: fc.constantFrom("10.0.0.1", "255.255.255.255", "::1", "2001:db8::1"),
  sourcePort: fc.integer({ min: 1, max: 0xffff }),
  sourceNode: texts,
});
const acks: fc.Arbitrary<AckResp> = fc.record({
  seqNo: numbers,
  payload: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(600))),
});
const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });

describe.each([
  { what: "a ping", bodies: pings.map((one) => encodePing(one).slice(1)), scan: scanPing, inGeneral: pingInGeneral },
  { what: "an ack", bodies: acks.map((one) => encodeAckResp(one).slice(1)), scan: scanAck, inGeneral: ackInGeneral },
] as {
  what: string;
  bodies: fc.Arbitrary<Uint8Array>;
  scan: (body: Uint8Array) => unknown;
  inGeneral: (body: Uint8Array) => unknown;
}[])("the usual layout of $what", ({ bodies, scan, inGeneral }) => {
  it("is read, whatever the fields hold, and nothing that is cut off", () => {
    fc.assert(
      fc.property(bodies, fc.nat(3), (body, trailing) => {
        const longer = new Uint8Array([...body, ...new Uint8Array(trailing)]);
        expect(scan(longer)).toEqual(inGeneral(longer));
        for (let end = 0; end < body.length; end++) expect(scan(body.subarray(0, end))).toBeUndefined();
      }),
    );
  });

  it("is never seen in what the general decoder refuses, or reads otherwise", () => {
    fc.assert(
      fc.property(bodies, changes, (body, changed) => {
        for (const [at, byte] of changed) body[at % body.length] = byte;
        const usual = scan(body);
        expect(usual).toEqual(usual && inGeneral(body));
      }),
      { numRuns: 2000 },
    );
  });
});

it("a ping that does not say whom it is from is left to the general decoder, as is an ack in another order", () => {
  const anonymous = encodePing({ seqNo: 1, node: "n1", sourceAddr: "", sourcePort: 0, sourceNode: "" }).slice(1);
  expect(scanPing(anonymous)).toBeUndefined();
  expect(scanAck(fromHex("82a55365714e6f01a75061796c6f6164c0"))).toBeUndefined();
});
