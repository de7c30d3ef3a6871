/** A timer that waits. `at` is when it is due, in ms; `order` keeps timers of one instant in the order in which they were set. */
export interface HeapTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  /** A cancelled timer stays in the heap until it comes up, and is skipped there. */
  cancelled: boolean;
  done: boolean;
}

/** A binary heap of timers, the next one due on top. */
export class TimerHeap {
  readonly #items: HeapTimer[] = [];

  /** The next timer that is not cancelled. */
  peek(): HeapTimer | undefined {
    while (this.#items[0]?.cancelled === true) this.#removeTop();
    return this.#items[0];
  }

  /** Takes the next timer that is not cancelled off the heap. */
  pop(): HeapTimer | undefined {
    const top = this.peek();
    if (top !== undefined) this.#removeTop();
    return top;
  }

  push(timer: HeapTimer): void {
    const items = this.#items;
    let index = items.length;
    items.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] as HeapTimer;
      if (!before(timer, above)) break;
      items[index] = above;
      index = parent;
    }
    items[index] = timer;
  }

  #removeTop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      const right = items[child + 1];
      if (right !== undefined && before(right, items[child] as HeapTimer)) child++;
      const smallest = items[child] as HeapTimer;
      if (!before(smallest, last)) break;
      items[index] = smallest;
      index = child;
    }
    items[index] = last;
  }
}

function before(a: HeapTimer, b: HeapTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
