import type { Address } from "../../src/api/address.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { Config, ResolvedConfig } from "../../src/config/config.ts";
import { Engine } from "../../src/swim/engine.ts";
import type { EngineEvent, EngineAction } from "../../src/swim/outputs.ts";
import { Diagnostics, type DiagnosticsChannels } from "../../src/ports/diagnostics.ts";
import type { EngineDelegates, EngineLog, EngineStats } from "../../src/swim/ports.ts";
import type { EngineHooks } from "../../src/swim/simulation-hooks.ts";
import type { NodeRecord } from "../../src/swim/node-record.ts";
import { protocolChecks } from "../../src/swim/versions.ts";
import type { NodeState } from "../../src/api/node.ts";
import type { Random } from "../../src/ports/random.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { Ping, PushNodeState } from "../../src/wire/messages/types.ts";
import { decodeMessages, encodeMessage, hostOf, ping, type Message, type MessageKind, type MessageOf } from "./messages.ts";

export interface SentPacket {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly messages: readonly Message[];
  readonly to: Address;
  readonly crc: boolean;
  /** Reports to the engine that the packet could not be sent. */
  readonly fail: () => void;
}

export interface StreamPing {
  readonly ping: Ping;
  readonly to: Address;
  readonly deadline: number;
  /** Answers it, as the runtime would; only the first answer counts. */
  readonly done: (contacted: boolean) => void;
  isAnswered: boolean;
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn";
  readonly code: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What is known about one node, the dead included. */
export interface KnownNode {
  readonly name: string;
  readonly addr: string;
  readonly port: number;
  readonly incarnation: number;
  readonly state: NodeState;
  readonly meta: Uint8Array;
  readonly vsn: readonly number[];
}

/** Where packets, stream pings and push/pulls go on; without one they are only recorded. */
export interface HarnessNetwork {
  packet(from: EngineHarness, packet: SentPacket): void;
  streamPing(from: EngineHarness, streamPing: StreamPing): void;
  pushPull(from: EngineHarness, to: Address): void;
}

export interface HarnessOptions {
  readonly name?: string;
  readonly config?: Partial<Config>;
  readonly delegates?: Partial<EngineDelegates>;
  readonly network?: HarnessNetwork;
  readonly seed?: number;
  /** Every random number: with 0, the node added last comes first in the probe list, and timers start without a random delay. */
  readonly fixedRandom?: number;
  readonly now?: number;
  readonly layerOverhead?: number | (() => number);
  readonly hooks?: Partial<EngineHooks>;
  /** Sequence numbers start above it. Default 0. */
  readonly seqNo?: number;
  /** Whether the engine measures durations, as with `metrics` in the config. Each is 0 ms. */
  readonly measures?: boolean;
  /** Receives the diagnostics of the engine. Absent: they have no subscribers. */
  readonly channels?: DiagnosticsChannels;
}

/** Seeded, counted, and fixed to one value where a test wants to say where a node goes. */
export class TestRandom implements Random {
  fixed: number | undefined;
  draws = 0;
  readonly #seeded: SeededRandom;

  constructor(seed: number) {
    this.#seeded = new SeededRandom(seed);
  }

  next(): number {
    this.draws++;
    return this.fixed ?? this.#seeded.next();
  }
}

const stateNames: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

type SeedLookUp = Omit<EngineAction & { readonly type: "resolveSeed" }, "type">;
type PeerJoin = Omit<EngineAction & { readonly type: "join" }, "type">;

/** One engine with a manual clock, whose outputs are all recorded. Gossip, push/pull and healing are off unless the config says otherwise. */
export class EngineHarness {
  readonly config: ResolvedConfig;
  readonly engine: Engine;
  readonly random: TestRandom;
  readonly address: Address;
  readonly logs: LogLine[] = [];
  readonly counters: Map<string, number> = new Map();
  readonly metrics: Map<string, number[]> = new Map();
  now: number;
  readonly #network: HarnessNetwork | undefined;
  readonly #sent: SentPacket[] = [];
  readonly #events: EngineEvent[] = [];
  readonly #streamPings: StreamPing[] = [];
  readonly #pushPulls: Address[] = [];
  readonly #lookUps: SeedLookUp[] = [];
  readonly #joins: PeerJoin[] = [];

