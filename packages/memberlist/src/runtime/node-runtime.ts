import { hostPort, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import type { CountedName } from "../api/codes.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Traffic } from "../api/stats.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Encryption } from "../encryption/encryption.ts";
import { KeyringCipher } from "../encryption/keyring-cipher.ts";
import type { Keyring } from "../encryption/keyring.ts";
import { Diagnostics, type DiagnosticsChannels } from "../ports/diagnostics.ts";
import { createLog, type Log } from "../ports/log.ts";
import { streamWorkersOf } from "../wire/stream-workers.ts";
import { randomU32 } from "../ports/random.ts";
import type { AdvertisedAddress, Transport, TransportStream } from "../ports/transport.ts";
import { Engine } from "../swim/engine.ts";
import type { EngineHooks } from "../swim/simulation-hooks.ts";
import { labelOverhead } from "../wire/label.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { AddressWatch } from "./address-watch.ts";
import { Delegates } from "./delegates.ts";
import { EngineTimer } from "./engine-timer.ts";
import { EventHub } from "./event-hub.ts";
import { LabelMismatches } from "./label-mismatch-events.ts";
import { OutputHandler } from "./output-handler.ts";
import { PacketReceiver } from "./packets/packet-receiver.ts";
import { PacketSender } from "./packets/packet-sender.ts";
import { PendingOperations, type OperationOptions } from "./pending-operations.ts";
import { RecentEvents } from "./recent-events.ts";
import { SavedStateKeeper, startIncarnation, type Loaded } from "./saved-state.ts";
import { SeedResolver } from "./seed-resolver.ts";
import { Stats } from "./stats.ts";
import { InboundStreams } from "./streams/inbound-streams.ts";
import { OutboundStreams } from "./streams/outbound-streams.ts";
import { StateExchange } from "./streams/state-exchange.ts";
import { StreamCodec } from "./streams/stream-codec.ts";
import type { StreamContext } from "./streams/stream-session.ts";
import { StreamWrites } from "./streams/stream-writes.ts";

/** Queued messages that are handled before their events go out. */
const handoffBatch = 32;
/** How long queued messages are handled in one turn of the event loop, in ms. */
const handoffTime = 2;
/** How long the engine's timers wait for queued messages after a blocked event loop, in ms. */
const catchUpTime = 200;

/** The events after which other members are alive than before: the saved state changes with them. */
const savedEvents: ReadonlySet<MemberEvent["type"]> = new Set<MemberEvent["type"]>(["join", "leave", "suspect", "alive"]);

export interface NodeRuntimeOptions {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  readonly advertised: AdvertisedAddress;
  /** Undefined: packets and streams are in plaintext. */
  readonly encryption: Encryption | undefined;
  /** For experiments; a member of a real cluster has none. */
  readonly hooks?: Partial<EngineHooks> | undefined;
  /** Absent: nobody listens. */
  readonly diagnostics?: DiagnosticsChannels | undefined;
  /** The saved state from the store. */
  readonly loaded: Loaded;
}

/**
 * Runs one node: packets, timers, streams and calls go into the engine as inputs; after each input the engine's outputs are handled and
 * its timer is set.
 */
export class NodeRuntime {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly engine: Engine;
  readonly delegates: Delegates;
  readonly operations: PendingOperations;
  readonly packets: PacketSender;
  readonly streams: OutboundStreams;
  readonly seeds: SeedResolver;
  readonly events: EventHub;
  readonly recent: RecentEvents;
  /** Undefined without a keyring. */
  readonly cipher: KeyringCipher | undefined;
  readonly keyring: Keyring | undefined;
  readonly diagnostics: Diagnostics;
  readonly #stats: Stats;
  readonly #transport: Transport;
  readonly #receiver: PacketReceiver;
  readonly #inboundStreams: InboundStreams;
  readonly #outputs: OutputHandler;
  readonly #keeper: SavedStateKeeper;
  readonly #timer: EngineTimer;
  readonly #addressWatch: AddressWatch;
  /** Called after every input. */
  readonly #watchers: Set<() => void> = new Set();
  #depth = 0;
  #isDraining = false;
  /** The event loop was blocked, and its timers wait for messages, until then at most. */
  #catchUpUntil: number | undefined;
  #isSuspended = false;
  #isStopped = false;

