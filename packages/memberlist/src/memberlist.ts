import { formatAddress, type Address } from "./api/address.ts";
import { checkBytes, checkNodeName, checkUserMessage, checkOptions } from "./api/check-arguments.ts";
import { channelRules, type Channel, type ChannelHandlers } from "./api/channel.ts";
import { broadcastRules, type BroadcastOptions, type BroadcastResult } from "./api/broadcast.ts";
import {
  eventStreamRules,
  gossipVerifyRules,
  membersRules,
  pingRules,
  readyRules,
  updateNodeRules,
  waitRules,
  type EventStreamOptions,
  type GossipVerify,
  type MembersOptions,
  type PingOptions,
  type ReadyOptions,
  type UpdateNodeOptions,
  type WaitOptions,
} from "./api/call-options.ts";
import { MemberlistError } from "./api/errors.ts";
import type { EventStream, RecentEvent } from "./api/events.ts";
import { joinRules, type JoinOptions, type JoinResult } from "./api/join.ts";
import { type MemberInfo, nodeStates, type Node } from "./api/node.ts";
import { addressOfReceiver, findReceiver, packetAddressOf, type Receiver } from "./api/receiver.ts";
import { checkSeeds, seedName, type Seed } from "./api/seeds.ts";
import type { QueueLengths, Traffic } from "./api/stats.ts";
import type { Config, ResolvedConfig } from "./config/config.ts";
import { startMember, type Instruments } from "./create.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { Member } from "./runtime/member.ts";
import type { MemberlistSummary } from "./runtime/summary.ts";
import { featureVersions } from "./swim/peer-features.ts";
import { encodeTags, type Tags } from "./util/tags.ts";

type Inspect = (value: unknown, options: unknown) => string;
/** The hook by which Node, Bun and Deno print an object. */
const inspectCustom = Symbol.for("nodejs.util.inspect.custom");

/** How long `await using` waits until the leave is sent, in ms. */
const disposeTimeout = 5_000;

/** Set by the class itself, whose constructor is private: only the factories below make members. */
let construct: (member: Member) => Memberlist;

/**
 * A member of a cluster. {@link createMemberlist} creates one. The methods have the names of the Go library.
 *
 * Every method that fails throws (or rejects with) a {@link MemberlistError}; branch on its `code`. Wrong arguments and unknown options are
 * `invalid_argument`. After {@link shutdown} every method that sends something fails with `shutdown`; the others return the last known
 * state.
 *
 * @example
 * const members = await createMemberlist({ ...lanConfig(), name: "web-1", label: "shop" });
 * await members.join(["10.0.0.5", "10.0.0.6"]);
 * members.members().map(({ name, addr }) => `${name} ${addr}`);
 * await members.leave();
 * await members.shutdown();
 */
export class Memberlist implements AsyncDisposable {
  readonly #member: Member;
  #shutdown: Promise<void> | undefined;

  static {
    construct = (member) => new Memberlist(member);
  }

  private constructor(member: Member) {
    this.#member = member;
    member.channels.started();
    Object.defineProperty(this, inspectCustom, {
      value: (_depth: number, options: unknown, inspect: Inspect) => `Memberlist ${inspect(this.toJSON(), options)}`,
    });
  }

  /**
   * Joins a cluster: exchanges states with every address of every seed. After {@link leave}, it makes this node a member again with a
   * higher incarnation, even if no seed answers.
   *
   * @param seeds each is `host`, `host:port` or `name/host:port` (default port: `bindPort`), or a function that finds seeds, such as the
   *   result of {@link srvSeeds}
   * @returns how many addresses were reached, and the outcome for each address and each seed. This node's own address is flagged (`self`)
   *   and not counted. `conflicts` lists other nodes with this node's name: their peers count as reached, but do not list this node
   * @throws JoinError `join_failed` if it reached fewer addresses than `minReached` (default 1), with `attempts` and `seeds`; its `cause`
   *   is the first failure, with code `timeout` if the join timed out. `aborted` or `shutdown` if it was stopped.
   *   `stateChanged` is true if it reached some address
   * @throws MemberlistError `invalid_argument`, `shutdown`
   */
  async join(seeds: readonly Seed[], options: JoinOptions = {}): Promise<JoinResult> {
    this.#checkRunning();
    checkSeeds(seeds);
    checkOptions("join", options, joinRules);
    const { join, node } = this.#member.diagnostics;
    return join.trace(
      () => ({ node, seeds: seeds.map(seedName) }),
      () => this.#member.join(seeds, options),
      ({ attempts, reached }) => ({ reached, attempts: attempts.length }),
    );
  }

