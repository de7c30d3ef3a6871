import type { ChannelSender, ClockTimer, Node, Receiver } from "@memberlist/core";
import { errorMessage, Fifo } from "@memberlist/core/internal";
import type { Counters } from "./counters.ts";
import { encodeAnswer, encodeFailure, keyOf, nameMaxBytes, type RequestFrame } from "./frames.ts";
import type { RequestsMember, ResolvedOptions } from "./options.ts";
import { channelName, type Sender } from "./sender.ts";

/** What a handler knows about a request. */
export interface RequestContext {
  /** The name of the member that asks. A member with the cluster's key can forge it. */
  readonly from: string;
  /** The name of the request. */
  readonly name: string;
  /**
   * Aborted when the other member stops waiting for the answer, after `maxHandlerTime`, and when this member stops. End the work then: the
   * member drops the answer, and gives the place to another request.
   */
  readonly signal: AbortSignal;
}

/**
 * Answers requests of one name. Undefined is an empty answer. An error is sent with its `code` if that is a string, and with `handler_failed` otherwise;
 * its message is sent, too.
 */
export type RequestHandler = (
  payload: Uint8Array,
  context: RequestContext,
) => Uint8Array | Promise<Uint8Array | undefined> | undefined;

/** How many requests are remembered after their answer, so that one that arrives again does not run twice. */
const maxAnswered = 4_096;
/** The bytes of all requests that wait for a handler. */
const maxQueuedBytes = 32 * 1024 * 1024;
/** How long the stream of an answer may take, in ms. It ends earlier if the other member stops waiting. */
const answerTimeout = 10_000;
/** The bytes of all answers that wait for their streams, or are being sent. A single one may be longer. */
const maxAnswerBytes = 32 * 1024 * 1024;
/** The bytes of a request without its name and payload. */
const requestOverhead = 14;
/** The bytes of a channel's header without the name of the sender. */
const headerOverhead = 7 + channelName.length;
/** An answer to an address that is not a member's may have so many times the bytes of its request, as in QUIC: the address may be forged. */
const maxAmplification = 3;

/** A request of another member. It stays after its answer, so it must not keep the bytes of its message. */
interface Known {
  readonly key: string;
  readonly id: Uint8Array;
  readonly name: string;
  /** Undefined once the handler has it. */
  payload: Uint8Array | undefined;
  readonly from: ChannelSender;
  /** When the other member stops waiting. */
  readonly until: number;
  /** Its bytes with the header of the channel, or fewer. */
  readonly size: number;
  /** It arrived over a stream, at first or again. */
  onStream: boolean;
  /** An answer that was sent in a packet, which may be lost. */
  packet: Uint8Array | undefined;
  /** Its handler took too long. */
  isOver: boolean;
}

/** The requests of other members, and the handlers that answer them. */
export class IncomingRequests {
  readonly handlers: Map<string, RequestHandler> = new Map();
  readonly #members: RequestsMember;
  readonly #options: ResolvedOptions;
  readonly #sender: Sender;
  readonly #counters: Counters;
  readonly #known: Map<string, Known> = new Map();
  /** The keys of those that were answered, the oldest first. */
  readonly #answered: Set<string> = new Set();
  readonly #queue: Fifo<Known> = new Fifo();
  /** The handlers that run, with their timers. */
  readonly #running: Map<AbortController, ClockTimer> = new Map();
  readonly #stop: AbortController = new AbortController();
  #queuedBytes = 0;
  #answerBytes = 0;

  constructor(members: RequestsMember, options: ResolvedOptions, sender: Sender, counters: Counters) {
    this.#members = members;
    this.#options = options;
    this.#sender = sender;
    this.#counters = counters;
  }

  receive(frame: RequestFrame, from: ChannelSender): void {
    const key = `${keyOf(frame.id)}${from.name}`;
    const known = this.#known.get(key);
    if (known === undefined) this.#accept(key, frame, from);
    else this.#receiveAgain(known);
  }

  end(): void {
    this.#queue.clear();
    this.#stop.abort();
    for (const [running, timer] of this.#running) {
      this.#members.config.clock.clearTimeout(timer);
      running.abort();
    }
  }

