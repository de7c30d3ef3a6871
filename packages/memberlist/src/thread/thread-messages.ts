import type { Address } from "../api/address.ts";
import type { BroadcastOptions } from "../api/broadcast.ts";
import type { GossipVerify, UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import type { JoinOptions } from "../api/join.ts";
import type { Node } from "../api/node.ts";
import type { QueueLengths, Traffic } from "../api/stats.ts";
import type { LogLevel } from "../ports/logger.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";
import type { MetricName } from "../metrics/catalogue.ts";
import type { MessageBlock } from "./message-block.ts";

/** The application's functions that the thread asks or calls. */
export type ApplicationFunction =
  | "ackPayload"
  | "advertiseAddr"
  | "getBroadcasts"
  | "localState"
  | "mergeRemoteState"
  | "notifyMsg"
  | "notifyPingComplete";

/** Starts the member: the first message to a thread. */
export interface StartMessage {
  readonly type: "start";
  /** The fields that can be cloned, packed. */
  readonly config: unknown;
  /** The names of all fields that the application's config has. */
  readonly given: readonly string[];
  /** The URL of `thread.module`. */
  readonly module: string | undefined;
  readonly keys: readonly Uint8Array[] | undefined;
  /** The seeds of earlier joins: healing asks them. */
  readonly seeds: readonly PackedSeed[];
  readonly functions: readonly ApplicationFunction[];
  /** Whether a channel of the application has state. */
  readonly hasChannelState: boolean;
  readonly hasMetrics: boolean;
  /** The metadata at the start. */
  readonly meta: Uint8Array;
  readonly ackPayload: Uint8Array;
  /** In ms; 0: the application is not watched. */
  readonly applicationTimeout: number;
  readonly shared: SharedArrayBuffer;
}

/** What an application posts to the thread of its member. */
export type ApplicationMessage =
  | StartMessage
  /** `call` is a packed {@link Call}. `isAborted`: its signal was aborted before the call. */
  | { readonly type: "call"; readonly id: number; readonly call: unknown; readonly isAborted: boolean }
  /** Aborts a call. */
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "send"; readonly blocks: readonly MessageBlock[] }
  | { readonly type: "keys"; readonly keys: readonly Uint8Array[] }
  | { readonly type: "gossipVerify"; readonly change: GossipVerify }
  /** The first channel with state was opened, or the last one was closed. */
  | { readonly type: "channels"; readonly hasState: boolean }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown; readonly error: unknown }
  /** The application has handled a {@link FeedMessage}, and the next one waits for that. */
  | { readonly type: "handled" };

/** A seed that is a function of the application. Healing asks it long after the join. */
export interface SeedFunction {
  readonly seedId: number;
  readonly name: string;
}

/** A seed as it crosses to the thread. */
export type PackedSeed = string | SeedFunction;

/** The calls of a member that return a promise. Signals stay with the application. */
export type Call =
  | { readonly method: "join"; readonly seeds: readonly PackedSeed[]; readonly options: JoinOptions }
  | { readonly method: "leave"; readonly options: WaitOptions }
  | { readonly method: "update"; readonly options: UpdateNodeOptions }
  | { readonly method: "ping"; readonly to: Address }
  | { readonly method: "sendReliable"; readonly to: Address; readonly message: Uint8Array; readonly options: WaitOptions }
  | { readonly method: "broadcast"; readonly message: Uint8Array; readonly options: BroadcastOptions }
  /** For the seed function that answers this question. */
  | { readonly method: "resolveSrv"; readonly question: number; readonly service: string }
  | { readonly method: "stop" };

/** What a thread asks its application. */
export type Question =
  | { readonly about: "ackPayload" }
  | { readonly about: "advertiseAddr" }
  | { readonly about: "getBroadcasts"; readonly overhead: number; readonly limit: number }
  | { readonly about: "localState"; readonly join: boolean }
  | { readonly about: "channelState"; readonly join: boolean }
  | { readonly about: "load" }
  | { readonly about: "save"; readonly text: string }
  | { readonly about: "seed"; readonly seedId: number; readonly timeout: number };

/** What a thread posts to its application. */
export type ThreadMessage = FeedMessage | QuestionMessage;

/** A question of the thread, or its cancellation. */
export type QuestionMessage =
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  /** The thread has stopped waiting for the answer. */
  | { readonly type: "cancelQuestion"; readonly id: number };

/** The events since the last feed, in order. */
export interface FeedMessage {
  readonly type: "feed";
  readonly nodes: readonly NodeUpdate[];
  readonly items: readonly FeedItem[];
  /** Undefined before the member exists. */
  readonly numbers: MemberNumbers | undefined;
  readonly metrics: readonly MetricUpdate[];
}

/** A changed member. If `info` is undefined, the member was forgotten. */
export interface NodeUpdate {
  readonly name: string;
  /** A `MemberInfo` without its age, packed. */
  readonly info: unknown;
}

export type FeedItem =
  | { readonly type: "event"; readonly event: unknown }
  | { readonly type: "messages"; readonly block: MessageBlock }
  /** A message that is too long for the block. */
  | { readonly type: "message"; readonly message: Uint8Array; readonly from: Address }
  | { readonly type: "ping"; readonly node: unknown; readonly rtt: number; readonly payload: Uint8Array }
  /** A state for the delegate, or the sections of channels. */
  | { readonly type: "merge"; readonly state: Uint8Array; readonly join: boolean; readonly isForChannels: boolean }
  | { readonly type: "reply"; readonly id: number; readonly value: unknown; readonly error: unknown }
  | LineItem
  /** Events were dropped, because too many waited for the application. */
  | { readonly type: "gap"; readonly dropped: number };

export interface LineItem {
  readonly type: "line";
  readonly level: LogLevel;
  readonly fields: unknown;
  readonly message: string;
  readonly at: number;
  /** Whether the logger of the module has written the line. */
  readonly isLogged: boolean;
}

/** The part of a member's state that its getters return. */
export interface MemberNumbers {
  readonly bindPort: number;
  readonly numMembers: number;
  readonly healthScore: number;
  readonly maxPayload: number;
  readonly queues: QueueLengths;
  readonly traffic: Traffic;
  readonly counters: Readonly<Record<string, number>>;
  readonly localNode: Node;
}

export interface MetricUpdate {
  readonly kind: keyof Metrics;
  readonly name: MetricName;
  readonly values: readonly number[];
  readonly labels: MetricLabels;
}

/** The indexes of the shared memory. */
export const shared = {
  /** Counts up while the application's event loop runs. */
  heartbeat: 0,
  /** How many posts of messages the thread has sent. */
  sentPosts: 1,
  /** 1 while the transport asks for fewer packets. */
  isCongested: 2,
  /** How many feeds the application has handled. */
  handledFeeds: 3,
  /** 1 if the next feed waits until the application has handled the last one. */
  feedWaits: 4,
  bytes: 20,
} as const;
