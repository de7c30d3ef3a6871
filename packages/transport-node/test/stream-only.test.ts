import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createMemberlist, localConfig, NodeTransport, type Memberlist, type NodeConfig, type Transport } from "../src/index.ts";
import { streamOnly } from "@memberlist/core/transport";
import { encodeUser } from "../../memberlist/src/wire/messages/encode.ts";
import { encrypted } from "./hostile-support.ts";
import { outcome, peer, silent, until, type Inbox } from "./support.ts";

const members: Memberlist[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.shutdown()));
});

async function start(name: string, fields: Partial<NodeConfig> = {}): Promise<Memberlist> {
  const config = {
    ...localConfig(),
    bindAddr: "127.0.0.1",
    bindPort: 0,
    probeInterval: 200,
    probeTimeout: 100,
    gossipInterval: 50,
    // Gossip to a handful may miss one by chance, over UDP as well; the next push/pull does not.
    pushPullInterval: 500,
  };
  const ping = { notifyPingComplete: () => void answered.set(name, (answered.get(name) ?? 0) + 1) };
  const member = await createMemberlist({ ...config, name, logger: silent, streamOnly: true, ping, ...fields });
  members.push(member);
  return member;
}

/** Pings that were answered by packets, for each member. */
const answered = new Map<string, number>();
const names = (member: Memberlist): string =>
  member
    .members()
    .map((node) => node.name)
    .sort()
    .join();
const at = (member: Memberlist): string => `127.0.0.1:${member.localNode().port}`;
const udpHandles = (): number => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("UDP")).length;

interface Pair {
  readonly a: Transport;
  readonly b: Transport;
  readonly bound: NodeTransport;
  readonly inbox: Inbox;
}

async function pairOf(): Promise<Pair> {
  const [first, bound] = await Promise.all(
    [0, 1].map(() => NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false })),
  );
  const a = streamOnly(first!, { port: first!.bindPort, idleTimeout: 100 });
  a.listen({ packet: () => undefined, stream: () => undefined });
  const b = streamOnly(bound!, { port: bound!.bindPort, timeout: 100 });
  return { a, b, bound: bound!, inbox: peer(b) };
}

/** What a stream of packets begins with: its version, the sender's port, and who it is. */
const header = (port: number): number[] => [0xe7, 0x4d, 0x4c, 0x50, 2, port >> 8, port & 255, 1, 2, 3, 4, 5, 6, 7, 8];

