import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noCounts, type TopicsCounters } from "../src/counters.ts";
import { MessageLog, type MessageLogOptions } from "../src/message-log.ts";
import type { WireMessage } from "../src/wire.ts";

const retention = 60_000;

function message(sequence: number, fields: Partial<WireMessage> = {}): WireMessage {
  const payload = new Uint8Array(10);
  return { origin: 1, sender: "web-1", sequence, floor: 1, age: 0, version: 0, topic: "prices", payload, ...fields };
}

function logOf(options: Partial<MessageLogOptions> = {}): { log: MessageLog; delivered: number[]; counters: TopicsCounters } {
  const delivered: number[] = [];
  const counters = noCounts();
  const deliver: MessageLogOptions["deliver"] = ({ sequence }) => void delivered.push(sequence);
  return { log: new MessageLog({ retention, maxStoredBytes: 1_000_000, counters, deliver, ...options }), delivered, counters };
}

it("delivers messages that arrive in any order, some more than once, in their order and once", () => {
  const shuffled = fc.integer({ min: 1, max: 40 }).chain((count) => {
    const all = Array.from({ length: count }, (_, i) => i + 1);
    return fc.tuple(fc.shuffledSubarray(all, { minLength: count }), fc.subarray(all));
  });
  fc.assert(
    fc.property(shuffled, ([arrived, again]) => {
      const { counters, delivered, log } = logOf();
      for (const sequence of [...arrived, ...again]) log.add(message(sequence), 0);
      expect(delivered).toEqual(arrived.toSorted((a, b) => a - b));
      expect(counters).toMatchObject({ received: arrived.length, duplicates: again.length, missed: 0 });
    }),
  );
});

describe("a gap", () => {
  it("consists of the missing messages, which are asked for once in a second", () => {
    const { log } = logOf();
    for (const sequence of [1, 4, 5, 8]) log.add(message(sequence), 0);
    expect(log.gaps(700, 600)).toEqual([]);
    const gap = {
      sender: "web-1",
      ranges: [
        { origin: 1, from: 2, to: 3 },
        { origin: 1, from: 6, to: 7 },
      ],
    };
    expect(log.gaps(700, 700)).toEqual([gap]);
    expect(log.gaps(700, 1_600)).toEqual([]);
    expect(log.gaps(700, 1_700)).toEqual([gap]);
  });

  it("ends when the publisher has dropped the missing messages", () => {
    const { counters, delivered, log } = logOf();
    for (const sequence of [1, 4]) log.add(message(sequence), 0);
    log.add(message(6, { floor: 5 }), 1);
    expect(delivered).toEqual([1, 4]);
    expect(counters.missed).toBe(2);
    log.add(message(5), 2);
    expect(delivered).toEqual([1, 4, 5, 6]);
  });

  it("ends after half of the retention", () => {
    const { counters, delivered, log } = logOf();
    for (const sequence of [1, 4]) log.add(message(sequence), 0);
    log.expire(retention / 2);
    expect(delivered).toEqual([1]);
    log.expire(retention / 2 + 1);
    expect(delivered).toEqual([1, 4]);
    expect(counters.missed).toBe(2);
    expect(log.add(message(2), retention)).toBe(false);
  });

  it("costs no more than the messages that are there, however far the floor is", () => {
    const { counters, log } = logOf();
    log.add(message(1), 0);
    log.add(message(2 ** 50, { floor: 2 ** 50 }), 0);
    expect(counters.missed).toBe(2 ** 50 - 2);
  });
});

describe("a digest", () => {
  it("contains no message behind a gap, and makes a peer ask for the messages that it lacks", () => {
    const ours = logOf();
    for (const sequence of [1, 2, 3, 5]) ours.log.add(message(sequence), 0);
    expect(ours.log.digest()).toEqual([{ origin: 1, sender: "web-1", floor: 1, next: 4 }]);
    const theirs = logOf();
    theirs.log.add(message(2), 0);
    const asked = theirs.log.missing(ours.log.digest(), 0);
    expect(asked).toEqual([
      { origin: 1, from: 1, to: 1 },
      { origin: 1, from: 3, to: 3 },
    ]);
    expect(theirs.log.missing(ours.log.digest(), 500)).toEqual([]);
    for (const range of asked) for (const stored of ours.log.stored(range)) theirs.log.add(stored, 10);
    expect(theirs.delivered).toEqual([1, 2, 3]);
    expect(theirs.log.missing(ours.log.digest(), 5_000)).toEqual([]);
  });

  it("leaves out origins without a message in the given time or in the store", () => {
    const { log } = logOf();
    log.add(message(1), 0);
    log.add(message(1, { origin: 2 }), 100);
    expect(log.digest(50).map(({ origin }) => origin)).toEqual([2]);
    log.expire(retention + 50);
    expect(log.digest().map(({ origin }) => origin)).toEqual([2]);
    log.expire(retention + 101);
    expect(log.digest()).toEqual([]);
  });
});

it("asks for at most 64 ranges, and forgets no origin for those of a digest", () => {
  const { log } = logOf();
  log.add(message(1, { origin: 20_000 }), 0);
  const digest = Array.from({ length: 10_000 }, (_, i) => ({ origin: i, sender: "web-2", floor: 1, next: i < 9_000 ? 1 : 3 }));
  expect(log.missing(digest, 0)).toEqual([]);
  expect(log.digest()).toHaveLength(1);
  const asked = logOf().log.missing(digest.slice(9_000), 0);
  expect(asked).toEqual(Array.from({ length: 64 }, (_, i) => ({ origin: 9_000 + i, from: 1, to: 2 })));
});

it("forgets an origin after twice the retention without a message", () => {
  const { delivered, log } = logOf();
  log.add(message(1), 0);
  log.expire(2 * retention);
  expect([log.add(message(1), 2 * retention), log.isEmpty]).toEqual([false, false]);
  log.expire(2 * retention + 1);
  expect(log.isEmpty).toBe(true);
  expect(delivered).toEqual([1]);
});

it("takes no message that is older than the retention, and counts its age at other members", () => {
  const { log } = logOf();
  expect(log.add(message(1, { age: retention + 1 }), 0)).toBe(false);
  expect(log.add(message(1, { age: retention - 1_000 }), 0)).toBe(true);
  log.expire(1_001);
  expect(log.digest()).toEqual([]);
});

it("drops and counts the oldest messages over the limit of bytes", () => {
  const { counters, log } = logOf({ maxStoredBytes: 3 * (10 + 256) });
  for (const sequence of [1, 2, 3, 4, 5]) log.add(message(sequence), 0);
  expect(counters.evicted).toBe(2);
  expect([...log.stored({ origin: 1, from: 1, to: 9 })].map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  expect(log.floorOf(1)).toBe(3);
  expect(log.floorOf(2)).toBe(1);
});
