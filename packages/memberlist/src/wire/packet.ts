import { emptyBytes, packetBytes } from "./bytes.ts";
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
  const { label, rest } = splitLabel(packet);
  checkLabel(label, options.label, options.skipInboundLabelCheck, "packet");
  const message = removeCrc(decrypt(rest, options), options.checksum);
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
