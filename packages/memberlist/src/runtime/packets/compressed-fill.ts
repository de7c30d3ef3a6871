/** How many packets' worth of messages are put into one at most, and how many bytes. */
const growthMax = 8;
const bytesMax = 60_000;
/** What a bit more costs, compared with what there is: the more there is to refer to, the less. */
const marginalShare = 0.75;
/** How much of the way to the estimate the limit moves. */
const step = 1 / 4;
/** By which part of itself the limit that was too much comes back. */
const recovery = 1 / 256;

/**
 * How many bytes of messages go into a packet that is compressed: found out from how well the last ones compressed, and from what has
 * turned out to be too much.
 */
export class CompressedFill {
  readonly #packetMax: number;
  #estimate = 0;
  #ceiling = Infinity;

  /** @param packetMax the longest packet, in bytes */
  constructor(packetMax: number) {
    this.#packetMax = packetMax;
  }

  /** @param room what fits uncompressed */
  limit(room: number): number {
    return Math.max(room, Math.min(this.#estimate, this.#ceiling, room * growthMax, bytesMax));
  }

  /** What became of a message of `size` bytes; one that fills less than half of a packet tells nothing. */
  learn(size: number, packetSize: number, room: number): void {
    if (size * 2 < room) return;
    const left = this.#packetMax - packetSize;
    if (left < 0) {
      this.#ceiling = Math.min(this.#ceiling, size - 1);
      this.#estimate = Math.min(this.#estimate, size - 1);
      return;
    }
    const estimate = size + (left * size) / (packetSize * marginalShare);
    this.#estimate = Math.max(room, this.#estimate + (estimate - this.#estimate) * step);
    this.#ceiling += this.#ceiling * recovery;
  }
}
