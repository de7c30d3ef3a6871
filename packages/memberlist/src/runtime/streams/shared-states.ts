import { MemberlistError } from "../../api/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { UnchangedNodes } from "../../wire/messages/unchanged-nodes.ts";
import { limitExceeded } from "../../wire/errors.ts";
import type { IsWanted } from "../../util/serial-queue.ts";
import type { PendingOperations } from "../pending-operations.ts";
import type { ExchangedStates } from "./state-exchange.ts";
import type { StreamCodec } from "./stream-codec.ts";

/** A state that took less than this to encode, in ms, delays no other one. */
const quick = 10;
/** The longest pause after a state that took long, in ms. */
const maxPause = 1_000;

/** Our state, for one stream. */
export interface StateLease {
  /** The push/pull message. */
  readonly message: Uint8Array;
  /** The message as it goes onto a stream: compressed and encrypted. */
  readonly encoded: Uint8Array;
  /** The nodes of the message. */
  readonly unchanged: () => Promise<UnchangedNodes>;
  /** Call it when the stream has finished with the state. */
  readonly release: () => void;
}

/** The stream that a state is for. */
export interface StateUser {
  readonly isWanted: IsWanted;
  /** Ends the stream: its state is dropped to make room. */
  readonly drop: (error: MemberlistError) => void;
}

export interface SharedStatesOptions {
  readonly clock: Clock;
  readonly operations: PendingOperations;
  /** Makes our state. */
  readonly states: Pick<ExchangedStates, "localState" | "nextPart" | "yieldToEventLoop">;
  readonly codec: Pick<StreamCodec, "encode">;
  /** `limits.maxPushPullAnswerBytes`. */
  readonly maxBytes: number;
  /** How long a request waits at most, in ms. Under pressure, a state is dropped after half of it. */
  readonly timeout: number;
}

interface Request {
  readonly user: StateUser;
  readonly resolve: (lease: StateLease) => void;
  readonly reject: (error: unknown) => void;
  isOver: boolean;
}

/** One encoded state and the streams that use it. */
interface Shared {
  readonly bytes: number;
  readonly encodedAt: number;
  readonly users: Set<StateUser>;
}

/**
 * Our state for peers that request it. Requests share an encoded state if all of them came before its encoding began: no peer gets a state that is older than
 * its request. Requests that come while a state is being encoded share the next one. So however many come at once, at most two states are encoded, for joins and for others each.
 *
 * The states in use are bounded together. A request that finds no room waits; a state that has been in use for half of the timeout makes room.
 */
export class SharedStates {
  readonly #options: SharedStatesOptions;
  readonly #requests: ReadonlyMap<boolean, Set<Request>> = new Map([
    [true, new Set()],
    [false, new Set()],
  ]);
  /** The oldest first. */
  readonly #inUse: Set<Shared> = new Set();
  #bytes = 0;
  /** The size of the last state: the next one will be about as large. */
  #lastBytes = 0;
  /** When the next state may be begun: after a long one, the rest of the program gets as much time as that took. */
  #notBefore = 0;
  #isRunning = false;
  #wakeUp: () => void = nothing;

  constructor(options: SharedStatesOptions) {
    this.#options = options;
  }

  /** The bytes of all states in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A state that is begun from now on.
   *
   * @throws MemberlistError `timeout`, `shutdown`, `aborted`, or what encoding throws
   */
  take(join: boolean, user: StateUser): Promise<StateLease> {
    const { timeout, operations } = this.#options;
    const requests = this.#requests.get(join) as Set<Request>;
    return operations.run<StateLease>({ what: "to answer a push/pull", timeout }, (resolve, reject) => {
      const request: Request = { user, resolve, reject, isOver: false };
      requests.add(request);
      if (!this.#isRunning) this.#run().catch(reject);
      return () => {
        request.isOver = true;
        requests.delete(request);
        if (!this.#hasRequests) this.#wakeUp();
      };
    });
  }

  get #hasRequests(): boolean {
    for (const { size } of this.#requests.values()) if (size > 0) return true;
    return false;
  }

  async #run(): Promise<void> {
    const { yieldToEventLoop } = this.#options.states;
    this.#isRunning = true;
    do {
      // The input that waits to be read may contain more requests.
      await yieldToEventLoop();
      for (const [join, requests] of this.#requests) {
        if (requests.size === 0) continue;
        await this.#untilReady();
        const served = [...requests].filter(({ user }) => user.isWanted());
        for (const request of requests) if (!request.user.isWanted()) request.reject(unwanted());
        requests.clear();
        if (served.length > 0) await this.#serve(join, served);
      }
    } while (this.#hasRequests);
    this.#isRunning = false;
  }

  /** Never throws. */
  async #serve(join: boolean, requests: readonly Request[]): Promise<void> {
    const { clock, codec, states } = this.#options;
    const begunAt = clock.now();
    try {
      const message = await states.localState(join);
      const encoded = await codec.encode(message, () => requests.some(({ isOver, user }) => !isOver && user.isWanted()));
      this.#share(message, encoded, requests);
    } catch (error) {
      for (const request of requests) request.reject(error);
    }
    const took = clock.now() - begunAt;
    this.#notBefore = took < quick ? 0 : clock.now() + Math.min(took, maxPause);
  }

  #share(message: Uint8Array, encoded: Uint8Array, requests: readonly Request[]): void {
    const { clock, states } = this.#options;
    const bytes = message === encoded ? message.length : message.length + encoded.length;
    const state: Shared = { bytes, encodedAt: clock.now(), users: new Set() };
    this.#lastBytes = bytes;
    let unchanged: Promise<UnchangedNodes> | undefined;
    for (const { isOver, resolve, user } of requests) {
      if (isOver) continue;
      state.users.add(user);
      resolve({
        message,
        encoded,
        unchanged: () => (unchanged ??= UnchangedNodes.of(message, states.nextPart)),
        release: () => {
          if (state.users.delete(user) && state.users.size === 0) this.#forget(state);
        },
      });
    }
    if (state.users.size === 0) return;
    this.#inUse.add(state);
    this.#bytes += bytes;
  }

  #forget(state: Shared): void {
    if (!this.#inUse.delete(state)) return;
    this.#bytes -= state.bytes;
    this.#wakeUp();
  }

  /** Resolves when a state may be begun, or no request is left. */
  async #untilReady(): Promise<void> {
    const { clock, maxBytes, timeout } = this.#options;
    while (this.#hasRequests) {
      const pause = this.#notBefore - clock.now();
      const [oldest] = this.#inUse;
      if (pause > 0) {
        await this.#sleep(pause);
      } else if (oldest === undefined || this.#bytes + this.#lastBytes <= maxBytes) {
        return;
      } else {
        const left = oldest.encodedAt + timeout / 2 - clock.now();
        if (left > 0) await this.#sleep(left);
        else this.#drop(oldest);
      }
    }
  }

  /** Waits until something has changed, or for this many ms. */
  #sleep(time: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const end = (): void => {
        clock.clearTimeout(timer);
        this.#wakeUp = nothing;
        resolve();
      };
      const timer = clock.setTimeout(end, time);
      this.#wakeUp = end;
    });
  }

  #drop(state: Shared): void {
    const { maxBytes } = this.#options;
    const wanted = this.#bytes + this.#lastBytes;
    const users = [...state.users];
    this.#forget(state);
    for (const { drop } of users) drop(limitExceeded("maxPushPullAnswerBytes", "bytes of push/pull answers", wanted, maxBytes));
  }
}

function unwanted(): MemberlistError {
  return new MemberlistError("aborted", "the stream of a push/pull request was closed");
}

function nothing(): void {}
