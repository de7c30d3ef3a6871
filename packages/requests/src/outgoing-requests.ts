import type { ChannelSender, Receiver } from "@memberlist/core";
import { isIp, onAbort } from "@memberlist/core/internal";
import type { Counters } from "./counters.ts";
import { RequestError } from "./errors.ts";
import { encodeRequest, idBytes, keyOf, type AnswerFrame, type FailureFrame } from "./frames.ts";
import type { RequestsMember, ResolvedOptions } from "./options.ts";
import type { Sender } from "./sender.ts";

export interface Outgoing {
  readonly to: Receiver;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

interface Pending {
  /** The name of the member that must answer; undefined if only its address is known. */
  readonly member: string | undefined;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** The requests of this member, until their answers. */
export class OutgoingRequests {
  readonly #members: RequestsMember;
  readonly #options: ResolvedOptions;
  readonly #sender: Sender;
  readonly #counters: Counters;
  readonly #pending: Map<string, Pending> = new Map();
  /** The first half is random, so that an answer to an earlier run of this program has another id. */
  readonly #nextId: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(idBytes));

  constructor(members: RequestsMember, options: ResolvedOptions, sender: Sender, counters: Counters) {
    this.#members = members;
    this.#options = options;
    this.#sender = sender;
    this.#counters = counters;
    this.#nextId.setUint32(0, Math.floor(members.config.random.next() * 2 ** 32));
  }

  /** @throws RequestError `too_many_requests` if so many more requests must not wait */
  checkRoom(count: number): void {
    const { size } = this.#pending;
    if (size + count <= this.#options.maxPending) return;
    throw new RequestError("too_many_requests", `${size} requests wait for their answers, and ${count} more exceed maxPending`);
  }

  /**
   * Sends a request.
   *
   * @returns its answer, and whether packets are queued faster than the network accepts them
   */
  start(request: Outgoing): { readonly answer: Promise<Uint8Array>; readonly isFull: boolean } {
    let isFull = false;
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      isFull = !this.#start(request, resolve, reject);
    });
    return { answer, isFull };
  }

  #start(request: Outgoing, resolve: (payload: Uint8Array) => void, reject: (error: unknown) => void): boolean {
    const { to, name, payload, timeout, signal } = request;
    if (signal?.aborted === true) throw aborted(signal);
    this.checkRoom(1);
    const { clock } = this.#members.config;
    const id = this.#newId();
    const key = keyOf(id);
    const until = clock.now() + timeout;
    const stop = new AbortController();
    let streamError: unknown;
    const end =
      <T>(settle: (value: T) => void) =>
      (value: T): void => {
        this.#pending.delete(key);
        clock.clearTimeout(deadline);
        clock.clearTimeout(retry);
        stopListening?.();
        stop.abort();
        settle(value);
      };
    const fail = end(reject);
    const frameOf = (onStream: boolean): Uint8Array =>
      encodeRequest({ id, onStream, timeout: Math.max(1, until - clock.now()), name, payload });
    const sendStream = (onError: (error: unknown) => void): void => {
      const sent = this.#sender.sendStream(to, () => frameOf(true), until, stop.signal);
      sent.catch((error: unknown) => stop.signal.aborted || onError(error));
    };
    const again = (): void => {
      this.#counters.count("retried");
      // The packet may have arrived nevertheless.
      sendStream((error) => (streamError = error));
    };
    const short = frameOf(false);
    const isShort = this.#sender.isShort(short);
    const isFlowing = !isShort || this.#sender.sendPacket(to, short);
    this.#counters.count("sent");
    const deadline = clock.setTimeout(() => {
      this.#counters.count("timedOut");
      fail(new RequestError("timeout", `${describe(to)} did not answer ${name} within ${timeout} ms`, { cause: streamError }));
    }, timeout);
    const retry = isShort ? clock.setTimeout(again, this.#options.retryAfter) : undefined;
    const stopListening = signal && onAbort(signal, () => fail(aborted(signal)));
    this.#pending.set(key, { member: this.#nameOf(to), resolve: end(resolve), reject: fail });
    if (!isShort) sendStream(fail);
    return isFlowing;
  }

  receive(frame: AnswerFrame | FailureFrame, from: ChannelSender): void {
    const pending = this.#pending.get(keyOf(frame.id));
    if (pending === undefined || (pending.member !== undefined && pending.member !== from.name)) {
      this.#counters.count("lateAnswers");
    } else if (frame.type === "answer") {
      this.#counters.count("answered");
      pending.resolve(frame.payload);
    } else {
      this.#counters.count("failed");
      pending.reject(new RequestError(frame.code, frame.message, { member: from.name }));
    }
  }

  /** Fails all requests that wait. */
  end(error: RequestError): void {
    for (const { reject } of this.#pending.values()) reject(error);
  }

  #newId(): Uint8Array {
    this.#nextId.setUint32(4, this.#nextId.getUint32(4) + 1);
    return new Uint8Array(this.#nextId.buffer.slice(0));
  }

  #nameOf(to: Receiver): string | undefined {
    if (typeof to !== "string") return to.name === "" ? undefined : to.name;
    return to.includes(":") || to.includes("/") || isIp(to) ? undefined : to;
  }
}

function aborted(signal: AbortSignal): RequestError {
  return new RequestError("aborted", "the signal was aborted", { cause: signal.reason });
}

function describe(to: Receiver): string {
  return typeof to === "string" ? to : to.name || ("host" in to ? `${to.host}:${to.port}` : `${to.addr}:${to.port}`);
}
