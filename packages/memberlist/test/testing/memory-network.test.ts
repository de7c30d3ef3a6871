import { beforeEach, describe, expect, it } from "vitest";
import type { Address } from "../../src/api/address.ts";
import { MemoryNetwork, type MemoryNetworkOptions } from "../../src/testing/memory-network.ts";
import type { MemoryTransport } from "../../src/testing/memory-transport.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

function network(options: Partial<MemoryNetworkOptions> = {}): MemoryNetwork {
  return new MemoryNetwork({ clock, random: new SeededRandom(1), ...options });
}

describe("MemoryNetwork", () => {
  it.each([
    ["MemoryNetwork: latancy is not an option; did you mean latency?", () => network({ latancy: 1 } as object)],
    ["MemoryNetwork: loss must be a number from 0 to 1, or a function that returns one; it is 2", () => network({ loss: 2 })],
    ["MemoryNetwork: clock must be an object", () => network({ clock: undefined })],
    ["MemoryNetwork: latency must be a number of ms from 0", () => network({ latency: [5, 1] })],
    [
      "MemoryNetwork.transport: port must be a whole number from 0 to 65535; it is 65536",
      () => network().transport({ port: 65_536 }),
    ],
    ["MemoryNetwork.transport: prot is not an option; did you mean port?", () => network().transport({ prot: 1 } as object)],
    ["MemoryNetwork.setLatency: latency must be", () => network().setLatency(-1)],
    ["MemoryNetwork.setLoss: loss must be", () => network().setLoss(Number.NaN)],
    [
      "MemoryNetwork.setFaults: duplicates is not an option; did you mean duplicate?",
      () => network().setFaults({ duplicates: 1 } as object),
    ],
    ["MemoryNetwork.setFaults: bandwidth must be a number over 0; it is 0", () => network().setFaults({ bandwidth: 0 })],
    [
      "MemoryNetwork.setFaults: reorderDelay must be a number of ms from 0; it is Infinity",
      () => network().setFaults({ reorderDelay: Infinity }),
    ],
    [
      "MemoryNetwork.block: packet is not an option; did you mean packets?",
      () => network().block("10.0.0.1", "10.0.0.2", { packet: true } as object),
    ],
  ])("checks its options: %s", (message, call) => {
    expect(call).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(message) as string }),
    );
  });
});

interface Packet {
  readonly at: number;
  readonly receivedAt: number;
  readonly from: Address;
  readonly bytes: Uint8Array;
}

