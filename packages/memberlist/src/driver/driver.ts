import { formatAddress, type Address } from "../address.ts";
import type { ResolvedConfig } from "../config.ts";
import { errorMessage, MemberlistError } from "../errors.ts";
import { Engine } from "../engine/engine.ts";
import type { Effects, EngineEvent } from "../engine/effects.ts";
import type { Tunables } from "../engine/tunables.ts";
import type { MemberEvent } from "../events.ts";
import type { Keyring } from "../keyring.ts";
import { createLog, type Log } from "../log.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { Codec } from "../ports/codec.ts";
import type { AdvertisedAddress, Transport, TransportListener } from "../ports/transport.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { labelOverhead, splitLabel } from "../wire/label.ts";
import type { Ping } from "../wire/messages.ts";
import { openPacket, sealPacket } from "../wire/packet.ts";
import { encodeLongPushPull, nodesInOneGo, type Breathe } from "../wire/push-pull.ts";
import type { RemoteState } from "../wire/stream-frame.ts";
import { encodeText } from "../wire/text.ts";
import { Application } from "./application.ts";
import { Cipher } from "./cipher.ts";
import { EventHub } from "./event-hub.ts";
import { LabelMismatches } from "./label-mismatches.ts";
import { PacketBatcher } from "./packet-batcher.ts";
import { RecentEvents } from "./recent-events.ts";
import { asMemberlistError, resolveSeed } from "./seed-resolver.ts";
import { SnapshotKeeper, startIncarnation, type Loaded } from "./snapshot-keeper.ts";
import { Stats } from "./stats.ts";
import { StreamCodec } from "./stream-codec.ts";
import { Streams } from "./streams.ts";
import { UserBroadcasts } from "./user-broadcasts.ts";
import { maxTimerDelay, Waits, type WaitOptions } from "./waits.ts";

/** The most that a UDP datagram can carry, in bytes. */
const maxPacketBytes = 65_507;
/** A timer that fires this much after its time says that the process was held up, in ms. */
const lateTimer = 20;
/** How many of the messages that wait are handled before packets get their turn again. */
const handoffBatch = 256;

