import { describe, expect, it } from "vitest";
import type { Address, MemberlistError } from "../../src/index.ts";
import { encodeHeader } from "../../src/stream-only/packet-frames.ts";
import { Bench, type End } from "./support.ts";

const second = 1000;
const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const valueOf = (packet: Uint8Array): number => new DataView(packet.buffer, packet.byteOffset).getUint32(0);

describe("a link to one peer", () => {
  it("drops packets rather than delay them when the network is cut, and sends again soon after", async () => {
    const bench = new Bench();
    const [a, b] = [bench.end(), bench.end()];
    let errors = 0;
    const send = (): void => {
      a.transport.writeTo(u32(bench.clock.now()), b.address, (error) => (errors += error === undefined ? 0 : 1));
    };
    const sendFor = async (time: number): Promise<void> => {
      for (let at = 0; at < time; at += 100) {
        send();
        await bench.clock.advance(100);
      }
    };
    await sendFor(2 * second);
    bench.network.partition([a.address.host], [b.address.host]);
    const cutAt = bench.clock.now();
    await sendFor(30 * second);
    bench.network.heal();
    const healedAt = bench.clock.now();
    await sendFor(10 * second);
    const lateness = b.packets.map(({ bytes, at }) => at - valueOf(bytes));
    expect(Math.max(...lateness)).toBeLessThan(2.2 * second);
    const after = b.packets.filter(({ at }) => at > healedAt);
    expect((after[0]?.at ?? Infinity) - healedAt).toBeLessThan(2.2 * second);
    expect(after.length).toBeGreaterThan(75);
    expect(b.packets.filter(({ at }) => at < cutAt).length).toBeGreaterThan(18);
    // What is on its way when the cut comes is lost without an error, as with UDP.
    expect(errors).toBeGreaterThan(200);
  });

  it("finds the peer dead within the timeout even if it does not answer a single byte", async () => {
    const bench = new Bench();
    const [a, b] = [bench.end(), bench.end()];
    a.transport.writeTo(u32(1), b.address);
    await bench.clock.advance(100);
    b.inner.hold();
    bench.network.partition([a.address.host], [b.address.host]);
    a.transport.writeTo(u32(2), b.address);
    await bench.clock.advance(2.1 * second);
    const failures: unknown[] = [];
    a.transport.writeTo(u32(3), b.address, (error) => failures.push(error));
    await bench.clock.advance(2.1 * second);
    expect(failures).toMatchObject([{ code: "send_failed" }]);
  });

  it("keeps its connection while it is idle for less than the idle timeout", async () => {
    const bench = new Bench();
    const [a, b] = [bench.end(), bench.end()];
    for (let i = 0; i < 5; i++) {
      a.transport.writeTo(u32(i), b.address);
      await bench.clock.advance(50 * second);
    }
    expect(b.packets).toHaveLength(5);
    expect(bench.network.stats.dials).toBe(1);
    await bench.clock.advance(60 * second);
    expect(a.count("packetLinks")).toBe(0);
  });

  it("sends and reports packets even if the callback of another packet throws", async () => {
    const bench = new Bench();
    const [a, b] = [bench.end(), bench.end()];
    const advance = async (ms: number): Promise<number> => {
      let thrown = 0;
      const end = bench.clock.now() + ms;
      while (bench.clock.now() < end) await bench.clock.advance(end - bench.clock.now()).catch(() => thrown++);
      return thrown;
    };
    const outcomes: (Error | undefined)[] = [];
    const sendThree = (): void => {
      for (let i = 0; i < 3; i++) {
        a.transport.writeTo(u32(i), b.address, (error) => {
          outcomes.push(error);
          throw new Error("a callback out of order");
        });
      }
    };
    sendThree();
    expect(await advance(second)).toBe(3);
    expect(outcomes).toEqual([undefined, undefined, undefined]);
    expect(b.packets).toHaveLength(3);
    // A dial that fails.
    await b.inner.shutdown();
    await advance(second);
    outcomes.length = 0;
    for (let i = 0; i < 3; i++) {
      sendThree();
      await advance(5 * second);
    }
    expect(outcomes).toHaveLength(9);
    expect(outcomes.slice(3)).toEqual(Array.from({ length: 6 }, () => expect.objectContaining({ code: "send_failed" })));
  });

  it("waits for the window: it does not send everything at once to a peer that reads slowly", async () => {
    const bench = new Bench({ latency: 500 });
    const [a, b] = [bench.end({ maxPendingBytes: 4 * 2 ** 20 }), bench.end()];
    let handed = 0;
    for (let i = 0; i < 40; i++) a.transport.writeTo(new Uint8Array(60_000), b.address, () => handed++);
    await bench.clock.advance(1600);
    expect(handed).toBeLessThan(12);
    await bench.clock.advance(1000);
    expect(b.packets.length).toBeGreaterThan(0);
  });
});

