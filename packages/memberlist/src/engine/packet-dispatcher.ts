import type { Address } from "../address.ts";
import { scanAlive } from "../wire/claim-layout.ts";
import { decompressBody } from "../wire/compress.ts";
import { visitCompound } from "../wire/compound.ts";
import { maxDecompressedPacketBytes, maxNestingDepth, messageType } from "../wire/constants.ts";
import { DecodeError } from "../wire/decode-error.ts";
import {
  decodeAckResp,
  decodeAlive,
  decodeDead,
  decodeIndirectPing,
  decodeNackResp,
  decodePing,
  decodeSuspect,
} from "../wire/decode.ts";
import type { AckHandlers } from "./ack-handlers.ts";
import { applyPort, type EngineContext } from "./context.ts";
import { HandoffQueue, type HandoffMessage } from "./handoff-queue.ts";
import type { Membership } from "./membership.ts";
import { numberRepeat, repeatNumber } from "./repeats.ts";
import type { Responder } from "./responder.ts";

export interface PacketParts {
  readonly context: EngineContext;
  readonly membership: Membership;
  readonly responder: Responder;
  readonly acks: AckHandlers;
}

/** Takes packets apart and hands each message to whom it concerns. Source: PROTOCOL.md sections 2 and 3. */
export class PacketDispatcher {
  readonly #parts: PacketParts;
  readonly #handoff: HandoffQueue;
  /** What one packet may still decompress to, in bytes: nesting must not multiply the limit. */
  #decompressionBudget = 0;

  constructor(parts: PacketParts) {
    this.#parts = parts;
    this.#handoff = new HandoffQueue(parts.context.config.handoffQueueDepth);
  }

  get waiting(): number {
    return this.#handoff.size;
  }

  receive(message: Uint8Array, from: Address, receivedAt: number): void {
    const { maxDecompressedBytes } = this.#parts.context.config.limits;
    this.#decompressionBudget = Math.min(maxDecompressedBytes, maxDecompressedPacketBytes);
    this.#guard(message[0], from, () => this.#dispatch(message, from, receivedAt, 0));
  }

  drain(limit: number): void {
    for (let i = 0; i < limit; i++) {
      const message = this.#handoff.shift();
      if (message === undefined) return;
      this.#guard(message.type, message.from, () => this.#handle(message));
    }
  }

  clear(): void {
    this.#handoff.clear();
  }

  #dispatch(message: Uint8Array, from: Address, receivedAt: number, depth: number): void {
    if (depth > maxNestingDepth) throw new DecodeError("too_deep", `nested more than ${maxNestingDepth} deep`);
    const { acks, responder } = this.#parts;
    const type = message[0];
    if (type === undefined) throw new DecodeError("empty", "the message type is missing");
    const body = message.subarray(1);
    switch (type) {
      case messageType.compound:
        this.#compound(body, from, receivedAt, depth);
        break;
      case messageType.compress:
        this.#dispatch(this.#decompress(body), from, receivedAt, depth + 1);
        break;
      case messageType.ping:
        responder.ping(decodePing(body), from);
        break;
      case messageType.indirectPing:
        responder.indirectPing(decodeIndirectPing(body), from);
        break;
      case messageType.ackResp:
        acks.ack(decodeAckResp(body), receivedAt);
        break;
      case messageType.nackResp:
        acks.nack(decodeNackResp(body).seqNo);
        break;
      case messageType.alive:
        if (!this.#isRepeat(body, 0, body.length)) this.#handOff({ type, body, from });
        break;
      case messageType.suspect:
      case messageType.dead:
      case messageType.user:
        this.#handOff({ type, body, from });
        break;
      default:
        throw new DecodeError("unknown_type", `message type ${type} is not supported`);
    }
  }

  #decompress(body: Uint8Array): Uint8Array {
    const budget = this.#decompressionBudget;
    // Spent, too, where it does not suffice: the work was done.
    this.#decompressionBudget = 0;
    const message = decompressBody(body, budget);
    this.#decompressionBudget = budget - message.length;
    return message;
  }

  /** Each part stands for itself: a bad one does not take the others with it. */
  #compound(body: Uint8Array, from: Address, receivedAt: number, depth: number): void {
    const truncated = visitCompound(body, (start, end) => {
      if (body[start] === messageType.alive && this.#isRepeat(body, start + 1, end)) return;
      const part = body.subarray(start, end);
      this.#guard(part[0], from, () => this.#dispatch(part, from, receivedAt, depth + 1));
    });
    if (truncated > 0) throw new DecodeError("truncated", `${truncated} messages of a compound were cut off`);
  }

  /** Whether an alive message (its body, from `start` to `end`) says what is known: it takes no place in the queue then. */
  #isRepeat(bytes: Uint8Array, start: number, end: number): boolean {
    const { membership, context } = this.#parts;
    if (!membership.dropsRepeats) return false;
    const number = repeatNumber(bytes, start, end);
    if (context.table.isRepeat(number)) return true;
    const layout = scanAlive(bytes, start, end);
    const record = layout && membership.repeated(bytes, layout);
    if (record === undefined) return false;
    context.table.rememberRepeat(record, number > 0 ? number : numberRepeat(bytes, start, end));
    return true;
  }

  #handOff(message: HandoffMessage): void {
    if (this.#handoff.push(message)) return;
    const { effects } = this.#parts.context;
    effects.stats.count("dropped.handoff_full");
    effects.log.warn("handoff_full", "too many messages wait, dropping one", { type: message.type, from: message.from });
  }

  #handle({ type, body, from }: HandoffMessage): void {
    const { context, membership } = this.#parts;
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
        context.effects.emit({ type: "message", message: body });
        break;
    }
  }

  #alive(body: Uint8Array, from: Address): void {
    const { context, membership } = this.#parts;
    const claim = decodeAlive(body);
    const isAllowed = context.allowList.allows(from.host) && (claim.addr === "" || context.allowList.allows(claim.addr));
    if (!isAllowed) {
      context.effects.stats.count("dropped.address_not_allowed");
      context.effects.log.debug("address_not_allowed", `blocked an alive message for ${claim.node}`, { addr: claim.addr, from });
      return;
    }
    membership.alive({ ...claim, port: applyPort(context, claim.port) });
  }

  /** Whatever a peer sends: a counted drop, and a line in the log at a bounded rate. */
  #guard(type: number | undefined, from: Address, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const { effects } = this.#parts.context;
      effects.stats.count(`dropped.${error.reason}`);
      effects.log.warn("bad_message", `dropping a message: ${error.message}`, { reason: error.reason, type, from });
    }
  }
}
