import { describe, expect, it } from "vitest";
import { TransmitLimitedQueue, type TransmitLimitedQueueOptions } from "../../src/swim/broadcast-queue.ts";
import { MemberlistError } from "../../src/api/errors.ts";
import { SeededRandom } from "../../src/testing/index.ts";
import { ascii } from "../wire/hex.ts";

/** A queue that records each dropped broadcast, as `finished x` and `oldest x`, `newest x` or `tooLong x`. */
function makeQueue(options: Partial<TransmitLimitedQueueOptions>): {
  queue: TransmitLimitedQueue;
  reported: string[];
  put: (text: string, name?: string) => boolean;
} {
  const reported: string[] = [];
  const queue = new TransmitLimitedQueue({
    numNodes: () => 10,
    retransmitMult: 2,
    maxPayload: () => Infinity,
    onDropped: ({ message }, why) => reported.push(`${why} ${String.fromCharCode(...message)}`),
    ...options,
  });
  const put = (text: string, name?: string): boolean =>
    queue.queueBroadcast({ name, message: ascii(text), finished: () => reported.push(`finished ${text}`) });
  return { queue, reported, put };
}

function waiting(queue: TransmitLimitedQueue): string[] {
  return queue
    .getBroadcasts(0, 1_000_000)
    .map((message) => String.fromCharCode(...message))
    .toSorted();
}

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error instanceof MemberlistError ? [error.code, error.details] : error;
  }
  return "none";
}

