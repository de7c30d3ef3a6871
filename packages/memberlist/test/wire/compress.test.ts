import { describe, expect, it } from "vitest";
import { compressMessage, decompressBody } from "../../src/wire/compress.ts";
import { ascii, fromHex, toHex } from "./hex.ts";
import { reasonOf } from "./reason.ts";

const limit = 1 << 20;

describe("compress messages", () => {
  it("holds the message, and gives it back [CompressDecompressPayload]", () => {
    const message = compressMessage(ascii("testing"));
    expect(message[0]).toBe(9);
    expect(decompressBody(message.subarray(1), limit)).toEqual(ascii("testing"));
  });

  it("is the map that Go writes", () => {
    expect(toHex(compressMessage(ascii("a")))).toBe("0982a4416c676f00a3427566a400c30404");
  });

  it("stops a message that grows over its limit [DecompressPayload_Limit]", () => {
    const bomb = compressMessage(new Uint8Array(3 * limit));
    expect(bomb.length).toBeLessThan(limit / 100);
    expect(reasonOf(() => decompressBody(bomb.subarray(1), limit))).toBe("too_large");
    expect(decompressBody(bomb.subarray(1), 3 * limit)).toHaveLength(3 * limit);
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

  it("takes the bin family", () => {
    expect(toHex(decompressBody(fromHex("82a3427566c40400c30404a4416c676f00"), limit))).toBe("61");
  });
});
