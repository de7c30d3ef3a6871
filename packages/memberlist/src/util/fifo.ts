const initialCapacity = 16;

/**
 * A first-in, first-out queue in a circular array, which doubles when it is full and is let go when it is empty. `push` and `shift` take
 * the same time however much waits.
 */
export class Fifo<T> {
  /** Its length is a power of two. */
  #items: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size++;
  }

  /** Takes out the oldest. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    // Shrinks again after a burst.
    if (this.#size === 0 && this.#items.length > initialCapacity) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#size = 0;
  }

  /** The oldest first. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#items[(this.#head + i) & (this.#items.length - 1)] as T;
  }

  #grow(): void {
    const items: (T | undefined)[] = [...this];
    const capacity = Math.max(initialCapacity, 2 * items.length);
    // Filled to its end, so that it has no holes.
    while (items.length < capacity) items.push(undefined);
    this.#items = items;
    this.#head = 0;
  }
}
