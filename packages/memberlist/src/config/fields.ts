import type { AliveDelegate, ConflictDelegate, Delegate, EventDelegate, MergeDelegate, PingDelegate } from "../api/delegates.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { TransmitLimitedQueueOptions } from "../swim/broadcast-queue.ts";
import type { Limits, ResolvedLimits } from "./limits.ts";
import type { SelectNodes } from "../api/select-nodes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger, LogOutput } from "../ports/logger.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import type { Store } from "../ports/store.ts";
import type { Transport } from "../ports/transport.ts";

/**
 * Everything that can be set. Start from {@link lanConfig}, {@link wanConfig} or {@link localConfig} and override; only `name`
 * has no default, and what is left out is the LAN's. Durations are in ms; a duration is at most 2^31 - 1 (about 24.8 days),
 * because runtimes fire longer timers at once. Source: PROTOCOL.md section 8.
 */
export interface Config {
  /**
   * This node's name, unique in the cluster: 1 to 255 bytes of UTF-8. (Go has no bound. With ours, an alive message with a full
   * 512 bytes of metadata, a label and encryption still fits a packet of the default size.) Required.
   */
  name: string;
  /** What moves packets and streams. Transport packages make one from `bindAddr` and `bindPort` when this is absent. */
  transport?: Transport;

  /**
   * Put in front of every packet and stream, and checked on arrival, so that two clusters on one network never mix. At most 255
   * bytes of UTF-8. With encryption it is authenticated as well. All members need the same. Costs 2 bytes + its length a packet.
   * Default "" (none).
   */
  label?: string;
  /**
   * Takes packets and streams without a label as if they bore ours, and refuses labelled ones: for a process whose front end has
   * already checked the label and taken it off. Default false.
   */
  skipInboundLabelCheck?: boolean;

  /**
   * The literal IP to listen on; "0.0.0.0" or "::" for every interface. One with a zone ("fe80::1%eth0") means nothing on other machines, and
   * needs an `advertiseAddr` beside it. Used by the transport package. Default "0.0.0.0".
   */
  bindAddr?: string;
  /** The UDP and TCP port to listen on, and the port of join addresses that name none. 0 lets the system choose. Default 7946. */
  bindPort?: number;
  /**
   * The literal IP that other members are to use, for NAT and containers; "" lets the transport choose. A function is asked at the start
   * and then every `addressCheckInterval`; when it returns another address, the node moves there: it leaves, and joins again under the
   * same name, which is what lets its peers (Go's, too) take the new address at once. A function that returns "" has the transport choose
   * again once the machine has lost the address. Default "".
   */
  advertiseAddr?: string | (() => string | Promise<string>);
  /**
   * The port that others are told to use. 0 is the bound port. Default 0. (Go's default is 7946 even when another port is bound,
   * which advertises a port where nobody listens; a config that sets `bindPort` alone works here.)
   */
  advertisePort?: number;

  /**
   * How often to look whether the machine still has the advertised address (event and log code `address_lost`), and to ask an
   * `advertiseAddr` that is a function; 0 switches both off. Default 5 s.
   */
  addressCheckInterval?: number;

  /** The protocol version to speak, 1 to 5. Raise it only once every member understands the new one. Default 2. */
  protocolVersion?: number;
  /**
   * How long a stream may take, from dialling (or accepting) to its end; at least 1 ms. Longer tolerates slow links, shorter frees
   * a stuck push/pull sooner. Default 10 s (WAN 30 s, local 1 s).
   */
  tcpTimeout?: number;

  /**
   * How many other nodes are asked to probe a node that did not answer us, 0 to 1000. One ack from any of them is enough: more of
   * them make a false suspicion less likely, and cost as many packets for each failed probe. Default 3 (local 1).
   */
  indirectChecks?: number;
  /**
   * How often each broadcast is sent: retransmitMult · ceil(log10(n + 1)) times for n members; 1 to 1000. More reach every
   * member more surely under loss, for as much more traffic. Default 4 (local 2).
   */
  retransmitMult?: number;
  /**
   * How long a suspect may refute before it is dead: at least suspicionMult · max(1, log10(n)) · probeInterval for n members;
   * 1 to 1000. Also, suspicionMult - 2 further accusers shorten the wait to that minimum. Higher gives a slow node more time to
   * speak up; lower finds real failures sooner. Default 4 (WAN 6, local 3).
   */
  suspicionMult?: number;
  /**
   * The longest suspicion, as a multiple of the shortest: where nobody else confirms the suspicion, the wait is
   * suspicionMaxTimeoutMult times the minimum; 1 to 1000. A high value keeps a node that is itself cut off from declaring the
   * rest dead; a low one lets it go on sooner. Default 6.
   */
  suspicionMaxTimeoutMult?: number;

