import { createSocket, Socket } from "node:dgram";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Address, Logger } from "@memberlist/core";
import { NodeTransport, type NodeTransportOptions } from "../src/node-transport.ts";
import { pattern, peer, silent, until } from "./support.ts";

const open: NodeTransport[] = [];

async function transport(options: Partial<NodeTransportOptions> = {}): Promise<NodeTransport> {
  const made = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, logger: silent, ...options });
  open.push(made);
  return made;
}

function at(target: NodeTransport, host = "127.0.0.1"): Address {
  return { host, port: target.bindPort, name: "" };
}

function sent(from: NodeTransport, packet: Uint8Array, to: Address): Promise<Error | undefined> {
  return new Promise((resolve) => void from.writeTo(packet, to, resolve));
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.shutdown()));
});

describe("a packet over UDP", () => {
  it("arrives whole, with the sender's address and the time of arrival [Transport_Send]", async () => {
    const [a, b] = [await transport(), await transport()];
    const inbox = peer(b);
    peer(a);
    const before = performance.now();
    expect(await sent(a, pattern(1400), at(b))).toBeUndefined();
    await until(() => inbox.packets.length === 1, "the packet");
    const [packet] = inbox.packets;
    expect(Buffer.compare(packet?.bytes ?? new Uint8Array(), pattern(1400))).toBe(0);
    expect(packet?.bytes.constructor).toBe(Uint8Array);
    expect(packet?.from).toEqual(at(a));
    expect(packet?.receivedAt).toBeGreaterThanOrEqual(before);
    expect(packet?.receivedAt).toBeLessThanOrEqual(performance.now());
  });

  it("arrives where the runtime does not report how many packets wait, as on Deno", async () => {
    const { prototype } = Socket;
    const { getSendQueueCount } = prototype;
    Reflect.deleteProperty(prototype, "getSendQueueCount");
    try {
      const [a, b] = [await transport(), await transport()];
      const inbox = peer(b);
      expect(await sent(a, pattern(100), at(b))).toBeUndefined();
      await until(() => inbox.packets.length === 1, "the packet");
    } finally {
      prototype.getSendQueueCount = getSendQueueCount;
    }
  });

  it("arrives up to the largest UDP payload, and a larger one fails without further effect", async () => {
    const [a, b] = [await transport(), await transport()];
    const inbox = peer(b);
    expect(await sent(a, pattern(65_507), at(b))).toBeUndefined();
    await until(() => inbox.packets.length === 1, "the largest packet");
    expect(inbox.packets[0]?.bytes.byteLength).toBe(65_507);
    expect(await sent(a, pattern(65_508), at(b))).toMatchObject({ code: "send_failed", details: { errno: "EMSGSIZE" } });
    expect(await sent(a, pattern(10), at(b))).toBeUndefined();
    await until(() => inbox.packets.length === 2, "the next packet");
  });

  it("fails through done, never synchronously, if it cannot be sent", async () => {
    const a = await transport();
    const cases: [Uint8Array, Address][] = [
      [pattern(1), { host: "localhost", port: 9, name: "" }],
      [pattern(1), { host: "::1", port: 9, name: "" }],
      [pattern(1), { host: "127.0.0.1", port: 0, name: "" }],
      [pattern(1), { host: "127.0.0.1", port: 65_536, name: "" }],
      [new Uint8Array(), { host: "127.0.0.1", port: 9, name: "" }],
    ];
    for (const [packet, to] of cases) {
      const done = vi.fn<(error?: Error) => void>();
      a.writeTo(packet, to, done);
      expect(done).not.toHaveBeenCalled();
      await until(() => done.mock.calls.length > 0, `an answer for ${to.host} port ${to.port}`);
      expect(done.mock.calls).toEqual([[expect.objectContaining({ code: "send_failed" })]]);
    }
  });

  it("does not depend on the callbacks of others: one that throws is logged", async () => {
    const lines: string[] = [];
    const write = (fields: { code: string }): void => void lines.push(fields.code);
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    const [a, b] = [await transport({ maxPendingSends: 1, logger }), await transport()];
    const calls: string[] = [];
    const send = (to: Address): void => {
      a.writeTo(pattern(8), to, (error) => {
        calls.push(error === undefined ? "sent" : ((error as { code?: string }).code ?? ""));
        throw new Error("a callback out of order");
      });
    };
    const failures = (): number => lines.filter((code) => code === "udp_send_callback_failed").length;
    // Sent, without a route, and too many at once.
    send(at(b));
    send({ host: "::1", port: 9, name: "" });
    for (let i = 0; i < 100; i++) send(at(b));
    await until(() => calls.length === 102, "every done");
    expect([...new Set(calls)].toSorted()).toEqual(["limit_exceeded", "send_failed", "sent"]);
    await a.shutdown();
    send(at(b));
    await until(() => calls.length === 103, "the refusal after the shutdown");
    expect(calls.at(-1)).toBe("shutdown");
    // The log takes ten lines of a kind in a row.
    expect(failures()).toBe(10);
  });

  it("calls done once, later, when the kernel has accepted it", async () => {
    const [a, b] = [await transport(), await transport()];
    const counts = Array.from({ length: 200 }, () => 0);
    let inside = true;
    for (let i = 0; i < counts.length; i++) {
      a.writeTo(pattern(100), at(b), (error) => {
        expect(error).toBeUndefined();
        expect(inside).toBe(false);
        counts[i] = (counts[i] ?? 0) + 1;
      });
    }
    inside = false;
    await until(() => counts.every((count) => count > 0), "every done");
    expect(counts.every((count) => count === 1)).toBe(true);
  });

  it("counts as dropped with zero bytes", async () => {
    const b = await transport();
    const inbox = peer(b);
    const raw = createSocket("udp4");
    raw.send(new Uint8Array(), b.bindPort, "127.0.0.1");
    raw.send(new Uint8Array([1]), b.bindPort, "127.0.0.1");
    await until(() => inbox.packets.length > 0, "the packet after the empty one");
    raw.close();
    expect(inbox.packets.map((packet) => [...packet.bytes])).toEqual([[1]]);
    expect(b.counters.udpEmptyPackets).toBe(1);
  });

  it("causes nothing if it arrives before listen", async () => {
    const [a, b] = [await transport(), await transport()];
    expect(await sent(a, pattern(10), at(b))).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    const inbox = peer(b);
    expect(await sent(a, pattern(20), at(b))).toBeUndefined();
    await until(() => inbox.packets.some((packet) => packet.bytes.byteLength === 20), "the packet after listen");
  });
});

