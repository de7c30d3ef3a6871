import ipaddr from "ipaddr.js";
import { MemberlistError } from "../errors.ts";
import { emptyBytes } from "./bytes.ts";
import { DecodeError } from "./decode-error.ts";

/**
 * A literal IP as it goes on the wire: 4 bytes for IPv4 (and for IPv4-mapped IPv6), 16 for IPv6, none for "". A zone is dropped.
 *
 * @throws MemberlistError `invalid_address`
 */
export function ipToBytes(ip: string): Uint8Array {
  if (ip === "") return emptyBytes;
  if (!ip.includes(":")) return parseIpv4(ip);
  try {
    const parsed = ipaddr.IPv6.parse(ip);
    return Uint8Array.from(parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toByteArray() : parsed.toByteArray());
  } catch (error) {
    throw invalid(ip, error);
  }
}

/**
 * The literal IP of 4 or 16 bytes, "" of none. IPv6 is written as RFC 5952 has it, an IPv4-mapped one as IPv4.
 *
 * @throws DecodeError `bad_address` for any other length
 */
export function bytesToIp(bytes: Uint8Array): string {
  switch (bytes.length) {
    case 0:
      return "";
    case 4:
      return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
    case 16: {
      const parsed = new ipaddr.IPv6(Array.from(bytes));
      return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String();
    }
    default:
      throw new DecodeError("bad_address", `an address of ${bytes.length} bytes`);
  }
}

/** Four decimal parts without leading zeros: nothing else is IPv4 to a Go peer. */
function parseIpv4(ip: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < ip.length; i++) {
    const unit = ip.charCodeAt(i);
    if (unit >= 0x30 && unit <= 0x39) {
      if (digits > 0 && value === 0) throw invalid(ip);
      value = value * 10 + unit - 0x30;
      digits++;
      if (value > 255) throw invalid(ip);
    } else if (unit === 0x2e && digits > 0 && part < 3) {
      bytes[part++] = value;
      value = 0;
      digits = 0;
    } else {
      throw invalid(ip);
    }
  }
  if (part !== 3 || digits === 0) throw invalid(ip);
  bytes[3] = value;
  return bytes;
}

function invalid(ip: string, cause?: unknown): MemberlistError {
  return new MemberlistError("invalid_address", `not a literal IP address: ${JSON.stringify(ip)}`, {
    cause,
    details: { address: ip },
  });
}
