import type { EngineEvent } from "../swim/effects.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Clock } from "../ports/clock.ts";

export interface EventDispatcherOptions {
  readonly clock: Clock;
  readonly isStopped: () => boolean;
  readonly toDelegates: (event: EngineEvent) => void;
  /** For `events()`, and whoever else follows the membership. */
  readonly toFollowers: (event: MemberEvent) => void;
}

/** What has happened and is not told yet: delegates and followers hear of it in order, once the state is settled. */
export class EventDispatcher {
  readonly #options: EventDispatcherOptions;
  #untold: EngineEvent[] = [];
  #isTelling = false;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
  }

  add(event: EngineEvent): void {
    this.#untold.push(event);
  }

  /** A delegate may call back into the library: what then happens is told after what is being told. */
  tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let events = this.#untold; events.length > 0; events = this.#untold) {
        this.#untold = [];
        for (const event of events) {
          // One of the delegates may have shut us down: nobody is told anything after that.
          if (!this.#options.isStopped()) this.#tellOne(event);
        }
      }
    } finally {
      this.#isTelling = false;
    }
  }

  #tellOne(event: EngineEvent): void {
    const { clock, toDelegates, toFollowers } = this.#options;
    toDelegates(event);
    if (event.type === "message" || event.type === "pingComplete") return;
    toFollowers({ ...event, at: clock.wallTime() });
  }
}