  /**
   * Waits until there are enough members, suspects included. Use it for a service that must not start alone. It does not join a cluster.
   *
   * @throws MemberlistError `timeout` (default: no limit), `aborted`, `shutdown`, `invalid_argument`. None of them changes the state
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    this.#checkRunning();
    checkOptions("ready", options, readyRules);
    const { members = 2, timeout, signal } = options;
    const soFar = (): string => `there are ${this.#member.numMembers}`;
    await this.#member.waitUntil(() => this.#member.numMembers >= members, {
      what: `waiting for ${members} members`,
      soFar,
      timeout,
      signal,
    });
  }

  /**
   * Broadcasts that this node leaves, and waits until the broadcast is sent (if another member is alive). Then each other live member also gets the
   * leave directly, where they are 20 or fewer. The node answers until {@link shutdown}. A second call waits for the same broadcast.
   *
   * @throws MemberlistError `timeout` (default 10 s), `aborted` or `shutdown`: the node has left nevertheless if `stateChanged` is true;
   *   `invalid_argument`
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    this.#checkRunning();
    checkOptions("leave", options, waitRules);
    await this.#member.leave(options);
  }

  /**
   * Publishes new metadata, and waits until it is sent (if another member is alive).
   *
   * @throws MemberlistError `meta_too_large` and `left` (nothing has changed), `timeout` (default 10 s) or `aborted` (the metadata is sent
   *   nevertheless), `shutdown`, `invalid_argument`
   */
  async updateNode(options: UpdateNodeOptions = {}): Promise<void> {
    this.#checkRunning();
    checkOptions("updateNode", options, updateNodeRules);
    await this.#member.update(options);
  }

  /**
   * Publishes these tags in place of this node's metadata, and waits until they are sent (if another member is alive). To change one tag,
   * pass the others, too.
   *
   * @throws MemberlistError as {@link updateNode}
   *
   * @example
   * await members.setTags({ ...decodeTags(members.localNode().meta), role: "web" });
   */
  async setTags(tags: Tags, options: WaitOptions = {}): Promise<void> {
    this.#checkRunning();
    checkOptions("setTags", options, waitRules);
    await this.#member.update({ ...options, meta: encodeTags(tags) });
  }

