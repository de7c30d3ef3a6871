import { describe, expect, it } from "vitest";
import { TransmitLimitedQueue, type Broadcast } from "../../src/swim/broadcast-queue.ts";
import { ascii } from "../wire/hex.ts";

interface QueueSetup {
  readonly nodes?: number;
  readonly mult?: number;
}

function makeQueue({ nodes = 10, mult = 1 }: QueueSetup = {}): TransmitLimitedQueue {
  return new TransmitLimitedQueue({ numNodes: () => nodes, maxPayload: () => Infinity, retransmitMult: mult });
}

function texts(messages: readonly Uint8Array[]): string[] {
  return messages.map((message) => String.fromCharCode(...message));
}

/** Everything that waits, in the order in which it would be sent. */
function sendOrder(queue: TransmitLimitedQueue): string[] {
  return texts(queue.getBroadcasts(0, 1_000_000));
}

/** Four broadcasts of 18 bytes each. */
const four: [name: string, text: string][] = [
  ["test", "1. this is a test."],
  ["foo", "2. this is a test."],
  ["bar", "3. this is a test."],
  ["baz", "4. this is a test."],
];

function queueFour(queue: TransmitLimitedQueue, finished: (name: string) => void = () => undefined): void {
  for (const [name, text] of four) queue.queueBroadcast({ name, message: ascii(text), finished: () => finished(name) });
}

describe("a named broadcast", () => {
  it("replaces one of the same name and no other [MemberlistBroadcast_Invalidates]", () => {
    const queue = makeQueue();
    const finished: string[] = [];
    queue.queueBroadcast({ name: "test", message: ascii("old"), finished: () => finished.push("old") });
    queue.queueBroadcast({ name: "foo", message: ascii("foo"), finished: () => finished.push("foo") });
    expect(finished).toEqual([]);
    queue.queueBroadcast({ name: "test", message: ascii("new"), finished: () => finished.push("new") });
    expect(finished).toEqual(["old"]);
    expect(sendOrder(queue).sort()).toEqual(["foo", "new"]);
  });

  it("goes out as the very bytes that were queued [MemberlistBroadcast_Message]", () => {
    const queue = makeQueue();
    const message = ascii("test");
    queue.queueBroadcast({ name: "test", message });
    expect(queue.getBroadcasts(2, 100)[0]).toBe(message);
  });
});