  /**
   * How often the whole state is exchanged with one random member over a stream; 0 switches it off. Over 32 members it is
   * stretched by ceil(log2(n) - 5) + 1. More often converges faster and repairs lost gossip sooner, but it is the most expensive
   * exchange there is. Default 30 s (WAN 60 s, local 15 s).
   */
  pushPullInterval?: number;
  /**
   * How often a member is probed; 0 switches failure detection off. With n members each is probed once in about n intervals by
   * each other, and by somebody in each interval. Shorter detects sooner and costs more packets. Default 1 s (WAN 5 s).
   */
  probeInterval?: number;
  /**
   * How long to wait for a direct ack before others are asked to probe; at least 1 ms and less than `probeInterval`, whose rest
   * is for the indirect probes. Take the 99th percentile of the network's round trip. Default 500 ms (WAN 3 s, local 200 ms).
   */
  probeTimeout?: number;
  /**
   * Leaves out the ping over a stream that goes along with the indirect probes. That ping keeps members alive where UDP is
   * blocked, with a warning; without it such members are declared dead. Default false.
   */
  disableTcpPings?: boolean;
  /** The same, decided for each node: return true to leave the stream ping out. */
  disableTcpPingsForNode?: (nodeName: string) => boolean;
  /**
   * Bounds the health score: a node that notices that it is slow itself probes up to this many times less often
   * (probeInterval · (score + 1)); 1 to 1000, and 1 switches it off. Default 8.
   */
  awarenessMaxMultiplier?: number;
  /**
   * Whether the time for which this process was held up (a blocked event loop, a stopped process), as its late timers show it, counts
   * into the health score, and is given back to the probes and suspicions that were waiting: it then slows its accusations instead of
   * accusing others. Default true; false is what Go does.
   */
  lagAwareness?: boolean;

  /**
   * How often waiting broadcasts are gossiped, beside those that ride along on probes; 0 switches gossip off. Shorter spreads
   * news faster for more packets. Default 200 ms (WAN 500 ms, local 100 ms).
   */
  gossipInterval?: number;
  /** To how many random members in each `gossipInterval`, 0 to 1000; 0 switches gossip off. Default 3 (WAN 4). */
  gossipNodes?: number;
  /**
   * For how long after a member's death it is still gossiped to, so that it can refute; afterwards it is forgotten. 0 for not
   * at all. Default 30 s (WAN 60 s, local 15 s).
   */
  gossipToTheDeadTime?: number;
  /**
   * With encryption on, refuses what arrives in the clear. To encrypt a running cluster, give all members the key with both
   * `gossipVerify…` false, then set `gossipVerifyOutgoing` everywhere, then this: by a restart, or by
   * `Memberlist.setGossipVerify`. Default true.
   */
  gossipVerifyIncoming?: boolean;
  /** With encryption on, encrypts what is sent. False only in the middle of switching encryption on. Default true. */
  gossipVerifyOutgoing?: boolean;

  /** Compresses what is sent (LZW), where a packet gets smaller by it. Saves traffic for some CPU. Default true. */
  enableCompression?: boolean;
  /**
   * Whether user messages that are sent to one member before the running code lets go (returns, or awaits) share packets, as compounds
   * that Go nodes take, too. None waits longer than that. Default true; false is what Go does: each has a packet of its own.
   */
  coalesceMessages?: boolean;

  /**
   * The primary key: 16, 24 or 32 bytes for AES-128, -192 or -256; switches encryption on. With a `keyring` as well, it is added
   * to that and made its primary key. An empty array is no key. Copied; never shown in an error or a log.
   */
  secretKey?: Uint8Array;
  /**
   * All keys that are accepted, the primary one first; for key rotation on a running node. Empty: no encryption until a key is
   * added.
   */
  keyring?: Keyring;

  /**
   * The part of each packet's room for broadcasts that user broadcasts are sure of while membership news queues up, 0 to 1; what
   * they do not use, the other side has, and is saved up for them, to what one message as long as a packet needs. More
   * delays membership news under churn; 0 is what Go does: membership first, and user broadcasts wait. Default 0.25.
   */
  userBroadcastShare?: number;
  /** The queue of `members.broadcast`: how much may wait, and what becomes of a message that there is no room for. */
  broadcastQueue?: BroadcastQueueConfig;

  /**
   * Chooses among the members that may be probed, asked to probe, gossiped to, or exchanged state with: to favour the own zone. One
   * target of each round is chosen at random from all of them whatever it returns, so that zones never lose sight of one another.
   * Default: all.
   */
  selectNodes?: SelectNodes;

  /** The application's side of gossip: metadata, user messages, broadcasts and state. */
  delegate?: Delegate;
  /**
   * The delegate's own protocol version, 0 to 255, between the next two. Nodes whose ranges do not fit refuse each other.
   * Default 0.
   */
  delegateProtocolVersion?: number;
  /** The oldest delegate protocol version understood, 0 to 255. Default 0. */
  delegateProtocolMin?: number;
  /** The newest delegate protocol version understood, 0 to 255. Default 0. */
  delegateProtocolMax?: number;
  /** Told of joins, leaves and updates. */
  events?: EventDelegate;
  /** Notified when two nodes use one name: of the first ten conflicts at once, then of one a second. */
  conflict?: ConflictDelegate;
  /** May refuse the merge of a cluster that joins. */
  merge?: MergeDelegate;
  /** Hears of every answered probe, with its round-trip time. */
  ping?: PingDelegate;
  /** May refuse single nodes. */
  alive?: AliveDelegate;

