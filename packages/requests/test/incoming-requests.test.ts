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

function incomingOf(options: RequestsOptions): { incoming: IncomingRequests; counters: Counters; clock: VirtualClock } {
  const clock = new VirtualClock();
  const members = { config: { clock }, localNode: () => ({ name: "b" }), get: () => undefined } as unknown as RequestsMember;
  const sender = { isShort: () => true, sendPacket: () => true } as unknown as Sender;
  const counters = new Counters();
  return { incoming: new IncomingRequests(members, resolveOptions(options), sender, counters), counters, clock };
}

function requestOf(count: number, payload: Uint8Array = new Uint8Array()): RequestFrame {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(0, count);
  const frame = decodeFrame(encodeRequest({ id, onStream: false, timeout: 1_000, name: "work", payload }));
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