describe("TransmitLimitedQueue", () => {
  it("prefers fewer transmits, then the larger, then the newer [LimitedBroadcastLess]", () => {
    const queue = makeQueue({ mult: 3 });
    queue.queueBroadcast({ name: "sent once", message: ascii("sent before, and longest") });
    expect(sendOrder(queue)).toHaveLength(1);
    queue.queueBroadcast({ name: "long", message: ascii("twelve bytes") });
    queue.queueBroadcast({ name: "short", message: ascii("ten bytes.") });
    queue.queueBroadcast({ name: "newer", message: ascii("twelve Bytes") });
    expect(sendOrder(queue)).toEqual(["twelve Bytes", "twelve bytes", "ten bytes.", "sent before, and longest"]);
  });

  it("counts queued broadcasts, and sorts a replacement by its own age [TransmitLimited_Queue]", () => {
    const queue = makeQueue({ nodes: 1 });
    const message = (name: string): Broadcast => ({ name, message: ascii(name.padEnd(4)) });
    for (const name of ["test", "foo", "bar"]) queue.queueBroadcast(message(name));
    expect(queue.numQueued()).toBe(3);
    queue.queueBroadcast(message("test"));
    expect(queue.numQueued()).toBe(3);
    expect(sendOrder(queue)).toEqual(["test", "bar ", "foo "]);
    expect(queue.numQueued()).toBe(0);
  });

  it("charges the overhead of each message [TransmitLimited_GetBroadcasts]", () => {
    const queue = makeQueue({ mult: 3 });
    queueFour(queue);
    expect(queue.getBroadcasts(2, 80)).toHaveLength(4);
    expect(queue.getBroadcasts(3, 80)).toHaveLength(3);
  });

  it("sends each as often as the transmit limit, then removes it [TransmitLimited_GetBroadcasts_Limit]", () => {
    const queue = makeQueue();
    queueFour(queue);
    const rounds = Array.from({ length: 4 }, () => texts(queue.getBroadcasts(3, 80)));
    expect(rounds.map((round) => round.length)).toEqual([3, 3, 2, 0]);
    for (const [, text] of four) expect(rounds.flat().filter((sent) => sent === text)).toHaveLength(2);
    expect(queue.numQueued()).toBe(0);
  });

  it("prunes to the newest, and finishes the others [TransmitLimited_Prune]", () => {
    const queue = makeQueue();
    const finished: string[] = [];
    queueFour(queue, (name) => finished.push(name));
    queue.prune(2);
    expect(queue.numQueued()).toBe(2);
    expect(finished).toEqual(["test", "foo"]);
    expect(sendOrder(queue)).toEqual(["4. this is a test.", "3. this is a test."]);
  });

  it("visits the tiers by their number of transmits, and prunes them the other way [TransmitLimited_ordering]", () => {
    const wanted = { node0: 0, node1: 10, node2: 3, node3: 4, node4: 7 };
    const build = (): TransmitLimitedQueue => {
      const queue = makeQueue({ mult: 20 });
      for (const [name, transmits] of Object.entries(wanted).toSorted((a, b) => b[1] - a[1])) {
        queue.queueBroadcast({ name, message: ascii(name) });
        // Those queued so far are each sent once more, until the next one is to come in.
        const next = Object.values(wanted).filter((other) => other < transmits);
        for (let i = transmits; i > Math.max(0, ...next); i--) queue.getBroadcasts(0, 1_000);
      }
      return queue;
    };
    expect(sendOrder(build())).toEqual(["node0", "node2", "node3", "node4", "node1"]);
    const queue = build();
    const left = Array.from({ length: 4 }, (_, i) => {
      queue.prune(4 - i);
      return queue.numQueued();
    });
    expect(left).toEqual([4, 3, 2, 1]);
    expect(sendOrder(queue)).toEqual(["node0"]);
  });

  it("does not send a message twice in one packet, however much room there is", () => {
    const queue = makeQueue({ mult: 5 });
    queueFour(queue);
    expect(queue.getBroadcasts(0, 100_000)).toHaveLength(4);
    expect(queue.getBroadcasts(0, 100_000)).toHaveLength(4);
  });

  it("skips a broadcast that exceeds the limit, and keeps it", () => {
    const queue = makeQueue();
    queue.queueBroadcast({ name: "big", message: new Uint8Array(100) });
    queue.queueBroadcast({ name: "small", message: ascii("s") });
    expect(texts(queue.getBroadcasts(2, 50))).toEqual(["s"]);
    expect(queue.numQueued()).toBe(2);
    expect(queue.getBroadcasts(2, 2)).toEqual([]);
    expect(queue.getBroadcasts(2, 0)).toEqual([]);
    expect(queue.getBroadcasts(2, -10)).toEqual([]);
  });

  it("keeps empty broadcasts for the next packet when this one is full", () => {
    const queue = makeQueue({ mult: 3 });
    queue.queueBroadcast({ message: ascii("ab") });
    queue.queueBroadcast({ message: ascii("") });
    queue.queueBroadcast({ message: ascii("") });
    expect(texts(queue.getBroadcasts(0, 2))).toEqual(["ab"]);
    // As in Go, room for the overhead alone does not count.
    expect(texts(queue.getBroadcasts(2, 4))).toEqual([""]);
    expect(texts(queue.getBroadcasts(0, 2))).toEqual(["", "ab"]);
  });

  it("keeps a broadcast that just fits when packets become smaller, and drops longer ones", () => {
    let maxPayload = 100;
    const queue = new TransmitLimitedQueue({ numNodes: () => 10, maxPayload: () => maxPayload, retransmitMult: 1 });
    queue.queueBroadcast({ message: ascii("nine byte") });
    queue.queueBroadcast({ message: ascii("ten bytes.") });
    maxPayload = 9;
    expect(texts(queue.getBroadcasts(0, 50))).toEqual(["nine byte"]);
    expect(queue.counters()).toMatchObject({ count: 1, droppedTooLong: 1 });
  });

  it("reads the cluster size for each call", () => {
    let nodes = 1;
    const queue = new TransmitLimitedQueue({ numNodes: () => nodes, maxPayload: () => Infinity, retransmitMult: 1 });
    queueFour(queue);
    nodes = 100;
    for (let i = 0; i < 3; i++) expect(queue.getBroadcasts(0, 1000)).toHaveLength(4);
    expect(queue.numQueued()).toBe(0);
  });

  it("lets unnamed broadcasts invalidate only unnamed ones, and unique ones none", () => {
    const queue = makeQueue();
    const asked: string[] = [];
    const finished: string[] = [];
    const plain = (text: string): Broadcast => ({
      message: ascii(text),
      invalidates: (other) => {
        asked.push(texts([other.message])[0] as string);
        return true;
      },
      finished: () => finished.push(text),
    });
    queue.queueBroadcast({ name: "named", message: ascii("named") });
    queue.queueBroadcast({ unique: true, message: ascii("unique"), invalidates: () => expect.unreachable() });
    queue.queueBroadcast(plain("first"));
    queue.queueBroadcast({ unique: true, message: ascii("unique"), invalidates: () => expect.unreachable() });
    queue.queueBroadcast({ message: ascii("without an opinion") });
    expect(asked).toEqual([]);
    queue.queueBroadcast(plain("second"));
    expect(asked.sort()).toEqual(["first", "without an opinion"]);
    expect(finished).toEqual(["first"]);
    expect(sendOrder(queue).sort()).toEqual(["named", "second", "unique", "unique"]);
  });

  it("lets a finished callback queue another broadcast", () => {
    const queue = makeQueue({ nodes: 1 });
    let again = 0;
    const requeue = (): void => {
      if (again++ < 3) queue.queueBroadcast({ name: "x", message: ascii("x"), finished: requeue });
    };
    requeue();
    for (let i = 0; i < 10 && queue.numQueued() > 0; i++) queue.getBroadcasts(0, 100);
    expect(again).toBe(4);
    expect(queue.numQueued()).toBe(0);
  });

  it("finishes everything on reset", () => {
    const queue = makeQueue({ mult: 3 });
    const finished: string[] = [];
    queueFour(queue, (name) => finished.push(name));
    queue.getBroadcasts(3, 40);
    queue.reset();
    expect(finished.sort()).toEqual(["bar", "baz", "foo", "test"]);
    expect(queue.numQueued()).toBe(0);
    queueFour(queue);
    expect(queue.numQueued()).toBe(4);
  });
});
