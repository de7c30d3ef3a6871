import { compoundHeaderOverhead, compoundMaxParts, compoundOverhead, compoundPartMaxBytes, messageType } from "./constants.ts";
import { DecodeError } from "./errors.ts";
import { packetBytes } from "./bytes.ts";

export interface CompoundParts {
  /** The whole parts, as views of the body. */
  parts: Uint8Array[];
  /** How many parts at the end were cut off. */
  truncated: number;
}

/**
 * One compound message of whole messages: at most 255, each at most 65,535 bytes (PROTOCOL.md section 1).
 *
 * @throws RangeError over either limit
 */
export function makeCompound(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length > compoundMaxParts) throw new RangeError(`${parts.length} parts; a compound holds ${compoundMaxParts}`);
  let size = compoundHeaderOverhead + compoundOverhead * parts.length;
  for (const part of parts) {
    if (part.length > compoundPartMaxBytes)
      throw new RangeError(`a part of ${part.length} bytes; a compound's may have ${compoundPartMaxBytes}`);
    size += part.length;
  }
  const message = packetBytes(size);
  message[0] = messageType.compound;
  message[1] = parts.length;
  let lengthAt = compoundHeaderOverhead;
  let at = compoundHeaderOverhead + compoundOverhead * parts.length;
  for (const part of parts) {
    message[lengthAt++] = part.length >>> 8;
    message[lengthAt++] = part.length;
    message.set(part, at);
    at += part.length;
  }
  return message;
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
