import type { Address } from "../api/address.ts";
import { CidrAllowList } from "../config/cidr.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { MemberlistError } from "../api/errors.ts";
import { nodeStates, type MemberInfo, type Node, type NodeState } from "../api/node.ts";
import { randomOffset, type Random } from "../ports/random.ts";
import type { AdvertisedAddress } from "../ports/transport.ts";
import type { Alive, Ping } from "../wire/messages/types.ts";
import { encodeAlive, encodeDead } from "../wire/messages/encode.ts";
import type { Seed } from "../api/seeds.ts";
import type { QueueLengths } from "../api/stats.ts";
import { AckHandlers } from "./ack-handlers.ts";
import { Awareness } from "./awareness.ts";
import { reactToBlockedEventLoop } from "./blocked-event-loop.ts";
import type { EngineContext } from "./context.ts";
import { makeAlive, nextIncarnation } from "./own-incarnation.ts";
import { Gossip } from "./gossip.ts";
import { Healing } from "./healing.ts";
import { defaultHooks, type EngineHooks } from "./simulation-hooks.ts";
import { aliveAddresses, liveNodes, memberInfo, memberInfos } from "./member-list.ts";
import { Membership } from "./membership.ts";
import { NodeSelector } from "./node-selector.ts";
import { makeNode, type NodeRecord } from "./node-record.ts";
import { NodeTable } from "./node-table.ts";
import { Outputs } from "./outputs.ts";
import { PacketDispatcher } from "./packet-dispatcher.ts";
import { Periodic, type PeriodicOptions, TimerQueue } from "./timers.ts";
import type { EngineDelegates, EngineLog, EngineStats } from "./ports.ts";
import { pingOnce, type PingOnceOptions, type PingOnceParts } from "./ping-once.ts";
import { Prober } from "./probe.ts";
import { PushPull } from "./push-pull.ts";
import { Relocation } from "./own-relocation.ts";
import { Responder } from "./responder.ts";

export interface EngineOptions {
  readonly config: ResolvedConfig;
  readonly random: Random;
  readonly delegates: EngineDelegates;
  readonly log: EngineLog;
  readonly stats: EngineStats;
  readonly advertised: AdvertisedAddress;
  readonly hooks?: Partial<EngineHooks> | undefined;
  /** The bytes that label and encryption add to each packet; it changes with the keyring. */
  readonly layerOverhead: () => number;
  readonly now: number;
  /** Our incarnation in an earlier run; we start above it. Default 0. */
  readonly incarnation?: number;
  /** Sequence numbers start above it, a u32. Not the same in each run: acks that were recorded in one must not fit another. */
  readonly seqNo: number;
}

/** Leaves room to contradict. */
const incarnationMax = 2 ** 32 - 1024;

/**
 * The protocol: synchronous, and without I/O, a clock or randomness of its own. The caller sets {@link now} before each input; after it
 * the caller takes the {@link outputs}, and sets a timer for {@link nextTimerAt}. Source: PROTOCOL.md sections 3 to 7.
 */
export class Engine {
  readonly outputs: Outputs = new Outputs();
  readonly context: EngineContext;
  readonly gossip: Gossip;
  readonly pushPull: PushPull;
  readonly packets: PacketDispatcher;
  readonly #healing: Healing;
  readonly #relocation: Relocation;
  readonly #membership: Membership;
  readonly #acks: AckHandlers;
  readonly #pingParts: PingOnceParts;
  readonly #prober: Prober;
  readonly #responder: Responder;
  #gossipTicks: Periodic | undefined;
  /** The last alive message that this node sent of itself. */
  #alive: Alive | undefined;
  /** See {@link reportStates}. */
  #reportedChanges = 0;

