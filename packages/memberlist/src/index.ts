export { formatAddress, parseAddress, type Address } from "./api/address.ts";
export type { NodeIdentity } from "./certificates/identity.ts";
export {
  lanConfig,
  localConfig,
  resolveConfig,
  wanConfig,
  type Config,
  type BroadcastQueueConfig,
  type Limits,
  type PresetConfig,
  type ResolvedConfig,
  type ResolvedLimits,
} from "./config/config.ts";
export type { LeaveCause, ProbeFailed, SuspectCause, SuspicionTimeout } from "./api/causes.ts";
export type { AliveDelegate, ConflictDelegate, Delegate, EventDelegate, MergeDelegate, PingDelegate } from "./api/delegates.ts";
export {
  TransmitLimitedQueue,
  type Broadcast,
  type BroadcastQueueCounters,
  type DropReason,
  type QueueFullPolicy,
  type TransmitLimitedQueueOptions,
} from "./swim/broadcast-queue.ts";
export {
  ConfigError,
  errorMessage,
  MemberlistError,
  type ConfigIssue,
  type ErrorCode,
  type MemberlistErrorOptions,
} from "./api/errors.ts";
export type { BroadcastDelivery, BroadcastOptions, BroadcastResult } from "./api/broadcast.ts";
export type {
  EventStream,
  HealedEvent,
  IsolatedEvent,
  AddressLostEvent,
  ConflictEvent,
  LabelMismatchEvent,
  LogEvent,
  MemberEvent,
  QueueFullEvent,
  RecentEvent,
} from "./api/events.ts";
export type { HealingAttempt } from "./api/healing-events.ts";
export type { MemberlistSummary } from "./runtime/summary.ts";
export {
  JoinError,
  type JoinAttempt,
  type JoinConflict,
  type JoinOptions,
  type JoinResult,
  type SeedResult,
} from "./api/join.ts";
export { decodeKey, encodeKey, generateKey, type KeySize } from "./encryption/key.ts";
export { Keyring } from "./encryption/keyring.ts";
export type {
  EventStreamOptions,
  GossipVerify,
  MembersOptions,
  PingOptions,
  ReadyOptions,
  UpdateNodeOptions,
  WaitOptions,
} from "./api/call-options.ts";
export { createMemberlist, Memberlist } from "./memberlist.ts";
export type { MemberInfo } from "./api/member-info.ts";
export type { Node, NodeState } from "./api/node.ts";
export type { Receiver } from "./api/receiver.ts";
export type { AesGcm, Crypto } from "./ports/crypto.ts";
export { systemClock, type Clock, type ClockTimer } from "./ports/clock.ts";
export type { LogFields, Logger, LogLevel, LogOutput } from "./ports/logger.ts";
export type { MetricLabels, Metrics } from "./ports/metrics.ts";
export { systemRandom, type Random } from "./ports/random.ts";
export type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "./ports/transport.ts";
export type { Store } from "./ports/store.ts";
export { srvSeeds, type Seed, type SeedProvider, type SeedRequest } from "./api/seeds.ts";
export type { SelectNodes, SelectPurpose } from "./api/select-nodes.ts";
export { streamOnly, type StreamOnlyOptions } from "./stream-only/stream-only.ts";
export { metaMaxSize } from "./wire/constants.ts";
