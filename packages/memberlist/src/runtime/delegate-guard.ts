import { errorMessage } from "../api/errors.ts";
import type { Log } from "../ports/log.ts";
import type { Stats } from "./stats.ts";

/** Calls the application's delegates. What they throw, or reject with, is logged and counted, and goes no further. */
export class DelegateGuard {
  readonly #log: Log;
  readonly #stats: Stats;

  constructor(log: Log, stats: Stats) {
    this.#log = log;
    this.#stats = stats;
  }

  /** @param fallback what is returned in place of a result where the delegate threw */
  call<T>(method: string, fallback: T, call: () => T): T {
    try {
      const result = call();
      this.catchRejection(method, result);
      return result;
    } catch (error) {
      this.report(method, error);
      return fallback;
    }
  }

  /** As {@link call}, for what must be bytes. Anything else (a promise, most likely) is an error of the delegate's, too. */
  bytes(method: string, fallback: Uint8Array, call: () => Uint8Array | undefined): Uint8Array {
    const result: unknown = this.call<unknown>(method, fallback, call) ?? fallback;
    if (result instanceof Uint8Array) return result;
    this.report(method, new TypeError("it must return a Uint8Array"));
    return fallback;
  }

  /** As {@link bytes}, for a list of them. */
  bytesList(method: string, call: () => readonly Uint8Array[] | undefined): readonly Uint8Array[] {
    const result: unknown = this.call<unknown>(method, [], call) ?? [];
    if (Array.isArray(result) && result.every((item) => item instanceof Uint8Array)) return result;
    this.report(method, new TypeError("it must return a list of Uint8Arrays"));
    return [];
  }

  /** Asks a delegate for its consent. @returns what it threw, or undefined when it did not object */
  objection(method: string, call: () => void): unknown {
    try {
      this.catchRejection(method, call());
      return undefined;
    } catch (error) {
      return error ?? "no reason given";
    }
  }

  /** A delegate may be an async function although its result is not awaited: its rejection must not end the process. */
  catchRejection(method: string, result: unknown): void {
    if (isPromise(result)) result.then(undefined, (error: unknown) => this.report(method, error));
  }

  /** Logs and counts an error of a delegate. */
  report(method: string, error: unknown): void {
    this.#stats.count("delegate_failed");
    this.#log.error("delegate_failed", `the delegate's ${method} failed: ${errorMessage(error)}`, { method, error });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}
