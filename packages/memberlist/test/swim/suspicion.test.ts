import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { remainingSuspicionTime, Suspicion } from "../../src/swim/suspicion.ts";
import { EngineHarness } from "./engine-harness.ts";
import { alive, suspect } from "./messages.ts";

const cause = { code: "accused", from: "me" } as const;

describe("remainingSuspicionTime", () => {
  it("follows the logarithm of the confirmations, less the time gone [Suspicion_remainingSuspicionTime]", () => {
    const cases: [confirmations: number, k: number, elapsed: number, remaining: number][] = [
      [0, 3, 0, 30_000],
      [1, 3, 2000, 14_000],
      [2, 3, 3000, 4810],
      [3, 3, 4000, -2000],
      [4, 3, 5000, -3000],
      [5, 3, 10_000, -8000],
    ];
    for (const [confirmations, k, elapsed, remaining] of cases) {
      expect(remainingSuspicionTime(confirmations, k, elapsed, 2000, 30_000)).toBe(remaining);
    }
  });

  it("returns whole numbers that fall with each confirmation, and stays between min and max", () => {
    const numbers = fc.tuple(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 10 }),
    );
    fc.assert(
      fc.property(numbers, ([k, min, mult]) => {
        const times = Array.from({ length: k + 1 }, (_, c) => remainingSuspicionTime(c, k, 0, min, mult * min));
        expect(times[0]).toBe(mult * min);
        expect(times[k]).toBe(min);
        expect(times.every(Number.isInteger)).toBe(true);
        expect(times.toSorted((a, b) => b - a)).toEqual(times);
      }),
    );
  });
});

describe("Suspicion", () => {
  it("counts distinct accusers other than the first, up to k [Suspicion_Timer]", () => {
    const cases: { confirmations: [from: string, isNew: boolean][]; counted: number; endsAfter: number }[] = [
      { confirmations: [], counted: 0, endsAfter: 2000 },
      {
        confirmations: [
          ["me", false],
          ["foo", true],
        ],
        counted: 1,
        endsAfter: 1250,
      },
      {
        confirmations: [
          ["me", false],
          ["foo", true],
          ["foo", false],
          ["foo", false],
        ],
        counted: 1,
        endsAfter: 1250,
      },
      {
        confirmations: [
          ["me", false],
          ["foo", true],
          ["bar", true],
        ],
        counted: 2,
        endsAfter: 811,
      },
      {
        confirmations: [
          ["me", false],
          ["foo", true],
          ["bar", true],
          ["baz", true],
        ],
        counted: 3,
        endsAfter: 500,
      },
      {
        confirmations: [
          ["me", false],
          ["foo", true],
          ["bar", true],
          ["baz", true],
          ["zoo", false],
        ],
        counted: 3,
        endsAfter: 500,
      },
    ];
    for (const { confirmations, counted, endsAfter } of cases) {
      const suspicion = new Suspicion({ from: "me", cause, k: 3, min: 500, max: 2000, startedAt: 70 });
      for (const [from, isNew] of confirmations) expect(suspicion.confirm(from)).toBe(isNew);
      expect(suspicion.confirmations).toBe(counted);
      expect(suspicion.endsAt()).toBe(70 + endsAfter);
    }
  });

  it("takes the shortest time and no confirmations if k is 0 [Suspicion_Timer_ZeroK]", () => {
    for (const k of [0, -1]) {
      const suspicion = new Suspicion({ from: "me", cause, k, min: 25, max: 30_000, startedAt: 0 });
      expect(suspicion.confirm("foo")).toBe(false);
      expect(suspicion.endsAt()).toBe(25);
    }
  });
});

/** A node that knows `n` others and suspects "n2". It was never started, so that no probe gets in between. */
function suspecting(n: number, config: { suspicionMult: number; suspicionMaxTimeoutMult: number }): EngineHarness {
  const node = new EngineHarness({ config: { probeInterval: 100, probeTimeout: 50, ...config } });
  for (let i = 2; i < n + 2; i++) node.deliver(alive(`n${i}`));
  node.deliver(suspect("n2", 1, "n3"));
  return node;
}

/** In how many ms n2 is declared dead; that is the only timer. */
function diesAfter(node: EngineHarness): number {
  const start = node.now;
  node.advance((node.engine.nextTimerAt() ?? Infinity) - start);
  expect(node.state("n2")).toBe("dead");
  return node.now - start;
}

describe("a suspicion in the engine", () => {
  it("fires at once when a confirmation puts its end into the past [Suspicion_Timer_Immediate]", () => {
    const node = suspecting(10, { suspicionMult: 3, suspicionMaxTimeoutMult: 100 });
    node.jump(5000);
    expect(node.state("n2")).toBe("suspect");
    node.deliver(suspect("n2", 1, "n4"));
    node.fire();
    expect(node.state("n2")).toBe("dead");
  });

  it("does not fire again or move after an accusation that comes after its end [Suspicion_Timer]", () => {
    const node = suspecting(10, { suspicionMult: 3, suspicionMaxTimeoutMult: 4 });
    expect(diesAfter(node)).toBe(1200);
    node.takeEvents();
    node.deliver(suspect("n2", 1, "late"));
    node.advance(10_000);
    expect(node.eventTypes().filter((event) => event.endsWith(" n2"))).toEqual([]);
  });

  it("wants suspicionMult - 2 confirmations only if there are enough other members", () => {
    const config = { suspicionMult: 5, suspicionMaxTimeoutMult: 2 };
    expect(diesAfter(suspecting(4, config))).toBe(500);
    expect(diesAfter(suspecting(5, config))).toBe(1000);
  });

  it("keeps the timeout it started with when the cluster grows", () => {
    const node = suspecting(10, { suspicionMult: 3, suspicionMaxTimeoutMult: 2 });
    for (let i = 11; i < 200; i++) node.deliver(alive(`n${i}`));
    expect(diesAfter(node)).toBe(600);
  });
});

it("keeps the default length of a suspicion if this node does not probe", () => {
  const node = new EngineHarness({ config: { probeInterval: 0 } }).start();
  node.deliverAll(alive("n2"), suspect("n2"));
  node.advance(3900);
  expect(node.state("n2")).toBe("suspect");
  node.advance(200);
  expect(node.state("n2")).toBe("dead");
});
