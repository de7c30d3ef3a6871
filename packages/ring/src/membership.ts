import { decodeTags, type Memberlist, type Node, type Tags } from "@memberlist/core";
import { createLog, errorMessage, isFunction, type Log, type Rules } from "@memberlist/core/internal";
import { RingTable, type RingEntry } from "./ring-table.ts";

/** The parts of a `Memberlist` that a ring reads. */
export type RingSource = Pick<Memberlist, "config" | "events" | "localNode" | "members">;

/**
 * Chooses the members of a ring. All members must compute the same ring, so each function may depend on its arguments only, and all members need
 * the same functions. A member for which a function throws owns no keys; the member that called the function logs that as `delegate_failed`.
 */
export interface RingMembers {
  /** Returns whether a member can own keys. Default: all members. */
  readonly filter?: (node: Node, tags: Tags) => boolean;
  /**
   * Returns the share of keys of a member, in proportion to the others: 0 (owns no keys), or 0.000001 to 1,000,000. Other results count as 1. Default: the tag
   * `weight`, or 1.
   */
  readonly weight?: (node: Node, tags: Tags) => number;
  /** Returns the zone of a member: `ownersOf(key, n)` prefers distinct zones. Default: the tag `zone`, or "". */
  readonly zone?: (node: Node, tags: Tags) => string;
}

export const ringMembersRules: Rules<RingMembers> = { filter: isFunction, weight: isFunction, zone: isFunction };

const minWeight = 0.000_001;
const maxWeight = 1_000_000;
const noTags: Tags = {};

/** An empty tag is absent: `Number("")` would be 0. */
function weightTag(_: Node, { weight = "" }: Tags): number {
  return weight === "" ? 1 : Number(weight);
}

/**
 * The members that own keys.
 *
 * @param failed called with each error of a function
 */
export function tableOf(nodes: readonly Node[], options: RingMembers, failed: (error: unknown, node: Node) => void): RingTable {
  const entries = nodes.flatMap((node) => {
    try {
      return entryOf(node, options) ?? [];
    } catch (error) {
      failed(error, node);
      return [];
    }
  });
  return new RingTable(entries);
}

/** @returns undefined for a member that owns no keys */
function entryOf(node: Node, { filter, weight = weightTag, zone }: RingMembers): RingEntry | undefined {
  const tags = decodeTags(node.meta) ?? noTags;
  if (filter?.(node, tags) === false) return undefined;
  const given = weight(node, tags);
  if (given === 0) return undefined;
  const valid = given >= minWeight && given <= maxWeight ? given : 1;
  return { node, weight: valid, zone: zone === undefined ? (tags["zone"] ?? "") : zone(node, tags) };
}

/** Follows the membership of a node. */
export class MembershipWatch {
  readonly #members: RingSource;
  readonly #options: RingMembers;
  readonly #stop: AbortController = new AbortController();
  #log: Log | undefined;
  #isDue = false;

  /**
   * @param changed called once for the changes of one turn of the event loop: a join brings one of each member, and each call reads all members
   * @param ended called when the node is shut down
   */
  constructor(members: RingSource, options: RingMembers, changed: () => void, ended: () => void) {
    this.#members = members;
    this.#options = options;
    // A dropped event does no harm, because each call reads all members.
    this.#read(changed).then(
      () => this.#stop.signal.aborted || ended(),
      (error: unknown) => throwLater(error),
    );
  }

  /** The members that own keys now. */
  table(): RingTable {
    return tableOf(this.#members.members(), this.#options, (error, { name }) => {
      this.#log ??= createLog(this.#members.config);
      this.#log.error("delegate_failed", `a function of the ring failed for ${name}: ${errorMessage(error)}`, { name, error });
    });
  }

  async #read(changed: () => void): Promise<void> {
    for await (const { type } of this.#members.events({ signal: this.#stop.signal })) {
      if (this.#isDue || (type !== "join" && type !== "leave" && type !== "update")) continue;
      this.#isDue = true;
      this.#members.config.clock.defer(() => {
        this.#isDue = false;
        if (!this.#stop.signal.aborted) changed();
      });
    }
  }

  close(): void {
    this.#stop.abort();
  }
}

/** The functions that are called at a change. */
export class Listeners<Args extends readonly unknown[]> {
  readonly #listeners: Set<(...args: Args) => void> = new Set();

  /** @returns a function that removes the listener */
  add(listener: (...args: Args) => void): () => void {
    // A function that is added twice is two listeners.
    const own = (...args: Args): void => listener(...args);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** An error of one listener does not reach the others. It is uncaught, as one of an event emitter. */
  call(...args: Args): void {
    for (const listener of this.#listeners) {
      try {
        listener(...args);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
