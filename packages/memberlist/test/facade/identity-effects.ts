import { expect } from "vitest";
import { decodeTags, type Config, type Metrics } from "../../src/index.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";
import { bytes, codes, outcome, text, thrown, type TestNode } from "./cluster.ts";
import type { Effect, ProtocolField } from "./protocol-effects.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

function collect(into: [string, string, number, Readonly<Record<string, string>>][]): Metrics {
  return {
    increment: (name, value, labels) => void into.push(["increment", name, value, labels]),
    gauge: (name, value, labels) => void into.push(["gauge", name, value, labels]),
    sample: (name, value, labels) => void into.push(["sample", name, value, labels]),
  };
}

/** Fields whose effect shows elsewhere: `bindAddr` in the transport packages, which bind; the others in tests of their own. */
type Elsewhere =
  | "bindAddr"
  | "lagAwareness"
  | "coalesceMessages"
  | "userBroadcastShare"
  | "selectNodes"
  | "store"
  | "secretKey"
  | "keyring"
  | "gossipVerifyIncoming"
  | "gossipVerifyOutgoing";

/** The other fields: identity, admission and outputs. A missing field fails the type check. */
export const identityEffects: Readonly<Record<Exclude<keyof Config, ProtocolField | Elsewhere>, Effect>> = {
  name: async (one) => expect((await one.start({ name: "me" })).members.localNode().name).toBe("me"),

  transport: async (one) => {
    const transport = one.network.transport({ port: 9999 });
    await one.start({ transport });
    expect(transport.listening).toBe(true);
  },

  label: async (one) => {
    const peer = new RawPeer(one);
    (await one.start({ label: "mine" })).members.sendBestEffort("10.9.9.9", bytes("x"));
    await one.advance(10);
    expect([...(peer.packets[0]?.bytes ?? [])]).toEqual([244, 4, ...bytes("mine"), 8, ...bytes("x")]);
  },

  skipInboundLabelCheck: async (one) => {
    for (const [skipInboundLabelCheck, expected] of [
      [false, { "dropped.label_mismatch": 1 }],
      [true, {}],
    ] as const) {
      const node = await one.start({ label: "mine", skipInboundLabelCheck });
      new RawPeer(one, `10.9.9.${one.nodes.length}`).send(encodeUser(bytes("x")), node);
      await one.advance(10);
      expect(node.members.counters()).toEqual(expected);
    }
  },

  bindPort: async (one) => {
    const other = await one.start({ port: 8123 });
    const node = await one.start({ bindPort: 8123, port: 8123 });
    expect((await one.settle(node.members.join([other.transport.host]))).attempts[0]?.address).toBe("10.0.0.1:8123");
  },

  advertiseAddr: async (one) =>
    expect((await one.start({ advertiseAddr: "192.0.2.1" })).members.localNode().addr).toBe("192.0.2.1"),

  addressCheckInterval: async (one) => {
    const asked: number[] = [];
    const advertiseAddr = (): string => {
      asked.push(one.clock.now());
      return "192.0.2.1";
    };
    await one.start({ advertiseAddr, addressCheckInterval: 700 });
    await one.advance(2_200);
    expect(asked.map((at) => at - (asked[0] as number))).toEqual([0, 700, 1_400, 2_100]);
  },

  advertisePort: async (one) => expect((await one.start({ advertisePort: 1234 })).members.localNode().port).toBe(1234),

  protocolVersion: async (one) => expect((await one.start({ protocolVersion: 3 })).members.localNode().pCur).toBe(3),

  enableCompression: async (one) => {
    const peer = new RawPeer(one);
    for (const enableCompression of [true, false]) {
      (await one.start({ enableCompression })).members.sendBestEffort("10.9.9.9", new Uint8Array(900));
    }
    await one.advance(10);
    const [compressed = 0, plain = 0] = peer.packets.map((packet) => packet.bytes.length);
    expect(plain).toBe(901);
    expect(compressed).toBeLessThan(200);
  },

  delegate: async (one) => {
    const { members } = await one.start({ delegate: { nodeMeta: () => bytes("mine") } });
    expect(text(members.localNode().meta)).toBe("mine");
  },

  delegateProtocolVersion: async (one) => {
    const { members } = await one.start({ delegateProtocolVersion: 3, delegateProtocolMax: 5 });
    expect(members.localNode().dCur).toBe(3);
  },

  delegateProtocolMin: async (one) => {
    const { members } = await one.start({ delegateProtocolMin: 2, delegateProtocolVersion: 2, delegateProtocolMax: 2 });
    expect(members.localNode().dMin).toBe(2);
  },

  delegateProtocolMax: async (one) => expect((await one.start({ delegateProtocolMax: 9 })).members.localNode().dMax).toBe(9),

  events: async (one) => {
    const notified: string[] = [];
    await one.start({ events: { notifyJoin: ({ name }) => void notified.push(name) } });
    expect(notified).toEqual(["node-0"]);
  },

  conflict: async (one) => {
    const notified: string[] = [];
    const node = await one.start({
      conflict: { notifyConflict: ({ addr }, other) => void notified.push(`${addr} ${other.addr}`) },
    });
    const peer = new RawPeer(one);
    peer.send(aliveMessage("node-0", "10.9.9.9"), node);
    await one.advance(10);
    expect(notified).toEqual(["10.0.0.1 10.9.9.9"]);
  },

  merge: async (one) => {
    const refuse = (): void => {
      throw new Error("no");
    };
    const node = await one.start({ merge: { notifyMerge: refuse } });
    expect(await outcome(one.settle(node.members.join([(await one.start()).seed])))).toBe("join_failed");
  },

  ping: async (one) => {
    const rtts: number[] = [];
    await one.joined(2, { ping: { notifyPingComplete: (_, rtt) => void rtts.push(rtt) } });
    await one.advance(3_000);
    expect(rtts).toContain(2);
  },

  alive: async (one) => {
    const refuse = ({ name }: { readonly name: string }): void => {
      if (name === "unwanted") throw new Error("no");
    };
    const node = await one.start({ alive: { notifyAlive: refuse } });
    const peer = new RawPeer(one);
    peer.send(aliveMessage("unwanted", "10.9.9.9"), node);
    await peer.become("wanted", node);
    expect(node.members.numMembers()).toBe(2);
    expect(node.members.counters()).toEqual({ "dropped.alive_refused": 1 });
  },

  dnsConfigPath: async (one) => {
    const node = await one.start({ dnsConfigPath: "/some/resolv.conf" });
    const paths: string[] = [];
    node.transport.resolve = (_, options) => {
      paths.push(options.dnsConfigPath);
      return Promise.resolve(["10.0.0.1"]);
    };
    await one.settle(node.members.join(["example.com"]));
    expect(paths).toEqual(["/some/resolv.conf"]);
  },

  logOutput: async (one) => {
    const lines: string[] = [];
    const node = await one.start({ logOutput: { write: (line) => lines.push(line) } });
    new RawPeer(one).send(Uint8Array.of(200), node);
    await one.advance(10);
    expect(lines).toEqual([
      expect.stringMatching(/^2026-01-01T00:00:00\.\d+Z \[WARN\] memberlist: .*code=message_dropped.*from=10\.9\.9\.9:7946.*\n$/),
    ]);
  },

  logger: async (one) => {
    const node = await one.start();
    new RawPeer(one).send(Uint8Array.of(200), node);
    await one.advance(10);
    expect(codes(node)).toEqual(["message_dropped"]);
  },

  requireNodeNames: async (one) => {
    const [a, b] = (await one.joined(2, { requireNodeNames: true })) as [TestNode, TestNode];
    expect(thrown(() => a.members.sendBestEffort(b.address, bytes("x")))).toBe("node_name_required");
    expect(thrown(() => a.members.sendBestEffort(b.seed, bytes("x")))).toBe("ok");
    expect(await outcome(a.members.sendReliable(b.address, bytes("x")))).toBe("node_name_required");
    expect(await outcome(a.members.ping(b.address))).toBe("node_name_required");
    const error = await one.settle(a.members.join([b.address]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "join_failed", cause: expect.objectContaining({ code: "node_name_required" }) });
    expect(await one.settle(a.members.ping(b.seed))).toBe(2);
    await one.advance(40_000);
    expect(a.members.numMembers()).toBe(2);
    expect(a.members.counters()).not.toHaveProperty("send_failed");
  },

  cidrsAllowed: async (one) => {
    const node = await one.start({ cidrsAllowed: ["10.0.0.0/24"] });
    new RawPeer(one).send(aliveMessage("outside", "10.0.0.9"), node);
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "dropped.address_not_allowed": 1 });
  },

  metricLabels: async (one) => {
    const all: [string, string, number, Readonly<Record<string, string>>][] = [];
    await one.start({ metrics: collect(all), metricLabels: { zone: "a" }, queueCheckInterval: 100 });
    await one.advance(200);
    expect(all.length).toBeGreaterThan(2);
    for (const [, , , labels] of all) expect(labels).toMatchObject({ zone: "a" });
    expect(all).toContainEqual(["gauge", "memberlist.node.instances", 1, { zone: "a", node_state: "alive" }]);
  },

  queueCheckInterval: async (one) => {
    const all: [string, string, number, Readonly<Record<string, string>>][] = [];
    await one.start({ metrics: collect(all), queueCheckInterval: 250 });
    await one.advance(1_000);
    expect(all.filter(([, name]) => name === "memberlist.queue.broadcasts")).toHaveLength(4);
  },

  meta: async (one) => expect(text((await one.start({ meta: bytes("given") })).members.localNode().meta)).toBe("given"),

  tags: async (one) => {
    const node = await one.start({ tags: { role: "web" } });
    expect(decodeTags(node.members.localNode().meta)).toEqual({ role: "web" });
  },

  metrics: async (one) => {
    const all: [string, string, number, Readonly<Record<string, string>>][] = [];
    await one.start({ metrics: collect(all) });
    expect(all).toContainEqual(["increment", "memberlist.msg.alive", 1, {}]);
  },

  clock: async (one) => {
    await one.start();
    expect(one.clock.pending).toBeGreaterThan(0);
  },

  random: async (one) => {
    let asked = 0;
    const next = (): number => {
      asked++;
      return 0.5;
    };
    await one.start({ random: { next } });
    expect(asked).toBeGreaterThan(0);
  },

  limits: async (one) => {
    const node = await one.start({ limits: { maxInboundStreams: 1 } });
    const peer = new RawPeer(one);
    for (let i = 0; i < 3; i++) await peer.dial(node);
    expect(node.members.counters()).toEqual({ "stream_dropped.too_many_streams": 2, "limit.maxInboundStreams": 2 });
  },

  broadcastQueue: async (one) => {
    const { members } = await one.start({ broadcastQueue: { maxCount: 1, whenFull: "reject" } });
    await members.broadcast(new Uint8Array(1));
    expect(await outcome(members.broadcast(new Uint8Array(1)))).toBe("queue_full");
  },

  eventsCapacity: async (one) => {
    const node = await one.start({ eventsCapacity: 1 });
    const events = node.members.events();
    await new RawPeer(one).become("a", node);
    await new RawPeer(one, "10.9.9.8").become("b", node);
    expect(events.dropped).toBe(1);
  },

  healingInterval: async (one) => {
    const often = await one.start({ healingInterval: 1_000 });
    const off = await one.start({ healingInterval: 0 });
    for (const { members } of [often, off]) await one.settle(members.join(["10.200.0.1"], { minReached: 0 }));
    await one.advance(60_000);
    expect(often.members.counters()["healing.failed"]).toBeGreaterThan(10);
    expect(off.members.counters()["healing.failed"]).toBeUndefined();
  },

  healingTimeout: async (one) => {
    const [soon, late, dead] = await one.joined(3, (i) => ({ healingTimeout: i === 0 ? 60_000 : 0, healingInterval: 1_000 }));
    await dead?.members.shutdown();
    const failed = (node: TestNode | undefined): number => node?.members.counters()["healing.failed"] ?? 0;
    await one.advance(240_000);
    const before = [failed(soon), failed(late)] as const;
    await one.advance(240_000);
    expect(failed(soon)).toBe(before[0]);
    expect(failed(late)).toBeGreaterThan(before[1]);
  },
};
