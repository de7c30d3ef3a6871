import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, encodeMessage, hostOf, suspect } from "./messages.ts";

/** A node that knows n2 … n<n>. Its pings to them are answered at once, unless they are in `silent`. */
class Probed {
  readonly node: EngineHarness;
  readonly silent: Set<string> = new Set();
  /** The probed nodes, and when. */
  readonly probes: { name: string; at: number }[] = [];

  constructor(n: number, options: HarnessOptions = {}) {
    this.node = new EngineHarness(options).start();
    for (let i = 2; i <= n; i++) this.node.deliver(alive(`n${i}`));
    this.node.takeBroadcasts();
  }

  advance(ms: number, step: number = 1): void {
    for (let gone = 0; gone < ms; gone += step) {
      this.node.advance(step);
      for (const { messages, at } of this.node.takeSent()) {
        const [first] = messages;
        if (first?.kind !== "ping") continue;
        this.probes.push({ name: first.node, at });
        if (!this.silent.has(first.node)) this.node.deliver(ack(first.seqNo));
      }
    }
  }

  names(): string[] {
    return this.probes.map(({ name }) => name);
  }
}

describe("the probe schedule", () => {
  it("probes each node once in a round, and in another order in the next", () => {
    const probed = new Probed(11, { config: { probeInterval: 10, probeTimeout: 5 } });
    probed.advance(2000);
    const rounds = Array.from({ length: 15 }, (_, i) => probed.names().slice(i * 10, (i + 1) * 10));
    const all = Array.from({ length: 10 }, (_, i) => `n${i + 2}`).toSorted();
    for (const round of rounds) expect(round.toSorted()).toEqual(all);
    expect(new Set(rounds.map((round) => round.join())).size).toBe(15);
  });

  it("starts at a random moment of the first interval, and then keeps its rhythm", () => {
    const starts = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const probed = new Probed(3, { seed, config: { probeInterval: 100, probeTimeout: 50 } });
      const begin = probed.node.now;
      probed.advance(999);
      const [first] = probed.probes;
      const offset = (first?.at ?? 0) - begin;
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(offset).toBeLessThan(100);
      expect(probed.probes.map(({ at }) => at)).toEqual(Array.from({ length: 10 }, (_, i) => begin + offset + i * 100));
      starts.add(offset);
    }
    expect(starts.size).toBeGreaterThan(10);
  });

  it("skips this node, the dead and the left, but not suspects", () => {
    const probed = new Probed(6, { config: { probeInterval: 10, probeTimeout: 5, gossipToTheDeadTime: 100_000 } });
    probed.node.deliverAll(dead("n2"), dead("n3", 1, "n3"), suspect("n4"));
    probed.advance(300);
    expect(new Set(probed.names())).toEqual(new Set(["n4", "n5", "n6"]));
    // Every tick finds somebody: the dead cost no time.
    expect(probed.probes).toHaveLength(30);
  });

  it("probes no node if no other member is alive", () => {
    const probed = new Probed(3, { config: { probeInterval: 10, probeTimeout: 5 } });
    probed.node.deliverAll(dead("n2"), dead("n3"));
    probed.advance(500);
    expect(probed.probes).toEqual([]);
    const alone = new Probed(1, { config: { probeInterval: 10, probeTimeout: 5 } });
    alone.advance(500);
    expect(alone.probes).toEqual([]);
  });

  it("never starts with a probeInterval of 0", () => {
    const probed = new Probed(5, { config: { probeInterval: 0 } });
    probed.advance(60_000, 1000);
    expect(probed.probes).toEqual([]);
  });

  it("runs one probe at a time, and makes up for one missed probe only", () => {
    const probed = new Probed(4, { fixedRandom: 0, config: { probeInterval: 100, probeTimeout: 50 } });
    for (let i = 0; i < 4; i++) probed.node.deliver(suspect("n1", i + 1));
    expect(probed.node.engine.healthScore).toBe(4);
    // The first one takes 5 intervals, because our health is poor.
    probed.silent.add("n4");
    probed.node.takeBroadcasts();
    const begin = probed.node.now;
    probed.advance(499);
    expect(probed.names()).toEqual(["n4"]);
    probed.advance(101);
    expect(probed.probes.slice(1).map(({ at }) => at - begin)).toEqual([500, 600]);
  });

  it("does not make up for ticks that the process slept through", () => {
    const probed = new Probed(5, { config: { probeInterval: 100, probeTimeout: 50 } });
    probed.advance(300);
    const before = probed.probes.length;
    probed.node.jump(10_000);
    probed.advance(1);
    expect(probed.probes).toHaveLength(before + 1);
    probed.advance(299);
    expect(probed.probes.length - before).toBeLessThanOrEqual(4);
  });

  it("scales the time of a probe by our health, up to awarenessMaxMultiplier", () => {
    for (const [score, max, expected] of [
      [0, 8, 100],
      [1, 8, 200],
      [3, 8, 400],
      [20, 8, 800],
      [20, 1, 100],
    ] as const) {
      const config = { probeInterval: 100, probeTimeout: 50, awarenessMaxMultiplier: max };
      const node = new EngineHarness({ fixedRandom: 0, config }).start();
      node.deliver(alive("n2"));
      for (let i = 0; i < score; i++) node.deliver(suspect("n1", i + 1));
      node.advance(expected - 1);
      expect(node.state("n2")).toBe("alive");
      node.advance(1);
      expect(node.state("n2")).toBe("suspect");
    }
  });

  it("reaches every live node within two rounds while others join, die or rejoin", () => {
    const change = fc.record({
      node: fc.integer({ min: 2, max: 12 }),
      kind: fc.constantFrom("alive", "dead", "left"),
      wait: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.nat(1000), (changes, seed) => {
        const probed = new Probed(6, { seed, config: { probeInterval: 10, probeTimeout: 5, gossipToTheDeadTime: 50 } });
        for (const [i, { node, kind, wait }] of changes.entries()) {
          const name = `n${node}`;
          const incarnation = i + 2;
          if (kind === "alive") probed.node.deliver(alive(name, { incarnation, addr: hostOf(name) }));
          else probed.node.deliver(dead(name, incarnation, kind === "left" ? name : "n99"));
          probed.advance(wait);
        }
        const live = probed.node.known().filter(({ state, name }) => state === "alive" && name !== "n1");
        probed.probes.length = 0;
        probed.advance(10 * 2 * (probed.node.known().length + 1));
        for (const { name } of live) expect(probed.names()).toContain(name);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a ping outside the schedule", () => {
  const to = { host: "127.0.0.2", port: 7946, name: "n2" };

  function pinging(): { node: EngineHarness; results: (number | undefined)[] } {
    const node = new EngineHarness({ config: { probeInterval: 10_000, probeTimeout: 1000 } });
    const results: (number | undefined)[] = [];
    node.run(() => node.engine.ping(to, (rtt) => results.push(rtt)));
    return { node, results };
  }

  it("returns the round trip [Ping]", () => {
    const { node, results } = pinging();
    expect(node.sent).toMatchObject([{ to, messages: [{ kind: "ping", node: "n2", seqNo: 1, sourceNode: "n1" }] }]);
    node.advance(12.5);
    node.deliver(ack(1), stranger);
    expect(results).toEqual([12.5]);
    node.advance(5000);
    node.deliver(ack(1));
    expect(results).toHaveLength(1);
    expect(node.engine.nextTimerAt()).toBeUndefined();
  });

  it("fails after probeTimeout, without a change of the node's state [Ping]", () => {
    const { node, results } = pinging();
    node.advance(999);
    expect(results).toEqual([]);
    node.advance(1);
    expect(results).toEqual([undefined]);
    node.deliver(ack(1));
    expect(results).toHaveLength(1);
    expect(node.takeEvents()).toEqual([]);
  });

  it("fails at once if the packet cannot be sent", () => {
    const { node, results } = pinging();
    node.sent[0]?.fail();
    expect(results).toEqual([undefined]);
    expect(node.engine.nextTimerAt()).toBeUndefined();
  });

  it("measures to the ack's arrival, not to its processing", () => {
    const { node, results } = pinging();
    const arrived = node.now + 3;
    node.jump(400);
    node.run(() => node.engine.packets.receive(encodeMessage(ack(1)), stranger, arrived));
    expect(results).toEqual([3]);
  });
});
