import type { ClockTimer, Node } from "@memberlist/core";
import { checkOptions, durationOr, integer, text, type Rules } from "@memberlist/core/internal";
import { Listeners, MembershipWatch, ringMembersRules, type RingMembers, type RingSource } from "./membership.ts";
import { nodesOf } from "./ring-table.ts";

/** Options of {@link leader}. */
export interface LeaderOptions extends Pick<RingMembers, "filter" | "weight"> {
  /** The name of the task, the same on all members. Tasks of different names may have different leaders. Default "leader". */
  readonly task?: string;
  /**
   * How long a member must stay the first choice before it leads, in ms; 0: at once. Meanwhile no member leads. It must be longer than gossip takes to
   * reach all members, so that the old leader has stopped before the new one starts. Default 5 s.
   */
  readonly settle?: number;
  /**
   * No member leads while this node lists fewer members (after `filter`). Set it to more than half of the number of members that you run: then at most
   * one side of a partition has a leader. Default 1.
   */
  readonly minMembers?: number;
}

const leaderRules: Rules<LeaderOptions> = {
  filter: ringMembersRules.filter,
  weight: ringMembersRules.weight,
  task: text("a string of 1 character or more", (value) => value !== ""),
  settle: durationOr("at once"),
  minMembers: integer(1),
};

/** One member for a task, as this node sees it. {@link leader} makes one. */
export class Leader implements Disposable {
  readonly #members: RingSource;
  readonly #options: Required<Omit<LeaderOptions, "filter" | "weight">>;
  readonly #self: string;
  readonly #watch: MembershipWatch;
  readonly #listeners: Listeners<[Node | undefined]> = new Listeners();
  /** The first choice. It leads after `settle` ms. */
  #candidate: Node | undefined;
  #hasSettled = false;
  #timer: ClockTimer;

  constructor(members: RingSource, options: LeaderOptions) {
    this.#members = members;
    this.#options = { task: "leader", settle: 5_000, minMembers: 1, ...options };
    this.#self = members.localNode().name;
    this.#watch = new MembershipWatch(
      members,
      options,
      () => this.#choose(),
      () => this.close(),
    );
    this.#choose();
  }

  /** The leader; undefined while a choice settles, or if there are fewer than `minMembers`. */
  get current(): Node | undefined {
    return this.#hasSettled ? this.#candidate : undefined;
  }

  /** Whether this node leads. */
  get isMe(): boolean {
    return this.current?.name === this.#self;
  }

  /**
   * Calls a function when `current` becomes another member, or undefined. An error of the function is uncaught.
   *
   * @returns a function that ends the calls
   */
  onLeader(listener: (leader: Node | undefined) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Stops following the membership: no member leads from now on. It also stops when the node is shut down. */
  close(): void {
    this.#watch.close();
    this.#propose(undefined);
  }

  /** Called by `using` at the end of its block: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #choose(): void {
    const { task, minMembers } = this.#options;
    const table = this.#watch.table();
    this.#propose(table.entries.length < minMembers ? undefined : nodesOf(table, task, 1)[0]);
  }

  #propose(candidate: Node | undefined): void {
    const isSame = candidate?.name === this.#candidate?.name;
    const { settle } = this.#options;
    // The same member may have other metadata.
    this.#candidate = candidate;
    if (isSame) return;
    const { clock } = this.#members.config;
    clock.clearTimeout(this.#timer);
    const hadLeader = this.#hasSettled;
    this.#hasSettled = false;
    if (hadLeader) this.#listeners.call(undefined);
    // A listener may have closed it.
    if (candidate === undefined || this.#candidate !== candidate) return;
    if (settle === 0) this.#settled();
    else this.#timer = clock.setTimeout(() => this.#settled(), settle);
  }

  #settled(): void {
    this.#hasSettled = true;
    this.#listeners.call(this.#candidate);
  }
}

/**
 * Chooses one member for a task, by rendezvous hashing: all members that list the same members choose the same one. This is not consensus:
 * a partition has a leader on each side (see `minMembers`), and a paused leader does not notice that another leads. docs/guide/ring.md explains what to
 * use for work that must never be done twice.
 *
 * @throws MemberlistError `invalid_argument`
 *
 * @example
 * const cleanup = leader(members, { task: "cleanup" });
 * cron.schedule("0 3 * * *", () => cleanup.isMe && removeOldFiles());
 */
export function leader(members: RingSource, options: LeaderOptions = {}): Leader {
  checkOptions("leader", options, leaderRules);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return new Leader(members, given);
}
