import { MemberlistError } from "../api/errors.ts";
import type { LimitName } from "../config/limits.ts";

/**
 * The limits of the config, and two that are fixed: what follows from the protocol for one encrypted message on a stream, and what one
 * small map may have (a header, a node, a ping).
 */
export type StreamLimitName = LimitName | "maxEncryptedBytes" | "maxObjectBytes";

/**
 * The error of a limit, which it names: in the message, and as `details.name`.
 *
 * @param what is too much, for people
 */
export function limitExceeded(name: StreamLimitName, what: string, value: number, limit: number): MemberlistError {
  return new MemberlistError("limit_exceeded", `${what} (${value}) exceeds limit (${name}: ${limit})`, {
    details: { name, value, limit },
  });
}
