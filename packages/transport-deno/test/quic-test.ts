/** Run by Deno (quic.test.ts starts it): connections of the QUIC transport, and what bounds them. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { createMemberlist, localConfig, type Memberlist, type Transport, type TransportStream } from "../src/index.ts";
import type { QuicTransport, QuicTransportOptions } from "../src/quic/quic-transport.ts";
import { random, RawDialler } from "./quic-attacker.ts";
import { addressOf, ca, certificateOf, start } from "./quic-support.ts";
import { pattern, silent, until } from "./support.ts";
import { UdpRelay } from "./udp-relay.ts";

const dialOptions = { timeout: 10_000 };

interface Inbox {
  readonly packets: { readonly bytes: Uint8Array; readonly from: string }[];
  readonly streams: TransportStream[];
}

function inbox(transport: Transport): Inbox {
  const packets: Inbox["packets"] = [];
  const streams: TransportStream[] = [];
  transport.listen({
    packet: (bytes, from) => void packets.push({ bytes, from: from.name }),
    stream: (stream) => void streams.push(stream),
  });
  return { packets, streams };
}

async function listening(name: string, options: Partial<QuicTransportOptions> = {}): Promise<[QuicTransport, Inbox]> {
  const transport = await start(name, options);
  return [transport, inbox(transport)];
}

function sent(from: Transport, packet: Uint8Array, to: { host: string; port: number; name: string }): Promise<Error | undefined> {
  return new Promise((resolve) => from.writeTo(packet, to, resolve));
}

/** Reads a stream to its end, then closes it. */
async function countBytes(stream: TransportStream | undefined): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream?.readable ?? []) bytes += chunk.length;
  stream?.close();
  return bytes;
}

