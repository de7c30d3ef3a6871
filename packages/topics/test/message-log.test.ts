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
  return {
    log: new MessageLog({ own: 0, retention, maxStoredBytes: 1_000_000, counters, deliver, ...options }),
    delivered,
    counters,
  };
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
    for (const stored of ours.log.stored(asked)) theirs.log.add(stored, 10);
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

it("asks for at most 4,096 ranges, and forgets no origin for those of a digest", () => {
  const { log } = logOf();
  log.add(message(1, { origin: 20_000 }), 0);
  const digest = Array.from({ length: 10_000 }, (_, i) => ({ origin: i + 1, sender: "web-2", floor: 1, next: 3 }));
  expect(log.missing(digest, 0)).toHaveLength(4_095);
  expect(log.digest()).toEqual([{ origin: 20_000, sender: "web-1", floor: 1, next: 2 }]);
  // Origins that have sent nothing are forgotten soon.
  log.expire(30_001);
  expect(log.missing(digest.slice(5_000), 30_001)).toHaveLength(4_095);
});

it("does bounded work for the ranges of a packet, and finds each message once", () => {
  const { log } = logOf();
  for (let sequence = 1; sequence <= 1_000; sequence++) log.add(message(sequence), 0);
  const ranges = Array.from({ length: 65_000 }, () => ({ origin: 1, from: 1, to: 2 ** 50 }));
  expect(log.stored(ranges).size).toBe(1_000);
});

describe("a forged message", () => {
  const far = 2 ** 50;

  it("silences its origin for a minute at most, and repair brings the dropped messages then", () => {
    const { counters, delivered, log } = logOf({ retention: 600_000 });
    for (const sequence of [1, 2]) log.add(message(sequence), 0);
    log.add(message(far, { floor: far }), 1_000);
    for (const sequence of [3, 4]) expect(log.add(message(sequence), 30_000)).toBe(false);
    expect(log.add(message(5), 61_001)).toBe(true);
    expect(log.gaps(700, 62_000)).toEqual([{ sender: "web-1", ranges: [{ origin: 1, from: 3, to: 4 }] }]);
    for (const sequence of [3, 4]) log.add(message(sequence, { age: 33_000 }), 63_000);
    expect(delivered).toEqual([1, 2, far, 3, 4, 5]);
    // Another member still has it.
    expect(log.add(message(far, { floor: far, age: 70_000 }), 71_000)).toBe(false);
    log.add(message(6), 72_000);
    expect(delivered.at(-1)).toBe(6);
    expect(counters.refused).toBe(1);
  });

  it("silences its origin for a minute at most, if it is older than the retention", () => {
    const { counters, delivered, log } = logOf({ retention: 600_000 });
    const forged = message(far, { age: 600_001 });
    log.add(message(1), 0);
    log.add(forged, 1_000);
    expect(log.add(message(2), 61_001)).toBe(true);
    expect(log.add(forged, 62_000)).toBe(false);
    log.add(message(3), 63_000);
    expect([delivered, counters.refused]).toEqual([[1, 2, 3], 1]);
  });

  it("silences its origin for a minute at most, if others follow it", () => {
    const { delivered, log } = logOf({ retention: 600_000 });
    log.add(message(1), 0);
    for (let i = 0; i < 100; i++) log.add(message(far + 10 * i, { floor: far + 10 * i }), 1_000);
    expect(log.add(message(2), 70_000)).toBe(true);
    expect(delivered.at(-1)).toBe(2);
  });

  it("leaves the repair of others alone when it expires while it waits", () => {
    const { delivered, log } = logOf({ retention: 600_000 });
    log.add(message(1), 0);
    log.add(message(far, { age: 590_000 }), 0);
    log.expire(20_000);
    log.add(message(3), 20_000);
    expect(log.gaps(700, 21_000)).toEqual([{ sender: "web-1", ranges: [{ origin: 1, from: 2, to: 2 }] }]);
    log.add(message(2), 21_000);
    expect(delivered).toEqual([1, 2, 3]);
  });
});

describe("a forged digest", () => {
  it("gives up and hides no messages, although its floor is far ahead", () => {
    const { counters, delivered, log } = logOf({ retention: 600_000 });
    log.add(message(1), 0);
    log.missing([{ origin: 1, sender: "web-1", floor: 2 ** 50, next: 2 ** 50 + 1 }], 0);
    log.add(message(3), 10);
    expect(log.gaps(700, 2_000)).toEqual([{ sender: "web-1", ranges: [{ origin: 1, from: 2, to: 2 }] }]);
    log.add(message(2), 2_000);
    expect([delivered, counters.missed]).toEqual([[1, 2, 3], 0]);
    expect(log.digest()).toEqual([{ origin: 1, sender: "web-1", floor: 1, next: 4 }]);
  });

  it("hides an unknown origin for a minute at most", () => {
    const { delivered, log } = logOf({ retention: 600_000 });
    log.missing([{ origin: 1, sender: "web-1", floor: 2 ** 50, next: 2 ** 50 + 1 }], 0);
    expect(log.add(message(1), 10_000)).toBe(false);
    log.add(message(2), 61_000);
    log.add(message(1, { age: 51_000 }), 61_000);
    expect(delivered).toEqual([1, 2]);
  });
});

