import { formatAddress, hostPort, type Address } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { MemberlistError } from "../api/errors.ts";
import { Engine } from "../swim/engine.ts";
import type { Tunables } from "../swim/tunables.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Keyring } from "../encryption/keyring.ts";
import { createLog, type Log } from "../ports/log.ts";
import type { Crypto } from "../ports/crypto.ts";
import { streamWorkersOf } from "../ports/stream-workers.ts";
import { randomU32 } from "../ports/random.ts";
import type { AdvertisedAddress, Transport } from "../ports/transport.ts";
import { labelOverhead } from "../wire/label.ts";
import { encodeText } from "../wire/text.ts";
import { AddressWatch } from "./address-watch.ts";
import { EngineTimer } from "./engine-timer.ts";
import { Delegates } from "./delegates.ts";
import { KeyringCipher } from "../encryption/keyring-cipher.ts";
import { engineEffects } from "./engine-effects.ts";
import { EventHub } from "./event-streams.ts";
import { LabelMismatches } from "./label-mismatches.ts";
import { EventDispatcher } from "./event-dispatcher.ts";
import { PacketReceiver } from "./packets/packet-receiver.ts";
import { PacketSender } from "./packets/packet-sender.ts";
import { RecentEvents } from "./recent-events.ts";
import { SavedStateKeeper, startIncarnation, type Loaded } from "./saved-state-keeper.ts";
import { StateExchange } from "./streams/state-exchange.ts";
import { Stats } from "./stats.ts";
import { StreamCodec } from "./streams/stream-codec.ts";
import { InboundStreams } from "./streams/inbound-streams.ts";
import { OutboundStreams } from "./streams/outbound-streams.ts";
import type { StreamContext } from "./streams/stream-session.ts";
import { StreamWrites } from "./streams/stream-writes.ts";
import { UserBroadcasts } from "./user-broadcasts.ts";
import { PendingOperations, type OperationOptions } from "./pending-operations.ts";

/** Queued messages that are handled before their events go out. */
const handoffBatch = 32;
/** How long queued messages are handled in one turn of the event loop, in ms. */
const handoffTime = 2;
/** How long the engine's timers wait for queued messages after a blocked event loop, in ms. */
const catchUpTime = 200;

/** The events after which other members are alive than before: these are what the store keeps. */
const savedEvents: ReadonlySet<MemberEvent["type"]> = new Set<MemberEvent["type"]>(["join", "leave", "suspect", "alive"]);

/** The keys, and what encrypts with them. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly crypto: Crypto;
}

export interface NodeRuntimeOptions {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  readonly advertised: AdvertisedAddress;
  /** Undefined: everything is sent and taken in plaintext. */
  readonly encryption: Encryption | undefined;
  /** For experiments; a member of a real cluster has none. */
  readonly tunables?: Partial<Tunables>;
  /** What the store had. */
  readonly loaded: Loaded;
}

/** Drives the engine: transport, clock and delegates in; packets, streams, timers and events out. */
export class NodeRuntime {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly operations: PendingOperations;
  readonly packets: PacketSender;
  readonly streams: OutboundStreams;
  readonly events: EventHub;
  readonly recent: RecentEvents = new RecentEvents();
  readonly engine: Engine;
  readonly delegates: Delegates;
  readonly userBroadcasts: UserBroadcasts;
  readonly keyring: Keyring | undefined;
  /** Undefined without a keyring. */
  readonly cipher: KeyringCipher | undefined;
  readonly transport: Transport;
  readonly #label: Uint8Array;
  readonly #receiver: PacketReceiver;
  readonly #inboundStreams: InboundStreams;
  readonly #keeper: SavedStateKeeper;
  readonly #labelMismatches: LabelMismatches;
  readonly #dispatcher: EventDispatcher;
  readonly #timer: EngineTimer;
  readonly #addressWatch: AddressWatch;
  readonly #states: StateExchange = new StateExchange(this);
  #depth = 0;
  #isDraining = false;
  /** The event loop was blocked, and its timers wait for messages, until then at most. */
  #catchUpUntil: number | undefined;
  #isStopped = false;
  /** Called after every change of the state. */
  readonly #watchers: Set<() => void> = new Set();