  constructor(options: NodeRuntimeOptions) {
    const { config, transport, advertised, encryption, loaded } = options;
    const recent = new RecentEvents();
    const publish = (event: MemberEvent): void => this.#publish(event);
    const input: InputParts = { isStopped: () => this.#isStopped, run: (action) => this.run(action) };
    const parts = { ...input, ...makeEngineParts(options, recent) };
    const { engine, log, stats } = parts;
    const labelMismatches = new LabelMismatches(config.clock, publish);
    const streamContext = { ...parts, ...makeStreamParts(parts) };
    this.config = config;
    this.log = log;
    this.engine = engine;
    this.delegates = parts.delegates;
    this.operations = parts.operations;
    this.cipher = parts.cipher;
    this.keyring = encryption?.keyring;
    this.recent = recent;
    this.events = new EventHub(() => stats.count("dropped.event"));
    this.seeds = new SeedResolver(parts);
    this.packets = new PacketSender({ ...parts, room: () => engine.gossip.packetRoom, onFailed: input.run });
    this.streams = new OutboundStreams(streamContext);
    this.#stats = stats;
    this.diagnostics = stats.diagnostics;
    this.#transport = transport;
    this.#receiver = new PacketReceiver({ ...parts, crypto: transport.crypto, labelMismatches });
    this.#keeper = new SavedStateKeeper({ ...parts, streams: this.streams, loaded });
    const onUserMessage = (message: Uint8Array, from: Address): void => this.#userMessage(message, from);
    this.#inboundStreams = new InboundStreams({ ...streamContext, labelMismatches, onUserMessage });
    const { packets, streams, seeds } = this;
    this.#outputs = new OutputHandler({ ...parts, outputs: engine.outputs, packets, streams, seeds, publish });
    const onTime = (at: number): void => this.run(() => engine.fireTimers(at));
    const onLate = (late: number): void => this.#eventLoopBlocked(late);
    const onLag = (late: number): void => stats.sample("memberlist.timer.late", late);
    this.#timer = new EngineTimer({ clock: config.clock, lagAwareness: config.lagAwareness, onTime, onLag, onLate });
    const onLost = (isLost: boolean, address: AdvertisedAddress): void => this.#addressLost(isLost, address);
    const onMoved = (to: AdvertisedAddress): void => this.run(() => engine.moveTo(to));
    this.#addressWatch = new AddressWatch({ ...parts, advertised, onLost, onMoved });
  }

  start(meta: Uint8Array): void {
    this.packets.prepare();
    this.#transport.listen({ packet: this.#receive, stream: (stream, from) => this.#accept(stream, from) });
    this.run(() => this.engine.start(meta));
    this.#keeper.start();
    this.#addressWatch.start();
  }

  /** Stops the protocol at once, and closes the transport. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.engine.stop();
    this.#timer.clear();
    this.#addressWatch.stop();
    this.operations.endAll(new MemberlistError("shutdown", "the memberlist was shut down"));
    this.events.end();
    this.packets.stop();
    await Promise.all([this.#transport.shutdown(), this.#keeper.stop()]);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * The application has been silent for `silentFor` ms. The node stops receiving and sending, as if the whole process did not run, so that other
   * members declare it dead.
   */
  suspend(silentFor: number): void {
    if (this.#isStopped || this.#isSuspended) return;
    const { engine, config, log } = this;
    log.warn(
      "application_unresponsive",
      `the application's event loop has been blocked for ${silentFor} ms: the node stops answering`,
      {
        silentFor,
      },
    );
    this.#publish({ type: "application_unresponsive", node: engine.localNode, silentFor, at: config.clock.wallTime() });
    this.#isSuspended = true;
    this.#timer.clear();
  }

  /** The application answers again. The node exchanges states with a member at once, and refutes what it learns about itself. */
  resume(): void {
    if (this.#isStopped || !this.#isSuspended) return;
    this.#isSuspended = false;
    this.log.info("application_responsive", "the application's event loop runs again: the node answers again");
    this.run(() => this.engine.pushPull.exchange());
  }

  /** Counts something for `members.counters()`. */
  count(name: CountedName): void {
    this.#stats.count(name);
  }

  /** A copy: the counts go on. */
  traffic(): Traffic {
    return { ...this.#stats.traffic };
  }

  /** See {@link Stats.counters}. */
  counters(): Readonly<Record<string, number>> {
    return this.#stats.counters();
  }

  /** Runs an input of the engine: sets its time before it, and handles its outputs after it. Inputs may be nested. */
  run<T>(input: () => T): T {
    this.#begin();
    try {
      return input();
    } finally {
      this.#end();
    }
  }

  /** Resolves once `isTrue` holds; it may already. */
  waitUntil(isTrue: () => boolean, options: OperationOptions): Promise<void> {
    return this.operations.run<void>(options, (resolve) =>
      this.watch(() => {
        if (isTrue()) resolve();
      }),
    );
  }

  /** Calls `check` now and after every input, until what it returns is called. */
  watch(check: () => void): () => void {
    this.#watchers.add(check);
    check();
    return () => this.#watchers.delete(check);
  }

  /** An input as any other, without a closure for each packet. */
  readonly #receive = (packet: Uint8Array, from: Address, receivedAt: number): boolean => {
    if (this.#isStopped) return false;
    if (this.#isSuspended) return this.#ignore();
    const message = this.#receiver.decode(packet, from);
    if (message === undefined) return false;
    this.#begin();
    try {
      return this.engine.packets.receive(message, from, receivedAt);
    } finally {
      this.#end();
    }
  };

  #accept(stream: TransportStream, from: Address): void {
    if (!this.#isSuspended) this.#inboundStreams.accept(stream, from);
    else if (this.#ignore()) stream.close();
  }

  /** @returns true: the sender is not to blame */
  #ignore(): boolean {
    this.count("dropped.application_unresponsive");
    return true;
  }

  #begin(): void {
    this.engine.now = this.config.clock.now();
    this.#depth++;
  }

  #end(): void {
    this.#depth--;
    if (this.#depth > 0 || this.#isStopped) return;
    const { engine, cipher } = this;
    if (cipher !== undefined) cipher.numMembers = engine.numMembers;
    engine.reportStates();
    try {
      this.#outputs.handle();
      if (this.#isStopped) return;
      for (const check of this.#watchers) check();
      this.#keeper.look();
    } finally {
      // An error above must not stop the messages and the timers that wait.
      this.#schedule();
    }
  }

  /** Schedules the next work of the engine: its queued messages and its timers. */
  #schedule(): void {
    if (this.#isStopped) return;
    this.#drainLater();
    if (this.#catchUpUntil === undefined && !this.#isSuspended) this.#timer.set(this.engine.nextTimerAt() ?? Infinity);
  }

  /** Schedules the handling of queued messages for a later turn, if the queue is not empty. */
  #drainLater(): void {
    if (this.#isDraining || this.#isStopped || this.engine.packets.waiting === 0) return;
    this.#isDraining = true;
    this.config.clock.defer(this.#drain);
  }

  /** Handles queued messages for a short while; the others wait until packets were read. */
  readonly #drain = (): void => {
    const { engine, config } = this;
    const until = config.clock.now() + handoffTime;
    const isTimeOver = (): boolean => config.clock.now() >= until;
    try {
      do {
        if (this.#isStopped) return;
        this.#begin();
        try {
          engine.packets.drain(handoffBatch, isTimeOver);
        } finally {
          this.#end();
        }
      } while (engine.packets.waiting > 0 && !isTimeOver());
    } finally {
      // The rest has its turn even if something was thrown.
      this.#isDraining = false;
      this.#drainLater();
      this.#endCatchUp();
    }
  };

  /** Timers fire once the messages that came meanwhile are handled: one of them may be a refutation that is not late at all. */
  #eventLoopBlocked(late: number): void {
    if (this.#isStopped) return;
    this.#catchUpUntil = this.config.clock.now() + catchUpTime;
    this.#timer.clear();
    try {
      this.run(() => this.engine.eventLoopBlocked(late));
    } finally {
      this.#endCatchUp();
    }
  }

  #endCatchUp(): void {
    if (this.#catchUpUntil === undefined || this.#isStopped) return;
    if (this.engine.packets.waiting > 0 && this.config.clock.now() < this.#catchUpUntil) return;
    this.#catchUpUntil = undefined;
    this.run(() => this.engine.fireTimers());
  }

  #userMessage(message: Uint8Array, from: Address): void {
    this.run(() => this.engine.outputs.events.push({ type: "message", message, from }));
  }

  #addressLost(isLost: boolean, { addr, port }: AdvertisedAddress): void {
    const { engine, config } = this;
    this.run(() => (engine.isAddressLost = isLost));
    if (!isLost) return;
    const address = hostPort(addr, port);
    this.#publish({ type: "address_lost", node: engine.localNode, address, at: config.clock.wallTime() });
  }

  #publish(event: MemberEvent): void {
    this.recent.add(event);
    this.events.push(event);
    if (savedEvents.has(event.type)) this.#keeper.changed();
  }
}

/** How the parts of a node run inputs of the engine. */
interface InputParts {
  readonly isStopped: () => boolean;
  readonly run: <T>(input: () => T) => T;
}

/** The engine, and what it and most other parts of a node use. */
interface EngineParts {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  /** The bytes of the label; empty for none. */
  readonly label: Uint8Array;
  /** Undefined: no encryption. */
  readonly cipher: KeyringCipher | undefined;
  readonly log: Log;
  readonly stats: Stats;
  readonly operations: PendingOperations;
  readonly delegates: Delegates;
  readonly engine: Engine;
}

function makeEngineParts(options: NodeRuntimeOptions, recent: RecentEvents): EngineParts {
  const { config, transport, advertised, encryption, hooks, loaded } = options;
  const { clock, random } = config;
  const label = encodeUtf8(config.label);
  const log = createLog(config, (event) => recent.addLine(event));
  const transportCounters = (): Readonly<Record<string, number>> => transport.counters ?? {};
  const { metrics, metricLabels: labels } = config;
  const diagnostics = new Diagnostics(config.name, options.diagnostics);
  const stats = new Stats({ metrics, labels, clock, log, diagnostics, transportCounters });
  const delegates = new Delegates(config, log, stats);
  const cipher = encryption && makeCipher(encryption, config, log, stats);
  const engine = new Engine({
    config,
    random,
    delegates,
    log,
    stats,
    advertised,
    hooks,
    layerOverhead: () => labelOverhead(label) + (cipher?.overhead ?? 0),
    now: clock.now(),
    incarnation: startIncarnation(loaded),
    seqNo: randomU32(random),
  });
  return { config, transport, label, cipher, log, stats, operations: new PendingOperations(clock), delegates, engine };
}

/** The parts that inbound and outbound streams share. */
function makeStreamParts(parts: EngineParts & InputParts): Pick<StreamContext, "codec" | "states" | "writes"> {
  const { config, transport, label, cipher, stats } = parts;
  const states = new StateExchange({ ...parts, clock: config.clock });
  const { yieldToEventLoop } = states;
  const codec = new StreamCodec({
    security: { label, cipher, onEncryptedSize: (bytes) => stats.sample("memberlist.size.remote", bytes) },
    compress: config.enableCompression,
    workers: streamWorkersOf(transport.crypto),
    yieldToEventLoop,
  });
  return { codec, states, writes: new StreamWrites(yieldToEventLoop) };
}

function makeCipher(encryption: Encryption, config: ResolvedConfig, log: Log, stats: Stats): KeyringCipher {
  return new KeyringCipher({
    ...encryption,
    config,
    onKeyLimitReached: (messages) => {
      stats.count("key_limit_reached");
      log.warn("key_limit_reached", "the primary key has about reached its usage limit: rotate it, see SECURITY.md", {
        messages,
      });
    },
  });
}
