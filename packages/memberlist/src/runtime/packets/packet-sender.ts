import { formatAddress, type Address } from "../../api/address.ts";
import { errorMessage } from "../../api/errors.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import type { KeyringCipher } from "../../encryption/keyring-cipher.ts";
import type { Log } from "../../ports/log.ts";
import type { Transport } from "../../ports/transport.ts";
import { emptyBytes, reusePacket, takePacketBack, viewOf } from "../../wire/bytes.ts";
import { PartList } from "../../wire/compound.ts";
import { compoundMaxParts, compoundOverhead, datagramMaxBytes } from "../../wire/constants.ts";
import { packetTooLong } from "../../wire/errors.ts";
import { decodePing } from "../../wire/messages/decode.ts";
import { encodeAckResp, encodePing } from "../../wire/messages/encode.ts";
import type { Ping } from "../../wire/messages/types.ts";
import { decodePacket, encodePacket, type EncodePacketOptions } from "../../wire/packet.ts";
import type { Stats } from "../stats.ts";

/** A packet with less room left than this, in bytes, is sent without waiting for more messages. */
const smallRest = 32;

export interface PacketSenderOptions {
  readonly config: Pick<ResolvedConfig, "coalesceMessages" | "enableCompression" | "udpBufferSize">;
  readonly transport: Pick<Transport, "writeTo" | "crypto">;
  /** Ours; empty for none. */
  readonly label: Uint8Array;
  /** Undefined: no encryption. */
  readonly cipher: KeyringCipher | undefined;
  readonly log: Log;
  readonly stats: Stats;
  /** The bytes that a packet has for the parts of a compound. It changes with the keyring. */
  readonly room: () => number;
  /** Runs what the engine wants to be done when one of its packets cannot be sent. */
  readonly onFailed: (react: () => void) => void;
}

const anyPing: Ping = { seqNo: 1, node: "node", sourceAddr: "127.0.0.1", sourcePort: 7946, sourceNode: "node" };

/** User messages that wait for a packet to one receiver. */
interface Pending {
  readonly to: Address;
  readonly crc: boolean;
  readonly parts: PartList;
  /** In a compound. */
  size: number;
}

/**
 * Sends packets: coalesce → compress → checksum → encrypt → label → write. The engine's messages skip the first step: it fills its packets
 * itself. Source: PROTOCOL.md section 2.
 */
export class PacketSender {
  readonly #options: PacketSenderOptions;
  readonly #coalesces: boolean;
  readonly #room: () => number;
  readonly #packetMax: number;
  readonly #layers: EncodePacketOptions;
  readonly #layersWithCrc: EncodePacketOptions;
  /** Undefined without compression: then the size of a packet is known before it is encoded. */
  readonly #fill: CompressedFill | undefined;
  readonly #pending: Map<string, Pending> = new Map();
  /** The one that got the last message: the next message usually goes there, too. */
  #last: Pending | undefined;
  /** False when the transport has asked for fewer packets while no caller was there to return it to. */
  #mayGoOn = true;
  #isStopped = false;

  constructor(options: PacketSenderOptions) {
    this.#options = options;
    const { config, transport, label, cipher } = options;
    this.#coalesces = config.coalesceMessages;
    this.#room = options.room;
    this.#packetMax = config.udpBufferSize;
    this.#layers = { compress: config.enableCompression, crc: false, label, cipher, checksum: transport.crypto?.crc32 };
    this.#layersWithCrc = { ...this.#layers, crc: true };
    this.#fill = config.enableCompression ? new CompressedFill(config.udpBufferSize) : undefined;
  }