describe("shutdown", () => {
  it("sends all accepted packets, even to a peer without a connection, and then ends", async () => {
    const bench = new Bench({ latency: 20 });
    const [a, b, c] = [bench.end(), bench.end(), bench.end()];
    a.transport.writeTo(u32(1), b.address);
    await bench.clock.advance(200);
    const results: unknown[] = [];
    for (let i = 0; i < 100; i++) a.transport.writeTo(new Uint8Array(1000), b.address, (error) => results.push(error));
    a.transport.writeTo(u32(3), c.address);
    await bench.clock.settle(a.transport.shutdown());
    expect(b.packets).toHaveLength(101);
    expect(c.packets).toHaveLength(1);
    expect(results).toEqual(Array.from({ length: 100 }, () => undefined));
  });

  it("waits for a peer that does not answer for half a second at most", async () => {
    const bench = new Bench();
    const [a, b] = [bench.end(), bench.end()];
    a.transport.writeTo(u32(1), b.address);
    await bench.clock.advance(200);
    bench.network.partition([a.address.host], [b.address.host]);
    const results: unknown[] = [];
    a.transport.writeTo(u32(1), b.address);
    for (let i = 1; i <= 3; i++)
      a.transport.writeTo(u32(1), { host: `10.9.9.${i}`, port: 1, name: "" }, (error) => results.push(error));
    const start = bench.clock.now();
    await bench.clock.settle(Promise.all([a.transport.shutdown(), a.transport.shutdown()]));
    expect(bench.clock.now() - start).toBeLessThanOrEqual(500);
    expect(results.length).toBe(3);
  });
});