/** The keys, and what encrypts with them. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly codec: Codec;
}

export interface DriverOptions {
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
export class Driver {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly waits: Waits;
  readonly streams: Streams;
  readonly events: EventHub;
  readonly recent: RecentEvents = new RecentEvents();
  readonly engine: Engine;
  readonly application: Application;
  readonly userBroadcasts: UserBroadcasts;
  readonly keyring: Keyring | undefined;
  /** Undefined without a keyring. */
  readonly cipher: Cipher | undefined;
  readonly transport: Transport;
  readonly #label: Uint8Array;
  readonly #keeper: SnapshotKeeper;
  readonly #labelMismatches: LabelMismatches;
  /** Undefined where the transport has nothing that does it. */
  readonly #batcher: PacketBatcher | undefined;
  /** Happened, and not told yet: delegates hear of it once the state is settled. */
  #untold: EngineEvent[] = [];
  #depth = 0;
  #isTelling = false;
  #isDraining = false;
  #isStopped = false;
  /** Called after every change of the state. */
  readonly #watchers: Set<() => void> = new Set();
  #timer: ClockTimer = undefined;
  #timerAt = Infinity;

  constructor({ config, transport, advertised, encryption, tunables, loaded }: DriverOptions) {
    this.config = config;
    this.transport = transport;
    this.#label = encodeText(config.label);
    this.log = createLog(config, (event) => this.recent.addLine(event));
    this.stats = new Stats(config.metrics, config.metricLabels);
    this.waits = new Waits(config.clock);
    this.events = new EventHub(() => this.stats.count("dropped.event"));
    this.#labelMismatches = new LabelMismatches(config.clock, (event) => this.#tellChange(event));
    this.userBroadcasts = new UserBroadcasts({
      config,
      log: this.log,
      stats: this.stats,
      numNodes: () => this.engine.numMembers,
      tell: (event) => this.#tellChange(event),
    });
    const broadcasts = { own: this.userBroadcasts, maxPayload: () => this.engine.maxPayload };
    this.application = new Application(config, this.log, this.stats, broadcasts);
    this.keyring = encryption?.keyring;
    this.cipher = this.#makeCipher(encryption);
    this.engine = new Engine({
      config,
      random: config.random,
      effects: this.#effects(),
      questions: this.application,
      advertised,
      tunables,
      layerOverhead: () => labelOverhead(this.#label) + (this.cipher?.overhead ?? 0),
      now: config.clock.now(),
      incarnation: startIncarnation(loaded),
    });
    this.#keeper = new SnapshotKeeper(this, loaded);
    this.#batcher = this.#makeBatcher();
    this.streams = new Streams({
      config,
      transport,
      codec: new StreamCodec({
        security: {
          label: this.#label,
          cipher: this.cipher,
          onEncryptedSize: (bytes) => this.stats.sample("memberlist.size.remote", bytes),
        },
        compress: config.enableCompression,
        offload: transport.codec?.offload,
      }),
      waits: this.waits,
      log: this.log,
      stats: this.stats,
      handlers: {
        localState: (join) => this.#localState(join),
        merge: (state) => this.#merge(state),
        labelMismatch: (from, label) => this.#labelMismatches.add(from, "stream", label),
        message: (message) => this.run(() => this.#untold.push({ type: "message", message })),
        isPingForUs: (ping) => this.engine.isPingForUs(ping),
      },
      breathe: this.#breathe,
    });
  }

  start(meta: Uint8Array): void {
    const listener: TransportListener = {
      packet: (bytes, from, receivedAt) => this.#receive(bytes, from, receivedAt),
      stream: (stream, from) => this.streams.accept(stream, from),
    };
    this.transport.listen(listener);
    this.run(() => this.engine.start(meta));
    this.#keeper.start();
  }

  /** Stops the protocol at once, and closes the transport. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.engine.stop();
    this.#disarm();
    this.waits.endAll(new MemberlistError("shutdown", "the memberlist was shut down"));
    this.events.end();
    await this.#batcher?.drain();
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
  waitUntil(isTrue: () => boolean, options: WaitOptions): Promise<void> {
    return this.waits.run<void>(options, (resolve) => {
      const check = (): void => {
        if (isTrue()) resolve();
      };
      this.#watchers.add(check);
      check();
      return () => this.#watchers.delete(check);
    });
  }

  /** @throws MemberlistError `node_name_required` */
  checkName(to: Address): void {
    if (to.name !== "" || !this.config.requireNodeNames) return;
    throw new MemberlistError("node_name_required", `requireNodeNames is set, and ${formatAddress(to)} came without a node name`);
  }

  /** As {@link sendPacket}, for the application's messages: many at once are compressed and encrypted elsewhere. */
  sendUserPacket(message: Uint8Array, to: Address, crc: boolean): boolean {
    this.checkName(to);
    return this.#batcher?.take(message, to, crc) ?? this.sendPacket(message, to, crc);
  }

  /**
   * Sends one message as a packet.
   *
   * @returns false when the transport asks for fewer packets for now
   * @throws MemberlistError `node_name_required`, `message_too_large`
   */
  sendPacket(message: Uint8Array, to: Address, crc: boolean, onFailed?: () => void): boolean {
    this.checkName(to);
    const packet = sealPacket(message, {
      compress: this.config.enableCompression,
      crc,
      label: this.#label,
      cipher: this.cipher,
    });
    if (packet.length > maxPacketBytes) {
      throw new MemberlistError("message_too_large", `a packet of ${packet.length} bytes is over the ${maxPacketBytes} of UDP`, {
        details: { size: packet.length, limit: maxPacketBytes },
      });
    }
    const done = onFailed === undefined ? this.#sent : (error?: Error) => this.#sent(error, onFailed);
    return this.#write(packet, to, done);
  }

  #write(packet: Uint8Array, to: Address, done: (error?: Error) => void): boolean {
    this.stats.increment("memberlist.udp.sent", packet.length);
    return this.transport.writeTo(packet, to, done);
  }

  #makeBatcher(): PacketBatcher | undefined {
    const { cipher, config } = this;
    const offload = this.transport.codec?.offload?.packets;
    if (offload === undefined) return undefined;
    const { enableCompression: compress } = config;
    return new PacketBatcher({
      offload,
      clock: config.clock,
      job: (count) => {
        const layers = { compress, label: this.#label };
        if (cipher?.encrypts !== true) return compress ? layers : undefined;
        return { ...layers, encrypt: { key: cipher.takeSealingKey(count), version: cipher.version } };
      },
      sendInline: (message, to, crc) => void this.sendPacket(message, to, crc),
      write: (packet, to) => this.#write(packet, to, this.#sent),
      failed: (error) => this.#sent(error instanceof Error ? error : new Error(String(error))),
    });
  }

  readonly #sent = (error?: Error, onFailed?: () => void): void => {
    if (error === undefined || this.#isStopped) return;
    this.stats.count("send_failed");
    this.log.warn("send_failed", `sending a packet failed: ${errorMessage(error)}`);
    if (onFailed !== undefined) this.run(onFailed);
  };

  #receive(bytes: Uint8Array, from: Address, receivedAt: number): void {
    if (this.#isStopped) return;
    this.stats.increment("memberlist.udp.received", bytes.length);
    let message: Uint8Array;
    try {
      const { skipInboundLabelCheck } = this.config;
      message = openPacket(bytes, { label: this.#label, skipInboundLabelCheck, cipher: this.cipher });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.stats.count(`dropped.${error.reason}`);
      if (error.reason === "label_mismatch") this.#labelMismatches.add(from, "packet", splitLabel(bytes).label);
      this.log.warn("bad_packet", `dropping a packet: ${error.message}`, { reason: error.reason, from });
      return;
    }
    this.run(() => this.engine.receive(message, from, receivedAt));
  }

  /** Tells what has happened, and sees to it that the engine is called again when it wants to be. */
  #settle(): void {
    this.#tell();
    if (this.#isStopped) return;
    for (const check of this.#watchers) check();
    this.#keeper.look();
    if (this.engine.hasHandoff && !this.#isDraining) {
      this.#isDraining = true;
      this.config.clock.defer(() => this.#drain());
    }
    this.#arm();
  }

  #drain(): void {
    this.#isDraining = false;
    if (!this.#isStopped) this.run(() => this.engine.drainHandoff(handoffBatch));
  }

  #arm(): void {
    const at = this.engine.nextTimerAt() ?? Infinity;
    if (at === this.#timerAt) return;
    this.#disarm();
    if (at === Infinity) return;
    this.#timerAt = at;
    const delay = Math.min(Math.max(at - this.config.clock.now(), 0), maxTimerDelay);
    this.#timer = this.config.clock.setTimeout(() => this.#timerFired(at), delay);
  }

  #timerFired(at: number): void {
    this.#timerAt = Infinity;
    const { clock } = this.config;
    const late = clock.now() - at;
    if (late < lateTimer || !this.config.lagAwareness) {
      this.run(() => this.engine.fireTimers());
      return;
    }
    // The process was held up. What came meanwhile is still unread: an ack, or a refutation, that is not late at all must
    // be heard before a timer passes its verdict.
    clock.defer(() => {
      if (this.#isStopped) return;
      this.run(() => {
        this.engine.heldUp(late);
        this.engine.drainHandoff(Infinity);
        this.engine.fireTimers();
      });
    });
  }

  #disarm(): void {
    if (this.#timerAt !== Infinity) this.config.clock.clearTimeout(this.#timer);
    this.#timerAt = Infinity;
  }

  /** A delegate may call back into the library: what then happens is told after what is being told. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let events = this.#untold; events.length > 0; events = this.#untold) {
        this.#untold = [];
        for (const event of events) {
          // One of the delegates may have shut us down: nobody is told anything after that.
          if (!this.#isStopped) this.#tellOne(event);
        }
      }
    } finally {
      this.#isTelling = false;
    }
  }

  #tellOne(event: EngineEvent): void {
    this.application.tell(event);
    if (event.type === "message" || event.type === "pingComplete") return;
    this.#tellChange({ ...event, at: this.config.clock.wallTime() });
  }

  #tellChange(event: MemberEvent): void {
    this.recent.addChange(event);
    this.events.push(event);
    this.#keeper.changed();
  }

  #makeCipher(encryption: Encryption | undefined): Cipher | undefined {
    const { config, log } = this;
    if (encryption === undefined) return undefined;
    return new Cipher({
      ...encryption,
      config,
      numMembers: () => this.engine.numMembers,
      onKeyWornOut: (messages) => {
        this.stats.count("key_worn_out");
        log.warn("key_worn_out", "all members together have about worn out the primary key: rotate it", { messages });
      },
    });
  }

  #effects(): Effects {
    const { clock } = this.config;
    return {
      log: this.log,
      stats: this.stats,
      emit: (event) => this.#untold.push(event),
      sendPacket: (message, to, crc, onFailed) => {
        try {
          this.sendPacket(message, to, crc, onFailed);
        } catch (error) {
          // Later, as for every other failure: the engine does not expect an answer while it asks.
          clock.defer(() => this.#sent(error instanceof Error ? error : new Error(String(error)), onFailed));
        }
      },
      pingByStream: (ping, to, deadline, done) => {
        this.#pingByStream(ping, to, deadline - clock.now(), done).catch((error: unknown) => {
          this.log.error("internal_error", `a ping over a stream failed: ${errorMessage(error)}`, { error });
        });
      },
      lookUpSeed: (seed, done) => {
        const { tcpTimeout } = this.config;
        const deadline = clock.now() + tcpTimeout;
        const timeLeft = (): number => Math.max(1, deadline - clock.now());
        this.#answer(resolveSeed(this, seed, { timeLeft }), (addresses, error) => done(addresses ?? [], error));
      },
      joinAddress: (to, done) => this.#answer(this.#joinAddress(to), (_, error) => done(error)),
      pushPull: (to) => {
        this.streams.pushPull(to, false).catch((error: unknown) => {
          if (this.#isStopped) return;
          this.stats.count("push_pull_failed");
          this.log.warn("push_pull_failed", `push/pull with ${to.name} failed: ${errorMessage(error)}`, { to });
        });
      },
    };
  }

  async #joinAddress(to: Address): Promise<void> {
    this.checkName(to);
    await this.streams.pushPull(to, true);
  }

  /** The engine gets the outcome as an input of its own. */
  #answer<T>(work: Promise<T>, done: (result: T | undefined, error?: MemberlistError) => void): void {
    const answer = (result: T | undefined, error?: MemberlistError): void => {
      if (!this.#isStopped) this.run(() => done(result, error));
    };
    work.then(
      (result) => answer(result),
      (error: unknown) => answer(undefined, asMemberlistError(error)),
    );
  }

  async #pingByStream(ping: Ping, to: Address, timeout: number, done: (contacted: boolean) => void): Promise<void> {
    const contacted = timeout > 0 && (await this.streams.ping(to, ping, timeout));
    if (!this.#isStopped) this.run(() => done(contacted));
  }

  /** For long work in parts: packets and timers get their turn. */
  readonly #breathe: Breathe = () => new Promise((resolve) => this.config.clock.defer(resolve));

  #localState(join: boolean): Promise<Uint8Array> {
    const userState = this.application.localState(join);
    return encodeLongPushPull(join, this.engine.localState(), userState, this.#breathe);
  }

  async #merge(state: RemoteState): Promise<void> {
    const { nodes, join } = state;
    for (let from = 0; from === 0 || from < nodes.length; from += nodesInOneGo) {
      if (from > 0) await this.#breathe();
      if (this.#isStopped) return;
      this.run(() => {
        if (from === 0) this.engine.checkMerge(nodes, join);
        this.engine.mergeNodes(nodes.slice(from, from + nodesInOneGo));
      });
    }
    // One of those who were told of the merge may have shut us down.
    if (state.userState.length > 0 && !this.#isStopped) this.application.mergeRemoteState(state.userState, join);
  }
}
