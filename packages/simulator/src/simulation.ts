import { lanConfig, MemberlistError, type Memberlist } from "@memberlist/core";
import { checkOptions, nodeStateName } from "@memberlist/core/internal";
import { SeededRandom, VirtualClock } from "@memberlist/core/testing";
import { AppClock } from "./app-clock.ts";
import { InvariantError, Invariants } from "./invariants.ts";
import { agreementBound } from "./liveness.ts";
import { NodeClock } from "./node-clock.ts";
import { startLife, type AppConfig, type Life, type NodeStatus, type SimEvent, type SimNode, type View } from "./sim-node.ts";
import { preload } from "./preload.ts";
import { SimNetwork } from "./sim-network.ts";
import {
  releaseRules,
  simulationRules,
  type HoldOptions,
  type ReleaseOptions,
  type RestartOptions,
  type SimulationOptions,
} from "./simulation-options.ts";
import { Trace } from "./trace.ts";

/** A check that must always pass. @returns the problem, or undefined */
export type Invariant = (simulation: Simulation) => string | undefined;

interface Slot {
  readonly name: string;
  /** Of `app`: it has a new one when it is made again. */
  appClock: AppClock;
  life: Life;
  lives: number;
  app: AppConfig;
  status: NodeStatus;
}

const defaultCheckInterval = 1_000;
/** How closely {@link Simulation.settle} looks, in ms. */
const agreementStep = 200;
const silent = { debug: (): void => {}, info: (): void => {}, warn: (): void => {}, error: (): void => {} };

/** A cluster of real members in virtual time on a virtual network: a run is a function of its seed. */
export class Simulation {
  /** Time passes by `await clock.advance(ms)`, and by nothing else. */
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  /** All that nodes have sent and reported so far. */
  readonly trace: Trace = new Trace();
  /** Draws of the simulation's own seed, for schedules and applications. */
  readonly random: SeededRandom;
  readonly #options: SimulationOptions;
  /** As it was given, or 1. */
  readonly seed: number | string;
  readonly #nodeRandom: SeededRandom;
  readonly #slots: Map<string, Slot> = new Map();
  readonly #invariants: Invariants | undefined;
  readonly #ownInvariants: Map<string, Invariant> = new Map();
  #isOver = false;
  #behind: Slot | undefined;
  #stampedAt = NaN;
  #stampText = "";
  readonly #eventListeners: ((event: SimEvent) => void)[] = [];
  readonly #packetListeners: ((from: string, packet: Uint8Array, to: string) => void)[] = [];

  /** @throws MemberlistError `invalid_argument` */
  constructor(options: SimulationOptions = {}) {
    checkOptions("Simulation", options, simulationRules);
    this.#options = options;
    this.clock = new VirtualClock({ settle: options.settle });
    this.seed = options.seed ?? 1;
    const seed = new SeededRandom(this.seed);
    this.random = seed.fork();
    this.#nodeRandom = seed.fork();
    this.network = new SimNetwork(this.clock, seed.fork(), seed.fork(), options);
    const { checkInterval = defaultCheckInterval } = options;
    if (checkInterval <= 0) return;
    this.#invariants = new Invariants();
    this.#checkEvery(checkInterval);
  }

