import { formatAddress, type Address } from "../api/address.ts";
import type { LabelMismatchEvent } from "../api/events.ts";
import type { Clock } from "../ports/clock.ts";
import { RateLimit } from "../util/rate-limit.ts";
import { decodeUtf8 } from "../wire/utf8.ts";

/** Tells of labels that are not ours, at a bounded rate: whoever can send a packet can send a flood of them. */
export class LabelMismatches {
  readonly #clock: Clock;
  readonly #tell: (event: LabelMismatchEvent) => void;
  readonly #limit: RateLimit;

  constructor(clock: Clock, tell: (event: LabelMismatchEvent) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#limit = new RateLimit(clock.now());
  }

  /** @param label as it came, at most 255 bytes */
  add(from: Address, over: LabelMismatchEvent["over"], label: Uint8Array): void {
    const suppressed = this.#limit.take(this.#clock.now());
    if (suppressed === undefined) return;
    const event = { type: "label_mismatch", from: formatAddress(from), over, label: decodeUtf8(label), suppressed } as const;
    this.#tell({ ...event, at: this.#clock.wallTime() });
  }
}