it("gives up no fresh gap of a publisher whose messages never stop and always arrive in another order", () => {
  const { counters, delivered, log } = logOf();
  for (let at = 0; at < 2 * retention; at += 1_000) {
    const first = (2 * at) / 1_000 + 1;
    // Between the two, the earlier one of each pair is missing.
    log.add(message(first + 1), at);
    log.expire(at);
    log.add(message(first), at + 1);
    log.add(message(first + 3), at + 2);
  }
  expect(counters.missed).toBe(0);
  expect(delivered.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

it("goes back to no message with a low number while the publisher goes on", () => {
  const { counters, delivered, log } = logOf();
  // This member has joined after the first 99 messages had expired.
  for (let i = 100; i < 300; i++) log.add(message(i, { floor: 100 }), 500 * (i - 100));
  log.add(message(1), 99_600);
  log.add(message(300, { floor: 100 }), 99_700);
  expect(delivered).toEqual(Array.from({ length: 201 }, (_, i) => 100 + i));
  expect(counters).toMatchObject({ duplicates: 1, missed: 0 });
});

it("gives up all gaps at once after half of the retention, and delivers all messages behind them", () => {
  const { delivered, log } = logOf();
  const held = Array.from({ length: 1_000 }, (_, i) => 2 * (i + 1));
  for (const sequence of held) log.add(message(sequence), 0);
  for (let now = 1_000; now <= retention; now += 1_000) {
    log.gaps(700, now);
    log.expire(now);
  }
  expect(delivered).toEqual(held);
});

it("gives up no fresh gap for a digest whose floor is the newest message", () => {
  const { counters, delivered, log } = logOf();
  for (const sequence of [1, 3]) log.add(message(sequence), 0);
  log.missing([{ origin: 1, sender: "web-1", floor: 3, next: 4 }], 10);
  log.add(message(2), 20);
  expect([delivered, counters.missed]).toEqual([[1, 2, 3], 0]);
});

it("spends time in proportion to the messages of made-up origins and of gaps below a floor", () => {
  const cpu = (work: () => void): number => {
    const before = process.cpuUsage().user;
    work();
    return process.cpuUsage(before === 0 ? undefined : { user: before, system: 0 }).user;
  };
  const gapsBelowFloor = (count: number): number => {
    const { log } = logOf({ maxStoredBytes: 100_000_000 });
    for (let i = 1; i <= count; i++) log.add(message(2 * i), 0);
    return cpu(() => log.add(message(2 * count + 2, { floor: 2 * count + 2 }), 0));
  };
  const risingFloor = (count: number): number => {
    const { log } = logOf({ maxStoredBytes: 100_000_000 });
    for (let i = 1; i <= 2 * count; i++) log.add(message(2 * i), 0);
    return cpu(() => {
      for (let i = 1; i <= count; i++) log.add(message(4 * count + 2 * i, { floor: 2 * i }), 0);
    });
  };
  const madeUp = (count: number): number => {
    const { log } = logOf({ maxStoredBytes: 100_000_000 });
    for (let i = 1; i <= 8_192; i++) log.add(message(1, { origin: i }), 0);
    return cpu(() => {
      for (let i = 0; i < count; i++) log.add(message(1, { origin: 10_000 + i }), 0);
    });
  };
  // Quadratic work takes 256 times as long for 16 times as many.
  for (const work of [gapsBelowFloor, risingFloor, madeUp]) expect(work(32_000)).toBeLessThan(100 * Math.max(1_000, work(2_000)));
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

it("does not wait for a message that arrives after it has expired", () => {
  const { counters, delivered, log } = logOf();
  const age = retention + 1;
  log.add(message(1), 0);
  expect(log.add(message(2, { age }), 100)).toBe(false);
  log.add(message(3), 100);
  log.add(message(5), 100);
  expect(delivered).toEqual([1, 3]);
  expect(log.add(message(4, { age }), 200)).toBe(false);
  expect([delivered, counters.missed]).toEqual([[1, 3, 5], 2]);
});

it("drops and counts the oldest messages over the limit of bytes", () => {
  const { counters, log } = logOf({ maxStoredBytes: 3 * (10 + 256) });
  for (const sequence of [1, 2, 3, 4, 5]) log.add(message(sequence), 0);
  expect(counters.evicted).toBe(2);
  expect([...log.stored([{ origin: 1, from: 1, to: 9 }])].map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  expect(log.floorOf(1, 6)).toBe(3);
  expect(log.floorOf(2, 9)).toBe(9);
});
