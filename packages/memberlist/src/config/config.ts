import type {
  AliveDelegate,
  ConflictDelegate,
  Delegate,
  EventDelegate,
  MergeDelegate,
  PingDelegate,
  SelectNodes,
} from "../api/delegates.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { TransmitLimitedQueueOptions } from "../swim/broadcast-queue.ts";
import type { Limits, ResolvedLimits } from "./limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger, LogOutput } from "../ports/logger.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import type { Store } from "../ports/store.ts";
import type { Transport } from "../ports/transport.ts";
import type { Tags } from "../util/tags.ts";

/**
 * The configuration of a member. Start from {@link lanConfig}, {@link wanConfig}, {@link kubernetesConfig} or {@link localConfig}, and
 * override fields. Only `name` has no default; other missing fields have the LAN default. Durations are in ms, and at most 2^31 - 1 (about
 * 24.8 days), because runtimes fire longer timers at once. Source: PROTOCOL.md section 8.
 */
export interface Config {
  /**
   * This node's name, unique in the cluster: 1 to 255 bytes of UTF-8. (Go has no bound. With this one, an alive message with 512 bytes of
   * metadata, a label and encryption still fits a packet of the default size.) Required.
   */
  name: string;
  /** Sends and receives packets and streams. Default: the transport package creates one from `bindAddr` and `bindPort`. */
  transport?: Transport;

  /**
   * The label of the cluster. It precedes every packet and stream, and is checked on arrival, so that two clusters on one network never
   * mix. At most 255 bytes of UTF-8. With encryption it is also authenticated. All members need the same label. It costs 2 bytes + its
   * length in each packet. Default "" (none).
   */
  label?: string;
  /**
   * Accepts packets and streams without a label, and refuses labelled ones. Use it if a front end checks and removes the label. Default
   * false.
   */
  skipInboundLabelCheck?: boolean;

  /**
   * The literal IP to listen on; "0.0.0.0" or "::" for every interface. An address with a zone ("fe80::1%eth0") means nothing on other
   * machines, so it needs an `advertiseAddr`. The transport package uses this field. Default "0.0.0.0".
   */
  bindAddr?: string;
  /** The UDP and TCP port to listen on, and the default port of join addresses. 0 lets the system choose. Default 7946. */
  bindPort?: number;
  /**
   * The literal IP that other members use, for NAT and containers; "" lets the transport choose. A function is called at the start and then
   * every `addressCheckInterval`. When it returns another address, the node leaves and rejoins there with the same name, so that its peers
   * (Go's, too) accept the new address at once. If the function returns "", the transport chooses again once the machine has lost the
   * address. Default "".
   */
  advertiseAddr?: string | (() => string | Promise<string>);
  /**
   * The port that other members use. 0 is the bound port. Default 0. (Go's default is 7946 even if another port is bound. Here a config
   * that sets only `bindPort` works.)
   */
  advertisePort?: number;

  /**
   * How often the node checks that the machine still has the advertised address (event and log code `address_lost`), and calls an
   * `advertiseAddr` function; 0 switches both off. Default 5 s.
   */
  addressCheckInterval?: number;

  /** The protocol version to speak, 1 to 5. Raise it only once every member understands the new one. Default 2. */
  protocolVersion?: number;
  /**
   * How long a stream may take, from dialling (or accepting) to its end; at least 1 ms. A longer time tolerates slow links; a shorter one
   * ends a stuck push/pull sooner. Default 10 s (WAN 30 s, local 1 s).
   */
  tcpTimeout?: number;

  /**
   * How many other nodes are asked to probe a node that did not answer, 0 to 1000. One ack from any of them is enough. More nodes make a
   * false suspicion less likely, but cost more packets for each failed probe. Default 3 (local 1).
   */
  indirectChecks?: number;
  /**
   * How often each broadcast is sent: retransmitMult · ceil(log10(n + 1)) times for n members; 1 to 1000. A higher value reaches all
   * members more reliably under packet loss, with more traffic. Default 4 (local 2).
   */
  retransmitMult?: number;
  /**
   * How long a suspect can refute before it is declared dead: at least suspicionMult · max(1, log10(n)) · probeInterval for n members;
   * 1 to 1000. suspicionMult - 2 further accusers shorten the wait to that minimum. A higher value gives a slow node more time to refute;
   * a lower one detects failures sooner. Default 4 (WAN 6, local 3).
   */
  suspicionMult?: number;
  /**
   * The longest suspicion, as a multiple of the shortest; 1 to 1000. If no other member confirms a suspicion, the wait is
   * suspicionMaxTimeoutMult times the minimum. With a high value, a node that is itself cut off declares the others dead later. Default 6.
   */
  suspicionMaxTimeoutMult?: number;

