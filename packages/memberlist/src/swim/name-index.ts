import { decodeUtf8, hashAt, hashOf, isAsciiAt } from "../wire/utf8.ts";

interface Named {
  readonly name: string;
}

const startSlots = 64;

/**
 * Finds items by their names, or by the bytes of a name in a message, so that the member of a message is found without a string of its name. It takes
 * 16 to 32 bytes for each item; a `Map` takes 41 and more.
 */
export class NameIndex<T extends Named> {
  /** Open addressing: each slot has an item and the hash of its name. */
  #items: (T | undefined)[] = slots(startSlots);
  #hashes: Int32Array = new Int32Array(startSlots);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): T | undefined {
    return this.#items[this.#slotOf(name, hashOf(name))];
  }

  /** The item whose name is the `size` bytes from `at` on. */
  getAt(bytes: Uint8Array, at: number, size: number): T | undefined {
    const hash = hashAt(bytes, at, size);
    if (hash === undefined) return this.get(decodeUtf8(bytes, at, size));
    const mask = this.#items.length - 1;
    let slot = homeOf(hash, this.#items.length);
    for (let item = this.#items[slot]; item !== undefined; item = this.#items[slot]) {
      if (this.#hashes[slot] === hash && isAsciiAt(bytes, at, size, item.name)) return item;
      slot = (slot + 1) & mask;
    }
    return undefined;
  }

  /** Adds an item, in the place of the one that has its name. */
  set(item: T): void {
    if (this.#size * 4 >= this.#items.length * 3) this.#resize(this.#items.length * 2);
    const hash = hashOf(item.name);
    const slot = this.#slotOf(item.name, hash);
    if (this.#items[slot] === undefined) this.#size++;
    this.#items[slot] = item;
    this.#hashes[slot] = hash;
  }

  delete(name: string): void {
    const slot = this.#slotOf(name, hashOf(name));
    if (this.#items[slot] === undefined) return;
    this.#free(slot);
    if (this.#size * 8 < this.#items.length && this.#items.length > startSlots) this.#resize(this.#items.length / 2);
  }

  /** The slot of a name, or the free one where it belongs. */
  #slotOf(name: string, hash: number): number {
    const mask = this.#items.length - 1;
    let slot = homeOf(hash, this.#items.length);
    for (let item = this.#items[slot]; item !== undefined; item = this.#items[slot]) {
      if (this.#hashes[slot] === hash && item.name === name) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** Frees a slot, and moves the items behind it that a search would miss otherwise. */
  #free(slot: number): void {
    const count = this.#items.length;
    const mask = count - 1;
    let free = slot;
    for (let next = (slot + 1) & mask; this.#items[next] !== undefined; next = (next + 1) & mask) {
      const hash = this.#hashes[next] as number;
      if (((next - homeOf(hash, count)) & mask) < ((next - free) & mask)) continue;
      this.#items[free] = this.#items[next];
      this.#hashes[free] = hash;
      free = next;
    }
    this.#items[free] = undefined;
    this.#size--;
  }

  #resize(count: number): void {
    const [items, hashes] = [this.#items, this.#hashes];
    const mask = count - 1;
    this.#items = slots(count);
    this.#hashes = new Int32Array(count);
    for (let i = 0; i < items.length; i++) {
      if (items[i] === undefined) continue;
      const hash = hashes[i] as number;
      let slot = homeOf(hash, count);
      while (this.#items[slot] !== undefined) slot = (slot + 1) & mask;
      this.#items[slot] = items[i];
      this.#hashes[slot] = hash;
    }
  }
}

function slots<T>(count: number): (T | undefined)[] {
  const items: (T | undefined)[] = [];
  items.length = count;
  return items.fill(undefined);
}

/** Where the search for a name begins: the upper bits of its hash, which depend on all its characters. */
function homeOf(hash: number, count: number): number {
  return (hash >>> 0) >>> (Math.clz32(count) + 1);
}
