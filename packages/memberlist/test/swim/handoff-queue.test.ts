import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HandoffQueue, type HandoffMessage } from "../../src/swim/handoff-queue.ts";
import { makeCompound } from "../../src/wire/compound.ts";
import { messageType } from "../../src/wire/constants.ts";
import { maxBadPartsPerPacket, maxHandoffBytes } from "../../src/wire/input-limits.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";
import { EngineHarness, stranger } from "./engine-harness.ts";
import { alive, encodeMessage, ping, suspect, type Message } from "./messages.ts";

function message(type: number, tag: number): HandoffMessage {
  return waiting(type, Uint8Array.of(tag));
}

/** A message that is the part of a packet from `start` to `end`. */
function waiting(type: number, packet: Uint8Array, start: number = 0, end: number = packet.length): HandoffMessage {
  return { type, packet, start, end, from: stranger };
}

/** The first byte of the next message. */
function tagOf(taken: HandoffMessage | undefined): number | undefined {
  return taken?.packet[taken.start];
}

describe("HandoffQueue", () => {
  it("returns alive messages first, and each kind in order of arrival", () => {
    const queue = new HandoffQueue(10);
    const { alive: a, suspect: s, dead, user } = messageType;
    [message(s, 1), message(a, 2), message(user, 3), message(a, 4), message(dead, 5)].forEach((item) => queue.push(item));
    expect(queue.size).toBe(5);
    const order = Array.from({ length: 5 }, () => tagOf(queue.shift()));
    expect(order).toEqual([2, 4, 1, 3, 5]);
    expect(queue.shift()).toBeUndefined();
  });

  it("returns the most that waited at once since it was asked last", () => {
    const queue = new HandoffQueue(10);
    for (let i = 0; i < 3; i++) queue.push(message(messageType.user, i));
    queue.shift();
    queue.shift();
    queue.push(message(messageType.alive, 4));
    expect([queue.takePeak(), queue.takePeak()]).toEqual([3, 2]);
  });

  it("holds at most the depth, separately for alive and other messages", () => {
    const queue = new HandoffQueue(3);
    const taken = Array.from({ length: 5 }, (_, i) => queue.push(message(messageType.user, i)));
    expect(taken).toEqual([true, true, true, false, false]);
    expect(queue.push(message(messageType.alive, 9))).toBe(true);
    expect(queue.size).toBe(4);
    queue.shift();
    queue.shift();
    expect(queue.push(message(messageType.dead, 7))).toBe(true);
    expect(queue.push(message(messageType.dead, 8))).toBe(false);
    queue.clear();
    expect(queue.size).toBe(0);
    expect(queue.shift()).toBeUndefined();
  });

  it("holds at most 16 MiB, separately for alive and other messages", () => {
    const queue = new HandoffQueue(100_000);
    const body = new Uint8Array(65_000);
    const of = (type: number): HandoffMessage => waiting(type, body);
    let taken = 0;
    while (queue.push(of(messageType.user))) taken++;
    expect(taken).toBe(Math.floor(maxHandoffBytes / body.length));
    expect(queue.push(message(messageType.suspect, 1))).toBe(true);
    expect(queue.push(of(messageType.alive))).toBe(true);
    queue.shift();
    queue.shift();
    expect(queue.push(of(messageType.user))).toBe(true);
    queue.clear();
    expect(queue.push(of(messageType.user))).toBe(true);
  });

  it("holds exactly 16 MiB, and not a byte more", () => {
    const queue = new HandoffQueue(10);
    const body = new Uint8Array(maxHandoffBytes - 1);
    expect(queue.push(waiting(messageType.user, body))).toBe(true);
    expect(queue.push(message(messageType.user, 1))).toBe(true);
    expect(queue.push(message(messageType.user, 2))).toBe(false);
  });

  it("copies only messages that are a small part of their packet", () => {
    const queue = new HandoffQueue(10);
    const packet = new Uint8Array(1024 * 1024).fill(7);
    const usual = new Uint8Array(1400);
    queue.push(waiting(messageType.user, packet, 5, 105));
    queue.push(waiting(messageType.user, packet, 1));
    queue.push(waiting(messageType.user, usual, 1, 101));
    const copy = queue.shift();
    expect(copy).toEqual(waiting(messageType.user, packet.slice(5, 105)));
    expect(copy?.packet.buffer.byteLength).toBe(100);
    const [most, short] = [queue.shift(), queue.shift()];
    expect([most?.packet === packet, most?.start, most?.end]).toEqual([true, 1, packet.length]);
    expect([short?.packet === usual, short?.start, short?.end]).toEqual([true, 1, 101]);
  });

  it("behaves like two plain lists", () => {
    const step = fc.oneof(fc.constantFrom(3, 4, 5, 8), fc.constant("shift" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 8 }), (steps, depth) => {
        const queue = new HandoffQueue(depth);
        const lists: [alive: number[], rest: number[]] = [[], []];
        for (const [tag, type] of steps.entries()) {
          const list = lists[type === messageType.alive ? 0 : 1];
          const fits = type !== "shift" && list.length < depth;
          if (fits) list.push(tag & 255);
          const expected = type === "shift" ? (lists[0].shift() ?? lists[1].shift()) : fits;
          expect(type === "shift" ? tagOf(queue.shift()) : queue.push(message(type, tag & 255))).toBe(expected);
          expect(queue.size).toBe(lists[0].length + lists[1].length);
        }
      }),
    );
  });
});