  /**
   * How often the whole state is exchanged with one random member over a stream (push/pull); 0 switches it off. Above 32 members the
   * interval is multiplied by ceil(log2(n) - 5) + 1. A shorter interval converges faster and repairs lost gossip sooner, but a push/pull is
   * the most expensive exchange. Default 30 s (WAN 60 s, local 15 s).
   */
  pushPullInterval?: number;
  /**
   * How often this node probes a member; 0 switches failure detection off. With n members, each member probes each other one about every n
   * intervals, so that each is probed about once an interval. A shorter interval detects failures sooner, and costs more packets. Default
   * 1 s (WAN 5 s).
   */
  probeInterval?: number;
  /**
   * How long to wait for a direct ack before other members are asked to probe; at least 1 ms and less than `probeInterval`. The indirect
   * probes have the rest of the interval. Use the 99th percentile of the network's round-trip time. Default 500 ms (WAN 3 s, local 200 ms).
   */
  probeTimeout?: number;
  /**
   * Switches off the stream ping that accompanies the indirect probes. If UDP is blocked, the stream ping keeps members alive, with a
   * warning; without it such members are declared dead. Default false.
   */
  disableTcpPings?: boolean;
  /** The same for each node: return true to leave out the stream ping. */
  disableTcpPingsForNode?: (nodeName: string) => boolean;
  /**
   * Bounds the health score; 1 to 1000. A node that detects that it is slow itself waits up to this many times as long for the answers to a probe
   * (probeInterval · (score + 1)). 1 switches this off. Default 8.
   */
  awarenessMaxMultiplier?: number;
  /**
   * Detects by late timers that this process was blocked (a blocked event loop, a stopped process). The blocked time worsens the health
   * score, and is added to the running probes and suspicions, so that the node does not accuse others for its own delay. Default true; Go
   * does not do this.
   */
  lagAwareness?: boolean;

  /**
   * How often queued broadcasts are gossiped, in addition to those piggybacked on probes; 0 switches gossip off. A shorter interval spreads
   * messages faster, with more packets. Default 200 ms (WAN 500 ms, local 100 ms).
   */
  gossipInterval?: number;
  /** How many random members are gossiped to in each `gossipInterval`, 0 to 1000; 0 switches gossip off. Default 3 (WAN 4). */
  gossipNodes?: number;
  /**
   * How long a dead member is still gossiped to, so that it can refute. Afterwards it is forgotten. 0 switches this off. Default 30 s (WAN
   * 60 s, local 15 s).
   */
  gossipToTheDeadTime?: number;
  /**
   * With encryption on, refuses plaintext messages. To encrypt a running cluster, give all members the key with both `gossipVerify…` fields
   * false. Then set `gossipVerifyOutgoing` on all members, and finally this field: by a restart, or by `Memberlist.setGossipVerify`.
   * Default true.
   */
  gossipVerifyIncoming?: boolean;
  /** With encryption on, encrypts outgoing messages. Set it to false only while you switch encryption on. Default true. */
  gossipVerifyOutgoing?: boolean;

  /** Compresses outgoing messages (LZW) if that makes them smaller. It saves traffic and costs CPU time. Default true. */
  enableCompression?: boolean;
  /**
   * Lets user messages to one member share packets (as compounds, which Go nodes understand) if they are sent before the running code
   * returns or awaits. No message waits longer than that. Default true; in Go each message has its own packet.
   */
  coalesceMessages?: boolean;

  /**
   * The primary key: 16, 24 or 32 bytes for AES-128, -192 or -256. It switches encryption on. If there is a `keyring`, the key is added to
   * it as its primary key. An empty array means no key. The key is copied, and never shown in an error or a log.
   */
  secretKey?: Uint8Array;
  /**
   * All accepted keys, the primary one first. Change it to rotate keys on a running node. An empty keyring switches encryption on once a
   * key is added.
   */
  keyring?: Keyring;

