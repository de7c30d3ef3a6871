import type { Versions } from "../wire/messages/types.ts";

/** The protocol version from which a node understands a message. Source: PROTOCOL.md section 5. */
export const featureVersions = {
  /** A ping over a stream. */
  streamPing: 3,
  /** An indirect ping that asks for a nack. */
  nack: 4,
  /** A packet with a checksum. */
  crc: 5,
} as const;

/** Whether a node with these versions understands a message. */
export function understands(versions: Versions, feature: keyof typeof featureVersions): boolean {
  return (versions[1] ?? 0) >= featureVersions[feature];
}
