import { NodeCrypto } from "../../transport-node/src/node-crypto.ts";
import { decompressBody } from "../../memberlist/src/wire/compression/compress.ts";
import { messageType } from "../../memberlist/src/wire/constants.ts";
import { decodePacket, encodePacket } from "../../memberlist/src/wire/packet.ts";
import { packPackets, unpackPackets } from "../../memberlist/src/wire/packet-batch.ts";
import { decryptPayload, encryptPayload, type PacketCipher } from "../../memberlist/src/wire/encryption.ts";

const aes = new NodeCrypto().aesGcm(new Uint8Array(16).fill(7));
const cipher: PacketCipher = {
  isOn: true,
  encrypts: true,
  verifyIncoming: true,
  version: 1,
  encrypt: (payload, additionalData, headroom) => encryptPayload(aes, 1, payload, additionalData, headroom),
  decrypt: (payload, additionalData) => decryptPayload([aes], payload, additionalData),
};
const label = new Uint8Array();

/** A packet as it comes in, compressed, with a checksum, and encrypted. */
export function sealOne(message: Uint8Array): Uint8Array {
  return encodePacket(message, { compress: true, crc: true, label, cipher });
}

/** What a packet costs before anybody knows what is in it: decryption, checksum, decompression. */
export function openOne(packet: Uint8Array): Uint8Array {
  const message = decodePacket(packet, { label, skipInboundLabelCheck: false, cipher });
  return message[0] === messageType.compress ? decompressBody(message.subarray(1), 1 << 20) : message;
}

/** {@link openOne} for each of a batch. */
export function openBatch(batch: Uint8Array): Uint8Array {
  return packPackets(unpackPackets(batch).map(({ bytes }) => ({ bytes: openOne(bytes), crc: false })));
}
