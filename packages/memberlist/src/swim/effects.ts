import type { Address } from "../api/address.ts";
import type { LeaveCause, SuspectCause } from "../api/causes.ts";
import type { MemberlistError } from "../api/errors.ts";
import type { Healed, Isolated } from "../api/healing-events.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/select-nodes.ts";
import type { Seed } from "../api/seeds.ts";
import type { Ping } from "../wire/messages/types.ts";

/** What has happened, for delegates and `events()`. Told after the state is committed, in order. */
export type EngineEvent =
  | { readonly type: "join"; readonly node: Node }
  | { readonly type: "leave"; readonly node: Node; readonly cause: LeaveCause }
  | { readonly type: "update"; readonly node: Node }
  /** `from` is who accused it. */
  | { readonly type: "suspect"; readonly node: Node; readonly from: string; readonly cause: SuspectCause }
  /** A suspect turned out to be alive. */
  | { readonly type: "alive"; readonly node: Node }
  /** `from` said that we are suspect or dead, or ("") old facts about us went around; we have contradicted. */
  | { readonly type: "refute"; readonly node: Node; readonly from: string }
  | { readonly type: "conflict"; readonly node: Node; readonly other: Node; readonly suppressed: number }
  /** Timers fired `late` ms after their time; `node` is ourselves. */
  | { readonly type: "event_loop_blocked"; readonly node: Node; readonly late: number }
  | Isolated
  | Healed
  /** `from` is where the packet or stream came from. */
  | { readonly type: "message"; readonly message: Uint8Array; readonly from: Address }
  | { readonly type: "pingComplete"; readonly node: Node; readonly rtt: number; readonly payload: Uint8Array };

/**
 * What the engine tells the outside world to do. Nothing here waits; answers come back through the callbacks, which
 * the runtime calls like any other input (never from within the call itself).
 */
export interface Effects {
  /**
   * Encodes one message as a packet and sends it.
   *
   * @param crc whether the receiver understands a checksum
   * @param onFailed the packet could not be sent, for a reason that lies with the receiver
   */
  sendPacket(message: Uint8Array, to: Address, crc: boolean, onFailed?: () => void): void;
  /** Pings over a stream. Calls back exactly once, by `deadline` (ms on the engine's clock), unless shut down. */
  pingByStream(ping: Ping, to: Address, deadline: number, done: (contacted: boolean) => void): void;
  /** Starts a push/pull that is not a join. */
  pushPull(to: Address): void;
  /** Finds out what a seed stands for now. Calls back exactly once, unless shut down. */
  lookUpSeed(seed: Seed, done: (addresses: readonly Address[], error?: MemberlistError) => void): void;
  /** Makes the push/pull of a join. Calls back exactly once, when the peer's state is merged or it has failed, unless shut down. */
  joinAddress(to: Address, done: (error?: MemberlistError) => void): void;
  emit(event: EngineEvent): void;
  readonly log: EngineLog;
  readonly stats: EngineStats;
}

/** What the engine asks the application. All are guarded by the runtime and never throw. */
export interface Questions {
  /** @returns why the node is refused, or undefined */
  refusesAlive(node: Node): string | undefined;
  readonly hasAliveDelegate: boolean;
  /** @returns why the merge is refused, or undefined */
  refusesMerge(peers: readonly Node[]): unknown;
  readonly hasMergeDelegate: boolean;
  /** Whether pings over a stream are off for this node. */
  disablesTcpPings(node: string): boolean;
  ackPayload(): Uint8Array;
  /** Whether the application broadcasts at all. */
  readonly hasUserBroadcasts: boolean;
  userBroadcasts(overhead: number, limit: number): readonly Uint8Array[];
  /** Whether the application chooses among members. */
  readonly hasSelectNodes: boolean;
  /** @returns the names of the chosen; none where the application failed */
  selectNodes(purpose: SelectPurpose, candidates: readonly Node[]): readonly string[];
}

interface EngineLog {
  debug(code: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(code: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(code: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Counters and metrics. */
export interface EngineStats {
  /** Counts something for `members.counters()`, `times` times. Default 1. */
  count(name: string, times?: number): void;
  increment(metric: string, value: number): void;
  gauge(metric: string, value: number): void;
  sample(metric: string, value: number): void;
}
