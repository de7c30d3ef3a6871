import { decodeTags, type Memberlist, type Node, type Tags } from "@memberlist/core";
import { isFunction, type Rules } from "@memberlist/core/internal";
import { RingTable, type RingEntry } from "./ring-table.ts";

/** The parts of a `Memberlist` that a ring reads. */
export type RingSource = Pick<Memberlist, "config" | "events" | "localNode" | "members">;

/**
 * Chooses the members of a ring. All members must compute the same ring, so each function may depend on its arguments only, and all members need
 * the same functions.
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

/** The members that own keys. */
export function tableOf(nodes: readonly Node[], { filter, weight = weightTag, zone }: RingMembers): RingTable {
  const entries: RingEntry[] = [];
  for (const node of nodes) {
    const tags = decodeTags(node.meta) ?? noTags;
    if (filter?.(node, tags) === false) continue;
    const given = weight(node, tags);
    if (given === 0) continue;
    const valid = given >= minWeight && given <= maxWeight ? given : 1;
    entries.push({ node, weight: valid, zone: zone === undefined ? (tags["zone"] ?? "") : zone(node, tags) });
  }
  return new RingTable(entries);
}

/** Follows the membership of a node. */
export class MembershipWatch {
  readonly #stop: AbortController = new AbortController();
  #isDue = false;

  /**
   * @param changed called once for the changes of one turn of the event loop: a join brings one of each member, and each call reads all members
   * @param ended called when the node is shut down
   */
  constructor(members: RingSource, changed: () => void, ended: () => void) {
    // A dropped event does no harm, because each call reads all members.
    this.#read(members, changed).then(
      () => this.#stop.signal.aborted || ended(),
      (error: unknown) => throwLater(error),
    );
  }

  async #read(members: RingSource, changed: () => void): Promise<void> {
    for await (const { type } of members.events({ signal: this.#stop.signal })) {
      if (this.#isDue || (type !== "join" && type !== "leave" && type !== "update")) continue;
      this.#isDue = true;
      members.config.clock.defer(() => {
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
