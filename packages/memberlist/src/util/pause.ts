import { systemClock, type Clock } from "../ports/clock.ts";
import { onAbort } from "./on-abort.ts";

/** Resolves after `ms`, or when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal, clock: Clock = systemClock()): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = clock.setTimeout(end, ms);
    const stopListening = onAbort(signal, end);
    if (signal.aborted) end();
  });
}
