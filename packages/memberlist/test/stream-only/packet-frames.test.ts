import { describe, expect, it } from "vitest";
import { AckReader, encodeAck, encodeFrame, encodeHeader, FrameReader } from "../../src/stream-only/packet-frames.ts";

const header = encodeHeader(7946, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 250));
const packet = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 31) & 0xff);
const stream = (...packets: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from([header, ...packets.map(encodeFrame)].flatMap((bytes) => [...bytes]));

/** All packets that these bytes complete. */
const push = (reader: FrameReader, bytes: Uint8Array): Uint8Array[] => {
  reader.push(bytes);
  const taken: Uint8Array[] = [];
  for (let one = reader.next(); one !== undefined; one = reader.next()) taken.push(one);
  return taken;
};

describe("a stream of packets", () => {
  it.each([1, 2, 7, 13, 1000, 100_000])("splits into the same packets in pieces of %s bytes", (size) => {
    const packets = [packet(1), packet(300), packet(65_507), packet(2)];
    const bytes = stream(...packets);
    const reader = new FrameReader();
    const taken: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) taken.push(...push(reader, bytes.slice(at, at + size)));
    expect(taken.map((one, i) => Buffer.compare(one, packets[i]!))).toEqual([0, 0, 0, 0]);
    expect(reader).toMatchObject({ port: 7946, linkId: "01020304050607fa", isPartial: false });
  });

  it("knows whether a header or a frame has begun and is not whole", () => {
    const reader = new FrameReader();
    const bytes = stream(packet(5));
    expect(reader.isPartial).toBe(false);
    push(reader, bytes.slice(0, 3));
    expect(reader.isPartial).toBe(true);
    push(reader, bytes.slice(3, 15));
    expect(reader.isPartial).toBe(false);
    push(reader, bytes.slice(15, 16));
    expect(reader.isPartial).toBe(true);
    expect(push(reader, bytes.slice(16))).toEqual([packet(5)]);
    expect(reader.isPartial).toBe(false);
  });

  it("gives out packets with memory of their own", () => {
    const reader = new FrameReader();
    const bytes = stream(packet(10), packet(10));
    const [first] = push(reader, bytes.slice(0, 30));
    push(reader, bytes.slice(30));
    expect(first).toEqual(packet(10));
    expect(first?.buffer.byteLength).toBe(10);
  });

  it("returns one packet at a time, and keeps the rest for the next call", () => {
    const reader = new FrameReader();
    reader.push(stream(packet(3), packet(4)));
    expect([reader.next(), reader.next(), reader.next()]).toEqual([packet(3), packet(4), undefined]);
  });

  it("costs no more, byte by byte, when its frames are long", () => {
    const cost = (size: number): number => {
      const bytes = stream(...Array.from({ length: 60_000 / size }, () => packet(size)));
      const before = process.cpuUsage();
      const reader = new FrameReader();
      for (let at = 0; at < bytes.length; at++) push(reader, bytes.subarray(at, at + 1));
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    cost(60_000);
    cost(60);
    expect(cost(60_000)).toBeLessThan(10 * cost(60) + 20_000);
  });
});

describe("a reader of acknowledgements", () => {
  it("accepts pieces of any size, uses the latest acknowledgement, and wraps at 2³²", () => {
    const bytes = [...encodeAck(5), ...encodeAck(2 ** 32 - 1), ...encodeAck(2 ** 32 + 7)];
    for (const size of [1, 3, 4, 12]) {
      const reader = new AckReader();
      expect(reader.latest).toBeUndefined();
      for (let at = 0; at < bytes.length; at += size) reader.push(Uint8Array.from(bytes.slice(at, at + size)));
      expect(reader.latest).toBe(7);
    }
  });
});