  constructor(options: HarnessOptions = {}) {
    const { name = "n1", config = {}, delegates = {}, seed = 1, now = 1_000_000, layerOverhead = 0, seqNo = 0 } = options;
    const { measures = false } = options;
    this.now = now;
    this.#network = options.network;
    this.random = new TestRandom(seed);
    this.random.fixed = options.fixedRandom;
    this.address = { host: hostOf(name), port: 7946, name };
    this.config = resolveConfig({
      gossipInterval: 0,
      pushPullInterval: 0,
      healingInterval: 0,
      random: this.random,
      ...config,
      name,
    });
    this.engine = new Engine({
      config: this.config,
      random: this.random,
      log: this.#log(),
      stats: this.#stats(measures, options.channels),
      delegates: { ...noDelegates, disablesTcpPings: this.#disablesTcpPings, ...delegates },
      advertised: { addr: this.address.host, port: this.address.port },
      layerOverhead: typeof layerOverhead === "number" ? () => layerOverhead : layerOverhead,
      hooks: options.hooks,
      now,
      seqNo,
    });
  }

  readonly #disablesTcpPings = (node: string): boolean =>
    this.config.disableTcpPings || this.config.disableTcpPingsForNode?.(node) === true;

  start(meta: Uint8Array = new Uint8Array(0)): this {
    this.engine.start(meta);
    return this;
  }

  /** Hands a packet to the engine and, unless `drain` is false, lets it handle the queued messages. */
  deliver(packet: Message | Uint8Array, from: Address = stranger, drain: boolean = true): void {
    this.run(() => {
      this.engine.packets.receive(packet instanceof Uint8Array ? packet : encodeMessage(packet), from, this.now);
      if (drain) this.drain();
    });
  }

  deliverAll(...packets: readonly Message[]): void {
    for (const packet of packets) this.deliver(packet);
  }

  drain(): void {
    while (this.engine.packets.waiting > 0) this.engine.packets.drain(256);
  }

  run<T>(action: () => T): T {
    this.#handleOutputs();
    this.engine.now = this.now;
    try {
      return action();
    } finally {
      this.#handleOutputs();
    }
  }

  get sent(): SentPacket[] {
    this.#handleOutputs();
    return this.#sent;
  }

  get events(): EngineEvent[] {
    this.#handleOutputs();
    return this.#events;
  }

  get streamPings(): StreamPing[] {
    this.#handleOutputs();
    return this.#streamPings;
  }

  get pushPulls(): Address[] {
    this.#handleOutputs();
    return this.#pushPulls;
  }

  /** Seeds that healing asks for. */
  get lookUps(): SeedLookUp[] {
    this.#handleOutputs();
    return this.#lookUps;
  }

  /** Peers that healing joins. */
  get joins(): PeerJoin[] {
    this.#handleOutputs();
    return this.#joins;
  }

  /** Lets time pass; timers fire in order, each at its own time. A stream ping that nobody has answered fails at its deadline. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (let at = this.#nextAt(); at <= until; at = this.#nextAt()) {
      this.now = Math.max(this.now, at);
      this.fire();
      for (const open of this.#openStreamPings()) if (open.deadline <= this.now) open.done(false);
    }
    this.now = until;
  }

  fire(): void {
    this.run(() => {
      this.engine.fireTimers();
      this.drain();
    });
  }

  /** Lets time pass without firing a timer, as when the event loop was blocked. */
  jump(ms: number): void {
    this.now += ms;
  }

  /** Everybody known, the dead included. */
  known(): KnownNode[] {
    return this.engine.pushPull.localState().map((node) => ({ ...node, state: stateNames[node.state] as NodeState }));
  }

  node(name: string): KnownNode | undefined {
    return this.known().find((node) => node.name === name);
  }

  state(name: string): NodeState | undefined {
    return this.node(name)?.state;
  }

  /** The messages of one kind in all packets sent so far. */
  sentOf<K extends MessageKind>(kind: K): MessageOf<K>[] {
    return this.sent.flatMap((packet) => packet.messages.filter((message): message is MessageOf<K> => message.kind === kind));
  }

  /** Takes what has been sent off the record. */
  takeSent(): SentPacket[] {
    return this.sent.splice(0);
  }

  takeEvents(): EngineEvent[] {
    return this.events.splice(0);
  }

  eventTypes(): string[] {
    return this.takeEvents().map((event) => ("node" in event ? `${event.type} ${event.node.name}` : event.type));
  }

  /** Empties the broadcast queue, as gossip would, and returns each distinct message of it once. */
  takeBroadcasts(): Message[] {
    const mark = this.sent.length;
    for (let round = 0; this.engine.numQueuedBroadcasts > 0; round++) {
      if (round > 10_000) throw new Error(`${this.engine.numQueuedBroadcasts} broadcasts never leave the queue`);
      this.deliver(ping({ seqNo: 0 }));
    }
    const distinct = new Map<string, Message>();
    for (const { messages } of this.sent.splice(mark)) {
      for (const message of messages) if (message.kind !== "ack") distinct.set(JSON.stringify(message), message);
    }
    return [...distinct.values()];
  }

  logged(code: string): LogLine[] {
    return this.logs.filter((line) => line.code === code);
  }

  count(counter: string): number {
    return this.counters.get(counter) ?? 0;
  }

  #openStreamPings(): StreamPing[] {
    return this.#network === undefined ? this.streamPings.filter(({ isAnswered }) => !isAnswered) : [];
  }

