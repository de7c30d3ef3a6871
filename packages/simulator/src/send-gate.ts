import type { Sender } from "@memberlist/core/internal";

/**
 * Blocks what a member sends at intervals: while the gate is closed, each sender stops at its next send and waits, as a goroutine of the Go
 * library does that blocks there; timers go on.
 */
export class SendGate {
  readonly #waiting: Map<Sender, () => void> = new Map();
  readonly #run: (goOn: () => void) => void;
  #isClosed = false;

  /** @param run runs what has waited as one input of the engine */
  constructor(run: (goOn: () => void) => void) {
    this.#run = run;
  }

  /** Calls `send` at once, or when the gate is opened. Of one sender only the first send waits. */
  pass(sender: Sender, send: () => void): void {
    if (!this.#isClosed) send();
    else if (!this.#waiting.has(sender)) this.#waiting.set(sender, send);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Calls what has waited, in the order in which it came. */
  open(): void {
    this.#isClosed = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    if (waiting.length === 0) return;
    this.#run(() => {
      for (const send of waiting) send();
    });
  }
}
