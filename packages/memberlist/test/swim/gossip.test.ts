import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { encodeMessage, alive, dead, goodVersions, indirectPing, ping, suspect, type Message } from "./messages.ts";
import { EngineHarness, type HarnessOptions } from "./engine-harness.ts";
import { VirtualCluster } from "./virtual-cluster.ts";

/** Gossip alone, every 200 ms from 100 ms on: the first probe is minutes away. */
function gossiping(options: HarnessOptions = {}): EngineHarness {
  const config: Partial<Config> = { probeInterval: 1_000_000, gossipInterval: 200, ...options.config };
  return new EngineHarness({ fixedRandom: 0.5, ...options, config }).start();
}

describe("a round of gossip", () => {
  it("brings all queued messages to another node, which then knows them [Gossip]", () => {
    const members = new VirtualCluster({ config: { probeInterval: 0 } });
    const n1 = members.add("n1", { config: { gossipInterval: 10 } });
    const n2 = members.add("n2");
    n1.deliverAll(alive("n2"), alive("n3"));
    n2.takeEvents();
    members.advance(20);
    // n2 already knows itself; Go's test counts n2's own alive message as the third.
    expect(n2.eventTypes()).toEqual(expect.arrayContaining(["join n1", "join n3"]));
    expect(
      n2
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n2", "n3"]);
    expect(n2.state("n3")).toBe("alive");
  });

  it("goes to gossipNodes nodes, in compounds, until each message was sent often enough", () => {
    const node = gossiping({ config: { gossipNodes: 2, retransmitMult: 2 } });
    node.random.fixed = undefined;
    for (let i = 2; i <= 9; i++) node.deliver(alive(`n${i}`));
    node.advance(100);
    expect(node.sent).toHaveLength(2);
    expect(new Set(node.sent.map(({ to }) => to.name)).size).toBe(2);
    node.advance(10_000);
    // 9 nodes: 2 · ceil(log10(10)) = 2 transmissions of each, and then silence.
    const counts = new Map<string, number>();
    for (const { node: name } of node.sentOf("alive")) counts.set(name, (counts.get(name) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array.from({ length: 9 }, () => 2));
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("measures how long a round takes, if metrics are collected", () => {
    for (const measures of [false, true]) {
      const node = gossiping({ measures });
      node.deliver(alive("n2"));
      node.advance(100);
      expect(node.sentOf("alive")).toHaveLength(2);
      expect(node.metrics.get("memberlist.gossip")).toEqual(measures ? [0] : undefined);
    }
  });

  it("sends a single message as it is, and nothing from an empty queue", () => {
    const node = gossiping();
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.deliver(suspect("n2"));
    node.advance(100);
    expect(node.sent.map(({ bytes }) => bytes)).toEqual([encodeMessage(suspect("n2"))]);
    node.takeBroadcasts();
    node.takeSent();
    node.advance(3000);
    expect(node.sent).toEqual([]);
  });

  it("pauses while the queue is empty, and resumes in its rhythm", () => {
    const start = 1_000_000;
    const node = gossiping({ now: start, config: { queueCheckInterval: 10_000_000 } });
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.advance(100);
    // The first tick, at 100, has found nothing: the next timer is the probe's.
    expect((node.engine.nextTimerAt() ?? 0) - start).toBe(500_000);
    // At once after an idle tick, between two, at the time of one that was left out, and after very many.
    for (const [wait, due] of [
      [0, 200],
      [150, 50],
      [200, 0],
      [200_030, 170],
    ] as const) {
      node.takeSent();
      node.advance(wait);
      expect(node.sent).toEqual([]);
      node.deliver(alive("n2", { incarnation: node.now }));
      expect((node.engine.nextTimerAt() ?? 0) - node.now).toBe(due);
      node.advance(due);
      expect(node.sentOf("alive")).toHaveLength(1);
      node.takeBroadcasts();
      // The tick that finds nothing any more.
      node.advance(200);
    }
  });

  it("skips this node, those that left, and the dead after gossipToTheDeadTime [GossipToDead]", () => {
    const node = gossiping({ config: { gossipToTheDeadTime: 1000, gossipInterval: 100, gossipNodes: 10 } });
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), alive("n5"));
    // In step with gossip, so that one round is at the very end of the time.
    node.advance(50);
    node.deliverAll(dead("n2"), dead("n3", 1, "n3"), suspect("n4"));
    node.takeBroadcasts();
    const heard = (): string[] => {
      node.takeSent();
      node.deliver(alive("n5", { incarnation: (node.node("n5")?.incarnation ?? 0) + 1 }));
      node.advance(100);
      return [...new Set(node.sent.map(({ to }) => to.name))].toSorted();
    };
    node.advance(900);
    expect(heard()).toEqual(["n2", "n4", "n5"]);
    node.takeBroadcasts();
    expect(heard()).toEqual(["n4", "n5"]);
  });

  it("reaches a node wrongly declared dead, which refutes [GossipToDead]", () => {
    const members = new VirtualCluster({ config: { probeInterval: 0, gossipInterval: 50 } });
    const n1 = members.add("n1");
    members.add("n2");
    members.preload();
    n1.deliver(dead("n2"));
    expect(n1.state("n2")).toBe("dead");
    expect(members.advance(1000, () => n1.state("n2") === "alive")).toBe(true);
    expect(n1.eventTypes()).toEqual(["leave n2", "join n2"]);
  });

  it("never starts with a gossipInterval or gossipNodes of 0", () => {
    for (const config of [{ gossipInterval: 0 }, { gossipNodes: 0 }]) {
      const node = gossiping({ config });
      node.deliver(alive("n2"));
      node.advance(5000);
      expect(node.sent).toEqual([]);
    }
  });
});

describe("the queue of user broadcasts", () => {
  it("gets the space that membership messages leave, with their overhead counted", () => {
    const asked: [overhead: number, limit: number][] = [];
    const delegates = {
      hasBroadcasts: true,
      getBroadcasts: (overhead: number, limit: number): Uint8Array[] => {
        asked.push([overhead, limit]);
        return [Uint8Array.of(1), Uint8Array.of(2, 3)];
      },
    };
    const node = gossiping({ delegates, config: { gossipNodes: 1 } });
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    asked.length = 0;
    node.deliver(suspect("n2"));
    node.advance(200);
    const length = encodeMessage(suspect("n2")).length;
    // Compound 2 + 2 a part, user 1, checksum 5.
    expect(asked[0]).toEqual([3, 1400 - 2 - 5 - 2 - length]);
    expect(node.sent[0]?.messages).toEqual([
      suspect("n2"),
      { kind: "user", bytes: Uint8Array.of(1) },
      { kind: "user", bytes: Uint8Array.of(2, 3) },
    ]);
  });

  it("goes out even if no membership message is queued, and gets no request without peers", () => {
    let asked = 0;
    const getBroadcasts = (): Uint8Array[] => {
      asked++;
      return [Uint8Array.of(7)];
    };
    const node = gossiping({ delegates: { hasBroadcasts: true, getBroadcasts } });
    node.advance(1000);
    expect(asked).toBe(0);
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.takeSent();
    node.advance(200);
    expect(node.sentOf("user").length).toBeGreaterThan(0);
  });

  it("fills several compounds if it has hundreds of broadcasts, without a loss [MakeCompoundMessage]", () => {
    const count = 300;
    const tiny = Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i));
    let isAsked = false;
    const getBroadcasts = (): Uint8Array[] => {
      if (isAsked) return [];
      isAsked = true;
      return tiny;
    };
    const build = (): EngineHarness => {
      const node = gossiping({ delegates: { hasBroadcasts: true, getBroadcasts }, config: { udpBufferSize: 2000 } });
      isAsked = true;
      node.deliver(alive("n2"));
      node.takeBroadcasts();
      isAsked = false;
      return node;
    };
    const byGossip = build();
    byGossip.advance(100);
    const byAck = build();
    byAck.deliver(ping());
    for (const node of [byGossip, byAck]) {
      const sent = node.sent.filter(({ messages }) => messages.some(({ kind }) => kind === "user"));
      expect(sent.map(({ bytes }) => bytes[1])).toEqual(node === byGossip ? [255, 45] : [255, 46]);
      expect(node.sentOf("user").map(({ bytes }) => bytes)).toEqual(tiny);
    }
    expect(byAck.sent[0]?.messages[0]?.kind).toBe("ack");
  });
});

