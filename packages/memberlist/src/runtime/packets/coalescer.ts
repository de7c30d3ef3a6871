import type { Address } from "../../api/address.ts";
import { compoundMaxParts, compoundOverhead } from "../../wire/constants.ts";
import { makeCompound } from "../../wire/compound.ts";
import { CompressedFill } from "./compressed-fill.ts";

/** A rest of a packet that is not waited for to be filled, in bytes. */
const smallRest = 32;

export interface CoalescerOptions {
  /** What a packet has for the parts of a compound, in bytes. It changes with the keyring. */
  readonly room: () => number;
  /** `udpBufferSize` where packets are compressed here, so that more than `room` may fit; undefined where they are not. */
  readonly compressedMax: number | undefined;
  /** Puts the layers around a message. @throws MemberlistError `message_too_large` */
  readonly seal: (message: Uint8Array, crc: boolean) => Uint8Array;
  /** Sends a packet of `count` messages. @returns false when the transport asks for fewer packets */
  readonly write: (packet: Uint8Array, to: Address, count: number) => boolean;
  /** `count` messages could not be sent. */
  readonly failed: (error: unknown, count: number) => void;
}

interface Pending {
  readonly to: Address;
  readonly crc: boolean;
  readonly parts: Uint8Array[];
  /** In a compound. */
  size: number;
}

/**
 * Puts the messages that are sent to one receiver before the running code lets go (the end of the microtask, or the packet being full)
 * into one packet: they share a system call, a checksum, an encryption, and what compression learns. Their order is kept.
 */
export class Coalescer {
  readonly #options: CoalescerOptions;
  readonly #fill: CompressedFill | undefined;
  readonly #pending: Map<string, Pending> = new Map();
  /** The one that was added to last: mostly the next goes there, too. */
  #last: Pending | undefined;
  /** What the transport has said and nobody was told yet. */
  #mayGoOn = true;

  constructor(options: CoalescerOptions) {
    this.#options = options;
    this.#fill = options.compressedMax === undefined ? undefined : new CompressedFill(options.compressedMax);
  }

  /**
   * @param message as it goes out; ours from here on
   * @returns false when the transport asks for fewer packets
   * @throws MemberlistError `message_too_large`
   */
  take(message: Uint8Array, to: Address, crc: boolean): boolean {
    const size = compoundOverhead + message.length;
    const room = this.#options.room();
    const limit = this.#fill?.limit(room) ?? room;
    let pending = this.#pendingFor(to, crc);
    while (pending !== undefined && (pending.size + size > limit || pending.parts.length === compoundMaxParts)) {
      this.#flush(pending);
      // Who was told of a failure may have sent, too.
      pending = this.#pendingFor(to, crc);
    }
    if (pending === undefined) {
      if (size + smallRest > limit) return this.#send([message], to, crc);
      pending = this.#open(to, crc);
    }
    pending.parts.push(message);
    pending.size += size;
    if (pending.size + smallRest > limit) this.#flush(pending);
    const mayGoOn = this.#mayGoOn;
    this.#mayGoOn = true;
    return mayGoOn;
  }

  /** Sends all that waits. */
  flush(): void {
    for (const pending of this.#pending.values()) this.#flush(pending);
  }

  #pendingFor(to: Address, crc: boolean): Pending | undefined {
    const last = this.#last;
    if (last !== undefined && isFor(last, to, crc)) return last;
    return this.#pending.size === 0 ? undefined : this.#pending.get(keyOf(to, crc));
  }

  #open(to: Address, crc: boolean): Pending {
    if (this.#pending.size === 0) queueMicrotask(() => this.flush());
    const pending = { to, crc, parts: [], size: 0 };
    this.#pending.set(keyOf(to, crc), pending);
    this.#last = pending;
    return pending;
  }

  #flush(pending: Pending): void {
    const { to, crc, parts } = pending;
    this.#pending.delete(keyOf(to, crc));
    if (this.#last === pending) this.#last = undefined;
    try {
      if (!this.#send(parts, to, crc)) this.#mayGoOn = false;
    } catch (error) {
      this.#options.failed(error, parts.length);
    }
  }

  #send(parts: readonly Uint8Array[], to: Address, crc: boolean): boolean {
    const { compressedMax, seal, write } = this.#options;
    const [first] = parts;
    const message = parts.length === 1 && first !== undefined ? first : makeCompound(parts);
    const packet = seal(message, crc);
    if (this.#fill === undefined || compressedMax === undefined) return write(packet, to, parts.length);
    this.#fill.learn(message.length, packet.length, this.#options.room());
    if (packet.length <= compressedMax || parts.length === 1) return write(packet, to, parts.length);
    // It compresses worse than what went before.
    const half = parts.length >> 1;
    const mayGoOn = this.#send(parts.slice(0, half), to, crc);
    return this.#send(parts.slice(half), to, crc) && mayGoOn;
  }
}

function keyOf({ host, port, name }: Address, crc: boolean): string {
  return `${crc ? "c" : "n"}${port} ${host} ${name}`;
}

function isFor(pending: Pending, to: Address, crc: boolean): boolean {
  const other = pending.to;
  return other.host === to.host && other.port === to.port && other.name === to.name && pending.crc === crc;
}
