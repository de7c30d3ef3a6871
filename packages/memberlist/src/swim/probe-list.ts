import { randomOffset, type Random } from "../ports/random.ts";

interface Listed {
  /** Its index in a {@link ProbeList}. */
  place: number;
}

/**
 * The live members in the order in which they are probed: each once in a round, in a random order that differs from round to round. The order is made while
 * it is walked, so that no call takes longer in a large cluster.
 */
export class ProbeList<T extends Listed> {
  readonly #random: Random;
  /** First the members that this round has probed, then the others. */
  readonly #records: T[] = [];
  #probed = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#records.length;
  }

  /** All members, those that this round has probed first. */
  get records(): readonly T[] {
    return this.#records;
  }

  /** Adds a member at a random place, so that the time until it is first probed is low on average. */
  add(record: T): void {
    const last = this.#records.length;
    const offset = randomOffset(this.#random, last);
    this.#records.push(record);
    record.place = last;
    this.#swap(offset, last);
    if (offset >= this.#probed) return;
    this.#swap(last, this.#probed);
    this.#probed++;
  }

  delete(record: T): void {
    let place = record.place;
    if (place < this.#probed) {
      this.#probed--;
      this.#swap(place, this.#probed);
      place = this.#probed;
    }
    this.#swap(place, this.#records.length - 1);
    this.#records.pop();
  }

  /** The next member of this round; undefined at its end, and the next call begins another round. */
  next(): T | undefined {
    const left = this.#records.length - this.#probed;
    if (left === 0) {
      this.#probed = 0;
      return undefined;
    }
    this.#swap(this.#probed, this.#probed + randomOffset(this.#random, left));
    return this.#records[this.#probed++];
  }

  #swap(i: number, j: number): void {
    const a = this.#records[i] as T;
    const b = this.#records[j] as T;
    this.#records[i] = b;
    this.#records[j] = a;
    b.place = i;
    a.place = j;
  }
}
