import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { MemberlistError } from "@memberlist/core";
import { VirtualClock } from "@memberlist/core/testing";
import { Counters } from "../src/counters.ts";
import { decodeFrame, encodeRequest, type RequestFrame } from "../src/frames.ts";
import { IncomingRequests } from "../src/incoming-requests.ts";
import { resolveOptions, type RequestsMember, type RequestsOptions } from "../src/options.ts";
import type { Sender } from "../src/sender.ts";

const from = { name: "a", address: { host: "10.0.0.1", port: 7946, name: "a" }, isBroadcast: false };

interface Setup {
  readonly incoming: IncomingRequests;
  readonly counters: Counters;
  readonly clock: VirtualClock;
  /** The answers that were sent in packets: their error's code, or "answer". */
  readonly packets: string[];
  /** The bytes of the answers on streams, which stay open. */
  readonly streams: number[];
}

/** @param isMember whether the requester is a member @param self the name of the member that answers */
function incomingOf(options: RequestsOptions, isMember: boolean = true, self: string = "b"): Setup {
  const clock = new VirtualClock();
  const get = (name: string): object | undefined => (isMember ? { name, state: "alive" } : undefined);
  const members = { config: { clock }, localNode: () => ({ name: self }), get } as unknown as RequestsMember;
  const packets: string[] = [];
  const streams: number[] = [];
  const sender = {
    isShort: (bytes: Uint8Array) => bytes.length <= 1_000,
    sendPacket: (_: unknown, bytes: Uint8Array) => {
      const frame = decodeFrame(bytes);
      packets.push(frame?.type === "failure" ? frame.code : "answer");
      return true;
    },
    sendStream: (_: unknown, frameOf: () => Uint8Array) => {
      streams.push(frameOf().length);
      return new Promise(() => {});
    },
  } as unknown as Sender;
  const counters = new Counters();
  return {
    incoming: new IncomingRequests(members, resolveOptions(options), sender, counters),
    counters,
    clock,
    packets,
    streams,
  };
}

function requestOf(count: number, payload: Uint8Array = new Uint8Array(), timeout: number = 1_000): RequestFrame {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(0, count);
  const frame = decodeFrame(encodeRequest({ id, onStream: false, timeout, name: "work", payload }));
  if (frame?.type !== "request") throw new MemberlistError("invalid_argument", "not a request");
  return frame;
}

it("keeps no message of a request that was answered or refused", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { incoming } = incomingOf({ maxConcurrent: 1, maxQueued: 1 });
  incoming.handlers.set("work", () => undefined);
  const messages: WeakRef<ArrayBufferLike>[] = [];
  const receive = (count: number): void => {
    const frame = requestOf(count, new Uint8Array(100_000));
    messages.push(new WeakRef(frame.payload.buffer));
    incoming.receive(frame, from);
  };
  for (let i = 0; i < 4; i++) receive(i);
  await expect
    .poll(() => {
      collect();
      return messages.filter((message) => message.deref() !== undefined).length;
    })
    .toBe(0);
});

it("drops any number of requests that waited too long, when a handler ends", async () => {
  const { clock, counters, incoming } = incomingOf({ maxConcurrent: 1, maxQueued: 50_000 });
  let release: (answer: undefined) => void = () => undefined;
  incoming.handlers.set("work", () => new Promise((resolve) => (release = resolve)));
  for (let i = 0; i < 30_001; i++) incoming.receive(requestOf(i), from);
  await clock.advance(2_000);
  release(undefined);
  await clock.advance(0);
  expect(counters.read()).toMatchObject({ handled: 1, expired: 30_000 });
});

it.each([
  ["the other member stops waiting", 1_000, 60_000, ["answer"]],
  ["maxHandlerTime has passed", 2 ** 32 - 1, 1_000, ["handler_failed", "answer"]],
])("frees the place of a handler that hangs when %s", async (_, timeout, maxHandlerTime, sent) => {
  const { clock, counters, incoming, packets } = incomingOf({ maxConcurrent: 1, maxHandlerTime });
  const signals: AbortSignal[] = [];
  let release: (answer: undefined) => void = () => undefined;
  incoming.handlers.set("work", (_payload, { signal }) => {
    signals.push(signal);
    if (signals.length > 1) return undefined;
    return new Promise((resolve) => (release = resolve));
  });
  incoming.receive(requestOf(1, undefined, timeout), from);
  incoming.receive(requestOf(2, undefined, 5_000), from);
  await clock.advance(999);
  expect([signals.length, signals[0]?.aborted]).toEqual([1, false]);
  await clock.advance(1);
  expect([signals.length, signals[0]?.aborted, packets]).toEqual([2, true, sent]);
  // The answer would be too late, and its place is not freed again.
  release(undefined);
  await clock.advance(1_000);
  expect(packets).toEqual(sent);
  expect(counters.read()).toMatchObject({ handled: 2, overdue: 1, unsent: 1 });
});

it("answers a requester that is not a member in a packet of at most three times the bytes of its request", async () => {
  const { clock, counters, incoming, packets, streams } = incomingOf({}, false);
  incoming.handlers.set("work", ([length = 0]) => new Uint8Array(10 * length));
  // A request has 14 bytes, its name 4, its payload 1; an answer 9 and its payload. Each has a header of 27.
  incoming.receive(requestOf(1, Uint8Array.of(10)), from);
  incoming.receive(requestOf(2, Uint8Array.of(11)), from);
  incoming.receive(requestOf(3, Uint8Array.of(200)), from);
  const request = requestOf(4, new Uint8Array(2_000).fill(200));
  incoming.receive(request, from);
  incoming.receive(request, from);
  await clock.advance(0);
  expect(packets).toEqual(["answer", "not_a_member", "not_a_member", "not_a_member"]);
  // The packet was lost: each repeated request gets it again.
  incoming.receive(requestOf(1, Uint8Array.of(10)), from);
  incoming.receive(request, from);
  expect(packets.splice(4)).toEqual(["answer", "not_a_member"]);
  expect(streams).toEqual([]);
  expect(counters.read()).toMatchObject({ handled: 4, withheld: 3 });
});

it.each([
  [103, 0, ["answer"]],
  [104, 0, []],
  [90, 20, ["not_a_member"]],
  [91, 20, []],
])("counts its name of %d bytes when it answers a requester that is not a member with %d bytes", async (name, length, sent) => {
  const { clock, counters, incoming, packets } = incomingOf({}, false, "b".repeat(name));
  incoming.handlers.set("work", () => new Uint8Array(length));
  incoming.receive(requestOf(1, Uint8Array.of(1)), from);
  await clock.advance(0);
  expect(packets).toEqual(sent);
  expect(counters.read().withheld).toBe(sent[0] === "answer" ? 0 : 1);
});

it("refuses a long answer while others of 32 MiB wait for their streams", async () => {
  const { clock, counters, incoming, packets, streams } = incomingOf({});
  incoming.handlers.set("work", () => new Uint8Array(15 * 1024 * 1024));
  for (let i = 0; i < 4; i++) incoming.receive(requestOf(i), from);
  await clock.advance(0);
  expect([streams.length, packets]).toEqual([2, ["busy", "busy"]]);
  expect(counters.read()).toMatchObject({ handled: 4, refused: 2 });
});
