import { formatAddress, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import type { HealingAttempt } from "../api/events.ts";
import { randomOffset, type Random } from "../ports/random.ts";
import { seedName, type Seed } from "../api/seeds.ts";
import { makePing, type EngineContext } from "./context.ts";
import type { NodeRecord } from "./node-record.ts";
import { pingOnce, type PingOnceParts } from "./ping-once.ts";
import type { ScheduledTimer } from "./timers.ts";

/** How many seeds are remembered, the latest. */
export const rememberedSeeds = 64;
const triedMax = 16;
/** How often a peer that was reached, but is still dead to us, is tried at once again. */
const followUpsMax = 3;
/** The delay before a follow-up if gossip is off and cannot spread the update, in ms. */
const defaultFollowUpDelay = 1_000;

interface RememberedSeed {
  readonly seed: Seed;
  readonly schedule: RetrySchedule;
}

/** One try under way, with the follow-ups that belong to it. */
interface Try {
  readonly of: Pick<HealingAttempt, "seed" | "node">;
  readonly schedule: RetrySchedule;
  readonly liveBefore: number;
  startedAt: number;
  followUps: number;
}

/**
 * Reconnects lost parts of the cluster: seeds and members that died are tried one at a time with a push/pull, so that the halves of a partition
 * find each other. Of all members of a cluster together, each that is lost is tried about once in `healingInterval`, whatever its
 * size: a member takes its turn with a probability of (lost and seeds) / (alive), as Serf's reconnect does.
 *
 * A member that died is pinged by its name first. Another node at its address does not answer that ping, and learns nothing about the cluster.
 */
export class Healing {
  readonly #context: EngineContext;
  readonly #pingParts: PingOnceParts;
  readonly #lost: LostNodes;
  #seeds: RememberedSeed[] = [];
  #tried: HealingAttempt[] = [];
  #timer: ScheduledTimer | undefined;
  #try: Try | undefined;
  #isIsolated = false;

  constructor(pingParts: PingOnceParts) {
    this.#context = pingParts.context;
    this.#pingParts = pingParts;
    this.#lost = new LostNodes(pingParts.context.random);
  }

  /** Seeds that were given to join. */
  remember(seeds: readonly Seed[]): void {
    if (!this.#isOn) return;
    for (const seed of seeds.slice(-rememberedSeeds)) {
      if (!this.#seeds.some((known) => known.seed === seed)) this.#seeds.push({ seed, schedule: new RetrySchedule() });
    }
    this.#seeds = this.#seeds.slice(-rememberedSeeds);
    this.#arm();
  }

  /** A member has died. */
  died(record: NodeRecord): void {
    if (!this.#isOn || record.name === this.#context.config.name) return;
    this.#lost.add(record, this.#context.now);
    this.#arm();
    if (this.#isAlone && !this.#context.hasLeft) this.#reportIsolated();
  }

  /** A member is alive, at any address: forgets the lost one of its name. */
  returned(name: string): void {
    this.#lost.delete(name);
    if (this.#isIsolated && this.#try === undefined && !this.#isAlone) this.#reportHealed(undefined);
  }

  /** A node announces its own leave: healing never tries it. */
  left(name: string, incarnation: number): void {
    const lost = this.#lost.get(name);
    if (lost !== undefined && incarnation >= lost.incarnation) this.#lost.delete(name);
  }

  get #isOn(): boolean {
    return this.#context.config.healingInterval > 0;
  }

  get #isAlone(): boolean {
    return this.#context.table.liveCount <= 1;
  }

  /** Called once a node or a seed is worth a try. Nodes that begin at the same time are spread over a whole interval. */
  #arm(): void {
    if (this.#timer !== undefined) return;
    const { config, now, random } = this.#context;
    this.#setTimer(now + random.next() * config.healingInterval);
  }

  #setTimer(at: number): void {
    this.#timer = this.#context.timers.set(at, () => this.#tick());
  }

  #tick(): void {
    const { config, hasLeft, now, random, table } = this.#context;
    this.#timer = undefined;
    if (config.healingTimeout > 0) this.#lost.expire(now - config.healingTimeout);
    const missing = this.#lost.size + this.#seeds.length;
    if (missing === 0 || hasLeft) return;
    this.#setTimer(now + config.healingInterval * (0.75 + random.next() / 2));
    if (this.#try !== undefined || random.next() * table.liveCount >= missing) return;
    this.#tryOne();
  }

  /** Seeds and members that died take turns by chance: many that are gone for good must not keep the seeds from being tried. */
  #tryOne(): void {
    const { now, random } = this.#context;
    const lost = [...this.#lost.all()].filter((node) => node.schedule.isDue(now) && this.#mayTry(node.addr, node.port));
    const seeds = this.#seeds.filter(({ schedule }) => schedule.isDue(now));
    const isSeedsTurn = lost.length === 0 || (seeds.length > 0 && random.next() < 0.5);
    if (isSeedsTurn) {
      const seed = seeds[randomOffset(random, seeds.length)];
      if (seed !== undefined) this.#trySeed(seed);
    } else {
      this.#tryLost(lost[randomOffset(random, lost.length)] as LostNode);
    }
  }

  /** Whether the address is free: not this node's, and without a member that is alive or left on purpose. */
  #mayTry(addr: string, port: number): boolean {
    const { advertised, table } = this.#context;
    if (addr === advertised.addr && port === advertised.port) return false;
    return !table.isOccupied(addr, port);
  }

  #begin(of: Try["of"], schedule: RetrySchedule): Try {
    const { now, table } = this.#context;
    this.#try = { of, schedule, liveBefore: table.liveCount, startedAt: now, followUps: 0 };
    return this.#try;
  }

  #trySeed({ seed, schedule }: RememberedSeed): void {
    const { outputs, random } = this.#context;
    const attempt = this.#begin({ seed: seedName(seed) }, schedule);
    const done = (addresses: readonly Address[], error?: MemberlistError): void => {
      if (error !== undefined) {
        this.#ended(attempt, undefined, error);
        return;
      }
      const candidates = addresses.filter(({ host, port }) => this.#mayTry(host, port));
      const address = candidates[randomOffset(random, candidates.length)];
      if (address !== undefined) {
        this.#pushPull(attempt, address);
        return;
      }
      // All members that it stands for are alive.
      this.#try = undefined;
      schedule.tried(false, this.#context.now, this.#context.config.healingInterval);
    };
    outputs.actions.push({ type: "resolveSeed", seed, done });
  }

  #tryLost({ name, addr, port, schedule }: LostNode): void {
    const { config, delegates, outputs } = this.#context;
    const address: Address = { host: addr, port, name };
    const attempt = this.#begin({ node: name }, schedule);
    const answered = (isThere: boolean): void => {
      if (isThere) this.#pushPull(attempt, address);
      else this.#ended(attempt, address, new MemberlistError("no_ping_response", `${name} did not answer a ping`));
    };
    const ponged = (rtt: number | undefined): void => {
      if (rtt !== undefined || delegates.disablesTcpPings(name)) {
        answered(rtt !== undefined);
        return;
      }
      const deadline = this.#context.now + Math.min(config.tcpTimeout, 2 * config.probeTimeout);
      const ping = makePing(this.#context, name);
      outputs.actions.push({ type: "streamPing", ping, to: address, deadline, done: answered });
    };
    pingOnce(this.#pingParts, address, ponged, { bare: true });
  }

  #pushPull(attempt: Try, address: Address): void {
    const { hasLeft, outputs } = this.#context;
    if (hasLeft) {
      this.#try = undefined;
      return;
    }
    const done = (error?: MemberlistError): void => this.#ended(attempt, address, error);
    outputs.actions.push({ type: "join", to: address, done });
  }

  #ended(attempt: Try, address: Address | undefined, error: MemberlistError | undefined): void {
    const { config, now, stats, table, timers } = this.#context;
    const elapsed = now - attempt.startedAt;
    const made: HealingAttempt = { ...attempt.of, address: address === undefined ? "" : formatAddress(address), elapsed };
    const done: HealingAttempt = error === undefined ? made : { ...made, error };
    this.#tried = [...this.#tried, done].slice(-triedMax);
    stats.count(error === undefined ? "healing.reached" : "healing.failed");
    attempt.schedule.tried(error === undefined, now, config.healingInterval);
    const isStillDead = address !== undefined && this.#isKnownDead(address);
    if (error === undefined && isStillDead && attempt.followUps < followUpsMax && table.liveCount <= attempt.liveBefore) {
      // Both sides have now heard that they are taken for dead, and contradict. Once that is around, each takes the other's word.
      attempt.followUps++;
      const delay = config.gossipInterval > 0 ? 5 * config.gossipInterval : defaultFollowUpDelay;
      timers.set(now + delay, () => {
        attempt.startedAt = this.#context.now;
        this.#pushPull(attempt, address);
      });
      return;
    }
    this.#try = undefined;
    if (table.liveCount > attempt.liveBefore && (error === undefined || this.#isIsolated))
      this.#reportHealed(error === undefined ? done : undefined);
    else if (this.#isAlone) this.#reportIsolated();
  }

  /** Whether the table has a dead member at this address. Only those that are remembered as lost, a bounded number, are looked at. */
  #isKnownDead({ host, port }: Address): boolean {
    const { table } = this.#context;
    for (const lost of this.#lost.all()) {
      if (lost.addr === host && lost.port === port && table.get(lost.name)?.state === "dead") return true;
    }
    return false;
  }

  #reportIsolated(): void {
    if (this.#isIsolated) return;
    this.#isIsolated = true;
    const lost = this.#lost.size;
    const seeds = this.#seeds.length;
    this.#context.log.warn("isolated", "no other member is alive: trying seeds and lost members", {
      lost,
      seeds,
      tried: this.#tried.length,
    });
    this.#context.outputs.events.push({ type: "isolated", lost, seeds, tried: this.#tried });
  }

  #reportHealed(via: HealingAttempt | undefined): void {
    const { log, outputs, table } = this.#context;
    const tried = this.#tried;
    const members = table.liveCount;
    this.#isIsolated = false;
    this.#tried = [];
    log.info("healed", "lost members are back", { members, via: via?.address });
    outputs.events.push(via === undefined ? { type: "healed", members, tried } : { type: "healed", members, via, tried });
  }
}

