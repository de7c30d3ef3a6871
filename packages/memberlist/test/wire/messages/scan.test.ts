import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locateInAnyForm } from "../../../src/wire/messages/decode.ts";
import { encode } from "../../../src/wire/messages/encode.ts";
import { scanObject } from "../../../src/wire/messages/msgpack.ts";
import { pushNodeAt } from "../../../src/wire/messages/push-pull.ts";
import { MessageCursor } from "../../../src/wire/messages/scan.ts";
import * as schemas from "../../../src/wire/messages/schema.ts";
import type { Field, Kind, Schema } from "../../../src/wire/messages/schema.ts";
import type { PushNodeState } from "../../../src/wire/messages/types.ts";
import { fromHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

const numbers = fc.oneof(fc.nat(0x1ff), fc.nat(0xffffffff));
const addresses = fc.constantFrom("", "10.0.0.1", "255.255.255.255", "::1", "2001:db8::1");

/** Values of every form that a kind is written in. */
const valuesOf: Readonly<Record<Kind, fc.Arbitrary<unknown>>> = {
  uint8: fc.nat(0xff),
  uint16: fc.nat(0xffff),
  uint32: numbers,
  int: fc.nat(0x7f),
  boolean: fc.boolean(),
  string: fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom("n1", "n".repeat(200))),
  bytes: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(600))),
  ip: addresses,
  relayedIp: addresses,
  versions: fc.array(fc.nat(255), { maxLength: 8 }),
};

type AnySchema = Schema<Readonly<Record<string, unknown>>>;
const all = Object.entries(schemas).filter(([name]) => name.endsWith("Schema")) as unknown as [string, AnySchema][];

/** The body of a message that we have encoded. */
function bodyOf(schema: AnySchema, message: Readonly<Record<string, unknown>>): Uint8Array {
  return encode(schema, message).slice(schema.type === undefined ? 0 : 1);
}

function bodiesOf(schema: AnySchema): fc.Arbitrary<Uint8Array> {
  const values = Object.fromEntries(schema.fields.map(({ property, kind }) => [property, valuesOf[kind]]));
  return fc.record(values).map((message) => bodyOf(schema, message));
}

/** What a cursor has found. */
function found(cursor: MessageCursor, { fields }: AnySchema, bytes: Uint8Array): unknown[] {
  return fields.map((field) => {
    if (field.isNumber) return cursor.number(field);
    if (field.kind === "versions") return cursor.versions(bytes, field as Field<"versions">);
    return [...bytes.subarray(cursor.start(field), cursor.start(field) + cursor.size(field))];
  });
}

function scanned(schema: AnySchema, body: Uint8Array): unknown[] | undefined {
  const cursor = new MessageCursor();
  return cursor.scan(schema, body, 0, body.length) ? found(cursor, schema, body) : undefined;
}

/** By the general decoder alone. */
function decoded(schema: AnySchema, body: Uint8Array): unknown[] {
  const cursor = new MessageCursor();
  expect(scanObject(body, 0)).toBeGreaterThan(0);
  locateInAnyForm(cursor, schema, body);
  return found(cursor, schema, body);
}

it("uses a schema for each message", () => {
  expect(all).toHaveLength(12);
});

