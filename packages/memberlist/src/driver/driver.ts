import { formatAddress, type Address } from "../address.ts";
import type { ResolvedConfig } from "../config.ts";
import { errorMessage, MemberlistError } from "../errors.ts";
import { Engine } from "../engine/engine.ts";
import type { Effects, EngineEvent, Questions } from "../engine/effects.ts";
import type { Keyring } from "../keyring.ts";
import { createLog, type Log } from "../log.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { Codec } from "../ports/codec.ts";
import type { AdvertisedAddress, Transport, TransportListener } from "../ports/transport.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { maxPushStateBytes, metaMaxSize } from "../wire/constants.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { labelOverhead } from "../wire/label.ts";
import type { Ping } from "../wire/messages.ts";
import { openPacket, sealPacket } from "../wire/packet.ts";
import { encodePushPull } from "../wire/push-pull.ts";
import type { RemoteState } from "../wire/stream-frame.ts";
import { encodeText } from "../wire/text.ts";
import { Cipher } from "./cipher.ts";
import { DelegateGuard } from "./delegate-guard.ts";
import { EventHub } from "./event-hub.ts";
import { Stats } from "./stats.ts";
import { Streams } from "./streams.ts";
import { maxTimerDelay, Waits } from "./waits.ts";

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
}

/** Drives the engine: transport, clock and delegates in; packets, streams, timers and events out. */
export class Driver {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly waits: Waits;
  readonly streams: Streams;
  readonly events: EventHub;
  readonly engine: Engine;
  readonly keyring: Keyring | undefined;
  /** Undefined without a keyring. */
  readonly cipher: Cipher | undefined;
  readonly transport: Transport;
  readonly #guard: DelegateGuard;
  readonly #label: Uint8Array;
  /** Happened, and not told yet: delegates hear of it once the state is settled. */
  #untold: EngineEvent[] = [];
  #depth = 0;
  #isTelling = false;
  #isDraining = false;
  #isStopped = false;
  #timer: ClockTimer = undefined;
  #timerAt = Infinity;

