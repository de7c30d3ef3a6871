/** Message types (PROTOCOL.md section 1). Append only: the numbers are the protocol. */
export const messageType = {
  ping: 0,
  indirectPing: 1,
  ackResp: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nackResp: 11,
  hasCrc: 12,
  err: 13,
  hasLabel: 244,
} as const;

export const protocolVersionMin: number = 1;
export const protocolVersionMax: number = 5;

/** The most that a UDP datagram carries, bytes: no packet is longer, over whatever transport. */
export const datagramMaxBytes: number = 65_507;
/** Node metadata, bytes. */
export const metaMaxSize: number = 512;
/** A node's name, or any other string that a peer sends, bytes. Go has no limit; no real name comes near this one. */
export const stringMaxSize: number = 4096;
/** Versions in a message about a member. Like Go, this library reads no more of them. */
export const versionsMaxCount: number = 6;
/** The parts of one compound message. */
export const compoundMaxParts: number = 255;
/** The bytes of one such part. A peer's name can be longer than that. */
export const compoundPartMaxBytes: number = 0xffff;

/** Bytes that a compound message costs, and each of its parts (section 2). */
export const compoundHeaderOverhead: number = 2;
export const compoundOverhead: number = 2;
/** The type byte and the checksum in front of a message. */
export const crcOverhead: number = 5;
/** The nonce and the tag of AES-GCM (section 2). */
export const nonceSize: number = 12;
export const tagSize: number = 16;
/** The type byte in front of a user message. */
export const userMsgOverhead: number = 1;
