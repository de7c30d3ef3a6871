import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TransmitLimitedQueue } from "../../src/swim/broadcast-queue.ts";
import { retransmitLimit } from "../../src/swim/scaling.ts";

interface ModelEntry {
  readonly id: number;
  readonly name: string | undefined;
  readonly message: Uint8Array;
  transmits: number;
}

/** The same queue, written without a thought for speed: an unordered list that is searched anew each time. */
class NaiveQueue {
  entries: ModelEntry[] = [];
  finished: number[] = [];

  queue(entry: ModelEntry): void {
    const old = this.entries.find((other) => entry.name !== undefined && other.name === entry.name);
    if (old !== undefined) this.#finish(old);
    this.entries.push(entry);
  }

  get(overhead: number, limit: number, transmitLimit: number): Uint8Array[] {
    const sent: ModelEntry[] = [];
    let used = 0;
    let tier = 0;
    for (;;) {
      // Tiers are gone through once, upwards; within one, the best that still fits is taken each time.
      const fitting = this.entries
        .filter((entry) => !sent.includes(entry) && entry.transmits >= tier && entry.message.length <= limit - used - overhead)
        .sort((a, b) => a.transmits - b.transmits || b.message.length - a.message.length || b.id - a.id);
      const [best] = fitting;
      if (best === undefined || limit - used - overhead <= 0) break;
      tier = best.transmits;
      used += overhead + best.message.length;
      sent.push(best);
    }
    for (const entry of sent) {
      entry.transmits++;
      if (entry.transmits >= transmitLimit) this.#finish(entry);
    }
    return sent.map((entry) => entry.message);
  }

  prune(maxRetain: number): void {
    while (this.entries.length > maxRetain) {
      const [last] = this.entries.toSorted(
        (a, b) => b.transmits - a.transmits || a.message.length - b.message.length || a.id - b.id,
      );
      this.#finish(last as ModelEntry);
    }
  }

  #finish(entry: ModelEntry): void {
    this.entries = this.entries.filter((other) => other !== entry);
    this.finished.push(entry.id);
  }
}

const names = fc.option(fc.constantFrom("a", "b", "c", "d", "e"), { nil: undefined });
/** Often the same: those of one length, and sent as often, are moved together. */
const lengths = fc.oneof(fc.nat(30), fc.constantFrom(7, 8));
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("queue" as const), name: names, length: lengths }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("queueMany" as const), count: fc.nat(90) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("get" as const), overhead: fc.nat(4), limit: fc.nat(120) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("prune" as const), keep: fc.nat(12) }) },
);

describe("TransmitLimitedQueue against a naive model", () => {
  it("sends the same in the same order, within the limit, and finishes each exactly once", () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 120 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(1, 5, 50, 500),
        (commands, retransmitMult, nodes) => {
          const finished: number[] = [];
          const queue = new TransmitLimitedQueue({ numNodes: () => nodes, maxPayload: () => Infinity, retransmitMult });
          const model = new NaiveQueue();
          const transmitLimit = retransmitLimit(retransmitMult, nodes);
          for (const [id, step] of commands.entries()) {
            let sent: Uint8Array[] = [];
            let expected: Uint8Array[] = [];
            if (step.type === "queue") {
              const message = new Uint8Array(step.length);
              queue.queueBroadcast({ name: step.name, message, finished: () => finished.push(id) });
              model.queue({ id, name: step.name, message, transmits: 0 });
            } else if (step.type === "queueMany") {
              for (let i = 0; i < step.count; i++) {
                const message = new Uint8Array(8);
                const ordered = id + i / 1_000;
                queue.queueBroadcast({ message, finished: () => finished.push(ordered) });
                model.queue({ id: ordered, name: undefined, message, transmits: 0 });
              }
            } else if (step.type === "get") {
              sent = queue.getBroadcasts(step.overhead, step.limit);
              expected = model.get(step.overhead, step.limit, transmitLimit);
            } else {
              queue.prune(step.keep);
              model.prune(step.keep);
            }
            expect(sent.length).toBe(expected.length);
            // The same objects, not only equal bytes.
            expect(sent.every((message, i) => message === expected[i])).toBe(true);
            const overhead = step.type === "get" ? step.overhead : 0;
            const size = sent.reduce((sum, message) => sum + overhead + message.length, 0);
            expect(size).toBeLessThanOrEqual(step.type === "get" ? step.limit : 0);
            expect(queue.numQueued()).toBe(model.entries.length);
          }
          expect(finished).toEqual(model.finished);
          queue.reset();
          model.prune(0);
          expect(finished.length).toBe(new Set(finished).size);
          expect(new Set(finished)).toEqual(new Set(model.finished));
        },
      ),
    );
  });

  it("gives every message of equal size and age the same share of a full packet", () => {
    const queue = new TransmitLimitedQueue({ numNodes: () => 1000, maxPayload: () => Infinity, retransmitMult: 2 });
    const sentTimes = new Map<Uint8Array, number>();
    for (let i = 0; i < 40; i++) {
      const message = new Uint8Array(20);
      sentTimes.set(message, 0);
      queue.queueBroadcast({ name: `${i}`, message });
    }
    for (let round = 0; round < 16; round++) {
      for (const message of queue.getBroadcasts(2, 220)) sentTimes.set(message, (sentTimes.get(message) ?? 0) + 1);
    }
    expect(new Set(sentTimes.values())).toEqual(new Set([4]));
  });
});
