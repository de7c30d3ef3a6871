import { describe, expect, it } from "vitest";
import { MessageCursor } from "../../src/wire/messages/scan.ts";
import { aliveSchema } from "../../src/wire/messages/schema.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { Suspicion } from "../../src/swim/suspicion.ts";
import { alive, encodeMessage, goodVersions, hostOf, type MessageOf } from "./messages.ts";

const meta = Uint8Array.of(7, 8, 9);
const known = { incarnation: 5, meta, vsn: goodVersions };

function recordOf(versions: readonly number[] = goodVersions): NodeRecord {
  const record = new NodeRecord("n2", hostOf("n2"), 7946, meta, 0);
  record.change({ incarnation: 5, versions });
  return record;
}

/** Whether the record calls the message unchanged. The message is in the middle of its packet. */
function isUnchanged(record: NodeRecord, fields: Partial<MessageOf<"alive">>): boolean {
  const message = encodeMessage(alive("n2", { ...known, ...fields }));
  const packet = Uint8Array.from([1, 2, 3, ...message, 4]);
  const cursor = new MessageCursor();
  expect(cursor.scan(aliveSchema, packet, 4, packet.length - 1)).toBe(true);
  return record.isUnchangedBy(packet, cursor);
}

describe("an alive message", () => {
  it("changes nothing if its fields are those of the record, at the same or a lower incarnation", () => {
    expect(isUnchanged(recordOf(), {})).toBe(true);
    expect(isUnchanged(recordOf(), { incarnation: 4 })).toBe(true);
  });

  it.each<[string, Partial<MessageOf<"alive">>]>([
    ["a higher incarnation", { incarnation: 6 }],
    ["another address", { addr: "127.0.0.99" }],
    ["another port", { port: 7947 }],
    ["shorter metadata", { meta: meta.subarray(0, 2) }],
    ["longer metadata", { meta: Uint8Array.of(7, 8, 9, 0) }],
    ["another first byte of its metadata", { meta: Uint8Array.of(0, 8, 9) }],
    ["another last byte of its metadata", { meta: Uint8Array.of(7, 8, 0) }],
    ["fewer versions", { vsn: goodVersions.slice(0, 5) }],
    ["more versions", { vsn: [...goodVersions, 0] }],
    ["no versions", { vsn: [] }],
    ["another first version", { vsn: [0, ...goodVersions.slice(1)] }],
    ["another last version", { vsn: [...goodVersions.slice(0, 5), 9] }],
  ])("changes something if it has %s", (_what, fields) => {
    expect(isUnchanged(recordOf(), fields)).toBe(false);
  });

  it("counts as new to a record without versions, whose versions are only assumed", () => {
    const record = new NodeRecord("n2", hostOf("n2"), 7946, meta, 0);
    record.change({ incarnation: 5 });
    expect(isUnchanged(record, { vsn: [0, 0, 0, 0, 0, 0] })).toBe(false);
    expect(isUnchanged(recordOf([0, 0, 0, 0, 0, 0]), { vsn: [0, 0, 0, 0, 0, 0] })).toBe(true);
  });
});

describe("a record", () => {
  it("reads as its view does", () => {
    const record = recordOf();
    const { name, addr, port, incarnation, state } = record;
    expect(record.view()).toMatchObject({ name, addr, port, incarnation, state });
    expect([incarnation, state]).toEqual([5, "dead"]);
    expect(record.meta).toEqual(record.view().meta);
    // The record keeps the view that was asked for, with its metadata.
    expect(record.meta).toBe(record.view().meta);
  });

  it("keeps its metadata until it gets new metadata", () => {
    const [record, other] = [recordOf(), recordOf()];
    record.change({ meta: Uint8Array.of(1, 2) });
    other.change({ meta: Uint8Array.of(3, 4, 5) });
    record.change({ incarnation: 9 });
    expect([record.meta, other.meta]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)]);
    // Long metadata shares no memory with the short one before it.
    record.change({ meta: new Uint8Array(200).fill(6) });
    expect(record.meta).toEqual(new Uint8Array(200).fill(6));
    record.change({ meta: Uint8Array.of(7) });
    expect(record.meta).toEqual(Uint8Array.of(7));
  });

  it("takes over the view and the versions that other nodes of the process share", () => {
    const [shared, record] = [recordOf([1, 5, 4, 0, 0, 0]), recordOf()];
    record.share(shared.view(), shared.versions);
    expect(record.view()).toBe(shared.view());
    expect(record.versions).toBe(shared.versions);
  });
});

describe("the round trip of a member", () => {
  it("starts at the first answer, and moves by an eighth towards each further one", () => {
    const record = recordOf();
    expect(record.rtt).toBeUndefined();
    record.addRtt(80);
    expect(record.rtt).toBe(80);
    record.addRtt(160);
    expect(record.rtt).toBe(90);
    record.addRtt(10);
    expect(record.rtt).toBe(80);
  });

  it("starts anew once it is forgotten, and leaves the form of the address as it is", () => {
    const record = recordOf();
    record.isMapped = true;
    record.addRtt(80);
    record.addRtt(160);
    expect([record.rtt, record.isMapped]).toEqual([90, true]);
    record.forgetRtt();
    expect([record.rtt, record.isMapped]).toEqual([undefined, true]);
    record.addRtt(7);
    record.isMapped = undefined;
    expect([record.rtt, record.isMapped]).toEqual([7, undefined]);
  });

  it("rounds to whole microseconds, to 1 at least and 2^30 - 1 at most", () => {
    const record = recordOf();
    record.addRtt(0.0126);
    expect(record.rtt).toBe(0.013);
    record.forgetRtt();
    record.addRtt(0);
    expect(record.rtt).toBe(0.001);
    record.forgetRtt();
    record.isMapped = true;
    record.addRtt(3_600_000);
    expect([record.rtt, record.isMapped]).toEqual([1_073_741.823, true]);
  });
});

describe("the doubt about a member", () => {
  it("consists of a suspicion and its cause, or of the cause alone", () => {
    const record = recordOf();
    expect([record.suspicion, record.cause]).toEqual([undefined, undefined]);
    const cause = { code: "accused", from: "n3" } as const;
    const suspicion = new Suspicion({ from: "n3", cause, k: 1, min: 1, max: 2, startedAt: 0 });
    record.doubt = suspicion;
    expect(record.suspicion).toBe(suspicion);
    expect(record.cause).toBe(cause);
    record.doubt = cause;
    expect(record.suspicion).toBeUndefined();
    expect(record.cause).toBe(cause);
  });
});
