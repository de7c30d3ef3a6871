import { errorMessage, MemberlistError, errnoOf } from "../api/errors.ts";
import { systemClock, type Clock, type ClockTimer } from "../ports/clock.ts";
import type { TransportStream } from "../ports/transport.ts";
import type { InboundSlot } from "../util/inbound-slots.ts";
import type { TurnBudget } from "../util/turn-budget.ts";

/** How long a closed stream waits in the background for the peer to close too. In ms. */
const lingerMs = 1000;
/** How long a shutdown waits for bytes that the kernel has not taken yet. In ms. */
const flushMs = 250;

/** What a stream shares with the others that peers have opened. */
export interface InboundStream {
  readonly slot: InboundSlot;
  /** Limits how many reads end in a turn: a thousand peers may close their streams at the same moment. */
  readonly reads: TurnBudget;
}

/** The runtime's connected TCP socket. One read and one write (or `closeWrite`) at a time. */
export interface Connection {
  /** Undefined where the peer is gone already. */
  readonly remote: { readonly host: string; readonly port: number } | undefined;
  /** Resolves when the socket is gone, with the error that ended it, if one did. */
  readonly gone: Promise<unknown>;
  /** The next bytes, which belong to the caller; undefined after the peer's FIN. Bytes that arrived before an error come before it. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the kernel has all of them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends FIN. */
  closeWrite(): Promise<void>;
  /** Frees the socket, which ends reads and writes under way. May be called twice. */
  close(): void;
  /** The same with RST, where the runtime can send it: the peer takes it for an error, not for an end. */
  reset(): void;
}

/**
 * A connection as a stream of the core, with the core's errors.
 *
 * - A `write()` resolves when the kernel has the bytes. `writable.close()` sends FIN; reading goes on.
 * - `writable.abort()` resets the connection: nothing more is sent, nothing lingers, and the peer's readable fails.
 * - `close()` never loses what a resolved `write()` took. Closing a socket with unread input makes the kernel send RST and discard its
 *   send buffer. So FIN goes out first, and input is read and discarded until the peer closes, for at most 1 s.
 *
 * Connections are half-open: a peer's FIN does not end our side, so a request can be answered after it. That costs nothing with Go
 * peers, which never half-close.
 */
export class TcpStream implements TransportStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;
  readonly #connection: Connection;
  /** Undefined for a stream that this side opened. */
  readonly #inbound: InboundStream | undefined;
  readonly #clock: Clock;
  #source: { error(reason: unknown): void } | undefined;
  #sink: { error(reason: unknown): void } | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #writing: Promise<unknown> = Promise.resolve();
  #timer: ClockTimer = undefined;
  #isClosed = false;
  #isDestroyed = false;
  #isGone = false;

  constructor(connection: Connection, inbound?: InboundStream, clock: Clock = systemClock()) {
    this.#clock = clock;
    this.#connection = connection;
    this.#inbound = inbound;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#source = controller;
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#drop(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
        // Earlier than `abort`, which waits for a write under way. Some types leave the signal out.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => this.#reset(), { once: true });
      },
      write: (chunk) => this.#write(() => connection.write(chunk)),
      close: () => this.#write(() => connection.closeWrite()),
    });
    this.gone = connection.gone.then((error) => this.#ended(error));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closed = closedError();
    this.#source?.error(closed);
    this.#sink?.error(closed);
    if (this.#isDestroyed || this.#isGone) return;
    this.#inbound?.slot.linger();
    this.#destroyAfter(lingerMs);
    this.#linger().then(
      () => this.destroy(),
      () => this.destroy(),
    );
  }

  /** Ends it without waiting for anything. */
  destroy(): void {
    this.close();
    this.#isDestroyed = true;
    this.#connection.close();
  }

  /** Gives the connection up for good: when the kernel has taken what is being written, or after a moment. */
  async terminate(): Promise<void> {
    this.close();
    if (!this.#isDestroyed && !this.#isGone) {
      this.#destroyAfter(flushMs);
      await this.#writing;
      this.destroy();
    }
    await this.gone;
  }

  /** Ends it, and throws away what the kernel has not sent yet. */
  #reset(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#inbound?.slot.leave();
    this.#connection.reset();
  }

  async #linger(): Promise<void> {
    this.#drop();
    await this.#writing;
    await this.#connection.closeWrite();
    await this.#reading;
  }

  /** Reads on to the end and throws the bytes away, so that the peer is not blocked and its FIN is seen. */
  #drop(): void {
    const discard = async (): Promise<void> => {
      while ((await this.#connection.read()) !== undefined);
    };
    this.#reading = this.#reading.then(discard).catch(() => undefined);
  }

  async #pull(controller: { enqueue(chunk: Uint8Array): void; close(): void; error(reason: unknown): void }): Promise<void> {
    if (this.#isClosed) return controller.error(closedError());
    const reading = this.#connection.read();
    this.#reading = reading.catch(() => undefined);
    try {
      const bytes = await reading;
      await this.#inTurn(() => {
        if (this.#isClosed) controller.error(closedError());
        else if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      });
    } catch (error) {
      await this.#inTurn(() => controller.error(this.#failure("the connection failed", error)));
    }
  }

  /** Ends a read: now, or in a later turn if many inbound reads end in this one. */
  #inTurn(work: () => void): void | Promise<void> {
    const reads = this.#inbound?.reads;
    if (reads === undefined) return work();
    return reads.run(() => {
      reads.spend(1);
      work();
    });
  }

  /** One at a time: the stream sees to that. */
  async #write(start: () => Promise<void>): Promise<void> {
    if (this.#isDestroyed) throw closedError();
    const writing = start();
    this.#writing = writing.catch(() => undefined);
    try {
      await writing;
    } catch (error) {
      throw this.#failure("writing failed", error);
    }
  }

  #failure(what: string, error: unknown): MemberlistError {
    if (this.#isClosed || this.#isDestroyed) return closedError(error);
    const details = { errno: errnoOf(error) };
    return new MemberlistError("stream_failed", `${what}: ${errorMessage(error)}`, { cause: error, details });
  }

  #ended(error: unknown): void {
    this.#isGone = true;
    this.#inbound?.slot.leave();
    this.#clock.clearTimeout(this.#timer);
    // After `close` it has its error already.
    if (this.#isClosed) return;
    this.#sink?.error(error === undefined ? closedError() : this.#failure("the connection failed", error));
  }

  #destroyAfter(delay: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.destroy(), delay);
  }
}

function closedError(cause?: unknown): MemberlistError {
  return new MemberlistError("stream_closed", "the stream is closed", { cause });
}
