import { MemberlistError } from "../api/errors.ts";
import { onAbort } from "../util/on-abort.ts";
import { pack, unpack } from "./packed-values.ts";
import type { ApplicationMessage, Call } from "./thread-messages.ts";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The calls that wait for a reply of the thread. */
export class ThreadCalls {
  readonly #pending: Map<number, Pending> = new Map();
  #lastId = 0;

  /** The reply to the start of a thread has the id 0. */
  started(): Promise<unknown> {
    return this.#wait(0);
  }

  /** @param post posts to the thread; it returns false if no member runs */
  async call(call: Call, signal: AbortSignal | undefined, post: (message: ApplicationMessage) => boolean): Promise<unknown> {
    const id = ++this.#lastId;
    const isAborted = signal?.aborted === true;
    if (!post({ type: "call", id, call: pack(call), isAborted })) {
      throw new MemberlistError("thread_failed", "the member's thread has ended, and is being started again");
    }
    const stopListening = isAborted ? undefined : signal && onAbort(signal, () => post({ type: "abort", id }));
    try {
      return await this.#wait(id);
    } catch (error) {
      throw signal === undefined ? error : withReason(error, signal);
    } finally {
      stopListening?.();
    }
  }

  reply(id: number, value: unknown, error: unknown): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(unpack(value));
    else pending?.reject(unpack(error));
  }

  rejectAll(error: MemberlistError): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }

  #wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }
}

/** Adds the reason of the application's signal, which the thread does not know. */
function withReason(error: unknown, { aborted, reason }: AbortSignal): unknown {
  if (aborted && error instanceof MemberlistError && error.code === "aborted")
    Object.defineProperty(error, "cause", { value: reason });
  return error;
}