  constructor(options: EngineOptions) {
    const { config, random, delegates, log, stats, advertised, layerOverhead, now } = options;
    const timers = new TimerQueue();
    const table = new NodeTable(random);
    const context: EngineContext = {
      config,
      allowList: new CidrAllowList(config.cidrsAllowed),
      hooks: { ...defaultHooks, ...options.hooks },
      random,
      outputs: this.outputs,
      delegates,
      log,
      stats,
      timers,
      table,
      selector: new NodeSelector({ delegates, log, stats, random, table }),
      awareness: new Awareness(config.awarenessMaxMultiplier),
      advertised,
      isAddressLost: false,
      isRelocating: false,
      now,
      hasLeft: false,
      seqNo: options.seqNo,
      incarnation: Math.min(options.incarnation ?? 0, incarnationMax),
    };
    this.context = context;
    this.gossip = new Gossip(context, layerOverhead, () => this.#wakeGossip());
    this.#acks = new AckHandlers(timers);
    this.#pingParts = { context, gossip: this.gossip, acks: this.#acks };
    this.#healing = new Healing(this.#pingParts);
    this.#relocation = new Relocation(context, this.gossip);
    this.#membership = new Membership(context, this.gossip, this.#healing, this.#relocation);
    this.pushPull = new PushPull(context, this.#membership);
    this.#prober = new Prober({ ...this.#pingParts, membership: this.#membership });
    this.#responder = new Responder(context, this.gossip, this.#acks);
    this.packets = new PacketDispatcher({
      context,
      membership: this.#membership,
      responder: this.#responder,
      acks: this.#acks,
    });
  }

  /** The time of the input that is about to be handled, in ms. */
  set now(now: number) {
    this.context.now = now;
  }

  /**
   * Enters ourselves into the table and starts the periodic work.
   *
   * @throws MemberlistError `meta_too_large` when no packet can hold the metadata
   */
  start(meta: Uint8Array): void {
    this.#checkMeta(meta);
    this.#membership.alive(this.#ownAlive(meta), { bootstrap: true });
    const { probeInterval, gossipInterval, gossipNodes, queueCheckInterval } = this.context.config;
    if (probeInterval > 0) {
      this.#repeat({
        delay: this.#stagger(probeInterval),
        interval: () => probeInterval,
        tick: () => this.#prober.tick(),
      });
    }
    if (gossipInterval > 0 && gossipNodes > 0) {
      this.#gossipTicks = this.#repeat({
        delay: this.#stagger(gossipInterval),
        interval: () => gossipInterval,
        tick: () => this.context.hooks.onSend("gossip", () => this.gossip.tick()),
        hasWork: () => this.gossip.hasAny,
      });
    }
    this.pushPull.start();
    this.#repeat({
      delay: queueCheckInterval,
      interval: () => queueCheckInterval,
      tick: () => this.#collect(),
    });
    this.context.stats.gauge("memberlist.health.score", this.healthScore);
  }

  /** Stops everything; no timer is left. */
  stop(): void {
    this.context.timers.clear();
    this.packets.clear();
  }

  /**
   * Timers were found to be `late` ms late. Called before they fire: pending acks and suspicions are extended by it, and the health
   * score worsens by 1 for each `probeTimeout`, which is about what Lifeguard takes off for a probe that went unanswered.
   */
  eventLoopBlocked(late: number): void {
    reactToBlockedEventLoop(late, this.context, this.localNode, [this.#prober, this.#membership]);
  }

  /** See {@link NodeTable.trackChanges}. */
  trackChanges(changed: Set<string>): void {
    this.context.table.trackChanges(changed);
  }

  nextTimerAt(): number | undefined {
    return this.context.timers.nextAt();
  }

  /** @param until timers due by then fire, in ms: a timer of the runtime may come a fraction of a millisecond early. Default {@link now} */
  fireTimers(until: number = this.context.now): void {
    this.context.timers.fire(until);
  }

  /**
   * Queues a user broadcast, in place of one of the same name that is still in the queue.
   *
   * @returns false if it was dropped at once
   * @throws MemberlistError `queue_full`, `message_too_large`; nothing has changed then
   */
  broadcast(message: Uint8Array, name: string | undefined): boolean {
    const queued = this.gossip.userBroadcasts.queue(message, name);
    this.#wakeGossip();
    return queued;
  }

  /** Drops the user broadcast of that name, if it is still in the queue. */
  cancelBroadcast(name: string): void {
    this.gossip.userBroadcasts.cancel(name);
  }

  /** Whether a ping that came over a stream is meant for us. */
  isPingForUs(ping: Ping): boolean {
    return this.#responder.isForUs(ping);
  }

  /** See {@link pingOnce}. */
  ping(to: Address, done: (rtt: number | undefined) => void, options?: PingOnceOptions): void {
    pingOnce(this.#pingParts, to, done, options);
  }

  /** Seeds that are given to join: those that are not alive are tried again, see {@link Healing}. */
  remember(seeds: readonly Seed[]): void {
    this.#healing.remember(seeds);
  }

  /**
   * Broadcasts new metadata. `finished` is called once the broadcast is out.
   *
   * @throws MemberlistError `meta_too_large` when no packet can hold it; nothing has changed then
   */
  update(meta: Uint8Array, finished: () => void): void {
    this.#checkMeta(meta);
    this.#relocation.whenDone(() => this.#membership.alive(this.#ownAlive(meta), { bootstrap: true, finished }));
  }

  /** Others are to reach us at another address from now on, see {@link Relocation}. */
  moveTo(advertised: AdvertisedAddress): void {
    this.context.isAddressLost = false;
    this.#relocation.start(advertised);
  }

  /** Whether the machine has lost the address that we advertise. Pings then ask for acks to where they come from. */
  set isAddressLost(isLost: boolean) {
    this.context.isAddressLost = isLost;
  }

  /**
   * Broadcasts that this node leaves, and then sends the leave to each live member, where they are few. `finished` is called once all is out.
   * Gossip comes first: right after a join some members do not know this node yet. They would ignore a leave that comes before the alive message.
   */
  leave(finished: () => void): void {
    const { context, gossip } = this;
    this.#relocation.finish();
    context.hasLeft = true;
    const local = this.#local();
    // Refused by our own rules, we are not a member, and have no alive message to take back.
    if (local === undefined || local.isDeadOrLeft) {
      finished();
      return;
    }
    const { name } = context.config;
    const leave = { incarnation: local.incarnation, node: name, from: name };
    this.#membership.dead(leave, {
      finished: () => {
        // A rejoin ends the broadcast, too.
        if (context.hasLeft) gossip.sendToAllIfFew(encodeDead(leave));
        finished();
      },
    });
  }

  /** After a leave: we are a member again, under a higher incarnation. */
  rejoin(meta: Uint8Array): void {
    this.context.hasLeft = false;
    this.#membership.alive(this.#ownAlive(meta), { bootstrap: true });
  }

  get incarnation(): number {
    return this.context.incarnation;
  }

  get hasLeft(): boolean {
    return this.context.hasLeft;
  }

  /** Whether another member is alive. */
  get hasLivePeer(): boolean {
    return this.context.table.liveCount > (this.#local()?.isDeadOrLeft === false ? 1 : 0);
  }

  /** See {@link liveNodes}. */
  members(): Node[] {
    return liveNodes(this.context.table);
  }

  /** See {@link aliveAddresses}. */
  someAlive(limit: number): Address[] {
    return aliveAddresses(this.context.table, this.context.config.name, limit);
  }

  /** See {@link memberInfos}. */
  memberInfos(states: readonly NodeState[], now: number, wallTime: number): MemberInfo[] {
    return memberInfos(this.context.table, states, now, wallTime);
  }

  /** See {@link memberInfo}; undefined for a name that is not known. */
  memberInfo(name: string, now: number, wallTime: number): MemberInfo | undefined {
    const record = this.context.table.get(name);
    return record && memberInfo(record, now, wallTime);
  }

  /** The member of this name, in any state. */
  member(name: string): Node | undefined {
    return this.context.table.get(name)?.view();
  }

  /** The states of all nodes in the table, this node included. */
  states(): NodeState[] {
    return this.context.table.records().map(({ state }) => state);
  }

  /** How many nodes are known, ourselves and the dead included. */
  get numKnown(): number {
    return this.context.table.size;
  }

  /** Whether a member that is not dead has this address. */
  isOccupied({ host, port }: Address): boolean {
    return this.context.table.isOccupied(host, port);
  }

  get numMembers(): number {
    return this.context.table.liveCount;
  }

  /** Ourselves. Our own table may not have us: refused by our own rules, or forgotten a while after we left. */
  get localNode(): Node {
    const local = this.#local();
    if (local !== undefined) return local.view();
    const { hasLeft, incarnation } = this.context;
    const alive = this.#alive as Alive;
    return makeNode({ ...alive, name: alive.node, incarnation }, alive.vsn, hasLeft ? "left" : "dead");
  }

  get healthScore(): number {
    return this.context.awareness.score;
  }

  get maxPayload(): number {
    return this.gossip.userBroadcasts.maxPayload;
  }

  get numQueuedBroadcasts(): number {
    return this.gossip.numQueued;
  }

  get queues(): QueueLengths {
    const { count: user, bytes: userBytes } = this.gossip.userBroadcasts.counters();
    return { membership: this.gossip.numQueued, user, userBytes, received: this.packets.waiting };
  }

  /** Sets the gauges of members by state, if any state has changed since the last call. */
  reportStates(): void {
    const { stats, table } = this.context;
    if (table.stateChanges === this.#reportedChanges) return;
    this.#reportedChanges = table.stateChanges;
    for (const state of nodeStates) stats.gauge("memberlist.node.instances", table.count(state), { node_state: state });
  }

  #collect(): void {
    const { stats } = this.context;
    const { membership, user } = this.queues;
    stats.sample("memberlist.queue.broadcasts", membership);
    stats.sample("memberlist.queue.user_broadcasts", user);
    stats.sample("memberlist.queue.handoff", this.packets.takePeak());
    stats.collect();
  }

  /** Resumes the ticks of gossip, which pause while the queues are empty. */
  #wakeGossip(): void {
    this.#gossipTicks?.wake();
  }

  #local(): NodeRecord | undefined {
    return this.context.table.get(this.context.config.name);
  }

  /** @throws MemberlistError `meta_too_large` when no packet can hold an alive message with it */
  #checkMeta(meta: Uint8Array): void {
    const { udpBufferSize } = this.context.config;
    if (this.gossip.fits(encodeAlive(makeAlive(this.context, meta, this.context.incarnation + 1)))) return;
    throw new MemberlistError(
      "meta_too_large",
      `metadata of ${meta.length} bytes does not fit into a packet of ${udpBufferSize} bytes: shorten it, or raise udpBufferSize`,
      {
        details: { size: meta.length, udpBufferSize },
      },
    );
  }

  #ownAlive(meta: Uint8Array): Alive {
    this.#alive = makeAlive(this.context, meta, nextIncarnation(this.context));
    return this.#alive;
  }

  #repeat(options: Omit<PeriodicOptions, "context">): Periodic {
    return new Periodic({ context: this.context, ...options });
  }

  /** A random part of the interval, so that nodes started together do not stay in step. */
  #stagger(interval: number): number {
    return randomOffset(this.context.random, interval);
  }
}
