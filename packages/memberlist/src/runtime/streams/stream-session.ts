import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { TransportStream } from "../../ports/transport.ts";
import { labelHeader } from "../../wire/label.ts";
import type { StreamLimits, StreamMessage } from "../../wire/stream-frame.ts";
import { StreamReader } from "../../wire/stream-reader.ts";
import type { YieldToEventLoop } from "../../wire/messages/push-pull.ts";
import type { ByteAccount } from "../../util/byte-budget.ts";
import type { Stats } from "../stats.ts";
import type { StreamCodec } from "./stream-codec.ts";
import type { StreamWrites } from "./stream-writes.ts";

export interface StreamSessionOptions {
  readonly stream: TransportStream;
  readonly codec: StreamCodec;
  readonly stats: Stats;
  readonly yieldToEventLoop: YieldToEventLoop;
  /** Shared by all streams. */
  readonly writes: StreamWrites;
  /** What the stream may hold; absent: whatever its limits say, since we have opened it. */
  readonly account?: ByteAccount;
}

/** One stream in use: messages out, bytes in. */
export class StreamSession {
  readonly reader: StreamReader;
  readonly #options: StreamSessionOptions;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #isClosed = false;

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    const { account, yieldToEventLoop, stream } = options;
    this.reader = new StreamReader(stream.readable, {
      yieldToEventLoop,
      onBytes: account === undefined ? undefined : account.charge,
    });
    this.#writer = options.stream.writable.getWriter();
  }

  readonly isOpen = (): boolean => !this.#isClosed;

  /** What a dialled stream starts with; the answer on it carries no label. */
  async sendLabel(): Promise<void> {
    const { label } = this.#options.codec;
    if (label.length > 0) await this.#write(labelHeader(label));
  }

  /** One message at a time: a long one may be compressed and encrypted elsewhere before it is written. */
  async send(message: Uint8Array): Promise<void> {
    await this.sendEncoded(await this.#options.codec.encode(message, this.isOpen));
  }

  /** As {@link send}, of a message that is compressed and encrypted already. */
  async sendEncoded(bytes: Uint8Array): Promise<void> {
    this.#options.stats.increment("memberlist.tcp.sent", bytes.length);
    await this.#write(bytes);
  }

  /** The peer's next message. See `readStreamMessage` for its errors. */
  receive(limits: StreamLimits): Promise<StreamMessage> {
    const { account, codec } = this.#options;
    return codec.read(this.reader, limits, { onDecoded: account?.charge, isWanted: this.isOpen });
  }

  /** Nothing more will be sent; what was sent is on its way. */
  async finish(): Promise<void> {
    await this.#attempt(() => this.#writer.close());
  }

  /** As {@link finish}, behind an answer: who has read it may hang up before we have. Never throws. */
  async finishAnswer(): Promise<void> {
    try {
      await this.#writer.close();
    } catch {
      // The answer has been read, or nobody is left to read it.
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.stream.close();
  }

  #write(bytes: Uint8Array): Promise<void> {
    return this.#attempt(() => this.#options.writes.write(this.#writer, bytes));
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof MemberlistError) throw error;
      throw new MemberlistError("stream_failed", `writing the stream failed: ${errorMessage(error)}`, { cause: error });
    }
  }
}