describe("a full queue", () => {
  it("drops its oldest broadcast, however often it was sent", () => {
    const { queue, reported, put } = makeQueue({ maxCount: 3 });
    put("a");
    expect(waiting(queue)).toEqual(["a"]);
    put("b");
    put("c");
    expect(put("d")).toBe(true);
    expect(put("e")).toBe(true);
    expect(reported).toEqual(["finished a", "oldest a", "finished b", "oldest b"]);
    expect(waiting(queue)).toEqual(["c", "d", "e"]);
    expect(queue.counters()).toEqual({
      count: 3,
      bytes: 3,
      droppedOldest: 2,
      droppedMostSent: 0,
      droppedNewest: 0,
      rejected: 0,
      droppedTooLong: 0,
    });
  });

  it("keeps the order of age when sent broadcasts return to the queue", () => {
    const { queue, put } = makeQueue({ maxCount: 3, retransmitMult: 9 });
    for (const text of ["a", "bb", "ccc"]) put(text);
    queue.getBroadcasts(0, 3); // ccc
    queue.getBroadcasts(0, 2); // bb
    put("d");
    put("e");
    expect(waiting(queue)).toEqual(["ccc", "d", "e"]);
  });

  it("drops as many as the new broadcast's bytes need", () => {
    const { queue, put } = makeQueue({ maxBytes: 10 });
    for (const text of ["aaaa", "bbbb", "cc"]) put(text);
    put("ddddd");
    expect(waiting(queue)).toEqual(["cc", "ddddd"]);
    expect(queue.counters()).toMatchObject({ count: 2, bytes: 7, droppedOldest: 2 });
  });

  it("drops the most sent first under dropMostSent, the longest of those first, never the spared one", () => {
    const { queue, reported, put } = makeQueue({ maxCount: 4, retransmitMult: 9, whenFull: "dropMostSent", spared: "me" });
    for (const text of ["aa", "b", "cc"]) put(text);
    put("dddd", "me");
    expect(waiting(queue)).toEqual(["aa", "b", "cc", "dddd"]);
    expect([put("e"), put("f")]).toEqual([true, true]);
    expect(reported).toEqual(["finished aa", "mostSent aa", "finished cc", "mostSent cc"]);
    put("g");
    put("hhh");
    expect(reported.slice(4)).toEqual(["finished b", "mostSent b", "finished e", "mostSent e"]);
    expect(waiting(queue)).toEqual(["dddd", "f", "g", "hhh"]);
    expect(queue.counters()).toMatchObject({ count: 4, droppedMostSent: 4, droppedOldest: 0 });
  });

  it("drops the new broadcast under dropNewest, and reports it", () => {
    const { queue, reported, put } = makeQueue({ maxCount: 2, whenFull: "dropNewest" });
    expect([put("a"), put("b"), put("c")]).toEqual([true, true, false]);
    expect(reported).toEqual(["finished c", "newest c"]);
    expect(waiting(queue)).toEqual(["a", "b"]);
    expect(queue.counters()).toMatchObject({ count: 2, droppedOldest: 0, droppedNewest: 1 });
  });

  it("throws queue_full under reject, and changes nothing", () => {
    const { queue, reported, put } = makeQueue({ maxCount: 2, whenFull: "reject" });
    put("a");
    put("b");
    expect(refusal(() => put("c"))).toEqual(["queue_full", { count: 2, bytes: 2, maxCount: 2, maxBytes: 8 * 1024 * 1024 }]);
    expect(reported).toEqual([]);
    expect(waiting(queue)).toEqual(["a", "b"]);
    expect(queue.counters()).toMatchObject({ count: 2, rejected: 1 });
  });

  it.each(["dropOldest", "dropMostSent", "dropNewest", "reject"] as const)(
    "replaces the broadcast of the same name (%s)",
    (whenFull) => {
      const { queue, reported, put } = makeQueue({ maxCount: 2, maxBytes: 8, whenFull });
      put("1111", "one");
      put("2222", "two");
      expect(put("3333", "one")).toBe(true);
      expect(reported).toEqual(["finished 1111"]);
      expect(waiting(queue)).toEqual(["2222", "3333"]);
    },
  );

  it("keeps the old broadcast of a name if the new one does not fit", () => {
    const { queue, put } = makeQueue({ maxBytes: 8, whenFull: "dropNewest" });
    put("1111", "one");
    put("2222", "two");
    expect(put("33333", "one")).toBe(false);
    expect(waiting(queue)).toEqual(["1111", "2222"]);
  });

  it.each(["dropOldest", "dropMostSent", "dropNewest", "reject"] as const)(
    "refuses a message that exceeds maxBytes alone (%s)",
    (whenFull) => {
      const { queue, reported, put } = makeQueue({ maxBytes: 4, whenFull });
      put("1111");
      expect(refusal(() => put("55555"))).toEqual(["message_too_large", { size: 5, limit: 4 }]);
      expect(reported).toEqual([]);
      expect(waiting(queue)).toEqual(["1111"]);
    },
  );

  it("refuses broadcasts over maxPayload, and drops queued ones when maxPayload shrinks", () => {
    let longest = 5;
    const { queue, reported, put } = makeQueue({ maxPayload: () => longest });
    put("1");
    put("4444");
    put("55555");
    expect(refusal(() => put("666666"))).toEqual(["message_too_large", { size: 6, limit: 5 }]);
    expect(reported).toEqual([]);
    longest = 3;
    expect(waiting(queue)).toEqual(["1"]);
    expect(reported).toEqual(["finished 55555", "tooLong 55555", "finished 4444", "tooLong 4444"]);
    expect(queue.counters()).toMatchObject({ count: 1, bytes: 1, droppedTooLong: 2 });
  });

  it("sends nothing where nothing but the overhead has room", () => {
    const { queue, put } = makeQueue({});
    put("");
    expect(queue.getBroadcasts(3, 3)).toEqual([]);
    expect(queue.getBroadcasts(3, 4)).toEqual([new Uint8Array(0)]);
  });

  it("names the limit that a message exceeds", () => {
    const message = (options: Partial<TransmitLimitedQueueOptions>): string => {
      try {
        makeQueue(options).put("666666");
      } catch (error) {
        return (error as Error).message;
      }
      return "none";
    };
    expect(message({ maxPayload: () => 5 })).toContain("maxPayload (5 bytes)");
    expect(message({ maxBytes: 5 })).toContain("maxBytes (5 bytes)");
  });

  it.each([
    [{ numNodes: undefined }, "numNodes"],
    [{ retransmitMult: undefined }, "retransmitMult"],
    [{ maxPayload: undefined }, "maxPayload"],
    [{ retransmitMult: "4" }, "retransmitMult"],
    [{ maxCount: "5" }, "maxCount"],
  ])("refuses %o, and names the option", (options, name) => {
    const make = (): unknown => makeQueue(options as never);
    expect(make).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(make).toThrow(new RegExp(`TransmitLimitedQueue.*${name}`));
  });

  it("drops every broadcast that has become too long, in any order, without callbacks", () => {
    let longest = 5;
    const { queue, put } = makeQueue({ maxPayload: () => longest, onDropped: undefined });
    put("55555");
    put("1");
    put("4444");
    put("22");
    longest = 3;
    expect(waiting(queue)).toEqual(["1", "22"]);
    expect(queue.counters()).toMatchObject({ count: 2, bytes: 3, droppedTooLong: 2 });
  });

  it("accepts one more if nothing may be dropped", () => {
    const { queue, reported, put } = makeQueue({ maxCount: 1, whenFull: "dropMostSent", spared: "me" });
    put("a", "me");
    expect(put("b")).toBe(true);
    expect(reported).toEqual([]);
    expect(put("c")).toBe(true);
    expect(reported).toEqual(["finished b", "mostSent b"]);
    expect(waiting(queue)).toEqual(["a", "c"]);
  });

  it("accepts more once broadcasts are sent, pruned or reset", () => {
    const { queue, put } = makeQueue({ maxCount: 2, whenFull: "dropNewest", retransmitMult: 1, numNodes: () => 1 });
    put("a");
    put("b");
    waiting(queue);
    expect(queue.counters()).toMatchObject({ count: 0, bytes: 0 });
    expect([put("c"), put("d"), put("e")]).toEqual([true, true, false]);
    queue.prune(1);
    expect([put("f"), put("g")]).toEqual([true, false]);
    queue.reset();
    expect([put("h"), put("i"), put("j")]).toEqual([true, true, false]);
    expect(waiting(queue)).toEqual(["h", "i"]);
  });
});

