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
import { keyringOf } from "../encryption/encryption.ts";
import { watchKeyring, type Keyring } from "../encryption/keyring.ts";
import { type ClockTimer } from "../ports/clock.ts";
import { Diagnostics, type DiagnosticsChannels } from "../ports/diagnostics.ts";
import { createLog, type Log } from "../ports/log.ts";
import type { SrvRecord } from "../ports/transport.ts";
import { Delegates } from "../runtime/delegates.ts";
import { EventHub } from "../runtime/event-streams.ts";
import { noKeyring, withGossipVerify } from "../runtime/local-member.ts";
import type { Member } from "../runtime/member.ts";
import { PendingOperations, type OperationOptions } from "../runtime/pending-operations.ts";
import { RecentEvents } from "../runtime/recent-events.ts";
import { Stats } from "../runtime/stats.ts";
import type { MemberlistSummary } from "../runtime/summary.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { encryptionVersionOf, encryptOverhead } from "../wire/encryption.ts";
import { labelOverhead } from "../wire/label.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { ApplicationAnswers } from "./application-answers.ts";
import { heartbeatInterval } from "./application-watch.ts";
import { FeedReader } from "./feed-reader.ts";
import { MemberMirror } from "./member-mirror.ts";
import { checkPacketSize, OutgoingMessages } from "./outgoing-messages.ts";
import { functionsOf } from "./thread-config.ts";
import { ThreadCalls } from "./thread-calls.ts";
import { shared, type ApplicationMessage, type Call, type MemberNumbers, type ThreadMessage } from "./thread-messages.ts";
import type { StartThread, ThreadPort } from "./thread-port.ts";
import { ThreadSupervisor } from "./thread-supervisor.ts";

/** How long a shutdown waits for the thread, in ms. */
const stopTimeout = 5_000;

export interface ThreadMemberOptions {
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
export class ThreadMember implements Member {
  readonly keyring: Keyring | undefined;
  readonly diagnostics: Diagnostics;
  readonly mirror: MemberMirror;
  readonly delegates: Delegates;
  readonly stats: Stats;
  readonly log: Log;
  readonly recent: RecentEvents = new RecentEvents();
  readonly calls: ThreadCalls = new ThreadCalls();
  readonly #options: ThreadMemberOptions;
  readonly #events: EventHub;
  readonly #operations: PendingOperations;
  readonly #memory: Int32Array = new Int32Array(new SharedArrayBuffer(shared.bytes));
  readonly #outgoing: OutgoingMessages;
  readonly #answers: ApplicationAnswers;
  readonly #feed: FeedReader;
  readonly #supervisor: ThreadSupervisor;
  readonly #label: number;
  readonly #watchers: Set<() => void> = new Set();
  readonly #stopWatchingKeys: () => void;
  #config: ResolvedConfig;
  #meta: Uint8Array;
  #numbers: MemberNumbers | undefined;
  /** The counts of threads that have ended. */
  #endedTraffic: Partial<Traffic> = {};
  #endedCounters: Readonly<Record<string, number>> = {};
  #heartbeat: ClockTimer = undefined;
  #hasLeft = false;
  #isStopped = false;

