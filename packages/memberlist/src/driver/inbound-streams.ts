import type { ResolvedLimits } from "../limits.ts";

/** Counts the streams that peers have open, in all and for each host: one host alone must not shut out the others. */
export class InboundStreams {
  readonly #limits: Pick<ResolvedLimits, "maxInboundStreams" | "maxInboundStreamsPerPeer">;
  readonly #byHost: Map<string, number> = new Map();
  #open = 0;

  constructor(limits: Pick<ResolvedLimits, "maxInboundStreams" | "maxInboundStreamsPerPeer">) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Makes room for one more of `host`'s; or else the name of the limit that stands against it. */
  enter(host: string): "maxInboundStreams" | "maxInboundStreamsPerPeer" | undefined {
    if (this.#open >= this.#limits.maxInboundStreams) return "maxInboundStreams";
    const ofHost = this.#byHost.get(host) ?? 0;
    if (ofHost >= this.#limits.maxInboundStreamsPerPeer) return "maxInboundStreamsPerPeer";
    this.#open++;
    this.#byHost.set(host, ofHost + 1);
    return undefined;
  }

  /** One that had entered is gone. */
  leave(host: string): void {
    this.#open--;
    const left = (this.#byHost.get(host) ?? 0) - 1;
    if (left > 0) this.#byHost.set(host, left);
    else this.#byHost.delete(host);
  }
}
