/** What our own transport packages share with the core. Not for others: it changes without notice. */
export { canonicalIp, hostPort, isIp } from "./api/address.ts";
export { configError, errorMessage } from "./api/errors.ts";
export { checkConfigPart, checkOptions } from "./api/check-arguments.ts";
export { resolveConfig } from "./config/resolve.ts";
export { readCertificate, type CertificateFields } from "./certificates/certificate.ts";
export {
  anyServerName,
  certifiedNode,
  checkAuthority,
  serverNameOf,
  type CertificateRole,
} from "./certificates/node-identity.ts";
export { createLog, Log } from "./ports/log.ts";
export { escapeControls } from "./ports/logger.ts";
export {
  abortSignal,
  boolean,
  duration,
  durationOr,
  integer,
  isFunction,
  isObject,
  oneOf,
  shape,
  text,
  type Rule,
  type Rules,
} from "./util/value-rules.ts";
export { maxTimerDelay, nextTurn } from "./ports/clock.ts";
export { BufferedStream } from "./util/buffered-stream.ts";
export { Fifo } from "./util/fifo.ts";
export { onAbort } from "./util/on-abort.ts";
export { nodeStateName } from "./swim/versions.ts";
export type { EngineHooks, Sender } from "./swim/simulation-hooks.ts";
export { NodeRecord } from "./swim/node-record.ts";
export type { Engine } from "./swim/engine.ts";
export { createInstrumented } from "./memberlist.ts";
export type { Instruments } from "./create.ts";
export { createInThread, type CreateInThreadOptions } from "./thread/create-in-thread.ts";
export { serveMember, type ServeMemberOptions } from "./thread/serve-member.ts";
export type { MemberThread, StartThread, ThreadPort } from "./thread/thread-port.ts";
export type { ThreadConfig, ThreadOptions } from "./thread/thread-config.ts";
export { chooseAdvertiseAddress, defaultRoute, machineHas, type HostInterfaces } from "./transport-kit/advertise.ts";
export { Backoff } from "./transport-kit/backoff.ts";
export {
  bindError,
  bindSockets,
  createTransportLog,
  listenBacklog,
  noSockets,
  type Binding,
  type BoundSockets,
  type ConnectionListener,
} from "./transport-kit/bind-sockets.ts";
export { isLoopback, planBind, withoutMapping, type BindTarget } from "./transport-kit/bind-target.ts";
export { contextClock } from "./transport-kit/context-clock.ts";
export { createWithTransport } from "./transport-kit/create-with-transport.ts";
export { dialWithin } from "./transport-kit/dial.ts";
export { fetchWithTransport } from "./transport-kit/fetch-with-transport.ts";
export { checkPath, createFileStore } from "./transport-kit/file-store.ts";
export { firstNameServer, nameServers, systemConfigPath, type NameServer } from "./transport-kit/name-server.ts";
export { resolveHost, resolveService, type NameResolver, type SystemLookup } from "./transport-kit/resolver.ts";
export { packetObjection, RouteTable } from "./transport-kit/udp-route.ts";
export { errnoOf } from "./api/errors.ts";
export {
  SocketTransport,
  socketTransportRules,
  type SocketRuntime,
  type SocketTransportCounters,
  type SocketTransportOptions,
} from "./transport-kit/socket-transport.ts";
export { threadReady, threadStarted, threadUnavailable, type ThreadStart } from "./transport-kit/thread-start.ts";
export { TcpStream, type Connection } from "./transport-kit/tcp-stream.ts";
export { AttemptEnded, atMost, withLimits } from "./transport-kit/time-limit.ts";
export {
  callDone,
  callDoneLater,
  type Datagram,
  type DatagramSocket,
  type PacketHandler,
  type SendDone,
} from "./transport-kit/udp-socket.ts";
export { datagramMaxBytes, nonceSize, tagSize } from "./wire/constants.ts";
export { maxUserMsgBytes } from "./wire/input-limits.ts";
export { DecodeError, type DecodeReason } from "./wire/errors.ts";
export type { DecodeJob, EncodeJob, StreamWorkers, WorkerCrypto } from "./wire/stream-workers.ts";
export { doDecodeJob, doDecodeJobInParts, doEncodeJob, doEncodeJobInParts } from "./wire/stream-workers.ts";
export { packetBytes, packetSent, plainView } from "./wire/bytes.ts";
export {
  readEnvironment,
  type EnvironmentConfig,
  type EnvironmentHost,
  type EnvironmentOptions,
} from "./deployment/environment.ts";
export { joinPersistently } from "./deployment/join-persistently.ts";
export { pause } from "./util/pause.ts";
export { parseIpPort, parseKeys, presetNames, type IpPort, type PresetName } from "./deployment/parse-variables.ts";
export { runUntilStopped, type RunOptions, type SignalHost, type StopSignal } from "./deployment/run-until-signal.ts";
export { commandLineVariables, memberVariables, unknownVariables, type Environment } from "./deployment/variables.ts";
export { encryptionOf } from "./encryption/encryption.ts";
export { PacketVisitor } from "./runtime/packet-visitor.ts";