describe("streamOnly on sockets", () => {
  it("forms a cluster without any UDP socket, which gossips, and sees a kill and a leave", async () => {
    const [a, b, c, d] = [await start("a"), await start("b"), await start("c"), await start("d")];
    expect(udpHandles()).toBe(0);
    for (const member of [b, c, d]) await member.join([at(a)]);
    for (const member of members) await until(() => names(member) === "a,b,c,d", `${names(member)} is all that it sees`);
    await until(() => ["a", "b", "c", "d"].every((name) => (answered.get(name) ?? 0) >= 5), "five answered pings each");
    for (const member of members) {
      expect(names(member)).toBe("a,b,c,d");
      // Probes were answered by packets: none had to fall back to a ping over a stream of its own.
      expect(member.counters()["probe.stream_only"]).toBeUndefined();
    }
    await d.shutdown();
    for (const member of [a, b, c]) await until(() => names(member) === "a,b,c", "the killed one to be found dead", 15_000);
    await c.leave();
    await c.shutdown();
    for (const member of [a, b]) await until(() => names(member) === "a,b", "the one that left to be gone");
  });

  it("keeps a member on UDP in the cluster, and both report that only streams get through", async () => {
    const [streams, udp] = [await start("streams"), await start("udp", { streamOnly: false })];
    await streams.join([at(udp)]);
    const reported = (member: Memberlist): boolean => (member.counters()["probe.stream_only"] ?? 0) >= 5;
    await until(() => reported(streams) && reported(udp), "pings that only streams answered", 15_000);
    expect(names(streams)).toBe("streams,udp");
    expect(names(udp)).toBe("streams,udp");
    expect(streams.counters()["transport.unwelcomeLinks"]).toBeGreaterThan(0);
  });

  it("reaches a peer at two of its addresses over two connections, without loss", async () => {
    const [first, bound] = await Promise.all(
      ["127.0.0.1", "0.0.0.0"].map((bindAddr) => NodeTransport.create({ bindAddrs: [bindAddr], bindPort: 0, udp: false })),
    );
    const a = streamOnly(first!, { port: first!.bindPort });
    const b = streamOnly(bound!, { port: bound!.bindPort });
    const inbox = peer(b);
    const hosts = process.platform === "linux" ? ["127.0.0.1", "127.0.0.2"] : ["127.0.0.1", "localhost"];
    for (let i = 0; i < 100; i++) {
      for (const host of hosts) a.writeTo(Uint8Array.of(i), { host, port: bound!.bindPort, name: "" });
      await until(() => inbox.packets.length === 2 * (i + 1), `the packets of round ${i}`);
    }
    expect(b.counters).toMatchObject({ supersededPacketStreams: 0, refusedPacketStreams: 0 });
    expect(a.counters).toMatchObject({ packetLinks: 2 });
    await Promise.all([a.shutdown(), b.shutdown()]);
  });

  it("excludes config.transport", async () => {
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    expect(await outcome(start("a", { transport }))).toBe("invalid_config");
    await transport.shutdown();
  });

  it("keeps one connection for each peer, closes it when idle, and dials again after a restart of the peer", async () => {
    const { a, bound, inbox } = await pairOf();
    const to = { host: "127.0.0.1", port: bound.bindPort, name: "" };
    for (let i = 0; i < 5; i++) {
      a.writeTo(Uint8Array.of(i), to);
      await until(() => inbox.packets.length === i + 1, "the packet");
    }
    expect(a.counters?.["packetLinks"]).toBe(1);
    await until(() => a.counters?.["packetLinks"] === 0, "the idle connection to be closed");
    await bound.shutdown();
    expect(await new Promise((resolve) => a.writeTo(Uint8Array.of(1), to, resolve))).toMatchObject({ code: "send_failed" });
    const again = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: bound.bindPort, udp: false });
    const restarted = streamOnly(again, { port: again.bindPort });
    const second = peer(restarted);
    a.writeTo(Uint8Array.of(9), to);
    await until(() => second.packets.length === 1, "a packet to the restarted peer");
    await Promise.all([a.shutdown(), restarted.shutdown()]);
  });

  it.each([
    ["keeps silent", []],
    ["has another version", [0xe7, 0x4d, 0x4c, 0x50, 9, ...header(1).slice(5)]],
    ["announces no port", header(0)],
    ["has a packet without bytes", [...header(1), 0, 0]],
    ["has a packet over the limit", [...header(1), 0xff, 0xff]],
  ])("closes and counts a stream that %s", async (_, bytes) => {
    const { a, b, bound, inbox } = await pairOf();
    const socket = connect(bound.bindPort, "127.0.0.1").on("error", () => undefined);
    let isClosed = false;
    socket.on("close", () => (isClosed = true)).resume();
    if (bytes.length > 0) socket.write(Uint8Array.from(bytes));
    await until(() => isClosed, "the stream to be closed");
    expect(b.counters?.["refusedPacketStreams"]).toBe(1);
    expect(inbox.packets).toEqual([]);
    socket.destroy();
    await Promise.all([a.shutdown(), b.shutdown()]);
  });

  it("bounds the packet streams of one address, so that it cannot shut out others; streams that end make room", async () => {
    const [first, bound] = await Promise.all(
      [0, 1].map(() => NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false })),
    );
    const a = streamOnly(first!, { port: first!.bindPort });
    const b = streamOnly(bound!, { port: bound!.bindPort, maxInboundStreams: 3, maxInboundStreamsPerPeer: 2 });
    const inbox = peer(b);
    const greedy = [0, 1, 2].map(() =>
      connect({ port: bound!.bindPort, host: "127.0.0.1", localAddress: "127.0.0.9" })
        .on("error", () => undefined)
        .resume(),
    );
    await until(() => b.counters?.["refusedPacketStreams"] === 1, "the third stream of one address to be closed");
    const to = { host: "127.0.0.1", port: bound!.bindPort, name: "" };
    a.writeTo(Uint8Array.of(1), to);
    await until(() => inbox.packets.length === 1, "a packet from another address");
    for (const socket of greedy) socket.destroy();
    // The member may see the others' end later than this one's begin: it tries again.
    const packet = Uint8Array.of(...header(1), 0, 1, 7);
    const dial = (): Socket => {
      const socket = connect({ port: bound!.bindPort, host: "127.0.0.1", localAddress: "127.0.0.9" });
      socket
        .on("error", () => undefined)
        .resume()
        .write(packet);
      return socket;
    };
    let again = dial();
    const arrived = (): boolean => {
      if (inbox.packets.length < 2 && again.closed) again = dial();
      return inbox.packets.length >= 2;
    };
    await until(arrived, "a packet from the first address");
    expect(inbox.packets.map(({ from }) => from.host)).toEqual(["127.0.0.1", "127.0.0.9"]);
    again.destroy();
    await Promise.all([a.shutdown(), b.shutdown()]);
  });

  it("keeps a stream for long only after a packet that the member accepts: with a key, one that decrypts", async () => {
    const key = new Uint8Array(16).fill(7);
    const message = encodeUser(Uint8Array.of(1));
    for (const [secretKey, good, bad] of [
      [key, encrypted(message, key), encrypted(message, new Uint8Array(16))],
      [undefined, message, Uint8Array.of(99, 1, 2)],
    ] as const) {
      const inner = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false });
      const transport = streamOnly(inner, { port: inner.bindPort, timeout: 200 });
      await start("a", { transport, streamOnly: undefined, bindPort: inner.bindPort, secretKey });
      const dial = (packet: Uint8Array): Socket => {
        const socket = connect(inner.bindPort, "127.0.0.1").on("error", () => undefined);
        socket.resume().write(Uint8Array.from([...header(1), 0, packet.length, ...packet]));
        return socket;
      };
      const [kept, cut] = [dial(good), dial(bad)];
      await until(() => cut.closed, "the stream to be cut");
      expect(transport.counters?.["refusedPacketStreams"]).toBe(1);
      const another = dial(bad);
      await until(() => another.closed, "another one to be cut");
      expect(kept.closed).toBe(false);
      kept.destroy();
    }
  });

  it("resolves SRV records as its underlying transport does", async () => {
    const inner = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false });
    const records = [{ host: "a.example", port: 7, priority: 1, weight: 1 }];
    inner.resolveSrv = (service) => Promise.resolve(service === "_m._tcp.example" ? records : []);
    const transport = streamOnly(inner, { port: inner.bindPort });
    expect(await transport.resolveSrv?.("_m._tcp.example", { dnsConfigPath: "", timeout: 1000 })).toEqual(records);
    await transport.shutdown();
  });

  it("bounds the packets that wait for a peer that does not read, and delivers those for others", async () => {
    const { a, bound, inbox } = await pairOf();
    const lazy = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false });
    lazy.listen({ packet: () => undefined, stream: () => undefined });
    const codes: string[] = [];
    const done = (error?: Error): void => void codes.push(String((error as { code?: unknown } | undefined)?.code));
    for (let i = 0; i < 2000; i++) a.writeTo(new Uint8Array(60_000), { host: "127.0.0.1", port: lazy.bindPort, name: "" }, done);
    await until(() => codes.filter((code) => code === "limit_exceeded").length > 1900, "packets over the bound to be refused");
    a.writeTo(Uint8Array.of(1), { host: "127.0.0.1", port: bound.bindPort, name: "" });
    await until(() => inbox.packets.length === 1, "the packet to the other peer");
    await Promise.all([a.shutdown(), bound.shutdown(), lazy.shutdown()]);
    expect(codes).toHaveLength(2000);
  });
});
