import { canonicalIp, type Address } from "../api/address.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import { shuffle } from "../ports/random.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { Engine } from "../swim/engine.ts";
import { atMost } from "../transport-kit/time-limit.ts";
import type { PendingOperations } from "./pending-operations.ts";
import type { Stats } from "./stats.ts";
import type { OutboundStreams } from "./streams/outbound-streams.ts";

/** The state that a node saves for its next start. */
export interface SavedState {
  readonly name: string;
  readonly label: string;
  /** The last incarnation, or one somewhat above it. */
  readonly incarnation: number;
  /** Other live members; empty after a leave. */
  readonly members: readonly Address[];
}

const savedMembersMax = 256;
const savedIncarnationMax = 0xffff_ffff;

const format = "memberlist-snapshot-1";
/** Far more than a saved state can have. */
const charsMax = 1_048_576;

function encodeSavedState(state: SavedState): string {
  return `${JSON.stringify({ format, ...state })}\n`;
}

/** @returns undefined if `text` is not a saved state */
function decodeSavedState(text: string): SavedState | undefined {
  if (text.length > charsMax) return undefined;
  const parsed = parse(text);
  if (!isObject(parsed) || parsed["format"] !== format) return undefined;
  const { name, label, incarnation, members } = parsed;
  if (typeof name !== "string" || typeof label !== "string" || !isWhole(incarnation, savedIncarnationMax)) return undefined;
  if (!Array.isArray(members) || members.length > savedMembersMax || !members.every(isAddress)) return undefined;
  return { name, label, incarnation, members };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isAddress(value: unknown): value is Address {
  if (!isObject(value)) return false;
  const { host, port, name } = value;
  return typeof name === "string" && typeof host === "string" && canonicalIp(host) === host && isWhole(port, 65_535) && port > 0;
}

/** How long membership changes are collected before a save, in ms. */
const saveDelay = 5_000;
/** The usual time between two saves of a new incarnation, in ms. Forged suspicions can raise the incarnation at any rate. */
const saveInterval = 1_000;
/** How long a shutdown waits for the last save, in ms. */
const lastSaveTimeout = 2_000;
/** How many incarnations a crash may have left unsaved: a restart skips them. Once there are as many, they are saved at once. */
const incarnationMargin = 8;
/** How many incarnations above the current one a save covers at most. */
const reserveMax = 65_536;
/** How many saved members are pinged at a time, and in total. */
const askedAtOnce = 4;
const askedMax = 64;

/** The loaded state, or the problem with it. */
export interface Loaded {
  readonly state?: SavedState;
  readonly problem?: "store_load_failed" | "store_corrupted" | "store_foreign";
  readonly reason?: string;
}

/** Loads the saved state of an earlier run. Never throws, because a node can start without one. */
export async function loadSavedState({ name, label, store }: ResolvedConfig): Promise<Loaded> {
  if (store === undefined) return {};
  let text: string | undefined;
  try {
    text = await store.load();
  } catch (error) {
    return { problem: "store_load_failed", reason: errorMessage(error) };
  }
  if (text === undefined) return {};
  const state = typeof text === "string" ? decodeSavedState(text) : undefined;
  if (state === undefined) return { problem: "store_corrupted", reason: "it is damaged, or of another program" };
  if (state.name === name && state.label === label) return { state };
  return {
    problem: "store_foreign",
    reason: `it belongs to node ${state.name} with the label "${state.label}"; each node needs a store of its own`,
  };
}

/** An incarnation at or above the highest one that other members remember of this node. */
export function startIncarnation({ state }: Loaded): number {
  return state === undefined ? 0 : state.incarnation + incarnationMargin;
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

/** Keeps the store up to date, and rejoins the cluster after a restart. */
export class SavedStateKeeper {
  readonly #options: SavedStateKeeperOptions;
  #members: readonly Address[];
  #incarnation = -1;
  /** How many incarnations above the current one the last save covers. */
  #reserve = 0;
  /** The incarnation of the last save. */
  #saved = 0;
  #hasLeft = false;
  #isDirty = false;
  #saving: Promise<void> | undefined;
  #savedAt = -Infinity;
  #timer: ClockTimer = undefined;
  /** When the timer saves, in ms on the clock; Infinity if it is not set. */
  #due = Infinity;

  constructor(options: SavedStateKeeperOptions) {
    this.#options = options;
    this.#members = options.loaded.state?.members ?? [];
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

  /** Checks for a new incarnation or a leave. */
  look(): void {
    const { incarnation, hasLeft } = this.#options.engine;
    if ((incarnation === this.#incarnation && hasLeft === this.#hasLeft) || !this.#maySave) return;
    const isUrgent = hasLeft !== this.#hasLeft || incarnation - this.#saved >= incarnationMargin;
    const wait = isUrgent ? 0 : this.#savedAt + saveInterval - this.#options.config.clock.now();
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

  /** Saves after `delay` ms, or earlier if a save is already scheduled. */
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

  /** Saves unsaved changes. Resolves once that is done, has failed, or takes too long. */
  async stop(): Promise<void> {
    const { clock } = this.#options.config;
    this.#clearTimer();
    this.#save();
    if (this.#saving !== undefined) await atMost(lastSaveTimeout, this.#saving, clock);
  }

  /** A foreign state is not overwritten: two nodes share one store by mistake. */
  get #maySave(): boolean {
    return this.#options.config.store !== undefined && this.#options.loaded.problem !== "store_foreign";
  }

  /** One save at a time; later changes are saved after it. */
  #save(): void {
    if (!this.#isDirty || this.#saving !== undefined) return;
    this.#saving = this.#saveAll().finally(() => (this.#saving = undefined));
  }

  async #saveAll(): Promise<void> {
    const { config, log, stats } = this.#options;
    while (this.#isDirty) {
      this.#isDirty = false;
      const state = this.#nextState();
      try {
        await config.store?.save(encodeSavedState(state));
      } catch (error) {
        stats.count("store_save_failed");
        log.warn("store_save_failed", `the store could not save this node's state: ${errorMessage(error)}`, { error });
      }
    }
  }

  /**
   * The state to save now. Saves in quick succession cover ever more incarnations to come: at whatever rate forged suspicions raise the
   * incarnation, they cause few saves.
   */
  #nextState(): SavedState {
    const { config, engine } = this.#options;
    const { clock, name, label } = config;
    const now = clock.now();
    const isEarly = now - this.#savedAt < saveInterval;
    this.#reserve = isEarly ? Math.min(Math.max(incarnationMargin, 2 * this.#reserve), reserveMax) : this.#reserve >> 1;
    this.#savedAt = now;
    this.#saved = Math.min(engine.incarnation + this.#reserve, savedIncarnationMax);
    const latest = engine.someAlive(savedMembersMax);
    // An isolated node keeps the members to find them again; after a leave it keeps none.
    if (engine.hasLeft) this.#members = [];
    else if (latest.length > 0) this.#members = latest;
    return { name, label, incarnation: this.#saved, members: this.#members };
  }

  /**
   * Exchanges states with one of the members, in random order. Each is pinged by its name first: a new node at its address does not answer
   * that ping, and so gets no state.
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
    throw failure ?? new MemberlistError("no_ping_response", "no saved member answered a ping");
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
