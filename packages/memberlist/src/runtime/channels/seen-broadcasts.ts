/** An origin without a new broadcast for so long is forgotten, in ms. Gossip of a message ends within seconds. */
const forgottenAfter = 10 * 60_000;
/** How many origins are remembered. Each member that broadcasts is one. */
const maxOrigins = 8_192;
/** Sequence numbers in a block of 32 words. */
const blockBits = 10;
const blockWords = 32;
/** The last blocks of an origin, 16,384 broadcasts. A member can have 8,192 in its queue, and sends them in any order. */
const keptBlocks = 16;

interface Origin {
  /** Bits of the sequence numbers, by block. */
  readonly blocks: Map<number, Uint32Array>;
  highestBlock: number;
  lastAt: number;
}

/** Remembers the broadcasts that this member got in the last minutes, in bounded memory. */
export class SeenBroadcasts {
  /** The first one was silent for longest. */
  readonly #origins: Map<number, Origin> = new Map();

  /** @returns whether the broadcast is new */
  add(origin: number, sequence: number, now: number): boolean {
    const known = this.#origin(origin, now);
    const block = sequence >>> blockBits;
    if (block <= known.highestBlock - keptBlocks) return false;
    if (block > known.highestBlock) {
      known.highestBlock = block;
      for (const old of known.blocks.keys()) if (old <= block - keptBlocks) known.blocks.delete(old);
    }
    let words = known.blocks.get(block);
    if (words === undefined) known.blocks.set(block, (words = new Uint32Array(blockWords)));
    const word = (sequence >>> 5) & (blockWords - 1);
    const bit = 1 << (sequence & 31);
    if (((words[word] as number) & bit) !== 0) return false;
    words[word] = (words[word] as number) | bit;
    known.lastAt = now;
    // The most recent one comes last in the map.
    this.#origins.delete(origin);
    this.#origins.set(origin, known);
    return true;
  }

  #origin(id: number, now: number): Origin {
    const known = this.#origins.get(id);
    // Otherwise a single forged sequence far ahead would silence the origin until its member starts again.
    if (known !== undefined && now - known.lastAt < forgottenAfter) return known;
    this.#origins.delete(id);
    this.#forget(now);
    const added = { blocks: new Map<number, Uint32Array>(), highestBlock: -1, lastAt: now };
    this.#origins.set(id, added);
    return added;
  }

  /** Makes room for one more origin. */
  #forget(now: number): void {
    for (const [id, { lastAt }] of this.#origins) {
      if (now - lastAt < forgottenAfter && this.#origins.size < maxOrigins) return;
      this.#origins.delete(id);
    }
  }
}
