import { describe, expect, it } from "vitest";
import type { Metrics, Node } from "../../src/index.ts";
import { bytes, clusters, codes, names, outcome, text, type TestNode, itOnEventLoop } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

function metaOf(node: TestNode, name: string): string {
  return text(node.members.members().find((member) => member.name === name)?.meta ?? bytes("(unknown)"));
}

describe("a node by itself", () => {
  it("lists itself alone, with its versions [Create]", async () => {
    const versions = { delegateProtocolVersion: 13, delegateProtocolMin: 12, delegateProtocolMax: 24 };
    const node = await cluster().start({ name: "alone", protocolVersion: 1, ...versions });
    expect(node.members.members()).toEqual([
      {
        name: "alone",
        addr: "10.0.0.1",
        port: 7946,
        meta: new Uint8Array(),
        state: "alive",
        incarnation: 1,
        pMin: 1,
        pMax: 5,
        pCur: 1,
        dMin: 12,
        dMax: 24,
        dCur: 13,
      },
    ]);
    expect(node.members.localNode()).toEqual(node.members.members()[0]);
    expect(node.members.numMembers()).toBe(1);
    expect(node.members.healthScore()).toBe(0);
  });

  it("shuts down right after its start [CreateShutdown]", async () => {
    const one = cluster();
    const node = await one.start();
    await node.members.shutdown();
    expect(one.clock.pending).toBe(0);
    expect(node.transport.listening).toBe(false);
  });

  it.each([1, 2, 3, 4, 5])(
    "speaks protocol version %i [MemberlistProtocolVersion] [Create_protocolVersion]",
    async (protocolVersion) => {
      const { members } = await cluster().start({ protocolVersion });
      expect(members.protocolVersion()).toBe(protocolVersion);
      expect(members.localNode().pCur).toBe(protocolVersion);
    },
  );

  it("starts unencrypted with an empty secret key [Create_secretKeyEmpty]", async () => {
    const one = cluster();
    const [a] = await one.joined(2, { secretKey: new Uint8Array() });
    expect(a?.members.config.secretKey).toBeUndefined();
  });

  itOnEventLoop("samples its broadcast queue at every queueCheckInterval [Create_checkBroadcastQueueMetrics]", async () => {
    const samples: [number, number][] = [];
    const one = cluster();
    const metrics: Metrics = {
      increment: () => {},
      gauge: () => {},
      sample: (name, value) => void (name === "memberlist.queue.broadcasts" && samples.push([one.clock.now(), value])),
    };
    await one.start({ queueCheckInterval: 1_000, metrics, gossipInterval: 0 });
    await one.advance(3_500);
    // Its own alive message stays queued, because it has no peer.
    expect(samples).toEqual([
      [1_000, 1],
      [2_000, 1],
      [3_000, 1],
    ]);
  });

  it("advertises the configured address, with any bind address [AdvertiseAddr]", async () => {
    const one = cluster();
    const { members } = await one.start({ advertiseAddr: "192.0.2.7", advertisePort: 9000 });
    expect(members.localNode()).toMatchObject({ addr: "192.0.2.7", port: 9000 });
    const other = await one.start();
    await one.settle(other.members.join(["10.0.0.1"]));
    expect(other.members.members().find(({ name }) => name === "node-0")).toMatchObject({ addr: "192.0.2.7", port: 9000 });
  });
});

