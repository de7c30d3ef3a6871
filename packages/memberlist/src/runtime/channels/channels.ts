import type { Address } from "../../api/address.ts";
import type { BroadcastOptions, BroadcastResult } from "../../api/broadcast.ts";
import type { Channel, ChannelHandlers } from "../../api/channel.ts";
import { MemberlistError } from "../../api/errors.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import type { ClockTimer } from "../../ports/clock.ts";
import { randomOffset } from "../../ports/random.ts";
import { describe } from "../../util/describe.ts";
import { channelNameMaxSize, decodeChannelMessage, withOneMoreHop, type ChannelMessage } from "../../wire/channel-message.ts";
import {
  decodeSections,
  encodeSections,
  maxSections,
  sectionOverhead,
  trailerBytes,
  type ChannelSection,
} from "../../wire/channel-state.ts";
import { maxPushStateBytes } from "../../wire/input-limits.ts";
import { encodeUtf8 } from "../../wire/utf8.ts";
import type { ChannelLayer, Delegates } from "../delegates.ts";
import { OpenChannel, queueName, type ChannelMember } from "./open-channel.ts";
import { SeenBroadcasts } from "./seen-broadcasts.ts";

/** The most messages and states, and the most bytes of them, that wait for the application to open its channels. */
const maxEarly = 1_024;
const maxEarlyBytes = 4 * 1024 * 1024;
const maxSequence = 2 ** 32 - 1;

export interface ChannelsOptions {
  readonly config: ResolvedConfig;
  readonly delegates: Delegates;
  readonly maxPayload: () => number;
  /** Gossips a broadcast of another member. */
  readonly relay: (message: Uint8Array, options: BroadcastOptions) => Promise<BroadcastResult>;
  /** Called when the first channel with state is opened, and when the last one is closed. */
  readonly onStateChange?: (hasState: boolean) => void;
}

/**
 * The channels of a member, in the application's thread: delivers messages and states to them, and relays broadcasts, whether their channel
 * is known or not.
 */
export class Channels implements ChannelLayer {
  readonly #options: ChannelsOptions;
  readonly #channels: Map<string, OpenChannel> = new Map();
  readonly #seen: SeenBroadcasts = new SeenBroadcasts();
  /** Each delivers a message or a state that arrived before the application could open its channels. Undefined after that. */
  #early: (() => void)[] | undefined = [];
  #earlyBytes = 0;
  /** Drawn for the first broadcast. */
  #origin: number | undefined;
  #sequence = 0;
  #hasState = true;
  #start: ClockTimer = undefined;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** Whether a channel has state. True until {@link started}, because the application may still open one. */
  get hasState(): boolean {
    return this.#hasState;
  }

