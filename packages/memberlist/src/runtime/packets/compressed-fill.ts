/** A compressed packet holds at most so many times the room of an uncompressed one, and at most so many bytes of messages. */
const growthMax = 8;
const bytesMax = 60_000;
/** One more byte costs so much of the average byte: the compressor has more to refer to. */
const marginalShare = 0.75;
/** How much of the way to the estimate the limit moves. */
const step = 1 / 4;
/** How much the ceiling rises again after each packet that fits. */
const recovery = 1 / 256;

/** Estimates how many bytes of messages fit into a compressed packet, from how well the last packets compressed, and from those that were too long. */
export class CompressedFill {
  readonly #packetMax: number;
  #estimate = 0;
  #ceiling = Infinity;

  /** @param packetMax the longest packet, in bytes */
  constructor(packetMax: number) {
    this.#packetMax = packetMax;
  }

  /** @param room the bytes that fit uncompressed */
  limit(room: number): number {
    return Math.max(room, Math.min(this.#estimate, this.#ceiling, room * growthMax, bytesMax));
  }

  /** A message of `size` bytes became a packet of `packetSize`. Messages that fill less than half of a packet are ignored. */
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
