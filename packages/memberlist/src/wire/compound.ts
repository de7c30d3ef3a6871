import { compoundHeaderOverhead, compoundMaxParts, compoundOverhead, compoundPartMaxBytes, messageType } from "./constants.ts";
import { DecodeError } from "./errors.ts";
import { packetBytes, takePacketBack, viewOf } from "./bytes.ts";

export interface CompoundParts {
  /** The whole parts, as views of the body. */
  parts: Uint8Array[];
  /** How many parts at the end were cut off. */
  truncated: number;
}

/** One compound message of whole messages. @throws RangeError as {@link PartList.compound} */
export function makeCompound(parts: readonly Uint8Array[]): Uint8Array {
  const list = new PartList();
  for (const part of parts) list.add(part, 0, part.length);
  return list.compound(0, list.count);
}

/** Messages that wait for a compound, without a view of each. {@link PartList.compound} copies messages that are next to each other in one array in one go. */
export class PartList {
  readonly #bytes: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  get count(): number {
    return this.#bytes.length;
  }

  /** Adds the message from `start` to `end` of `bytes`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes.push(bytes);
    this.#starts.push(start);
    this.#ends.push(end);
  }

  /** A view of one message. */
  part(index: number): Uint8Array {
    return this.#run(index, index);
  }

  /**
   * One compound message of the messages from `from` to before `to`: at most 255, each at most 65,535 bytes (PROTOCOL.md section 1).
   *
   * @throws RangeError over either limit
   */
  compound(from: number, to: number): Uint8Array {
    const count = to - from;
    if (count > compoundMaxParts) throw new RangeError(`${count} parts; a compound holds ${compoundMaxParts}`);
    let at = compoundHeaderOverhead + compoundOverhead * count;
    const message = packetBytes(at + this.#size(from, to));
    message[0] = messageType.compound;
    message[1] = count;
    let lengthAt = compoundHeaderOverhead;
    let copied = from;
    for (let i = from; i < to; i++) {
      const length = this.#length(i);
      message[lengthAt++] = length >>> 8;
      message[lengthAt++] = length;
      if (i + 1 < to && this.#bytes[i + 1] === this.#bytes[i] && this.#starts[i + 1] === this.#ends[i]) continue;
      const run = this.#run(copied, i);
      message.set(run, at);
      at += run.length;
      copied = i + 1;
    }
    return message;
  }

  /** Gives the memory of the messages back, as far as it was given out last. The caller must not use them afterwards. */
  giveBack(): void {
    for (let i = this.count - 1; i >= 0; i--) takePacketBack(this.#bytes[i] as Uint8Array);
  }

  /** @throws RangeError for a message that is too long for a compound */
  #size(from: number, to: number): number {
    let size = 0;
    for (let i = from; i < to; i++) {
      const length = this.#length(i);
      if (length > compoundPartMaxBytes)
        throw new RangeError(`a part of ${length} bytes; a compound's may have ${compoundPartMaxBytes}`);
      size += length;
    }
    return size;
  }

  /** A view of the messages from `first` to `last`, which are next to each other. */
  #run(first: number, last: number): Uint8Array {
    return viewOf(this.#bytes[first] as Uint8Array, this.#starts[first] as number, this.#ends[last] as number);
  }

  #length(index: number): number {
    return (this.#ends[index] as number) - (this.#starts[index] as number);
  }
}

/** As many compound messages as the parts need; none for no parts. */
export function makeCompounds(parts: readonly Uint8Array[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let start = 0; start < parts.length; start += compoundMaxParts) {
    messages.push(makeCompound(parts.slice(start, start + compoundMaxParts)));
  }
  return messages;
}

/**
 * The parts of a compound message, given without its type byte. One that was cut off yields its whole parts.
 *
 * @throws DecodeError `truncated` when the count or the table of lengths is not whole
 */
export function splitCompound(body: Uint8Array): CompoundParts {
  const parts: Uint8Array[] = [];
  const truncated = visitCompound(body, (start, end) => void parts.push(body.subarray(start, end)));
  return { parts, truncated };
}

/**
 * As {@link splitCompound}, without making views: `visit` gets where each part stands in `body`.
 *
 * @returns how many parts at the end were cut off
 */
export function visitCompound(body: Uint8Array, visit: (start: number, end: number) => void): number {
  const count = body[0];
  if (count === undefined) throw new DecodeError("truncated", "a compound without its count");
  let at = 1 + count * compoundOverhead;
  if (body.length < at) throw new DecodeError("truncated", "a compound without all of its lengths");
  for (let i = 0; i < count; i++) {
    const length = ((body[1 + i * 2] as number) << 8) | (body[2 + i * 2] as number);
    if (at + length > body.length) return count - i;
    visit(at, at + length);
    at += length;
  }
  return 0;
}
