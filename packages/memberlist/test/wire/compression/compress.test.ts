import { describe, expect, it } from "vitest";
import {
  compressedView,
  compressInParts,
  compressMessage,
  decompressBody,
  decompressInParts,
} from "../../../src/wire/compression/compress.ts";
import { ascii, fromHex, toHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

const limit = 1 << 20;

/** Why a promise was rejected. */
async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return reasonOf(() => {
      throw error;
    });
  }
}

describe("compress messages", () => {
  it("round-trips the message [CompressDecompressPayload]", () => {
    const message = compressMessage(ascii("testing"));
    expect(message[0]).toBe(9);
    expect(decompressBody(message.subarray(1), limit)).toEqual(ascii("testing"));
  });

  it("encodes the same map as Go", () => {
    expect(toHex(compressMessage(ascii("a")))).toBe("0982a4416c676f00a3427566a400c30404");
  });

  it("rejects a message that decompresses over its limit [DecompressPayload_Limit]", () => {
    const bomb = compressMessage(new Uint8Array(3 * limit));
    expect(bomb.length).toBeLessThan(limit / 100);
    expect(reasonOf(() => decompressBody(bomb.subarray(1), limit))).toBe("too_large");
    expect(decompressBody(bomb.subarray(1), 3 * limit)).toHaveLength(3 * limit);
  });

  it("yields while it decompresses, and while it moves output to a larger buffer", async () => {
    const size = 20 * limit;
    const bomb = compressMessage(new Uint8Array(size));
    let yields = 0;
    const content = await decompressInParts(bomb.subarray(1), size, async () => void yields++);
    expect([content.length, content.every((byte) => byte === 0)]).toEqual([size, true]);
    const decompressing = Math.ceil(size / (128 * 1024));
    // The buffer has doubled often enough for all moves together to copy at least half of it, 512 KiB at a time.
    expect(yields).toBeGreaterThanOrEqual(decompressing + 20);
  });

  it("yields only for messages that do not fit the memory of the machine", async () => {
    for (const [size, expected] of [
      [limit, false],
      [2 * limit, true],
    ] as const) {
      let yields = 0;
      const yieldToEventLoop = async (): Promise<void> => void yields++;
      const compressed = await compressInParts(new Uint8Array(size), yieldToEventLoop);
      expect([size, compressed.length, yields > 0]).toEqual([size, compressMessage(new Uint8Array(size)).length, expected]);
    }
    let yields = 0;
    await decompressInParts(compressMessage(new Uint8Array(limit)).subarray(1), limit, async () => void yields++);
    expect(yields).toBe(0);
  });

  it("compresses only a message that gets shorter", () => {
    const zeros = Array.from({ length: 100 }, (_, size) => new Uint8Array(size));
    const even = zeros.findIndex((message) => compressMessage(message).length === message.length);
    expect(even).toBeGreaterThan(0);
    expect([even, even + 1].map((size) => compressedView(new Uint8Array(size))?.length)).toEqual([
      undefined,
      compressMessage(new Uint8Array(even + 1)).length,
    ]);
  });

  it("rejects a message that decompresses over its limit in chunks as in one go", async () => {
    const bomb = compressMessage(new Uint8Array(8 * limit)).subarray(1);
    const none = async (): Promise<void> => {};
    expect(await outcomeOf(decompressInParts(bomb, 8 * limit - 1, none))).toBe("too_large");
    expect(await decompressInParts(bomb, 8 * limit, none)).toHaveLength(8 * limit);
  });

  it.each([
    ["another algorithm", "82a4416c676f01a3427566a400c30404", "unknown_algorithm"],
    ["no bytes", "82a4416c676f00a3427566c0", "bad_lzw"],
    ["bytes that are a number", "82a4416c676f00a342756605", "wrong_type"],
    ["a map cut off", "82a4416c676f00a3427566a400c304", "truncated"],
    ["nothing", "", "truncated"],
  ])("refuses %s", (_, hex, reason) => {
    expect(reasonOf(() => decompressBody(fromHex(hex), limit))).toBe(reason);
  });

  it("accepts the bin family", () => {
    expect(toHex(decompressBody(fromHex("82a3427566c40400c30404a4416c676f00"), limit))).toBe("61");
  });
});
