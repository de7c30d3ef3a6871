import type { Address } from "../api/address.ts";
import type { LeaveCause, SuspectCause } from "../api/causes.ts";
import type { MemberlistError } from "../api/errors.ts";
import type { QueueFullEvent, Healed, Isolated } from "../api/events.ts";
import type { Node } from "../api/node.ts";
import type { Seed } from "../api/seeds.ts";
import type { Ping } from "../wire/messages/types.ts";

/** An event for delegates and `events()`. */
export type EngineEvent =
  | { readonly type: "join"; readonly node: Node }
  | { readonly type: "leave"; readonly node: Node; readonly cause: LeaveCause }
  | { readonly type: "update"; readonly node: Node }
  /** `from` accused the node. */
  | { readonly type: "suspect"; readonly node: Node; readonly from: string; readonly cause: SuspectCause }
  /** A suspect turned out to be alive. */
  | { readonly type: "alive"; readonly node: Node }
  /** `from` said that we are suspect or dead, or ("") an outdated message about us was going around; we refuted it. */
  | { readonly type: "refute"; readonly node: Node; readonly from: string }
  | { readonly type: "conflict"; readonly node: Node; readonly other: Node; readonly suppressed: number }
  /** Timers fired `late` ms after their time; `node` is ourselves. */
  | { readonly type: "event_loop_blocked"; readonly node: Node; readonly late: number }
  | Omit<QueueFullEvent, "at">
  | Isolated
  | Healed
  /** `from` is where the packet or stream came from. */
  | { readonly type: "message"; readonly message: Uint8Array; readonly from: Address }
  | { readonly type: "pingComplete"; readonly node: Node; readonly rtt: number; readonly payload: Uint8Array };

/** An action for the runtime. An asynchronous action calls `done` once, as an input of its own, unless the node is shut down before. */
export type EngineAction =
  /**
   * Encode a message as a packet and send it. `crc`: the receiver understands a checksum. `onFailed` is to be called, as an input of its
   * own, if the packet could not be sent for a reason that lies with the receiver.
   */
  | {
      readonly type: "packet";
      readonly message: Uint8Array;
      readonly to: Address;
      readonly crc: boolean;
      readonly onFailed: (() => void) | undefined;
    }
  /** Ping over a stream. `done` is called by `deadline`, in ms on the engine's clock. */
  | {
      readonly type: "streamPing";
      readonly ping: Ping;
      readonly to: Address;
      readonly deadline: number;
      readonly done: (contacted: boolean) => void;
    }
  /** A push/pull that is not a join. */
  | { readonly type: "pushPull"; readonly to: Address }
  /** Find out which addresses a seed stands for now. */
  | {
      readonly type: "resolveSeed";
      readonly seed: Seed;
      readonly done: (addresses: readonly Address[], error?: MemberlistError) => void;
    }
  /** The actions before this one are done: for measuring how long they took. */
  | { readonly type: "measured"; readonly done: () => void }
  /** The push/pull of a join. `done` is called when the peer's state is merged, or with an error. */
  | { readonly type: "join"; readonly to: Address; readonly done: (error?: MemberlistError) => void };

/**
 * Collects the actions and events of the engine; the runtime takes the lists after each input: it does the actions, then notifies the
 * events, each list in order.
 */
export class Outputs {
  actions: EngineAction[] = [];
  events: EngineEvent[] = [];
  /** Takes the user messages of packets, unless an earlier message or event still waits. Undefined: user messages become events. */
  takeUser: TakeUserMessage | undefined;
}

/**
 * Takes an encoded user message, from `start` to `end` of a packet. It must not throw. It must not call the application either,
 * because no queue limits how many messages it gets in one turn of the event loop.
 */
export type TakeUserMessage = (packet: Uint8Array, start: number, end: number, from: Address) => void;
