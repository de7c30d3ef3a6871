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
  /** The clock of `app`. A new application gets a new clock. */
  appClock: AppClock;
  life: Life;
  lives: number;
  app: AppConfig;
  status: NodeStatus;
}

const defaultCheckInterval = 1_000;
/** The interval between two checks of {@link Simulation.settle}, in ms. */
const agreementStep = 200;
const silent = { debug: (): void => {}, info: (): void => {}, warn: (): void => {}, error: (): void => {} };

/** A cluster of real members in virtual time on a virtual network. Runs with the same seed are the same. */
export class Simulation {
  /** Time passes only while a call waits for it, such as `await clock.advance(ms)`. */
  readonly clock: VirtualClock;
  /** The network between the nodes, with its faults. */
  readonly network: SimNetwork;
  /** The packets and the events of all nodes so far. */
  readonly trace: Trace = new Trace();
  /** Random numbers from the simulation's seed, for schedules and applications. */
  readonly random: SeededRandom;
  readonly #options: SimulationOptions;
  /** The given seed; 1 by default. */
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

  /** Starts one more node, which does not know the others yet. */
  async add(name: string = `node-${this.#slots.size}`): Promise<SimNode> {
    if (this.#slots.has(name)) throw new Error(`the simulation already has a node ${name}`);
    const clock = this.#makeClock();
    const appClock = new AppClock(clock);
    const app = this.#makeApp(name, 1, appClock);
    const life = await this.#startLife(name, app, clock, appClock);
    this.#slots.set(name, { name, appClock, life, lives: 1, app, status: "running" });
    return this.node(name);
  }

  /** Makes all running nodes know each other, as if for long, without joins and messages. Call it once, at the start. */
  preload(): void {
    const lives = [...this.#slots.values()].map(({ life }) => life);
    const nodes = lives.map(({ members }) => members.localNode());
    for (const { engine, run } of lives) run(() => preload(engine, nodes));
  }

  /** The names of all nodes, in the order of their creation. */
  get names(): string[] {
    return [...this.#slots.keys()];
  }

  /** All nodes, in the order of their creation. */
  get nodes(): SimNode[] {
    return this.names.map((name) => this.node(name));
  }

  /** The nodes that have neither crashed nor left. */
  get running(): SimNode[] {
    return this.nodes.filter(({ status }) => status === "running");
  }

  /** Returns the node's present life: call it again after a restart. */
  node(name: string): SimNode {
    const { life, lives, status } = this.#slot(name);
    const { members, clock, transport } = life;
    return { name, host: transport.host, lives, status, members, clock, transport };
  }

  /** Returns a node's view of all nodes in its table, including dead ones. */
  views(name: string): Map<string, View> {
    const views = new Map<string, View>();
    for (const node of this.#slot(name).life.engine.pushPull.localState()) {
      views.set(node.name, { state: nodeStateName(node.state) ?? "dead", incarnation: node.incarnation });
    }
    return views;
  }

  /** Joins seeds, and lets time pass until the join has ended. @returns the number of reached seeds; 0 if the join failed */
  async join(name: string, seeds: readonly string[]): Promise<number> {
    return this.clock.settle(this.startJoin(name, seeds), { limit: 600_000 });
  }

  /** Joins seeds while the caller lets time pass. @returns the number of reached seeds; 0 if the join failed */
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

  /** Makes a node leave, and lets time pass until it has gossiped its leave. The node still answers until {@link crash}. */
  async leave(name: string): Promise<void> {
    await this.clock.settle(this.startLeave(name), { limit: 600_000 });
  }

  /** Makes a node leave while the caller lets time pass. Resolves when the node has gossiped its leave, or has crashed. */
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

  /** Ends a node's process without a leave. Its streams break. */
  async crash(name: string): Promise<void> {
    const slot = this.#slot(name);
    slot.status = "crashed";
    slot.appClock.kill();
    slot.life.clock.resume();
    await slot.life.members.shutdown();
    this.#invariants?.stopped(name, "crashed", this.clock.now());
    // Soon, because a timer that the node has left behind may fire before the next periodic check.
    if (this.#invariants !== undefined && !this.#isOver) this.clock.setTimeout(() => this.check(), 1);
  }

  /** Starts a node again, at the same address. A node that still runs crashes first. */
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
   * Starts the anomaly of the Lifeguard paper: the node blocks just before each send and just after each receive, while its timers run. As in the Go
   * library, each sender (probes, gossip, push/pulls) waits at its first send.
   *
   * @param options with `senders: "goOn"` the senders continue, and the network keeps their packets until the release
   */
  hold(name: string, { senders = "wait" }: HoldOptions = {}): void {
    const { gate, transport } = this.#slot(name).life;
    transport.hold();
    if (senders === "wait") gate.close();
  }

  /** Ends {@link hold}: the node reads the received packets in order, and its senders continue. */
  release(name: string, { readTime = 0 }: ReleaseOptions = {}): void {
    checkOptions("Simulation.release", { readTime }, releaseRules);
    const { gate, transport } = this.#slot(name).life;
    transport.release(readTime);
    gate.open();
  }

  /** Pauses a node like a stopped process or a sleeping machine: its timers do not fire, and it neither sends nor reads. */
  pause(name: string): void {
    const { clock, transport } = this.#slot(name).life;
    clock.pause();
    transport.hold();
  }

  /** Ends {@link pause}: missed timers fire, and the node reads the received packets. */
  resume(name: string): void {
    const { clock, transport } = this.#slot(name).life;
    clock.resume();
    transport.release();
  }

  /** Returns whether each running node sees exactly the running nodes as alive, with their incarnations and metadata. */
  agrees(): boolean {
    const running = [...this.#slots.values()].filter(({ status }) => status === "running");
    const truth = running.map(({ life }) => life.members.localNode());
    if (truth.some(({ state }) => state !== "alive")) return false;
    // A full comparison takes n × n steps, so cheap checks come first: the counts, and then the node that disagreed at the last call.
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

  /** Adds an invariant to those that are always checked. It needs a `checkInterval`. */
  invariant(name: string, check: Invariant): void {
    this.#ownInvariants.set(name, check);
  }

  /**
   * Checks all invariants now. The simulation does so at each `checkInterval`; if a check fails, `clock.advance` rejects.
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
   * Lets time pass until all nodes agree. Call it after all faults and partitions have ended.
   *
   * @returns the time until the agreement, in ms
   * @throws InvariantError `agreement` if the nodes do not agree within {@link agreementBound}
   */
  async settle(): Promise<number> {
    const bound = agreementBound({ ...this.#options.config }, this.#slots.size);
    const start = this.clock.now();
    while (!this.agrees()) {
      const passed = this.clock.now() - start;
      if (passed >= bound)
        throw this.#violation("agreement", `the nodes still disagree after ${passed} ms: ${this.#disagreement()}`);
      await this.clock.advance(Math.min(agreementStep, bound - passed));
    }
    return this.clock.now() - start;
  }

  /** Calls the listener for each event that a node reports, before the application of that node gets it. */
  onEvent(listener: (event: SimEvent) => void): void {
    this.#eventListeners.push(listener);
  }

  /** Calls the listener with each packet that a node sends; `to` is an IP. */
  onPacket(listener: (from: string, packet: Uint8Array, to: string) => void): void {
    this.#packetListeners.push(listener);
  }

  /** Ends the processes of all nodes. */
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

  /** Returns the time for the trace. Many entries have the same time, and formatting a number is slow, so the string is kept. */
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