describe("a transport that waits for acknowledgements at its shutdown", () => {
  /** An end whose shutdown has just begun and takes half a second. */
  const ending = async (bench: Bench): Promise<{ end: End; ended: Promise<void> }> => {
    const [end, silent] = [bench.end(), bench.end()];
    end.transport.writeTo(u32(1), silent.address);
    await bench.clock.advance(100);
    bench.network.partition([silent.address.host], [end.address.host]);
    end.transport.writeTo(u32(2), silent.address);
    await bench.clock.advance(10);
    return { end, ended: end.transport.shutdown() };
  };

  it("closes streams that peers open, streams of packets, too", async () => {
    const bench = new Bench();
    const { end, ended } = await ending(bench);
    const raw = bench.raw();
    const streams = [await bench.open(raw, end), await bench.open(raw, end)];
    streams[0]!.write(Uint8Array.of(0));
    streams[1]!.write(Uint8Array.of(...encodeHeader(7946, new Uint8Array(8)), 0, 1, 9));
    await bench.clock.advance(50);
    expect(streams.map(({ hasEnded }) => hasEnded)).toEqual([true, true]);
    expect([end.packets, end.streams]).toEqual([[], []]);
    await bench.clock.settle(ended);
  });

  it("closes a stream that had begun and turns out to be for the listener", async () => {
    const bench = new Bench();
    const [target, raw] = [bench.end(), bench.raw()];
    target.transport.writeTo(u32(1), raw.address);
    const stream = await bench.open(raw, target);
    await bench.clock.advance(10);
    const ended = target.transport.shutdown();
    stream.write(Uint8Array.of(0));
    await bench.clock.advance(20);
    expect(stream.hasEnded).toBe(true);
    expect(target.streams).toEqual([]);
    await bench.clock.settle(ended);
  });

  it("rejects a dial, even one in progress, and passes no stream on", async () => {
    const bench = new Bench({ latency: 100 });
    const [end, peer] = [bench.end(), bench.end()];
    end.transport.writeTo(u32(1), peer.address);
    await bench.clock.advance(500);
    const outcome = (dial: Promise<unknown>): Promise<unknown> => dial.catch((error: MemberlistError) => error.code);
    const underWay = outcome(end.transport.dial(peer.address, { timeout: 1000 }));
    end.transport.writeTo(u32(2), peer.address);
    const ended = end.transport.shutdown();
    const later = outcome(end.transport.dial(peer.address, { timeout: 1000 }));
    const start = bench.clock.now();
    expect(await bench.clock.settle(Promise.all([underWay, later]))).toEqual(["shutdown", "shutdown"]);
    expect(bench.clock.now() - start).toBeLessThan(50);
    await bench.clock.settle(ended);
    expect(peer.packets).toHaveLength(2);
  });

  it("ends a dial by its own signal before the shutdown", async () => {
    const bench = new Bench({ latency: 100 });
    const [end, peer] = [bench.end(), bench.end()];
    const giveUp = new AbortController();
    const dial = end.transport
      .dial(peer.address, { timeout: 1000, signal: giveUp.signal })
      .catch((error: MemberlistError) => error.code);
    giveUp.abort();
    expect(await bench.clock.settle(dial)).toBe("aborted");
    const aborted = end.transport
      .dial(peer.address, { timeout: 1000, signal: giveUp.signal })
      .catch((error: MemberlistError) => error.code);
    expect(await bench.clock.settle(aborted)).toBe("aborted");
  });
});

