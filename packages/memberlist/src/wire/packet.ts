import { emptyBytes, equalBytes } from "./bytes.ts";
import { compressedView } from "./compression/compress.ts";
import { crcOverhead, messageType } from "./constants.ts";
import { crc32 } from "./crc.ts";
import { DecodeError } from "./decode-error.ts";
import { labelOverhead, splitLabel, writeLabel } from "./label.ts";
import { packetBytes } from "./packet-bytes.ts";
import type { PacketCipher } from "./encryption.ts";

/** For fewer bytes our own checksum is faster than a call into the runtime. */
const nativeChecksumMin = 256;

/** CRC-32 (IEEE), as an unsigned number. */
type Checksum = (bytes: Uint8Array) => number;

export interface EncodePacketOptions {
  /** Compress, where it makes the message smaller. */
  readonly compress: boolean;
  /** Add a checksum: only for a known receiver with pMax >= 5. */
  readonly crc: boolean;
  /** Ours; empty for none. */
  readonly label: Uint8Array;
  /** Undefined: no encryption. */
  readonly cipher?: PacketCipher | undefined;
  /** See {@link Crypto.crc32}. */
  readonly checksum?: Checksum | undefined;
}

export interface DecodePacketOptions {
  /** Ours; empty for none. */
  readonly label: Uint8Array;
  /** A front-end has already taken our label off: one that is still there is an error. */
  readonly skipInboundLabelCheck: boolean;
  /** Undefined: no encryption. */
  readonly cipher?: PacketCipher | undefined;
  /** See {@link Crypto.crc32}. */
  readonly checksum?: Checksum | undefined;
}

/**
 * Puts the layers around a message, in the order of PROTOCOL.md section 2: compress, checksum, encrypt, label. Returns
 * the message itself when none applies.
 */
export function encodePacket(message: Uint8Array, options: EncodePacketOptions): Uint8Array {
  const compressed = options.compress ? compressedView(message) : undefined;
  const payload = compressed ?? message;
  const { label, crc, cipher } = options;
  const labelSize = labelOverhead(label);
  if (cipher?.encrypts !== true) {
    // The compressed bytes are a view of memory that the next compression reuses.
    return crc || labelSize > 0 || compressed !== undefined ? frame(payload, options, label) : payload;
  }
  const packet = cipher.encrypt(crc ? frame(payload, options, emptyBytes) : payload, label, labelSize);
  writeLabel(packet, label);
  return packet;
}

/**
 * Takes the label, the encryption and the checksum off a packet and checks each. Unless it was encrypted, the message comes
 * back as a view of the packet; what is compressed stays so.
 *
 * @throws DecodeError `bad_label`, `double_label`, `label_mismatch`, `decrypt_failed`, `bad_crc`, `empty`
 */
export function decodePacket(packet: Uint8Array, options: DecodePacketOptions): Uint8Array {
  const message = removeCrc(decrypt(removeLabel(packet, options), options), options.checksum);
  if (message.length === 0) throw new DecodeError("empty", "a packet without a message");
  return message;
}

/** Puts checksum and label in front of a payload. */
function frame(payload: Uint8Array, { crc, checksum }: EncodePacketOptions, label: Uint8Array): Uint8Array {
  const labelSize = labelOverhead(label);
  const start = labelSize + (crc ? crcOverhead : 0);
  const packet = packetBytes(start + payload.length);
  packet.set(payload, start);
  if (crc) writeCrc(packet, labelSize, checksum);
  writeLabel(packet, label);
  return packet;
}

function decrypt(packet: Uint8Array, { cipher, label }: DecodePacketOptions): Uint8Array {
  if (cipher?.isOn !== true) return packet;
  try {
    return cipher.decrypt(packet, label);
  } catch (error) {
    // While a cluster is being switched over to encryption, plaintext is still taken.
    if (cipher.verifyIncoming || !(error instanceof DecodeError)) throw error;
    return packet;
  }
}

function checksumFrom(packet: Uint8Array, from: number, checksum: Checksum | undefined): number {
  if (checksum === undefined || packet.length - from < nativeChecksumMin) return crc32(packet, from);
  return checksum(packet.subarray(from));
}

/** Writes the checksum of all that follows it. */
function writeCrc(packet: Uint8Array, at: number, checksum: Checksum | undefined): void {
  const crc = checksumFrom(packet, at + crcOverhead, checksum);
  packet[at] = messageType.hasCrc;
  packet[at + 1] = crc >>> 24;
  packet[at + 2] = crc >>> 16;
  packet[at + 3] = crc >>> 8;
  packet[at + 4] = crc;
}

function removeLabel(packet: Uint8Array, options: DecodePacketOptions): Uint8Array {
  const { label, rest } = splitLabel(packet);
  if (options.skipInboundLabelCheck) {
    if (label.length > 0)
      throw new DecodeError(
        "double_label",
        "a packet with a label, but skipInboundLabelCheck says that labels were removed before",
      );
  } else if (!equalBytes(label, options.label)) {
    throw new DecodeError("label_mismatch", "the label of the packet differs from ours");
  }
  return rest;
}

/** A packet too short for a checksum is a message of an unknown type, as in Go. */
function removeCrc(packet: Uint8Array, checksum: Checksum | undefined): Uint8Array {
  if (packet.length < crcOverhead || packet[0] !== messageType.hasCrc) return packet;
  const expected =
    (((packet[1] as number) << 24) | ((packet[2] as number) << 16) | ((packet[3] as number) << 8) | (packet[4] as number)) >>> 0;
  if (checksumFrom(packet, crcOverhead, checksum) !== expected) throw new DecodeError("bad_crc", "the checksum does not match");
  return packet.subarray(crcOverhead);
}
