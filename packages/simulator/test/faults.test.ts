import { expect, test } from "vitest";
import { simulate } from "../src/index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("duplicates and reorders packets on the network", async () => {
  const heard: string[] = [];
  const app = (): object => ({ delegate: { notifyMsg: (message: Uint8Array) => heard.push(new TextDecoder().decode(message)) } });
  const sim = await simulate({ nodes: 2, app });
  sim.network.setFaults({ duplicate: 1, reorder: 0.5, reorderDelay: 40 });
  const [a, b] = sim.nodes;
  // Those of one turn would share a packet.
  for (let i = 0; i < 20; i++) {
    a?.members.sendBestEffort(b!.members.localNode(), bytes(String(i)));
    await sim.clock.advance(1);
  }
  await sim.clock.advance(100);
  expect(heard).toHaveLength(40);
  expect([...new Set(heard)]).not.toEqual([...new Set(heard)].toSorted((x, y) => Number(x) - Number(y)));
  await sim.end();
});

test("loses packets over the MTU, and delivers one at the MTU", async () => {
  const heard: number[] = [];
  const app = (): object => ({ delegate: { notifyMsg: (message: Uint8Array) => heard.push(message.length) } });
  const sim = await simulate({ nodes: 2, app, config: { enableCompression: false } });
  sim.network.setFaults({ mtu: 506 });
  const [a, b] = sim.nodes;
  for (const size of [500, 501]) {
    a?.members.sendBestEffort(b!.members.localNode(), new Uint8Array(size));
    await sim.clock.advance(50);
  }
  expect(heard).toEqual([500]);
  await sim.end();
});

test("queues packets and streams at a bandwidth limit", async () => {
  const at: number[] = [];
  const sim = await simulate({
    nodes: 2,
    config: { enableCompression: false, gossipInterval: 0, probeInterval: 0, pushPullInterval: 0 },
    app: () => ({ delegate: { notifyMsg: () => at.push(sim.clock.now()) } }),
  });
  sim.network.setFaults({ bandwidth: 1000 });
  const start = sim.clock.now();
  const [a, b] = sim.nodes;
  a?.members.sendBestEffort(b!.members.localNode(), new Uint8Array(994));
  a?.members.sendBestEffort(b!.members.localNode(), new Uint8Array(994));
  await sim.clock.settle(a!.members.sendReliable(b!.members.localNode(), new Uint8Array(990)));
  await sim.clock.advance(5_000);
  expect(at).toHaveLength(3);
  expect(at[0]! - start).toBeCloseTo(1_001);
  expect(at[1]! - start).toBeCloseTo(2_001);
  expect(at[2]! - start).toBeGreaterThan(2_990);
  await sim.end();
});

test("retransmits lost segments of a stream later", async () => {
  const sim = await simulate({ nodes: 2 });
  const [a, b] = sim.nodes;
  const send = async (): Promise<number> => {
    const before = sim.clock.now();
    let took = 0;
    const sent = a!.members.sendReliable(b!.members.localNode(), new Uint8Array(10));
    await sim.clock.settle(sent.then(() => (took = sim.clock.now() - before)));
    return took;
  };
  expect(await send()).toBeLessThan(10);
  sim.network.setFaults({ retransmitDelay: 20 });
  sim.network.setLoss((from) => (from.host === a!.host ? 1 : 0));
  expect(await send()).toBeGreaterThan(200);
  await sim.end();
});

test("lets packets of the other direction through a one-way block", async () => {
  const heard: string[] = [];
  const sim = await simulate({ nodes: 2, app: ({ name }) => ({ delegate: { notifyMsg: () => heard.push(name) } }) });
  const [a, b] = sim.nodes;
  sim.network.block("node-0", "node-1");
  a?.members.sendBestEffort(b!.members.localNode(), bytes("no"));
  b?.members.sendBestEffort(a!.members.localNode(), bytes("yes"));
  await sim.clock.advance(20);
  expect(heard).toEqual(["node-0"]);
  await sim.end();
});

test("delivers nothing to a held node, and pauses it at its first send; then it accuses the node that it was probing", async () => {
  const sim = await simulate({ nodes: 3, config: { suspicionMaxTimeoutMult: 1 } });
  const accused: string[] = [];
  const events = sim.node("node-0").members.events();
  sim.hold("node-0");
  await sim.clock.advance(15_000);
  expect([...sim.views("node-0").values()].map(({ state }) => state)).toEqual(["alive", "alive", "alive"]);
  expect(sim.views("node-1").get("node-0")?.state).toBe("dead");
  sim.release("node-0");
  await sim.clock.runUntil(() => sim.agrees(), { limit: 120_000 });
  await sim.end();
  for await (const event of events) if (event.type === "suspect") accused.push(event.from);
  expect(accused).toEqual(["node-0"]);
});

test("continues an earlier suspicion while a node is held, and its timer declares the member dead", async () => {
  const sim = await simulate({ nodes: 2, config: { suspicionMaxTimeoutMult: 1 } });
  sim.network.block("node-1", "node-0");
  await sim.clock.runUntil(() => sim.views("node-0").get("node-1")?.state === "suspect");
  sim.hold("node-0");
  await sim.clock.advance(10_000);
  expect(sim.views("node-0").get("node-1")?.state).toBe("dead");
  await sim.end();
});

test("lets a held node whose senders continue accuse one member after another", async () => {
  const sim = await simulate({ nodes: 3, config: { suspicionMaxTimeoutMult: 1 } });
  sim.hold("node-0", { senders: "goOn" });
  await sim.clock.advance(15_000);
  expect(sim.views("node-0").get("node-1")?.state).toBe("dead");
  expect(sim.views("node-0").get("node-2")?.state).toBe("dead");
  sim.release("node-0");
  await sim.clock.runUntil(() => sim.agrees(), { limit: 120_000 });
  await sim.end();
});