  constructor({ config, transport, advertised, encryption, tunables, loaded }: NodeRuntimeOptions) {
    const { clock } = config;
    this.config = config;
    this.transport = transport;
    this.#label = encodeText(config.label);
    this.log = createLog(config, (event) => this.recent.addLine(event));
    this.stats = new Stats(config.metrics, config.metricLabels);
    this.operations = new PendingOperations(clock);
    this.events = new EventHub(() => this.stats.count("dropped.event"));
    this.#labelMismatches = new LabelMismatches(clock, (event) => this.#publish(event));
    this.userBroadcasts = new UserBroadcasts({
      config,
      log: this.log,
      stats: this.stats,
      numNodes: () => this.engine.numMembers,
      maxPayload: () => this.engine.maxPayload,
      tell: (event) => this.#publish(event),
    });
    this.delegates = new Delegates(config, this.log, this.stats, this.userBroadcasts);
    this.#dispatcher = new EventDispatcher({
      clock,
      isStopped: () => this.#isStopped,
      toDelegates: (event) => this.delegates.tell(event),
      toFollowers: (event) => this.#publish(event),
    });
    this.keyring = encryption?.keyring;
    this.cipher = this.#makeCipher(encryption);
    this.engine = new Engine({
      config,
      random: config.random,
      effects: engineEffects(this, (event) => this.#dispatcher.add(event)),
      questions: this.delegates,
      advertised,
      tunables,
      layerOverhead: () => labelOverhead(this.#label) + (this.cipher?.overhead ?? 0),
      now: clock.now(),
      incarnation: startIncarnation(loaded),
      seqNo: randomU32(config.random),
    });
    const { gate } = tunables ?? {};
    if (gate !== undefined) gate.run = (goOn) => void (this.#isStopped || this.run(goOn));
    this.#timer = new EngineTimer({
      clock,
      lagAwareness: config.lagAwareness,
      onTime: (at) => this.run(() => this.engine.fireTimers(at)),
      onLate: (late) => this.#eventLoopBlocked(late),
    });
    this.#keeper = new SavedStateKeeper(this, loaded);
    this.#addressWatch = this.#makeAddressWatch(advertised);
    this.packets = this.#makePacketSender();
    this.#receiver = this.#makePacketReceiver();
    const streams = this.#streamContext();
    this.streams = new OutboundStreams({ ...streams, transport });
    this.#inboundStreams = new InboundStreams({
      ...streams,
      engine: this.engine,
      labelMismatches: this.#labelMismatches,
      onUserMessage: (message, from) => this.run(() => this.#dispatcher.add({ type: "message", message, from })),
    });
  }

  start(meta: Uint8Array): void {
    this.transport.listen({
      packet: (bytes, from, receivedAt) => {
        if (this.#isStopped) return false;
        const message = this.#receiver.decode(bytes, from);
        return message !== undefined && this.run(() => this.engine.receive(message, from, receivedAt));
      },
      stream: (stream, from) => this.#inboundStreams.accept(stream, from),
    });
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
    await Promise.all([this.transport.shutdown(), this.#keeper.stop()]);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Every input of the engine goes through here: it gets the time, then its events are told and its timer is armed. */
  run<T>(action: () => T): T {
    this.engine.now = this.config.clock.now();
    this.#depth++;
    try {
      return action();
    } finally {
      this.#depth--;
      if (this.#depth === 0) this.#settle();
    }
  }

  /** Resolves once the state is such that `isTrue` holds; it may already be. */
  waitUntil(isTrue: () => boolean, options: OperationOptions): Promise<void> {
    return this.operations.run<void>(options, (resolve) =>
      this.watch(() => {
        if (isTrue()) resolve();
      }),
    );
  }

  /** Calls `check` now, and after every change of the state, until what is returned is called. */
  watch(check: () => void): () => void {
    this.#watchers.add(check);
    check();
    return () => this.#watchers.delete(check);
  }

  /** @throws MemberlistError `node_name_required` */
  checkName(to: Address): void {
    if (to.name !== "" || !this.config.requireNodeNames) return;
    throw new MemberlistError(
      "node_name_required",
      `requireNodeNames is set: pass the node's name with its address, as name/${formatAddress(to)}`,
    );
  }

  /** Tells what has happened, and sees to it that the engine is called again when it wants to be. */
  #settle(): void {
    this.#dispatcher.tell();
    if (this.#isStopped) return;
    for (const check of this.#watchers) check();
    this.#keeper.look();
    if (this.engine.hasHandoff && !this.#isDraining) this.#drainLater();
    if (this.#catchUpUntil === undefined) this.#timer.set(this.engine.nextTimerAt() ?? Infinity);
  }

  #drainLater(): void {
    this.#isDraining = true;
    this.config.clock.defer(() => this.#drain());
  }

  #drain(): void {
    const { clock } = this.config;
    const until = clock.now() + handoffTime;
    const isTimeOver = (): boolean => clock.now() >= until;
    try {
      do {
        if (this.#isStopped) return;
        this.run(() => this.engine.drainHandoff(handoffBatch, isTimeOver));
      } while (this.engine.hasHandoff && !isTimeOver());
    } finally {
      // Whatever was thrown, the rest has its turn.
      this.#isDraining = false;
      this.#endCatchUp();
    }
    if (this.engine.hasHandoff) this.#drainLater();
  }

  /** Timers fire once the messages that came meanwhile are handled: one of them may be a refutation that is not late at all. */
  #eventLoopBlocked(late: number): void {
    if (this.#isStopped) return;
    this.#catchUpUntil = this.config.clock.now() + catchUpTime;
    this.#timer.clear();
    this.run(() => this.engine.eventLoopBlocked(late));
    this.#endCatchUp();
  }

  #endCatchUp(): void {
    if (this.#catchUpUntil === undefined || this.#isStopped) return;
    if (this.engine.hasHandoff && this.config.clock.now() < this.#catchUpUntil) return;
    this.#catchUpUntil = undefined;
    this.run(() => this.engine.fireTimers());
  }

  #publish(event: MemberEvent): void {
    this.recent.add(event);
    this.events.push(event);
    if (savedEvents.has(event.type)) this.#keeper.changed();
  }

  #makeCipher(encryption: Encryption | undefined): KeyringCipher | undefined {
    const { config, log } = this;
    if (encryption === undefined) return undefined;
    return new KeyringCipher({
      ...encryption,
      config,
      numMembers: () => this.engine.numMembers,
      onKeyLimitReached: (messages) => {
        this.stats.count("key_limit_reached");
        log.warn("key_limit_reached", "the primary key has about reached its usage limit: rotate it, see SECURITY.md", {
          messages,
        });
      },
    });
  }

  #makeAddressWatch(advertised: AdvertisedAddress): AddressWatch {
    const { config, log, stats, transport } = this;
    return new AddressWatch({
      config,
      transport,
      log,
      stats,
      advertised,
      onLost: (isLost, { addr, port }) => {
        this.run(() => (this.engine.isAddressLost = isLost));
        if (!isLost) return;
        const address = hostPort(addr, port);
        this.#publish({ type: "address_lost", node: this.engine.localNode, address, at: config.clock.wallTime() });
      },
      onMoved: (to) => this.run(() => this.engine.moveTo(to)),
    });
  }

  #makePacketSender(): PacketSender {
    const { config, transport, cipher, log, stats } = this;
    return new PacketSender({
      config,
      transport,
      label: this.#label,
      cipher,
      log,
      stats,
      room: () => this.engine.packetRoom,
      onFailed: (react) => this.run(react),
    });
  }

  #makePacketReceiver(): PacketReceiver {
    const { config, cipher, log, stats } = this;
    const { crypto } = this.transport;
    return new PacketReceiver({
      config,
      label: this.#label,
      cipher,
      crypto,
      log,
      stats,
      labelMismatches: this.#labelMismatches,
    });
  }

  #streamContext(): StreamContext {
    const { config, transport, cipher, operations, log, stats } = this;
    const codec = new StreamCodec({
      security: {
        label: this.#label,
        cipher,
        onEncryptedSize: (bytes) => stats.sample("memberlist.size.remote", bytes),
      },
      compress: config.enableCompression,
      workers: streamWorkersOf(transport.crypto),
      yieldToEventLoop: this.#states.yieldToEventLoop,
    });
    const writes = new StreamWrites(this.#states.yieldToEventLoop);
    return { config, codec, states: this.#states, writes, operations, log, stats };
  }
}
