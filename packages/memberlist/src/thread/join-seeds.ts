import { seedName, type Seed, type SeedProvider } from "../api/seeds.ts";
import { rememberedSeeds } from "../swim/healing.ts";
import type { PackedSeed } from "./thread-messages.ts";

/** The seeds of running joins, and the latest seeds of earlier joins, which healing tries. The thread knows a seed function by its id. */
export class JoinSeeds {
  /** In the order in which joins got them. */
  readonly #latest: Set<Seed> = new Set();
  readonly #ids: Map<SeedProvider, number> = new Map();
  readonly #functions: Map<number, SeedProvider> = new Map();
  /** How many running joins use a function. */
  readonly #uses: Map<SeedProvider, number> = new Map();
  #lastId = 0;

  /** A join begins. Call `end` when it has ended. */
  begin(seeds: readonly Seed[]): { readonly packed: PackedSeed[]; readonly end: () => void } {
    const functions = seeds.filter((seed) => typeof seed === "function");
    for (const seed of functions) this.#uses.set(seed, (this.#uses.get(seed) ?? 0) + 1);
    // A known seed keeps its place, as in healing.
    for (const seed of seeds.slice(-rememberedSeeds)) this.#latest.add(seed);
    for (const oldest of this.#latest) {
      if (this.#latest.size <= rememberedSeeds) break;
      this.#latest.delete(oldest);
      this.#free(oldest);
    }
    const end = (): void => {
      for (const seed of functions) {
        this.#uses.set(seed, (this.#uses.get(seed) ?? 1) - 1);
        this.#free(seed);
      }
    };
    return { packed: seeds.map((seed) => this.#pack(seed)), end };
  }

  /** The seeds that healing tries, for a new thread. */
  latest(): PackedSeed[] {
    return [...this.#latest].map((seed) => this.#pack(seed));
  }

  /** The seed function of an id. */
  get(seedId: number): SeedProvider | undefined {
    return this.#functions.get(seedId);
  }

  /** How many seed functions are kept. */
  get size(): number {
    return this.#functions.size;
  }

  #pack(seed: Seed): PackedSeed {
    if (typeof seed === "string") return seed;
    let seedId = this.#ids.get(seed);
    if (seedId === undefined) {
      seedId = ++this.#lastId;
      this.#ids.set(seed, seedId);
      this.#functions.set(seedId, seed);
    }
    return { seedId, name: seedName(seed) };
  }

  #free(seed: Seed): void {
    if (typeof seed === "string" || (this.#uses.get(seed) ?? 0) > 0) return;
    this.#uses.delete(seed);
    if (this.#latest.has(seed)) return;
    this.#functions.delete(this.#ids.get(seed) ?? 0);
    this.#ids.delete(seed);
  }
}
