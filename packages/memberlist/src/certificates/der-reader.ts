import { MemberlistError } from "../api/errors.ts";

/** The tags of DER that certificates have; those of a context are 0x80 and up, 0xa0 and up where they hold others. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  sequence: 0x30,
} as const;

/**
 * Reads DER (X.690) one value after another, and takes DER alone: lengths in their shortest form, nothing behind the end. What another
 * reader could take for something else is an error.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The content of the next value, which must have this tag. */
  read(tag: number): Uint8Array {
    const found = this.#bytes[this.#at];
    if (found !== tag) throw notDer(`tag ${String(found)} where ${tag} belongs`);
    const size = this.#size();
    const content = this.#bytes.subarray(this.#at, this.#at + size);
    if (content.length !== size) throw notDer("cut off");
    this.#at += size;
    return content;
  }

  /** As {@link read}; undefined, without reading, at the end or if the next value has another tag. */
  readOptional(tag: number): Uint8Array | undefined {
    return this.#bytes[this.#at] === tag ? this.read(tag) : undefined;
  }

  /** The next value with its tag and length, as it stands. */
  readWhole(tag: number): Uint8Array {
    const from = this.#at;
    this.read(tag);
    return this.#bytes.subarray(from, this.#at);
  }

  /** The next value, of any type. */
  readAny(): { readonly tag: number; readonly content: Uint8Array } {
    const tag = this.#bytes[this.#at];
    // The long form of tags, which no certificate has.
    if (tag === undefined || (tag & 0x1f) === 0x1f) throw notDer("no tag");
    return { tag, content: this.read(tag) };
  }

  /** A reader of the next value's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  end(): void {
    if (!this.isAtEnd) throw notDer("more than there should be");
  }

  /** Reads the length behind a tag, and stops at the content. */
  #size(): number {
    const first = this.#bytes[this.#at + 1];
    if (first === undefined) throw notDer("cut off");
    this.#at += 2;
    if (first < 0x80) return first;
    // 0x80 is BER's indefinite length. Three bytes are 16 MiB.
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw notDer("an invalid length");
    let size = 0;
    for (let i = 0; i < count; i++) size = (size << 8) | (this.#bytes[this.#at++] ?? 0);
    if (size < 0x80 || size < 1 << (8 * (count - 1))) throw notDer("a length that is not in its shortest form");
    return size;
  }
}

export function notDer(what: string): MemberlistError {
  return new MemberlistError("invalid_argument", `the certificate is not valid DER: ${what}`);
}
