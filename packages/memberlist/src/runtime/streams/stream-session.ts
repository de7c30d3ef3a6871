import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import type { Log } from "../../ports/log.ts";
import type { TransportStream } from "../../ports/transport.ts";
import { labelHeader } from "../../wire/label.ts";
import type { StreamLimits, StreamMessage } from "../../wire/stream-messages.ts";
import { StreamReader } from "../../wire/stream-reader.ts";
import type { ByteAccount } from "../../util/byte-budget.ts";
import type { Stats } from "../stats.ts";
import type { PendingOperations } from "../pending-operations.ts";
import type { ExchangedStates } from "./state-exchange.ts";
import type { StreamCodec } from "./stream-codec.ts";
import type { StreamWrites } from "./stream-writes.ts";

/** The parts of a node that each of its streams uses. */
export interface StreamContext {
  readonly config: ResolvedConfig;
  readonly codec: StreamCodec;
  readonly states: ExchangedStates;
  readonly writes: StreamWrites;
  readonly operations: PendingOperations;
  readonly log: Log;
  readonly stats: Stats;
}

/** One stream in use: sends and receives whole messages. */
export class StreamSession {
  readonly reader: StreamReader;
  readonly #stream: TransportStream;
  readonly #codec: StreamCodec;
  readonly #writes: StreamWrites;
  readonly #stats: Stats;
  readonly #account: ByteAccount | undefined;
  readonly #states: ExchangedStates;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #isClosed = false;

  /** @param account counts the bytes that the stream holds. Absent for streams that this node opened: only their own limits apply */
  constructor(stream: TransportStream, { codec, states, stats, writes }: StreamContext, account?: ByteAccount) {
    this.#stream = stream;
    this.#codec = codec;
    this.#writes = writes;
    this.#stats = stats;
    this.#account = account;
    this.#states = states;
    this.reader = new StreamReader(stream.readable, { yieldToEventLoop: this.nextPart, onBytes: this.#received });
    this.#writer = stream.writable.getWriter();
  }

  readonly isOpen = (): boolean => !this.#isClosed;

  /**
   * See {@link ExchangedStates}.
   *
   * @throws MemberlistError `aborted` when the stream was closed meanwhile, so that the rest of the work is useless
   */
  readonly nextPart = async (): Promise<void> => {
    await this.#states.nextPart();
    if (this.#isClosed) throw new MemberlistError("aborted", "cancelled: the stream was closed");
  };

  readonly #received = (bytes: number): void => {
    this.#stats.traffic.streamBytesReceived += bytes;
    this.#stats.increment("memberlist.tcp.received", bytes);
    this.#account?.charge(bytes);
  };

  /** Charges memory to the account of the stream, if it has one. */
  get charge(): ((bytes: number) => void) | undefined {
    return this.#account?.charge;
  }

  /** A dialled stream starts with the label; the answer on it has none. */
  async sendLabel(): Promise<void> {
    const { label } = this.#codec;
    if (label.length > 0) await this.#write(labelHeader(label));
  }

  /** Sends one message. A long one is encoded in parts or by workers first, so send one at a time. */
  async send(message: Uint8Array): Promise<void> {
    await this.#sendEncoded(await this.#codec.encode(message, this.isOpen));
  }

  /** The last message on this stream, which is compressed and encrypted already. */
  async sendAnswer(encoded: Uint8Array): Promise<void> {
    await this.#sendEncoded(encoded);
    await this.finishAnswer();
  }

  /** The peer's next message. See `readStreamMessage` for its errors. */
  receive(limits: StreamLimits): Promise<StreamMessage> {
    return this.#codec.read(this.reader, limits, { onDecoded: this.#account?.charge, isWanted: this.isOpen });
  }

  /** Ends the sending direction; the bytes written before are on their way. */
  async finish(): Promise<void> {
    await this.#attempt(() => this.#writer.close());
  }

  /** As {@link finish}, after an answer: the peer may close the stream as soon as it has read it. Never throws. */
  async finishAnswer(): Promise<void> {
    try {
      await this.#writer.close();
    } catch {
      // The peer has read the answer, or is gone.
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.close();
  }

  async #sendEncoded(bytes: Uint8Array): Promise<void> {
    this.#stats.increment("memberlist.tcp.sent", bytes.length);
    await this.#write(bytes);
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.#stats.traffic.streamBytesSent += bytes.length;
    return this.#attempt(() => this.#writes.write(this.#writer, bytes));
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
