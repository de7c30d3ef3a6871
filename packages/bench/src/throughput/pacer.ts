import type { Order } from "./node-task.ts";

/** Without any progress for that long, in ms, what is on its way is given up for lost. */
const lostAfter = 100;
/** A sender at a rate whose event loop was blocked catches up with that much at once, in ms. */
const burst = 1;

/**
 * Sends what an {@link Order} allows: a window of unacknowledged messages, or a rate. Where the library asks for a pause it goes on after a
 * turn of the event loop; where the window is full, when an acknowledgement comes.
 */
export class Pacer {
  /** Messages handed to the library. */
  count = 0;
  readonly #send: () => boolean;
  #order: Order = { stop: true };
  #acked = 0;
  #lost = 0;
  #ackedBefore = 0;
  /** Messages that the rate allows by now. */
  #due = 0;
  #dueAt = 0;
  #isScheduled = false;

  /** @param send hands one message to the library; false: it asks for a pause */
  constructor(send: () => boolean) {
    this.#send = send;
    setInterval(() => this.#giveUpLost(), lostAfter).unref();
  }

  follow(order: Order): void {
    this.#order = order;
    this.#lost = this.count - this.#acked;
    this.#due = this.count;
    this.#dueAt = performance.now();
    this.#pump();
  }

  acked(count: number): void {
    this.#acked = count;
    this.#pump();
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#pump();
  };

  #pump(): void {
    if (this.#isScheduled) return;
    const allowed = this.#allowed();
    let isAsked = false;
    while (this.count < allowed && !isAsked) {
      this.count++;
      isAsked = !this.#send();
    }
    // A rate is kept by looking at the clock in each turn: a timer of 1 ms would let out bursts.
    if (!isAsked && (this.#order.rate ?? 0) === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  #allowed(): number {
    const { stop, rate = 0, window = 0 } = this.#order;
    if (stop === true) return 0;
    if (rate === 0) return this.#acked + this.#lost + window;
    const now = performance.now();
    const due = this.#due + ((now - this.#dueAt) / 1000) * rate;
    // What was missed for longer than that is not sent at once later: that would be another rate.
    const most = this.count + Math.max(1, (burst / 1000) * rate);
    this.#due = Math.min(due, most);
    this.#dueAt = now;
    return this.#due;
  }

  #giveUpLost(): void {
    const { stop, window = 0 } = this.#order;
    if (stop !== true && window > 0 && this.#acked === this.#ackedBefore && this.count > this.#acked + this.#lost) {
      this.#lost = this.count - this.#acked;
      this.#pump();
    }
    this.#ackedBefore = this.#acked;
  }
}
