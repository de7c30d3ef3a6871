import { MemberlistError } from "../../api/errors.ts";
import type { BroadcastOptions, BroadcastResult } from "../../api/broadcast.ts";
import type { WaitOptions } from "../../api/call-options.ts";
import type { Channel, ChannelHandlers } from "../../api/channel.ts";
import { checkBytes } from "../../api/check-arguments.ts";
import type { Receiver } from "../../api/receiver.ts";
import { describe } from "../../util/describe.ts";
import { ChannelEncoder, type ChannelMessage } from "../../wire/channel-message.ts";
import { encodeUtf8 } from "../../wire/utf8.ts";

/** The longest `name` of a broadcast, in bytes. */
const broadcastNameMaxSize = 255;

/** The methods of the member that send the messages of a channel. */
export interface ChannelMember {
  maxPayload(): number;
  sendBestEffort(to: Receiver, message: Uint8Array): boolean;
  sendReliable(to: Receiver, message: Uint8Array, options: WaitOptions): Promise<void>;
  broadcast(message: Uint8Array, options: BroadcastOptions): Promise<BroadcastResult>;
}

export interface OpenChannelOptions {
  readonly name: string;
  /** The name of this member. */
  readonly sender: string;
  readonly handlers: ChannelHandlers;
  readonly member: ChannelMember;
  readonly nextId: () => { readonly origin: number; readonly sequence: number };
  readonly onClose: () => void;
}

/** See {@link Channel}. */
export class OpenChannel implements Channel {
  readonly name: string;
  readonly handlers: ChannelHandlers;
  readonly #options: OpenChannelOptions;
  readonly #encoder: ChannelEncoder;
  #isClosed = false;

  constructor(options: OpenChannelOptions) {
    this.name = options.name;
    this.handlers = options.handlers;
    this.#options = options;
    this.#encoder = new ChannelEncoder(encodeUtf8(options.name), encodeUtf8(options.sender));
  }

  sendBestEffort(to: Receiver, message: Uint8Array): boolean {
    return this.#options.member.sendBestEffort(to, this.#encode(message));
  }

  async sendReliable(to: Receiver, message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    await this.#options.member.sendReliable(to, this.#encode(message), options);
  }

  async broadcast(message: Uint8Array, options: BroadcastOptions = {}): Promise<BroadcastResult> {
    this.#check(message);
    const { member, nextId } = this.#options;
    const { name = "", ...others } = options;
    const nameBytes = checkedName(name);
    const { origin, sequence } = nextId();
    const encoded = this.#encoder.broadcast(message, origin, sequence, nameBytes);
    const queued = queueName({ channel: this.name, broadcast: { origin, name } });
    return member.broadcast(encoded, queued === undefined ? others : { ...others, name: queued });
  }

  maxPayload(): number {
    return Math.max(0, this.#options.member.maxPayload() - this.#encoder.broadcastOverhead);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClose();
  }

  #encode(message: Uint8Array): Uint8Array {
    this.#check(message);
    return this.#encoder.message(message);
  }

  #check(message: Uint8Array): void {
    checkBytes("a message", message);
    if (!this.#isClosed) return;
    throw new MemberlistError("channel_closed", `the channel ${describe(this.name)} was closed`, {
      details: { channel: this.name },
    });
  }
}

/** The name of a broadcast in the queue of each member. It differs from the names of other members, other channels and the application. */
export function queueName(message: {
  readonly channel: string;
  readonly broadcast: Pick<NonNullable<ChannelMessage["broadcast"]>, "name" | "origin"> | undefined;
}): string | undefined {
  const { broadcast, channel } = message;
  if (broadcast === undefined || broadcast.name === "") return undefined;
  // With the length of the channel's name, because both names may contain any character.
  return `\0${broadcast.origin}/${channel.length}/${channel}/${broadcast.name}`;
}

function checkedName(name: unknown): Uint8Array {
  const bytes = typeof name === "string" ? encodeUtf8(name) : undefined;
  if (bytes !== undefined && bytes.length <= broadcastNameMaxSize) return bytes;
  throw new MemberlistError(
    "invalid_argument",
    `broadcast: name must be a string of at most ${broadcastNameMaxSize} bytes (UTF-8); it is ${describe(name)}`,
    { details: { option: "name" } },
  );
}
