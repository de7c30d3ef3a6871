import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/api/address.ts";
import { Coalescer } from "../../../src/runtime/packets/coalescer.ts";
import { splitCompound } from "../../../src/wire/compound.ts";
import { encodeUser } from "../../../src/wire/messages/encode.ts";

const room = 1000;

interface Sent {
  readonly to: Address;
  readonly crc: boolean;
  readonly count: number;
  readonly size: number;
  readonly parts: readonly Uint8Array[];
}

interface Setup {
  readonly coalescer: Coalescer;
  readonly sent: Sent[];
  readonly failures: number[];
  readonly transport: { mayGoOn: boolean; error: Error | undefined };
}

function partsOf(message: Uint8Array): readonly Uint8Array[] {
  return message[0] === 7 ? splitCompound(message.subarray(1)).parts : [message];
}

/** @param ratio what compression leaves of a message's bytes; without one nothing is compressed */
function setup(ratio?: (message: Uint8Array) => number): Setup {
  const sent: Sent[] = [];
  const failures: number[] = [];
  const transport: Setup["transport"] = { mayGoOn: true, error: undefined };
  const sealed = new Map<Uint8Array, { message: Uint8Array; crc: boolean }>();
  const record = (message: Uint8Array, size: number, to: Address, crc: boolean, count: number): boolean => {
    if (transport.error !== undefined) throw transport.error;
    sent.push({ to, crc, count, size, parts: partsOf(message) });
    return transport.mayGoOn;
  };
  const coalescer = new Coalescer({
    room: () => room,
    compressedMax: ratio === undefined ? undefined : room + 2,
    seal: (message, crc) => {
      const packet = new Uint8Array(Math.ceil(message.length * (ratio?.(message) ?? 1)));
      sealed.set(packet, { message, crc });
      return packet;
    },
    write: (packet, to, count) => {
      const { message, crc } = sealed.get(packet) as { message: Uint8Array; crc: boolean };
      return record(message, packet.length, to, crc, count);
    },
    failed: (_error, count) => void failures.push(count),
  });
  return { coalescer, sent, failures, transport };
}

const a: Address = { host: "10.0.0.1", port: 7946, name: "a" };
const b: Address = { host: "10.0.0.2", port: 7946, name: "b" };
const message = (size: number, id: number): Uint8Array => encodeUser(new Uint8Array(size - 1).fill(id));
const endOfMicrotasks = (): Promise<void> => Promise.resolve().then(() => undefined);

describe("messages of one turn", () => {
  it("to one receiver go in one packet, once the running code lets go", async () => {
    const { coalescer, sent } = setup();
    for (let i = 0; i < 3; i++) expect(coalescer.take(message(10, i), a, true)).toBe(true);
    expect(sent).toEqual([]);
    await endOfMicrotasks();
    expect(sent).toEqual([{ to: a, crc: true, count: 3, size: 2 + 3 * 12, parts: [0, 1, 2].map((i) => message(10, i)) }]);
    coalescer.take(message(10, 9), a, true);
    await endOfMicrotasks();
    expect(sent[1]).toMatchObject({ count: 1, size: 10, parts: [message(10, 9)] });
  });

  it("are kept apart by receiver, and by whether it takes a checksum", async () => {
    const { coalescer, sent } = setup();
    const other = { ...a, port: 7947 };
    for (let i = 0; i < 2; i++) {
      for (const to of [a, b, other]) coalescer.take(message(10, i), to, true);
      coalescer.take(message(10, i), a, false);
    }
    await endOfMicrotasks();
    expect(sent.map(({ to, crc, count }) => [to, crc, count])).toEqual([
      [a, true, 2],
      [b, true, 2],
      [other, true, 2],
      [a, false, 2],
    ]);
  });

  it("do not wait once a packet is full, be it of bytes or of parts", () => {
    const { coalescer, sent } = setup();
    coalescer.take(message(room - 2 - 40, 1), a, true);
    expect(sent).toHaveLength(0);
    coalescer.take(message(20, 2), a, true);
    expect(sent.map(({ count }) => count)).toEqual([2]);
    coalescer.take(message(room - 2, 3), a, true);
    expect(sent.map(({ count }) => count)).toEqual([2, 1]);
    for (let i = 0; i < 256; i++) coalescer.take(message(1, 0), a, true);
    expect(sent.map(({ count }) => count)).toEqual([2, 1, 255]);
  });

  it("stay in order, and none is lost or over the limit, whatever their sizes", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 1300 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.option(fc.double({ min: 0.1, max: 1, noNaN: true })), async (all, ratio) => {
        const { coalescer, sent } = setup(ratio === null ? undefined : () => ratio);
        const messages = all.map((size, i) => message(size, i));
        for (const one of messages) coalescer.take(one, a, true);
        await endOfMicrotasks();
        expect(sent.flatMap(({ parts }) => parts)).toEqual(messages);
        expect(sent.every(({ count, parts }) => count === parts.length)).toBe(true);
        expect(sent.every(({ count, size }) => count === 1 || size <= room + 2)).toBe(true);
      }),
    );
  });
});

