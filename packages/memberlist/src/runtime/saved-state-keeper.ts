import { errorMessage, MemberlistError } from "../api/errors.ts";
import { shuffle } from "../ports/random.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { Engine } from "../swim/engine.ts";
import type { PendingOperations } from "./pending-operations.ts";
import type { Stats } from "./stats.ts";
import type { OutboundStreams } from "./streams/outbound-streams.ts";
import { decodeSavedState, encodeSavedState, savedMembersMax, type SavedState } from "./saved-state.ts";
import type { Address } from "../api/address.ts";

/** How long changes of the membership are gathered, in ms. */
const saveDelay = 5_000;
/** In ms: a new incarnation is saved at once, but only so long after the last save. Suspicions of us, which anybody can make up without a key, raise it. */
const saveInterval = 1_000;
/** How long a shutdown waits for the last save, in ms. */
const lastSaveTimeout = 2_000;
/** What a crash may have kept from being saved: a refutation or two more. */
const incarnationMargin = 8;
/** How many of the saved members are asked at a time, and at most. */
const askedAtOnce = 4;
const askedMax = 64;

/** What a store had, or why that is of no use. */
export interface Loaded {
  readonly snapshot?: SavedState;
  readonly problem?: "store_load_failed" | "store_corrupted" | "store_foreign";
  readonly reason?: string;
}

/** Reads the snapshot of an earlier run. Never throws: a node starts without one. */
export async function loadSavedState({ name, label, store }: ResolvedConfig): Promise<Loaded> {
  if (store === undefined) return {};
  let text: string | undefined;
  try {
    text = await store.load();
  } catch (error) {
    return { problem: "store_load_failed", reason: errorMessage(error) };
  }
  if (text === undefined) return {};
  const snapshot = typeof text === "string" ? decodeSavedState(text) : undefined;
  if (snapshot === undefined) return { problem: "store_corrupted", reason: "it is damaged, or of another program" };
  if (snapshot.name === name && snapshot.label === label) return { snapshot };
  return {
    problem: "store_foreign",
    reason: `it belongs to node ${snapshot.name} with the label "${snapshot.label}"; each node needs a store of its own`,
  };
}

/** The incarnation to start above: nobody remembers a higher one of us. */
export function startIncarnation({ snapshot }: Loaded): number {
  return snapshot === undefined ? 0 : snapshot.incarnation + incarnationMargin;
}

export interface SavedStateKeeperOptions {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly engine: Engine;
  readonly operations: PendingOperations;
  readonly streams: OutboundStreams;
  readonly loaded: Loaded;
  readonly isStopped: () => boolean;
  /** Runs an input of the engine. */
  readonly run: (input: () => void) => void;
}

/** Keeps the store up to date, and finds the cluster again after a restart. */
export class SavedStateKeeper {
  readonly #options: SavedStateKeeperOptions;
  #members: readonly Address[];
  #incarnation = -1;
  #hasLeft = false;
  #isDirty = false;
  #saving: Promise<void> | undefined;
  #savedAt = -Infinity;
  #timer: ClockTimer = undefined;
  /** When the timer saves, on the clock; Infinity: it is not set. */
  #due = Infinity;

  constructor(options: SavedStateKeeperOptions) {
    this.#options = options;
    this.#members = options.loaded.snapshot?.members ?? [];
  }

