/** What sends by itself, at intervals: each has one thing at a time to say. */
export type Sender = "probe" | "gossip" | "pushPull";

/**
 * For experiments: while it is closed, each sender stops at its next send and waits, as a goroutine of the Go library does that blocks
 * there; timers go on. A member of a real cluster has one that is always open.
 */
export class SendGate {
  readonly #waiting: Map<Sender, () => void> = new Map();
  #isClosed = false;
  /** Has what waited go on as one input of the engine; the runtime sets it. */
  run: (goOn: () => void) => void = (goOn) => goOn();

  /** Calls `send`: at once, or when the gate is opened. Of a sender that waits already, the first. */
  pass(sender: Sender, send: () => void): void {
    if (!this.#isClosed) send();
    else if (!this.#waiting.has(sender)) this.#waiting.set(sender, send);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** What waited goes on, in the order in which it came. */
  open(): void {
    this.#isClosed = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    if (waiting.length === 0) return;
    this.run(() => {
      for (const send of waiting) send();
    });
  }
}
