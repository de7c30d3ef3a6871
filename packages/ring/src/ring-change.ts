import type { Node } from "@memberlist/core";
import { checkKey, nodesOf, type RingTable } from "./ring-table.ts";

/** The change of a key's owners. */
export interface RingMove {
  /** The owners that the key has lost. Those that are still alive have its data. */
  readonly from: readonly Node[];
  /** The owners that the key has gained. */
  readonly to: readonly Node[];
}

/** A change of a ring (see `Ring.onChange`). */
export class RingChange {
  /** The members that joined, or began to own keys. */
  readonly joined: readonly Node[];
  /** The members that died or left, or stopped owning keys. */
  readonly left: readonly Node[];
  /** The members with another weight or zone. */
  readonly changed: readonly Node[];
  readonly #before: RingTable;
  readonly #after: RingTable;

  constructor(before: RingTable, after: RingTable) {
    this.#before = before;
    this.#after = after;
    this.joined = missingIn(before, after);
    this.left = missingIn(after, before);
    this.changed = after.entries
      .filter(({ node, weight, zone }) => {
        const old = before.get(node.name);
        return old !== undefined && (old.weight !== weight || old.zone !== zone);
      })
      .map(({ node }) => node);
  }

  /**
   * Returns how the owners of a key changed; undefined if the same members own it. Call it for the keys that this node has.
   *
   * @param n as for `ownersOf`
   * @throws MemberlistError `invalid_argument`
   *
   * @example
   * ring.onChange((change) => {
   *   for (const key of cache.keys()) if (!ring.isMine(key)) cache.delete(key);
   * });
   */
  moved(key: string | Uint8Array, n: number = 1): RingMove | undefined {
    checkKey(key, n);
    const before = nodesOf(this.#before, key, n);
    const after = nodesOf(this.#after, key, n);
    const from = without(before, after);
    const to = without(after, before);
    return from.length + to.length === 0 ? undefined : { from, to };
  }

  /** Returns the expected share of all keys whose first owner changed, from 0 to 1: about 1/n if one of n members joined or left. */
  movedShare(): number {
    const entries = [
      ...this.#after.entries,
      ...this.#before.entries.filter(({ node }) => this.#after.get(node.name) === undefined),
    ];
    const weights = entries
      .map(({ node: { name } }) => ({
        before: this.#before.get(name)?.weight ?? 0,
        after: this.#after.get(name)?.weight ?? 0,
      }))
      // By before / after, without a division by 0.
      .sort((a, b) => a.before * b.after - b.before * a.after);
    let sumBefore = weights.reduce((sum, { before }) => sum + before, 0);
    let sumAfter = 0;
    let stayed = 0;
    for (const { after, before } of weights) {
      // A member owns a key before and after if its cost is the lowest by both weights. Of each other member, the larger of the two weights counts, in
      // comparison with this member's: those before it in this order have the larger one after the change.
      if (before > 0 && after > 0) stayed += 1 / (sumBefore / before + sumAfter / after);
      sumBefore -= before;
      sumAfter += after;
    }
    return entries.length === 0 ? 0 : 1 - stayed;
  }
}

/** The nodes of `table` that are not in `other`. */
function missingIn(other: RingTable, table: RingTable): Node[] {
  return table.entries.filter(({ node }) => other.get(node.name) === undefined).map(({ node }) => node);
}

function without(nodes: readonly Node[], others: readonly Node[]): Node[] {
  const names = new Set(others.map(({ name }) => name));
  return nodes.filter(({ name }) => !names.has(name));
}
