import type { Address } from "../../api/address.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { Log } from "../../ports/log.ts";
import type { Transport } from "../../ports/transport.ts";
import { DecodeError } from "../../wire/decode-error.ts";
import { splitLabel } from "../../wire/label.ts";
import { decodePacket, encodePacket, type DecodePacketOptions } from "../../wire/packet.ts";
import type { KeyringCipher } from "../../encryption/keyring-cipher.ts";
import { Coalescer } from "./coalescer.ts";
import type { Stats } from "../stats.ts";

/** The most that a UDP datagram can carry, in bytes. */
const maxPacketBytes = 65_507;

/** What packets bring in, and what becomes of them. */
interface PacketHandlers {
  /** A packet's message; its label, encryption and checksum are off. */
  message(message: Uint8Array, from: Address, receivedAt: number): boolean;
  /** A packet came with this label, which is not ours. */
  labelMismatch(from: Address, label: Uint8Array): void;
  /** A packet could not be sent, for a reason that lies with the receiver. */
  failed(onFailed: () => void): void;
}

export interface PacketsOptions {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  readonly label: Uint8Array;
  readonly cipher: KeyringCipher | undefined;
  readonly log: Log;
  readonly stats: Stats;
  /** What a packet has for the parts of a compound, in bytes. */
  readonly room: () => number;
  readonly handlers: PacketHandlers;
}

/** Packets, both ways: each has its layers (compression, checksum, encryption, label) put on or taken off. Source: PROTOCOL.md section 2. */
export class Packets {
  readonly #options: PacketsOptions;
  readonly #opening: DecodePacketOptions;
  /** Undefined where the config does not want it. */
  readonly #coalescer: Coalescer | undefined;
  #isStopped = false;

  constructor(options: PacketsOptions) {
    this.#options = options;
    const { config, transport, label, cipher } = options;
    const { skipInboundLabelCheck } = config;
    this.#opening = { label, skipInboundLabelCheck, cipher, checksum: transport.crypto?.crc32 };
    this.#coalescer = config.coalesceMessages ? this.#makeCoalescer() : undefined;
  }

  /** From now on nothing comes in. Messages that wait for a packet are sent now. */
  stop(): void {
    this.#isStopped = true;
    this.#coalescer?.flush();
  }

  /** As `TransportListener.packet`. */
  receive(bytes: Uint8Array, from: Address, receivedAt: number): boolean {
    if (this.#isStopped) return false;
    const { log, stats, handlers } = this.#options;
    stats.increment("memberlist.udp.received", bytes.length);
    let message: Uint8Array;
    try {
      message = decodePacket(bytes, this.#opening);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      stats.count(`dropped.${error.reason}`);
      if (error.reason === "label_mismatch") handlers.labelMismatch(from, splitLabel(bytes).label);
      log.warn("bad_packet", `dropping a packet: ${error.message}`, { reason: error.reason, from });
      return false;
    }
    return handlers.message(message, from, receivedAt);
  }

  /** As {@link send}, for user messages: those to one receiver share packets. */
  sendUser(message: Uint8Array, to: Address, crc: boolean): boolean {
    return this.#coalescer?.take(message, to, crc) ?? this.send(message, to, crc);
  }

  /**
   * Sends one message as a packet, at once.
   *
   * @returns false when the transport asks for fewer packets for now
   * @throws MemberlistError `message_too_large`
   */
  send(message: Uint8Array, to: Address, crc: boolean, onFailed?: () => void): boolean {
    return this.#write(this.#seal(message, crc), to, 1, onFailed);
  }

  /** A packet could not be made, or not be sent. */
  failed(error: unknown, onFailed?: () => void): void {
    this.#sent(error instanceof Error ? error : new Error(String(error)), 1, onFailed);
  }

  #seal(message: Uint8Array, crc: boolean): Uint8Array {
    const { config, label, cipher, transport } = this.#options;
    const { enableCompression: compress } = config;
    const packet = encodePacket(message, { compress, crc, label, cipher, checksum: transport.crypto?.crc32 });
    if (packet.length <= maxPacketBytes) return packet;
    throw new MemberlistError(
      "message_too_large",
      `a packet of ${packet.length} bytes exceeds what UDP carries (${maxPacketBytes}): shorten the message, or use sendReliable`,
      {
        details: { size: packet.length, limit: maxPacketBytes },
      },
    );
  }

  #write(packet: Uint8Array, to: Address, count: number, onFailed?: () => void): boolean {
    const { stats, transport } = this.#options;
    stats.increment("memberlist.udp.sent", packet.length);
    if (count === 1 && onFailed === undefined) return transport.writeTo(packet, to, this.#sent);
    return transport.writeTo(packet, to, (error) => this.#sent(error, count, onFailed));
  }

  readonly #sent = (error?: Error, count: number = 1, onFailed?: () => void): void => {
    if (error === undefined || this.#isStopped) return;
    const { handlers, log, stats } = this.#options;
    stats.count("send_failed", count);
    log.warn("send_failed", `sending a packet failed: ${errorMessage(error)}`);
    if (onFailed !== undefined) handlers.failed(onFailed);
  };

  #makeCoalescer(): Coalescer {
    const { config, room } = this.#options;
    return new Coalescer({
      room,
      compressedMax: config.enableCompression ? config.udpBufferSize : undefined,
      seal: (message, crc) => this.#seal(message, crc),
      write: (packet, to, count) => this.#write(packet, to, count),
      failed: (error, count) => this.#sent(error instanceof Error ? error : new Error(String(error)), count),
    });
  }
}