Deno.test("packets of any length arrive on one connection, with the certified name of their sender", async () => {
  const [[a], [b, { packets }]] = [await listening("a"), await listening("b")];
  const lengths = [1, 1100, 1162, 1163, 1400, 1500, 3000, 65_507];
  for (const length of lengths) strictEqual(await sent(a, pattern(length), addressOf(b, "b")), undefined);
  await until(() => packets.length === lengths.length, "all packets");
  const byLength = packets.toSorted((x, y) => x.bytes.length - y.bytes.length);
  deepStrictEqual(
    byLength.map(({ bytes }) => bytes),
    lengths.map(pattern),
  );
  deepStrictEqual(new Set(packets.map(({ from }) => from)), new Set(["a"]));
  deepStrictEqual([a.connections, b.connections], [1, 1]);
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("both sides use the connection, whichever side dialled it", async () => {
  const [[a, atA], [b, atB]] = [await listening("a"), await listening("b")];
  await sent(a, pattern(10), addressOf(b, "b"));
  await until(() => atB.packets.length === 1, "the first packet");
  await sent(b, pattern(20), addressOf(a, "a"));
  await sent(b, pattern(30), addressOf(a));
  const stream = await b.dial(addressOf(a, "a"), dialOptions);
  await until(() => atA.packets.length === 2 && atA.streams.length === 1, "the other way");
  deepStrictEqual([a.connections, b.connections], [1, 1]);
  stream.close();
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("when both sides dial at once, nothing is lost and one connection remains", async () => {
  const [[a, atA], [b, atB]] = [await listening("a"), await listening("b")];
  const both = await Promise.all([sent(a, pattern(1), addressOf(b, "b")), sent(b, pattern(1), addressOf(a, "a"))]);
  deepStrictEqual(both, [undefined, undefined]);
  await until(() => atA.packets.length === 1 && atB.packets.length === 1, "a packet each");
  for (let i = 0; i < 10; i++) {
    await sent(a, pattern(2), addressOf(b, "b"));
    await sent(b, pattern(2), addressOf(a, "a"));
  }
  await until(() => atA.packets.length === 11 && atB.packets.length === 11, "ten packets each");
  await until(() => a.connections === 1 && b.connections === 1, "one connection");
  await sent(a, pattern(3), addressOf(b, "b"));
  await sent(b, pattern(3), addressOf(a, "a"));
  await until(() => atA.packets.length === 12 && atB.packets.length === 12, "a packet each on what is left");
  deepStrictEqual([a.connections, b.connections], [1, 1]);
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("a peer that crashed and restarted is reached again, by streams and by packets", async () => {
  const [a] = await listening("a", { silenceTimeout: 1500 });
  const [before] = await listening("b");
  const relay = new UdpRelay(before.bindPort);
  const to = { host: "127.0.0.1", port: relay.port, name: "b" };
  (await a.dial(to, dialOptions)).close();
  const [second, atSecond] = await listening("b");
  relay.target = second.bindPort;
  (await a.dial(to, dialOptions)).close();
  await until(() => atSecond.streams.length === 1, "a stream");
  const [third, atThird] = await listening("b");
  relay.target = third.bindPort;
  // Nobody says that the old connection leads nowhere: QUIC finds out by its silence.
  const sending = setInterval(() => void a.writeTo(pattern(5), to), 50);
  await until(() => atThird.packets.length > 0, "a packet");
  clearInterval(sending);
  await Promise.all([a, before, second, third].map((transport) => transport.shutdown()));
  await relay.close();
});

Deno.test("a shutdown of a peer is noticed at once, and the restarted peer is reached again", async () => {
  const [[a], [b]] = [await listening("a"), await listening("b")];
  const relay = new UdpRelay(b.bindPort);
  const to = { host: "127.0.0.1", port: relay.port, name: "b" };
  (await a.dial(to, dialOptions)).close();
  await b.shutdown();
  await until(() => a.connections === 0, "the end of the connection", 1000);
  const [again, { packets }] = await listening("b");
  relay.target = again.bindPort;
  strictEqual(await sent(a, pattern(7), to), undefined);
  await until(() => packets.length === 1, "the packet");
  await Promise.all([a.shutdown(), again.shutdown()]);
  await relay.close();
});

Deno.test("packets and streams sent before a shutdown arrive", async () => {
  const [[a], [b, { packets, streams }]] = [await listening("a"), await listening("b")];
  const stream = await a.dial(addressOf(b), dialOptions);
  const writer = stream.writable.getWriter();
  await writer.write(pattern(100_000));
  await writer.close();
  for (let i = 0; i < 20; i++) a.writeTo(pattern(900), addressOf(b, "b"));
  await until(() => streams.length === 1, "the stream");
  const reading = countBytes(streams[0]);
  stream.close();
  await a.shutdown();
  strictEqual(await reading, 100_000);
  await until(() => packets.length === 20, "all packets");
  await b.shutdown();
});

Deno.test("the connection that is idle for longest makes room for a new one", async () => {
  const [a] = await listening("a", { maxConnections: 2 });
  const peers = [(await listening("b"))[0], (await listening("c"))[0], (await listening("d"))[0]] as const;
  for (const peer of peers) strictEqual(await sent(a, pattern(1), addressOf(peer)), undefined);
  strictEqual(a.connections, 2);
  await until(() => peers[0].connections === 0, "the end of the oldest");
  deepStrictEqual([peers[1].connections, peers[2].connections], [1, 1]);
  const open = await Promise.all(peers.slice(1).map((peer) => a.dial(addressOf(peer), dialOptions)));
  await rejects(a.dial(addressOf(peers[0]), dialOptions), { code: "limit_exceeded" });
  for (const stream of open) stream.close();
  await Promise.all([a, ...peers].map((transport) => transport.shutdown()));
});

Deno.test("an idle connection is closed", async () => {
  const [[a], [b]] = [await listening("a", { idleTimeout: 500 }), await listening("b")];
  const stream = await a.dial(addressOf(b), dialOptions);
  // A stream is use.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  deepStrictEqual([a.connections, b.connections], [1, 1]);
  stream.close();
  await until(() => a.connections === 0 && b.connections === 0, "the end of the connection");
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("waiting packets are bounded: further ones are dropped, and counted", async () => {
  const [a] = await listening("a", { maxPendingSends: 10, handshakeTimeout: 500 });
  const silence = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const nobody = { host: "127.0.0.1", port: (silence.addr as Deno.NetAddr).port, name: "b" };
  const codes = await Promise.all(
    Array.from({ length: 12 }, async () => ((await sent(a, pattern(1), nobody)) as { code?: string }).code),
  );
  deepStrictEqual(codes, [...Array<string>(10).fill("dial_failed"), "limit_exceeded", "limit_exceeded"]);
  strictEqual(a.counters.quicDroppedSends, 2);
  // That does not delay another peer.
  const [b, { packets }] = await listening("b");
  strictEqual(await sent(a, pattern(1), addressOf(b)), undefined);
  await until(() => packets.length === 1, "a packet to somebody else");
  await Promise.all([a.shutdown(), b.shutdown()]);
  silence.close();
});

Deno.test("a callback that throws is logged, and changes nothing for other packets", async () => {
  const codes: string[] = [];
  const write = ({ code }: { readonly code: string }): void => void codes.push(code);
  const logger = { debug: write, info: write, warn: write, error: write };
  const [a] = await listening("a", { logger, maxPendingSends: 3, handshakeTimeout: 500 });
  const [[b], [c, { packets }]] = [await listening("b", { logger }), await listening("c")];
  const silence = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const silent = { host: "127.0.0.1", port: (silence.addr as Deno.NetAddr).port, name: "b" };
  const outcomes: string[] = [];
  const send = (from: Transport, to: { host: string; port: number; name: string }): void => {
    from.writeTo(pattern(1), to, (error) => {
      outcomes.push((error as { code?: string } | undefined)?.code ?? "sent");
      throw new Error("a callback out of order");
    });
  };
  // Three fail with the attempt, one is too many, one has no route, and two arrive.
  for (let i = 0; i < 4; i++) send(a, silent);
  send(a, { host: "::1", port: 9, name: "b" });
  for (let i = 0; i < 2; i++) send(b, addressOf(c));
  await until(
    () => outcomes.length === 7 && packets.length === 2,
    () => outcomes.join(),
  );
  deepStrictEqual(outcomes.toSorted(), [
    "dial_failed",
    "dial_failed",
    "dial_failed",
    "limit_exceeded",
    "send_failed",
    "sent",
    "sent",
  ]);
  strictEqual(codes.filter((code) => code === "udp_send_callback_failed").length, 7);
  strictEqual(a.counters.quicBadInput, 0);
  // The failed packets left no trace: as many as before may wait again.
  const again = await Promise.all(Array.from({ length: 3 }, () => sent(a, pattern(1), silent)));
  deepStrictEqual(
    again.map((error) => (error as { code?: string }).code),
    ["dial_failed", "dial_failed", "dial_failed"],
  );
  await Promise.all([a.shutdown(), b.shutdown(), c.shutdown()]);
  silence.close();
});

Deno.test("connection attempts are bounded", async () => {
  const [a] = await listening("a", { maxHandshakes: 2, handshakeTimeout: 1000 });
  const silence = Array.from({ length: 3 }, () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
  const codes = await Promise.all(
    silence.map(async ({ addr }) => {
      const failure = await sent(a, pattern(1), { host: "127.0.0.1", port: (addr as Deno.NetAddr).port, name: "b" });
      return (failure as { code?: string }).code;
    }),
  );
  deepStrictEqual(codes, ["dial_failed", "dial_failed", "limit_exceeded"]);
  await a.shutdown();
  for (const socket of silence) socket.close();
});

Deno.test("a packet that is too long is dropped without further effect", async () => {
  const [[a], [b, { packets }]] = [await listening("a"), await listening("b")];
  const connect = Deno.connectQuic;
  const conns: Deno.QuicConn[] = [];
  Object.assign(Deno, {
    connectQuic: async (options: Deno.ConnectQuicOptions<false>) => (conns[conns.length] = await connect(options)),
  });
  await sent(a, pattern(1), addressOf(b, "b"));
  Object.assign(Deno, { connectQuic: connect });
  const writer = (await (conns.at(-1) as Deno.QuicConn).createUnidirectionalStream()).getWriter();
  writer.write(pattern(65_508)).catch(() => undefined);
  await until(() => b.counters.quicBadInput === 1, "the drop is counted");
  await sent(a, pattern(2000), addressOf(b, "b"));
  await until(() => packets.length === 2, "the next packet");
  deepStrictEqual(
    packets.map(({ bytes }) => bytes.length).toSorted((x, y) => x - y),
    [1, 2000],
  );
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("a node reaches itself", async () => {
  const [a, { packets, streams }] = await listening("a");
  strictEqual(await sent(a, pattern(3), addressOf(a)), undefined);
  const stream = await a.dial(addressOf(a, "a"), dialOptions);
  await until(() => packets.length === 1 && streams.length === 1, "both");
  stream.close();
  await a.shutdown();
});

Deno.test("streams beyond the limit are refused, and counted", async () => {
  const [[a], [b]] = [await listening("a"), await listening("b", { maxInboundStreams: 2 })];
  const open = [await a.dial(addressOf(b), dialOptions), await a.dial(addressOf(b), dialOptions)];
  await rejects(a.dial(addressOf(b), dialOptions), { code: "dial_failed", message: /accepts no more streams/ });
  strictEqual(b.counters.quicRefusedStreams, 1);
  for (const stream of open) stream.close();
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("a stalled handshake ends in time, and the number of handshakes is bounded", async () => {
  const [b] = await listening("b", { handshakeTimeout: 1500, maxHandshakes: 2 });
  const silentOnes = [await RawDialler.connect(b.bindPort, "b"), await RawDialler.connect(b.bindPort, "b")];
  await silentOnes[1]?.challenge();
  await rejects(RawDialler.connect(b.bindPort, "b"), /refused to accept/);
  strictEqual(b.counters.quicFailedConnections, 1);
  for (const raw of silentOnes) {
    const { closeCode, reason } = await raw.refused();
    deepStrictEqual([closeCode, reason], [0x107, "no proof within 1500 ms"]);
  }
  await until(() => b.counters.quicRefusedPeers === 2, "both are counted");
  const [a] = await listening("a");
  (await a.dial(addressOf(b), dialOptions)).close();
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("a stalled TLS handshake occupies a slot until it times out", async () => {
  const [b] = await listening("b", { maxHandshakes: 1, silenceTimeout: 1500 });
  const relay = new UdpRelay(b.bindPort);
  relay.answers = false;
  const [a] = await listening("a");
  const [stuck] = await listening("stuck", { handshakeTimeout: 500 });
  const attempt = rejects(stuck.dial({ host: "127.0.0.1", port: relay.port, name: "b" }, dialOptions), { code: "dial_failed" });
  await until(() => relay.forwarded > 0, "the beginning of a handshake");
  const dialled = (): Promise<boolean> =>
    a.dial(addressOf(b, "b"), dialOptions).then(
      (stream) => (stream.close(), true),
      () => false,
    );
  await until(() => b.counters.quicFailedConnections > 0 || b.connections > 0 || (void dialled(), false), "a refusal");
  strictEqual(b.connections, 0);
  await attempt;
  await stuck.shutdown();
  const end = performance.now() + 15_000;
  while (!(await dialled())) if (performance.now() > end) throw new Error("the place was never free again");
  await Promise.all([a.shutdown(), b.shutdown()]);
  await relay.close();
});

for (const [what, misbehave] of [
  ["a frame that is too long", (raw: RawDialler) => raw.control.send([random(9000)])],
  ["a nonce of the wrong length", (raw: RawDialler) => raw.control.send([random(31)])],
  ["too many fields", (raw: RawDialler) => raw.control.send([random(32), random(1)])],
  ["the end before the proof", (raw: RawDialler) => raw.control.end()],
  [
    "a proof of nonsense",
    async (raw: RawDialler) => {
      await raw.challenge();
      await raw.control.send([random(16), random(900), random(256)]);
    },
  ],
] as const)
  Deno.test(`garbage in the handshake ends it: ${what}`, async () => {
    const [b, { packets, streams }] = await listening("b");
    const raw = await RawDialler.connect(b.bindPort, "b");
    await misbehave(raw);
    await raw.refused();
    await until(() => b.counters.quicRefusedPeers === 1, "the refusal is counted");
    deepStrictEqual([packets.length, streams.length, b.connections], [0, 0, 0]);
    await b.shutdown();
  });

for (const [what, send] of [
  ["a datagram", (conn: Deno.QuicConn) => conn.sendDatagram(pattern(9))],
  [
    "a packet on a stream",
    async (conn: Deno.QuicConn) => {
      const writer = (await conn.createUnidirectionalStream()).getWriter();
      await writer.write(pattern(9));
    },
  ],
  [
    "a stream",
    async (conn: Deno.QuicConn) => {
      const writer = (await conn.createBidirectionalStream()).writable.getWriter();
      await writer.write(Uint8Array.of(1));
    },
  ],
] as const)
  Deno.test(`nothing is accepted before the proof: ${what} ends the connection`, async () => {
    const [b, { packets, streams }] = await listening("b");
    const raw = await RawDialler.connect(b.bindPort, "b");
    await raw.challenge();
    await send(raw.conn);
    const { closeCode, reason } = await raw.refused();
    deepStrictEqual([closeCode, reason], [0x101, "something came before the proof of who it is from"]);
    await until(() => b.counters.quicRefusedPeers === 1, "the refusal is counted");
    deepStrictEqual([packets.length, streams.length, b.connections], [0, 0, 0]);
    await b.shutdown();
  });

Deno.test("a failed start leaves no port bound", async () => {
  const [a] = await listening("a");
  await rejects(start("b", { bindPort: a.bindPort }), {
    code: "bind_failed",
    details: { errno: "EADDRINUSE", protocol: "UDP", address: "127.0.0.1", port: a.bindPort },
  });
  await rejects(start("b", { bindPort: 65_536 }), { code: "invalid_argument" });
  await rejects(start("b", { bindAddr: "name" }), { code: "invalid_argument" });
  await a.shutdown();
});

Deno.test("three members form a cluster, exchange broadcasts and long messages, and leave", async () => {
  const received = new Map<string, Uint8Array[]>();
  const member = async (name: string): Promise<Memberlist> => {
    const { certificate, key } = await certificateOf(name, "blue");
    const inboxOf: Uint8Array[] = [];
    received.set(name, inboxOf);
    return createMemberlist({
      ...localConfig(),
      // The preset's two retransmits may both go to one of the two others.
      retransmitMult: 10,
      pushPullInterval: 1000,
      // A machine under load takes longer than that preset's second.
      tcpTimeout: 10_000,
      name,
      label: "blue",
      bindAddr: "127.0.0.1",
      bindPort: 0,
      logger: silent,
      quic: { ca: ca.certificate, certificate, key },
      delegate: { notifyMsg: (bytes) => void inboxOf.push(bytes.slice()) },
    });
  };
  const [a, b, c] = [await member("a"), await member("b"), await member("c")];
  const all = [a, b, c];
  const { addr, port } = a.localNode();
  await b.join([`${addr}:${port}`]);
  await c.join([`a/${addr}:${port}`]);
  const views = (): string => all.map((each) => each.members().map(({ name: one }) => one)).join(" | ");
  await until(
    () => all.every((each) => each.members().length === 3),
    () => `all see all: ${views()}, ${JSON.stringify(all.map((each) => each.counters()))}`,
  );
  await rejects(c.join([`b/${addr}:${port}`]), (error: Error) =>
    /it is node "a", not "b"/.test(JSON.stringify(error) + String(error)),
  );
  // A broadcast is delivered as often as it comes in.
  const has = (name: string, size: number): boolean => received.get(name)?.some(({ length }) => length === size) ?? false;
  await a.broadcast(pattern(1000));
  await until(() => has("b", 1000) && has("c", 1000), "the broadcast");
  const target = c.members().find((node) => node.name === "b");
  if (target === undefined) throw new Error("no b");
  await c.sendReliable(target, pattern(1024 * 1024));
  await until(() => has("b", 1024 * 1024), "the long message");
  for (const bytes of [...received.values()].flat()) deepStrictEqual(bytes, pattern(bytes.length));
  await c.leave({ timeout: 5000 });
  await c.shutdown();
  await until(() => a.members().length === 2 && b.members().length === 2, "c has left");
  deepStrictEqual(
    a.members({ states: ["left"] }).map((node) => node.name),
    ["c"],
  );
  await Promise.all([a.shutdown(), b.shutdown()]);
});
