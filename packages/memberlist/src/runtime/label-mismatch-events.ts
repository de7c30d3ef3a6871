import { formatAddress, type Address } from "../api/address.ts";
import type { LabelMismatchEvent } from "../api/events.ts";
import type { Clock } from "../ports/clock.ts";
import { RateLimit } from "../util/rate-limit.ts";
import { decodeUtf8 } from "../wire/utf8.ts";

/** Reports packets and streams with a different label, at a bounded rate, because anybody can send a flood of them. */
export class LabelMismatches {
  readonly #clock: Clock;
  readonly #report: (event: LabelMismatchEvent) => void;
  readonly #limit: RateLimit;

  constructor(clock: Clock, report: (event: LabelMismatchEvent) => void) {
    this.#clock = clock;
    this.#report = report;
    this.#limit = new RateLimit(clock.now());
  }

  /** @param label the received label, at most 255 bytes */
  add(from: Address, over: LabelMismatchEvent["over"], label: Uint8Array): void {
    const suppressed = this.#limit.take(this.#clock.now());
    if (suppressed === undefined) return;
    const event = { type: "label_mismatch", from: formatAddress(from), over, label: decodeUtf8(label), suppressed } as const;
    this.#report({ ...event, at: this.#clock.wallTime() });
  }
}
