import { formatAddress, isIp, parseAddress, type Address } from "./api/address.ts";
import { checkBytes, checkReceiver, checkStates, checkUserMessage } from "./api/arguments.ts";
import type { GossipVerify, ReadyOptions, UpdateNodeOptions, WaitOptions } from "./api/call-options.ts";
import type { Config, ResolvedConfig } from "./config/config.ts";
import type { BroadcastResult } from "./api/broadcast.ts";
import { broadcastMessage, type BroadcastOptions } from "./runtime/broadcast.ts";
import type { NodeRuntime } from "./runtime/node-runtime.ts";
import { checkJoinOptions, joinSeeds, type JoinOptions } from "./runtime/join.ts";
import { LocalNode } from "./runtime/local-node.ts";
import { summarize, type MemberlistSummary } from "./runtime/summary.ts";
import { MemberlistError } from "./api/errors.ts";
import type { EventStream, EventStreamOptions, RecentEvent } from "./api/events.ts";
import type { JoinResult } from "./api/join.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { MemberInfo, MembersOptions } from "./api/member-info.ts";
import { nodeStates, type Node } from "./api/node.ts";
import { checkSeeds, type Seed } from "./api/seeds.ts";
import { startRuntime, type Instruments, type Started } from "./create.ts";
import { encodeUser } from "./wire/messages/encode.ts";

type Inspect = (value: unknown, options: unknown) => string;
/** By which Node, Bun and Deno find out how to print something. */
const inspectCustom = Symbol.for("nodejs.util.inspect.custom");

/** How long `await using` waits for the leave to be out, in ms. */
const disposeTimeout = 5_000;

/**
 * A member of a cluster. Made by {@link createMemberlist}; the names are the Go library's.
 * After {@link shutdown} every method that talks to others fails with `shutdown`.
 */
export class Memberlist implements AsyncDisposable {
  readonly #runtime: NodeRuntime;
  readonly #localNode: LocalNode;
  #config: ResolvedConfig;
  #shutdown: Promise<void> | undefined;

  private constructor({ runtime, meta }: Started) {
    this.#runtime = runtime;
    this.#localNode = new LocalNode(runtime, meta);
    this.#config = runtime.config;
    Object.defineProperty(this, inspectCustom, {
      value: (_depth: number, options: unknown, inspect: Inspect) => `Memberlist ${inspect(this.toJSON(), options)}`,
    });
  }

  /**
   * See {@link createMemberlist}.
   *
   * @internal `instruments` are for our own packages
   */
  static async create(config: Config, instruments: Instruments = {}): Promise<Memberlist> {
    return new Memberlist(await startRuntime(config, instruments));
  }

