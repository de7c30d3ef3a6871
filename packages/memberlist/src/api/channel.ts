import type { Address } from "./address.ts";
import type { BroadcastOptions, BroadcastResult } from "./broadcast.ts";
import type { WaitOptions } from "./call-options.ts";
import type { Receiver } from "./receiver.ts";
import { isFunction, type Rules } from "../util/value-rules.ts";

/** Who sent a message of a channel. */
export interface ChannelSender {
  /** The member that sent or broadcast the message, by the name in the message. A member with the cluster's key can forge it. */
  readonly name: string;
  /** The address that the bytes came from. A broadcast comes from the member that relayed it last. */
  readonly address: Address;
  /** Whether it was a broadcast. */
  readonly isBroadcast: boolean;
}

/**
 * The functions of a channel, each optional. They run within the library, so they must not block. An error that one throws (or rejects
 * with) is logged and counted as `delegate_failed`.
 */
export interface ChannelHandlers {
  /**
   * Called for each message of the channel. A broadcast arrives once. This member's own broadcasts do not arrive. The handler may keep the bytes,
   * but must copy them before it changes or transfers them: other messages may be in the same buffer.
   */
  onMessage?(message: Uint8Array, from: ChannelSender): void;
  /**
   * Returns the channel's part of the state that a push/pull carries. All channels and the delegate share 20 MiB. `join` is true if the
   * push/pull is for a join. A promise must resolve within a third of `tcpTimeout`. The exchange goes on without a state that is late.
   */
  localState?(join: boolean): Uint8Array | Promise<Uint8Array>;
  /** Called with the part of the same channel in the state of the peer of a push/pull. */
  mergeRemoteState?(state: Uint8Array, join: boolean): void;
  /** Called once when the channel is closed, by {@link Channel.close} or by the shutdown of the member. */
  onClose?(): void;
}

/**
 * Messages, broadcasts and state of one add-on, apart from those of other add-ons and of `config.delegate`. {@link Memberlist.channel} opens
 * one. After {@link Channel.close} the methods that send fail with `channel_closed`.
 */
export interface Channel {
  /** The name of the channel. */
  readonly name: string;
  /** As {@link Memberlist.sendBestEffort}. The `onMessage` of the same channel of the receiver gets the message. */
  sendBestEffort(to: Receiver, message: Uint8Array): boolean;
  /** As {@link Memberlist.sendReliable}. The `onMessage` of the same channel of the receiver gets the message. */
  sendReliable(to: Receiver, message: Uint8Array, options?: WaitOptions): Promise<void>;
  /**
   * As {@link Memberlist.broadcast}, but each member that receives the message broadcasts it again, even if it does not know the channel. The
   * message reaches almost all members, each of them once. With `name`, it replaces an older message of this member with that name, here and
   * at the members that relay it; `name` has at most 255 bytes.
   */
  broadcast(message: Uint8Array, options?: BroadcastOptions): Promise<BroadcastResult>;
  /**
   * The longest message, in bytes, that {@link Channel.broadcast} can gossip: that of the member, minus the channel's header. The `name` of a broadcast takes
   * its length from it.
   */
  maxPayload(): number;
  /** Closes the channel. Messages that still arrive are counted as `dropped.channel_unknown`. Its name is free then. */
  close(): void;
}

export const channelRules: Rules<ChannelHandlers> = {
  onMessage: isFunction,
  localState: isFunction,
  mergeRemoteState: isFunction,
  onClose: isFunction,
};
