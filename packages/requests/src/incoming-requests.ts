import type { ChannelSender, ClockTimer, Receiver } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import type { Counters } from "./counters.ts";
import { encodeAnswer, encodeFailure, keyOf, nameMaxBytes, type RequestFrame } from "./frames.ts";
import type { RequestsMember, ResolvedOptions } from "./options.ts";
import type { Sender } from "./sender.ts";

/** What a handler knows about a request. */
export interface RequestContext {
  /** The name of the member that asks. A member with the cluster's key can forge it. */
  readonly from: string;
  /** The name of the request. */
  readonly name: string;
  /** Aborted when the other member no longer waits for the answer, and when this member stops. End the work then. */
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

/** How many requests are remembered, so that one that arrives again does not run twice. */
const maxKnown = 4_096;
/** The bytes that requests may have that wait for their handler. */
const maxQueuedBytes = 32 * 1024 * 1024;
/** How long the stream of an answer may take, in ms, if the other member waits that long. */
const answerTimeout = 10_000;

/** A request of another member. */
interface Known {
  readonly frame: RequestFrame;
  readonly from: ChannelSender;
  /** When the other member stops waiting. */
  readonly until: number;
  /** It arrived over a stream, at first or again. */
  onStream: boolean;
  isDone: boolean;
  /** An answer that was sent in a packet, which may be lost. */
  packet: Uint8Array | undefined;
}

/** The requests of other members, and the handlers that answer them. */
export class IncomingRequests {
  readonly handlers: Map<string, RequestHandler> = new Map();
  readonly #members: RequestsMember;
  readonly #options: ResolvedOptions;
  readonly #sender: Sender;
  readonly #counters: Counters;
  readonly #known: Map<string, Known> = new Map();
  readonly #queue: Known[] = [];
  /** The handlers that run, with their timers. */
  readonly #running: Map<AbortController, ClockTimer> = new Map();
  readonly #stop: AbortController = new AbortController();
  #queuedBytes = 0;

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
    this.#queue.length = 0;
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
    known.packet = undefined;
    if (packet !== undefined) this.#sendOverStream(known, packet);
  }

  #accept(key: string, frame: RequestFrame, from: ChannelSender): void {
    const until = this.#members.config.clock.now() + frame.timeout;
    const known: Known = { frame, from, until, onStream: frame.onStream, isDone: false, packet: undefined };
    this.#remember(key, known);
    if (!this.handlers.has(frame.name)) {
      this.#counters.count("unknown");
      this.#fail(known, "unknown_request", `${this.#members.localNode().name} has no handler for ${frame.name}`);
    } else if (this.#running.size < this.#options.maxConcurrent) this.#run(known);
    else if (this.#queue.length < this.#options.maxQueued && this.#queuedBytes + frame.payload.length <= maxQueuedBytes) {
      this.#queue.push(known);
      this.#queuedBytes += frame.payload.length;
    } else {
      this.#counters.count("refused");
      this.#fail(known, "busy", `${this.#queue.length} requests wait for their handlers at ${this.#members.localNode().name}`);
    }
  }

  #remember(key: string, known: Known): void {
    this.#known.set(key, known);
    for (const [oldest, { isDone }] of this.#known) {
      if (this.#known.size <= maxKnown) return;
      if (isDone) this.#known.delete(oldest);
    }
  }

  #run(known: Known): void {
    const { frame, from, until } = known;
    const { clock } = this.#members.config;
    const handler = this.handlers.get(frame.name);
    const left = until - clock.now();
    if (left <= 0 || handler === undefined) {
      this.#counters.count(left <= 0 ? "expired" : "unknown");
      known.isDone = true;
      if (left > 0) this.#fail(known, "unknown_request", `the handler for ${frame.name} was removed`);
      this.#runNext();
      return;
    }
    this.#counters.count("handled");
    const stop = new AbortController();
    const timer: ClockTimer = clock.setTimeout(() => stop.abort(), left);
    this.#running.set(stop, timer);
    const context: RequestContext = { from: from.name, name: frame.name, signal: stop.signal };
    this.#answer(known, async () => handler(frame.payload, context)).then(() => {
      clock.clearTimeout(timer);
      this.#running.delete(stop);
      this.#runNext();
    }, throwLater);
  }

  #runNext(): void {
    if (this.#stop.signal.aborted || this.#running.size >= this.#options.maxConcurrent) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#queuedBytes -= next.frame.payload.length;
    this.#run(next);
  }

  async #answer(known: Known, handle: () => Promise<Uint8Array | undefined>): Promise<void> {
    try {
      const payload: unknown = await handle();
      if (payload !== undefined && !(payload instanceof Uint8Array)) throw new TypeError("a handler must return a Uint8Array");
      this.#send(known, encodeAnswer(known.frame.id, payload ?? new Uint8Array()));
    } catch (error) {
      this.#fail(known, codeOf(error), errorMessage(error));
    }
  }

  #fail(known: Known, code: string, message: string): void {
    this.#send(known, encodeFailure(known.frame.id, code, message));
  }

  #send(known: Known, frame: Uint8Array): void {
    known.isDone = true;
    if (this.#stop.signal.aborted) return;
    if (known.onStream || !this.#sender.isShort(frame)) {
      this.#sendOverStream(known, frame);
      return;
    }
    known.packet = frame;
    try {
      this.#sender.sendPacket(this.#addressOf(known), frame);
    } catch {
      this.#counters.count("unsent");
    }
  }

  #sendOverStream(known: Known, frame: Uint8Array): void {
    const left = Math.min(answerTimeout, known.until - this.#members.config.clock.now());
    if (left <= 0) {
      this.#counters.count("unsent");
      return;
    }
    this.#sender
      .sendStream(this.#addressOf(known), () => frame, left, this.#stop.signal)
      .catch((error: unknown) => {
        if (codeOf(error) === "message_too_large") {
          this.#fail(known, "answer_too_large", `the answer to ${known.frame.name} exceeds the limit of a message`);
        } else this.#counters.count("unsent");
      });
  }

  /** The address of a stream's sender has the port of the connection, so the member's own address is better. */
  #addressOf({ from }: Known): Receiver {
    const node = this.#members.get(from.name);
    return node === undefined || node.state === "dead" || node.state === "left" ? from.address : node;
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
