import { setTimeout as delay } from "node:timers/promises";

export interface UntilOptions {
  /** What is waited for, as the error says it. */
  readonly what: string;
  /** In ms. Default 10,000. */
  readonly timeout?: number;
  /** How long to wait between two looks, in ms. Default 20. */
  readonly interval?: number;
  /** More for the error, asked for when it is made. */
  readonly details?: () => string | Promise<string>;
}

/** Waits for a condition, with a deadline: returns the first value that is not false, null or undefined. */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const { timeout = 10_000, interval = 20 } = options;
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>;
    if (performance.now() >= deadline) {
      const details = (await options.details?.()) ?? "";
      throw new Error(`waited ${timeout} ms in vain for: ${options.what}${details === "" ? "" : `\n${details}`}`);
    }
    await delay(interval);
  }
}
