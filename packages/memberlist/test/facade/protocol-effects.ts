import { expect } from "vitest";
import { decodeAlive } from "../../src/wire/messages/decode.ts";
import { bytes, codes, outcome, text, type Cluster, type NodeConfig, type TestNode } from "./cluster.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

/** Shows that a field changes what a node does. */
export type Effect = (one: Cluster) => Promise<void>;

/** A node with raw peers: some answer pings, some do not. */
async function among(
  one: Cluster,
  config: NodeConfig,
  answering: number,
  silent: number,
): Promise<{ node: TestNode; peers: RawPeer[] }> {
  const node = await one.start({ pushPullInterval: 0, disableTcpPings: true, enableCompression: false, ...config });
  const peers: RawPeer[] = [];
  for (let i = 0; i < answering + silent; i++) {
    const peer = new RawPeer(one, `10.8.0.${i + 1}`);
    if (i < answering) peer.answerPings();
    peers.push(peer);
  }
  for (const [i, peer] of peers.entries()) await peer.become(i < answering ? `answering-${i}` : `silent-${i}`, node);
  return { node, peers };
}

/** From a node's suspicion to its death, in ms. */
async function suspicion(one: Cluster, config: NodeConfig, answering: number): Promise<number> {
  const { node } = await among(one, { gossipInterval: 0, ...config }, answering, 1);
  await one.until(() => codes(node).includes("suspect"));
  return one.until(() => codes(node).includes("marked_dead"), 600_000);
}

/** How many messages of a type all peers have received. */
function count(peers: readonly RawPeer[], type: number): number {
  return peers.flatMap((peer) => peer.messages()).filter((message) => message[0] === type).length;
}

async function dials(one: Cluster, config: NodeConfig): Promise<number> {
  await among(one, { gossipInterval: 0, ...config }, 1, 1);
  const before = one.network.stats.dials;
  await one.advance(8_000);
  return one.network.stats.dials - before;
}

/** The fields of times, rates and amounts. */
export type ProtocolField =
  | "tcpTimeout"
  | "indirectChecks"
  | "retransmitMult"
  | "suspicionMult"
  | "suspicionMaxTimeoutMult"
  | "pushPullInterval"
  | "probeInterval"
  | "probeTimeout"
  | "disableTcpPings"
  | "disableTcpPingsForNode"
  | "awarenessMaxMultiplier"
  | "gossipInterval"
  | "gossipNodes"
  | "gossipToTheDeadTime"
  | "handoffQueueDepth"
  | "udpBufferSize"
  | "deadNodeReclaimTime";

