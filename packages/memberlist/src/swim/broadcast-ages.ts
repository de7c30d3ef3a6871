interface Aged {
  /** Grows from one item to the next. */
  readonly id: number;
}

/** The most items in a block. */
const blockMax = 64;

/**
 * Items in the order of their ids, the newest last. They are kept in blocks: adding or removing one in the middle moves a few others, however
 * many the list has.
 */
export class BroadcastAges<T extends Aged> {
  /** Each has at least one item. */
  readonly #blocks: T[][] = [];

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  add(item: T): void {
    const blocks = this.#blocks;
    const newest = blocks[blocks.length - 1];
    // Most items come in order, from either end: the blocks there stay full.
    if (newest !== undefined && (newest[newest.length - 1] as T).id > item.id) this.#insert(item);
    else if (newest === undefined || newest.length === blockMax) blocks.push([item]);
    else newest.push(item);
  }

  /** @param item must be in the list */
  remove(item: T): void {
    const place = this.#blockOf(item.id);
    const block = this.#blocks[place] as T[];
    block.splice(indexOf(block, item.id), 1);
    if (block.length === 0) this.#blocks.splice(place, 1);
  }

  takeNewest(): T | undefined {
    const blocks = this.#blocks;
    const block = blocks[blocks.length - 1];
    const item = block?.pop();
    if (block?.length === 0) blocks.pop();
    return item;
  }

  takeOldest(): T | undefined {
    const [block] = this.#blocks;
    const item = block?.shift();
    if (block?.length === 0) this.#blocks.shift();
    return item;
  }

  /** The oldest first. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const block of this.#blocks) yield* block;
  }

  /** Adds an item that is not the newest. */
  #insert(item: T): void {
    const blocks = this.#blocks;
    const place = this.#blockOf(item.id);
    const block = blocks[place] as T[];
    const index = indexOf(block, item.id);
    if (block.length < blockMax) {
      block.splice(index, 0, item);
    } else if (index === 0) {
      blocks.unshift([item]);
    } else {
      blocks.splice(place + 1, 0, block.splice(blockMax >> 1));
      this.#insert(item);
    }
  }

  /** The place of the block that has the item of this id, or that it belongs into: the last one whose first item is not newer. Not for an empty list. */
  #blockOf(id: number): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length - 1;
    // Most come in order, from either end.
    if (firstId(blocks[high] as T[]) <= id) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (firstId(blocks[middle] as T[]) <= id) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function firstId(block: readonly Aged[]): number {
  return (block[0] as Aged).id;
}

/** Where the item of this id is, or belongs, in a block. */
function indexOf(block: readonly Aged[], id: number): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((block[middle] as Aged).id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