describe("writeTo", () => {
  it("returns false from the high-water mark on, drops packets above the bound, and sends the rest in order", async () => {
    const [a, b] = [await transport({ sendHighWaterMark: 8, maxPendingSends: 16 }), await transport()];
    const inbox = peer(b);
    const results: (Error | undefined)[] = [];
    const accepted = Array.from({ length: 100 }, (_, i) =>
      a.writeTo(new Uint8Array([i]), at(b), (error) => void (results[i] = error)),
    );
    // 32 go to the kernel at once, 16 wait, the others are too many.
    expect(accepted.indexOf(false)).toBe(32 + 7);
    await until(() => results.filter((_, i) => i in results).length === 100, "every done");
    const dropped = results.flatMap((error, i) => (error === undefined ? [] : [i]));
    expect(dropped).toEqual(Array.from({ length: 52 }, (_, i) => 48 + i));
    expect(results[99]).toMatchObject({ code: "limit_exceeded" });
    expect(a.counters.udpDroppedSends).toBe(52);
    await until(() => inbox.packets.length === 48, "what was not dropped");
    expect(inbox.packets.map((packet) => packet.bytes[0])).toEqual(Array.from({ length: 48 }, (_, i) => i));
    expect(a.writeTo(new Uint8Array([1]), at(b))).toBe(true);
  });

  it("lets the same process receive while a loop sends without a pause", async () => {
    const [a, b] = [await transport(), await transport()];
    const inbox = peer(b);
    const total = 20_000;
    const packet = pattern(1400);
    for (let i = 0; i < total; i++) await sent(a, packet, at(b));
    await until(() => inbox.packets.length === total, "every packet", 1000).catch(() => undefined);
    expect(inbox.packets.length / total).toBeGreaterThan(0.95);
  });

  it("sends the waiting packets when the transport is shut down", async () => {
    const [a, b] = [await transport(), await transport()];
    const inbox = peer(b);
    for (let i = 0; i < 200; i++) a.writeTo(new Uint8Array([i]), at(b));
    await a.shutdown();
    await until(() => inbox.packets.length === 200, "the packets sent before the shutdown");
    const late = vi.fn<(error?: Error) => void>();
    a.writeTo(pattern(1), at(b), late);
    expect(late).not.toHaveBeenCalled();
    await until(() => late.mock.calls.length === 1, "the refusal");
    expect(late).toHaveBeenCalledWith(expect.objectContaining({ code: "shutdown" }));
  });
});

describe("the receive buffer", () => {
  it("gets the requested size, which the transport reports", async () => {
    const small = await transport({ udpReceiveBuffer: 16 * 1024 });
    const standard = await transport();
    expect(small.udpReceiveBuffers[0]).toBeGreaterThanOrEqual(16 * 1024);
    expect(standard.udpReceiveBuffers[0]).toBeGreaterThan(small.udpReceiveBuffers[0] ?? Infinity);
  });

  it("works at a smaller size than requested, which is logged; a logger that throws has no effect", async () => {
    const lines: string[] = [];
    const write = (fields: { code: string }): void => {
      lines.push(fields.code);
      throw new Error("a logger out of order");
    };
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    const made = await transport({ udpReceiveBuffer: 2 ** 30, logger });
    expect(made.udpReceiveBuffers[0]).toBeLessThan(2 ** 30);
    expect(lines).toContain("udp_receive_buffer_small");
  });
});
