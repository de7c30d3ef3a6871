import { describe, expect, it } from "vitest";
import { srvSeeds, type EventStream, type HealedEvent, type IsolatedEvent, type MemberEvent } from "../../src/index.ts";
import { encodeDead } from "../../src/wire/messages/encode.ts";
import { clusters, names, outcome, type Cluster, type NodeConfig, type TestNode } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

const second = 1_000;
const minute = 60 * second;
/** The default of a LAN. */
const interval = 30 * second;

function addresses(nodes: readonly TestNode[]): string[] {
  return nodes.map(({ address }) => address);
}

function sees(nodes: readonly TestNode[], count: number): boolean {
  return nodes.every(({ members }) => members.numMembers() === count);
}

/** The healing events so far, without others. */
async function healingEvents(one: Cluster, stream: EventStream): Promise<(IsolatedEvent | HealedEvent)[]> {
  const all: MemberEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) all.push(event);
  })();
  await one.advance(0);
  await stream.return();
  await reading;
  return all.filter((event) => event.type === "isolated" || event.type === "healed");
}

/** Splits a cluster in two for `ms`, until both halves hold each other for dead. @returns how long it took to heal, in ms */
async function split(one: Cluster, nodes: readonly TestNode[], size: number, ms: number): Promise<number> {
  const [a, b] = [nodes.slice(0, size), nodes.slice(size)];
  one.network.partition(addresses(a), addresses(b));
  await one.advance(ms);
  expect(sees(a, a.length) && sees(b, b.length)).toBe(true);
  one.network.heal();
  return one.until(() => sees(nodes, nodes.length), 10 * minute);
}

describe("a partition", () => {
  it.each([1, 2, 3, 4, 5])("heals within 2 intervals by default, 10 | 10 for 10 minutes (seed %d)", async (seed) => {
    const one = cluster(`healing ${seed}`);
    const nodes = await one.joined(20);
    expect(await split(one, nodes, 10, 10 * minute)).toBeLessThan(2 * interval);
  });

  it("does not heal when healing is off", async () => {
    const one = cluster();
    const nodes = await one.joined(6, { healingInterval: 0 });
    one.network.partition(addresses(nodes.slice(0, 3)), addresses(nodes.slice(3)));
    await one.advance(10 * minute);
    one.network.heal();
    await one.advance(30 * minute);
    expect(sees(nodes, 3)).toBe(true);
  });

  /** Each side holds the other for dead at its current incarnation, so both must refute first. */
  it("heals at once after a push/pull of two nodes that hold each other for dead and do not gossip to the dead", async () => {
    const one = cluster();
    const config = { probeInterval: 0, pushPullInterval: 0, gossipToTheDeadTime: 0 };
    const nodes = await one.joined(4, (i) => ({ ...config, healingInterval: i === 0 ? 60 * second : 0 }));
    const [a, b] = [nodes.slice(0, 2), nodes.slice(2)];
    one.network.partition(addresses(a), addresses(b));
    const liar = new RawPeer(one);
    for (const node of nodes) {
      for (const dead of a.includes(node) ? b : a) {
        liar.send(encodeDead({ incarnation: dead.members.localNode().incarnation, node: dead.name, from: "liar" }), node);
      }
    }
    await one.until(() => sees(nodes, 2));
    // Until the last of its broadcasts is sent.
    await one.until(() => nodes.every(({ members }) => members.numQueuedBroadcasts() === 0));
    one.network.heal();
    const reached = (): boolean => (nodes[0]?.members.counters()["healing.reached"] ?? 0) > 0;
    await one.until(reached, 10 * minute);
    expect(await one.until(() => sees(nodes, 4), 2 * minute)).toBeLessThan(5 * second);
  });

  it("heals between two nodes although each knows only one other", async () => {
    const one = cluster();
    const nodes = await one.joined(2);
    expect(await split(one, nodes, 1, 60 * minute)).toBeLessThan(5 * interval);
  });

  it("stays for ever without seeds if it is longer than healingTimeout", async () => {
    const one = cluster();
    const nodes = await one.joined(2, { healingTimeout: 5 * minute });
    const [a, b] = nodes as [TestNode, TestNode];
    one.network.partition([a.address], [b.address]);
    await one.advance(10 * minute);
    await b.members.shutdown();
    one.network.heal();
    const { dials, packetsSent } = one.network.stats;
    await one.advance(30 * minute);
    expect(one.network.stats).toMatchObject({ dials, packetsSent });
  });
});

