/** The orders of a blocked process, as JSON in its argument. */
export interface LagOrder {
  readonly name: string;
  readonly host: string;
  /** The members of its cluster, all of which are well. */
  readonly seeds: readonly string[];
  readonly lagAwareness: boolean;
  /** How often it is blocked. */
  readonly blocks: number;
}

/** What it has done by the end, as a line of JSON. */
export interface LagOutcome {
  /** When it accused a member by itself, in ms since the epoch. */
  readonly accusedAt: readonly number[];
  /** Pings that were answered. */
  readonly probes: number;
  /** How late timers were found to be, at most, in ms; only lag awareness looks. */
  readonly timerLate: number;
  /** From a packet's receive time until it was handled, at most, in ms. */
  readonly packetLate: number;
  readonly packets: number;
}
