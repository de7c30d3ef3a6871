import type { Offload, OpenJob, SealJob } from "../ports/codec.ts";
import { DecodeError } from "../wire/decode-error.ts";
import {
  openStreamPayload,
  readStreamMessage,
  sealStreamMessage,
  type StreamLimits,
  type StreamMessage,
  type StreamPayload,
  type StreamSecurity,
} from "../wire/stream-frame.ts";
import type { StreamReader } from "../wire/stream-reader.ts";
import type { Cipher } from "./cipher.ts";

/** How much larger than the threshold a message may become by decompression before that is long work, too. */
const growthInline = 16;

export interface StreamCodecOptions {
  /** Our label and our keys. */
  readonly security: StreamSecurity & { readonly cipher: Cipher | undefined };
  readonly compress: boolean;
  /** Undefined: all work is done inline. */
  readonly offload: Offload | undefined;
}

/** The layers of stream messages: put on and taken off inline where that is quick, else where the transport has it done. */
export class StreamCodec {
  readonly #options: StreamCodecOptions;

  constructor(options: StreamCodecOptions) {
    this.#options = options;
  }

  /** Our label; empty for none. */
  get label(): Uint8Array {
    return this.#options.security.label;
  }

  /** See {@link sealStreamMessage}. A promise only when it is done elsewhere. */
  seal(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const { security, compress, offload } = this.#options;
    const { cipher, label } = security;
    const encrypts = cipher?.encrypts === true;
    if (offload === undefined || message.length < offload.threshold || !(compress || encrypts)) {
      return sealStreamMessage(message, { compress }, security);
    }
    const job: SealJob = encrypts
      ? { compress, encrypt: { key: cipher.takeSealingKey(), version: cipher.version, label } }
      : { compress };
    return offload.seal(message, job);
  }

  /**
   * See {@link readStreamMessage}.
   *
   * @param onOpened told how long a message is whose layers were taken off, in bytes; what it throws refuses the message
   */
  read(reader: StreamReader, limits: StreamLimits, onOpened?: (bytes: number) => void): Promise<StreamMessage> {
    return readStreamMessage(reader, limits, this.#options.security, async (payload) => {
      const message = await this.#open(payload, limits);
      onOpened?.(message.length);
      return message;
    });
  }

  #open(payload: StreamPayload, { maxDecompressedBytes }: StreamLimits): Uint8Array | Promise<Uint8Array> {
    const { security, offload } = this.#options;
    const { cipher, label } = security;
    if (offload === undefined) return openStreamPayload(payload, maxDecompressedBytes, security);
    if (payload.bytes.length < offload.threshold) {
      const maxInline = Math.min(maxDecompressedBytes, offload.threshold * growthInline);
      try {
        return openStreamPayload(payload, maxInline, security);
      } catch (error) {
        // 30 KiB may hold 40 MiB. What turns out to be long starts again where it holds up nobody.
        const isLong = error instanceof DecodeError && error.reason === "too_large" && maxInline < maxDecompressedBytes;
        if (!isLong) throw error;
      }
    }
    const job: OpenJob =
      payload.isEncrypted && cipher !== undefined
        ? { decrypt: { keys: cipher.openingKeys(), label }, maxDecompressedBytes }
        : { maxDecompressedBytes };
    return offload.open(payload.bytes, job);
  }
}