  /**
   * The share of each packet's room for broadcasts that is reserved for user broadcasts while membership messages are queued, 0 to 1.
   * Membership messages use the room that user broadcasts leave; the unused share is saved for them, up to one message of a packet's
   * length. A higher share delays membership messages under churn. With 0, as in Go, user broadcasts wait for membership messages. Default
   * 0.25.
   */
  userBroadcastShare?: number;
  /** The queue of `members.broadcast`: its bounds, and what it drops when it is full. */
  broadcastQueue?: BroadcastQueueConfig;

  /**
   * Chooses among the members for probes, indirect probes, gossip and push/pulls, for example to favour members of the same zone. One
   * target of each round is always chosen at random from all candidates, so that zones keep in contact. Default: all candidates.
   */
  selectNodes?: SelectNodes;

  /** The application's side of gossip: metadata, user messages, broadcasts and state. */
  delegate?: Delegate;
  /**
   * The delegate's own protocol version, 0 to 255, from `delegateProtocolMin` to `delegateProtocolMax`. Nodes with incompatible ranges
   * refuse each other. Default 0.
   */
  delegateProtocolVersion?: number;
  /** The oldest delegate protocol version understood, 0 to 255. Default 0. */
  delegateProtocolMin?: number;
  /** The newest delegate protocol version understood, 0 to 255. Default 0. */
  delegateProtocolMax?: number;
  /** Notified of joins, leaves and updates. */
  events?: EventDelegate;
  /** Notified when two nodes use one name. It gets the first ten conflicts at once, and then one a second. */
  conflict?: ConflictDelegate;
  /** May refuse the merge with another cluster. */
  merge?: MergeDelegate;
  /** Notified of every answered probe, with its round-trip time. */
  ping?: PingDelegate;
  /** May refuse single nodes. */
  alive?: AliveDelegate;

  /**
   * A resolv.conf. Its first name server is asked over TCP for names with a dot, because a long list of addresses may not fit into a UDP
   * answer. "" switches this off. Default "/etc/resolv.conf".
   */
  dnsConfigPath?: string;

  /** Gets text lines of every level. Not together with `logger`. With neither, warnings and errors go to the console. */
  logOutput?: LogOutput;
  /** Gets structured lines, such as a pino logger. Not together with `logOutput`. */
  logger?: Logger;

  /**
   * The length of each of the two queues of received messages (alive messages, and other membership and user messages); 1 to 1,000,000.
   * Further messages are dropped with a warning; gossip repeats most of them. A longer queue survives longer stalls, with more memory.
   * Default 1024.
   */
  handoffQueueDepth?: number;
  /**
   * The largest packet to send, in bytes, 128 to 65,507 (the maximum of UDP). It must have room for this node's own alive message with all
   * overheads; this is checked, unlike in Go. A larger packet carries more gossip. If a link fragments it, the loss of one fragment loses
   * the packet. Default 1400.
   */
  udpBufferSize?: number;
  /**
   * How long after its death a node's name can be taken over by another address; 0 for never. (The name of a node that left is free at
   * once.) A short time lets a restarted container rejoin with a new address. A time that is too short lets another node take the name
   * while the owner is only slow. Default 0.
   */
  deadNodeReclaimTime?: number;
  /** Refuses to send to an address without a node name. For transports that check names. Default false. */
  requireNodeNames?: boolean;
  /**
   * The networks of members, as CIDRs for IPv4 and IPv6 ("10.0.0.0/8", "fd00::/8"). Default: all networks. An empty list allows none, so
   * that an empty filter by mistake does not open the cluster. (Go's empty list allows all.)
   */
  cidrsAllowed?: readonly string[];

  /**
   * Changes the bounds on the memory and work that peers can cause on this node, for a process with little memory or a small cluster. See
   * {@link Limits}.
   */
  limits?: Limits;

  /** Labels of every metric. Default none. */
  metricLabels?: MetricLabels;
  /** How often the lengths of queues are measured (`memberlist.queue.broadcasts`, …) and the transport's counters are read; at least 1 ms. Default 30 s. */
  queueCheckInterval?: number;

