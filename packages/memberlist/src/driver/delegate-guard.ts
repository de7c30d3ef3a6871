import { errorMessage } from "../errors.ts";
import type { Log } from "../log.ts";
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
      // A delegate may be an async function although its result is not waited for: its rejection must not end the process.
      if (isPromise(result)) result.then(undefined, (error: unknown) => this.#report(method, error));
      return result;
    } catch (error) {
      this.#report(method, error);
      return fallback;
    }
  }

  /** Asks a delegate for its consent. @returns what it threw, or undefined when it did not object */
  objection(method: string, call: () => void): unknown {
    try {
      const result: unknown = call();
      if (isPromise(result)) result.then(undefined, (error: unknown) => this.#report(method, error));
      return undefined;
    } catch (error) {
      return error ?? "no reason given";
    }
  }

  #report(method: string, error: unknown): void {
    this.#stats.count("delegate_error");
    this.#log.error("delegate_error", `the delegate's ${method} failed: ${errorMessage(error)}`, { method, error });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}