describe("messages that compress well", () => {
  it("fill packets with what is left of them", () => {
    const { coalescer, sent } = setup(() => 0.2);
    for (let i = 0; i < 200; i++) coalescer.take(message(900, i & 255), a, true);
    const late = sent.slice(-5).map(({ count }) => count);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(4);
    expect(Math.max(...sent.map(({ size }) => size))).toBeLessThanOrEqual(room + 2);
  });

  it("are sent in smaller packets when they stop to", () => {
    let ratio = 0.2;
    const { coalescer, sent } = setup(() => ratio);
    for (let i = 0; i < 100; i++) coalescer.take(message(900, i), a, true);
    ratio = 1;
    const before = sent.length;
    for (let i = 100; i < 200; i++) coalescer.take(message(900, i), a, true);
    coalescer.flush();
    expect(sent.slice(before + 1).every(({ count }) => count === 1)).toBe(true);
    expect(sent.flatMap(({ parts }) => parts.map((part) => part[1]))).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });
});

describe("what the transport says", () => {
  it("is told to the next sender when a packet goes out later, once", async () => {
    const { coalescer, transport } = setup();
    transport.mayGoOn = false;
    expect(coalescer.take(message(10, 1), a, true)).toBe(true);
    await endOfMicrotasks();
    transport.mayGoOn = true;
    expect(coalescer.take(message(10, 2), a, true)).toBe(false);
    expect(coalescer.take(message(10, 3), a, true)).toBe(true);
  });

  it("is told at once when a packet goes out at once", () => {
    const { coalescer, transport } = setup();
    transport.mayGoOn = false;
    expect(coalescer.take(message(room - 2, 1), a, true)).toBe(false);
  });

  it("counts for each message of a packet when it throws", async () => {
    const { coalescer, failures, transport } = setup();
    transport.error = new Error("no");
    for (let i = 0; i < 3; i++) coalescer.take(message(10, i), a, true);
    coalescer.take(message(10, 9), b, true);
    await endOfMicrotasks();
    expect(failures).toEqual([3, 1]);
    // What has a packet of its own is for the caller to hear.
    expect(() => coalescer.take(message(2 * room, 1), a, true)).toThrow("no");
    expect(failures).toEqual([3, 1]);
  });

  it("loses nothing that is sent by who is told of a failure", async () => {
    const parts: number[] = [];
    let isBroken = true;
    const coalescer: Coalescer = new Coalescer({
      room: () => room,
      compressedMax: undefined,
      seal: (whole) => whole,
      write: (whole) => {
        if (isBroken) throw new Error("no network");
        parts.push(...partsOf(whole).map((part) => part[1] as number));
        return true;
      },
      failed: () => {
        isBroken = false;
        coalescer.take(message(10, 3), a, true);
      },
    });
    coalescer.take(message(600, 1), a, true);
    coalescer.take(message(600, 2), a, true);
    await endOfMicrotasks();
    expect(parts).toEqual([3, 2]);
  });
});