  /**
   * Encodes and decodes a ping and its ack without sending them. This loads compressor and cipher, and lets the runtime compile the code,
   * so that the first ack is not late.
   */
  prepare(): void {
    const ping = encodePing(anyPing);
    const packet = this.#encode(ping, true, false);
    // A member may send plaintext, and refuse it.
    if (this.#options.cipher?.encrypts !== false) decodePacket(packet, { ...this.#layers, skipInboundLabelCheck: false });
    this.#encode(encodeAckResp({ seqNo: decodePing(ping.subarray(1)).seqNo, payload: emptyBytes }), false, false);
  }

  /**
   * Sends a user message. Messages to one receiver that are sent before the running code returns or awaits share packets, in their order:
   * they share a system call, a checksum, an encryption, and what the compressor learns.
   *
   * @param bytes contain the message. The caller must not use them afterwards
   * @param start where the message starts. Default 0
   * @param end default: the end of `bytes`
   * @returns false when the transport asks for fewer packets for now
   * @throws MemberlistError `message_too_large`
   */
  sendUser(bytes: Uint8Array, to: Address, crc: boolean, start: number = 0, end: number = bytes.length): boolean {
    if (!this.#coalesces) return this.#sendOne(viewOf(bytes, start, end), to, crc);
    const size = compoundOverhead + end - start;
    const room = this.#room();
    const limit = this.#fill?.limit(room) ?? room;
    let pending = this.#pendingFor(to, crc);
    while (pending !== undefined && (pending.size + size > limit || pending.parts.count === compoundMaxParts)) {
      this.#flush(pending);
      // A handler of a failed send may have sent a message itself.
      pending = this.#pendingFor(to, crc);
    }
    if (pending === undefined) {
      if (size + smallRest > limit) return this.#sendOne(viewOf(bytes, start, end), to, crc);
      pending = this.#addPending(to, crc);
    }
    pending.parts.add(bytes, start, end);
    pending.size += size;
    if (pending.size + smallRest > limit) this.#flush(pending);
    const mayGoOn = this.#mayGoOn;
    this.#mayGoOn = true;
    return mayGoOn;
  }

  /**
   * Sends one message as a packet, at once.
   *
   * @param onFailed called when it cannot be sent, for a reason that lies with the receiver
   * @returns false when the transport asks for fewer packets for now
   * @throws MemberlistError `message_too_large`
   */
  send(message: Uint8Array, to: Address, crc: boolean, onFailed?: () => void): boolean {
    const packet = this.#encode(message, crc, false);
    // The engine may send the same message to others.
    if (packet !== message) reusePacket(packet);
    return this.#write(packet, to, 1, onFailed);
  }

  /** Counts and logs that a packet of `count` messages could not be encoded or written. */
  failed(error: unknown, count: number = 1, onFailed?: () => void): void {
    if (this.#isStopped) return;
    const { log, stats } = this.#options;
    stats.count("send_failed", count);
    log.warn("send_failed", `sending a packet failed: ${errorMessage(error)}`);
    if (onFailed !== undefined) this.#options.onFailed(onFailed);
  }

  /** Sends the messages that wait for a packet. Failures are not reported from now on. */
  stop(): void {
    this.#isStopped = true;
    this.#flushAll();
  }

  #pendingFor(to: Address, crc: boolean): Pending | undefined {
    const last = this.#last;
    if (last !== undefined && isFor(last, to, crc)) return last;
    return this.#pending.size === 0 ? undefined : this.#pending.get(keyOf(to, crc));
  }

  #addPending(to: Address, crc: boolean): Pending {
    if (this.#pending.size === 0) queueMicrotask(this.#flushAll);
    const pending = { to, crc, parts: new PartList(), size: 0 };
    this.#pending.set(keyOf(to, crc), pending);
    this.#last = pending;
    return pending;
  }

  readonly #flushAll = (): void => {
    for (const pending of this.#pending.values()) this.#flush(pending);
  };

  #flush(pending: Pending): void {
    const { to, crc, parts } = pending;
    this.#pending.delete(keyOf(to, crc));
    if (this.#last === pending) this.#last = undefined;
    try {
      if (!this.#sendParts(parts, 0, parts.count, to, crc)) this.#mayGoOn = false;
    } catch (error) {
      this.failed(error, parts.count);
    }
  }

  /** Sends the messages from `start` to before `end` in one packet, or in several where they compress worse than the ones before. */
  #sendParts(parts: PartList, start: number, end: number, to: Address, crc: boolean): boolean {
    const count = end - start;
    const isWhole = count === parts.count;
    if (count === 1) return this.#sendOne(parts.part(start), to, crc, isWhole);
    const message = parts.compound(start, end);
    const packet = this.#encodeUser(message, crc, count, isWhole);
    if (packet.length <= this.#packetMax) {
      const mayGoOn = this.#writeUser(packet, message, to, count);
      if (isWhole) parts.giveBack();
      return mayGoOn;
    }
    const middle = start + (count >> 1);
    const mayGoOn = this.#sendParts(parts, start, middle, to, crc);
    return this.#sendParts(parts, middle, end, to, crc) && mayGoOn;
  }

  #sendOne(message: Uint8Array, to: Address, crc: boolean, isWhole: boolean = true): boolean {
    return this.#writeUser(this.#encodeUser(message, crc, 1, isWhole), message, to, 1);
  }

  /** Sends a packet of a message, or of a compound, that nobody uses afterwards. */
  #writeUser(packet: Uint8Array, message: Uint8Array, to: Address, count: number): boolean {
    reusePacket(packet);
    const mayGoOn = this.#write(packet, to, count);
    if (!isEndOf(message, packet)) takePacketBack(message);
    return mayGoOn;
  }