describe("an isolated node", () => {
  it("reports its isolation, and lists its attempts when it is healed", async () => {
    const one = cluster();
    const nodes = await one.joined(3);
    const lonely = nodes[2] as TestNode;
    const events = lonely.members.events();
    await split(one, nodes, 2, 5 * minute);
    const [isolated, healed, ...more] = await healingEvents(one, events);
    expect(isolated).toMatchObject({ type: "isolated", lost: 2, seeds: 1 });
    expect(healed).toMatchObject({ type: "healed" });
    expect(healed?.tried.length).toBeGreaterThan(0);
    expect(healed?.tried.length).toBeLessThanOrEqual(16);
    expect(healed?.tried.find(({ node }) => node !== undefined)?.error?.code).toBe("no_ping_response");
    expect(more).toEqual([]);
  });

  it("reports that others found it", async () => {
    const one = cluster();
    const nodes = await one.joined(3, (i) => ({ healingInterval: i === 2 ? 24 * 60 * minute : interval }));
    const events = (nodes[2] as TestNode).members.events();
    await split(one, nodes, 2, 5 * minute);
    const [isolated, healed] = await healingEvents(one, events);
    expect(isolated).toMatchObject({ type: "isolated", tried: [] });
    expect(healed).toMatchObject({ type: "healed" });
    expect(healed).not.toHaveProperty("via");
  });

  it("asks a seed provider again until it gets an answer", async () => {
    const one = cluster();
    const seed = await one.start();
    const node = await one.start();
    const events = node.members.events();
    const service = "_memberlist._tcp.example.org";
    expect(await one.settle(outcome(node.members.join([srvSeeds(service)])))).toBe("join_failed");
    await one.advance(5 * minute);
    expect(names(node)).toEqual([node.name]);
    one.network.setService(service, [{ host: "10.0.0.1", port: seed.transport.port, priority: 0, weight: 0 }]);
    expect(await one.until(() => sees([seed, node], 2), 10 * minute)).toBeLessThan(5 * interval);
    const [isolated, healed] = await healingEvents(one, events);
    expect(isolated).toMatchObject({
      lost: 0,
      seeds: 1,
      tried: [{ seed: `srv ${service}`, address: "", error: { code: "resolve_failed" } }],
    });
    expect(healed).toMatchObject({ members: 2, via: { seed: `srv ${service}`, address: "10.0.0.1:7946" } });
  });

  it("finds a seed at the current address of its name", async () => {
    const one = cluster();
    const old = await one.start();
    one.network.setHost("seed.example.org", [old.transport.host]);
    const node = await one.start();
    await one.settle(node.members.join(["seed.example.org"]));
    await old.members.shutdown();
    await one.until(() => sees([node], 1), 2 * minute);
    const now = await one.start({ name: "reborn" });
    one.network.setHost("seed.example.org", [now.transport.host]);
    expect(await one.until(() => sees([node, now], 2), 10 * minute)).toBeLessThan(10 * interval);
  });
});