function inbox(transport: MemoryTransport): Packet[] {
  const packets: Packet[] = [];
  transport.listen({
    packet: (bytes, from, receivedAt) => void packets.push({ at: clock.now(), receivedAt, from, bytes }),
    stream: (stream) => stream.close(),
  });
  return packets;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("a transport of MemoryNetwork", () => {
  it("gets the next free address", () => {
    const net = network();
    net.transport({ host: "10.0.0.2" });
    expect([net.transport(), net.transport(), net.transport({ host: "::FFFF:1.2.3.4", port: 80 })].map(({ key }) => key)).toEqual(
      ["10.0.0.1:7946", "10.0.0.3:7946", "1.2.3.4:80"],
    );
    expect(net.transport({ host: "2001:DB8::1" }).key).toBe("[2001:db8::1]:7946");
  });

  it("refuses an address in use, until it is free again", async () => {
    const net = network();
    const first = net.transport({ host: "10.0.0.1" });
    expect(() => net.transport({ host: "10.0.0.1" })).toThrow(expect.objectContaining({ code: "bind_failed" }));
    const ports = [0, 0].map((port) => net.transport({ host: "10.0.0.1", port }).port);
    expect(new Set([...ports, 7946]).size).toBe(3);
    await first.shutdown();
    expect(net.transport({ host: "10.0.0.1" }).key).toBe(first.key);
    expect(() => net.transport({ host: "web-1" })).toThrow(expect.objectContaining({ code: "invalid_address" }));
  });

  it("advertises its own address, or the configured one", () => {
    const transport = network().transport({ host: "10.0.0.1", port: 80 });
    expect(transport.finalAdvertiseAddr("", 0)).toEqual({ addr: "10.0.0.1", port: 80 });
    expect(transport.finalAdvertiseAddr("1.2.3.4", 81)).toEqual({ addr: "1.2.3.4", port: 81 });
    expect(() => transport.finalAdvertiseAddr("web-1", 0)).toThrow(
      expect.objectContaining({ code: "advertise_address_failed", message: expect.stringContaining("10.0.0.1") }),
    );
  });

  it("finds peers by the names that the network knows", async () => {
    const net = network();
    const transport = net.transport();
    net.setHost("seeds.example", ["10.0.0.5", "::1"]);
    const options = { dnsConfigPath: "", timeout: 100 };
    expect(await transport.resolve("seeds.example", options)).toEqual(["10.0.0.5", "::1"]);
    expect(await transport.resolve("::FFFF:1.2.3.4", options)).toEqual(["1.2.3.4"]);
    net.setHost("seeds.example", []);
    await expect(transport.resolve("seeds.example", options)).rejects.toMatchObject({ code: "resolve_failed" });
    await expect(transport.resolve("x", { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("the memory network", () => {
  it("delivers packets after the latency, with the sender's address and the time", () => {
    const net = network({ latency: 5 });
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    expect(a.writeTo(bytes(1, 2), b.address)).toBe(true);
    clock.advanceSync(4);
    expect(packets).toEqual([]);
    clock.advanceSync(1);
    expect(packets).toEqual([{ at: 5, receivedAt: 5, from: a.address, bytes: bytes(1, 2) }]);
    expect(net.stats).toMatchObject({ packetsSent: 1, bytesSent: 2, packetsDelivered: 1 });
  });

  it("shares no memory between sender and receiver", () => {
    const net = network();
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    const packet = bytes(1, 2);
    a.writeTo(packet, b.address);
    packet.fill(9);
    clock.advanceSync(1);
    expect(packets[0]?.bytes).toEqual(bytes(1, 2));
    packets[0]?.bytes.fill(7);
    expect(packet).toEqual(bytes(9, 9));
  });

  it("delivers packets to a mapped address", () => {
    const net = network();
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    a.writeTo(bytes(1), { host: `::ffff:${b.host}`, port: b.port, name: "" });
    clock.advanceSync(1);
    expect(packets).toHaveLength(1);
  });

  it("reports packets later, when they are on their way, never at once", () => {
    const net = network({ latency: 5 });
    const [a, b] = [net.transport(), net.transport()];
    const calls: unknown[][] = [];
    a.writeTo(bytes(1), b.address, (...args) => void calls.push(args));
    expect(calls).toEqual([]);
    clock.advanceSync(0);
    expect(calls).toEqual([[]]);
  });

  it("reports packets that could not be sent: after the shutdown, or too long", async () => {
    const net = network();
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    const codes: unknown[] = [];
    const done = (error?: Error & { code?: string }): void => void codes.push(error?.code);
    a.writeTo(new Uint8Array(65_508), b.address, done);
    a.writeTo(new Uint8Array(65_507), b.address, done);
    await a.shutdown();
    await a.shutdown();
    a.writeTo(bytes(1), b.address, done);
    expect(codes).toEqual([]);
    clock.advanceSync(1);
    expect(codes).toEqual(["send_failed", undefined, "shutdown"]);
    expect(packets.map((packet) => packet.bytes.length)).toEqual([65_507]);
  });

  it("loses packets to an address without a listening transport", async () => {
    const net = network();
    const [a, b, c] = [net.transport(), net.transport(), net.transport()];
    const packets = inbox(c);
    a.writeTo(bytes(1), b.address);
    a.writeTo(bytes(1), { host: "10.9.9.9", port: 1, name: "" });
    a.writeTo(bytes(1), c.address);
    await c.shutdown();
    clock.advanceSync(10);
    expect(packets).toEqual([]);
    expect(net.stats).toMatchObject({ packetsSent: 3, packetsDelivered: 0, packetsUnroutable: 3 });
  });

  it("loses packets at the configured rate, and lets them overtake one another", () => {
    const net = network({ latency: [1, 20], loss: 0.25 });
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    for (let i = 0; i < 2_000; i++) a.writeTo(bytes(i >> 8, i & 255), b.address);
    clock.advanceSync(20);
    // 1,500 are expected, with a standard deviation of 19.
    expect(Math.abs(packets.length - 1_500)).toBeLessThan(100);
    expect(net.stats.packetsLost + packets.length).toBe(2_000);
    const order = packets.map((packet) => (packet.bytes[0] ?? 0) * 256 + (packet.bytes[1] ?? 0));
    expect(order).not.toEqual(order.toSorted((x, y) => x - y));
    expect(Math.min(...packets.map(({ at }) => at))).toBeGreaterThanOrEqual(1);
    net.setLoss(1);
    a.writeTo(bytes(1), b.address);
    clock.advanceSync(20);
    expect(net.stats.packetsDelivered).toBe(packets.length);
  });

  it("applies the latency and loss of a single way", () => {
    const net = network({
      latency: (_, to) => (to.host === "10.0.0.2" ? 50 : 3),
      loss: (from) => (from.host === "10.0.0.3" ? 1 : 0),
    });
    const [a, b, c] = [net.transport(), net.transport(), net.transport()];
    const [toA, toB] = [inbox(a), inbox(b)];
    a.writeTo(bytes(1), b.address);
    b.writeTo(bytes(1), a.address);
    c.writeTo(bytes(1), a.address);
    clock.advanceSync(100);
    expect([toA.map(({ at }) => at), toB.map(({ at }) => at)]).toEqual([[3], [50]]);
    net.setLatency(1);
    a.writeTo(bytes(1), b.address);
    clock.advanceSync(1);
    expect(toB).toHaveLength(2);
  });

  it("repeats its behaviour for a seed", () => {
    const run = (seed: number): unknown[] => {
      clock = new VirtualClock();
      const net = network({ random: new SeededRandom(seed), latency: [1, 9], loss: 0.1 });
      const [a, b] = [net.transport(), net.transport()];
      const packets = inbox(b);
      for (let i = 0; i < 100; i++) a.writeTo(bytes(i), b.address);
      clock.advanceSync(10);
      return packets.map((packet) => [packet.at, packet.bytes[0]]);
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });
});

describe("a partition", () => {
  const send = (from: MemoryTransport, to: MemoryTransport): void => void from.writeTo(bytes(1), to.address);

  it("cuts both directions between two groups, and nothing else, until it heals", () => {
    const net = network();
    const nodes = [net.transport(), net.transport(), net.transport(), net.transport()] as const;
    const boxes = nodes.map(inbox);
    const everyone = (): number[] => {
      for (const from of nodes) for (const to of nodes) if (from !== to) send(from, to);
      clock.advanceSync(1);
      return boxes.map((box) => box.splice(0).length);
    };
    net.partition([nodes[0]], [nodes[1], nodes[2].key]);
    expect(everyone()).toEqual([1, 2, 2, 3]);
    expect(net.stats.packetsBlocked).toBe(4);
    net.heal();
    expect(everyone()).toEqual([3, 3, 3, 3]);
    net.partition([nodes[0].address, nodes[1].host]);
    expect(everyone()).toEqual([1, 1, 1, 1]);
  });

  it("catches packets that are on their way", () => {
    const net = network({ latency: 10 });
    const [a, b] = [net.transport(), net.transport()];
    const packets = inbox(b);
    send(a, b);
    clock.advanceSync(5);
    net.partition([a], [b]);
    clock.advanceSync(10);
    net.heal();
    expect([packets.length, net.stats.packetsBlocked]).toEqual([0, 1]);
  });

  it("cuts one direction alone, for packets or streams only, and heals alone", () => {
    const net = network();
    const [a, b, c] = [net.transport(), net.transport(), net.transport()];
    const [toA, toB] = [inbox(a), inbox(b)];
    const round = (): number[] => {
      send(a, b);
      send(b, a);
      send(c, b);
      clock.advanceSync(1);
      return [toA, toB].map((box) => box.splice(0).length);
    };
    net.block(a, b, { streams: false });
    net.block(c, b.host);
    expect(round()).toEqual([1, 0]);
    net.unblock(c, b.host);
    expect(round()).toEqual([1, 1]);
    net.unblock(a.key, b.key);
    expect(round()).toEqual([1, 2]);
    net.block(a, b, { packets: false });
    expect(round()).toEqual([1, 2]);
  });
});

describe("a transport that was held", () => {
  const setUp = (): { sender: MemoryTransport; receiver: MemoryTransport; ids: () => string[] } => {
    const net = network({ latency: 1 });
    const [sender, receiver] = [net.transport(), net.transport()];
    inbox(sender);
    const got = inbox(receiver);
    return { sender, receiver, ids: () => got.map(({ at, bytes: [id] }) => `${id} at ${at}`) };
  };

  it("reads all waiting packets at once", () => {
    const { sender, receiver, ids } = setUp();
    receiver.hold();
    for (const id of [1, 2, 3]) sender.writeTo(bytes(id), receiver.address);
    clock.advanceSync(10);
    expect(ids()).toEqual([]);
    receiver.release();
    expect(ids()).toEqual(["1 at 10", "2 at 10", "3 at 10"]);
  });

  it("reads one packet after another where each takes time, keeps later packets behind them, and can be held again", async () => {
    const { sender, receiver, ids } = setUp();
    receiver.hold();
    for (const id of [1, 2, 3]) sender.writeTo(bytes(id), receiver.address);
    clock.advanceSync(10);
    receiver.release(4);
    sender.writeTo(bytes(4), receiver.address);
    clock.advanceSync(9);
    expect(ids()).toEqual(["1 at 14", "2 at 18"]);
    receiver.hold();
    sender.writeTo(bytes(5), receiver.address);
    clock.advanceSync(11);
    expect(ids()).toHaveLength(2);
    receiver.release(4);
    clock.advanceSync(12);
    expect(ids().slice(2)).toEqual(["3 at 34", "4 at 38", "5 at 42"]);
    // Nothing waits any more: what comes now is read as it comes.
    sender.writeTo(bytes(6), receiver.address);
    clock.advanceSync(1);
    expect(ids().at(-1)).toBe("6 at 43");
    // At once, also what was left of one by one.
    receiver.hold();
    for (const id of [7, 8]) sender.writeTo(bytes(id), receiver.address);
    clock.advanceSync(7);
    receiver.release(4);
    receiver.hold();
    sender.writeTo(bytes(9), receiver.address);
    clock.advanceSync(10);
    receiver.release();
    expect(ids().slice(6)).toEqual(["7 at 60", "8 at 60", "9 at 60"]);
    receiver.hold();
    sender.writeTo(bytes(10), receiver.address);
    clock.advanceSync(1);
    receiver.release(4);
    await receiver.shutdown();
    expect(clock.pending).toBe(0);
  });

  it("stops reading once its packet handler shuts it down or holds it again", async () => {
    const net = network({ latency: 1 });
    const [sender, receiver] = [net.transport(), net.transport()];
    inbox(sender);
    const got: number[] = [];
    const then: (() => unknown)[] = [() => receiver.hold(), () => receiver.shutdown()];
    receiver.listen({ packet: ([id]) => void [got.push(id as number), then.shift()?.()], stream: (stream) => stream.close() });
    receiver.hold();
    for (const id of [1, 2, 3]) sender.writeTo(bytes(id), receiver.address);
    clock.advanceSync(1);
    receiver.release();
    expect(got).toEqual([1]);
    receiver.release();
    expect(got).toEqual([1, 2]);
    await receiver.shutdown();
  });
});