test("preloads a complete cluster, reports the joins, and gossips nothing about them", async () => {
  const joined: string[] = [];
  const sim = await simulate({
    nodes: 40,
    start: "preloaded",
    app: ({ name }) => ({ events: { notifyJoin: (node) => joined.push(`${name} ${node.name}`) } }),
  });
  expect(sim.clock.now()).toBe(0);
  expect(sim.agrees()).toBe(true);
  expect(new Set(joined).size).toBe(40 * 40);
  // All members share the view of each node: thousands of members would make millions of views.
  const of7 = sim.nodes.map(({ members }) => members.members().find(({ name }) => name === "node-7"));
  expect(new Set(of7).size).toBe(1);
  expect(sim.nodes.every(({ members }) => members.numQueuedBroadcasts() === 0)).toBe(true);
  const { stats } = sim.network;
  await sim.clock.advance(30_000);
  // A ping and its ack for each node and second.
  expect(stats.packetsSent / 40 / 30).toBeCloseTo(2, 1);
  await sim.crash("node-7");
  await sim.settle();
  expect(stats.streamBytes).toBeGreaterThan(0);
  await sim.end();
});

test("stops a paused node, and lets it resume without an accusation", async () => {
  const sim = await simulate({ nodes: 3 });
  const before = sim.views("node-0");
  const sent = new Map<string, number>();
  sim.onPacket((from) => sent.set(from, (sent.get(from) ?? 0) + 1));
  sim.pause("node-0");
  await sim.clock.advance(30_000);
  expect(sent.get("node-0") ?? 0).toBe(0);
  expect(sim.views("node-0")).toEqual(before);
  expect(sim.views("node-1").get("node-0")?.state).toBe("dead");
  sim.resume("node-0");
  await sim.clock.runUntil(() => sim.agrees(), { limit: 120_000 });
  await sim.end();
});

test("runs correctly with drifting clocks and late timers", async () => {
  const sim = await simulate({ nodes: 5 });
  const leaves: string[] = [];
  sim.onEvent(({ type, observer }) => (type === "leave" ? leaves.push(observer) : undefined));
  sim.nodes.forEach(({ clock }, i) => clock.drift(1 + (i - 2) * 0.05));
  sim.node("node-3").clock.setLateness(300);
  const own = sim.node("node-4").clock.now();
  await sim.clock.advance(60_000);
  expect(sim.node("node-4").clock.now() - own).toBeCloseTo(66_000, 3);
  expect(leaves).toEqual([]);
  expect(sim.agrees()).toBe(true);
  await sim.end();
});

test("keeps the application of a node that restarts with memory, and makes a new one without", async () => {
  let made = 0;
  const sim = await simulate({ nodes: 3, app: () => ({ meta: bytes(String(++made)) }) });
  await sim.restart("node-2", { memory: true });
  await sim.clock.runUntil(() => sim.agrees());
  expect(made).toBe(3);
  await sim.restart("node-2");
  expect(made).toBe(4);
  expect(sim.node("node-2").members.numMembers()).toBe(1);
  expect(await sim.join("node-2", ["node-0"])).toBe(1);
  await sim.clock.runUntil(() => sim.agrees());
  expect(sim.node("node-2").lives).toBe(3);
  await sim.end();
});

test("resolves seeds that are DNS names", async () => {
  const sim = await simulate({ nodes: 2 });
  await sim.add("late");
  expect(await sim.join("late", ["seeds.test"])).toBe(0);
  sim.network.setHost("seeds.test", ["node-0", "node-1"]);
  expect(await sim.join("late", ["seeds.test"])).toBe(2);
  await sim.clock.runUntil(() => sim.agrees());
  await sim.end();
});

test("switches off each part of Lifeguard by its tunable", async () => {
  const deadAfter = async (suspicionConfirmations: number): Promise<number> => {
    const sim = await simulate({ nodes: 8, tunables: { suspicionConfirmations, buddy: false, lhaProbe: false } });
    sim.network.partition(["node-0"]);
    let at: number | undefined;
    sim.onEvent((event) => (at ??= event.type === "leave" && event.observer === "node-0" ? event.at : undefined));
    const start = sim.clock.now();
    await sim.clock.runUntil(() => at !== undefined);
    expect(sim.node("node-0").members.healthScore()).toBe(0);
    await sim.end();
    return at! - start;
  };
  // A lone node gets no confirmation: with K over 0 its suspicion lasts six times as long.
  expect(await deadAfter(0)).toBeLessThan(8_000);
  expect(await deadAfter(3)).toBeGreaterThan(24_000);
});

test("repeats a run with encryption, whose messages are encrypted", async () => {
  const play = async (seed: number): Promise<string> => {
    const sim = await simulate({
      nodes: 3,
      seed,
      app: () => ({ secretKey: new Uint8Array(16).fill(7), meta: bytes("plainly") }),
    });
    const seen: string[] = [];
    sim.onPacket((_, packet) => seen.push(new TextDecoder("latin1").decode(packet)));
    await sim.clock.advance(5_000);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.filter((packet) => packet.includes("plainly") || packet.includes("node-"))).toEqual([]);
    const { hash } = sim.trace;
    await sim.end();
    return hash;
  };
  const first = await play(1);
  expect(await play(1)).toBe(first);
  expect(await play(2)).not.toBe(first);
});
