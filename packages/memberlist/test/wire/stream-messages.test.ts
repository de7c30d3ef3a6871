import { describe, expect, it, vi } from "vitest";
import { MemberlistError } from "../../src/api/errors.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodeAckResp, encodeErrResp, encodePing } from "../../src/wire/messages/encode.ts";
import { readAck, readErr, readPing, readStreamMessage, type StreamLimits } from "../../src/wire/stream-messages.ts";
import { decodeStreamPayload, encodeStreamMessage } from "../../src/wire/stream-layers.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { ascii, fromHex, toHex } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";
import { streamOf } from "./stream-of.ts";

const limits: StreamLimits = {
  maxPushStateBytes: 1000,
  maxPushStateNodes: 10,
  maxUserMsgBytes: 1000,
  maxDecompressedBytes: 10_000,
};

describe("StreamReader", () => {
  it.each([1, 3, 100])("reads bytes, counts and objects in chunks of %i", async (chunkSize) => {
    const reader = new StreamReader(streamOf(fromHex("07 0102030405 81a16105 a0 ff"), chunkSize));
    expect(await reader.readByte()).toBe(7);
    expect(toHex(await reader.readExactly(0))).toBe("");
    expect(toHex(await reader.readExactly(5))).toBe("0102030405");
    expect(toHex(await reader.readObject(100))).toBe("81a16105");
    expect(toHex(await reader.readObject(1))).toBe("a0");
    expect(await reader.peekByte()).toBe(255);
    expect(await reader.readByte()).toBe(255);
    expect(await reader.peekByte()).toBeUndefined();
  });

  it("reports whether a stream ended before a message or within one", async () => {
    const empty = new StreamReader(streamOf(new Uint8Array(0), 1));
    await expect(empty.readByte()).rejects.toMatchObject({ code: "stream_closed", details: { clean: true } });
    const begun = new StreamReader(streamOf(fromHex("06"), 1));
    await begun.readByte();
    await expect(begun.readObject(10)).rejects.toMatchObject({ code: "stream_closed", details: { clean: false } });
    const partial = new StreamReader(streamOf(fromHex("0607"), 1));
    await expect(partial.readExactly(3)).rejects.toMatchObject({ code: "stream_closed", details: { clean: false } });
  });

  it("reports a stream that breaks, with its cause", async () => {
    const cause = new Error("reset");
    await expect(new StreamReader(streamOf(fromHex("06"), 1, cause)).readExactly(2)).rejects.toMatchObject({
      code: "stream_failed",
      cause,
    });
    const timeout = new MemberlistError("timeout", "too late");
    await expect(new StreamReader(streamOf(fromHex("06"), 1, timeout)).readExactly(2)).rejects.toBe(timeout);
  });

  it("does not overwrite bytes that it has returned", async () => {
    const reader = new StreamReader(
      streamOf(
        Uint8Array.from({ length: 200 }, (_, i) => i),
        3,
      ),
    );
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) pieces.push(await reader.readExactly(5));
    expect(pieces.flatMap((piece) => [...piece])).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it("allocates for arrived bytes only, for any announced size", async () => {
    const stream = streamOf(new Uint8Array(1000), 10);
    await expect(new StreamReader(stream).readExactly(2 ** 40)).rejects.toMatchObject({ details: { available: 1000 } });
  });

  it.each([256 * 1024, 4 * 1024 * 1024])("reads %i bytes out of small chunks in linear time", async (size) => {
    const set = vi.spyOn(Uint8Array.prototype, "set");
    const read = await new StreamReader(streamOf(new Uint8Array(size), 4096)).readExactly(size);
    const copied = set.mock.calls.reduce((sum, [source]) => sum + source.length, 0);
    set.mockRestore();
    expect(read).toHaveLength(size);
    expect(copied).toBeLessThan(4 * size);
  });

  it("rejects an object over its limit as soon as its head shows it", async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(fromHex("81a16adb00100000"));
      },
    });
    expect(await rejectionOf(new StreamReader(stream).readObject(1000))).toBe("limit_exceeded");
  });

  it("returns from tryObject only an object that has arrived", async () => {
    const reader = new StreamReader(streamOf(fromHex("05a26162"), 2));
    expect(reader.tryObject(10)).toBeUndefined();
    await reader.peekByte();
    expect(reader.tryObject(10)).toEqual(Uint8Array.of(5));
    expect(reader.tryObject(10)).toBeUndefined();
    expect(toHex(await reader.readObject(10))).toBe("a26162");
  });

  it("says how many bytes it needed, and how many had arrived", async () => {
    const reader = new StreamReader(streamOf(fromHex("0607"), 1));
    await expect(reader.readExactly(3)).rejects.toMatchObject({ details: { clean: false, needed: 3, available: 2 } });
    const none = new StreamReader(streamOf(new Uint8Array(0), 1));
    // Reading nothing begins nothing.
    await none.readExactly(0);
    await expect(none.readExactly(3)).rejects.toMatchObject({ details: { clean: true, needed: 3, available: 0 } });
  });

  it("names the limit that an object exceeds", async () => {
    const over = fromHex("a3616161");
    await expect(new StreamReader(over).readObject(3)).rejects.toMatchObject({
      code: "limit_exceeded",
      details: { name: "maxObjectBytes", value: 4, limit: 3 },
    });
    expect(() => new StreamReader(over).tryObject(3, "maxPushStateBytes")).toThrow(
      expect.objectContaining({ code: "limit_exceeded", details: { name: "maxPushStateBytes", value: 4, limit: 3 } }),
    );
    expect(() => new StreamReader(over).tryObject(3)).toThrow(
      expect.objectContaining({ details: { name: "maxObjectBytes", value: 4, limit: 3 } }),
    );
    expect(await new StreamReader(over).readObject(4)).toEqual(over);
  });

  it("reports each chunk that arrives, and fails as the report does", async () => {
    const chunks = ["0102", "", "030405"].map(fromHex);
    const stream = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull: (controller) => {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      });
    const sizes: number[] = [];
    const reader = new StreamReader(stream(), { onBytes: (count) => void sizes.push(count) });
    expect(toHex(await reader.readExactly(4))).toBe("01020304");
    expect(sizes).toEqual([2, 3]);
    expect(await reader.readByte()).toBe(5);
    chunks.push(fromHex("06"));
    const full = new MemberlistError("limit_exceeded", "no room");
    const onBytes = (): never => {
      throw full;
    };
    await expect(new StreamReader(stream(), { onBytes }).readByte()).rejects.toBe(full);
  });

  it.each([
    ["in chunks of 4 KiB", 4 * 1024],
    ["in chunks of 512 KiB", 512 * 1024],
    ["in one chunk", 4 * 1024 * 1024],
  ])("puts 2 MiB together in parts of 512 KiB, and yields between them: %s", async (_, chunkSize) => {
    const bytes = new Uint8Array(2 * 1024 * 1024 + 9).map((__, i) => i ^ (i >> 11));
    let yields = 0;
    const yieldToEventLoop = async (): Promise<void> => void yields++;
    const reader = new StreamReader(streamOf(bytes, chunkSize), { yieldToEventLoop });
    expect(await reader.readByte()).toBe(0);
    const read = await reader.readExactly(2 * 1024 * 1024);
    expect(Buffer.compare(read, bytes.subarray(1, -8))).toBe(0);
    // The bytes that arrived with the first byte make one more part. In one chunk all bytes arrived with it.
    expect(yields).toBeGreaterThanOrEqual(chunkSize > read.length ? 0 : 3);
    expect(yields).toBeLessThanOrEqual(4);
    expect(await reader.readExactly(8)).toEqual(bytes.subarray(-8));
    const without = new StreamReader(streamOf(bytes, chunkSize));
    expect(Buffer.compare(await without.readExactly(bytes.length), bytes)).toBe(0);
    await expect(new StreamReader(streamOf(bytes, chunkSize)).readExactly(bytes.length + 1)).rejects.toMatchObject({
      details: { clean: false, needed: bytes.length + 1, available: bytes.length },
    });
  });

  it("skips a chunk without a value", async () => {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(undefined as unknown as Uint8Array);
        controller.enqueue(Uint8Array.of(5));
      },
    });
    expect(await new StreamReader(stream).readByte()).toBe(5);
  });

  it("yields between full parts only", async () => {
    let yields = 0;
    const reader = new StreamReader(streamOf(new Uint8Array(2 * 1024 * 1024), 512 * 1024), {
      yieldToEventLoop: async () => void yields++,
    });
    await reader.readExactly(2 * 1024 * 1024);
    expect(yields).toBe(3);
  });

  it("lets a caller look at the arrived bytes, and consumes the bytes that it has read", async () => {
    const reader = new StreamReader(streamOf(fromHex("0102030405"), 3));
    await reader.readByte();
    const seen: string[] = [];
    const look =
      (count: number) =>
      (bytes: Uint8Array, start: number, end: number): number => {
        seen.push(toHex(bytes.subarray(start, end)));
        return start + count;
      };
    expect([reader.tryRead(look(0)), reader.tryRead(look(1)), reader.tryRead(look(1))]).toEqual([false, true, true]);
    expect(seen).toEqual(["0203", "0203", "03"]);
    expect(await reader.readByte()).toBe(4);
  });

  it("knows whether all has arrived, and whether a message has begun", async () => {
    const whole = new StreamReader(fromHex("0102"));
    whole.release();
    expect([whole.isWhole, whole.hasBegun]).toEqual([true, true]);
    const reader = new StreamReader(streamOf(fromHex("0102"), 1));
    expect([reader.isWhole, reader.hasBegun]).toEqual([false, false]);
    await reader.peekByte();
    expect(reader.hasBegun).toBe(true);
    await reader.readByte();
    expect(reader.hasBegun).toBe(true);
    reader.beginMessage();
    expect(reader.hasBegun).toBe(false);
    reader.release();
    expect(reader.isWhole).toBe(true);
    expect(await reader.peekByte()).toBeUndefined();
    const looked = new StreamReader(fromHex("01"));
    looked.tryRead((_, start) => start + 1);
    expect(looked.hasBegun).toBe(true);
  });

  it("cancels a stream that has failed without an error", async () => {
    const reader = new StreamReader(streamOf(new Uint8Array(0), 1, new Error("reset")));
    await expect(reader.readByte()).rejects.toMatchObject({ code: "stream_failed" });
    await expect(reader.cancel()).resolves.toBeUndefined();
    expect(reader.isWhole).toBe(true);
    await expect(reader.cancel()).resolves.toBeUndefined();
  });

  it("cancels and releases the stream", async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      cancel() {
        cancelled = true;
      },
    });
    await new StreamReader(stream).cancel();
    expect(cancelled).toBe(true);
    const released = streamOf(fromHex("05"), 1);
    new StreamReader(released).release();
    expect(await new StreamReader(released).readByte()).toBe(5);
  });
});