  /** Starts one more node, which knows nobody yet. */
  async add(name: string = `node-${this.#slots.size}`): Promise<SimNode> {
    if (this.#slots.has(name)) throw new Error(`there is a ${name} already`);
    const clock = this.#makeClock();
    const appClock = new AppClock(clock);
    const app = this.#makeApp(name, 1, appClock);
    const life = await this.#startLife(name, app, clock, appClock);
    this.#slots.set(name, { name, appClock, life, lives: 1, app, status: "running" });
    return this.node(name);
  }

  /** All who run know each other from now on, as if for long: no joins, and no messages about it. To be called once, at the start. */
  preload(): void {
    const lives = [...this.#slots.values()].map(({ life }) => life);
    const nodes = lives.map(({ members }) => members.localNode());
    for (const { engine, run } of lives) run(() => preload(engine, nodes));
  }

  get names(): string[] {
    return [...this.#slots.keys()];
  }

  get nodes(): SimNode[] {
    return this.names.map((name) => this.node(name));
  }

  /** Those that have neither crashed nor left. */
  get running(): SimNode[] {
    return this.nodes.filter(({ status }) => status === "running");
  }

  /** As it is now: ask again after a restart. */
  node(name: string): SimNode {
    const { life, lives, status } = this.#slot(name);
    const { members, clock, transport } = life;
    return { name, host: transport.host, lives, status, members, clock, transport };
  }

  /** A node's view of all nodes in its table, dead ones included. */
  views(name: string): Map<string, View> {
    const views = new Map<string, View>();
    for (const node of this.#slot(name).life.engine.pushPull.localState()) {
      views.set(node.name, { state: nodeStateName(node.state) ?? "dead", incarnation: node.incarnation });
    }
    return views;
  }

  /** Joins others; time passes until that has ended. @returns how many were reached; 0 when it failed */
  async join(name: string, seeds: readonly string[]): Promise<number> {
    return this.clock.settle(this.startJoin(name, seeds), { limit: 600_000 });
  }

  /** Joins others, as time passes. @returns how many were reached; 0 when it failed */
  async startJoin(name: string, seeds: readonly string[]): Promise<number> {
    const addresses = seeds.map((seed) => (this.#slots.has(seed) ? `${seed}/${this.#slot(seed).life.transport.key}` : seed));
    try {
      const { reached } = await this.#slot(name).life.members.join(addresses);
      return reached;
    } catch (error) {
      if (error instanceof MemberlistError) return 0;
      throw error;
    }
  }

  /** Says that it leaves; time passes until that is out. It goes on answering until {@link crash}. */
  async leave(name: string): Promise<void> {
    await this.clock.settle(this.startLeave(name), { limit: 600_000 });
  }

  /** Says that it leaves, as time passes. It resolves when that is out, or when the node has crashed. */
  async startLeave(name: string): Promise<void> {
    const slot = this.#slot(name);
    slot.status = "left";
    this.#invariants?.stopped(name, "left", this.clock.now());
    try {
      await slot.life.members.leave({ timeout: 0 });
    } catch (error) {
      if (!(error instanceof MemberlistError && error.code === "shutdown")) throw error;
    }
  }

  /** Its process dies. Streams break, nobody is notified. */
  async crash(name: string): Promise<void> {
    const slot = this.#slot(name);
    slot.status = "crashed";
    slot.appClock.kill();
    slot.life.clock.resume();
    await slot.life.members.shutdown();
    this.#invariants?.stopped(name, "crashed", this.clock.now());
    // Soon: a timer that it has left behind may fire, and be gone, before the next look.
    if (this.#invariants !== undefined && !this.#isOver) this.clock.setTimeout(() => this.check(), 1);
  }

  /** Starts a node again, at the same address; after a crash, or a crash of its own. */
  async restart(name: string, { memory = false }: RestartOptions = {}): Promise<SimNode> {
    const slot = this.#slot(name);
    if (slot.status !== "crashed") await this.crash(name);
    const known = slot.life.members.members().map((node) => node.name);
    slot.lives++;
    const clock = this.#makeClock();
    if (memory) {
      slot.appClock.attach(clock);
    } else {
      slot.appClock = new AppClock(clock);
      slot.app = this.#makeApp(name, slot.lives, slot.appClock);
    }
    slot.life = await this.#startLife(name, slot.app, clock, slot.appClock);
    slot.status = "running";
    const others = known.filter((other) => other !== name && this.#slots.has(other));
    if (memory && others.length > 0) await this.join(name, others);
    return this.node(name);
  }

  /**
   * The anomaly of the Lifeguard paper: it stops just before it sends and just after it has received; its timers go on. As in the Go
   * library, whatever sends waits at its first send: of the probes, the rounds of gossip and the push/pulls, one each.
   *
   * @param options `senders: "goOn"`: they do not notice, and what they send is held back, as by a network that stands still
   */
  hold(name: string, { senders = "wait" }: HoldOptions = {}): void {
    const { gate, transport } = this.#slot(name).life;
    transport.hold();
    if (senders === "wait") gate.close();
  }

  /** Both go on: what has come in is read in its order, and what waits to be sent is sent. */
  release(name: string, { readTime = 0 }: ReleaseOptions = {}): void {
    checkOptions("Simulation.release", { readTime }, releaseRules);
    const { gate, transport } = this.#slot(name).life;
    transport.release(readTime);
    gate.open();
  }

  /** As a process that is stopped, or a machine that sleeps: no timer fires, nothing is sent or read. */
  pause(name: string): void {
    const { clock, transport } = this.#slot(name).life;
    clock.pause();
    transport.hold();
  }

  /** Missed timers fire, what has come in is read. */
  resume(name: string): void {
    const { clock, transport } = this.#slot(name).life;
    clock.resume();
    transport.release();
  }

  /** Whether everybody who is running sees exactly those who are, alive, each at its own incarnation and with its own metadata. */
  agrees(): boolean {
    const running = [...this.#slots.values()].filter(({ status }) => status === "running");
    const truth = running.map(({ life }) => life.members.localNode());
    if (truth.some(({ state }) => state !== "alive")) return false;
    // Cheap first, and whoever was behind at the last look: this is asked again and again, of n nodes about n nodes.
    if (running.some(({ life: { members } }) => members.numMembers() !== truth.length)) return false;
    const sees = ({ life: { members } }: Slot): boolean => {
      const seen = new Map(members.members().map((node) => [node.name, node]));
      return truth.every(({ name, incarnation, meta }) => {
        const node = seen.get(name);
        return node?.state === "alive" && node.incarnation === incarnation && equal(node.meta, meta);
      });
    };
    const last = this.#behind;
    if (last !== undefined && last.status === "running" && !sees(last)) return false;
    this.#behind = running.find((slot) => !sees(slot));
    return this.#behind === undefined;
  }

  /** Has `check` looked at from now on, like the invariants that are always looked at. Needs a `checkInterval`. */
  invariant(name: string, check: Invariant): void {
    this.#ownInvariants.set(name, check);
  }

  /**
   * Looks at all invariants now. Time that passes does so at each `checkInterval`: `clock.advance` then rejects.
   *
   * @throws InvariantError
   */
  check(): void {
    const at = this.clock.now();
    const [found] = this.#invariants?.look(at) ?? [];
    if (found !== undefined) throw this.#violation(...found);
    for (const [name, check] of this.#ownInvariants) {
      const wrong = this.#checked(name, check);
      if (wrong !== undefined) throw this.#violation(name, wrong);
    }
  }

  #checked(name: string, check: Invariant): string | undefined {
    try {
      return check(this);
    } catch (cause) {
      throw this.#violation(name, `it threw: ${String(cause)}`, cause);
    }
  }

  #violation(invariant: string, message: string, cause?: unknown): InvariantError {
    return new InvariantError(invariant, this.clock.now(), this.seed, message, cause);
  }

  /**
   * Lets time pass until all agree: for when faults have stopped, and nobody is cut off.
   *
   * @returns how long it took, in ms
   * @throws InvariantError `agreement` when they do not within {@link agreementBound}
   */
  async settle(): Promise<number> {
    const bound = agreementBound({ ...this.#options.config }, this.#slots.size);
    const start = this.clock.now();
    while (!this.agrees()) {
      const passed = this.clock.now() - start;
      if (passed >= bound) throw this.#violation("agreement", `none after ${passed} ms: ${this.#disagreement()}`);
      await this.clock.advance(Math.min(agreementStep, bound - passed));
    }
    return this.clock.now() - start;
  }

  onEvent(listener: (event: SimEvent) => void): void {
    this.#eventListeners.push(listener);
  }

  /** Called with each packet that is given to the network; `to` is an IP. */
  onPacket(listener: (from: string, packet: Uint8Array, to: string) => void): void {
    this.#packetListeners.push(listener);
  }

  /** Everybody's process ends. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const { name, status } of this.#slots.values()) if (status !== "crashed") await this.crash(name);
  }

  #makeClock(): NodeClock {
    return new NodeClock(this.clock, this.#nodeRandom.fork());
  }

  async #startLife(name: string, app: AppConfig, clock: NodeClock, appClock: AppClock): Promise<Life> {
    const transport = this.network.attach(name, clock);
    this.#tap(name, transport);
    const config = { ...lanConfig(), logger: silent, ...this.#options.config, ...app, name, random: this.#nodeRandom.fork() };
    this.#invariants?.starting(name, config.udpBufferSize, config.gossipToTheDeadTime);
    const life = await startLife({
      config,
      clock,
      appClock,
      transport,
      tunables: this.#options.tunables ?? {},
      onEvent: (type, subject) => {
        const event = { at: this.clock.now(), observer: name, type, subject };
        this.trace.add(`${this.#stamp()} ${name} ${type} ${subject.name} ${subject.state} ${subject.incarnation}`, subject.meta);
        this.#invariants?.event(event);
        for (const listener of this.#eventListeners) listener(event);
      },
    });
    this.#invariants?.started(name, life);
    return life;
  }

  #tap(name: string, transport: Life["transport"]): void {
    const writeTo = transport.writeTo.bind(transport);
    transport.writeTo = (packet, to, done) => {
      this.trace.add(`${this.#stamp()} ${name} > ${to.host}`, packet);
      this.#invariants?.packet(name, packet.length);
      for (const listener of this.#packetListeners) listener(name, packet, to.host);
      return writeTo(packet, to, done);
    };
  }

  /** The time, as it is in the trace: much happens at one instant, and to write a number takes long. */
  #stamp(): string {
    const now = this.clock.now();
    if (now !== this.#stampedAt) {
      this.#stampedAt = now;
      this.#stampText = String(now);
    }
    return this.#stampText;
  }

  #checkEvery(interval: number): void {
    this.clock.setTimeout(() => {
      if (this.#isOver) return;
      this.#checkEvery(interval);
      this.check();
    }, interval);
  }

  #disagreement(): string {
    return this.running
      .map(
        ({ name }) =>
          `${name} sees ${[...this.views(name)].map(([of, { state, incarnation }]) => `${of} ${state} ${incarnation}`).join(", ")}`,
      )
      .join("; ");
  }

  #makeApp(name: string, life: number, clock: AppClock): AppConfig {
    const members = (): Memberlist | undefined => {
      const slot = this.#slots.get(name);
      return slot === undefined || slot.status === "crashed" || slot.appClock !== clock ? undefined : slot.life.members;
    };
    const random = new SeededRandom(`${this.seed}/${name}/${life}`);
    return this.#options.app?.({ name, life, clock, random, members }) ?? {};
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new Error(`no node ${name}`);
    return slot;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