  /** To be called once the engine runs. */
  start(): void {
    const { isStopped, loaded, log, stats } = this.#options;
    const { problem, reason } = loaded;
    if (problem !== undefined) {
      stats.count(problem);
      log.warn(problem, `ignored what the store had: ${reason}`, { reason });
    }
    if (this.#members.length === 0) return;
    this.#rejoin(this.#members).catch((error: unknown) => {
      if (isStopped()) return;
      stats.count("rejoin_failed");
      log.warn("rejoin_failed", `could not rejoin through any of the saved members, call join: ${errorMessage(error)}`, {
        members: this.#members.length,
      });
    });
  }

  /** Something may have changed: our incarnation, or that we leave. */
  look(): void {
    const { incarnation, hasLeft } = this.#options.engine;
    if ((incarnation === this.#incarnation && hasLeft === this.#hasLeft) || !this.#maySave) return;
    const wait = hasLeft === this.#hasLeft ? this.#savedAt + saveInterval - this.#options.config.clock.now() : 0;
    this.#incarnation = incarnation;
    this.#hasLeft = hasLeft;
    this.#isDirty = true;
    if (wait > 0) this.#saveIn(wait);
    else this.#save();
  }

  /** The membership has changed. */
  changed(): void {
    if (!this.#maySave) return;
    this.#isDirty = true;
    this.#saveIn(saveDelay);
  }

  /** In so many ms, or sooner where that is planned already. */
  #saveIn(delay: number): void {
    const { clock } = this.#options.config;
    const due = clock.now() + delay;
    if (this.#due <= due) return;
    this.#clearTimer();
    this.#due = due;
    this.#timer = clock.setTimeout(() => {
      this.#due = Infinity;
      this.#save();
    }, delay);
  }

  #clearTimer(): void {
    if (this.#due < Infinity) this.#options.config.clock.clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  /** Saves what is not saved yet. Resolves when that is done, has failed, or takes too long. */
  async stop(): Promise<void> {
    const { clock } = this.#options.config;
    this.#clearTimer();
    this.#save();
    if (this.#saving === undefined) return;
    let timer: ClockTimer;
    const tooLate = new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, lastSaveTimeout)));
    await Promise.race([this.#saving, tooLate]);
    clock.clearTimeout(timer);
  }

  /** The snapshot of somebody else is not overwritten: two nodes were given one store. */
  get #maySave(): boolean {
    return this.#options.config.store !== undefined && this.#options.loaded.problem !== "store_foreign";
  }

  /** One save at a time; what changes meanwhile is saved after it. */
  #save(): void {
    if (!this.#isDirty || this.#saving !== undefined) return;
    this.#saving = this.#saveAll().finally(() => (this.#saving = undefined));
  }

  async #saveAll(): Promise<void> {
    const { config, log, stats } = this.#options;
    while (this.#isDirty) {
      this.#isDirty = false;
      this.#savedAt = config.clock.now();
      try {
        await config.store?.save(encodeSavedState(this.#snapshot()));
      } catch (error) {
        stats.count("store_save_failed");
        log.warn("store_save_failed", `the store could not save this node's state: ${errorMessage(error)}`, { error });
      }
    }
  }

  #snapshot(): SavedState {
    const { config, engine } = this.#options;
    const { name, label } = config;
    const latest = engine.someAlive(savedMembersMax);
    // Cut off from all, we want to find them again; after a leave, nobody.
    if (engine.hasLeft) this.#members = [];
    else if (latest.length > 0) this.#members = latest;
    return { name, label, incarnation: engine.incarnation, members: this.#members };
  }

  /**
   * Exchanges states with one of the members, in an order by chance. Each is pinged by its name first: who else has got its address
   * meanwhile does not answer that, and learns nothing of us.
   */
  async #rejoin(saved: readonly Address[]): Promise<void> {
    const { config, isStopped, log, streams } = this.#options;
    const members = [...saved];
    shuffle(config.random, members);
    let failure: unknown;
    for (let from = 0; from < Math.min(members.length, askedMax); from += askedAtOnce) {
      const answered = await this.#ask(members.slice(from, from + askedAtOnce));
      for (const member of answered) {
        try {
          await streams.pushPull(member, true);
          log.info("rejoined", `rejoined the cluster through ${member.name}`, { member });
          return;
        } catch (error) {
          failure = error;
        }
        if (isStopped()) return;
      }
    }
    throw failure ?? new MemberlistError("no_ping_response", "none of them answered a ping");
  }

  async #ask(members: readonly Address[]): Promise<Address[]> {
    const answers = await Promise.all(members.map((member) => this.#ping(member)));
    return members.filter((_, i) => answers[i]);
  }

  #ping(member: Address): Promise<boolean> {
    const { engine, operations, run } = this.#options;
    return operations.run<boolean>({ what: "ping" }, (resolve) => {
      run(() => engine.ping(member, (rtt) => resolve(rtt !== undefined), { bare: true }));
    });
  }
}