  /** This node's metadata, at most 512 bytes, for a node without `delegate.nodeMeta`. It is copied. */
  meta?: Uint8Array;
  /**
   * Names and values as this node's metadata, such as `{ role: "web", zone: "eu-1" }`: at most 512 bytes in MessagePack, in the format of Serf
   * and Consul. Not together with `meta` or `delegate.nodeMeta`. `decodeTags(node.meta)` reads those of a member, and
   * `Memberlist.setTags` changes this node's. Default none.
   */
  tags?: Tags;
  /** Receives metrics: an adapter such as `@memberlist/prometheus`, or an object of your own. docs/reference/metrics.md lists them. Default none. */
  metrics?: Metrics;
  /** The source of time. Default: the runtime's clock. */
  clock?: Clock;
  /** The source of random numbers for choosing peers; never for keys. Default: the runtime's generator. */
  random?: Random;
  /**
   * How many events an `events()` iterator buffers for a slow reader, 1 to 1,000,000. Beyond it the oldest are dropped and counted
   * (`dropped` of the iterator, `dropped.event` of `counters()`). Default 1024.
   */
  eventsCapacity?: number;

  /**
   * How often a dead member, or a seed that is not alive, is tried again with a push/pull, to heal a partition; 0 switches healing off. All
   * members together try each about once in this time. They try one that does not answer every second time, and later every fourth time.
   * A shorter interval heals sooner, with more attempts. Default 30 s (WAN 60 s, local 15 s).
   */
  healingInterval?: number;
  /**
   * How long a dead member is tried again; 0 for ever (at most 1,024 are remembered). Seeds are always tried. A longer time heals longer
   * partitions; a shorter one saves attempts at removed machines. Default 24 h.
   */
  healingTimeout?: number;
  /**
   * Keeps this node's incarnation and up to 256 live members over a restart. The node then rejoins by itself, with an incarnation above the
   * one that others remember. After `leave` it keeps no members. A saved state that is damaged, or of another name or label, is counted
   * (`store_corrupted`, `store_foreign`), logged and ignored. Each node needs its own store. Default none.
   */
  store?: Store;
}

/** The bounds of the queue of `members.broadcast`, as for a `TransmitLimitedQueue`. */
export type BroadcastQueueConfig = Pick<TransmitLimitedQueueOptions, "maxCount" | "maxBytes" | "whenFull">;

/** The fields with a value in every preset. */
type DefaultedField =
  | "label"
  | "skipInboundLabelCheck"
  | "bindAddr"
  | "bindPort"
  | "addressCheckInterval"
  | "advertiseAddr"
  | "advertisePort"
  | "protocolVersion"
  | "tcpTimeout"
  | "indirectChecks"
  | "retransmitMult"
  | "suspicionMult"
  | "suspicionMaxTimeoutMult"
  | "pushPullInterval"
  | "probeInterval"
  | "probeTimeout"
  | "disableTcpPings"
  | "awarenessMaxMultiplier"
  | "lagAwareness"
  | "gossipInterval"
  | "gossipNodes"
  | "gossipToTheDeadTime"
  | "gossipVerifyIncoming"
  | "gossipVerifyOutgoing"
  | "enableCompression"
  | "coalesceMessages"
  | "userBroadcastShare"
  | "delegateProtocolVersion"
  | "delegateProtocolMin"
  | "delegateProtocolMax"
  | "dnsConfigPath"
  | "handoffQueueDepth"
  | "udpBufferSize"
  | "deadNodeReclaimTime"
  | "requireNodeNames"
  | "metricLabels"
  | "queueCheckInterval"
  | "eventsCapacity"
  | "healingInterval"
  | "healingTimeout";

/**
 * The result of {@link lanConfig}, {@link wanConfig}, {@link kubernetesConfig} and {@link localConfig}: a new object without a name, which you
 * may change.
 */
export type PresetConfig = Omit<Config, "name" | DefaultedField> & Required<Pick<Config, DefaultedField>>;

/** The effective config: checked, complete and frozen, with copies of lists and bytes. An empty `secretKey` becomes undefined. */
export type ResolvedConfig = Readonly<
  Omit<Config, DefaultedField | "clock" | "random" | "limits"> &
    Required<Pick<Config, DefaultedField | "clock" | "random">> & { limits: ResolvedLimits }
>;
