import { describe, expect, it } from "vitest";
import { encodeFrame, encodeHeader } from "../../src/stream-only/packet-frames.ts";
import { Bench, type OpenStream } from "./support.ts";

const header = encodeHeader(7946, new Uint8Array(8).fill(5));
const frame = encodeFrame(Uint8Array.of(1, 2, 3));
const bytes = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

describe("an inbox of packet streams", () => {
  it.each([
    ["nothing", new Uint8Array()],
    ["one byte of a header", header.subarray(0, 1)],
    ["a header and a byte of a frame", bytes(header, frame.subarray(0, 1))],
  ])("cuts a stream that brings %s at the timeout", async (_, brought) => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000 });
    const stream = await bench.bring(bench.raw(), end, brought);
    await bench.clock.advance(950);
    expect(stream.hasEnded).toBe(false);
    await bench.clock.advance(100);
    expect(stream.hasEnded).toBe(true);
    expect(end.count("refusedPacketStreams")).toBe(1);
  });

  it("cuts a stream that brings a byte now and then at the timeout all the same", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000 });
    const stream = await bench.bring(bench.raw(), end, bytes(header, encodeFrame(new Uint8Array(100)).subarray(0, 50)));
    for (let i = 0; i < 9; i++) {
      await bench.clock.advance(100);
      stream.write(Uint8Array.of(0));
    }
    await bench.clock.advance(200);
    expect(stream.hasEnded).toBe(true);
  });

  it("cuts a stream whose packets are not accepted at the timeout", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000 }, () => false);
    const stream = await bench.bring(bench.raw(), end, bytes(header, frame));
    for (let i = 0; i < 2; i++) {
      await bench.clock.advance(300);
      stream.write(frame);
    }
    await bench.clock.advance(300);
    expect(stream.hasEnded).toBe(false);
    await bench.clock.advance(200);
    expect(stream.hasEnded).toBe(true);
    expect(end.packets).toHaveLength(3);
  });

  it("cuts a stream at its fourth packet that is not accepted, and delivers no later packet", async () => {
    const bench = new Bench();
    const end = bench.end({}, () => false);
    const stream = await bench.bring(bench.raw(), end, bytes(header, ...Array.from({ length: 5000 }, () => frame)));
    expect(stream.hasEnded).toBe(true);
    expect(end.packets).toHaveLength(4);
    expect(end.count("refusedPacketStreams")).toBe(1);
  });

  it("allows a few packets that are not accepted among accepted ones, and cuts the stream when they are the majority", async () => {
    const bench = new Bench();
    const end = bench.end({}, (packet) => packet.length > 1);
    const refused = encodeFrame(Uint8Array.of(1));
    const both = Array.from({ length: 500 }, () => bytes(frame, refused));
    const stream = await bench.bring(bench.raw(), end, bytes(header, ...both));
    await bench.clock.advance(10);
    expect(end.packets).toHaveLength(1000);
    expect(stream.hasEnded).toBe(false);
    stream.write(bytes(...Array.from({ length: 1000 }, () => refused)));
    await bench.clock.advance(20);
    expect(stream.hasEnded).toBe(true);
    expect(end.packets.length).toBeLessThan(1070);
  });

  it("acknowledges nothing until a stream has brought a packet that is accepted", async () => {
    const bench = new Bench();
    const end = bench.end({}, (packet) => packet.length > 1);
    const stream = await bench.bring(bench.raw(), end, bytes(header, encodeFrame(Uint8Array.of(1))));
    await bench.clock.advance(500);
    expect(stream.received).toBe(0);
    stream.write(frame);
    await bench.clock.advance(20);
    expect(stream.received).toBe(4);
  });

  it("lets a stream be idle after an accepted packet, but sets a deadline for each frame", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000, idleTimeout: 5000 });
    const stream = await bench.bring(bench.raw(), end, bytes(header, frame));
    await bench.clock.advance(9000);
    expect(stream.hasEnded).toBe(false);
    const long = encodeFrame(new Uint8Array(100));
    stream.write(long.subarray(0, 1));
    for (let i = 1; i < 9; i++) {
      await bench.clock.advance(100);
      stream.write(long.subarray(i, i + 1));
    }
    expect(stream.hasEnded).toBe(false);
    await bench.clock.advance(300);
    expect(stream.hasEnded).toBe(true);
    expect(end.packets).toHaveLength(1);
  });

  it("cuts a stream that is idle for twice the sender's idle timeout", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000, idleTimeout: 5000 });
    const stream = await bench.bring(bench.raw(), end, bytes(header, frame));
    await bench.clock.advance(10_100);
    expect(stream.hasEnded).toBe(true);
  });

  it("replaces the last stream of the same link, and of no other link", async () => {
    const bench = new Bench();
    const end = bench.end();
    const raw = bench.raw();
    const other = encodeHeader(7946, new Uint8Array(8).fill(6));
    const [first, stranger] = [
      await bench.bring(raw, end, bytes(header, frame)),
      await bench.bring(raw, end, bytes(other, frame)),
    ];
    const second = await bench.bring(raw, end, bytes(header, frame));
    expect([first.hasEnded, stranger.hasEnded, second.hasEnded]).toEqual([true, false, false]);
    expect(end.count("refusedPacketStreams")).toBe(0);
    expect(end.count("supersededPacketStreams")).toBe(1);
  });

  it("delivers nothing more from a stream that has lost its place", async () => {
    const bench = new Bench();
    const end = bench.end();
    const raw = bench.raw();
    const [first, second] = [await bench.open(raw, end), await bench.open(raw, end)];
    const frames = (length: number): Uint8Array[] => Array.from({ length }, () => frame);
    first.write(bytes(header, ...frames(3000)));
    second.write(bytes(header, ...frames(2)));
    await bench.clock.advance(50);
    expect([first.hasEnded, second.hasEnded]).toEqual([true, false]);
    expect(end.packets.length).toBeLessThan(300);
  });

  it("does not replace a stream by one whose packets are not accepted", async () => {
    const bench = new Bench();
    const end = bench.end({}, (packet) => packet.length > 1);
    const first = await bench.bring(bench.raw("10.0.9.1"), end, bytes(header, frame));
    await bench.bring(bench.raw("10.0.9.2"), end, bytes(header, encodeFrame(Uint8Array.of(1))));
    expect(first.hasEnded).toBe(false);
  });

  it("gives a fresh address a slot while four addresses hold all of them", async () => {
    const bench = new Bench();
    const end = bench.end({ maxInboundStreams: 16, maxInboundStreamsPerPeer: 4 });
    const greedy = Array.from({ length: 4 }, (_, i) => bench.raw(`10.0.9.${i + 1}`));
    for (let i = 0; i < 24; i++) await bench.bring(greedy[i % 4]!, end, header.subarray(0, 1));
    expect(end.count("refusedPacketStreams")).toBe(8);
    const honest = Array.from({ length: 3 }, () => bench.end());
    for (const { transport } of honest) transport.writeTo(Uint8Array.of(9), end.address);
    await bench.clock.advance(50);
    expect(end.packets).toHaveLength(3);
  });
});

