import type { Address } from "../api/address.ts";
import { decompressBody } from "../wire/compression/compress.ts";
import { visitCompound } from "../wire/compound.ts";
import { messageType } from "../wire/constants.ts";
import { maxBadPartsPerPacket, maxDecompressedPacketBytes, maxRepliesPerPacket } from "../wire/input-limits.ts";
import {
  decodeAckResp,
  decodeAlive,
  decodeDead,
  decodeIndirectPing,
  decodeNackResp,
  decodePing,
  decodeSuspect,
} from "../wire/messages/decode.ts";
import type { AckHandlers } from "./ack-handlers.ts";
import { applyPort, type EngineContext } from "./context.ts";
import { DroppedMessages } from "./dropped-messages.ts";
import { HandoffQueue, type HandoffMessage } from "./handoff-queue.ts";
import type { Membership } from "./membership.ts";
import type { Responder } from "./responder.ts";

const never = (): boolean => false;

export interface PacketParts {
  readonly context: Pick<EngineContext, "config" | "log" | "stats" | "outputs">;
  readonly membership: Pick<Membership, "isDuplicate" | "allowsPacket" | "alive" | "suspect" | "dead">;
  readonly responder: Pick<Responder, "ping" | "indirectPing">;
  readonly acks: Pick<AckHandlers, "ack" | "nack">;
}

/**
 * Splits packets into messages and passes each to its handler. The work that one packet can cause is bounded: it may be compressed once,
 * around everything, and hold one compound, of at most 255 messages; few of them may be bad, or ask for a reply. Source: PROTOCOL.md
 * sections 2 and 3.
 */
export class PacketDispatcher {
  readonly #parts: PacketParts;
  readonly #handoff: HandoffQueue;
  readonly #dropped: DroppedMessages;
  /** The work that the packet may still cause, and how many more of its messages may be bad. */
  #repliesLeft = 0;
  #badPartsLeft = 0;

  constructor(parts: PacketParts) {
    this.#parts = parts;
    this.#handoff = new HandoffQueue(parts.context.config.handoffQueueDepth);
    this.#dropped = new DroppedMessages(parts.context.log, parts.context.stats);
  }

  get waiting(): number {
    return this.#handoff.size;
  }

  /** See {@link HandoffQueue.takePeak}. */
  takePeak(): number {
    return this.#handoff.takePeak();
  }

  /** Whether all of it could be decoded, as far as it is decoded at once. */
  receive(message: Uint8Array, from: Address, receivedAt: number): boolean {
    this.#repliesLeft = maxRepliesPerPacket;
    this.#badPartsLeft = maxBadPartsPerPacket;
    const isCompressed = message[0] === messageType.compress;
    try {
      const content = isCompressed ? this.#decompress(message) : message;
      if (content[0] === messageType.compound) this.#compound(content.subarray(1), from, receivedAt);
      else if (!this.#handleInPlace(content, 0, content.length, from))
        this.#message(content, 0, content.length, from, receivedAt);
    } catch (error) {
      this.#dropped.addError(error, message[0], from);
    }
    return this.#dropped.report() === 0;
  }

  /**
   * Handles up to `limit` of the queued messages.
   *
   * @param isTimeOver called after each message: what a message costs depends on its sender. Default: time is never over
   */
  drain(limit: number, isTimeOver: () => boolean = never): void {
    for (let i = 0; i < limit && (i === 0 || !isTimeOver()); i++) {
      const message = this.#handoff.shift();
      if (message === undefined) break;
      try {
        this.#handle(message);
      } catch (error) {
        this.#dropped.addError(error, message.type, message.from);
      }
    }
    this.#dropped.report();
  }

  clear(): void {
    this.#handoff.clear();
  }

  #decompress(message: Uint8Array): Uint8Array {
    const { maxDecompressedBytes } = this.#parts.context.config.limits;
    return decompressBody(message.subarray(1), Math.min(maxDecompressedBytes, maxDecompressedPacketBytes));
  }