describe.each(all)("scanning by %s", (_, schema) => {
  it("finds the same as the general decoder, for any content of the fields", () => {
    fc.assert(
      fc.property(bodiesOf(schema), fc.nat(3), (body, trailing) => {
        const longer = new Uint8Array([...body, ...new Uint8Array(trailing)]);
        const cursor = new MessageCursor();
        expect(cursor.scan(schema, longer, 0, longer.length)).toBe(true);
        expect(cursor.end).toBe(body.length);
        expect(found(cursor, schema, longer)).toEqual(decoded(schema, longer));
      }),
    );
  });

  it("finds nothing in a message that is cut off", () => {
    fc.assert(
      fc.property(bodiesOf(schema), (body) => {
        for (let end = 0; end < body.length; end++) {
          expect(scanned(schema, body.subarray(0, end))).toBeUndefined();
          // The bytes behind are of another message.
          expect(new MessageCursor().scan(schema, body, 0, end)).toBe(false);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("finds nothing in messages that the general decoder rejects or reads otherwise", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(bodiesOf(schema), changes, (body, changed) => {
        for (const [at, byte] of changed) body[at % body.length] = byte;
        const seen = scanned(schema, body);
        expect(seen).toEqual(seen && decoded(schema, body));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("scanning", () => {
  const { pingSchema, pushNodeSchema } = schemas;
  const node: PushNodeState = {
    name: "n1",
    addr: "10.0.0.1",
    isMapped: true,
    port: 7946,
    meta: Uint8Array.of(1, 2),
    incarnation: 7,
    state: 3,
    vsn: [1, 5, 2, 0, 0, 0],
  };

  it("stays within the given offsets", () => {
    const body = encode(pushNodeSchema, node);
    const within = new Uint8Array([7, 7, ...body, 7]);
    const cursor = new MessageCursor();
    expect(cursor.scan(pushNodeSchema, within, 2, 2 + body.length)).toBe(true);
    expect(cursor.end).toBe(2 + body.length);
    expect(pushNodeAt(cursor, within)).toEqual(node);
    for (let end = 0; end < 2 + body.length; end++) expect(cursor.scan(pushNodeSchema, within, 2, end)).toBe(false);
  });

  it("finds names of all lengths that have another head", () => {
    for (const size of [0, 1, 31, 32, 255, 256]) {
      const name = "n".repeat(size);
      const body = encode(schemas.suspectSchema, { incarnation: 1, node: name, from: name }).slice(1);
      const cursor = new MessageCursor();
      expect([size, cursor.scan(schemas.suspectSchema, body, 0, body.length)]).toEqual([size, true]);
      expect(cursor.string(body, schemas.suspectSchema.of.node)).toBe(name);
    }
  });

  it("finds the largest number of each form", () => {
    for (const seqNo of [127, 128, 255, 256, 65_535, 65_536, 4_294_967_295]) {
      const body = encode(schemas.nackSchema, { seqNo }).slice(1);
      const cursor = new MessageCursor();
      expect([seqNo, cursor.scan(schemas.nackSchema, body, 0, body.length)]).toEqual([seqNo, true]);
      expect(cursor.number(schemas.nackSchema.of.seqNo)).toBe(seqNo);
    }
  });

  it("accepts a ping with some optional fields, but no fields after the message", () => {
    const [head, ...fields] = encode(pingSchema, {
      seqNo: 1,
      node: "n1",
      sourceAddr: "",
      sourcePort: 7946,
      sourceNode: "",
    }).slice(1);
    expect(head).toBe(0x83);
    const body = (entries: number): Uint8Array => Uint8Array.of(0x80 + entries, ...fields);
    const cursor = new MessageCursor();
    expect([1, 2, 3, 4, 5].map((entries) => cursor.scan(pingSchema, body(entries), 0, body(entries).length))).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it("leaves numbers that are too large for their fields to the general decoder", () => {
    // The port is the last field, in four bytes.
    const port = (value: string): string => `83a44e6f6465a16ea55365714e6f01aa536f75726365506f7274ce${value}`;
    const body = fromHex(port("0000ffff"));
    const cursor = new MessageCursor();
    expect([cursor.scan(pingSchema, body, 0, body.length), cursor.number(pingSchema.of.sourcePort)]).toEqual([true, 65_535]);
    expect(scanned(pingSchema as unknown as AnySchema, fromHex(port("00010000")))).toBeUndefined();
  });

  it("leaves keys in another order, str8 and over-wide numbers to the general decoder", () => {
    for (const hex of [
      "82a55365714e6f01a75061796c6f6164c0",
      "82a75061796c6f6164d90161a55365714e6f01",
      "82a75061796c6f6164c0a55365714e6fcf0000000000000001",
    ]) {
      expect([hex, scanned(schemas.ackSchema as unknown as AnySchema, fromHex(hex))]).toEqual([hex, undefined]);
    }
  });

  it("leaves a name over 4,096 bytes to the general decoder, which rejects it", () => {
    const body = (size: number): Uint8Array =>
      encode(schemas.suspectSchema, { incarnation: 1, node: "n".repeat(size), from: "" }).slice(1);
    const schema = schemas.suspectSchema as unknown as AnySchema;
    expect(scanned(schema, body(4096))).toEqual(decoded(schema, body(4096)));
    expect(scanned(schema, body(4097))).toBeUndefined();
    expect(reasonOf(() => decoded(schema, body(4097)))).toBe("too_large");
  });
});