  private constructor(options: ThreadMemberOptions) {
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
    this.mirror = new MemberMirror(clock);
    this.#events = new EventHub(() => this.stats.count("dropped.event"));
    this.#operations = new PendingOperations(clock);
    this.#label = labelOverhead(encodeUtf8(config.label));
    this.#meta = checkMeta(this.delegates.nodeMeta(config.meta ?? emptyBytes));
    this.#outgoing = new OutgoingMessages({
      memory: this.#memory,
      post: (block, transfer) => this.#supervisor.isRunning && this.#post({ type: "send", block }, transfer),
      onDropped: (count) => this.#sendFailed(count),
    });
    const resolveSrv = (question: number, service: string): Promise<readonly SrvRecord[]> =>
      this.#call({ method: "resolveSrv", question, service }) as Promise<readonly SrvRecord[]>;
    this.#answers = new ApplicationAnswers({
      config,
      delegates: this.delegates,
      resolveSrv,
    });
    this.#feed = new FeedReader(this);
    this.#supervisor = new ThreadSupervisor({
      clock,
      startThread: options.startThread,
      startMember: (port) => this.#startMember(port),
      onEnded: (cause) => this.#threadEnded(cause),
      onRestart: () => this.#feed.restart(),
      onRestarted: () => this.#threadRestarted(),
      onRestartFailed: (error) => this.#failed(`the member's thread did not start: ${errorMessage(error)}`, error),
      onGivenUp: () =>
        this.log.error(
          "thread_failed",
          "the member's thread has failed too often, and is not started again: restart the process",
        ),
    });
    this.#stopWatchingKeys =
      this.keyring === undefined
        ? () => {}
        : watchKeyring(this.keyring, () => void this.#post({ type: "keys", keys: this.#keys() }));
  }

  /**
   * Starts a member in a thread of its own: all or nothing.
   *
   * @throws ConfigError `invalid_config`; MemberlistError `thread_unavailable`, `thread_failed`, or as the start on the event loop
   */
  static async start(options: ThreadMemberOptions): Promise<ThreadMember> {
    const member = new ThreadMember(options);
    try {
      await member.#supervisor.start();
    } catch (error) {
      await member.#end();
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
    return this.#current.numMembers;
  }

  get localNode(): Node {
    return this.#current.localNode;
  }

  get healthScore(): number {
    return this.#current.healthScore;
  }

  get maxPayload(): number {
    return this.#current.maxPayload;
  }

  get queues(): QueueLengths {
    return this.#current.queues;
  }

  traffic(): Traffic {
    return added(this.#current.traffic, this.#endedTraffic) as unknown as Traffic;
  }

  counters(): Readonly<Record<string, number>> {
    return added(added(this.#current.counters, this.#endedCounters), this.stats.counters());
  }

  summary(): MemberlistSummary {
    const { name, addr, port, state, incarnation } = this.localNode;
    const { membership: queuedBroadcasts } = this.queues;
    return {
      name,
      address: addr.includes(":") ? `[${addr}]:${port}` : `${addr}:${port}`,
      state: this.#isStopped ? "shutdown" : state,
      incarnation,
      members: this.mirror.countStates(),
      healthScore: this.healthScore,
      queuedBroadcasts,
      label: this.#config.label,
      encrypted: (this.keyring?.size ?? 0) > 0,
    };
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
    const packed = seeds.map((seed) => this.#answers.packSeed(seed));
    return (await this.#call({ method: "join", seeds: packed, options }, signal)) as JoinResult;
  }

  async leave({ signal, ...options }: WaitOptions): Promise<void> {
    this.#hasLeft = true;
    await this.#call({ method: "leave", options }, signal);
  }

  async update({ signal, meta: given, ...options }: UpdateNodeOptions): Promise<void> {
    const before = this.#meta;
    // Without a delegate of the application, one of the module may have the metadata.
    const asksThread = given === undefined && this.#config.delegate?.nodeMeta === undefined;
    const meta = asksThread ? undefined : checkMeta(given ?? this.delegates.nodeMeta(before));
    // A thread that is started again has the metadata of a call that timed out, too.
    this.#meta = meta ?? before;
    try {
      await this.#call({ method: "update", options: meta === undefined ? options : { ...options, meta } }, signal);
    } catch (error) {
      const isUnchanged = !(error instanceof MemberlistError && error.stateChanged);
      if (isUnchanged && this.#meta === meta) this.#meta = before;
      throw error;
    }
  }

  async ping(to: Address, { signal }: PingOptions): Promise<number> {
    return (await this.#call({ method: "ping", to }, signal)) as number;
  }

  sendBestEffort(to: Address, message: Uint8Array, crc: boolean): boolean {
    const { enableCompression, gossipVerifyOutgoing, protocolVersion } = this.#config;
    const encrypts = gossipVerifyOutgoing && (this.keyring?.size ?? 0) > 0;
    const encryption = encrypts ? encryptOverhead(encryptionVersionOf(protocolVersion)) : 0;
    checkPacketSize(message, crc, enableCompression, this.#label + encryption);
    return this.#outgoing.add(message, to, crc);
  }

  async sendReliable(to: Address, message: Uint8Array, { signal, ...options }: WaitOptions): Promise<void> {
    await this.#call({ method: "sendReliable", to, message, options }, signal);
  }

  async broadcast(message: Uint8Array, { signal, ...options }: BroadcastOptions): Promise<BroadcastResult> {
    return (await this.#call({ method: "broadcast", message, options }, signal)) as BroadcastResult;
  }

  setGossipVerify(change: GossipVerify): void {
    if (this.keyring === undefined) throw noKeyring();
    this.#config = withGossipVerify(this.#config, change);
    this.#post({ type: "gossipVerify", change });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const stopped = this.#supervisor.isRunning ? this.#call({ method: "stop" }) : undefined;
    this.#events.end();
    this.#operations.endAll(shutDown());
    await this.#settledWithin(stopped, stopTimeout);
    await this.#end();
  }

  /** The state of the member, as it came with a feed. */
  setNumbers(numbers: MemberNumbers): void {
    this.#numbers = { ...numbers, localNode: Object.freeze(numbers.localNode) };
    if (this.#config.bindPort !== numbers.bindPort) this.#config = Object.freeze({ ...this.#config, bindPort: numbers.bindPort });
  }

  handled(): void {
    for (const check of this.#watchers) check();
    this.#post({ type: "handled" });
  }

  get #current(): MemberNumbers {
    if (this.#numbers === undefined) throw new MemberlistError("thread_failed", "the member has not started");
    return this.#numbers;
  }

  async #startMember(port: ThreadPort): Promise<void> {
    const { applicationTimeout, cloned, given, module } = this.#options;
    const started = this.calls.started();
    port.listen((message) => {
      if (this.#supervisor.port === port) this.#receive(message as ThreadMessage, port);
    });
    const { advertiseAddr, metrics, bindPort, gossipVerifyIncoming, gossipVerifyOutgoing } = this.#config;
    const config = { ...cloned, bindPort, gossipVerifyIncoming, gossipVerifyOutgoing };
    this.#beat();
    this.#post({
      type: "start",
      config: typeof advertiseAddr === "function" ? config : { ...config, advertiseAddr },
      given,
      module,
      keys: this.keyring && this.#keys(),
      functions: functionsOf(this.#config),
      hasMetrics: metrics !== undefined,
      meta: this.#meta,
      ackPayload: this.delegates.ackPayload(),
      applicationTimeout,
      shared: this.#memory.buffer as SharedArrayBuffer,
    });
    await started;
  }

  #threadEnded(cause: unknown): void {
    const reason = cause === undefined ? "it has exited" : errorMessage(cause);
    const error = new MemberlistError("thread_failed", `the member's thread has ended: ${reason}`, { cause, stateChanged: true });
    this.calls.rejectAll(this.#isStopped ? shutDown() : error);
    this.#outgoing.forget();
    this.#answers.abort();
    const numbers = this.#numbers;
    if (this.#isStopped || numbers === undefined) return;
    this.#endedTraffic = added(numbers.traffic, this.#endedTraffic);
    this.#endedCounters = added(numbers.counters, this.#endedCounters);
    this.#numbers = { ...numbers, traffic: noTraffic, counters: {} };
    this.#failed(error.message, error);
    this.publish({ type: "thread_failed", node: this.localNode, error, at: this.#config.clock.wallTime() });
  }

  #threadRestarted(): void {
    this.log.info("thread_restarted", "the member runs in a new thread");
    if (!this.#hasLeft) return;
    this.#call({ method: "leave", options: {} }).catch((error: unknown) => {
      this.log.warn("thread_failed", `the new thread could not leave the cluster: ${errorMessage(error)}`, { error });
    });
  }

  #failed(message: string, error: unknown): void {
    this.stats.count("thread_failed");
    this.log.error("thread_failed", message, { error });
  }

  #receive(message: ThreadMessage, port: ThreadPort): void {
    if (message.type === "feed") {
      this.#feed.read(message);
      return;
    }
    this.#answers.receive(message, (answer) => {
      // The next thread numbers its questions anew.
      if (this.#supervisor.port === port) port.post(answer);
    });
  }

  async #call(call: Call, signal?: AbortSignal): Promise<unknown> {
    this.#outgoing.flush();
    // A member that is still being started cannot take calls.
    return this.calls.call(call, signal, (message) => this.#supervisor.isRunning && this.#post(message));
  }

  /** @returns false while there is no thread */
  #post(message: ApplicationMessage, transfer?: readonly ArrayBuffer[]): boolean {
    const { port } = this.#supervisor;
    port?.post(message, transfer);
    return port !== undefined;
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

  /** Shows the thread that this event loop runs. */
  #beat(): void {
    const { applicationTimeout } = this.#options;
    const { clock } = this.#config;
    clock.clearTimeout(this.#heartbeat);
    if (applicationTimeout === 0 || this.#isStopped) return;
    Atomics.add(this.#memory, shared.heartbeat, 1);
    this.#heartbeat = clock.setTimeout(() => this.#beat(), heartbeatInterval(applicationTimeout));
  }

  async #end(): Promise<void> {
    const { clock } = this.#config;
    this.#isStopped = true;
    clock.clearTimeout(this.#heartbeat);
    this.#feed.end();
    this.#stopWatchingKeys();
    const ended = this.#supervisor.stop();
    this.calls.rejectAll(shutDown());
    await ended;
  }

  /** Waits for a promise, whatever its end, for so many ms. */
  #settledWithin(promise: Promise<unknown> | undefined, timeout: number): Promise<void> {
    const { clock } = this.#config;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, timeout);
      const end = (): void => {
        clock.clearTimeout(timer);
        resolve();
      };
      (promise ?? Promise.resolve()).then(end, end);
    });
  }
}

const noTraffic: Traffic = {
  packetsSent: 0,
  packetBytesSent: 0,
  packetsReceived: 0,
  packetBytesReceived: 0,
  streamsOpened: 0,
  streamsAccepted: 0,
  streamBytesSent: 0,
  streamBytesReceived: 0,
};

function added(a: object, b: object): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { ...(a as Record<string, number>) };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + (value as number);
  return sum;
}

function shutDown(): MemberlistError {
  return new MemberlistError("shutdown", "the memberlist was shut down");
}
