import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventHub } from "../../src/runtime/event-hub.ts";
import type { MemberEvent } from "../../src/api/events.ts";
import { Fifo } from "../../src/util/fifo.ts";

describe("a first-in, first-out queue", () => {
  it("behaves like a plain list when items are added, taken and cleared", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.nat() },
      { weight: 5, arbitrary: fc.constant("shift" as const) },
      { weight: 1, arbitrary: fc.constantFrom("burst" as const, "clear" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const fifo = new Fifo<number>();
        let list: number[] = [];
        for (const what of steps) {
          let taken: (number | undefined)[] = [];
          if (what === "shift") taken = [fifo.shift(), list.shift()];
          else if (what === "clear") {
            fifo.clear();
            list = [];
          } else {
            const items = what === "burst" ? Array.from({ length: 40 }, (_, i) => i) : [what];
            for (const item of items) {
              fifo.push(item);
              list.push(item);
            }
          }
          expect(taken[0]).toBe(taken[1]);
          expect([fifo.size, [...fifo]]).toEqual([list.length, list]);
        }
      }),
    );
  });

  it("keeps the event buffer of a slow reader cheap, however long it is", () => {
    const capacity = 400_000;
    const event = { type: "isolated", lost: 0, seeds: 0, tried: [], at: 0 } satisfies MemberEvent;
    let dropped = 0;
    const hub = new EventHub(() => dropped++);
    const stream = hub.open(capacity, {});
    const cpuOf = (count: number): number => {
      const before = process.cpuUsage();
      for (let i = 0; i < count; i++) hub.push(event);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const filling = cpuOf(capacity);
    expect(stream.dropped).toBe(0);
    // 1 % of the events, each of which drops the oldest, must not cost more than filling did. Moving what waits costs about 50 times that.
    expect(cpuOf(capacity / 100)).toBeLessThan(filling);
    expect([stream.dropped, dropped]).toEqual([capacity / 100, capacity / 100]);
  });
});
