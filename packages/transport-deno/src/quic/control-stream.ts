import { MemberlistError } from "@memberlist/core";

/** A frame of the handshake: at most this many bytes behind its length. An RSA-4096 certificate and signature take about 2 KiB. */
const frameBytesMax = 8192;

/**
 * The first stream of a connection, which the dialler opens: the handshake goes over it, in frames of fields, and its end says that a
 * side is leaving. A frame is its length (u16, big-endian), then fields, each behind its length (u16).
 */
export class ControlStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: Deno.QuicBidirectionalStream) {
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
  }

  async send(fields: readonly Uint8Array[]): Promise<void> {
    await this.#writer.write(withLength(encodeFields(fields)));
  }

  /**
   * The fields of the next frame.
   *
   * @throws MemberlistError `protocol_error` when it is too long, not whole, or has not so many fields
   */
  async receive(count: number): Promise<Uint8Array[]> {
    const header = await this.#take(2);
    const length = ((header[0] ?? 0) << 8) | (header[1] ?? 0);
    if (length > frameBytesMax) throw new MemberlistError("protocol_error", "a frame of the handshake is too long");
    const fields = decodeFields(await this.#take(length));
    if (fields?.length !== count) throw new MemberlistError("protocol_error", "a frame of the handshake is malformed");
    return fields;
  }

  /** Resolves when the peer has ended its side, or sent what it should not, or the connection is gone. */
  async ended(): Promise<void> {
    try {
      await this.#reader.read();
    } catch {
      // The connection is gone.
    }
  }

  /** Announces to the peer that this node leaves. */
  async end(): Promise<void> {
    try {
      await this.#writer.close();
    } catch {
      // It knows by now.
    }
  }

  async #take(size: number): Promise<Uint8Array> {
    while (this.#rest.length < size) {
      const { done, value } = await this.#reader.read();
      if (done) throw new MemberlistError("protocol_error", "the handshake broke off");
      const joined = new Uint8Array(this.#rest.length + value.length);
      joined.set(this.#rest);
      joined.set(value, this.#rest.length);
      this.#rest = joined;
    }
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }
}

/** Fields behind their lengths: unambiguous, so that what is signed means one thing. */
export function encodeFields(fields: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((total, field) => total + 2 + field.length, 0));
  let at = 0;
  for (const field of fields) {
    bytes.set(withLength(field), at);
    at += 2 + field.length;
  }
  return bytes;
}

/** Undefined for what {@link encodeFields} does not write. */
function decodeFields(bytes: Uint8Array): Uint8Array[] | undefined {
  const fields: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at + 2;
    const end = start + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
    if (end > bytes.length) return undefined;
    fields.push(bytes.slice(start, end));
    at = end;
  }
  return fields;
}

function withLength(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0xffff) throw new RangeError(`a field of ${bytes.length} bytes`);
  const framed = new Uint8Array(2 + bytes.length);
  framed[0] = bytes.length >>> 8;
  framed[1] = bytes.length & 0xff;
  framed.set(bytes, 2);
  return framed;
}
