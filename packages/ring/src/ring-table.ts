import { MemberlistError, type Node } from "@memberlist/core";
import { hashKey, mix } from "./hash.ts";

/** A member in a ring. */
export interface RingEntry {
  readonly node: Node;
  /** Above 0. */
  readonly weight: number;
  readonly zone: string;
}

const u32 = 2 ** 32;
const halfU32 = 2 ** 31;
/** The seeds of the two hashes of a member's name. With 64 bits, two members practically never share both. */
const nameSeeds = [0x6d656d62, 0x72696e67] as const;

/**
 * The owners of all keys for one set of members, by weighted rendezvous hashing. Each member has a cost for each key: -ln(u) / weight, where u is
 * a hash of the key and the member's name between 0 and 1. The members with the lowest costs own the key. So a member that joins takes keys only for
 * itself, and a member that leaves gives up only its own.
 */
export class RingTable {
  /** Sorted by name. */
  readonly entries: readonly RingEntry[];
  readonly #a: Int32Array;
  readonly #b: Int32Array;
  readonly #weights: Float64Array;
  /** The number of each member's zone. */
  readonly #zones: Int32Array;
  readonly #zoneCount: number;
  /** Whether all weights are equal. */
  readonly #isEven: boolean;
  readonly #costs: Float64Array;
  readonly #indexes: ReadonlyMap<string, number>;

  constructor(entries: readonly RingEntry[]) {
    // By code units: the order must not depend on a locale.
    this.entries = entries.toSorted((x, y) => (x.node.name < y.node.name ? -1 : 1));
    const names = this.entries.map(({ node }) => node.name);
    const zones = new Map([...new Set(this.entries.map(({ zone }) => zone))].map((zone, i) => [zone, i]));
    this.#a = Int32Array.from(names, (name) => hashKey(name, nameSeeds[0]));
    this.#b = Int32Array.from(names, (name) => hashKey(name, nameSeeds[1]) | 1);
    this.#weights = Float64Array.from(this.entries, ({ weight }) => weight);
    this.#zones = Int32Array.from(this.entries, ({ zone }) => zones.get(zone) ?? 0);
    this.#zoneCount = zones.size;
    this.#isEven = new Set(this.#weights).size <= 1;
    this.#costs = new Float64Array(names.length);
    this.#indexes = new Map(names.map((name, i) => [name, i]));
  }

  /** The entry of a name. */
  get(name: string): RingEntry | undefined {
    return this.entries[this.#indexes.get(name) ?? -1];
  }

  /** The indexes of the owners, the first one first: in distinct zones, as far as these go; then again in distinct zones. */
  owners(key: string | Uint8Array, count: number): number[] {
    const hash = hashKey(key);
    const wanted = Math.min(count, this.entries.length);
    if (wanted === 0) return [];
    if (wanted === 1) return [this.#first(hash)];
    const costs = this.#fillCosts(hash);
    const owners: number[] = [];
    const perZone = new Int32Array(this.#zoneCount);
    for (let round = 1; owners.length < wanted; round++) {
      for (let next = this.#cheapest(costs, perZone, round); next >= 0; next = this.#cheapest(costs, perZone, round)) {
        owners.push(next);
        if (owners.length === wanted) break;
        costs[next] = Infinity;
        const zone = this.#zones[next] as number;
        perZone[zone] = round;
      }
    }
    return owners;
  }

  /** The index of the first owner. */
  #first(hash: number): number {
    return this.#isEven ? this.#highest(hash) : this.#cheapestByWeight(hash);
  }

  /** With equal weights, the highest hash has the lowest cost. */
  #highest(hash: number): number {
    const a = this.#a;
    const b = this.#b;
    let owner = 0;
    let most = -Infinity;
    for (let i = 0; i < a.length; i++) {
      const h = mix(hash, a[i] as number, b[i] as number);
      if (h <= most) continue;
      most = h;
      owner = i;
    }
    return owner;
  }

  #cheapestByWeight(hash: number): number {
    const a = this.#a;
    const b = this.#b;
    const weights = this.#weights;
    let owner = 0;
    let least = Infinity;
    let bound = Infinity;
    for (let i = 0; i < a.length; i++) {
      const h = mix(hash, a[i] as number, b[i] as number);
      const weight = weights[i] as number;
      // -ln(u) is above 1 - u, so most members need no logarithm.
      if (halfU32 - 0.5 - h >= bound * weight) continue;
      const cost = -Math.log(uniform(h)) / weight;
      if (cost >= least) continue;
      least = cost;
      bound = least * u32;
      owner = i;
    }
    return owner;
  }

  #fillCosts(hash: number): Float64Array {
    const a = this.#a;
    const b = this.#b;
    const costs = this.#costs;
    for (let i = 0; i < a.length; i++) {
      const h = mix(hash, a[i] as number, b[i] as number);
      costs[i] = this.#isEven ? -h : -Math.log(uniform(h)) / (this.#weights[i] as number);
    }
    return costs;
  }

  /** The index of the lowest cost among the members whose zone has fewer owners than `round`; -1 if all zones have as many. */
  #cheapest(costs: Float64Array, perZone: Int32Array, round: number): number {
    let found = -1;
    let least = Infinity;
    for (let i = 0; i < costs.length; i++) {
      const cost = costs[i] as number;
      if (cost >= least || (perZone[this.#zones[i] as number] as number) >= round) continue;
      least = cost;
      found = i;
    }
    return found;
  }
}

/** From a 32-bit hash to a number between 0 and 1. */
function uniform(hash: number): number {
  return (hash + halfU32 + 0.5) / u32;
}

export function nodesOf(table: RingTable, key: string | Uint8Array, n: number): Node[] {
  return table.owners(key, n).map((i) => (table.entries[i] as RingEntry).node);
}

export function checkKey(key: unknown, n: unknown): void {
  if (typeof key !== "string" && !(key instanceof Uint8Array)) {
    throw new MemberlistError("invalid_argument", `a key must be a string or a Uint8Array; it is a ${typeof key}`);
  }
  if (!Number.isInteger(n) || (n as number) < 1) {
    throw new MemberlistError("invalid_argument", `the number of owners must be a whole number from 1; it is ${String(n)}`);
  }
}