  #receiveAgain(known: Known): void {
    this.#counters.count("duplicates");
    known.onStream = true;
    const { packet } = known;
    if (packet === undefined) return;
    if (!this.#isMember(known)) {
      // Each repeated request pays for another packet.
      this.#sendPacket(known, packet);
      return;
    }
    known.packet = undefined;
    this.#sendOverStream(known, packet);
  }

  #accept(key: string, frame: RequestFrame, from: ChannelSender): void {
    const until = this.#members.config.clock.now() + frame.timeout;
    const { name, onStream, payload } = frame;
    const id = new Uint8Array(frame.id);
    const size = headerOverhead + from.name.length + requestOverhead + name.length + payload.length;
    const known: Known = { key, id, name, payload: undefined, from, until, size, onStream, packet: undefined, isOver: false };
    this.#known.set(key, known);
    if (!this.handlers.has(name)) {
      this.#counters.count("unknown");
      this.#fail(known, "unknown_request", `${this.#members.localNode().name} has no handler for ${name}`);
    } else if (this.#running.size < this.#options.maxConcurrent) this.#run(known, payload);
    else if (this.#queue.size < this.#options.maxQueued && this.#queuedBytes + payload.length <= maxQueuedBytes) {
      known.payload = payload;
      this.#queue.push(known);
      this.#queuedBytes += payload.length;
    } else {
      this.#counters.count("refused");
      this.#fail(known, "busy", `${this.#queue.size} requests wait for their handlers at ${this.#members.localNode().name}`);
    }
  }

  #done({ key }: Known): void {
    this.#answered.add(key);
    if (this.#answered.size <= maxAnswered) return;
    const [oldest] = this.#answered;
    this.#answered.delete(oldest as string);
    this.#known.delete(oldest as string);
  }

  /** @returns whether a handler runs */
  #run(known: Known, payload: Uint8Array): boolean {
    const { name, from, until } = known;
    const { clock } = this.#members.config;
    const handler = this.handlers.get(name);
    const left = until - clock.now();
    if (left <= 0) {
      this.#counters.count("expired");
      this.#done(known);
      return false;
    }
    if (handler === undefined) {
      this.#counters.count("unknown");
      this.#fail(known, "unknown_request", `the handler for ${name} was removed`);
      return false;
    }
    this.#counters.count("handled");
    const stop = new AbortController();
    const free = (): void => {
      clock.clearTimeout(timer);
      if (this.#running.delete(stop)) this.#runNext();
    };
    const timer: ClockTimer = clock.setTimeout(
      () => {
        this.#counters.count("overdue");
        this.#done(known);
        if (until > clock.now()) this.#fail(known, "handler_failed", `the handler for ${name} took longer than maxHandlerTime`);
        known.isOver = true;
        stop.abort();
        free();
      },
      Math.min(left, this.#options.maxHandlerTime),
    );
    this.#running.set(stop, timer);
    const context: RequestContext = { from: from.name, name, signal: stop.signal };
    this.#answer(known, async () => handler(payload, context)).then(free, throwLater);
    return true;
  }

  #runNext(): void {
    if (this.#stop.signal.aborted || this.#running.size >= this.#options.maxConcurrent) return;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { payload = new Uint8Array() } = next;
      next.payload = undefined;
      this.#queuedBytes -= payload.length;
      if (this.#run(next, payload)) return;
    }
  }

  async #answer(known: Known, handle: () => Promise<Uint8Array | undefined>): Promise<void> {
    try {
      const payload: unknown = await handle();
      if (payload !== undefined && !(payload instanceof Uint8Array)) throw new TypeError("a handler must return a Uint8Array");
      this.#send(known, encodeAnswer(known.id, payload ?? new Uint8Array()));
    } catch (error) {
      this.#fail(known, codeOf(error), errorMessage(error));
    }
  }

  #fail(known: Known, code: string, message: string): void {
    this.#send(known, encodeFailure(known.id, code, message));
  }

  #send(known: Known, frame: Uint8Array): void {
    this.#done(known);
    if (this.#stop.signal.aborted) return;
    if (known.isOver || known.until <= this.#members.config.clock.now()) {
      this.#counters.count("unsent");
      return;
    }
    if (!this.#isMember(known)) {
      this.#sendToStranger(known, frame);
      return;
    }
    if (known.onStream || !this.#sender.isShort(frame)) {
      this.#sendOverStream(known, frame);
      return;
    }
    known.packet = frame;
    this.#sendPacket(known, frame);
  }

  #sendPacket(known: Known, frame: Uint8Array): void {
    try {
      this.#sender.sendPacket(this.#addressOf(known), frame);
    } catch {
      this.#counters.count("unsent");
    }
  }

  /** Answers an address that may be forged: in a packet that is not much longer than the request, or not at all. */
  #sendToStranger(known: Known, frame: Uint8Array): void {
    const header = headerOverhead + new TextEncoder().encode(this.#members.localNode().name).length;
    const isAllowed = ({ length }: Uint8Array): boolean => header + length <= maxAmplification * known.size;
    known.packet = [frame, encodeFailure(known.id, "not_a_member", "")].find(
      (packet) => isAllowed(packet) && this.#sender.isShort(packet),
    );
    if (known.packet !== frame) this.#counters.count("withheld");
    if (known.packet !== undefined) this.#sendPacket(known, known.packet);
  }

  #sendOverStream(known: Known, frame: Uint8Array): void {
    if (this.#answerBytes > 0 && this.#answerBytes + frame.length > maxAnswerBytes) {
      this.#counters.count("refused");
      // A short answer waits no longer than the long ones.
      this.#sendPacket(known, encodeFailure(known.id, "busy", "too many long answers wait for their streams"));
      return;
    }
    const until = Math.min(known.until, this.#members.config.clock.now() + answerTimeout);
    this.#answerBytes += frame.length;
    this.#sender
      .sendStream(this.#addressOf(known), () => frame, until, this.#stop.signal)
      .then(
        (isSent) => {
          this.#answerBytes -= frame.length;
          if (!isSent) this.#counters.count("unsent");
        },
        (error: unknown) => {
          this.#answerBytes -= frame.length;
          if (codeOf(error) === "message_too_large") {
            this.#fail(known, "answer_too_large", `the answer to ${known.name} exceeds the limit of a message`);
          } else this.#counters.count("unsent");
        },
      );
  }

  #isMember({ from }: Known): boolean {
    return this.#nodeOf(from.name) !== undefined;
  }

  /** The address of a stream's sender has the port of the connection, so the member's own address is better. */
  #addressOf({ from }: Known): Receiver {
    return this.#nodeOf(from.name) ?? from.address;
  }

  #nodeOf(name: string): Node | undefined {
    const node = this.#members.get(name);
    return node === undefined || node.state === "dead" || node.state === "left" ? undefined : node;
  }
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  const isCode = typeof code === "string" && code !== "" && code.length * 3 <= nameMaxBytes;
  return isCode ? code : "handler_failed";
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
