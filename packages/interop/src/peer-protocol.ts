import type { Node } from "@memberlist/core";
import type { ChurnEvent, WorkCounters, WorkOrder } from "./churn/protocol.ts";

/**
 * What the peers speak on stdin and stdout: one JSON object a line. The Go peer (go-peer/) and the TypeScript peer
 * (node-peer.ts) take the same commands and report the same events, so that a test can put either in either place.
 * Bytes are base64 text, durations are ms, and `at` is in ms since the Unix epoch with fractions: clocks of two processes
 * on one machine can be compared.
 */

/** Fields of a memberlist config by name, and what the peer's delegates do. What is left out is as in the preset. */
export interface PeerConfig {
  /** Which defaults to start from. Default: local. The bind address is 127.0.0.1 and the port the kernel's choice unless given. */
  preset?: "lan" | "wan" | "local";
  name: string;
  label?: string;
  skipInboundLabelCheck?: boolean;
  bindAddr?: string;
  bindPort?: number;
  advertiseAddr?: string;
  advertisePort?: number;
  protocolVersion?: number;
  tcpTimeout?: number;
  indirectChecks?: number;
  retransmitMult?: number;
  suspicionMult?: number;
  suspicionMaxTimeoutMult?: number;
  pushPullInterval?: number;
  probeInterval?: number;
  probeTimeout?: number;
  disableTcpPings?: boolean;
  /** The nodes that get no pings over TCP. */
  disableTcpPingsForNode?: readonly string[];
  awarenessMaxMultiplier?: number;
  gossipInterval?: number;
  gossipNodes?: number;
  gossipToTheDeadTime?: number;
  gossipVerifyIncoming?: boolean;
  gossipVerifyOutgoing?: boolean;
  enableCompression?: boolean;
  /** Base64. */
  secretKey?: string;
  /** Base64. Without a primary key the ring is empty at first. */
  keyring?: { readonly keys: readonly string[]; readonly primary?: string };
  delegateProtocolVersion?: number;
  delegateProtocolMin?: number;
  delegateProtocolMax?: number;
  dnsConfigPath?: string;
  handoffQueueDepth?: number;
  udpBufferSize?: number;
  deadNodeReclaimTime?: number;
  requireNodeNames?: boolean;
  cidrsAllowed?: readonly string[];
  metricLabels?: Readonly<Record<string, string>>;
  queueCheckInterval?: number;
  /** A transport that advertises an IPv4 address in 16 bytes. Of a Go node; a TypeScript node refuses it. */
  advertiseMapped?: boolean;
  /** No UDP: packets go over streams. Of a TypeScript node; a Go node has no such thing. */
  streamOnly?: boolean;
  /** Ours only: the path of the file with the saved state. */
  storePath?: string;
  /** Ours only: `advertiseAddr` is a function, by which the transport chooses again once the machine has lost the address. */
  followsAddress?: boolean;
  /** Ours only: `selectNodes` keeps to the nodes whose metadata is the same as our own, our zone. */
  zones?: boolean;

  /** The node's metadata, base64. */
  meta?: string;
  /** What the delegate gives for a push/pull, base64. */
  userState?: string;
  /** What the ping delegate puts into acks, base64. */
  ackPayload?: string;
  /** Broadcast each user message on, the first time that it is received. */
  rebroadcast?: boolean;
  /** The merge delegate refuses every merge, with this message. */
  refuseMerge?: string;
  /** The alive delegate refuses nodes of these names. Without this field, the node has no alive delegate. */
  refuseAlive?: readonly string[];
}

export type PeerNodeState = "alive" | "suspect" | "dead" | "left";

/** `vsn` is [pMin, pMax, pCur, dMin, dMax, dCur]. */
export interface PeerNode {
  readonly name: string;
  readonly addr: string;
  readonly port: number;
  readonly meta: string;
  readonly vsn: readonly number[];
}

/** A node as another sees it. */
export interface PeerMember extends PeerNode {
  readonly state: PeerNodeState;
  readonly incarnation: number;
}

/** `payload` is base64 and only there when small (4,096 bytes); else `sha256` (hex) is. */
export interface PeerPayload {
  readonly size: number;
  readonly payload?: string;
  readonly sha256?: string;
}

interface Timed {
  readonly at: number;
}

interface ReadyEvent extends Timed {
  readonly event: "ready";
  readonly pid: number;
  readonly runtime: string;
  readonly memberlist: string;
}
interface MemberEvent extends Timed {
  readonly event: "join" | "leave" | "update";
  readonly node: PeerNode;
}
/** A node's state has changed in this peer's eyes. `at` is when it did so. `forgotten`: the peer has removed the node from its list. */
export interface StateEvent extends Timed {
  readonly event: "state";
  readonly name: string;
  readonly state: PeerNodeState | "forgotten";
  readonly incarnation: number;
}
/** The peer has refuted a message about itself; `from` is its sender, "" where that is not known. */
interface RefuteEvent extends Timed {
  readonly event: "refute";
  readonly from: string;
}
export interface MessageEvent extends Timed, PeerPayload {
  readonly event: "message";
}
/** A message of a channel, at the Go peer. */
export interface ChannelMessageEvent extends Timed, PeerPayload {
  readonly event: "channelMessage";
  readonly channel: string;
  readonly sender: string;
  readonly isBroadcast: boolean;
}
/** The Go peer received a message of a topic. */
interface TopicMessageEvent extends Timed, PeerPayload {
  readonly event: "topicMessage";
  readonly topic: string;
  readonly sender: string;
}
interface UserStateEvent extends Timed, PeerPayload {
  readonly event: "userStateMerged";
  readonly join: boolean;
}
interface ConflictEvent extends Timed {
  readonly event: "conflict";
  readonly existing: PeerNode;
  readonly other: PeerNode;
}
interface MergeEvent extends Timed {
  readonly event: "merge";
  readonly nodes: readonly PeerNode[];
}
interface PingCompleteEvent extends Timed {
  readonly event: "pingComplete";
  readonly node: string;
  readonly rttMs: number;
  readonly payload: string;
}
export interface LogEvent extends Timed {
  readonly event: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly line: string;
}

