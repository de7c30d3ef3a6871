import { decodeUtf8 } from "./utf8.ts";
import { copyBytes, readU32, readU48, writeU32, writeU48 } from "./bytes.ts";

/** The first bytes of a channel's message: 0xc1, which begins no msgpack value and no UTF-8 text, then "mlc". */
const magic = [0xc1, 0x6d, 0x6c, 0x63] as const;
const isBroadcastFlag = 1;
/** The magic bytes, the flags, and the lengths of the channel and of the sender. */
const fixedBytes = magic.length + 3;
/** The further fields of a broadcast: hops, origin, sequence, and the length of its name. */
const broadcastBytes = 1 + 6 + 4 + 1;

/** The longest name of a channel, in bytes. */
export const channelNameMaxSize: number = 64;
/** A broadcast that was relayed so often is not relayed again. Gossip reaches 10,000 members in about ten hops. */
const maxHops = 32;

/** The fields that only a broadcast has. */
interface ChannelBroadcast {
  /** How often it was relayed. */
  readonly hops: number;
  /** A random number of 48 bits: one start of the member that broadcasts. */
  readonly origin: number;
  /** Counts the broadcasts of this origin, a u32. */
  readonly sequence: number;
  /** A newer broadcast of the same origin, channel and name replaces this one. Empty for none. */
  readonly name: string;
}

/** A message of a channel. docs/reference/channels.md describes its bytes. */
export interface ChannelMessage {
  readonly channel: string;
  readonly sender: string;
  /** Undefined for a message to one member. */
  readonly broadcast: ChannelBroadcast | undefined;
  readonly payload: Uint8Array;
}

/** Encodes messages of one sender and one channel. */
export class ChannelEncoder {
  readonly #channel: Uint8Array;
  readonly #sender: Uint8Array;

  /** @param channel 1 to 64 bytes of UTF-8. @param sender at most 255 bytes of UTF-8 */
  constructor(channel: Uint8Array, sender: Uint8Array) {
    this.#channel = channel;
    this.#sender = sender;
  }

  /** What a broadcast adds to its payload without a name, in bytes. */
  get broadcastOverhead(): number {
    return this.#headerBytes + broadcastBytes;
  }

  get #headerBytes(): number {
    return fixedBytes + this.#channel.length + this.#sender.length;
  }

  message(payload: Uint8Array): Uint8Array {
    const bytes = this.#header(0, 0, payload);
    bytes.set(payload, this.#headerBytes);
    return bytes;
  }

  /** @param name at most 255 bytes of UTF-8 */
  broadcast(payload: Uint8Array, origin: number, sequence: number, name: Uint8Array): Uint8Array {
    const bytes = this.#header(isBroadcastFlag, broadcastBytes + name.length, payload);
    let at = this.#headerBytes;
    bytes[at++] = 0;
    at = writeU48(bytes, at, origin);
    at = writeU32(bytes, at, sequence);
    bytes[at++] = name.length;
    bytes.set(name, at);
    bytes.set(payload, at + name.length);
    return bytes;
  }

  #header(flags: number, more: number, payload: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#headerBytes + more + payload.length);
    bytes.set(magic);
    let at: number = magic.length;
    bytes[at++] = flags;
    for (const name of [this.#channel, this.#sender]) {
      bytes[at++] = name.length;
      bytes.set(name, at);
      at += name.length;
    }
    return bytes;
  }
}

/** Whether a user message belongs to a channel. All others are the application's. */
export function isChannelMessage(bytes: Uint8Array, at: number = 0): boolean {
  // A loop over the magic bytes would take longer, and every user message comes here.
  return bytes[at] === magic[0] && bytes[at + 1] === magic[1] && bytes[at + 2] === magic[2] && bytes[at + 3] === magic[3];
}

/**
 * Decodes a message of which {@link isChannelMessage} is true. The payload is a view.
 *
 * @returns undefined for a message that is malformed, or has flags of a later version
 */
export function decodeChannelMessage(message: Uint8Array): ChannelMessage | undefined {
  const flags = message[magic.length];
  if (flags !== 0 && flags !== isBroadcastFlag) return undefined;
  const channelAt = magic.length + 1;
  const senderAt = endOfName(message, channelAt);
  const headerEnd = endOfName(message, senderAt);
  const channelBytes = message[channelAt] ?? 0;
  if (headerEnd > message.length || channelBytes === 0 || channelBytes > channelNameMaxSize) return undefined;
  const channel = nameAt(message, channelAt);
  const sender = nameAt(message, senderAt);
  if (flags === 0) return { channel, sender, broadcast: undefined, payload: message.subarray(headerEnd) };
  const nameStart = headerEnd + broadcastBytes - 1;
  const end = endOfName(message, nameStart);
  if (end > message.length) return undefined;
  const broadcast = {
    hops: message[headerEnd] as number,
    origin: readU48(message, headerEnd + 1),
    sequence: readU32(message, headerEnd + 7),
    name: nameAt(message, nameStart),
  };
  return { channel, sender, broadcast, payload: message.subarray(end) };
}

/** A decoded broadcast with one more hop. @returns undefined if it must not be relayed again */
export function withOneMoreHop(message: Uint8Array): Uint8Array | undefined {
  const at = endOfName(message, endOfName(message, magic.length + 1));
  const hops = message[at] as number;
  if (hops >= maxHops) return undefined;
  const relayed = copyBytes(message);
  relayed[at] = hops + 1;
  return relayed;
}

/** Where a name that begins with its length at `at` ends; beyond the message if it is cut off. */
function endOfName(message: Uint8Array, at: number): number {
  return at + 1 + (message[at] ?? message.length);
}

function nameAt(message: Uint8Array, at: number): string {
  return decodeUtf8(message, at + 1, message[at]);
}
