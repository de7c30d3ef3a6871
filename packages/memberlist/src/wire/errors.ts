import { MemberlistError } from "../api/errors.ts";
import type { LimitName } from "../config/limits.ts";
import { datagramMaxBytes } from "./constants.ts";

/** The error for a message whose encoded packet exceeds the longest UDP datagram. */
export function packetTooLong(size: number): MemberlistError {
  return new MemberlistError(
    "message_too_large",
    `a packet of ${size} bytes exceeds what UDP carries (${datagramMaxBytes}): shorten the message, or use sendReliable`,
    { details: { size, limit: datagramMaxBytes } },
  );
}

/** Why bytes were refused. Stable: drop counters are labelled with it. */
export type DecodeReason =
  | "empty"
  | "truncated"
  | "malformed"
  | "unknown_type"
  | "wrong_type"
  | "out_of_range"
  | "too_deep"
  | "too_large"
  | "bad_address"
  | "unknown_algorithm"
  | "bad_lzw"
  | "bad_crc"
  | "decrypt_failed"
  | "not_encrypted"
  | "bad_label"
  | "double_label"
  | "label_mismatch";

/** Network input that violates the protocol. Nothing was changed. */
export class DecodeError extends Error {
  override readonly name: string = "DecodeError";
  readonly reason: DecodeReason;

  constructor(reason: DecodeReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/**
 * The limits of the config, and two that are fixed: what follows from the protocol for one encrypted message on a stream, and what one
 * small map may have (a header, a node, a ping).
 */
export type StreamLimitName = LimitName | "maxEncryptedBytes" | "maxObjectBytes";

/**
 * The error of a limit, which it names: in the message, and as `details.name`.
 *
 * @param what names the limited quantity in the message
 */
export function limitExceeded(name: StreamLimitName, what: string, value: number, limit: number): MemberlistError {
  return new MemberlistError("limit_exceeded", `${what} (${value}) exceeds limit (${name}: ${limit})`, {
    details: { name, value, limit },
  });
}
