import { readU32 } from "./bytes.ts";
import { crcOverhead, messageType } from "./constants.ts";
import { DecodeError } from "./errors.ts";

/** The IEEE polynomial, bits reversed. */
const polynomial = 0xedb88320;

/** For fewer bytes our own checksum is faster than a call into the runtime. */
const nativeChecksumMin = 256;

/** CRC-32 (IEEE), as an unsigned number. */
export type Checksum = (bytes: Uint8Array) => number;

/** Eight tables of 256, so that eight bytes are taken at a time; made when first needed. */
let tables: Int32Array | undefined;

/**
 * CRC-32 (IEEE) as an unsigned number.
 *
 * @param from where in `bytes` to start
 */
export function crc32(bytes: Uint8Array, from: number = 0): number {
  const t = (tables ??= makeTables());
  const end = bytes.length;
  let crc = -1;
  let at = from;
  for (const last = end - 8; at <= last; at += 8) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (t[0x700 | (crc & 0xff)] as number) ^
      (t[0x600 | ((crc >>> 8) & 0xff)] as number) ^
      (t[0x500 | ((crc >>> 16) & 0xff)] as number) ^
      (t[0x400 | (crc >>> 24)] as number) ^
      (t[0x300 | (bytes[at + 4] as number)] as number) ^
      (t[0x200 | (bytes[at + 5] as number)] as number) ^
      (t[0x100 | (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial;
    made[byte] = crc;
  }
  for (let i = 256; i < made.length; i++) {
    const previous = made[i - 256] as number;
    made[i] = (previous >>> 8) ^ (made[previous & 0xff] as number);
  }
  return made;
}

function checksumOf(bytes: Uint8Array, checksum: Checksum | undefined): number {
  return checksum === undefined || bytes.length < nativeChecksumMin ? crc32(bytes) : checksum(bytes);
}

/** Writes the header at `at`, with the checksum of all that follows it. */
export function writeCrc(packet: Uint8Array, at: number, checksum: Checksum | undefined): void {
  const crc = checksumOf(packet.subarray(at + crcOverhead), checksum);
  packet[at] = messageType.hasCrc;
  packet[at + 1] = crc >>> 24;
  packet[at + 2] = crc >>> 16;
  packet[at + 3] = crc >>> 8;
  packet[at + 4] = crc;
}

/**
 * Checks a packet that has a checksum, and takes that off. A packet too short for one is a message of an unknown type, as in Go.
 *
 * @throws DecodeError `bad_crc`
 */
export function removeCrc(packet: Uint8Array, checksum: Checksum | undefined): Uint8Array {
  if (packet.length < crcOverhead || packet[0] !== messageType.hasCrc) return packet;
  const message = packet.subarray(crcOverhead);
  if (checksumOf(message, checksum) !== readU32(packet, 1)) throw new DecodeError("bad_crc", "the checksum does not match");
  return message;
}