describe("members()", () => {
  it("returns alive and suspect members, not dead and left ones [Members]", async () => {
    const one = cluster();
    const [a, , c, d] = (await one.joined(4, { gossipToTheDeadTime: 3_600_000 })) as [TestNode, TestNode, TestNode, TestNode];
    await one.settle(d.members.leave());
    await one.until(() => a.members.numMembers() === 3);
    await c.members.shutdown();
    await one.until(() => a.members.members().some(({ state }) => state === "suspect"));
    expect(names(a)).toEqual(["node-0", "node-1", "node-2"]);
    expect(a.members.members().find(({ name }) => name === "node-2")?.state).toBe("suspect");
    await one.until(() => a.members.numMembers() === 2);
    expect(names(a)).toEqual(["node-0", "node-1"]);
  });

  it("lists every member once in a cluster of 16 that joined one after the other [Integ]", async () => {
    const one = cluster();
    const joins: string[] = [];
    const leaves: string[] = [];
    const events = {
      notifyJoin: (node: Node) => void joins.push(node.name),
      notifyLeave: (node: Node) => void leaves.push(node.name),
    };
    const fast = { probeInterval: 20, probeTimeout: 10, gossipInterval: 20, pushPullInterval: 200 };
    let last = await one.start({ ...fast, events });
    for (let i = 1; i < 16; i++) {
      const next = await one.start(fast);
      expect((await one.settle(next.members.join([last.seed]))).reached).toBe(1);
      last = next;
    }
    await one.advance(250);
    for (const node of one.nodes) expect(node.members.numMembers()).toBe(16);
    expect(joins.toSorted()).toEqual(one.nodes.map(({ name }) => name).toSorted());
    expect(leaves).toEqual([]);
  });
});

describe("a node that leaves", () => {
  it("counts as left rather than dead at every member when leave() resolves [Leave]", async () => {
    const one = cluster();
    const left: Node[] = [];
    const [a, b] = (await one.joined(2, (i) => ({
      gossipInterval: 1,
      ...(i === 1 ? { events: { notifyLeave: (node: Node) => void left.push(node) } } : {}),
    }))) as [TestNode, TestNode];
    await one.settle(a.members.leave({ timeout: 1_000 }));
    await one.advance(10);
    expect(names(a)).toEqual(["node-1"]);
    expect(names(b)).toEqual(["node-1"]);
    expect(left).toEqual([expect.objectContaining({ name: "node-0", state: "left" })]);
    expect(a.members.localNode().state).toBe("left");
  });

  it("leaves the lists of all members of a small cluster, so that a successor at another address may take its name", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const one = cluster(seed);
      const nodes = await one.joined(9);
      for (const [i, { members, name }] of nodes.entries()) {
        await one.settle(members.leave());
        await members.shutdown();
        const others = nodes.filter((node) => node.name !== name);
        await one.until(() => others.every((other) => !names(other).includes(name)), 200);
        const successor = await one.start({ name });
        nodes[i] = successor;
        await one.settle(successor.members.join(others.map((other) => other.seed)));
        await one.until(() => nodes.every((node) => node.members.numMembers() === 9));
      }
      expect(nodes.flatMap((node) => codes(node).filter((code) => code === "marked_dead"))).toEqual([]);
    }
  });

  it("resolves leave() even if it reaches no member: the others then find it dead by probing", async () => {
    const one = cluster();
    const left: Node[] = [];
    const [a] = (await one.joined(3, (i) => (i === 0 ? { events: { notifyLeave: (node) => void left.push(node) } } : {}))) as [
      TestNode,
    ];
    await one.nodes[2]?.members.shutdown();
    await one.until(() => a.members.numMembers() === 2);
    expect(left.map(({ name, state }) => [name, state])).toEqual([["node-2", "dead"]]);
  });

  it("counts as dead at the others, by probing, when it just shuts down [JoinShutdown]", async () => {
    const one = cluster();
    const fast = { probeInterval: 10, probeTimeout: 5, suspicionMaxTimeoutMult: 1 };
    const [a, b] = (await one.joined(2, fast)) as [TestNode, TestNode];
    await a.members.shutdown();
    const took = await one.until(() => b.members.numMembers() === 1);
    // One failed probe, and a suspicion of 4 intervals.
    expect(took).toBeGreaterThan(40);
    expect(took).toBeLessThan(80);
    expect(codes(b)).toContain("marked_dead");
  });

  it("goes on answering pings until the shutdown, and does not refute its own leave", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    await one.settle(a.members.leave());
    await one.until(() => b.members.numMembers() === 1);
    expect(await one.settle(b.members.ping(a.seed))).toBe(2);
    await one.settle(b.members.join([a.seed]));
    await one.advance(30_000);
    expect(names(b)).toEqual(["node-1"]);
  });
});

