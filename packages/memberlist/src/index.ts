export { formatAddress, parseAddress, type Address } from "./address.ts";
export type { NodeIdentity } from "./certificates/identity.ts";
export {
  ConfigError,
  lanConfig,
  localConfig,
  resolveConfig,
  wanConfig,
  type Config,
  type ConfigIssue,
  type BroadcastQueueConfig,
  type Limits,
  type PresetConfig,
  type ResolvedConfig,
  type ResolvedLimits,
} from "./config.ts";
export type { LeaveCause, ProbeFailed, SuspectCause, SuspicionTimeout } from "./cause.ts";
export type { AliveDelegate, ConflictDelegate, Delegate, EventDelegate, MergeDelegate, PingDelegate } from "./delegate.ts";
export {
  TransmitLimitedQueue,
  type Broadcast,
  type BroadcastQueueCounters,
  type DropReason,
  type QueueFullPolicy,
  type TransmitLimitedQueueOptions,
} from "./engine/broadcast-queue.ts";
export { errorMessage, MemberlistError, type ErrorCode, type MemberlistErrorOptions } from "./errors.ts";
export type { BroadcastDelivery, BroadcastResult } from "./broadcast-result.ts";
export type { BroadcastOptions } from "./driver/broadcast.ts";
export type {
  EventStream,
  EventStreamOptions,
  HealedEvent,
  IsolatedEvent,
  AddressLostEvent,
  LabelMismatchEvent,
  LogEvent,
  MemberEvent,
  QueueFullEvent,
  RecentEvent,
} from "./events.ts";
export type { HealingAttempt } from "./healing-events.ts";
export type { JoinOptions } from "./driver/join.ts";
export type { MemberlistSummary } from "./driver/summary.ts";
export type { JoinAttempt, JoinConflict, JoinResult, SeedResult } from "./join-result.ts";
export { decodeKey, encodeKey, generateKey, type KeySize } from "./key.ts";
export { Keyring } from "./keyring.ts";
export type { GossipVerify, ReadyOptions, UpdateNodeOptions, WaitOptions } from "./call-options.ts";
export { createMemberlist, Memberlist } from "./memberlist.ts";
export type { MemberInfo, MembersOptions } from "./member-info.ts";
export type { Node, NodeState } from "./node.ts";
export type { AesGcm, Codec, Offload, OpenJob, PacketOffload, PacketSealJob, SealJob } from "./ports/codec.ts";
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
export { srvSeeds, type Seed, type SeedProvider, type SeedRequest } from "./seeds.ts";
export type { SelectNodes, SelectPurpose } from "./select-nodes.ts";
export { streamOnly, type StreamOnlyOptions } from "./stream-only/stream-only.ts";
export { metaMaxSize } from "./wire/constants.ts";