export const protocolEffects: Readonly<Record<ProtocolField, Effect>> = {
  tcpTimeout: async (one) => {
    const silent = new RawPeer(one).transport.host;
    for (const tcpTimeout of [200, 5_000]) {
      const node = await one.start({ tcpTimeout });
      const before = one.clock.now();
      await one.settle(outcome(node.members.join([silent])));
      expect(one.clock.now() - before).toBe(tcpTimeout);
    }
  },

  indirectChecks: async (one) => {
    const { node, peers } = await among(one, { indirectChecks: 2, gossipInterval: 0 }, 4, 1);
    await one.until(() => codes(node).includes("suspect"));
    expect(count(peers, 1)).toBe(2);
  },

  retransmitMult: async (one) => {
    const { node, peers } = await among(one, { retransmitMult: 7, probeInterval: 0 }, 1, 0);
    await one.settle(node.members.updateNode({ meta: bytes("new meta") }));
    await one.advance(10);
    const updates = peers[0]
      ?.messages()
      .filter((message) => message[0] === 4 && text(decodeAlive(message.subarray(1)).meta) === "new meta");
    // ceil(log10(3)) is 1.
    expect(updates).toHaveLength(7);
  },

  suspicionMult: async (one) => {
    expect(await suspicion(one, { suspicionMult: 9, probeInterval: 600, suspicionMaxTimeoutMult: 1 }, 0)).toBe(9 * 600);
  },

  suspicionMaxTimeoutMult: async (one) => {
    expect(await suspicion(one, { suspicionMult: 3, suspicionMaxTimeoutMult: 5 }, 3)).toBe(3 * 1_000 * 5);
  },

  pushPullInterval: async (one) => {
    expect(await dials(one, { pushPullInterval: 0 })).toBe(0);
    await one.joined(2, { pushPullInterval: 500 });
    await one.advance(1_000);
    const before = one.network.stats.dials;
    await one.advance(10_000);
    expect(one.network.stats.dials - before).toBe(40);
  },

  probeInterval: async (one) => {
    for (const [i, probeInterval] of [0, 600, 2_000].entries()) {
      const node = await one.start({ gossipInterval: 0, pushPullInterval: 0, probeInterval });
      const peer = new RawPeer(one, `10.7.0.${i + 1}`);
      peer.answerPings();
      await peer.become("answering", node);
      peer.packets.length = 0;
      await one.advance(12_000);
      // At the end of its list a node shuffles it, and may then find only itself.
      const most = probeInterval === 0 ? 0 : 12_000 / probeInterval;
      expect(count([peer], 0)).toBeLessThanOrEqual(most);
      expect(count([peer], 0)).toBeGreaterThanOrEqual(0.5 * most);
    }
  },

  probeTimeout: async (one) => {
    const node = await one.start({ probeTimeout: 777 });
    const before = one.clock.now();
    await one.settle(outcome(node.members.ping("x/10.0.0.9")));
    expect(one.clock.now() - before).toBe(777);
  },

  disableTcpPings: async (one) => {
    expect(await dials(one, { disableTcpPings: true })).toBe(0);
  },

  disableTcpPingsForNode: async (one) => {
    const asked: string[] = [];
    const disableTcpPingsForNode = (name: string): boolean => {
      asked.push(name);
      return true;
    };
    expect(await dials(one, { disableTcpPings: false, disableTcpPingsForNode })).toBe(0);
    expect(new Set(asked)).toEqual(new Set(["silent-1"]));
  },

  awarenessMaxMultiplier: async (one) => {
    const { node } = await among(one, { awarenessMaxMultiplier: 3, gossipInterval: 0, suspicionMult: 50 }, 0, 5);
    await one.advance(30_000);
    expect(node.members.healthScore()).toBe(2);
  },

  gossipInterval: async (one) => {
    for (const gossipInterval of [150, 3_000]) {
      const [a, b] = (await one.joined(2, { probeInterval: 0, gossipInterval })) as [TestNode, TestNode];
      const start = one.clock.now();
      await one.settle(a.members.updateNode({ meta: bytes("x"), timeout: 0 }));
      // Four rounds; the first may come at once.
      expect(one.clock.now() - start).toBeGreaterThan(3 * gossipInterval - 1);
      expect(one.clock.now() - start).toBeLessThanOrEqual(4 * gossipInterval);
      await one.advance(10);
      expect(text(b.members.members().find(({ name }) => name === a.name)?.meta ?? bytes("none"))).toBe("x");
    }
  },

  gossipNodes: async (one) => {
    const { node, peers } = await among(one, { gossipNodes: 2, gossipInterval: 10_000, probeInterval: 0 }, 5, 0);
    await one.settle(node.members.updateNode({ meta: bytes("x"), timeout: 5_000 }).catch(() => undefined));
    for (const peer of peers) peer.packets.length = 0;
    await one.advance(10_000);
    expect(peers.filter((peer) => peer.packets.length > 0)).toHaveLength(2);
  },

  gossipToTheDeadTime: async (one) => {
    const { node, peers } = await among(one, { gossipToTheDeadTime: 5_000, suspicionMult: 1, healingInterval: 0 }, 1, 1);
    await one.until(() => codes(node).includes("marked_dead"));
    const died = one.clock.now();
    for (let i = 0; i < 20; i++) {
      await one.settle(node.members.updateNode({ meta: bytes(String(i)) }));
      await one.advance(500);
    }
    const last = peers[1]?.packets.at(-1)?.at ?? 0;
    expect(last - died).toBeGreaterThan(4_000);
    expect(last - died).toBeLessThanOrEqual(5_001);
  },

  handoffQueueDepth: async (one) => {
    const node = await one.start({ handoffQueueDepth: 2 });
    const peer = new RawPeer(one);
    for (let i = 0; i < 5; i++) peer.send(aliveMessage(`n${i}`, "10.9.9.9"), node);
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "dropped.handoff_full": 3 });
  },

  udpBufferSize: async (one) => {
    const limits: number[] = [];
    const delegate = {
      getBroadcasts: (_: number, limit: number): Uint8Array[] => {
        limits.push(limit);
        return [new Uint8Array(Math.min(limit, 9_000) - 3)];
      },
    };
    const { peers } = await among(one, { udpBufferSize: 600, delegate }, 2, 0);
    await one.advance(3_000);
    expect(Math.max(...limits)).toBe(600 - 7);
    expect(Math.max(...peers.flatMap((peer) => peer.packets.map((packet) => packet.bytes.length)))).toBe(600);
  },

  deadNodeReclaimTime: async (one) => {
    const config = { deadNodeReclaimTime: 4_000, gossipInterval: 0, suspicionMult: 1, gossipToTheDeadTime: 3_600_000 };
    const { node } = await among(one, config, 0, 1);
    await one.until(() => codes(node).includes("marked_dead"));
    const again = new RawPeer(one);
    again.send(aliveMessage("silent-0", "10.9.9.9"), node);
    await one.advance(4_100);
    expect(codes(node)).toContain("name_conflict");
    again.send(aliveMessage("silent-0", "10.9.9.9"), node);
    await one.advance(10);
    expect(codes(node)).toContain("address_taken_over");
  },
};