/** How many of the members that died are remembered. */
export const lostNodesMax = 1_024;

/** When to try again, by the number of failed tries. */
export class RetrySchedule {
  #failures = 0;
  #nextAt = -Infinity;

  isDue(now: number): boolean {
    return now >= this.#nextAt;
  }

  /** Out of turn for the next tick (after success), or for one, then three. Half an interval less, since ticks are jittered. */
  tried(succeeded: boolean, now: number, interval: number): void {
    this.#failures = succeeded ? 0 : Math.min(this.#failures + 1, 2);
    this.#nextAt = now + interval * (2 ** this.#failures - 0.5);
  }
}

/** A member that died, at the address that it had. */
export interface LostNode {
  readonly name: string;
  readonly addr: string;
  readonly port: number;
  readonly incarnation: number;
  /** In ms on the engine's clock. */
  readonly lostAt: number;
  readonly schedule: RetrySchedule;
}

/** The members that died, by name. The table forgets them after a while; a long partition must not. */
export class LostNodes {
  readonly #random: Random;
  readonly #byName: Map<string, LostNode> = new Map();
  /** Their names in any order, so that one of them can be drawn. */
  readonly #names: string[] = [];
  readonly #places: Map<string, number> = new Map();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#byName.size;
  }

  all(): Iterable<LostNode> {
    return this.#byName.values();
  }

  get(name: string): LostNode | undefined {
    return this.#byName.get(name);
  }

  /** A full list drops a random node, so that it loses neither an old partition nor the latest deaths as a whole. */
  add({ name, addr, port, incarnation }: NodeRecord, now: number): void {
    this.delete(name);
    if (this.size >= lostNodesMax) this.delete(this.#names[randomOffset(this.#random, this.#names.length)] as string);
    this.#byName.set(name, { name, addr, port, incarnation, lostAt: now, schedule: new RetrySchedule() });
    this.#places.set(name, this.#names.length);
    this.#names.push(name);
  }

  delete(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#byName.delete(name);
    this.#places.delete(name);
    // The last one fills the gap.
    const last = this.#names.pop() as string;
    if (last === name) return;
    this.#names[place] = last;
    this.#places.set(last, place);
  }

  /** Forgets those that died before `time`. */
  expire(time: number): void {
    for (const { name, lostAt } of this.#byName.values()) if (lostAt < time) this.delete(name);
  }
}
