import { inPacket, packetBytes } from "./bytes.ts";
import { compressedView } from "./compression/compress.ts";
import { crcOverhead } from "./constants.ts";
import { removeCrc, writeCrc, type Checksum } from "./crc.ts";
import { DecodeError } from "./errors.ts";
import { checkLabel, labelOverhead, splitLabel, writeLabel } from "./label.ts";
import type { PacketCipher } from "./encryption.ts";

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
  /** A front-end has already removed our label: a packet that still has one is an error. */
  readonly skipInboundLabelCheck: boolean;
  /** Undefined: no encryption. */
  readonly cipher?: PacketCipher | undefined;
  /** See {@link Crypto.crc32}. */
  readonly checksum?: Checksum | undefined;
}

/**
 * Puts the layers around a message, in the order of PROTOCOL.md section 2: compress, checksum, encrypt, label. Returns
 * the message itself when none applies.
 *
 * @param isOurs nobody else uses the message: the layers may be written in front of it, where it is
 */
export function encodePacket(message: Uint8Array, options: EncodePacketOptions, isOurs: boolean = false): Uint8Array {
  const { label, crc, cipher, checksum } = options;
  const compressed = options.compress ? compressedView(message, crcOverhead) : undefined;
  const payload = compressed ?? message;
  const labelSize = labelOverhead(label);
  const crcSize = crc ? crcOverhead : 0;
  if (cipher?.encrypts !== true) {
    if (labelSize + crcSize === 0 && compressed === undefined) return message;
    // The compressed bytes are a view of memory that the next compression reuses.
    const packet = packetOf(payload, labelSize + crcSize, isOurs);
    if (crc) writeCrc(packet, labelSize, checksum);
    writeLabel(packet, label);
    return packet;
  }
  let plaintext = payload;
  if (crc) {
    plaintext = compressed === undefined ? packetOf(message, crcSize, isOurs) : withHeadroom(compressed, crcSize);
    writeCrc(plaintext, 0, checksum);
  }
  const packet = cipher.encrypt(plaintext, label, labelSize);
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
  const { label, rest } = splitLabel(packet);
  checkLabel(label, options.label, options.skipInboundLabelCheck, "packet");
  const message = removeCrc(decrypt(rest, options), options.checksum);
  if (message.length === 0) throw new DecodeError("empty", "a packet without a message");
  return message;
}

/** A packet with `overhead` bytes of room in front of its payload. */
function packetOf(payload: Uint8Array, overhead: number, isOurs: boolean): Uint8Array {
  const grown = isOurs ? inPacket(payload, overhead) : undefined;
  if (grown !== undefined) return grown;
  const packet = packetBytes(overhead + payload.length);
  packet.set(payload, overhead);
  return packet;
}

function withHeadroom(bytes: Uint8Array, headroom: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset - headroom, headroom + bytes.length);
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
