import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ChannelEncoder, decodeChannelMessage, isChannelMessage, withOneMoreHop } from "../../src/wire/channel-message.ts";
import { ascii, fromHex, toHex } from "./hex.ts";

const encoder = new ChannelEncoder(ascii("prices"), ascii("web-1"));

/** The examples of docs/reference/channels.md. */
const direct = fromHex("c16d6c63 00 06 707269636573 05 7765622d31 74656120332e3230");
const broadcast = fromHex("c16d6c63 01 06 707269636573 05 7765622d31 00 0123456789ab 00000007 03 746561 74656120332e3230");

it("encodes the messages of the reference page", () => {
  expect(toHex(encoder.message(ascii("tea 3.20")))).toBe(toHex(direct));
  expect(toHex(encoder.broadcast(ascii("tea 3.20"), 0x0123456789ab, 7, ascii("tea")))).toBe(toHex(broadcast));
});

it("decodes the messages of the reference page", () => {
  const common = { channel: "prices", sender: "web-1", payload: ascii("tea 3.20") };
  expect(decodeChannelMessage(direct)).toEqual({ ...common, broadcast: undefined });
  expect(decodeChannelMessage(broadcast)).toEqual({
    ...common,
    broadcast: { hops: 0, origin: 0x0123456789ab, sequence: 7, name: "tea" },
  });
});

it("decodes every message that it encodes", () => {
  const name = (maxLength: number, minLength: number = 0): fc.Arbitrary<string> =>
    fc.string({ unit: "grapheme", minLength, maxLength: Math.floor(maxLength / 4) }).filter((text) => {
      const { length } = new TextEncoder().encode(text);
      return length >= minLength && length <= maxLength;
    });
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  fc.assert(
    fc.property(
      name(64, 1),
      name(255),
      fc.uint8Array({ maxLength: 300 }),
      fc.option(fc.record({ origin: fc.nat({ max: 2 ** 48 - 1 }), sequence: fc.nat({ max: 2 ** 32 - 1 }), name: name(255) })),
      (channel, sender, payload, id) => {
        const one = new ChannelEncoder(utf8(channel), utf8(sender));
        const message = id === null ? one.message(payload) : one.broadcast(payload, id.origin, id.sequence, utf8(id.name));
        expect(isChannelMessage(message)).toBe(true);
        expect(decodeChannelMessage(message)).toEqual({
          channel,
          sender,
          payload,
          broadcast: id === null ? undefined : { ...id, hops: 0 },
        });
        const overhead = id === null ? one.broadcastOverhead - 12 : one.broadcastOverhead + utf8(id.name).length;
        expect(message.length - payload.length).toBe(overhead);
      },
    ),
  );
});

it("returns undefined for every header that is cut off", () => {
  for (const [message, payload] of [
    [direct, 8],
    [broadcast, 8],
  ] as const) {
    for (let length = 4; length < message.length; length++) {
      const isWhole = length >= message.length - payload;
      expect(decodeChannelMessage(message.subarray(0, length)) !== undefined).toBe(isWhole);
    }
  }
});

it("returns undefined for flags of a later version, and for a channel without a name or with one over 64 bytes", () => {
  const changed = (at: number, byte: number, length: number = direct.length): Uint8Array => {
    const message = new Uint8Array(length);
    message.set(direct);
    message[at] = byte;
    return message;
  };
  for (const flags of [2, 3, 255]) {
    expect(decodeChannelMessage(direct.with(4, flags))).toBeUndefined();
    expect(decodeChannelMessage(broadcast.with(4, flags))).toBeUndefined();
  }
  expect(decodeChannelMessage(new ChannelEncoder(new Uint8Array(), ascii("web-1")).message(ascii("tea")))).toBeUndefined();
  expect(decodeChannelMessage(changed(5, 65, 400))).toBeUndefined();
  expect(decodeChannelMessage(changed(5, 64, 400))).toBeDefined();
});

it("survives any bytes behind the magic ones", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (rest) => {
      const decoded = decodeChannelMessage(Uint8Array.from([0xc1, 0x6d, 0x6c, 0x63, ...rest]));
      expect(decoded?.payload.length ?? 0).toBeLessThanOrEqual(rest.length);
    }),
  );
});

it("recognizes no message that differs in one of the magic bytes", () => {
  for (let at = 0; at < 4; at++) expect(isChannelMessage(direct.with(at, 0))).toBe(false);
  expect(isChannelMessage(direct.subarray(0, 3))).toBe(false);
  expect(isChannelMessage(new Uint8Array())).toBe(false);
});

it("counts the hops of a copy, and stops at 32", () => {
  let message: Uint8Array | undefined = broadcast;
  for (let hops = 1; hops <= 32; hops++) {
    message = withOneMoreHop(message as Uint8Array);
    expect(decodeChannelMessage(message as Uint8Array)?.broadcast?.hops).toBe(hops);
  }
  expect(withOneMoreHop(message as Uint8Array)).toBeUndefined();
  expect(decodeChannelMessage(broadcast)?.broadcast?.hops).toBe(0);
});