  /**
   * Pings a node once, directly.
   *
   * @param to a member, its name, or an address; see {@link Receiver}. A node answers only pings with its own name or without a name
   * @returns the round-trip time in ms
   * @throws MemberlistError `no_ping_response` if no ack came within `probeTimeout`, `invalid_address` for a host that is not a
   *   literal IP, `member_not_found`, `node_name_required`, `aborted`, `shutdown`, `invalid_argument`
   */
  async ping(to: Receiver, options: PingOptions = {}): Promise<number> {
    this.#checkRunning();
    checkOptions("ping", options, pingRules);
    const address = packetAddressOf(this.#find(to));
    checkNodeName(address, this.config);
    const { node, ping } = this.#member.diagnostics;
    return ping.trace(
      () => ({ node, address: formatAddress(address), peer: address.name }),
      () => this.#member.ping(address, options),
      (rtt) => ({ rtt }),
    );
  }

  /**
   * Sends a user message in one packet, which may be lost. The peer's `delegate.notifyMsg` gets it. Messages to one receiver that are sent
   * before the running code returns or awaits share packets: see `coalesceMessages`. The packet has a checksum if `to` is a member (or its
   * name) that understands checksums.
   *
   * @param to a member, its name, or an address with a literal IP; see {@link Receiver}
   * @returns false when packets are queued faster than the network accepts them: the message was accepted, but pause before you send many more
   * @throws MemberlistError `message_too_large` (one packet holds 65,507 bytes less the overhead; above the path's MTU it is
   *   fragmented, and more easily lost), `invalid_address` for a host that is not a literal IP, `member_not_found`,
   *   `node_name_required`, `shutdown`, `invalid_argument`
   */
  sendBestEffort(to: Receiver, message: Uint8Array): boolean {
    this.#checkRunning();
    const receiver = this.#find(to);
    checkBytes("a message", message);
    const crc = "pMax" in receiver && receiver.pMax >= featureVersions.crc;
    const address = packetAddressOf(receiver);
    checkNodeName(address, this.config);
    const { node, sendBestEffort } = this.#member.diagnostics;
    if (sendBestEffort.hasSubscribers) {
      sendBestEffort.publish({ node, address: formatAddress(address), peer: address.name, size: message.length });
    }
    return this.#member.sendBestEffort(address, message, crc);
  }

  /**
   * Sends a user message over a stream. It resolves once the network has accepted all bytes; the peer's `delegate.notifyMsg` gets the
   * message.
   *
   * @param to a member, its name, or an address; see {@link Receiver}
   * @param options `timeout` is `tcpTimeout` by default; with 0 only connecting is limited, by `tcpTimeout`
   * @throws MemberlistError `message_too_large` over 20 MiB (less the overhead if encrypted), `dial_failed`, `stream_failed`,
   *   `timeout`, `aborted`, `member_not_found`, `invalid_address`, `node_name_required`, `shutdown`, `invalid_argument`
   */
  async sendReliable(to: Receiver, message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    this.#checkRunning();
    checkOptions("sendReliable", options, waitRules);
    const address = addressOfReceiver(this.#find(to));
    checkNodeName(address, this.config);
    checkUserMessage(message);
    await this.#member.sendReliable(address, message, options);
  }

  /**
   * Gossips a user message: retransmitMult · ceil(log10(n + 1)) packets carry it to random members, whose `delegate.notifyMsg` gets it
   * once or more. As in Go, it reaches all members only if each receiver of a new message broadcasts it again. A copy of the message waits
   * in a queue that is bounded by `broadcastQueue` of the config. Broadcasts of the delegate's `getBroadcasts` do not use this queue.
   *
   * @throws MemberlistError `message_too_large` over {@link maxPayload} (`details.size`, `details.limit`), or over 20 MiB by stream;
   *   `left` after {@link leave}; `queue_full` if `broadcastQueue.whenFull` is `reject`; `invalid_argument`, `shutdown`; `aborted`
   *   (`details.deliveries`)
   */
  async broadcast(message: Uint8Array, options: BroadcastOptions = {}): Promise<BroadcastResult> {
    this.#checkRunning();
    checkOptions("broadcast", options, broadcastRules);
    checkUserMessage(message);
    return this.#member.broadcast(message, options);
  }

  /**
   * Opens a channel: messages, broadcasts and a part of the push/pull state for one add-on of the application. So several add-ons can share a
   * member, and `config.delegate` gets only the messages and states that do not belong to a channel. A channel that is opened as soon as
   * `createMemberlist` returns misses no message.
   *
   * @param name 1 to 64 bytes of UTF-8, the same at all members. Prefix it, such as `shop.prices`
   * @throws MemberlistError `channel_exists` if a channel of this name is open; `invalid_argument`, `shutdown`
   *
   * @example
   * const prices = members.channel("shop.prices", { onMessage: (message, from) => console.log(from.name, message) });
   * await prices.broadcast(new TextEncoder().encode("tea 3.20"), { name: "tea" });
   */
  channel(name: string, handlers: ChannelHandlers = {}): Channel {
    this.#checkRunning();
    checkOptions("channel", handlers, channelRules);
    return this.#member.channels.open(name, handlers, this);
  }

  /** All members that are alive or suspect, this node included. */
  members(): Node[];
  /**
   * The members in the given states. Default: all four, so dead and left members are included. Each entry has the time and the cause of
   * its state, and its round-trip time.
   *
   * @throws MemberlistError `invalid_argument` for an unknown state or option
   */
  members(options: MembersOptions): MemberInfo[];
  members(options?: MembersOptions): Node[] {
    if (options === undefined) return this.#member.nodes();
    checkOptions("members", options, membersRules);
    return this.#member.nodeInfos(options.states ?? nodeStates);
  }

  /**
   * The member of this name in any state (check `state`), with the time and the cause of its state, and its round-trip time. Undefined if
   * the name is unknown or was forgotten.
   *
   * @example
   * if (members.get("web-2")?.state === "alive") await members.sendReliable("web-2", message);
   */
  get(name: string): MemberInfo | undefined {
    return this.#member.nodeInfo(name);
  }

  /** The number of members that are alive or suspect, this node included. */
  numMembers(): number {
    return this.#member.numMembers;
  }

  /** This node, as the others see it. */
  localNode(): Node {
    return this.#member.localNode;
  }

  /** Lifeguard's health score, from 0 (healthy) to `awarenessMaxMultiplier` - 1. An unanswered probe takes (score + 1) times as long. */
  healthScore(): number {
    return this.#member.healthScore;
  }

  /** The protocol version that this node speaks, 1 to 5. */
  protocolVersion(): number {
    return this.config.protocolVersion;
  }

  /**
   * The longest message, in bytes, that {@link broadcast} or a delegate's `getBroadcasts` can put into a packet: `udpBufferSize` minus the
   * overhead of compound, checksum, label and (with a keyring) encryption. A longer message is never gossiped.
   */
  maxPayload(): number {
    return this.#member.maxPayload;
  }

  /** The number of queued membership broadcasts. */
  numQueuedBroadcasts(): number {
    return this.#member.queues.membership;
  }

  /** What waits in the queues of this node now. A queue that keeps growing shows that this node, or its network, is too slow. */
  queues(): QueueLengths {
    return this.#member.queues;
  }

  /** The packets, streams and bytes that this node has sent and received since it was created. */
  traffic(): Traffic {
    return this.#member.traffic();
  }

  /**
   * How often something was dropped, refused or failed, by name: `dropped.bad_crc`, `stream_dropped.limit_exceeded`, `delegate_failed`, …
   * It has only names with a count above 0; docs/reference/codes.md lists all names. Those of the transport begin with `transport.`.
   */
  counters(): Readonly<Record<string, number>> {
    return this.#member.counters();
  }

  /**
   * Membership events from this call on, as an async iterator that ends at {@link shutdown} or by its signal. It has events of all kinds:
   * joins, leaves and updates, but also suspicions, refutations, conflicts and healing. It buffers up to `capacity` events for a slow
   * reader, and then drops the oldest. `dropped` of the stream and the counter `dropped.event` count them.
   *
   * `config.events` (an `EventDelegate`) has the callbacks of the Go library instead: only joins, leaves and updates, but from the start
   * of the node. The callbacks run within the library, so they must not block. Callbacks and iterators get the events in the same order.
   *
   * @throws MemberlistError `invalid_argument`
   *
   * @example
   * for await (const event of members.events()) {
   *   if (event.type === "join") console.log(event.node.name, "joined");
   * }
   */
  events(options: EventStreamOptions = {}): EventStream {
    checkOptions("events", options, eventStreamRules);
    return this.#member.openEvents(options);
  }

  /**
   * The last 256 membership events and the last 256 log lines, the oldest first. The log lines (drops, refusals, failures) are there
   * at every level of the logger; each code has 10 lines at once and then one a second. Use it to find out why a member was declared dead.
   */
  recentEvents(): RecentEvent[] {
    return this.#member.recentEvents();
  }

  /**
   * The keys in use. Change them to rotate keys while the node runs. Undefined if the node was created without `keyring` and
   * `secretKey`. To switch encryption on later, create the node with an empty `new Keyring()`.
   */
  get keyring(): Keyring | undefined {
    return this.#member.keyring;
  }

  /**
   * Changes `gossipVerifyIncoming` and `gossipVerifyOutgoing` from now on. Use it to switch encryption on or off in a running cluster,
   * member by member. SECURITY.md describes the order of the steps.
   *
   * @throws MemberlistError `invalid_argument`; `unsupported` on a node without a keyring. Neither changes anything
   */
  setGossipVerify(change: GossipVerify): void {
    checkOptions("setGossipVerify", change, gossipVerifyRules);
    this.#member.setGossipVerify(change);
  }

  /** The config in force, with all defaults. `keyring` contains `secretKey` as its primary key. */
  get config(): ResolvedConfig {
    return this.#member.config;
  }

  /**
   * Stops the node and closes the transport; afterwards nothing keeps the process alive. To the other members it looks like a crash, which
   * they detect by probing. To avoid that, call {@link leave} first, or use `await using`. May be called twice.
   */
  shutdown(): Promise<void> {
    if (this.#shutdown === undefined) {
      this.#shutdown = this.#member.stop();
      this.#member.channels.end();
    }
    return this.#shutdown;
  }

  /** Called by `await using` at the end of its block: {@link leave}, for at most 5 s, then {@link shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#member.isStopped) {
      await this.#member.leave({ timeout: disposeTimeout }).catch(() => {
        // Members that did not receive the leave detect it by probing.
      });
    }
    await this.shutdown();
  }

  /** A summary of this node for `JSON.stringify` and `console.log`, without keys. */
  toJSON(): MemberlistSummary {
    return this.#member.summary();
  }

  #find(to: Receiver): Node | Address {
    return findReceiver(to, (name) => this.#member.node(name), this.config.bindPort);
  }

  #checkRunning(): void {
    if (this.#member.isStopped) throw new MemberlistError("shutdown", "the memberlist was shut down");
  }
}

/**
 * Starts a member on `config.transport`. It knows no other member until {@link Memberlist.join}. Applications use `createMemberlist` of a
 * transport package instead, which also creates the transport.
 *
 * @throws ConfigError `invalid_config` with every wrong field
 * @throws MemberlistError `advertise_address_failed`, `bind_failed`, `meta_too_large`. It shuts the transport down first
 */
export function createMemberlist(config: Config): Promise<Memberlist> {
  return createInstrumented(config, {});
}

/** As {@link createMemberlist}, with access to the engine. For the project's own packages, such as the simulator. */
export async function createInstrumented(config: Config, instruments: Instruments): Promise<Memberlist> {
  return construct(await startMember(config, instruments));
}

/** The facade of a member that runs elsewhere. */
export function memberlistOf(member: Member): Memberlist {
  return construct(member);
}