describe("the size of packets", () => {
  it("stays within udpBufferSize, less the layers to come, for any mix of messages", () => {
    const name = fc.string({ minLength: 1, maxLength: 30 }).map((text) => `x${text}`);
    const member = fc.record({ name, meta: fc.uint8Array({ maxLength: 300 }), end: fc.constantFrom("alive", "suspect", "dead") });
    const user = fc.uint8Array({ maxLength: 200 });
    const setup = fc.record({
      members: fc.array(member, { maxLength: 40 }),
      users: fc.array(user, { maxLength: 400 }),
      udpBufferSize: fc.integer({ min: 400, max: 9000 }),
      layerOverhead: fc.integer({ min: 0, max: 80 }),
    });
    fc.assert(
      fc.property(setup, ({ members, users, udpBufferSize, layerOverhead }) => {
        // As a delegate's own queue does: as many as fit.
        const getBroadcasts = (overhead: number, limit: number): Uint8Array[] => {
          let free = limit;
          return users.filter(({ length }) => {
            if (overhead + length > free) return false;
            free -= overhead + length;
            return true;
          });
        };
        const config = { udpBufferSize, probeInterval: 1000, gossipInterval: 200 };
        const node = new EngineHarness({ config, layerOverhead, delegates: { hasBroadcasts: true, getBroadcasts } }).start();
        for (const [i, { name: peer, meta, end }] of members.entries()) {
          node.deliver(alive(peer, { meta, addr: `127.0.1.${i}`, vsn: goodVersions }));
          if (end !== "alive") node.deliver(end === "dead" ? dead(peer) : suspect(peer));
          node.deliver(ping());
          node.deliver(indirectPing({ node: peer }));
        }
        node.advance(3000);
        for (const { bytes } of node.sent) expect(bytes.length + 5 + layerOverhead).toBeLessThanOrEqual(udpBufferSize);
        expect(node.sent.length).toBeGreaterThanOrEqual(2 * members.length);
      }),
      { numRuns: 60 },
    );
  });

  it("does not queue a message that fits into no packet, and counts and logs it", () => {
    const node = gossiping();
    const huge = (kind: Message): number => {
      node.deliver(kind);
      return node.count("dropped.broadcast_too_large");
    };
    expect(huge(alive("n".repeat(2000)))).toBe(1);
    expect(huge(alive("n".repeat(4096)))).toBe(2);
    node.takeBroadcasts();
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.engine.numMembers).toBe(3);
    expect(node.logged("broadcast_too_large")).toHaveLength(2);
  });

  it("reaches udpBufferSize for a message that just fits", () => {
    const node = gossiping();
    node.takeBroadcasts();
    const room = 1400 - 2 - 5 - 2;
    const fixed = encodeMessage(alive("n".repeat(1000))).length - 1000;
    node.deliver(alive("n".repeat(room - fixed)));
    expect(node.count("dropped.broadcast_too_large")).toBe(0);
    node.advance(5000);
    expect(node.sentOf("alive").length).toBeGreaterThan(0);
    node.deliver(alive("n".repeat(room - fixed + 1)));
    expect(node.count("dropped.broadcast_too_large")).toBe(1);
  });

  it("stays protected from metadata over 512 bytes and from nodes without an address", () => {
    const node = gossiping();
    node.deliver(alive("n2", { meta: new Uint8Array(513) }));
    node.deliver(alive("n3", { addr: "" }));
    expect([node.count("dropped.meta_too_large"), node.count("dropped.bad_address")]).toEqual([1, 1]);
    expect(node.engine.numMembers).toBe(1);
    node.deliver(alive("n2", { meta: new Uint8Array(512) }));
    expect(node.engine.numMembers).toBe(2);
  });

  it("never makes a probe throw, even for a suspect whose name fits into no packet", () => {
    const node = new EngineHarness({ config: { probeInterval: 100, probeTimeout: 50 } }).start();
    const longName = "n".repeat(4096);
    node.deliverAll(alive(longName), suspect(longName));
    node.advance(1000);
    expect(node.sentOf("ping").length).toBeGreaterThan(0);
    node.advance(10_000);
    expect(node.state(longName)).toBe("dead");
  });

  it("stays protected from names over 4,096 bytes", () => {
    const node = gossiping();
    node.deliver(alive("n".repeat(4097)));
    node.deliver(alive("\udcff".repeat(4097)));
    expect(node.count("dropped.too_large")).toBe(2);
    expect(node.engine.numMembers).toBe(1);
  });
});

