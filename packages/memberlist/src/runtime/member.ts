import type { Address } from "../api/address.ts";
import type { BroadcastOptions, BroadcastResult } from "../api/broadcast.ts";
import type { EventStreamOptions, GossipVerify, PingOptions, UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import type { EventStream, RecentEvent } from "../api/events.ts";
import type { JoinOptions, JoinResult } from "../api/join.ts";
import type { MemberInfo, Node, NodeState } from "../api/node.ts";
import type { Seed } from "../api/seeds.ts";
import type { QueueLengths, Traffic } from "../api/stats.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { Diagnostics } from "../ports/diagnostics.ts";
import type { Channels } from "./channels/channels.ts";
import type { OperationOptions } from "./pending-operations.ts";
import type { MemberlistSummary } from "./summary.ts";

/**
 * A running member, as the facade uses it. `LocalMember` runs in the thread of its caller, `MemberProxy` in a thread of its own. The facade
 * checks all arguments.
 */
export interface Member {
  /** The config in force. */
  readonly config: ResolvedConfig;
  readonly keyring: Keyring | undefined;
  readonly diagnostics: Diagnostics;
  readonly isStopped: boolean;
  readonly channels: Channels;

  /** The member of this name, in any state. */
  node(name: string): Node | undefined;
  /** All members that are alive or suspect. */
  nodes(): Node[];
  nodeInfo(name: string): MemberInfo | undefined;
  nodeInfos(states: readonly NodeState[]): MemberInfo[];
  readonly numMembers: number;
  readonly localNode: Node;
  readonly healthScore: number;
  readonly maxPayload: number;
  readonly queues: QueueLengths;
  traffic(): Traffic;
  counters(): Readonly<Record<string, number>>;
  summary(): MemberlistSummary;
  openEvents(options: EventStreamOptions): EventStream;
  recentEvents(): RecentEvent[];

  /** Resolves once `isTrue` holds. It is called after each change of the member. */
  waitUntil(isTrue: () => boolean, options: OperationOptions): Promise<void>;
  join(seeds: readonly Seed[], options: JoinOptions): Promise<JoinResult>;
  leave(options: WaitOptions): Promise<void>;
  update(options: UpdateNodeOptions): Promise<void>;
  ping(to: Address, options: PingOptions): Promise<number>;
  /** @param crc the receiver understands checksums */
  sendBestEffort(to: Address, message: Uint8Array, crc: boolean): boolean;
  sendReliable(to: Address, message: Uint8Array, options: WaitOptions): Promise<void>;
  broadcast(message: Uint8Array, options: BroadcastOptions): Promise<BroadcastResult>;
  setGossipVerify(change: GossipVerify): void;
  stop(): Promise<void>;
}
