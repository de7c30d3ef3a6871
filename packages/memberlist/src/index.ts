/**
 * `@memberlist/core`: what applications use. The transport packages export all of it, with a `createMemberlist` that makes the transport.
 * `@memberlist/core/transport` is for authors of transports.
 */
export { createMemberlist, type Memberlist } from "./memberlist.ts";
export { kubernetesConfig, lanConfig, localConfig, wanConfig } from "./config/defaults.ts";
export type { BroadcastQueueConfig, Config, PresetConfig, ResolvedConfig } from "./config/config.ts";
export type { Limits, ResolvedLimits } from "./config/limits.ts";
export { ConfigError, MemberlistError, type ConfigIssue, type ErrorCode, type MemberlistErrorOptions } from "./api/errors.ts";
export {
  JoinError,
  type JoinAttempt,
  type JoinConflict,
  type JoinOptions,
  type JoinResult,
  type SeedResult,
} from "./api/join.ts";
export { srvSeeds, type Seed, type SeedProvider, type SeedRequest } from "./api/seeds.ts";
export { fetchMembers } from "./runtime/fetch-members.ts";
export type { FetchedMembers, FetchMembersOptions } from "./api/fetched-members.ts";
export { decodeTags, encodeTags, type Tags } from "./util/tags.ts";
export { decodeKey, generateKey, type KeySize } from "./encryption/key.ts";
export { Keyring } from "./encryption/keyring.ts";
export {
  TransmitLimitedQueue,
  type Broadcast,
  type BroadcastQueueCounters,
  type DropReason,
  type QueueFullPolicy,
  type TransmitLimitedQueueOptions,
} from "./swim/broadcast-queue.ts";
export { metaMaxSize } from "./wire/constants.ts";

export type { Address } from "./api/address.ts";
export type { Channel, ChannelHandlers, ChannelSender } from "./api/channel.ts";
export type { BroadcastDelivery, BroadcastOptions, BroadcastResult } from "./api/broadcast.ts";
export type {
  EventStreamOptions,
  GossipVerify,
  MembersOptions,
  PingOptions,
  ReadyOptions,
  UpdateNodeOptions,
  WaitOptions,
} from "./api/call-options.ts";
export type { LeaveCause, ProbeFailed, SuspectCause, SuspicionTimeout } from "./api/causes.ts";
export type {
  AliveDelegate,
  ConflictDelegate,
  Delegate,
  EventDelegate,
  MergeDelegate,
  PingDelegate,
  SelectNodes,
  SelectPurpose,
} from "./api/delegates.ts";
export type {
  AddressLostEvent,
  ConflictEvent,
  EventStream,
  Healed,
  HealedEvent,
  HealingAttempt,
  Isolated,
  IsolatedEvent,
  LabelMismatchEvent,
  LogEvent,
  MemberEvent,
  QueueFullEvent,
  RecentEvent,
} from "./api/events.ts";
export type { MemberInfo, Node, NodeState } from "./api/node.ts";
export type { NodeIdentity } from "./certificates/node-identity.ts";
export type { Receiver } from "./api/receiver.ts";
export type { QueueLengths, Traffic } from "./api/stats.ts";
export type { MemberlistSummary } from "./runtime/summary.ts";
export type { Clock, ClockTimer } from "./ports/clock.ts";
export type { AesGcm, Crypto } from "./ports/crypto.ts";
export type { DelegateTrace, JoinTrace, PingTrace, ProbeResult, PushPullTrace, SendTrace } from "./ports/diagnostics.ts";
export type { LogFields, Logger, LogLevel, LogOutput } from "./ports/logger.ts";
export type { MetricLabels, Metrics } from "./ports/metrics.ts";
export type { Random } from "./ports/random.ts";
export type { Store } from "./ports/store.ts";
export type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "./ports/transport.ts";