  /**
   * The resolv.conf whose first name server is asked over TCP for names with a dot (a list too long for UDP comes whole that
   * way). "" never asks. Default "/etc/resolv.conf".
   */
  dnsConfigPath?: string;

  /** Gets text lines, at every level. Not together with `logger`. With neither, warnings and errors go to the console. */
  logOutput?: LogOutput;
  /** Gets structured lines; a pino logger fits as it is. Not together with `logOutput`. */
  logger?: Logger;

  /**
   * How many received membership and user messages may wait to be handled, for alive messages and for the rest each; 1 to
   * 1,000,000. Beyond it they are dropped with a warning; gossip brings most of them again. More rides out longer stalls, for
   * more memory. Default 1024.
   */
  handoffQueueDepth?: number;
  /**
   * The largest packet to send, in bytes, 128 to 65,507 (the most that UDP can carry); it must hold this node's own alive message
   * with all overheads, and is checked for that, too. Safe is what passes every link unfragmented; more carries more gossip a
   * packet, but where a larger packet is cut up, the loss of one piece loses all. Go checks nothing here. Default 1400.
   */
  udpBufferSize?: number;
  /**
   * After what time a dead node's name may be taken over by another address; 0 never. (The name of a node that left is free at
   * once.) Short lets a restarted container rejoin under a new address; too short lets an impostor in while the owner is merely
   * slow. Default 0.
   */
  deadNodeReclaimTime?: number;
  /** Refuses to send anything to an address without a node name: for transports that check names. Default false. */
  requireNodeNames?: boolean;
  /**
   * The networks that members may come from, as CIDRs, IPv4 and IPv6 each by its own ("10.0.0.0/8", "fd00::/8"). Absent: all.
   * An empty list: none, so that a filter that came out empty does not open the cluster. (Go's empty list allows all.)
   */
  cidrsAllowed?: readonly string[];

  /**
   * Lowers the bounds on what peers may make this node hold: for a process with little memory, or a cluster known to be small.
   * Each from 1 to its default, which it has when left out. See {@link Limits}.
   */
  limits?: Limits;

  /** Labels put on every metric. Default none. */
  metricLabels?: MetricLabels;
  /** How often the broadcast queue's length is measured (`memberlist.queue.broadcasts`); at least 1 ms. Default 30 s. */
  queueCheckInterval?: number;

  /** This node's metadata, at most 512 bytes, where there is no `delegate.nodeMeta`. Copied. */
  meta?: Uint8Array;
  /** Where metrics go. Absent: nowhere. */
  metrics?: Metrics;
  /** Time. Default: the runtime's clock. */
  clock?: Clock;
  /** Randomness, to choose peers; never for keys. Default: the runtime's generator. */
  random?: Random;
  /**
   * How many events an `events()` iterator holds for a reader that is slow, 1 to 1,000,000; beyond it the oldest are dropped, and
   * counted (`dropped` of the iterator, `dropped.event` of `counters()`). Default 1024.
   */
  eventsCapacity?: number;

  /**
   * About how often a member that died, or a seed that is not alive, is tried again by a push/pull, so that a cluster that fell apart finds
   * together; 0 switches healing off. Each is tried about once in this time by all members together, and what does not answer every
   * second and then every fourth time. Shorter heals sooner, for more tries. Default 30 s (WAN 60 s, local 15 s).
   */
  healingInterval?: number;
  /**
   * For how long a member that died is tried again; 0 for ever (1,024 are remembered at most). Seeds are always tried. Longer heals longer
   * partitions, shorter leaves machines that are gone for good in peace. Default 24 h.
   */
  healingTimeout?: number;
  /**
   * Keeps our incarnation and up to 256 live members over a restart, so that the node then rejoins by itself, and at once, under an
   * incarnation above what others remember of it. After `leave` no members are kept. What is no snapshot of this name and label is
   * counted (`store_corrupted`, `store_foreign`), warned of, and ignored. One for each node. Default none.
   */
  store?: Store;
}

/** The bounds of the queue of `members.broadcast`; as those of a `TransmitLimitedQueue`. */
export type BroadcastQueueConfig = Pick<TransmitLimitedQueueOptions, "maxCount" | "maxBytes" | "whenFull">;

/** The fields that every preset has a value for. */
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

/** What {@link lanConfig} and its like return: all but the name; a fresh object, to be changed at will. */
export type PresetConfig = Omit<Config, "name" | DefaultedField> & Required<Pick<Config, DefaultedField>>;

/** The effective config: checked, complete, frozen; its lists and bytes are copies. An empty `secretKey` is absent. */
export type ResolvedConfig = Readonly<
  Omit<Config, DefaultedField | "clock" | "random" | "limits"> &
    Required<Pick<Config, DefaultedField | "clock" | "random">> & { limits: ResolvedLimits }
>;
