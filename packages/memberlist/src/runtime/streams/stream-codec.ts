import type { DecodeJob, EncodeJob, StreamWorkers } from "../../wire/stream-workers.ts";
import { DecodeError } from "../../wire/errors.ts";
import type { YieldToEventLoop } from "../../ports/clock.ts";
import { readStreamMessage, type StreamLimits, type StreamMessage } from "../../wire/stream-messages.ts";
import {
  decodeInParts,
  decodeStreamPayload,
  encodeInParts,
  encodeStreamMessage,
  type StreamPayload,
  type StreamSecurity,
} from "../../wire/stream-layers.ts";
import type { StreamReader } from "../../wire/stream-reader.ts";
import type { KeyringCipher } from "../../encryption/keyring-cipher.ts";
import { SerialQueue, type IsWanted } from "../../util/serial-queue.ts";
import { TurnBudget } from "../../util/turn-budget.ts";

/** Messages of at least this many bytes are processed in parts. Shorter ones take less than 1 ms. */
const longMessage = 64 * 1024;
/** How much larger than that a message may become by decompression before that is long work, too. */
const growthInline = 16;
/** Bytes of short messages whose layers are taken off in one turn of the event loop: what comes on many streams at once waits for the next. */
const decodedInTurn = 1024 * 1024;

export interface StreamCodecOptions {
  /** Our label and our keys. */
  readonly security: StreamSecurity & { readonly cipher: KeyringCipher | undefined };
  readonly compress: boolean;
  /** Those of the transport; undefined where it has none. */
  readonly workers: StreamWorkers | undefined;
  /** Called between the parts. */
  readonly yieldToEventLoop: YieldToEventLoop;
}

export interface StreamReadOptions {
  /** Called with the length of the decoded message, in bytes. An error that it throws rejects the message. */
  readonly onDecoded?: ((bytes: number) => void) | undefined;
  /** Long work is not begun, or is cancelled, when this returns false. */
  readonly isWanted?: IsWanted;
}

/**
 * Encodes and decodes stream messages (compression and encryption): short ones at once; long ones in parts, one message at a time; those above
 * the threshold of the transport's workers there.
 */
export class StreamCodec {
  readonly #options: StreamCodecOptions;
  /** Messages of at least this many bytes go to the workers. */
  readonly #workersFrom: number;
  /** Messages of at least this many bytes are processed in parts. */
  readonly #long: number;
  readonly #turns: SerialQueue;
  /** For short messages, which are decoded in one piece. */
  readonly #budget: TurnBudget;

  constructor(options: StreamCodecOptions) {
    this.#options = options;
    this.#workersFrom = options.workers?.threshold ?? Infinity;
    this.#long = Math.min(longMessage, this.#workersFrom);
    this.#turns = new SerialQueue(options.yieldToEventLoop);
    this.#budget = new TurnBudget(decodedInTurn, options.yieldToEventLoop);
  }

  /** Our label; empty for none. */
  get label(): Uint8Array {
    return this.#options.security.label;
  }

  /** See {@link encodeStreamMessage}. A promise only when it is long; the message may not change meanwhile. */
  encode(message: Uint8Array, isWanted: IsWanted = always): Uint8Array | Promise<Uint8Array> {
    const { compress, workers, security } = this.#options;
    const { cipher, label } = security;
    const encrypts = cipher?.encrypts === true;
    if (message.length < this.#long || !(compress || encrypts)) return encodeStreamMessage(message, { compress }, security);
    if (workers === undefined || message.length < this.#workersFrom)
      return this.#turns.take(isWanted, (yieldToEventLoop) => encodeInParts(message, { compress }, security, yieldToEventLoop));
    const job: EncodeJob = encrypts
      ? { compress, encrypt: { key: cipher.takeEncryptionKey(), version: cipher.version, label } }
      : { compress };
    return workers.encode(message, job, isWanted);
  }

  /** See {@link readStreamMessage}. */
  read(
    reader: StreamReader,
    limits: StreamLimits,
    { onDecoded, isWanted = always }: StreamReadOptions = {},
  ): Promise<StreamMessage> {
    return readStreamMessage(reader, limits, this.#options.security, async (payload) => {
      const message = await this.#decode(payload, limits, isWanted);
      onDecoded?.(message.length);
      return message;
    });
  }

  async #decode(payload: StreamPayload, { maxDecompressedBytes }: StreamLimits, isWanted: IsWanted): Promise<Uint8Array> {
    const { workers, security } = this.#options;
    const { cipher, label } = security;
    if (payload.bytes.length < this.#long) {
      const message = await this.#budget.run(() => this.#decodeAtOnce(payload, maxDecompressedBytes));
      if (message !== undefined) return message;
    }
    if (workers === undefined || payload.bytes.length < this.#workersFrom) {
      return this.#turns.take(isWanted, (yieldToEventLoop) =>
        decodeInParts(payload, maxDecompressedBytes, security, yieldToEventLoop),
      );
    }
    const job: DecodeJob =
      payload.isEncrypted && cipher !== undefined
        ? { decrypt: { keys: cipher.decryptionKeys(), label }, maxDecompressedBytes }
        : { maxDecompressedBytes };
    return workers.decode(payload.bytes, job, isWanted);
  }

  /** Returns undefined when the message turns out to be long (30 KiB may decompress to 40 MiB): the caller then decodes it in parts or elsewhere. */
  #decodeAtOnce(payload: StreamPayload, maxDecompressedBytes: number): Uint8Array | undefined {
    const maxAtOnce = Math.min(maxDecompressedBytes, this.#long * growthInline);
    try {
      const message = decodeStreamPayload(payload, maxAtOnce, this.#options.security);
      this.#budget.spend(message.length);
      return message;
    } catch (error) {
      const isTooLarge = error instanceof DecodeError && error.reason === "too_large";
      this.#budget.spend(isTooLarge ? maxAtOnce : payload.bytes.length);
      if (!isTooLarge || maxAtOnce === maxDecompressedBytes) throw error;
      return undefined;
    }
  }
}

const always = (): boolean => true;