describe("a transport with links to unreachable addresses", () => {
  const dead = (i: number): Address => ({ host: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, port: 7946, name: "" });

  it("never gives up a link to a reached peer for them, and keeps room to reach others", async () => {
    const bench = new Bench();
    const target = bench.end();
    const honest = Array.from({ length: 20 }, () => bench.end());
    bench.network.partition([target.address.host, ...honest.map(({ address }) => address.host)]);
    const sendAll = (ends: typeof honest): void => {
      for (const { address } of ends) target.transport.writeTo(u32(1), address);
    };
    sendAll(honest.slice(0, 10));
    await bench.clock.advance(100);
    const dials = bench.network.stats.dials;
    let next = 10 << 16;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 50; i++) target.transport.writeTo(u32(1), dead(next++));
      await bench.clock.advance(50);
      sendAll(honest);
      await bench.clock.advance(50);
    }
    expect(honest.map(({ packets }) => packets.length).filter((count) => count < 15)).toEqual([]);
    expect(honest.slice(0, 10).map(({ packets }) => packets.length)).toEqual(Array.from({ length: 10 }, () => 21));
    expect(target.count("packetLinks")).toBeLessThanOrEqual(256 + 64);
    expect(bench.network.stats.dials - dials).toBeLessThanOrEqual(20 * 50 + 10);
  });

  it("keeps room to reach all of 250 new peers at once", async () => {
    const bench = new Bench();
    const a = bench.end();
    const peers = Array.from({ length: 250 }, () => bench.end());
    for (const { address } of peers) a.transport.writeTo(u32(1), address);
    await bench.clock.advance(100);
    expect(peers.filter(({ packets }) => packets.length !== 1)).toEqual([]);
    expect(a.count("droppedPackets")).toBe(0);
  });

  // A dial over 60 ms each way is acknowledged after 240 ms.
  it.each([
    ["sends", "sends"],
    ["answers", "answers"],
    ["answers", "sends"],
  ] as const)("reaches new peers far away, while it %s to 700 addresses a second and %s to the peers", async (deadBy, liveBy) => {
    const bench = new Bench({ latency: 60 });
    const answers: Address[] = [];
    const a = bench.end({}, () => {
      for (const to of answers.splice(0)) a.transport.writeTo(u32(1), to);
      return true;
    });
    const asker = await bench.open(bench.raw(), a);
    asker.write(encodeHeader(7946, new Uint8Array(8)));
    const send = (by: "sends" | "answers", to: Address): void => {
      if (by === "answers") answers.push(to);
      else a.transport.writeTo(u32(1), to);
    };
    const peers: End[] = [];
    for (let i = 0; i < 300; i++) {
      for (let k = 0; k < 7; k++) send(deadBy, dead((20 << 16) + i * 7 + k));
      if (i % 50 === 0) {
        const peer = bench.end();
        peers.push(peer);
        send(liveBy, peer.address);
      }
      asker.write(Uint8Array.of(0, 1, 1));
      await bench.clock.advance(10);
      expect(a.count("packetLinks")).toBeLessThanOrEqual(320);
    }
    await bench.clock.advance(500);
    expect(peers.map(({ packets }) => packets.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it("keeps the links that it begins when peers want answers at newer addresses", async () => {
    const bench = new Bench({ latency: 60 });
    let next = 30 << 16;
    const a = bench.end({}, () => {
      for (let i = 0; i < 1000; i++) a.transport.writeTo(u32(1), dead(next++));
      return true;
    });
    const asker = await bench.open(bench.raw(), a);
    asker.write(Uint8Array.of(...encodeHeader(7946, new Uint8Array(8)), 0, 1, 1));
    await bench.clock.advance(70);
    expect(a.count("packetLinks")).toBe(320);
    const peers = Array.from({ length: 200 }, () => bench.end());
    for (const { address } of peers) a.transport.writeTo(u32(1), address);
    for (let i = 0; i < 30; i++) {
      asker.write(Uint8Array.of(0, 1, 1));
      await bench.clock.advance(10);
    }
    expect(peers.filter(({ packets }) => packets.length !== 1)).toEqual([]);
    // The others have their quarter all the same.
    expect(a.count("packetLinks")).toBe(320);
  });

  it("removes links once the dial has failed", async () => {
    const bench = new Bench();
    const a = bench.end();
    for (let i = 0; i < 40; i++) a.transport.writeTo(u32(1), dead(i + 1000));
    await bench.clock.advance(2.1 * second);
    expect(a.count("packetLinks")).toBe(0);
    expect(a.count("droppedPackets")).toBe(40);
  });

  it("stays within the limit: the address with the most links gives up the one used longest ago", async () => {
    const bench = new Bench();
    const a = bench.end({ maxLinks: 4 });
    const crowd = [1, 2, 3, 4].map((port) => bench.end({}, undefined, { host: "10.0.9.1", port }));
    const others = [bench.end(), bench.end()];
    const send = async (ends: typeof crowd): Promise<void> => {
      for (const { address } of ends) {
        a.transport.writeTo(u32(1), address);
        await bench.clock.advance(50);
      }
    };
    await send([others[0]!, ...crowd.slice(0, 3), others[1]!]);
    expect(a.count("packetLinks")).toBe(4);
    const { dials } = bench.network.stats;
    await send([...others, crowd[1]!, crowd[2]!]);
    expect(bench.network.stats.dials).toBe(dials);
    await send([crowd[0]!]);
    expect(bench.network.stats.dials).toBe(dials + 1);
    expect(a.count("packetLinks")).toBe(4);
  });
});
