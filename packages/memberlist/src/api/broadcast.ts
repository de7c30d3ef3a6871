import type { MemberlistError } from "./errors.ts";
import type { Node } from "./node.ts";
import { abortSignal, oneOf, text, type Rules } from "../util/value-rules.ts";

/** Options of {@link Memberlist.broadcast}. */
export interface BroadcastOptions {
  /** A newer message replaces a queued one of the same name. */
  readonly name?: string;
  /**
   * What to do with a message over {@link Memberlist.maxPayload}, which does not fit into a packet: refuse it with `message_too_large`
   * (the default), or send it to each other member over a stream, to eight members at a time.
   */
  readonly whenTooLong?: "refuse" | "stream";
  /** Stops sending over streams. */
  readonly signal?: AbortSignal;
}

export const broadcastRules: Rules<BroadcastOptions> = {
  name: text("a string"),
  whenTooLong: oneOf(["refuse", "stream"]),
  signal: abortSignal,
};

/** The outcome of sending a long message to one member over a stream. */
export interface BroadcastDelivery {
  /** The receiver. */
  readonly node: Node;
  /** Undefined if the network accepted the whole message. */
  readonly error?: MemberlistError;
  /** The duration, in ms. */
  readonly elapsed: number;
}

/** The result of {@link Memberlist.broadcast}. */
export type BroadcastResult =
  /** The message is queued for gossip. `queued` is false if the full queue dropped it (policy `dropNewest`). */
  | { readonly via: "gossip"; readonly queued: boolean }
  /** The message was too long for a packet. `reached` counts the deliveries without an error. `deliveries` are in the order of completion. */
  | { readonly via: "stream"; readonly reached: number; readonly deliveries: readonly BroadcastDelivery[] };
