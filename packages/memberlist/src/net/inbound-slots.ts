import type { LimitName, ResolvedLimits } from "../limits.ts";

/** What is counted, and the limits on it in all and for each host. */
export interface SlotLimits<InAll extends LimitName, PerHost extends LimitName> {
  readonly limits: Pick<ResolvedLimits, InAll | PerHost>;
  readonly inAll: InAll;
  readonly perHost: PerHost;
}

/** Counts what peers have under way here, in all and for each host: one host alone must not shut out the others. */
export class InboundSlots<InAll extends LimitName, PerHost extends LimitName> {
  readonly #inAllMax: number;
  readonly #perHostMax: number;
  readonly #names: Pick<SlotLimits<InAll, PerHost>, "inAll" | "perHost">;
  readonly #byHost: Map<string, number> = new Map();
  #taken = 0;

  constructor({ limits, inAll, perHost }: SlotLimits<InAll, PerHost>) {
    this.#names = { inAll, perHost };
    this.#inAllMax = limits[inAll];
    this.#perHostMax = limits[perHost];
  }

  get taken(): number {
    return this.#taken;
  }

  /** Makes room for one more of `host`'s; or else the name of the limit that stands against it. */
  enter(host: string): InAll | PerHost | undefined {
    if (this.#taken >= this.#inAllMax) return this.#names.inAll;
    const ofHost = this.#byHost.get(host) ?? 0;
    if (ofHost >= this.#perHostMax) return this.#names.perHost;
    this.#taken++;
    this.#byHost.set(host, ofHost + 1);
    return undefined;
  }

  /** One that had entered is gone. */
  leave(host: string): void {
    this.#taken--;
    const left = (this.#byHost.get(host) ?? 0) - 1;
    if (left > 0) this.#byHost.set(host, left);
    else this.#byHost.delete(host);
  }
}
