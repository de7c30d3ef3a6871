import ipaddr from "ipaddr.js";
import { MemberlistError } from "../api/errors.ts";
import { readU32 } from "./bytes.ts";
import { DecodeError } from "./errors.ts";

export const ipv4Size = 4;
export const ipv6Size = 16;
const [dot, zero] = [0x2e, 0x30] as const;

/** Each message repeats the addresses of members, so strings are kept and found by their bytes. A power of two. */
const recentIps = 2 * 1024;
let recent: { readonly keys: Uint8Array; readonly strings: string[]; readonly sizes: Uint8Array } | undefined;

/**
 * Writes a literal IP as it goes on the wire, into `bytes` from `at` on: 4 bytes for IPv4 (and for IPv4-mapped IPv6), 16 for IPv6. A
 * zone is dropped.
 *
 * @param isMapped writes IPv4 in 16 bytes, as IPv4-mapped IPv6
 * @returns how many bytes it has
 * @throws MemberlistError `invalid_address`
 */
export function writeIp(ip: string, bytes: Uint8Array, at: number, isMapped: boolean = false): number {
  if (!ip.includes(":")) return isMapped ? writeMapped(ip, bytes, at) : writeIpv4(ip, bytes, at);
  try {
    const parsed = ipaddr.IPv6.parse(ip);
    const octets = parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toByteArray() : parsed.toByteArray();
    bytes.set(octets, at);
    return octets.length;
  } catch (error) {
    throw invalid(ip, error);
  }
}

/**
 * The literal IP of `size` bytes from `at` on: 4 or 16, "" of none. IPv6 is written as RFC 5952 has it, an IPv4-mapped one as IPv4.
 *
 * @throws DecodeError `bad_address` for any other length
 */
export function bytesToIp(bytes: Uint8Array, at: number = 0, size: number = bytes.length - at): string {
  if (size === 0) return "";
  if (size !== 4 && size !== ipv6Size) throw new DecodeError("bad_address", `an address of ${size} bytes`);
  let hash = size;
  for (let i = at; i < at + size; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  recent ??= {
    keys: new Uint8Array(recentIps * ipv6Size),
    strings: Array.from({ length: recentIps }, () => ""),
    sizes: new Uint8Array(recentIps),
  };
  const { keys, strings, sizes } = recent;
  const slot = (hash ^ (hash >>> 15)) & (recentIps - 1);
  const keyAt = slot * ipv6Size;
  let same = sizes[slot] === size;
  for (let i = 0; same && i < size; i++) same = keys[keyAt + i] === bytes[at + i];
  if (same) return strings[slot] as string;
  const ip = size === 4 ? `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}` : ipv6String(bytes, at);
  for (let i = 0; i < size; i++) keys[keyAt + i] = bytes[at + i] as number;
  sizes[slot] = size;
  strings[slot] = ip;
  return ip;
}

/** An IPv4 address as a signed number of 32 bits, because a string would take 32 bytes for each member. Any other address as its string. */
export type PackedIp = number | string;

/** Packs an IPv4 address in its usual form. Returns any other string unchanged. */
export function packIp(ip: string): PackedIp {
  let packed = 0;
  let value = 0;
  let digits = 0;
  let parts = 0;
  for (let i = 0; i <= ip.length; i++) {
    const unit = i === ip.length ? dot : ip.charCodeAt(i);
    if (unit >= zero && unit <= 0x39 && (digits === 0 || value > 0)) {
      value = value * 10 + unit - zero;
      digits++;
    } else if (unit === dot && digits > 0 && value <= 0xff) {
      packed = (packed << 8) | value;
      value = 0;
      digits = 0;
      parts++;
    } else {
      return ip;
    }
  }
  return parts === 4 ? packed : ip;
}

export function unpackIp(ip: PackedIp): string {
  return typeof ip === "string" ? ip : `${ip >>> 24}.${(ip >>> 16) & 0xff}.${(ip >>> 8) & 0xff}.${ip & 0xff}`;
}

/** True where an address of `size` bytes from `at` on is IPv4 in 16 bytes, else undefined: what a message says of its form. */
export function isMappedAt(bytes: Uint8Array, at: number, size: number): true | undefined {
  if (size !== ipv6Size || bytes[at + 10] !== 0xff || bytes[at + 11] !== 0xff) return undefined;
  for (let i = at; i < at + 10; i++) if (bytes[i] !== 0) return undefined;
  return true;
}

/** Whether the `size` bytes from `at` on are the address `ip`. */
export function isIpAt(bytes: Uint8Array, at: number, size: number, ip: PackedIp): boolean {
  if (size === ipv4Size) return typeof ip === "number" && readU32(bytes, at) === ip >>> 0;
  return bytesToIp(bytes, at, size) === unpackIp(ip);
}

function ipv6String(bytes: Uint8Array, at: number): string {
  const parsed = new ipaddr.IPv6(Array.from(bytes.subarray(at, at + ipv6Size)));
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String();
}

function writeMapped(ip: string, bytes: Uint8Array, at: number): number {
  bytes.fill(0, at, at + 10);
  bytes.fill(0xff, at + 10, at + 12);
  return 12 + writeIpv4(ip, bytes, at + 12);
}

/** Four decimal parts without leading zeros: nothing else is IPv4 to a Go peer. */
function writeIpv4(ip: string, bytes: Uint8Array, at: number): number {
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < ip.length; i++) {
    const unit = ip.charCodeAt(i);
    if (unit >= zero && unit <= 0x39) {
      if (digits > 0 && value === 0) throw invalid(ip);
      value = value * 10 + unit - zero;
      digits++;
      if (value > 255) throw invalid(ip);
    } else if (unit === dot && digits > 0 && part < 3) {
      bytes[at + part++] = value;
      value = 0;
      digits = 0;
    } else {
      throw invalid(ip);
    }
  }
  if (part !== 3 || digits === 0) throw invalid(ip);
  bytes[at + 3] = value;
  return 4;
}

function invalid(ip: string, cause?: unknown): MemberlistError {
  return new MemberlistError("invalid_address", `not a literal IP address: ${JSON.stringify(ip)}`, {
    cause,
    details: { address: ip },
  });
}
