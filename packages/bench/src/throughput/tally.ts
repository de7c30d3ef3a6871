/** Counts messages; a receiver compares each with what was sent. */
export class Tally {
  /** Delivered, each as it was sent. */
  count = 0;
  bad = 0;
  packets = 0;
  /** After each message. */
  onCount: () => void = () => undefined;
  readonly payloads: readonly Buffer[];
  #next = 0;

  /** @param payloads in base64 */
  constructor(payloads: readonly string[]) {
    this.payloads = payloads.map((payload) => Buffer.from(payload, "base64"));
  }

  next(): Uint8Array {
    const payload = this.payloads[this.#next] as Buffer;
    this.#next = (this.#next + 1) % this.payloads.length;
    return payload;
  }

  received(message: Uint8Array): void {
    const expected = this.payloads[message[0] ?? -1];
    if (expected?.equals(message) === true) this.count++;
    else this.bad++;
    this.onCount();
  }
}
