/** A running hash (cyrb53) of all packets and events. Two runs with the same trace did the same. */
export class Trace {
  #a = 0xdeadbeef;
  #b = 0x41c6ce57;
  #entries = 0;

  /** The number of entries. */
  get entries(): number {
    return this.#entries;
  }

  /** The hash of all entries so far, as 14 hex digits. */
  get hash(): string {
    const low = Math.imul(this.#a ^ (this.#a >>> 16), 2_246_822_507) ^ Math.imul(this.#b ^ (this.#b >>> 13), 3_266_489_909);
    const high = Math.imul(this.#b ^ (this.#b >>> 16), 2_246_822_507) ^ Math.imul(this.#a ^ (this.#a >>> 13), 3_266_489_909);
    return (4_294_967_296 * (2_097_151 & high) + (low >>> 0)).toString(16).padStart(14, "0");
  }

  /** Adds an entry: a string, and the bytes of a packet. */
  add(text: string, bytes?: Uint8Array): void {
    this.#entries++;
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    if (bytes === undefined) return;
    this.#mix(bytes.length);
    const { length } = bytes;
    let i = 0;
    for (; i + 3 < length; i += 4) {
      this.#mix((bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!);
    }
    for (; i < length; i++) this.#mix(bytes[i]!);
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 2_654_435_761);
    this.#b = Math.imul(this.#b ^ value, 1_597_334_677);
  }
}
