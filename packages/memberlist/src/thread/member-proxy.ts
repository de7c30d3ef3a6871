import type { Address } from "../api/address.ts";
import type { BroadcastOptions, BroadcastResult } from "../api/broadcast.ts";
import type { EventStreamOptions, GossipVerify, PingOptions, UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import { checkMeta } from "../api/check-arguments.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { EventStream, MemberEvent, RecentEvent } from "../api/events.ts";
import type { JoinOptions, JoinResult } from "../api/join.ts";
import type { MemberInfo, Node, NodeState } from "../api/node.ts";
import type { Seed } from "../api/seeds.ts";
import type { QueueLengths, Traffic } from "../api/stats.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { metaOf } from "../config/rules.ts";
import { keyringOf } from "../encryption/encryption.ts";
import { watchKeyring, type Keyring } from "../encryption/keyring.ts";
import { Diagnostics, type DiagnosticsChannels } from "../ports/diagnostics.ts";
import { createLog, type Log } from "../ports/log.ts";
import type { SrvRecord } from "../ports/transport.ts";
import { Delegates } from "../runtime/delegates.ts";
import { Channels } from "../runtime/channels/channels.ts";
import { EventHub } from "../runtime/event-hub.ts";
import { noKeyring, withGossipVerify } from "../runtime/local-member.ts";
import type { Member } from "../runtime/member.ts";
import { PendingOperations, type OperationOptions } from "../runtime/pending-operations.ts";
import { RecentEvents } from "../runtime/recent-events.ts";
import { Stats } from "../runtime/stats.ts";
import { countStates, summarize, type MemberlistSummary } from "../runtime/summary.ts";
import { encryptionVersionOf, encryptOverhead } from "../wire/encryption.ts";
import { labelOverhead } from "../wire/label.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { ApplicationAnswers } from "./application-answers.ts";
import { FeedReader } from "./feed-reader.ts";
import { addCounts, MemberMirror } from "./member-mirror.ts";
import { checkPacketSize } from "./outgoing-messages.ts";
import { functionsOf } from "./thread-config.ts";
import { shutDown, ThreadLink } from "./thread-link.ts";
import type { MemberNumbers, StartMessage } from "./thread-messages.ts";
import type { StartThread } from "./thread-port.ts";

export interface MemberProxyOptions {
  /** Resolved, without its `transport`. */
  readonly config: ResolvedConfig;
  /** The fields for the thread, packed. */
  readonly cloned: Readonly<Record<string, unknown>>;
  /** The names of all fields that the application's config has. */
  readonly given: readonly string[];
  /** The URL of `thread.module`. */
  readonly module: string | undefined;
  /** In ms; 0: the application is not watched. */
  readonly applicationTimeout: number;
  readonly startThread: StartThread;
  readonly diagnostics: DiagnosticsChannels | undefined;
}

/** A member that runs in a thread of its own. The application has a mirror of its state, and calls it through a port. */
export class MemberProxy implements Member {
  readonly keyring: Keyring | undefined;
  readonly diagnostics: Diagnostics;
  readonly mirror: MemberMirror;
  readonly delegates: Delegates;
  readonly channels: Channels;
  readonly stats: Stats;
  readonly log: Log;
  readonly recent: RecentEvents = new RecentEvents();
  readonly #options: MemberProxyOptions;
  readonly #events: EventHub;
  readonly #operations: PendingOperations;
  readonly #answers: ApplicationAnswers;
  readonly #feed: FeedReader;
  readonly #link: ThreadLink;
  /** What the label adds to a packet, in bytes. */
  readonly #labelBytes: number;
  readonly #watchers: Set<() => void> = new Set();
  readonly #stopWatchingKeys: () => void;
  #config: ResolvedConfig;
  #meta: Uint8Array;
  #hasLeft = false;
  #isStopped = false;

  private constructor(options: MemberProxyOptions) {
    const { config } = options;
    this.#options = options;
    this.keyring = keyringOf(config);
    // From here on only the keyring has the key.
    this.#config = Object.freeze({ ...config, keyring: this.keyring, secretKey: undefined });
    this.diagnostics = new Diagnostics(config.name, options.diagnostics);
    this.log = createLog(config, (event) => this.recent.addLine(event));
    const { metrics, metricLabels: labels, clock } = config;
    this.stats = new Stats({ metrics, labels, clock, log: this.log, diagnostics: this.diagnostics });
    this.delegates = new Delegates(config, this.log, this.stats);
    this.channels = new Channels({
      config,
      delegates: this.delegates,
      maxPayload: () => this.maxPayload,
      relay: (message, broadcastOptions) => this.broadcast(message, broadcastOptions),
      onStateChange: (hasState) => this.#link.post({ type: "channels", hasState }),
    });
    this.delegates.channels = this.channels;
    this.mirror = new MemberMirror(clock);
    this.#events = new EventHub(() => this.stats.count("dropped.event"));
    this.#operations = new PendingOperations(clock);
    this.#labelBytes = labelOverhead(encodeUtf8(config.label));
    this.#meta = checkMeta(this.delegates.nodeMeta(metaOf(config)));
    const resolveSrv = (question: number, service: string): Promise<readonly SrvRecord[]> =>
      this.#link.call({ method: "resolveSrv", question, service }) as Promise<readonly SrvRecord[]>;
    this.#answers = new ApplicationAnswers({ config, delegates: this.delegates, channels: this.channels, resolveSrv });
    this.#feed = new FeedReader(this);
    this.#link = this.#makeLink(options);
    const onKeys = (): void => this.#link.post({ type: "keys", keys: this.#keys() });
    this.#stopWatchingKeys = this.keyring === undefined ? nothing : watchKeyring(this.keyring, onKeys);
  }

  #makeLink({ applicationTimeout, config, startThread }: MemberProxyOptions): ThreadLink {
    return new ThreadLink({
      clock: config.clock,
      applicationTimeout,
      startThread,
      startMessage: () => this.#startMessage(),
      onFeed: (feed) => this.#feed.read(feed),
      onQuestion: (message, answer) => this.#answers.receive(message, answer),
      onEnded: (error) => this.#threadEnded(error),
      onRestart: () => this.#feed.restart(),
      onRestarted: () => this.#threadRestarted(),
      onRestartFailed: (error) => this.#threadFailed(`the member's thread did not start: ${errorMessage(error)}`, error),
      onGivenUp: () => this.log.error("thread_failed", "the member's thread has failed ten times in a row: restart the process"),
      onDropped: (count) => this.#sendFailed(count),
    });
  }

  /**
   * Starts a member in a thread of its own: all or nothing.
   *
   * @throws ConfigError `invalid_config`; MemberlistError `thread_unavailable`, `thread_failed`, or as the start on the event loop
   */
  static async start(options: MemberProxyOptions): Promise<MemberProxy> {
    const member = new MemberProxy(options);
    try {
      await member.#link.start();
    } catch (error) {
      member.#end();
      await member.#link.end();
      throw error;
    }
    return member;
  }

  get config(): ResolvedConfig {
    return this.#config;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  node(name: string): Node | undefined {
    return this.mirror.node(name);
  }

  nodes(): Node[] {
    return this.mirror.nodes();
  }

  nodeInfo(name: string): MemberInfo | undefined {
    return this.mirror.info(name);
  }

  nodeInfos(states: readonly NodeState[]): MemberInfo[] {
    return this.mirror.infos(states);
  }

  get numMembers(): number {
    return this.mirror.numbers.numMembers;
  }

  get localNode(): Node {
    return this.mirror.numbers.localNode;
  }

  get healthScore(): number {
    return this.mirror.numbers.healthScore;
  }

  get maxPayload(): number {
    return this.mirror.numbers.maxPayload;
  }

  get queues(): QueueLengths {
    return this.mirror.numbers.queues;
  }

  traffic(): Traffic {
    return this.mirror.traffic;
  }

  counters(): Readonly<Record<string, number>> {
    return addCounts(this.mirror.counters, this.stats.counters());
  }

  summary(): MemberlistSummary {
    return summarize(this, countStates(this.mirror.states()));
  }

  openEvents(options: EventStreamOptions): EventStream {
    return this.#events.open(this.#config.eventsCapacity, options);
  }

  recentEvents(): RecentEvent[] {
    return this.recent.list();
  }

  waitUntil(isTrue: () => boolean, options: OperationOptions): Promise<void> {
    return this.#operations.run<void>(options, (resolve) => {
      const check = (): void => {
        if (isTrue()) resolve();
      };
      this.#watchers.add(check);
      check();
      return () => this.#watchers.delete(check);
    });
  }

  async join(seeds: readonly Seed[], { signal, ...options }: JoinOptions): Promise<JoinResult> {
    this.#hasLeft = false;
    const { packed, end } = this.#answers.seeds.begin(seeds);
    try {
      return (await this.#link.call({ method: "join", seeds: packed, options }, signal)) as JoinResult;
    } finally {
      end();
    }
  }

  async leave({ signal, ...options }: WaitOptions): Promise<void> {
    this.#hasLeft = true;
    await this.#link.call({ method: "leave", options }, signal);
  }

  async update({ signal, meta: given, ...options }: UpdateNodeOptions): Promise<void> {
    const before = this.#meta;
    // If the application has no `nodeMeta`, the delegate of the module may have one.
    const asksThread = given === undefined && this.#config.delegate?.nodeMeta === undefined;
    const meta = asksThread ? undefined : checkMeta(given ?? this.delegates.nodeMeta(before));
    // After a timeout the metadata has changed nevertheless, and the next thread must start with it.
    this.#meta = meta ?? before;
    try {
      await this.#link.call({ method: "update", options: meta === undefined ? options : { ...options, meta } }, signal);
    } catch (error) {
      const isUnchanged = !(error instanceof MemberlistError && error.stateChanged);
      if (isUnchanged && this.#meta === meta) this.#meta = before;
      throw error;
    }
  }

  async ping(to: Address, { signal }: PingOptions): Promise<number> {
    return (await this.#link.call({ method: "ping", to }, signal)) as number;
  }

  sendBestEffort(to: Address, message: Uint8Array, crc: boolean): boolean {
    const { enableCompression, gossipVerifyOutgoing, protocolVersion } = this.#config;
    const encrypts = gossipVerifyOutgoing && (this.keyring?.size ?? 0) > 0;
    const encryption = encrypts ? encryptOverhead(encryptionVersionOf(protocolVersion)) : 0;
    checkPacketSize(message, crc, enableCompression, this.#labelBytes + encryption);
    return this.#link.send(message, to, crc);
  }

  async sendReliable(to: Address, message: Uint8Array, { signal, ...options }: WaitOptions): Promise<void> {
    await this.#link.call({ method: "sendReliable", to, message, options }, signal);
  }

  async broadcast(message: Uint8Array, { signal, ...options }: BroadcastOptions): Promise<BroadcastResult> {
    return (await this.#link.call({ method: "broadcast", message, options }, signal)) as BroadcastResult;
  }

  setGossipVerify(change: GossipVerify): void {
    if (this.keyring === undefined) throw noKeyring();
    this.#config = withGossipVerify(this.#config, change);
    this.#link.post({ type: "gossipVerify", change });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const stopped = this.#link.stop();
    this.#events.end();
    this.#operations.endAll(shutDown());
    await stopped;
    this.#end();
  }

  /** The state of the member, as it came with a feed. */
  setNumbers(numbers: MemberNumbers): void {
    this.mirror.setNumbers(numbers);
    if (this.#config.bindPort !== numbers.bindPort) this.#config = Object.freeze({ ...this.#config, bindPort: numbers.bindPort });
  }

  reply(id: number, value: unknown, error: unknown): void {
    this.#link.reply(id, value, error);
  }

  handled(): void {
    for (const check of this.#watchers) check();
    this.#link.handled();
  }

  #startMessage(): Omit<StartMessage, "applicationTimeout" | "shared" | "type"> {
    const { cloned, given, module } = this.#options;
    const { advertiseAddr, metrics, bindPort, gossipVerifyIncoming, gossipVerifyOutgoing } = this.#config;
    const config = { ...cloned, bindPort, gossipVerifyIncoming, gossipVerifyOutgoing };
    return {
      config: typeof advertiseAddr === "function" ? config : { ...config, advertiseAddr },
      given,
      module,
      keys: this.keyring && this.#keys(),
      seeds: this.#answers.seeds.latest(),
      functions: functionsOf(this.#config),
      hasChannelState: this.channels.hasState,
      hasMetrics: metrics !== undefined,
      meta: this.#meta,
      ackPayload: this.delegates.ackPayload(),
    };
  }

  #threadEnded(error: MemberlistError): void {
    this.#answers.abort();
    if (!this.mirror.hasStarted) return;
    this.mirror.threadEnded();
    this.#threadFailed(error.message, error);
    this.publish({ type: "thread_failed", node: this.localNode, error, at: this.#config.clock.wallTime() });
  }

  #threadRestarted(): void {
    this.log.info("thread_restarted", "the member runs in a new thread");
    if (!this.#hasLeft) return;
    this.#link.call({ method: "leave", options: {} }).catch((error: unknown) => {
      this.log.warn("thread_failed", `the new thread could not leave the cluster: ${errorMessage(error)}`, { error });
    });
  }

  #threadFailed(message: string, error: unknown): void {
    this.stats.count("thread_failed");
    this.log.error("thread_failed", message, { error });
  }

  #keys(): Uint8Array[] {
    return this.keyring?.getKeys() ?? [];
  }

  publish(event: MemberEvent): void {
    this.recent.add(event);
    this.#events.push(event);
  }

  #sendFailed(count: number): void {
    this.stats.count("send_failed", count);
    this.log.warn("send_failed", "dropped a message: the member's thread is behind, or has ended", { count });
  }

  #end(): void {
    this.#isStopped = true;
    this.#feed.end();
    this.#stopWatchingKeys();
  }
}

function nothing(): void {
  // A member without a keyring.
}