describe("the periodic push/pull", () => {
  it("contacts a random live node, and never this node [PushPull]", () => {
    const node = new EngineHarness({ config: { probeInterval: 0, pushPullInterval: 1000, suspicionMult: 1000 } }).start();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), alive("n5"), dead("n4"), suspect("n5"));
    node.advance(100_000);
    expect(node.pushPulls.length).toBeGreaterThanOrEqual(98);
    expect(new Set(node.pushPulls.map(({ name }) => name))).toEqual(new Set(["n2", "n3"]));
    expect(node.pushPulls[0]).toEqual({ host: expect.stringContaining("127.0.0."), port: 7946, name: expect.any(String) });
  });

  it("gives both sides the nodes of either [PushPull]", () => {
    const members = new VirtualCluster({ config: { probeInterval: 0 } });
    const n1 = members.add("n1", { config: { pushPullInterval: 1000 } });
    const n2 = members.add("n2");
    n1.deliverAll(alive("n2"), alive("n3"));
    n2.deliver(alive("n4"));
    n2.takeEvents();
    // Half of the push/pulls go to n3, which is not there.
    expect(members.advance(30_000, () => n2.state("n3") === "alive")).toBe(true);
    members.advance(0);
    expect(n2.eventTypes()).toEqual(expect.arrayContaining(["join n1", "join n3"]));
    for (const node of [n1, n2])
      expect(
        node
          .known()
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(["n1", "n2", "n3", "n4"]);
  });

  it("does nothing without peers, slows down in a large cluster, and is off with an interval of 0", () => {
    const config = { probeInterval: 0, pushPullInterval: 1000 };
    const alone = new EngineHarness({ config }).start();
    alone.advance(10_000);
    expect(alone.pushPulls).toEqual([]);
    const large = new EngineHarness({ config }).start();
    for (let i = 2; i <= 100; i++) large.deliver(alive(`n${i}`));
    large.advance(60_000);
    expect(large.pushPulls.length).toBeGreaterThanOrEqual(18);
    expect(large.pushPulls.length).toBeLessThanOrEqual(21);
    const off = new EngineHarness({ config: { ...config, pushPullInterval: 0 } }).start();
    off.deliver(alive("n2"));
    off.advance(100_000);
    expect(off.pushPulls).toEqual([]);
  });
});