  constructor({ config, transport, advertised, encryption }: DriverOptions) {
    this.config = config;
    this.transport = transport;
    this.#label = encodeText(config.label);
    this.log = createLog(config);
    this.stats = new Stats(config.metrics, config.metricLabels);
    this.waits = new Waits(config.clock);
    this.events = new EventHub(() => this.stats.count("dropped.event"));
    this.#guard = new DelegateGuard(this.log, this.stats);
    this.keyring = encryption?.keyring;
    this.cipher = this.#makeCipher(encryption);
    this.engine = new Engine({
      config,
      random: config.random,
      effects: this.#effects(),
      questions: this.#questions(),
      advertised,
      layerOverhead: () => labelOverhead(this.#label) + (this.cipher?.overhead ?? 0),
      now: config.clock.now(),
    });
    this.streams = new Streams({
      config,
      transport,
      security: {
        label: this.#label,
        cipher: this.cipher,
        onEncryptedSize: (bytes) => this.stats.sample("memberlist.size.remote", bytes),
      },
      waits: this.waits,
      log: this.log,
      stats: this.stats,
      handlers: {
        localState: (join) => this.#localState(join),
        merge: (state) => this.#merge(state),
        message: (message) => this.run(() => this.#untold.push({ type: "message", message })),
        isPingForUs: (ping) => this.engine.isPingForUs(ping),
      },
    });
  }

  start(meta: Uint8Array): void {
    const listener: TransportListener = {
      packet: (bytes, from, receivedAt) => this.#receive(bytes, from, receivedAt),
      stream: (stream, from) => this.streams.accept(stream, from),
    };
    this.transport.listen(listener);
    this.run(() => this.engine.start(meta));
  }

  /** Stops the protocol at once, and closes the transport. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.engine.stop();
    this.#disarm();
    this.waits.endAll(new MemberlistError("shutdown", "the memberlist was shut down"));
    this.events.end();
    await this.transport.shutdown();
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

  /** Our metadata as the delegate has it now; `fallback` where it has none to give. */
  nodeMeta(fallback: Uint8Array): Uint8Array {
    return this.#guard.bytes("nodeMeta", fallback, () => this.config.delegate?.nodeMeta?.(metaMaxSize));
  }

  /** @throws MemberlistError `node_name_required` */
  checkName(to: Address): void {
    if (to.name !== "" || !this.config.requireNodeNames) return;
    throw new MemberlistError("node_name_required", `requireNodeNames is set, and ${formatAddress(to)} came without a node name`);
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
    this.stats.increment("memberlist.udp.sent", packet.length);
    const done = onFailed === undefined ? this.#sent : (error?: Error) => this.#sent(error, onFailed);
    return this.transport.writeTo(packet, to, done);
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
      this.log.warn("bad_packet", `dropping a packet: ${error.message}`, { reason: error.reason, from });
      return;
    }
    this.run(() => this.engine.receive(message, from, receivedAt));
  }

  /** Tells what has happened, and sees to it that the engine is called again when it wants to be. */
  #settle(): void {
    this.#tell();
    if (this.#isStopped) return;
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
    if (clock.now() - at < lateTimer) {
      this.run(() => this.engine.fireTimers());
      return;
    }
    // The process was held up. What came meanwhile is still unread: an ack, or a refutation, that is not late at all must
    // be heard before a timer passes its verdict.
    clock.defer(() => {
      if (this.#isStopped) return;
      this.run(() => {
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
    const { delegate, events, conflict, ping } = this.config;
    const guard = this.#guard;
    switch (event.type) {
      case "message":
        guard.call("notifyMsg", undefined, () => delegate?.notifyMsg?.(event.message));
        return;
      case "pingComplete":
        guard.call("notifyPingComplete", undefined, () => ping?.notifyPingComplete?.(event.node, event.rtt, event.payload));
        return;
      case "join":
        guard.call("notifyJoin", undefined, () => events?.notifyJoin?.(event.node));
        break;
      case "leave":
        guard.call("notifyLeave", undefined, () => events?.notifyLeave?.(event.node));
        break;
      case "update":
        guard.call("notifyUpdate", undefined, () => events?.notifyUpdate?.(event.node));
        break;
      case "conflict":
        guard.call("notifyConflict", undefined, () => conflict?.notifyConflict(event.node, event.other));
        break;
      default:
        break;
    }
    this.events.push({ ...event, at: this.config.clock.wallTime() });
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
      pushPull: (to) => {
        this.streams.pushPull(to, false).catch((error: unknown) => {
          if (this.#isStopped) return;
          this.stats.count("push_pull_failed");
          this.log.warn("push_pull_failed", `push/pull with ${to.name} failed: ${errorMessage(error)}`, { to });
        });
      },
    };
  }

  async #pingByStream(ping: Ping, to: Address, timeout: number, done: (contacted: boolean) => void): Promise<void> {
    const contacted = timeout > 0 && (await this.streams.ping(to, ping, timeout));
    if (!this.#isStopped) this.run(() => done(contacted));
  }

  #questions(): Questions {
    const { alive, delegate, merge, ping } = this.config;
    const guard = this.#guard;
    const { stats, log } = this;
    return {
      hasAliveDelegate: alive !== undefined,
      refusesAlive: (node) => {
        const objection = guard.objection("notifyAlive", () => alive?.notifyAlive(node));
        return objection === undefined ? undefined : errorMessage(objection);
      },
      hasMergeDelegate: merge !== undefined,
      refusesMerge: (peers) => guard.objection("notifyMerge", () => merge?.notifyMerge(peers)),
      disablesTcpPings: (node) => {
        const { disableTcpPings, disableTcpPingsForNode } = this.config;
        return disableTcpPings || guard.call("disableTcpPingsForNode", false, () => disableTcpPingsForNode?.(node) === true);
      },
      ackPayload: () => guard.bytes("ackPayload", emptyBytes, () => ping?.ackPayload?.()),
      hasUserBroadcasts: delegate?.getBroadcasts !== undefined,
      userBroadcasts: (overhead, limit) => {
        const messages = guard.bytesList("getBroadcasts", () => delegate?.getBroadcasts?.(overhead, limit));
        let free = limit;
        return messages.filter((message) => {
          free -= overhead + message.length;
          if (free >= 0) return true;
          stats.count("dropped.broadcast_over_limit");
          log.warn("broadcast_over_limit", "the delegate's getBroadcasts gave more than fits, dropping it", {
            size: message.length,
            limit,
          });
          return false;
        });
      },
    };
  }

  #localState(join: boolean): Uint8Array {
    const { delegate } = this.config;
    let userState = this.#guard.bytes("localState", emptyBytes, () => delegate?.localState?.(join));
    if (userState.length > maxPushStateBytes) {
      // Every peer would refuse the whole of it, our nodes included.
      this.#guard.report("localState", new RangeError(`${userState.length} bytes are over the limit of ${maxPushStateBytes}`));
      userState = emptyBytes;
    }
    return this.run(() => encodePushPull(join, this.engine.localState(), userState));
  }

  #merge(state: RemoteState): void {
    if (this.#isStopped) return;
    this.run(() => this.engine.merge(state.nodes, state.join));
    const { delegate } = this.config;
    // One of those who were told of the merge may have shut us down.
    if (state.userState.length === 0 || this.#isStopped) return;
    this.#guard.call("mergeRemoteState", undefined, () => delegate?.mergeRemoteState?.(state.userState, state.join));
  }
}
