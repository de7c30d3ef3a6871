import { describe, expect, it } from "vitest";
import { encodeFrame, encodeHeader } from "../../src/stream-only/packet-frames.ts";
import { Bench } from "./support.ts";

const header = encodeHeader(7946, new Uint8Array(8).fill(5));
const frame = encodeFrame(Uint8Array.of(1, 2, 3));
const bytes = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

describe("a stream of packets", () => {
  it.each([
    ["nothing", new Uint8Array()],
    ["one byte of a header", header.subarray(0, 1)],
    ["a header and a byte of a frame", bytes(header, frame.subarray(0, 1))],
  ])("that brings %s is cut at the timeout", async (_, brought) => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000 });
    const stream = await bench.bring(bench.raw(), end, brought);
    await bench.clock.advance(950);
    expect(stream.hasEnded).toBe(false);
    await bench.clock.advance(100);
    expect(stream.hasEnded).toBe(true);
    expect(end.count("refusedPacketStreams")).toBe(1);
  });

  it("that brings a byte now and then is cut at the timeout all the same", async () => {
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

  it("whose packets are not accepted is cut at the timeout, however many it brings", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000 }, () => false);
    const stream = await bench.bring(bench.raw(), end, bytes(header, frame));
    for (let i = 0; i < 9; i++) {
      await bench.clock.advance(100);
      stream.write(frame);
    }
    expect(stream.hasEnded).toBe(false);
    await bench.clock.advance(200);
    expect(stream.hasEnded).toBe(true);
    expect(end.packets).toHaveLength(10);
  });

  it("that has brought an accepted packet may be idle, but each frame has its deadline", async () => {
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

  it("that is idle for twice the sender's idle timeout is cut", async () => {
    const bench = new Bench();
    const end = bench.end({ timeout: 1000, idleTimeout: 5000 });
    const stream = await bench.bring(bench.raw(), end, bytes(header, frame));
    await bench.clock.advance(10_100);
    expect(stream.hasEnded).toBe(true);
  });

  it("takes the place of the same sender's last one, and of no other's", async () => {
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
  });

  it("is not displaced by one whose packets are not accepted", async () => {
    const bench = new Bench();
    const end = bench.end({}, (packet) => packet.length > 1);
    const first = await bench.bring(bench.raw("10.0.9.1"), end, bytes(header, frame));
    await bench.bring(bench.raw("10.0.9.2"), end, bytes(header, encodeFrame(Uint8Array.of(1))));
    expect(first.hasEnded).toBe(false);
  });

  it("from a fresh address gets a slot while four addresses hold all of them", async () => {
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
