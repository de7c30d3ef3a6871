import type { MemberlistError } from "./errors.ts";
import type { Node } from "./node.ts";
import { abortSignal, oneOf, text, type Rules } from "../util/rules.ts";

/** Options of {@link Memberlist.broadcast}. */
export interface BroadcastOptions {
  /** A newer message of the same name replaces one that still waits in the queue. */
  readonly name?: string;
  /**
   * What to do with a message over {@link Memberlist.maxPayload}, which no packet can hold: refuse it with `message_too_large` (the
   * default), or send it to each other member over a stream, to eight at a time.
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

/** The outcome for one member that a long message was sent to over a stream. */
export interface BroadcastDelivery {
  readonly node: Node;
  /** Undefined when the network took all of the message. */
  readonly error?: MemberlistError;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** The result of {@link Memberlist.broadcast}. */
export type BroadcastResult =
  /** The message waits to be gossiped; `queued` is false if the queue is full and its policy is `dropNewest`: then the message is lost. */
  | { readonly via: "gossip"; readonly queued: boolean }
  /** The message was too long for a packet. `reached` counts the deliveries without an error; they are in the order in which they ended. */
  | { readonly via: "stream"; readonly reached: number; readonly deliveries: readonly BroadcastDelivery[] };
