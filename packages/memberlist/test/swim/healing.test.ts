import { describe, expect, it } from "vitest";
import { MemberlistError } from "../../src/api/errors.ts";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, hostOf, type MessageOf } from "./messages.ts";

const config = { healingInterval: 1000, healingTimeout: 0, probeInterval: 0, probeTimeout: 100, disableTcpPings: true };
const refused = new MemberlistError("dial_failed", "connection refused");

/** n1, which knows the others. Randomness is fixed at 0, so that a tick comes at once and always tries. */
function knowing(names: readonly string[], options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness({ fixedRandom: 0, ...options, config: { ...config, ...options.config } }).start();
  for (const name of names) node.deliver(alive(name));
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function addressOf(name: string): { host: string; port: number; name: string } {
  return { host: hostOf(name), port: 7946, name };
}

/** The target names of the pings so far. */
function pinged(node: EngineHarness): string[] {
  return node.sentOf("ping").map((ping) => ping.node);
}

function lastPing(node: EngineHarness): MessageOf<"ping"> {
  const ping = node.sentOf("ping").at(-1);
  if (ping === undefined) throw new Error("nothing was pinged");
  return ping;
}

/** Answers the ping that was sent last. */
function answer(node: EngineHarness): void {
  node.deliver(ack(lastPing(node).seqNo), stranger);
}

describe("a member that died", () => {
  it("gets a ping by its name, alone, and a join when it answers", () => {
    const node = knowing(["n2", "n3"]);
    node.deliver(dead("n2"));
    node.advance(0);
    expect(node.sent.map(({ messages, to }) => [messages.map(({ kind }) => kind), to])).toEqual([[["ping"], addressOf("n2")]]);
    expect(lastPing(node)).toMatchObject({ node: "n2", sourceNode: "n1" });
    expect(node.joins).toEqual([]);
    answer(node);
    expect(node.joins.map(({ to }) => to)).toEqual([addressOf("n2")]);
    expect(node.streamPings).toEqual([]);
  });

  it("gets a ping over a stream if UDP fails, and a join when it answers", () => {
    for (const contacted of [true, false]) {
      const network = { packet: () => undefined, streamPing: () => undefined, pushPull: () => undefined };
      const node = knowing(["n2", "n3"], { network, config: { disableTcpPings: false, tcpTimeout: 150 } });
      node.deliver(dead("n2"));
      node.advance(100);
      expect(node.streamPings).toMatchObject([{ to: addressOf("n2"), ping: { node: "n2" }, deadline: node.now + 150 }]);
      node.streamPings[0]?.done(contacted);
      expect(node.joins).toHaveLength(contacted ? 1 : 0);
      expect(node.count("healing.failed")).toBe(contacted ? 0 : 1);
    }
    const patient = knowing(["n2", "n3"], { config: { disableTcpPings: false, tcpTimeout: 10_000 } });
    patient.deliver(dead("n2"));
    patient.advance(100);
    expect(patient.streamPings[0]?.deadline).toBe(patient.now + 200);
  });

  it("fails this try if it answers no ping and stream pings are disabled", () => {
    const node = knowing(["n2", "n3"]);
    node.deliver(dead("n2"));
    node.advance(99);
    expect(node.count("healing.failed")).toBe(0);
    node.advance(1);
    expect(node.count("healing.failed")).toBe(1);
    expect([node.streamPings, node.joins, node.takeEvents().map(({ type }) => type)]).toEqual([[], [], ["leave"]]);
  });

  it("gets fewer tries the longer it does not answer", () => {
    const node = knowing(["n2"], { fixedRandom: 0.5 });
    const begin = node.now;
    node.deliver(dead("n2"));
    node.advance(15_000);
    expect(node.sent.map(({ at }) => at - begin)).toEqual([500, 2500, 6500, 10_500, 14_500]);
  });

  it("gets its tries at ticks that are jittered by a quarter of healingInterval to either side", () => {
    for (const [random, times] of [
      [0, [0, 2250]],
      [0.9, [900, 3300]],
    ] as const) {
      const node = knowing(["n2"], { fixedRandom: random });
      const begin = node.now;
      node.deliver(dead("n2"));
      node.advance(4000);
      expect(node.sent.map(({ at }) => Math.round(at - begin))).toEqual(times);
    }
  });

  it("shares the ticks of a member that died earlier", () => {
    const node = knowing(["n2", "n3"], { fixedRandom: 0.5, config: { probeTimeout: 10 } });
    const begin = node.now;
    node.deliver(dead("n2"));
    node.advance(200);
    node.deliver(dead("n3"));
    node.advance(2300);
    expect(node.sent.map(({ at }) => at - begin)).toEqual([500, 1500, 2500]);
  });

  it("gets no ping over a stream if it answers by UDP", () => {
    const node = knowing(["n2", "n3"], { config: { disableTcpPings: false } });
    node.deliver(dead("n2"));
    node.advance(0);
    answer(node);
    expect([node.streamPings.length, node.joins.length]).toEqual([0, 1]);
  });

  it("gets no try after it left, unless it left under an older incarnation", () => {
    const node = knowing(["n3"]);
    node.deliverAll(alive("n2", { incarnation: 5 }), dead("n2", 5), dead("n2", 4, "n2"));
    node.advance(0);
    expect(pinged(node)).toEqual(["n2"]);
    const gone = knowing(["n3"]);
    gone.deliverAll(alive("n2", { incarnation: 5 }), dead("n2", 5), dead("n2", 5, "n2"));
    gone.advance(10_000);
    expect(pinged(gone)).toEqual([]);
    const declared = knowing(["n3"]);
    declared.deliverAll(alive("n2", { incarnation: 5 }), dead("n2", 5), dead("n2", 6, "n3"));
    declared.advance(0);
    expect(pinged(declared)).toEqual(["n2"]);
    const left = knowing(["n2", "n3"]);
    left.deliver(dead("n2", 1, "n2"));
    left.advance(10_000);
    expect(pinged(left)).toEqual([]);
  });

  it("gets no try once it is back, and its timer ends", () => {
    const node = knowing(["n2", "n3"]);
    node.deliverAll(dead("n2"), alive("n2", { incarnation: 2 }));
    node.advance(10_000);
    expect(pinged(node)).toEqual([]);
    const timers = node.engine.nextTimerAt() ?? Infinity;
    expect(timers - node.now).toBeGreaterThan(10_000);
  });

  it("gets no try after healingTimeout", () => {
    const node = knowing(["n2"], { fixedRandom: 0.5, config: { healingTimeout: 3000 } });
    node.deliver(dead("n2"));
    node.advance(20_000);
    expect(pinged(node)).toEqual(["n2", "n2"]);
  });

  it("gets no try at this node's address, nor at one of another member that is alive or left", () => {
    for (const state of ["alive", "left", "dead"] as const) {
      const node = knowing(["n2", "n4"]);
      node.deliver(dead("n2"));
      node.deliver(alive("n3", { addr: hostOf("n2") }));
      if (state !== "alive") node.deliver(dead("n3", 1, state === "left" ? "n3" : "n9"));
      node.advance(0);
      expect(pinged(node)).toHaveLength(state === "dead" ? 1 : 0);
    }
    const elsewhere = knowing(["n2", "n4"]);
    elsewhere.deliverAll(dead("n2"), alive("n3", { addr: hostOf("n2"), port: 7947 }));
    elsewhere.advance(0);
    expect(pinged(elsewhere)).toEqual(["n2"]);
    const own = knowing(["n4"]);
    own.deliverAll(alive("n2", { addr: hostOf("n1") }), dead("n2"));
    own.advance(10_000);
    expect(pinged(own)).toEqual([]);
    const neighbour = knowing(["n4"]);
    neighbour.deliverAll(alive("n2", { addr: hostOf("n1"), port: 7947 }), dead("n2"));
    neighbour.advance(0);
    expect(pinged(neighbour)).toEqual(["n2"]);
  });

  it("gets a try with a probability that falls with the cluster size", () => {
    const node = knowing(["n2", "n3", "n4"]);
    node.random.fixed = 0.34;
    node.deliver(dead("n2"));
    node.advance(20_000);
    // 0.34 of 3 members that are alive is over 1 that is lost.
    expect(pinged(node)).toEqual([]);
    node.random.fixed = 0.33;
    node.advance(1000);
    expect(pinged(node)).toEqual(["n2"]);
    const half = knowing(["n2", "n3"], { fixedRandom: 0.5 });
    half.deliver(dead("n2"));
    half.advance(20_000);
    expect(pinged(half)).toEqual([]);
  });

  it("gets its try alone: the next try starts when this one has ended", () => {
    const node = knowing(["n2", "n3", "n4"], { config: { probeTimeout: 2000 } });
    node.deliverAll(dead("n2"), dead("n3"));
    node.advance(1999);
    expect(pinged(node)).toHaveLength(1);
    node.advance(2000);
    expect(pinged(node)).toHaveLength(2);
    expect(new Set(pinged(node))).toEqual(new Set(["n2", "n3"]));
  });

  it("gets no try with healing off, after this node left, or if it is this node", () => {
    const off = knowing(["n2", "n3"], { config: { healingInterval: 0 } });
    off.run(() => off.engine.remember(["10.0.0.1:7946"]));
    off.deliver(dead("n2"));
    off.advance(100_000);
    expect([off.sent, off.lookUps]).toEqual([[], []]);
    const left = knowing(["n2", "n3"]);
    left.deliver(dead("n2"));
    left.run(() => left.engine.leave(() => undefined));
    left.advance(100_000);
    expect(pinged(left)).toEqual([]);
  });

  it("gets no join if this node leaves during the ping", () => {
    const node = knowing(["n2", "n3"]);
    node.deliver(dead("n2"));
    node.advance(0);
    node.run(() => node.engine.leave(() => undefined));
    answer(node);
    expect(node.joins).toEqual([]);
  });
});

describe("a peer that was reached", () => {
  function reached(options: HarnessOptions = {}): EngineHarness {
    const node = knowing(["n2", "n3"], options);
    node.deliver(dead("n2"));
    node.advance(0);
    node.takeEvents();
    answer(node);
    return node;
  }

  it("gets another join, up to three times, if it is still dead here after its refutation had time to spread", () => {
    for (const [gossipInterval, delay] of [
      [0, 1000],
      [20, 100],
    ] as const) {
      const node = reached({ config: { gossipInterval } });
      for (let times = 1; times <= 3; times++) {
        node.joins.at(-1)?.done(undefined);
        expect(node.joins).toHaveLength(times);
        node.advance(delay - 1);
        expect(node.joins).toHaveLength(times);
        node.advance(1);
        expect(node.joins).toHaveLength(times + 1);
      }
      node.random.fixed = 0.999;
      node.joins.at(-1)?.done(undefined);
      node.advance(10 * delay);
      expect(node.joins).toHaveLength(4);
      expect(node.count("healing.reached")).toBe(4);
      expect(node.count("healing.failed")).toBe(0);
      // Its turn may come again with the next tick.
      node.random.fixed = 0;
      node.advance(2000);
      expect(pinged(node).length).toBeGreaterThan(1);
    }
  });

  it("gets no other join once a member is back", () => {
    const node = reached();
    node.deliver(alive("n2", { incarnation: 2 }));
    node.takeEvents();
    node.joins[0]?.done(undefined);
    expect(node.takeEvents()).toStrictEqual([
      {
        type: "healed",
        members: 3,
        via: { node: "n2", address: "127.0.0.2:7946", elapsed: 0 },
        tried: [{ node: "n2", address: "127.0.0.2:7946", elapsed: 0 }],
      },
    ]);
    expect(node.logged("healed")).toMatchObject([{ level: "info" }]);
    node.advance(10_000);
    expect(node.joins).toHaveLength(1);
  });

  it("gets no other join once another member is back", () => {
    const node = knowing(["n2", "n3", "n4"]);
    node.deliver(dead("n2"));
    node.advance(0);
    answer(node);
    node.random.fixed = 0.999;
    node.deliver(alive("n5"));
    node.takeEvents();
    node.joins[0]?.done(undefined);
    expect(node.takeEvents()).toMatchObject([{ type: "healed", members: 4 }]);
    node.advance(5000);
    expect(node.joins).toHaveLength(1);
  });

  it("gets no other join if it is alive, even if another member has died meanwhile", () => {
    const node = reached();
    node.random.fixed = 0.999;
    node.deliverAll(alive("n2", { incarnation: 2 }), dead("n3"));
    node.takeEvents();
    node.joins[0]?.done(undefined);
    node.advance(5000);
    expect(node.joins).toHaveLength(1);
    expect(node.takeEvents()).toEqual([]);
  });

  it("gets no other join after the table has forgotten it", () => {
    const forgetful = { probeInterval: 100, probeTimeout: 50, gossipToTheDeadTime: 50, suspicionMult: 1000 };
    const node = knowing(["n2", "n3"], { fixedRandom: 0.9, config: forgetful });
    node.deliver(dead("n2"));
    node.advance(800);
    expect(node.state("n2")).toBeUndefined();
    node.random.fixed = 0;
    node.advance(100);
    answer(node);
    expect(node.joins.map(({ to }) => to.name)).toEqual(["n2"]);
    node.random.fixed = 0.9;
    node.joins[0]?.done(undefined);
    node.advance(3000);
    expect(node.joins).toHaveLength(1);
  });

  it("does not count as healed if its join failed and others joined meanwhile", () => {
    const node = reached();
    node.deliver(alive("n5"));
    node.takeEvents();
    node.joins[0]?.done(refused);
    expect(node.takeEvents()).toEqual([]);
  });

  it("gets no other join if the join fails", () => {
    const node = reached();
    node.advance(30);
    node.joins[0]?.done(refused);
    expect(node.count("healing.failed")).toBe(1);
    node.advance(1400);
    expect(node.joins).toHaveLength(1);
    expect(node.takeEvents()).toEqual([]);
  });
});

describe("the last member's death", () => {
  it("counts as isolation, reported once, with the addresses to try", () => {
    const node = knowing(["n2", "n3"], { fixedRandom: 0.9 });
    node.run(() => node.engine.remember(["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.1:7946"]));
    node.deliver(dead("n2"));
    expect(node.takeEvents().map(({ type }) => type)).toEqual(["leave"]);
    node.deliver(dead("n3"));
    expect(node.takeEvents()).toMatchObject([{ type: "leave" }, { type: "isolated", lost: 2, seeds: 2, tried: [] }]);
    expect(node.logged("isolated")).toMatchObject([{ level: "warn" }]);
    node.deliverAll(alive("n4", { incarnation: 0 }), dead("n3", 9));
    expect(node.takeEvents()).toEqual([]);
    const trying = knowing(["n2"]);
    trying.deliver(dead("n2"));
    trying.advance(20_000);
    expect(trying.count("healing.failed")).toBeGreaterThan(2);
    expect(trying.takeEvents().filter(({ type }) => type === "isolated")).toHaveLength(1);
  });

  it("does not count as isolation if the last member leaves on purpose", () => {
    const node = knowing(["n2"]);
    node.deliver(dead("n2", 1, "n2"));
    expect(node.takeEvents().map(({ type }) => type)).toEqual(["leave"]);
  });

  it("does not count as isolation for a node that is leaving", () => {
    const node = knowing(["n2"]);
    node.run(() => node.engine.leave(() => undefined));
    node.deliver(dead("n2"));
    expect(node.takeEvents().map(({ type }) => type)).toEqual(["leave", "leave"]);
  });

  it("heals by any member that returns by itself", () => {
    const node = knowing(["n2"], { fixedRandom: 0.9 });
    node.deliver(dead("n2"));
    node.takeEvents();
    node.deliver(alive("n2", { incarnation: 2 }));
    const [, healed] = node.takeEvents();
    expect(healed).toStrictEqual({ type: "healed", members: 2, tried: [] });
    expect(node.logged("healed")).toHaveLength(1);
    // A second time is another isolation.
    node.deliver(dead("n2", 2));
    expect(node.takeEvents()).toMatchObject([{ type: "leave" }, { type: "isolated", lost: 1, tried: [] }]);
    node.deliver(alive("n2", { incarnation: 3 }));
    node.takeEvents();
    node.deliverAll(alive("n3"), dead("n3"), alive("n3", { incarnation: 2 }));
    expect(node.takeEvents().map(({ type }) => type)).toEqual(["join", "leave", "join"]);
  });

  it("heals during a try, and a failed try is not named as the cause", () => {
    for (const error of [undefined, refused]) {
      const node = knowing(["n2"]);
      node.deliver(dead("n2"));
      node.advance(0);
      node.advance(40);
      answer(node);
      node.deliver(alive("n2", { incarnation: 2 }));
      expect(node.takeEvents().map(({ type }) => type)).toEqual(["leave", "isolated", "join"]);
      node.joins[0]?.done(error);
      const attempt = { node: "n2", address: "127.0.0.2:7946", elapsed: 40 };
      expect(node.takeEvents()).toEqual([
        error === undefined
          ? { type: "healed", members: 2, via: attempt, tried: [attempt] }
          : { type: "healed", members: 2, tried: [{ ...attempt, error }] },
      ]);
    }
  });

  it("leads to a report with the latest 16 tries before it", () => {
    const node = knowing(["n2", "n3"], { config: { healingInterval: 100, probeTimeout: 10 } });
    node.deliver(dead("n2"));
    node.advance(20_000);
    expect(node.count("healing.failed")).toBeGreaterThan(16);
    node.takeEvents();
    node.deliver(dead("n3"));
    const isolated = node.takeEvents().find(({ type }) => type === "isolated");
    expect(isolated).toMatchObject({ type: "isolated", lost: 2 });
    const tried = isolated?.type === "isolated" ? isolated.tried : [];
    expect(tried).toHaveLength(16);
    expect(tried[0]).toMatchObject({ node: "n2", address: "127.0.0.2:7946", elapsed: 10, error: { code: "no_ping_response" } });
  });

  it("counts as isolation even if it is found when a try ends", () => {
    const node = knowing([]);
    node.run(() => node.engine.remember(["10.0.0.1:7946"]));
    node.advance(0);
    node.advance(25);
    node.lookUps[0]?.done([], refused);
    expect(node.takeEvents()).toMatchObject([
      { type: "isolated", lost: 0, seeds: 1, tried: [{ seed: "10.0.0.1:7946", address: "", elapsed: 25, error: refused }] },
    ]);
  });
});

describe("healing by seeds", () => {
  function seeded(seeds: readonly string[], names: readonly string[] = ["n2"]): EngineHarness {
    const node = knowing(names);
    node.run(() => node.engine.remember(seeds));
    node.advance(0);
    return node;
  }

  it("resolves seeds, and joins an address that no known member has", () => {
    const node = seeded(["some.name:7946"]);
    expect(node.lookUps.map(({ seed }) => seed)).toEqual(["some.name:7946"]);
    const unknown = { host: "10.0.0.9", port: 7946, name: "" };
    node.lookUps[0]?.done([addressOf("n1"), addressOf("n2"), unknown], undefined);
    expect(node.joins.map(({ to }) => to)).toEqual([unknown]);
    node.takeEvents();
    node.deliver(alive("n9", { addr: "10.0.0.9" }));
    node.joins[0]?.done(undefined);
    expect(node.takeEvents()).toMatchObject([{ type: "join" }, { type: "healed", via: { seed: "some.name:7946" } }]);
  });

  it("joins a seed once only if it brings no new member, which heals nothing", () => {
    const unknown = { host: "10.0.0.9", port: 7946, name: "" };
    for (const elsewhere of [{ addr: "10.0.0.8" }, { addr: "10.0.0.9", port: 7947 }, { addr: "10.0.0.8", port: 7947 }]) {
      const node = seeded(["some.name:7946"], ["n2", "n3"]);
      node.lookUps[0]?.done([unknown], undefined);
      node.random.fixed = 0.999;
      node.deliverAll(alive("n8", elsewhere), dead("n8"), dead("n3"));
      node.takeEvents();
      node.joins[0]?.done(undefined);
      node.advance(1001);
      expect(node.joins).toHaveLength(1);
      expect(node.takeEvents()).toEqual([]);
    }
  });

  it("leaves seeds alone for a while if all their members are alive, without counting a failure", () => {
    const node = seeded(["some.name:7946"]);
    node.lookUps[0]?.done([addressOf("n1"), addressOf("n2")], undefined);
    expect(node.joins).toEqual([]);
    expect(node.count("healing.failed") + node.count("healing.reached")).toBe(0);
    node.advance(1499);
    expect(node.lookUps).toHaveLength(1);
    node.advance(2000);
    expect(node.lookUps).toHaveLength(2);
  });

  it("counts a failure if seeds cannot be resolved, and tries them again", () => {
    const node = seeded(["some.name:7946"]);
    node.lookUps[0]?.done([], refused);
    expect(node.count("healing.failed")).toBe(1);
    expect(node.joins).toEqual([]);
    node.advance(3000);
    expect(node.lookUps).toHaveLength(2);
  });

  it("remembers each seed once, the latest 64", () => {
    const node = knowing(["n2"], { fixedRandom: 0.9 });
    const seeds = Array.from({ length: 70 }, (_, i) => `10.0.1.${i}:7946`);
    node.run(() => node.engine.remember(seeds));
    node.run(() => node.engine.remember([...seeds.slice(-3), "10.0.2.1:7946"]));
    node.deliver(dead("n2"));
    expect(node.takeEvents().at(-1)).toMatchObject({ type: "isolated", seeds: 64 });
    node.random.fixed = 0;
    node.advance(3000);
    // Chance says: a seed, and the first of them.
    expect(node.lookUps[0]?.seed).toBe("10.0.1.7:7946");
  });

  it("alternates at random between seeds and members that died", () => {
    for (const [chance, looksUp] of [
      [0.49, true],
      [0.5, false],
      [0.51, false],
    ] as const) {
      const node = knowing(["n2"], { fixedRandom: chance });
      node.deliver(dead("n2"));
      node.run(() => node.engine.remember(["10.0.0.1:7946"]));
      node.advance(1000);
      expect([node.lookUps.length > 0, pinged(node).length > 0]).toEqual([looksUp, !looksUp]);
    }
  });

  it("leaves the try to a member that died while no seed is due", () => {
    const node = seeded(["10.0.0.1:7946"]);
    node.lookUps[0]?.done([], refused);
    node.deliver(dead("n2"));
    node.advance(800);
    expect(node.lookUps).toHaveLength(1);
    expect(pinged(node)).toEqual(["n2"]);
  });
});
