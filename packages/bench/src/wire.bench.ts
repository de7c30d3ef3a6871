import { bench, describe } from "vitest";
import { crc32 } from "../../memberlist/src/wire/crc.ts";
import { decodeAlive, decodePing } from "../../memberlist/src/wire/messages/decode.ts";
import { encodeAlive, encodePing } from "../../memberlist/src/wire/messages/encode.ts";
import { lzwCompress, lzwDecompress } from "../../memberlist/src/wire/compression/lzw.ts";
import { encodePushPull } from "../../memberlist/src/wire/messages/push-pull.ts";
import { alives, gossipPacket, ping, pushNodes, randomBytes } from "./payloads.ts";

const [alive] = alives(1);
const aliveBody = encodeAlive(alive!).subarray(1);
const pingBody = encodePing(ping).subarray(1);

describe("messages", () => {
  bench("encode alive", () => void encodeAlive(alive!));
  bench("decode alive", () => void decodeAlive(aliveBody));
  bench("encode ping", () => void encodePing(ping));
  bench("decode ping", () => void decodePing(pingBody));
});

describe("a packet of 1,371 bytes", () => {
  const gossip = gossipPacket(1371);
  const noise = randomBytes(1371);
  const compressed = lzwCompress(gossip);
  bench("LZW compress, gossip", () => void lzwCompress(gossip));
  bench("LZW compress, random bytes", () => void lzwCompress(noise));
  bench("LZW decompress, gossip", () => void lzwDecompress(compressed, 65_536));
  bench("CRC-32", () => void crc32(gossip));
});

describe("a push/pull of 10,000 members", () => {
  const nodes = pushNodes(10_000);
  bench("encode", () => void encodePushPull(false, nodes, new Uint8Array(0)));
});
