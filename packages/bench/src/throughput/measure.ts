import type { Case } from "./cases.ts";
import { Pair, type Stretch } from "./pair.ts";
import { rustWire } from "../rust-wire-check.ts";
import { goWire } from "../wire-check.ts";
import { isBare, isRust, type Runtime } from "./runtimes.ts";
import { searchWindow, type Setting } from "./window-search.ts";
import { windowsFor } from "./windows.ts";

/** One run of one contender. */
export interface Sample {
  /** As fast as it goes without loss. */
  readonly full: Stretch;
  /** At 80 % of that. */
  readonly eased: Stretch;
}

export interface Durations {
  /** In ms, each. */
  readonly warmup: number;
  readonly full: number;
  readonly eased: number;
  /** Of each try of the search for the best window. */
  readonly attempt: number;
}

const easedShare = 0.8;

/** Which window, and how many senders, show a contender at its best. */
export async function findSetting(runtime: Runtime, which: Case, { warmup, attempt }: Durations): Promise<Setting> {
  const pair = await Pair.start(runtime, which);
  try {
    await pair.send({ window: 32 }, warmup);
    return await searchWindow({ senders: runtime.senders, windows: windowsFor(which.size) }, (order) =>
      pair.send(order, attempt, attempt / 4),
    );
  } finally {
    await pair.end();
  }
}

/** Runs a pair of new processes once, and has a look at what they put on the wire. */
export async function measure(runtime: Runtime, which: Case, setting: Setting, durations: Durations): Promise<Sample> {
  const pair = await Pair.start(runtime, which);
  try {
    const full = await pair.send(setting, durations.full, durations.warmup);
    const eased = await pair.send({ rate: full.rate * easedShare }, durations.eased);
    if (full.rate === 0) throw new Error(`${runtime.name}: nothing was delivered`);
    if (!isBare(runtime.name)) await pair.checkWire(which, isRust(runtime.name) ? rustWire : goWire);
    return { full, eased };
  } finally {
    await pair.end();
  }
}