  /** A bad part does not affect the others, unless the packet has too many parts. */
  #compound(body: Uint8Array, from: Address, receivedAt: number): void {
    let left = 0;
    const truncated = visitCompound(body, (start, end) => {
      if (this.#handleInPlace(body, start, end, from)) return;
      if (this.#badPartsLeft === 0) left++;
      else this.#part(body, start, end, from, receivedAt);
    });
    if (truncated > 0) {
      const text = `${truncated} messages of a compound were cut off`;
      this.#dropped.add("truncated", text, messageType.compound, from);
    }
    if (left > 0) {
      const text = `they came in a packet after ${maxBadPartsPerPacket} bad ones`;
      this.#dropped.add("too_many_bad_parts", text, messageType.compound, from, left);
    }
  }

  /**
   * Handles a message without a view of it, if that is enough: it drops an alive message that changes nothing, and passes a user message on.
   *
   * @returns whether it has handled the message
   */
  #handleInPlace(bytes: Uint8Array, start: number, end: number, from: Address): boolean {
    const type = start < end ? bytes[start] : undefined;
    if (type === messageType.alive) return this.#parts.membership.isDuplicate(bytes, start + 1, end);
    if (type !== messageType.user) return false;
    const { takeUser, events } = this.#parts.context.outputs;
    if (takeUser === undefined || this.#handoff.size > 0 || events.length > 0 || this.#badPartsLeft === 0) return false;
    takeUser(bytes, start, end, from);
    return true;
  }

  #part(bytes: Uint8Array, start: number, end: number, from: Address, receivedAt: number): void {
    try {
      this.#message(bytes, start, end, from, receivedAt);
    } catch (error) {
      this.#badPartsLeft--;
      this.#dropped.addError(error, bytes[start], from);
    }
  }

  /** Handles one message that is not a duplicate. Messages rejected without decoding throw no exception. */
  #message(bytes: Uint8Array, start: number, end: number, from: Address, receivedAt: number): void {
    const { acks, responder } = this.#parts;
    const type = start < end ? bytes[start] : undefined;
    if (type === undefined) {
      this.#dropped.add("empty", "the message type is missing", type, from);
      return;
    }
    switch (type) {
      case messageType.compound:
        this.#dropped.add("nested_compound", "a compound inside a compound", type, from);
        break;
      case messageType.compress:
        this.#dropped.add("nested_compress", "compressed inside a compressed message or a compound", type, from);
        break;
      case messageType.ping:
        if (this.#mayReply(type, from)) responder.ping(decodePing(bytes.subarray(start + 1, end)), from);
        break;
      case messageType.indirectPing:
        if (this.#mayReply(type, from)) responder.indirectPing(decodeIndirectPing(bytes.subarray(start + 1, end)), from);
        break;
      case messageType.ackResp:
        acks.ack(decodeAckResp(bytes.subarray(start + 1, end)), receivedAt);
        break;
      case messageType.nackResp:
        acks.nack(decodeNackResp(bytes.subarray(start + 1, end)).seqNo);
        break;
      case messageType.alive:
      case messageType.suspect:
      case messageType.dead:
      case messageType.user:
        if (!this.#handoff.push({ type, packet: bytes, start: start + 1, end, from })) {
          this.#dropped.add("handoff_full", "too many wait already", type, from);
        }
        break;
      default:
        this.#dropped.add("unknown_type", `message type ${type} is not supported`, type, from);
    }
  }

  /** Whether a packet that has asked for replies already may ask for one more: replies go to an address that the packet names. */
  #mayReply(type: number, from: Address): boolean {
    if (this.#repliesLeft > 0) {
      this.#repliesLeft--;
      return true;
    }
    this.#dropped.add("too_many_replies", `a packet asks for more than ${maxRepliesPerPacket} replies`, type, from);
    return false;
  }

  #handle({ type, packet, start, end, from }: HandoffMessage): void {
    const { context, membership } = this.#parts;
    const body = packet.subarray(start, end);
    switch (type) {
      case messageType.alive:
        this.#alive(body, from);
        break;
      case messageType.suspect:
        membership.suspect(decodeSuspect(body));
        break;
      case messageType.dead:
        membership.dead(decodeDead(body));
        break;
      case messageType.user:
        context.outputs.events.push({ type: "message", message: body, from });
        break;
    }
  }

  #alive(body: Uint8Array, from: Address): void {
    const { context, membership } = this.#parts;
    const message = decodeAlive(body);
    if (!membership.allowsPacket(message, from)) return;
    message.port = applyPort(context, message.port);
    membership.alive(message);
  }
}