  /**
   * Encodes a packet, and learns from it. A part of what did not fit says little, because it fills less of a packet than most. A single message that
   * does not fit says nothing about how many others would.
   *
   * @param isWhole false for such a part
   */
  #encodeUser(message: Uint8Array, crc: boolean, count: number, isWhole: boolean): Uint8Array {
    const packet = this.#encode(message, crc, true);
    const fits = packet.length <= this.#packetMax;
    if (fits ? isWhole : count > 1) this.#fill?.learn(message.length, packet.length, this.#room());
    return packet;
  }

  /** Compress → checksum → encrypt → label. */
  #encode(message: Uint8Array, crc: boolean, isOurs: boolean): Uint8Array {
    const packet = encodePacket(message, crc ? this.#layersWithCrc : this.#layers, isOurs);
    if (packet.length <= datagramMaxBytes) return packet;
    throw packetTooLong(packet.length);
  }

  #write(packet: Uint8Array, to: Address, count: number, onFailed?: () => void): boolean {
    const { stats, transport } = this.#options;
    stats.traffic.packetsSent++;
    stats.traffic.packetBytesSent += packet.length;
    stats.increment("memberlist.udp.sent", packet.length);
    const { node, packetSent } = stats.diagnostics;
    if (packetSent.hasSubscribers) {
      packetSent.publish({ node, address: formatAddress(to), peer: to.name, size: packet.length, messages: count });
    }
    if (count === 1 && onFailed === undefined) return transport.writeTo(packet, to, this.#written);
    return transport.writeTo(packet, to, (error) => {
      if (error !== undefined) this.failed(error, count, onFailed);
    });
  }

  /** For a packet of one message without a failure callback. */
  readonly #written = (error?: Error): void => {
    if (error !== undefined) this.failed(error);
  };
}

/** Whether a packet ends with the memory of its message. */
function isEndOf(message: Uint8Array, packet: Uint8Array): boolean {
  return packet.buffer === message.buffer && packet.byteOffset + packet.length === message.byteOffset + message.length;
}

function keyOf({ host, port, name }: Address, crc: boolean): string {
  return `${crc ? "c" : "n"}${port} ${host} ${name}`;
}

function isFor(pending: Pending, to: Address, crc: boolean): boolean {
  const other = pending.to;
  if (other === to) return pending.crc === crc;
  return other.host === to.host && other.port === to.port && other.name === to.name && pending.crc === crc;
}

/** A compressed packet holds at most this many times the bytes of an uncompressed one, and at most this many bytes of messages. */
const growthMax = 8;
const bytesMax = 60_000;
/** One more byte costs so much of the average byte: the compressor has more to refer to. */
const marginalShare = 0.75;
/** How much of the way to the estimate the limit moves. */
const step = 1 / 4;
/** How much the ceiling rises after the first packet that fits: little, because a packet that is too long costs most. */
const recovery = 1 / 4096;
/** After each further packet that fits, it rises by this many times as much. */
const recoveryGrowth = 1.1;

/** Estimates how many bytes of messages fit into a compressed packet, from how well the last packets compressed, and from those that were too long. */
export class CompressedFill {
  readonly #packetMax: number;
  #estimate = 0;
  #ceiling = Infinity;
  #recovery = recovery;

  /** @param packetMax the longest packet, in bytes */
  constructor(packetMax: number) {
    this.#packetMax = packetMax;
  }

  /** @param room the bytes that fit uncompressed */
  limit(room: number): number {
    return Math.max(room, Math.min(this.#estimate, this.#ceiling, room * growthMax, bytesMax));
  }

  /** A message of `size` bytes became a packet of `packetSize`. Messages that fill less than half of a packet are ignored. */
  learn(size: number, packetSize: number, room: number): void {
    if (size * 2 < room) return;
    const left = this.#packetMax - packetSize;
    if (left < 0) {
      const fitting = (size * this.#packetMax) / packetSize;
      this.#ceiling = Math.min(this.#ceiling, fitting);
      this.#estimate = Math.min(this.#estimate, fitting);
      this.#recovery = recovery;
      return;
    }
    const estimate = size + (left * size) / (packetSize * marginalShare);
    this.#estimate = Math.max(room, this.#estimate + (estimate - this.#estimate) * step);
    this.#ceiling += this.#ceiling * this.#recovery;
    this.#recovery *= recoveryGrowth;
  }
}
