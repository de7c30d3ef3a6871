import { createDecipheriv } from "node:crypto";
import { crc32 } from "../../memberlist/src/wire/crc.ts";
import { splitCompound } from "../../memberlist/src/wire/compound.ts";
import { decompressBody } from "../../memberlist/src/wire/compression/compress.ts";
import { messageType } from "../../memberlist/src/wire/constants.ts";

/** The user messages of one packet, and what was around them. */
export interface PacketContent {
  readonly messages: readonly Uint8Array[];
  /** All of it, decompressed: a user message or a compound of them. */
  readonly inner: Uint8Array;
  readonly isEncrypted: boolean;
  readonly isCompressed: boolean;
  readonly hasCrc: boolean;
}

/** The wire form of a library's packets, as the bench checks them. */
export interface WireForm {
  /** @throws Error if the packet is malformed, or does not have the layers that the key asks for */
  readonly contentOf: (packet: Uint8Array, key: Uint8Array | null) => PacketContent;
  /** The library compresses messages of at least this many bytes. */
  readonly compressedFrom: number;
}

const nonceSize = 12;
const tagSize = 16;
const crcHeaderSize = 5;
const decompressedMax = 1024 * 1024;

/**
 * Takes a packet apart, without the library's own way of doing that.
 *
 * @param key of 16 bytes; null: the packet has to be in the clear
 * @throws Error when it is not encrypted by that key, its checksum is wrong, or it holds something else than user messages
 */
export function contentOf(packet: Uint8Array, key: Uint8Array | null): PacketContent {
  const { parts, ...rest } = layersOf(key === null ? packet : decrypt(packet, key));
  const messages = parts.map((part) => {
    if (part[0] !== messageType.user) throw new Error(`a message of type ${part[0]} instead of a user message`);
    return part.subarray(1);
  });
  return { ...rest, messages, isEncrypted: key !== null };
}

/** The messages of any kind in a packet that is not encrypted. @throws Error when its checksum is wrong */
export function layersOf(
  clear: Uint8Array,
): Pick<PacketContent, "inner" | "isCompressed" | "hasCrc"> & { readonly parts: readonly Uint8Array[] } {
  const hasCrc = clear[0] === messageType.hasCrc;
  const message = hasCrc ? clear.subarray(crcHeaderSize) : clear;
  if (hasCrc && crc32(message) !== Buffer.from(clear).readUInt32BE(1)) throw new Error("the checksum is wrong");
  const isCompressed = message[0] === messageType.compress;
  const inner = isCompressed ? decompressBody(message.subarray(1), decompressedMax) : message;
  const parts = inner[0] === messageType.compound ? splitCompound(inner.subarray(1)).parts : [inner];
  return { parts, inner, isCompressed, hasCrc };
}

/** The form that the Go library and this one share. */
export const goWire: WireForm = { contentOf, compressedFrom: 0 };

function decrypt(packet: Uint8Array, key: Uint8Array): Uint8Array {
  if (packet[0] !== 1) throw new Error(`the packet starts with ${packet[0]}, not with encryption version 1`);
  return decryptGcm(packet.subarray(1), key);
}

/** @param bytes nonce, ciphertext and tag @throws Error if the key is wrong */
export function decryptGcm(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const decipher = createDecipheriv("aes-128-gcm", key, bytes.subarray(0, nonceSize), { authTagLength: tagSize });
  decipher.setAuthTag(bytes.subarray(-tagSize));
  const clear = decipher.update(bytes.subarray(nonceSize, -tagSize));
  decipher.final();
  return clear;
}
