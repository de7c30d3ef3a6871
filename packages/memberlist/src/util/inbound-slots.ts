import type { LimitName, ResolvedLimits } from "../config/limits.ts";

/** The names of the limits, in total and for each host, and their values. */
export interface SlotLimits<InAll extends LimitName, PerHost extends LimitName> {
  readonly limits: Pick<ResolvedLimits, InAll | PerHost>;
  readonly inAll: InAll;
  readonly perHost: PerHost;
}

/** The place of one stream, until it leaves or has to make room. Each call is harmless once it has left. */
export interface InboundSlot {
  /** The peer has sent a whole message: when slots of this host have to make room, this one goes last. */
  prove(): void;
  /** This side is done with it, and only waits for the peer to close: it makes room as soon as another stream needs it. */
  linger(): void;
  leave(): void;
}

/**
 * Counts the streams that peers have open here, in total and for each host. One host alone must not shut out the others:
 *
 * - A host at its own limit gets a further slot only by giving up the oldest of its lingering ones.
 * - When all are taken, the host with the most lingering slots loses its oldest. Where none lingers, the host with the most slots loses
 *   one, the oldest unproven one first, if it still has more than the newcomer's host afterwards.
 */
export class InboundSlots<InAll extends LimitName, PerHost extends LimitName> {
  readonly #inAllMax: number;
  readonly #perHostMax: number;
  readonly #names: Pick<SlotLimits<InAll, PerHost>, "inAll" | "perHost">;
  readonly #byHost: Map<string, HostSlots> = new Map();
  #taken = 0;

  constructor({ limits, inAll, perHost }: SlotLimits<InAll, PerHost>) {
    this.#names = { inAll, perHost };
    this.#inAllMax = limits[inAll];
    this.#perHostMax = limits[perHost];
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * A slot for one more stream of `host`, or the name of the limit that was reached.
   *
   * @param cut ends the stream at once, because it has to make room; its slot is free already
   */
  enter(host: string, cut: () => void): InboundSlot | InAll | PerHost {
    const isFull = this.#taken >= this.#inAllMax;
    const known = this.#byHost.get(host);
    if (known !== undefined && known.size >= this.#perHostMax && !known.cutLingering()) {
      return isFull ? this.#names.inAll : this.#names.perHost;
    }
    if (this.#taken >= this.#inAllMax && !this.#makeRoom(known?.size ?? 0)) return this.#names.inAll;
    const slots = this.#byHost.get(host) ?? this.#slotsOf(host);
    this.#taken++;
    return slots.add(cut);
  }

  #slotsOf(host: string): HostSlots {
    const slots = new HostSlots(() => {
      this.#taken--;
      if (slots.size === 0) this.#byHost.delete(host);
    });
    this.#byHost.set(host, slots);
    return slots;
  }

  #makeRoom(ofNewcomer: number): boolean {
    let mostLingering: HostSlots | undefined;
    let most: HostSlots | undefined;
    for (const slots of this.#byHost.values()) {
      if (slots.lingering > (mostLingering?.lingering ?? 0)) mostLingering = slots;
      if (slots.size > (most?.size ?? 0)) most = slots;
    }
    if (mostLingering !== undefined) return mostLingering.cutLingering();
    return most !== undefined && most.size > ofNewcomer + 1 && most.cutAny();
  }
}

interface Entry {
  readonly cut: () => void;
}

/** The slots of one host; the oldest of each kind comes first. */
class HostSlots {
  readonly #onLeave: () => void;
  readonly #lingering: Set<Entry> = new Set();
  readonly #unproven: Set<Entry> = new Set();
  readonly #proven: Set<Entry> = new Set();

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  get size(): number {
    return this.#lingering.size + this.#unproven.size + this.#proven.size;
  }

  get lingering(): number {
    return this.#lingering.size;
  }

  add(cut: () => void): InboundSlot {
    const entry = { cut };
    this.#unproven.add(entry);
    return {
      prove: () => {
        if (this.#unproven.delete(entry)) this.#proven.add(entry);
      },
      linger: () => {
        if (this.#unproven.delete(entry) || this.#proven.delete(entry)) this.#lingering.add(entry);
      },
      leave: () => this.#remove(entry),
    };
  }

  cutLingering(): boolean {
    return this.#cutOldest(this.#lingering);
  }

  cutAny(): boolean {
    return this.#cutOldest(this.#unproven) || this.#cutOldest(this.#proven);
  }

  #cutOldest(entries: Set<Entry>): boolean {
    for (const entry of entries) {
      this.#remove(entry);
      entry.cut();
      return true;
    }
    return false;
  }

  #remove(entry: Entry): void {
    if (this.#lingering.delete(entry) || this.#unproven.delete(entry) || this.#proven.delete(entry)) this.#onLeave();
  }
}

export interface TransportSlotOptions {
  /** Default 2,048: twice what the core serves. So the core, which knows what each stream has sent, chooses the one that makes room. */
  readonly maxInboundStreams?: number;
  /** Default 512, for the same reason, or `maxInboundStreams` where that is less. */
  readonly maxInboundStreamsPerPeer?: number;
}

/** The slots of a transport: it counts its peers' streams, including those that linger. */
export function transportSlots(options: TransportSlotOptions): InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer"> {
  const { maxInboundStreams = 2048, maxInboundStreamsPerPeer = Math.min(512, maxInboundStreams) } = options;
  return new InboundSlots({
    limits: { maxInboundStreams, maxInboundStreamsPerPeer },
    inAll: "maxInboundStreams",
    perHost: "maxInboundStreamsPerPeer",
  });
}
