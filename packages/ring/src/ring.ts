import type { Node } from "@memberlist/core";
import { checkOptions } from "@memberlist/core/internal";
import { Listeners, MembershipWatch, ringMembersRules, type RingMembers, type RingSource } from "./membership.ts";
import { RingChange } from "./ring-change.ts";
import { checkKey, nodesOf, type RingTable } from "./ring-table.ts";

/** The owners of keys among the members that this node lists. {@link createRing} makes one. */
export class Ring implements Disposable {
  readonly #self: string;
  readonly #watch: MembershipWatch;
  readonly #listeners: Listeners<[RingChange]> = new Listeners();
  #table: RingTable;

  constructor(members: RingSource, options: RingMembers) {
    this.#self = members.localNode().name;
    this.#watch = new MembershipWatch(
      members,
      options,
      () => this.#update(),
      () => undefined,
    );
    this.#table = this.#watch.table();
  }

  /** The members that own keys, sorted by name. */
  get members(): Node[] {
    return this.#table.entries.map(({ node }) => node);
  }

  /**
   * Returns the owners of a key, the first one first. If there are zones, the owners are in distinct zones as far as these go.
   *
   * @param n the number of owners; fewer if the ring has fewer members. Default 1
   * @throws MemberlistError `invalid_argument`
   *
   * @example
   * const [primary, replica] = ring.ownersOf("user:42", 2);
   */
  ownersOf(key: string | Uint8Array, n: number = 1): Node[] {
    checkKey(key, n);
    return nodesOf(this.#table, key, n);
  }

  /**
   * Returns whether this node is one of the `n` owners of a key.
   *
   * @throws MemberlistError `invalid_argument`
   */
  isMine(key: string | Uint8Array, n: number = 1): boolean {
    checkKey(key, n);
    const { entries } = this.#table;
    return this.#table.owners(key, n).some((i) => entries[i]?.node.name === this.#self);
  }

  /**
   * Calls a function when owners change: when a member joined, died or left, or changed its weight or zone. By then `ownersOf` returns the new
   * owners. An error of the function is uncaught.
   *
   * @returns a function that ends the calls
   */
  onChange(listener: (change: RingChange) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Stops following the membership. The ring stays as it is then. It also stops when the node is shut down. */
  close(): void {
    this.#watch.close();
  }

  /** Called by `using` at the end of its block: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #update(): void {
    const before = this.#table;
    this.#table = this.#watch.table();
    const change = new RingChange(before, this.#table);
    const { changed, joined, left } = change;
    if (joined.length + left.length + changed.length > 0) this.#listeners.call(change);
  }
}

/**
 * Makes a ring of the members that this node lists. It follows the membership until it is closed, or the node is shut down. Suspect members
 * stay in the ring until they are declared dead.
 *
 * @throws MemberlistError `invalid_argument`
 *
 * @example
 * const ring = createRing(members);
 * if (ring.isMine("user:42")) await refresh("user:42");
 */
export function createRing(members: RingSource, options: RingMembers = {}): Ring {
  checkOptions("createRing", options, ringMembersRules);
  return new Ring(members, { ...options });
}