  /** The application gets the member now. A later turn delivers early messages and states, when the application has opened its channels. */
  started(): void {
    this.#start = this.#options.config.clock.setTimeout(() => {
      const early = this.#early ?? [];
      this.#early = undefined;
      this.#stateChanged();
      for (const deliver of early) deliver();
    }, 0);
  }

  /** @throws MemberlistError `invalid_argument`, `channel_exists` */
  open(name: string, handlers: ChannelHandlers, member: ChannelMember): Channel {
    checkName(name);
    if (this.#channels.has(name)) {
      throw new MemberlistError("channel_exists", `the channel ${describe(name)} is open already: close it first`, {
        details: { channel: name },
      });
    }
    const { config, delegates } = this.#options;
    const channel = new OpenChannel({
      name,
      sender: config.name,
      handlers,
      member,
      nextId: () => this.#nextId(),
      onClose: () => {
        this.#channels.delete(name);
        this.#stateChanged();
        delegates.guard.call(`onClose of channel ${name}`, undefined, () => handlers.onClose?.());
      },
    });
    this.#channels.set(name, channel);
    this.#stateChanged();
    return channel;
  }

  /** Closes all channels, and drops early messages and states, because the member shuts down. */
  end(): void {
    this.#options.config.clock.clearTimeout(this.#start);
    for (const channel of this.#channels.values()) channel.close();
  }

  receive(message: Uint8Array, from: Address): void {
    if (this.#early === undefined) this.#receive(message, from);
    else this.#keep(message.length, () => this.#receive(message, from));
  }

  async localState(join: boolean): Promise<Uint8Array> {
    const asked = [...this.#channels.values()].map((channel) => this.#stateOf(channel, join));
    const states = (await Promise.all(asked)).filter((section) => section !== undefined);
    let bytes = trailerBytes;
    let sections = 0;
    const fitting = states.filter(({ channel, state }) => {
      const size = sectionOverhead(channel) + state.length;
      if (bytes + size > maxPushStateBytes || sections === maxSections) {
        this.#options.delegates.guard.report(`localState of channel ${channel}`, noRoom(bytes + size));
        return false;
      }
      bytes += size;
      sections++;
      return true;
    });
    return encodeSections(fitting);
  }

  mergeState(sections: Uint8Array, join: boolean): void {
    if (this.#early === undefined) this.#merge(sections, join);
    else this.#keep(sections.length, () => this.#merge(sections, join));
  }

  #keep(bytes: number, deliver: () => void): void {
    if (this.#early === undefined || this.#early.length >= maxEarly || this.#earlyBytes + bytes > maxEarlyBytes) {
      this.#options.delegates.count("dropped.channel_unknown");
      return;
    }
    this.#earlyBytes += bytes;
    this.#early.push(deliver);
  }

  #receive(message: Uint8Array, from: Address): void {
    const { config, delegates } = this.#options;
    const decoded = decodeChannelMessage(message);
    if (decoded === undefined) {
      delegates.count("dropped.bad_channel_message", from);
      return;
    }
    const { broadcast, channel: name } = decoded;
    if (broadcast !== undefined) {
      const { origin, sequence } = broadcast;
      if (origin === this.#origin || !this.#seen.add(origin, sequence, config.clock.now())) {
        delegates.count("dropped.channel_duplicate");
        return;
      }
      this.#relay(message, decoded);
    }
    const channel = this.#channels.get(name);
    if (channel === undefined) delegates.count("dropped.channel_unknown", from);
    else this.#deliver(channel, decoded, from);
  }

  #deliver({ handlers, name }: OpenChannel, { broadcast, payload, sender }: ChannelMessage, address: Address): void {
    if (handlers.onMessage === undefined) return;
    const { guard } = this.#options.delegates;
    const from = { name: sender, address, isBroadcast: broadcast !== undefined };
    guard.call(`onMessage of channel ${name}`, undefined, () => handlers.onMessage?.(payload, from));
  }

  #relay(message: Uint8Array, decoded: ChannelMessage): void {
    const { maxPayload, relay } = this.#options;
    // The sender of a long message sends it to every member over a stream.
    if (message.length > maxPayload()) return;
    const relayed = withOneMoreHop(message);
    if (relayed === undefined) return;
    const name = queueName(decoded);
    relay(relayed, name === undefined ? {} : { name }).catch(() => {
      // This node has left, or its queue is full, which the queue counts. Other members relay the message as well.
    });
  }

  async #stateOf({ handlers, name }: OpenChannel, join: boolean): Promise<ChannelSection | undefined> {
    if (handlers.localState === undefined) return undefined;
    const { guard } = this.#options.delegates;
    const { clock, tcpTimeout } = this.#options.config;
    // Less than the push/pull waits for all channels, so that a late one does not cost the state of the others.
    const method = `localState of channel ${name}`;
    const state = await guard.state(method, () => handlers.localState?.(join), clock, tcpTimeout / 3);
    return state.length === 0 ? undefined : { channel: name, state };
  }

  #merge(sections: Uint8Array, join: boolean): void {
    const { guard } = this.#options.delegates;
    for (const { channel, state } of decodeSections(sections) ?? []) {
      // A peer may have add-ons that this node does not have.
      const handlers = this.#channels.get(channel)?.handlers;
      if (handlers?.mergeRemoteState === undefined) continue;
      guard.call(`mergeRemoteState of channel ${channel}`, undefined, () => handlers.mergeRemoteState?.(state, join));
    }
  }

  #stateChanged(): void {
    if (this.#early !== undefined) return;
    const before = this.#hasState;
    this.#hasState = [...this.#channels.values()].some(
      ({ handlers }) => handlers.localState !== undefined || handlers.mergeRemoteState !== undefined,
    );
    if (this.#hasState !== before) this.#options.onStateChange?.(this.#hasState);
  }

  /** The origin and the sequence of the next broadcast. */
  #nextId(): { readonly origin: number; readonly sequence: number } {
    if (this.#origin === undefined || this.#sequence === maxSequence) {
      this.#origin = randomOffset(this.#options.config.random, 2 ** 48);
      this.#sequence = 0;
    }
    return { origin: this.#origin, sequence: ++this.#sequence };
  }
}

function checkName(name: unknown): void {
  if (typeof name === "string" && name !== "" && encodeUtf8(name).length <= channelNameMaxSize) return;
  throw new MemberlistError(
    "invalid_argument",
    `the name of a channel must be a string of 1 to ${channelNameMaxSize} bytes (UTF-8); it is ${describe(name)}`,
  );
}

function noRoom(bytes: number): RangeError {
  return new RangeError(
    `the states of all channels have ${bytes} bytes, but a push/pull carries at most ${maxPushStateBytes}, of ${maxSections} channels`,
  );
}
