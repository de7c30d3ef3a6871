import { afterEach, describe, expect, it, vi } from "vitest";
import { AckHandlers } from "../../src/swim/ack-handlers.ts";
import { HandoffQueue } from "../../src/swim/handoff-queue.ts";
import { TimerQueue } from "../../src/swim/timers.ts";
import { randomOffset } from "../../src/ports/random.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, indirectPing, ping, suspect, type Message } from "./messages.ts";

interface Watched {
  readonly node: EngineHarness;
  /** Timers that are set. */
  readonly timers: () => number;
  /** The handlers waiting for acks. */
  readonly handlers: () => number;
  /** Messages that wait to be handled. */
  readonly waiting: () => number;
}

/** An engine whose innermost lists can be counted: they are caught as they are first used. */
function watched(options: HarnessOptions = {}): Watched {
  const timers = vi.spyOn(TimerQueue.prototype, "set");
  const handlers = vi.spyOn(AckHandlers.prototype, "set");
  const waiting = vi.spyOn(HandoffQueue.prototype, "push");
  const node = new EngineHarness(options).start();
  node.deliver(indirectPing());
  node.deliver(alive("n2"));
  node.advance(node.config.probeTimeout);
  const [timerQueue] = timers.mock.contexts as TimerQueue[];
  const [ackHandlers] = handlers.mock.contexts as AckHandlers[];
  const [handoff] = waiting.mock.contexts as HandoffQueue[];
  vi.restoreAllMocks();
  node.takeBroadcasts();
  return {
    node,
    timers: () => timerQueue?.size ?? NaN,
    handlers: () => ackHandlers?.size ?? NaN,
    waiting: () => handoff?.size ?? NaN,
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

function hostileMessage(random: SeededRandom, names: number): Message {
  const pick = (n: number): number => randomOffset(random, n);
  const name = `n${1 + pick(names)}`;
  const incarnation = pick(4) === 0 ? pick(2 ** 32) : 1 + pick(50);
  switch (pick(9)) {
    case 0:
      return ping({ seqNo: pick(1000), node: name });
    case 1:
      return indirectPing({ seqNo: pick(1000), node: name, target: `127.0.0.${pick(256)}`, nack: pick(2) === 0 });
    case 2:
      return ack(pick(1000), new Uint8Array(pick(100)));
    case 3:
      return { kind: "nack", seqNo: pick(1000) };
    case 4:
      return suspect(name, incarnation, `n${pick(1000)}`);
    case 5:
      return dead(name, incarnation, pick(2) === 0 ? name : `n${pick(1000)}`);
    case 6:
      return { kind: "user", bytes: new Uint8Array(pick(100)) };
    default:
      return alive(name, {
        incarnation,
        meta: new Uint8Array(pick(512)),
        addr: pick(5) === 0 ? "10.0.0.1" : `127.0.0.${1 + pick(names)}`,
      });
  }
}

describe("memory", () => {
  it("stays bounded under 10,000 hostile messages, and returns to normal once they stop", () => {
    const names = 150;
    const { node, timers, handlers } = watched({
      config: { gossipInterval: 200, probeInterval: 1000, gossipToTheDeadTime: 5000 },
    });
    const periodic = 3;
    const random = new SeededRandom("hostile");
    let indirect = 0;
    for (let i = 0; i < 10_000; i++) {
      const message = hostileMessage(random, names);
      if (message.kind === "indirectPing") indirect++;
      node.deliver(message);
      node.advance(1);
      node.takeSent();
      node.takeEvents();
      if (i % 100 !== 0) continue;
      expect(node.known().length).toBeLessThanOrEqual(names + 1);
      expect(node.engine.numQueuedBroadcasts).toBeLessThanOrEqual(names + 1);
      // About one message in nine is an indirect ping, and each lives for probeTimeout: 500 messages.
      expect(handlers()).toBeLessThan(120);
      const suspects = node.known().filter(({ state }) => state === "suspect").length;
      // One timer for each suspicion; one for each ack handler, and one for its nack; two for the probe; then the periodic ones.
      expect(timers()).toBeLessThanOrEqual(suspects + 2 * handlers() + 2 + periodic);
    }
    expect(indirect).toBeGreaterThan(900);
    // The members that were made up do not answer: they die, and are forgotten.
    for (let i = 0; i < 60 && node.known().length > 1; i++) {
      node.advance(60_000);
      node.takeSent();
      node.takeEvents();
    }
    expect(node.known().map(({ name }) => name)).toEqual(["n1"]);
    expect(handlers()).toBe(0);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    // The queues are empty: the ticks of gossip pause.
    expect(timers()).toBe(periodic - 1);
  });

  it("holds at most handoffQueueDepth messages of each kind, however many arrive before any is handled", () => {
    const { node, waiting } = watched({ config: { handoffQueueDepth: 100 } });
    for (let i = 0; i < 5000; i++) {
      node.deliver(alive(`new${i}`), stranger, false);
      node.deliver(suspect(`n${i}`), stranger, false);
    }
    expect(waiting()).toBe(200);
    expect(node.count("dropped.handoff_full")).toBe(9800);
    node.drain();
    expect(waiting()).toBe(0);
  });

  it("returns to normal after probeTimeout when indirect pings end", () => {
    const { node, timers, handlers } = watched({ config: { probeInterval: 0 } });
    const before = timers();
    for (let i = 0; i < 10_000; i++) node.deliver(indirectPing({ seqNo: i, nack: true }));
    expect(handlers()).toBe(10_000);
    node.advance(node.config.probeTimeout);
    expect(handlers()).toBe(0);
    expect(timers()).toBe(before);
    expect(node.sentOf("nack")).toHaveLength(10_000);
  });

  it("stores only the few accusers that count", () => {
    const { node, timers } = watched({ config: { probeInterval: 1_000_000 } });
    for (let i = 3; i < 20; i++) node.deliver(alive(`n${i}`));
    node.takeBroadcasts();
    const before = timers();
    let passedOn = 0;
    for (let i = 0; i < 10_000; i++) {
      node.deliver(suspect("n2", 1, `accuser ${i}`));
      passedOn += node.takeBroadcasts().length;
    }
    expect(passedOn).toBe(3);
    expect(timers()).toBe(before + 1);
  });

  it("holds no timer after stop", () => {
    const { node, timers, waiting } = watched({ config: { gossipInterval: 100, pushPullInterval: 100 } });
    node.deliver(suspect("n2"));
    node.deliver(indirectPing({ nack: true }));
    node.deliver(alive("n3"), stranger, false);
    node.engine.stop();
    expect(timers()).toBe(0);
    expect(waiting()).toBe(0);
    expect(node.engine.nextTimerAt()).toBeUndefined();
  });
});