  /**
   * Joins a cluster: exchanges states with every address of every seed. After {@link leave} it takes that back: whatever comes of the
   * seeds, the node is a member again, under a higher incarnation.
   *
   * @param seeds each `host`, `host:port` or `name/host:port` (without a port, `bindPort`), or a function that finds some, as
   *   `srvSeeds` makes one
   * @returns how many addresses were reached, and what came of each address and each seed. This node's own address is flagged (`self`)
   *   and not counted. Where another node has our name (`conflicts`), peers are reached, and yet do not list us
   * @throws MemberlistError `join_failed` when fewer than `minReached` (default 1) were reached (`details.attempts`, `details.seeds`;
   *   `cause` is the first failure, `timeout` where the join's time did not suffice), `aborted`, `shutdown`, `invalid_argument`;
   *   where `stateChanged` is true, somebody was reached all the same
   */
  async join(seeds: readonly Seed[], options: JoinOptions = {}): Promise<JoinResult> {
    this.#checkRunning();
    checkSeeds(seeds);
    checkJoinOptions(options);
    this.#localNode.comeBack();
    return joinSeeds(this.#runtime, seeds, options);
  }

  /**
   * Waits until there are enough members, suspects included: for a service that must not start alone. It joins nobody by itself.
   *
   * @throws MemberlistError `timeout` (default: without end), `aborted`, `shutdown`, `invalid_argument`; nothing has changed then
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    this.#checkRunning();
    const { members = 2, timeout, signal } = options;
    if (!Number.isInteger(members) || members < 1) {
      throw new MemberlistError("invalid_argument", `members must be a whole number from 1, it is ${members}`);
    }
    const { engine } = this.#runtime;
    const soFar = (): string => `there are ${engine.numMembers}`;
    await this.#runtime.waitUntil(() => engine.numMembers >= members, {
      what: `waiting for ${members} members`,
      soFar,
      timeout,
      signal,
    });
  }

  /**
   * Tells everybody that we leave, and waits until that is out (if anybody else is alive). The node goes on answering until
   * {@link shutdown}. A second call waits for the same broadcast.
   *
   * @throws MemberlistError `timeout` (default 10 s), `aborted` or `shutdown`; where `stateChanged` is true we have left all the same
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    this.#checkRunning();
    await this.#localNode.leave(options);
  }

  /**
   * Publishes new metadata, and waits until it is out (if anybody else is alive).
   *
   * @throws MemberlistError `meta_too_large` (nothing has changed), `timeout` (default 10 s) or `aborted` (it goes out all the same)
   */
  async updateNode(options: UpdateNodeOptions = {}): Promise<void> {
    this.#checkRunning();
    await this.#localNode.update(options);
  }

  /**
   * Pings a node once, directly.
   *
   * @param to a member, or an address: `name/host:port`, or `{host, port, name}`
   * @returns the round trip in ms
   * @throws MemberlistError `no_ping_response` when no ack came within `probeTimeout`, `invalid_address` for a host that is no
   *   literal IP, `node_name_required`, `aborted`, `shutdown`
   */
  async ping(to: Node | Address | string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    this.#checkRunning();
    const address = packetAddress(this.#address(to));
    this.#runtime.checkName(address);
    return this.#runtime.operations.run<number>({ what: "ping", signal: options.signal }, (resolve, reject) => {
      this.#runtime.run(() =>
        this.#runtime.engine.ping(address, (rtt) => {
          if (rtt !== undefined) resolve(rtt);
          else reject(noPingResponse(address));
        }),
      );
    });
  }

  /**
   * Sends a user message in one packet, which may be lost. It reaches the peer's `delegate.notifyMsg`. Messages to one member that are
   * sent before the running code lets go (returns, or awaits) share packets: see `coalesceMessages`.
   *
   * @returns false when packets pile up on this side: it was taken, but pause before sending much more
   * @throws MemberlistError `message_too_large` (one packet holds 65,507 bytes less the overhead; what is over the path's MTU is
   *   fragmented, and more easily lost), `node_name_required`, `shutdown`
   */
  sendBestEffort(to: Node, message: Uint8Array): boolean {
    const address = this.#address(to);
    return this.#sendPacket(address, message, to.pMax >= 5);
  }

  /**
   * As {@link sendBestEffort}, to anybody: `ip:port`, `name/ip:port`, or `{host, port, name}`; a name says for whom it is, and is
   * needed only with `requireNodeNames`.
   *
   * @throws MemberlistError as {@link sendBestEffort}, and `invalid_address` for a host that is no literal IP
   */
  sendToAddress(to: Address | string, message: Uint8Array): boolean {
    return this.#sendPacket(this.#address(to), message, false);
  }

  /**
   * Sends a user message over a stream. It resolves when the network has taken all of it.
   *
   * @param options `timeout` is `tcpTimeout` by default; with 0 only the connection is limited, by `tcpTimeout`
   * @throws MemberlistError `message_too_large` over 20 MiB (less the overhead where it is encrypted), `dial_failed`, `stream_failed`,
   *   `timeout`, `aborted`, `shutdown`
   */
  async sendReliable(to: Node | Address | string, message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    this.#checkRunning();
    const address = this.#address(to);
    this.#runtime.checkName(address);
    checkUserMessage(message);
    await this.#runtime.streams.sendUser(address, message, { timeout: this.#config.tcpTimeout, ...options });
  }

  /**
   * Gossips a user message: retransmitMult · ceil(log10(n + 1)) packets carry it to random members, whose `delegate.notifyMsg` gets it,
   * once or more. As in Go, it is for them to send on what is new to them, so that it reaches all. It waits (a copy of it) in a queue
   * of its own, beside the delegate's `getBroadcasts`, bounded by `broadcastQueue`.
   *
   * @throws MemberlistError `message_too_large` over {@link maxPayload} (`details.size`, `details.limit`), or over 20 MiB by stream;
   *   `queue_full` where `broadcastQueue.whenFull` is `reject`; `invalid_argument`, `shutdown`; `aborted` (`details.deliveries`)
   */
  async broadcast(message: Uint8Array, options: BroadcastOptions = {}): Promise<BroadcastResult> {
    this.#checkRunning();
    checkUserMessage(message);
    return broadcastMessage(this.#runtime, message, options);
  }

  /** All members that are alive or suspect, ourselves included. */
  members(): Node[];
  /**
   * The members in these states, the dead and those who left included, each with since when and why it is in its state, and its RTT.
   *
   * @throws MemberlistError `invalid_argument` for a state that there is not
   */
  members(options: MembersOptions): MemberInfo[];
  members(options?: MembersOptions): Node[] {
    const { engine } = this.#runtime;
    if (options === undefined) return engine.members();
    const { clock } = this.#config;
    return engine.memberInfos(checkStates(options.states ?? nodeStates), clock.now(), clock.wallTime());
  }

  /** How many {@link members} there are. */
  numMembers(): number {
    return this.#runtime.engine.numMembers;
  }

  /** Ourselves, as the others see us. */
  localNode(): Node {
    return this.#runtime.engine.localNode;
  }

  /** How well this process keeps up: 0 is healthy, `awarenessMaxMultiplier` - 1 the worst. */
  healthScore(): number {
    return this.#runtime.engine.healthScore;
  }

  /** The protocol version that we speak, 1 to 5. */
  protocolVersion(): number {
    return this.#config.protocolVersion;
  }

  /**
   * The longest message, in bytes, that {@link broadcast} or a delegate's `getBroadcasts` gets into a packet: `udpBufferSize` less the
   * overhead of compound, checksum, label and (with a keyring) encryption. A longer one is never gossiped.
   */
  maxPayload(): number {
    return this.#runtime.engine.maxPayload;
  }

  /** How many membership broadcasts wait to be sent. */
  numQueuedBroadcasts(): number {
    return this.#runtime.engine.numQueuedBroadcasts;
  }

  /** What was dropped, refused or failed, by reason: `dropped.bad_crc`, `stream_dropped.limit_exceeded`, `delegate_error`, … */
  counters(): Readonly<Record<string, number>> {
    const { stats, transport } = this.#runtime;
    const ofTransport = Object.entries(transport.counters ?? {}).map(([name, count]) => [`transport.${name}`, count]);
    return { ...stats.counters(), ...Object.fromEntries(ofTransport) };
  }

  /** Membership changes from now on, as an async iterator that ends at shutdown. */
  events(options: EventStreamOptions = {}): EventStream {
    return this.#runtime.events.open(this.#config.eventsCapacity, options);
  }

  /**
   * What happened lately, the oldest first: the last 256 changes of the membership, and the last 256 log lines (drops, refusals,
   * failures; 10 of a code at once, then one a second), whatever the logger's level. For the question why somebody was declared dead.
   */
  recentEvents(): RecentEvent[] {
    return this.#runtime.recent.list();
  }

  /**
   * The keys in use, to be rotated while the node runs; undefined when it was created without `keyring` and `secretKey`. To be
   * able to switch encryption on later, create the node with an empty `new Keyring()`.
   */
  get keyring(): Keyring | undefined {
    return this.#runtime.keyring;
  }

  /**
   * Changes `gossipVerifyIncoming` and `gossipVerifyOutgoing` from now on: to switch encryption on (or off) in a running cluster,
   * member by member. The order is in SECURITY.md.
   *
   * @throws MemberlistError `invalid_config` for a value that is no boolean, or on a node without a keyring; nothing has changed then
   */
  setGossipVerify(change: GossipVerify): void {
    const { cipher } = this.#runtime;
    if (cipher === undefined) throw new MemberlistError("invalid_config", "the node was created without keyring and secretKey");
    const { gossipVerifyIncoming, gossipVerifyOutgoing } = this.#config;
    const { incoming = gossipVerifyIncoming, outgoing = gossipVerifyOutgoing } = change;
    if (typeof incoming !== "boolean" || typeof outgoing !== "boolean") {
      throw new MemberlistError("invalid_config", "incoming and outgoing must be true or false");
    }
    cipher.verifyIncoming = incoming;
    cipher.verifyOutgoing = outgoing;
    this.#config = Object.freeze({ ...this.#config, gossipVerifyIncoming: incoming, gossipVerifyOutgoing: outgoing });
  }

  /** The config in force, with its defaults filled in; a `secretKey` has become the primary key of `keyring`. */
  get config(): ResolvedConfig {
    return this.#config;
  }

  /**
   * Stops everything and closes the transport; nothing then keeps the process alive. To the others it looks like a crash, which they
   * find out by probing: call {@link leave} first, or use `await using`. May be called twice.
   */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#runtime.stop();
    return this.#shutdown;
  }

  /** What `await using` does at the end of its block: {@link leave}, for at most 5 s, then {@link shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#runtime.isStopped) {
      await this.#localNode.leave({ timeout: disposeTimeout }).catch(() => {
        // Whoever has not heard of it finds out by probing.
      });
    }
    await this.shutdown();
  }

  /** This node in short, for `JSON.stringify` and `console.log`; never a key. */
  toJSON(): MemberlistSummary {
    return summarize(this.#runtime);
  }

  #sendPacket(address: Address, message: Uint8Array, crc: boolean): boolean {
    this.#checkRunning();
    checkBytes("a message", message);
    const receiver = packetAddress(address);
    this.#runtime.checkName(receiver);
    return this.#runtime.packets.sendUser(encodeUser(message), receiver, crc);
  }

  #address(to: Node | Address | string): Address {
    if (typeof to === "string") return parseAddress(to, this.#config.bindPort);
    checkReceiver(to);
    return "host" in to ? to : { host: to.addr, port: to.port, name: to.name };
  }

  #checkRunning(): void {
    if (this.#runtime.isStopped) throw new MemberlistError("shutdown", "the memberlist was shut down");
  }
}

/**
 * Starts a member. It knows nobody yet: {@link Memberlist.join} comes next.
 *
 * @throws ConfigError `invalid_config` with every wrong field; MemberlistError `advertise_address`, `bind_failed`, `meta_too_large`.
 *   No socket is left open then.
 */
export function createMemberlist(config: Config): Promise<Memberlist> {
  return Memberlist.create(config);
}

/** As {@link createMemberlist}, with a look inside: for the simulator. */
export function createInstrumented(config: Config, instruments: Instruments): Promise<Memberlist> {
  return Memberlist.create(config, instruments);
}

/** @throws MemberlistError `invalid_address` */
function packetAddress(address: Address): Address {
  if (isIp(address.host)) return address;
  throw new MemberlistError("invalid_address", `a packet needs a literal IP, not ${address.host}`, { details: { address } });
}

function noPingResponse(address: Address): MemberlistError {
  const who = address.name === "" ? formatAddress(address) : `${address.name} (${formatAddress(address)})`;
  return new MemberlistError("no_ping_response", `no response to a ping from ${who}`, { details: { address } });
}