it("stays within its limits, with exact counts, over random operations", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new SeededRandom(seed);
    const pick = (n: number): number => Math.floor(random.next() * n);
    let put = 0;
    let finished = 0;
    const wrong: unknown[] = [];
    const { queue } = makeQueue({
      maxCount: 20,
      maxBytes: 200,
      whenFull: (["dropOldest", "dropMostSent", "dropNewest"] as const)[pick(3)],
    });
    for (let step = 0; step < 500; step++) {
      if (pick(4) === 0) queue.getBroadcasts(2, pick(100));
      else if (pick(50) === 0) queue.prune(pick(20));
      else {
        put++;
        const name = pick(2) === 0 ? undefined : `name-${pick(30)}`;
        queue.queueBroadcast({ name, message: new Uint8Array(1 + pick(40)), finished: () => finished++ });
      }
      const { count, bytes } = queue.counters();
      if (count > 20 || bytes > 200 || count !== put - finished) wrong.push({ step, count, bytes, waiting: put - finished });
    }
    expect(wrong).toEqual([]);
    queue.reset();
    expect(queue.counters()).toMatchObject({ count: 0, bytes: 0 });
    expect(finished).toBe(put);
  }
});

it.each([{ maxCount: 0 }, { maxBytes: 0 }, { maxCount: Number.NaN }, { whenFull: "dropAll" as "reject" }])(
  "refuses the queue options %o",
  (options) => {
    expect(refusal(() => makeQueue(options))).toEqual(["invalid_argument", { option: Object.keys(options)[0] }]);
  },
);

describe("cancelling a broadcast", () => {
  it("removes it by name, and calls its finished", () => {
    const { queue, reported, put } = makeQueue({});
    put("a", "one");
    put("b", "two");
    put("c");
    expect(queue.cancel("one")).toBe(true);
    expect(reported).toEqual(["finished a"]);
    expect(queue.counters()).toMatchObject({ count: 2, bytes: 2 });
    expect(queue.cancel("one")).toBe(false);
    expect(reported).toEqual(["finished a"]);
    expect(waiting(queue)).toEqual(["b", "c"]);
  });

  it.each([null, undefined, 5])("takes %s as a name, as callers in plain JavaScript may pass it", (any) => {
    const name = any as unknown as string;
    const { queue, put } = makeQueue({});
    expect(queue.cancel(name)).toBe(false);
    put("a", "null");
    put("b", name);
    expect(queue.cancel(name)).toBe(any !== undefined);
    expect(waiting(queue)).toEqual(any === undefined ? ["a", "b"] : ["a"]);
  });

  it("works without a finished callback", () => {
    const { queue } = makeQueue({});
    queue.queueBroadcast({ name: "one", message: ascii("a") });
    expect(queue.cancel("one")).toBe(true);
    expect(queue.numQueued()).toBe(0);
  });
});