export type PeerEvent =
  | ReadyEvent
  | MemberEvent
  | StateEvent
  | RefuteEvent
  | MessageEvent
  | ChannelMessageEvent
  | TopicMessageEvent
  | ChurnEvent
  | UserStateEvent
  | ConflictEvent
  | MergeEvent
  | PingCompleteEvent
  | LogEvent;

/** With `channel`, the Go peer frames the payload as a message of that channel. */
interface ChannelArgs {
  readonly channel?: string;
}

/** Base64 bytes, or `size` bytes that follow from `seed` ({@link seededBytes}). */
export type PayloadArgs = { readonly payload: string } | { readonly size: number; readonly seed: number };

/** To a known node by a packet or a stream, or to an address ("ip:port") by a packet. */
type SendArgs = PayloadArgs &
  ChannelArgs &
  (
    | { readonly node: string; readonly mode: "bestEffort" | "reliable" }
    | { readonly node?: string; readonly addr: string; readonly mode: "address" }
  );

export interface CreatedNode {
  readonly name: string;
  /** The address that the node advertises. */
  readonly addr: string;
  readonly port: number;
  /** The one that its sockets have. */
  readonly bindAddr: string;
  readonly bindPort: number;
}

type None = Readonly<Record<string, never>>;

/** Every command: its fields and its answer. */
export interface PeerCommands {
  create: { args: { readonly config: PeerConfig }; result: CreatedNode };
  join: { args: { readonly addresses: readonly string[] }; result: { readonly joined: number } };
  /** `timeout` 0: no limit. */
  leave: { args: { readonly timeout: number }; result: None };
  /** All nodes, the suspect, dead and left ones too; `alive` is what numMembers() says. */
  members: { args: None; result: { readonly nodes: readonly PeerMember[]; readonly alive: number } };
  send: { args: SendArgs; result: None };
  /** By the delegate's transmit-limited queue. */
  broadcast: { args: PayloadArgs & ChannelArgs; result: None };
  /** Only of the Go peer: publishes a message in a topic. */
  publish: { args: { readonly topic: string; readonly payload: string }; result: None };
  /** Only of the TypeScript peer: starts topics and requests (churn/work.ts). */
  work: { args: WorkOrder; result: None };
  /** Only of the TypeScript peer: stops publishing and sending requests. */
  endWork: { args: None; result: WorkCounters };
  updateMeta: { args: { readonly meta: string; readonly timeout: number }; result: None };
  setUserState: { args: { readonly state: string }; result: None };
  ping: { args: { readonly name: string; readonly addr: string }; result: { readonly rttMs: number } };
  health: { args: None; result: { readonly score: number; readonly protocolVersion: number } };
  addKey: { args: { readonly key: string }; result: None };
  useKey: { args: { readonly key: string }; result: None };
  removeKey: { args: { readonly key: string }; result: None };
  /** The primary is first. */
  listKeys: { args: None; result: { readonly keys: readonly string[] } };
  /** Ours alone: a Go node has what it was started with. */
  setGossipVerify: { args: { readonly incoming?: boolean; readonly outgoing?: boolean }; result: None };
  /** Stops the node without a leave; another can be created then. */
  shutdown: { args: None; result: None };
  /** Ends the process. So does the end of stdin. */
  exit: { args: None; result: None };
}

export type PeerCommandName = keyof PeerCommands;

/** The config of a Serf node (go-serf/). */
export interface SerfConfig {
  name: string;
  bindAddr: string;
  protocolVersion: number;
  tags: Readonly<Record<string, string>>;
  /** Base64. */
  secretKey?: string;
  /** Refuse members by the rules of Consul's LAN pool. */
  consul?: boolean;
}

export interface SerfMember {
  readonly name: string;
  readonly status: "none" | "alive" | "leaving" | "left" | "failed";
  readonly tags: Readonly<Record<string, string>>;
}

/** The commands of the Serf peer (go-serf/). */
export interface SerfCommands extends Pick<PeerCommands, "join" | "leave"> {
  create: { args: { readonly config: SerfConfig }; result: CreatedNode };
  serfMembers: { args: None; result: { readonly members: readonly SerfMember[] } };
  userEvent: { args: { readonly name: string; readonly payload: string }; result: None };
  /** Asks all members to acknowledge within `timeout` ms. */
  query: { args: { readonly name: string; readonly timeout: number }; result: { readonly acked: readonly string[] } };
  /** Asks all members for their keys. */
  serfKeys: { args: None; result: { readonly nodes: number; readonly answered: number; readonly errors: number } };
}

/** `id` is null when the command had none that could be read. */
export type PeerAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number | null; readonly error: string };

/** The test payload of a seed: both peers make the same one (a linear congruential generator, its top byte). */
export function seededBytes(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function toBase64(bytes: Uint8Array | string): string {
  return Buffer.from(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes).toString("base64");
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Now, as the peers stamp their events. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

export function describeNode(node: Node): PeerNode {
  const { name, addr, port, meta, pMin, pMax, pCur, dMin, dMax, dCur } = node;
  return { name, addr, port, meta: toBase64(meta), vsn: [pMin, pMax, pCur, dMin, dMax, dCur] };
}
