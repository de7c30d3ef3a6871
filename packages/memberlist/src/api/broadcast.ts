import type { MemberlistError } from "./errors.ts";
import type { Node } from "./node.ts";

/** What came of one member that a long message was sent to over a stream. */
export interface BroadcastDelivery {
  readonly node: Node;
  /** Undefined when the network took all of the message. */
  readonly error?: MemberlistError;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** What {@link Memberlist.broadcast} did. */
export type BroadcastResult =
  /** It waits to be gossiped; `queued` is false where the queue is full and drops the newest: it is lost then. */
  | { readonly via: "gossip"; readonly queued: boolean }
  /** It was too long for a packet. `reached` counts the deliveries without an error; they are in the order in which they ended. */
  | { readonly via: "stream"; readonly reached: number; readonly deliveries: readonly BroadcastDelivery[] };