describe("healing", () => {
  it("leaves alone a node that left on purpose", async () => {
    const one = cluster();
    const nodes = await one.joined(3);
    const [seed, leaver, other] = nodes as [TestNode, TestNode, TestNode];
    await one.settle(leaver.members.leave());
    await one.until(() => sees([seed, other], 2));
    await one.advance(10 * minute);
    const counters = other.members.counters();
    expect([counters["healing.reached"], counters["healing.failed"]]).toEqual([undefined, undefined]);
    expect(sees([seed, other], 2)).toBe(true);
  });

  it("leaves alone a node that died here but left on purpose according to others", async () => {
    const one = cluster();
    const nodes = await one.joined(3, { gossipToTheDeadTime: 3_600 * second });
    const [a, b, leaver] = nodes as [TestNode, TestNode, TestNode];
    one.network.partition([a.address], [b.address, leaver.address]);
    await one.until(() => sees([a], 1) && sees([b, leaver], 2), 2 * minute);
    await one.settle(leaver.members.leave());
    await one.until(() => sees([b], 1));
    await leaver.members.shutdown();
    one.network.heal();
    await one.until(() => sees([a, b], 2), 10 * minute);
    await one.advance(2 * minute);
    const before = a.members.counters()["healing.failed"];
    await one.advance(30 * minute);
    expect(a.members.counters()["healing.failed"]).toBe(before);
    expect(sees([a, b], 2)).toBe(true);
  });

  it("leaves alone a new node at a dead node's address", async () => {
    const one = cluster();
    const host = "10.5.0.1";
    const [a, dead] = (await one.joined(2, (i) => (i === 1 ? { host } : {}))) as [TestNode, TestNode];
    await dead.members.shutdown();
    await one.until(() => sees([a], 1), 2 * minute);
    const stranger = await one.start({ name: "of-another-cluster", host });
    await one.advance(30 * minute);
    expect(names(stranger)).toEqual(["of-another-cluster"]);
    expect(names(a)).toEqual([a.name]);
    expect(a.members.counters()["healing.reached"]).toBeUndefined();
  });

  it("leaves alone the old address of a node that is back at another one", async () => {
    const one = cluster();
    const [a, dead] = (await one.joined(2, { deadNodeReclaimTime: second })) as [TestNode, TestNode];
    await dead.members.shutdown();
    await one.until(() => sees([a], 1), 2 * minute);
    await one.advance(2 * second);
    const back = await one.start({ name: dead.name });
    await one.settle(back.members.join([a.seed]));
    await one.until(() => sees([a, back], 2));
    const before = one.network.stats.packetsUnroutable;
    await one.advance(10 * minute);
    expect(one.network.stats.packetsUnroutable).toBe(before);
  });

  it("leaves alone a node with another label, whose address is a seed", async () => {
    const one = cluster();
    const other = await one.start({ label: "blue" });
    const node = await one.start();
    expect(await one.settle(outcome(node.members.join([other.seed])))).toBe("join_failed");
    await one.advance(10 * minute);
    expect(sees([node, other], 1)).toBe(true);
    expect(node.members.counters()["healing.failed"]).toBeGreaterThan(3);
  });

  it("leaves alone all nodes once this node has left", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    await one.settle(b.members.leave());
    await a.members.shutdown();
    await one.advance(2 * minute);
    const { dials } = one.network.stats;
    await one.advance(30 * minute);
    expect(one.network.stats.dials).toBe(dials);
  });
});

describe("the load of healing", () => {
  /** How many dials a seed that refuses streams gets in each second. */
  async function dialsOfIsolated(count: number, config: NodeConfig, seconds: number): Promise<number[]> {
    const one = cluster("load");
    const nodes: TestNode[] = [];
    for (let i = 0; i < count; i++)
      nodes.push(await one.start({ ...config, gossipInterval: 0, probeInterval: 0, queueCheckInterval: 3_600 * second }));
    for (const { members } of nodes) await one.settle(outcome(members.join(["10.200.0.1:7946"])));
    const perSecond: number[] = [];
    for (let s = 0; s < seconds; s++) {
      const { dials } = one.network.stats;
      await one.advance(second);
      perSecond.push(one.network.stats.dials - dials);
    }
    return perSecond;
  }

  it("spreads over time for 1,000 nodes isolated at once", async () => {
    const perSecond = await dialsOfIsolated(1_000, {}, 180);
    const first = perSecond.slice(0, 30);
    const later = perSecond.slice(120);
    expect(Math.max(...first)).toBeLessThan(70);
    expect(Math.max(...later)).toBeLessThan(30);
  });

  it("does not grow with the cluster on a member that is gone", async () => {
    const one = cluster();
    const nodes = await one.joined(30);
    const dead = nodes[29] as TestNode;
    const rest = nodes.slice(0, 29);
    await dead.members.shutdown();
    await one.until(() => sees(rest, 29), 3 * minute);
    await one.advance(30 * minute);
    const failed = rest.map(({ members }) => members.counters()["healing.failed"] ?? 0).reduce((sum, count) => sum + count, 0);
    // All members together try the dead node about once an interval, and the seed is alive.
    expect(failed).toBeGreaterThan(10);
    expect(failed).toBeLessThan(100);
  });
});
