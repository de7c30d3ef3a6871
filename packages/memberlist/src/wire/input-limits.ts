/** Limits on a peer's input (section 4), in bytes and counts. */
export const maxPushStateBytes: number = 20 * 1024 * 1024;
export const maxPushStateNodes: number = 1024 * 1024;
export const maxUserMsgBytes: number = 20 * 1024 * 1024;
export const maxDecompressedBytes: number = 40 * 1024 * 1024;
/** The same for all that is compressed in one packet. No packet holds over 64 KiB; Go peers compress what they send at once. */
export const maxDecompressedPacketBytes: number = 1024 * 1024;
/** Of the messages that wait to be handled, in bytes: alive messages and the rest each. 256 of the longest packets. */
export const maxHandoffBytes: number = 16 * 1024 * 1024;
/** Pings and indirect pings in one packet; Go peers and ours send one at most. Each sends a packet or two to addresses that it names. */
export const maxRepliesPerPacket: number = 4;
/** Parts of one compound that cannot be decoded: behind so many of them the rest is dropped. Each costs an exception. */
export const maxBadPartsPerPacket: number = 16;