describe("a flood of short packets on many streams", () => {
  it("reaches the listener in turns of the event loop with about 250 packets each, and does not delay the packets of another sender", async () => {
    const bench = new Bench();
    let inTurn = 0;
    let most = 0;
    let before = 0;
    const end = bench.end({}, (packet) => {
      if (packet.length === 9) before = end.packets.length;
      if (inTurn++ === 0) bench.clock.defer(() => (inTurn = 0));
      most = Math.max(most, inTurn);
      return true;
    });
    const honest = bench.end();
    honest.transport.writeTo(new Uint8Array(8), end.address);
    await bench.clock.advance(50);
    const flood = bytes(...Array.from({ length: 2000 }, () => frame));
    const streams: OpenStream[] = [];
    for (let i = 0; i < 32; i++) streams.push(await bench.bring(bench.raw(`10.0.9.${i}`), end, header));
    for (const stream of streams) stream.write(flood);
    honest.transport.writeTo(new Uint8Array(9), end.address);
    await bench.clock.advance(50);
    expect(end.packets).toHaveLength(1 + 32 * 2000 + 1);
    // What is deferred in one turn runs late in the next: there are two in between.
    expect(most).toBeLessThanOrEqual(2 * 270);
    expect(before).toBeLessThan(5000);
  });

  it("makes the member dial about 32 addresses in a turn, if each packet wants its answer elsewhere", async () => {
    const bench = new Bench();
    let inTurn = 0;
    let most = 0;
    const end = bench.end({}, () => {
      end.transport.writeTo(Uint8Array.of(1), {
        host: `10.1.${end.packets.length >> 8}.${end.packets.length & 255}`,
        port: 1,
        name: "",
      });
      if (inTurn++ === 0) bench.clock.defer(() => (inTurn = 0));
      most = Math.max(most, inTurn);
      return true;
    });
    const flood = bytes(header, ...Array.from({ length: 300 }, () => frame));
    await bench.bring(bench.raw(), end, flood);
    expect(end.packets).toHaveLength(300);
    expect(most).toBeLessThanOrEqual(2 * 32);
  });

  it("takes turns of about 64 KiB", async () => {
    const bench = new Bench();
    let inTurn = 0;
    let most = 0;
    const end = bench.end({}, (packet) => {
      if (inTurn === 0) bench.clock.defer(() => (inTurn = 0));
      inTurn += packet.length;
      most = Math.max(most, inTurn);
      return true;
    });
    const flood = bytes(header, ...Array.from({ length: 40 }, () => encodeFrame(new Uint8Array(9000))));
    for (let i = 0; i < 8; i++) await bench.bring(bench.raw(`10.0.9.${i}`), end, flood);
    expect(end.packets).toHaveLength(320);
    expect(most).toBeLessThanOrEqual(2 * (64 * 1024 + 9000));
  });
});