describe("a node that has left, and stays", () => {
  it("stays in its own list after the time for which dead nodes are remembered", async () => {
    const one = cluster();
    const [a] = (await one.joined(2, { gossipToTheDeadTime: 1_000 })) as [TestNode];
    await one.settle(a.members.updateNode({ meta: bytes("last words") }));
    await one.settle(a.members.leave());
    const before = a.members.localNode();
    await one.advance(30_000);
    expect(a.members.localNode()).toEqual(before);
    expect(before).toMatchObject({ state: "left", incarnation: 2, meta: bytes("last words") });
    expect(await outcome(a.members.updateNode({ meta: bytes("after all") }))).toBe("left");
    await one.settle(a.members.leave());
    expect(names(a)).toEqual(["node-1"]);
  });
});

describe("metadata", () => {
  const delegate = (meta: string): { meta: string; nodeMeta(limit: number): Uint8Array } => ({
    meta,
    nodeMeta(limit) {
      expect(limit).toBe(512);
      return bytes(this.meta);
    },
  });

  it("comes from the delegate, and is known after the join [delegateMeta]", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, (i) => ({ delegate: delegate(i === 0 ? "web" : "lb") }))) as [TestNode, TestNode];
    for (const node of [a, b]) {
      expect(metaOf(node, "node-0")).toBe("web");
      expect(metaOf(node, "node-1")).toBe("lb");
    }
  });

  it("changes everywhere after updateNode() [delegateMeta_Update]", async () => {
    const one = cluster();
    const delegates = [delegate("web"), delegate("lb")];
    const updates: string[] = [];
    const [a, b] = (await one.joined(2, (i) => ({
      delegate: delegates[i],
      events: { notifyUpdate: (node) => void updates.push(`node-${i}: ${node.name}=${text(node.meta)}`) },
    }))) as [TestNode, TestNode];
    (delegates[0] as { meta: string }).meta = "api";
    (delegates[1] as { meta: string }).meta = "db";
    await one.settle(Promise.all([a.members.updateNode({ timeout: 0 }), b.members.updateNode({ timeout: 0 })]));
    await one.advance(10);
    for (const node of [a, b]) {
      expect(metaOf(node, "node-0")).toBe("api");
      expect(metaOf(node, "node-1")).toBe("db");
    }
    expect(updates.toSorted()).toEqual(["node-0: node-0=api", "node-0: node-1=db", "node-1: node-0=api", "node-1: node-1=db"]);
  });

  it("changes by updateNode(), which copies it and checks its size", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { meta: bytes("old") })) as [TestNode, TestNode];
    const meta = bytes("new");
    await one.settle(a.members.updateNode({ meta }));
    meta.fill(0);
    expect(metaOf(a, "node-0")).toBe("new");
    expect(metaOf(b, "node-0")).toBe("new");
    const before = a.members.localNode();
    await expect(a.members.updateNode({ meta: new Uint8Array(513) })).rejects.toMatchObject({
      code: "meta_too_large",
      stateChanged: false,
      details: { size: 513, limit: 512 },
    });
    expect(a.members.localNode()).toBe(before);
  });
});

describe("a name that two nodes have", () => {
  it("causes a call of the conflict delegate, and its first owner keeps it [conflictDelegate]", async () => {
    const one = cluster();
    const conflicts: [Node, Node][] = [];
    const a = await one.start({
      name: "twin",
      conflict: { notifyConflict: (existing, other) => void conflicts.push([existing, other]) },
    });
    const b = await one.start({ name: "twin" });
    await one.settle(a.members.join([b.seed]));
    expect(conflicts).toEqual([
      [expect.objectContaining({ name: "twin", addr: "10.0.0.1" }), expect.objectContaining({ name: "twin", addr: "10.0.0.2" })],
    ]);
    expect(a.members.members()).toEqual([expect.objectContaining({ name: "twin", addr: "10.0.0.1" })]);
    expect(a.members.counters()).toMatchObject({ "dropped.name_conflict": 1 });
  });
});