describe("one message on a stream", () => {
  const ping = { seqNo: 42, node: "n", sourceAddr: "", sourcePort: 0, sourceNode: "" };

  it.each([true, false])("decodes as a ping, an ack or an error; compressed: %s", async (compress) => {
    const read = async (message: Uint8Array): Promise<{ type: number; body: StreamReader }> =>
      readStreamMessage(new StreamReader(streamOf(encodeStreamMessage(message, { compress }), 2)), limits);
    const first = await read(encodePing(ping));
    expect([first.type, await readPing(first.body)]).toEqual([0, ping]);
    const second = await read(encodeAckResp({ seqNo: 42, payload: ascii("p") }));
    expect([second.type, await readAck(second.body)]).toEqual([2, { seqNo: 42, payload: ascii("p") }]);
    const third = await read(encodeErrResp({ error: "no" }));
    expect([third.type, await readErr(third.body)]).toEqual([13, { error: "no" }]);
  });

  it("goes out compressed whenever compression is on, even if it grows", () => {
    const message = ascii("\x08a");
    const encoded = encodeStreamMessage(message, { compress: true });
    expect(encoded[0]).toBe(9);
    expect(encoded.length).toBeGreaterThan(message.length);
    expect(encodeStreamMessage(message, { compress: false })).toBe(message);
  });

  it("fails to decode if it is encrypted and the reader has no keys", async () => {
    await expect(readStreamMessage(new StreamReader(fromHex("0a00000010")), limits)).rejects.toMatchObject({
      reason: "decrypt_failed",
      message: "an encrypted message, but this node has no key: set secretKey",
    });
    const payload = { bytes: new Uint8Array(64), isEncrypted: true };
    expect(reasonOf(() => decodeStreamPayload(payload, 1000))).toBe("decrypt_failed");
  });

  it("fails to decode if it decompresses to nothing or to too much", async () => {
    const refused = async (message: Uint8Array): Promise<string> =>
      rejectionOf(readStreamMessage(new StreamReader(compressMessage(message)), limits));
    expect(await refused(new Uint8Array(0))).toBe("protocol_error");
    expect(await refused(new Uint8Array(10_001))).toBe("too_large");
    expect(await refused(new Uint8Array(10_000))).toBe("");
  });

  it("accepts the least compressible message within its limit, and rejects input that must exceed it", async () => {
    // Each pair of neighbours is new, so that each byte costs a code.
    const pairs = Uint8Array.from({ length: 10_000 }, (_, i) => ((i & 0xff) * ((i >> 8) * 2 + 1)) & 0xff);
    expect((await readStreamMessage(new StreamReader(compressMessage(pairs)), limits)).type).toBe(0);
    // With its head of 14 bytes the content has 15,164 bytes, or one more.
    const announced = (size: string): Promise<unknown> =>
      readStreamMessage(new StreamReader(fromHex(`0982a4416c676f00a3427566da${size}`)), limits);
    await expect(announced("3b2e")).rejects.toMatchObject({ code: "stream_closed" });
    await expect(announced("3b2f")).rejects.toMatchObject({
      code: "limit_exceeded",
      details: { name: "maxDecompressedBytes", value: 15_165, limit: 15_164 },
    });
  });

  it("passes on an unknown type", async () => {
    expect((await readStreamMessage(new StreamReader(fromHex("63")), limits)).type).toBe(0x63);
  });
});