describe("the handoff queue", () => {
  it("does not delay a ping, and handles messages in batches", () => {
    const node = new EngineHarness().start();
    const waiting: Message[] = [alive("n2"), alive("n3"), alive("n4")];
    for (const item of waiting) node.deliver(item, stranger, false);
    node.deliver(ping(), stranger, false);
    expect(node.sentOf("ack")).toHaveLength(1);
    expect(node.engine.numMembers).toBe(1);
    node.run(() => node.engine.packets.drain(2));
    expect(node.engine.numMembers).toBe(3);
    expect(node.engine.packets.waiting).toBeGreaterThan(0);
    node.drain();
    expect(node.engine.numMembers).toBe(4);
    expect(node.engine.packets.waiting).toBe(0);
  });

  it("handles one message at least, and no further ones once the time is over", () => {
    const node = new EngineHarness().start();
    for (let i = 2; i < 12; i++) node.deliver(alive(`n${i}`), stranger, false);
    node.run(() => node.engine.packets.drain(10, () => true));
    expect(node.engine.numMembers).toBe(2);
    let left = 3;
    node.run(() => node.engine.packets.drain(10, () => left-- === 0));
    expect(node.engine.numMembers).toBe(6);
    node.run(() => node.engine.packets.drain(10, () => false));
    expect(node.engine.numMembers).toBe(11);
  });

  it("handles a late alive before an early suspicion", () => {
    const node = new EngineHarness().start();
    node.deliver(alive("n2"));
    node.deliver(suspect("n2", 1), stranger, false);
    node.deliver(alive("n2", { incarnation: 2 }), stranger, false);
    node.drain();
    expect(node.state("n2")).toBe("alive");
  });

  it("drops, counts and logs messages over handoffQueueDepth", () => {
    const node = new EngineHarness({ config: { handoffQueueDepth: 4 } }).start();
    for (let i = 2; i < 12; i++) node.deliver(alive(`n${i}`), stranger, false);
    for (let i = 0; i < 10; i++) node.deliver(suspect("n2"), stranger, false);
    expect(node.count("dropped.handoff_full")).toBe(12);
    expect(node.logged("handoff_full")).toHaveLength(12);
    node.drain();
    expect(node.engine.numMembers).toBe(5);
    expect(node.state("n2")).toBe("suspect");
  });

  it("passes user messages of a packet on at once, except behind a message or an event that waits", () => {
    const node = new EngineHarness().start();
    const taken: string[] = [];
    node.engine.outputs.takeUser = (packet, start, end, { host }) => {
      taken.push(`${new TextDecoder().decode(packet.subarray(start + 1, end))} from ${host}`);
    };
    const user = (name: string): Uint8Array => encodeUser(new TextEncoder().encode(name));
    const notified = (): string[] =>
      node.engine.outputs.events.map((event) =>
        event.type === "message" ? new TextDecoder().decode(event.message) : event.type,
      );
    node.deliver(user("one"), stranger, false);
    node.deliver(makeCompound([user("two"), user("three"), encodeMessage(alive("n2")), user("four")]), stranger, false);
    node.deliver(user("five"), stranger, false);
    expect(taken).toEqual(["one", "two", "three"].map((name) => `${name} from ${stranger.host}`));
    node.run(() => {
      node.drain();
      expect(notified()).toEqual(["join", "four", "five"]);
      node.engine.packets.receive(user("six"), stranger, node.now);
      node.drain();
      expect(notified()).toEqual(["join", "four", "five", "six"]);
    });
    const bad = Array.from({ length: maxBadPartsPerPacket }, () => Uint8Array.of(messageType.ackResp, 0xff));
    node.deliver(makeCompound([user("seven"), encodeMessage(ping()), ...bad, user("late")]), stranger, false);
    expect(taken.slice(3)).toEqual([`seven from ${stranger.host}`]);
  });

  it("counts an empty part in front of a user message, and passes on the message alone", () => {
    const node = new EngineHarness().start();
    const taken: Uint8Array[] = [];
    node.engine.outputs.takeUser = (packet, start, end) => taken.push(packet.slice(start, end));
    const user = encodeUser(Uint8Array.of(120));
    node.deliver(makeCompound([new Uint8Array(), new Uint8Array(), user]), stranger, false);
    expect(taken).toEqual([user]);
    expect(node.count("dropped.empty")).toBe(2);
  });
});