describe("the ping delegate", () => {
  it("gets the node that answered, the round trip and the payload [PingDelegate]", async () => {
    const one = cluster(1, { latency: 7 });
    const heard: [Node, number, string][] = [];
    const [a] = (await one.joined(2, (i) => ({
      probeInterval: 100,
      probeTimeout: 50,
      ping: {
        ackPayload: () => bytes(`payload of ${i}`),
        notifyPingComplete: (other, rtt, payload) => void (i === 1 && heard.push([other, rtt, text(payload)])),
      },
    }))) as [TestNode, TestNode];
    await one.until(() => heard.length >= 2);
    for (const [other, rtt, payload] of heard) {
      expect(other).toEqual(a.members.localNode());
      expect(rtt).toBe(14);
      expect(payload).toBe("payload of 0");
    }
  });

  it("gets no call for an ack relayed by others", async () => {
    const one = cluster();
    const heard: string[] = [];
    const [a, b] = (await one.joined(3, (i) => ({
      disableTcpPings: true,
      ...(i === 0 ? { ping: { notifyPingComplete: (other: Node) => void heard.push(other.name) } } : {}),
    }))) as [TestNode, TestNode];
    one.network.block(a.transport, b.transport);
    // An ack may be on its way.
    await one.advance(1_000);
    heard.length = 0;
    await one.advance(20_000);
    expect(a.members.numMembers()).toBe(3);
    expect(new Set(heard)).toEqual(new Set(["node-2"]));
    expect(codes(a)).toContain("ping_timeout");
    expect(codes(a)).not.toContain("suspect");
  });
});

describe("a node that returns", () => {
  it("takes its name over under the same address with a higher incarnation", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(3)) as [TestNode, TestNode];
    await one.settle(b.members.updateNode({ meta: bytes("before") }));
    await b.members.shutdown();
    await one.advance(100);
    const again = await one.start({ name: b.name, host: b.transport.host, meta: bytes("after") });
    await one.settle(again.members.join([a.seed]));
    await one.until(() => one.nodes.every((node) => node === b || metaOf(node, b.name) === "after"));
    expect(again.members.localNode().incarnation).toBeGreaterThan(b.members.localNode().incarnation);
    // One refutation suffices: it exceeds the highest known incarnation.
    expect(codes(again).filter((code) => code === "refute")).toHaveLength(1);
  });

  it("fails to return at another address while the old one is alive, and succeeds once it has left", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    const again = await one.start({ name: b.name });
    await one.settle(again.members.join([a.seed]));
    expect(a.members.members().find(({ name }) => name === b.name)?.addr).toBe(b.transport.host);
    await one.settle(b.members.leave());
    await b.members.shutdown();
    await one.until(() => a.members.recentEvents().some(({ type }) => type === "leave"));
    await one.settle(again.members.join([a.seed]));
    // Messages about the old node still circulate with the same incarnation; the new node refutes them.
    await one.until(() => a.members.members().find(({ name }) => name === b.name)?.addr === again.transport.host);
    await one.advance(5_000);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(codes(a)).toContain("address_taken_over");
  });

  it("learns from gossip that others hold it for dead, and refutes", async () => {
    const one = cluster();
    const [a] = (await one.joined(2, { disableTcpPings: true })) as [TestNode];
    const peer = new RawPeer(one);
    await peer.become("silent", a);
    await one.until(() => a.members.numMembers() === 2);
    const types = peer.messages().map(([type]) => type);
    expect(types).toContain(3);
    await one.advance(1_000);
    expect(peer.messages().map(([type]) => type)).toContain(5);
  });
});