  #nextAt(): number {
    const deadlines = this.#openStreamPings().map(({ deadline }) => deadline);
    return Math.min(this.engine.nextTimerAt() ?? Infinity, ...deadlines);
  }

  #log(): EngineLog {
    const log =
      (level: LogLine["level"]) =>
      (code: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.logs.push({ level, code, message, fields });
      };
    return { debug: log("debug"), info: log("info"), warn: log("warn") };
  }

  #stats(measures: boolean, channels: DiagnosticsChannels | undefined): EngineStats {
    const metric = (name: string, value: number): void => {
      const values = this.metrics.get(name);
      if (values === undefined) this.metrics.set(name, [value]);
      else values.push(value);
    };
    const count = (name: string, times: number = 1): void => void this.counters.set(name, this.count(name) + times);
    const diagnostics = new Diagnostics("n1", channels);
    return {
      diagnostics,
      count,
      increment: metric,
      gauge: (name, value, labels = {}) => metric([name, ...Object.values(labels)].join(" "), value),
      sample: metric,
      measure: (name) => (measures ? () => metric(name, 0) : undefined),
      collect: () => undefined,
    };
  }

  /** Takes the outputs as the runtime does. Tests may call the engine without {@link run}: so it is done before each look at them, too. */
  #handleOutputs(): void {
    const { outputs } = this.engine;
    const { actions, events } = outputs;
    outputs.actions = [];
    outputs.events = [];
    for (const action of actions) this.#do(action);
    this.#events.push(...events);
  }

  #do(action: EngineAction): void {
    switch (action.type) {
      case "packet": {
        const { message, to, crc, onFailed } = action;
        const fail = (): void => this.run(() => onFailed?.());
        const packet: SentPacket = { at: this.now, bytes: message, messages: decodeMessages(message), to, crc, fail };
        this.#sent.push(packet);
        this.#network?.packet(this, packet);
        break;
      }
      case "measured":
        action.done();
        break;
      case "resolveSeed":
        this.#lookUps.push({ seed: action.seed, done: (...found) => this.run(() => action.done(...found)) });
        break;
      case "join":
        this.#joins.push({ to: action.to, done: (error) => this.run(() => action.done(error)) });
        break;
      case "pushPull":
        this.#pushPulls.push(action.to);
        this.#network?.pushPull(this, action.to);
        break;
      case "streamPing": {
        const { ping: message, to, deadline } = action;
        const done = (contacted: boolean): void => {
          if (streamPing.isAnswered) return;
          streamPing.isAnswered = true;
          this.run(() => action.done(contacted));
        };
        const streamPing: StreamPing = { ping: message, to, deadline, done, isAnswered: false };
        this.#streamPings.push(streamPing);
        this.#network?.streamPing(this, streamPing);
        break;
      }
    }
  }
}

/** A sender that is nobody's member. */
export const stranger: Address = { host: "10.9.9.9", port: 999, name: "" };

const noDelegates: Omit<EngineDelegates, "disablesTcpPings"> = {
  hasAliveDelegate: false,
  refusesAlive: () => undefined,
  hasMergeDelegate: false,
  refusesMerge: () => undefined,
  ackPayload: () => new Uint8Array(0),
  hasBroadcasts: false,
  getBroadcasts: () => [],
  hasSelectNodes: false,
  selectNodes: () => [],
};

/** Takes in all of a push/pull, as the runtime does in parts. */
export function mergeAll(engine: Engine, remote: readonly PushNodeState[], join: boolean): void {
  Array.from(engine.pushPull.check(remote, join));
  engine.pushPull.merge(remote);
}

/** Checks versions in one go, as the runtime does in parts. */
export function verifyProtocol(remote: readonly PushNodeState[], local: readonly NodeRecord[]): void {
  Array.from(protocolChecks(remote, local));
}
